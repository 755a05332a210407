import type { AckSettings, MailboxParts } from '../mailbox';

/** What a `pop3 in` is to do with mail, as its form says it. */
export interface MailProperties {
  interval: number | string;
  first: string;
  after: string;
  keepDays: number | string;
  handled: string;
  ackTimeout: number | string;
  maxAttempts: number | string;
  maxInFlight: number | string;
  maxSize: number | string;
  oversize: string;
  maxPerCheck: number | string;
  attachments: string;
  directory: string;
  content: string;
  summary: boolean;
}

const MEGABYTE = 1024 * 1024;

/** The defaults are those of the form: a node from an older flow, or from an empty `${VARIABLE}`, has them too. */
export function settingsOf(
  def: Partial<MailProperties>,
  where: { node: string; host: string; port: number; user: string; service: string },
): Pick<MailboxParts, 'settings' | 'reading' | 'ack'> {
  const maxAttempts = Math.max(1, Math.floor(numberOr(def.maxAttempts, 5)));
  const content = oneOf(def.content, ['parsed', 'raw', 'both', 'headers']);
  const ack: AckSettings = {
    ackTimeout: Math.max(1, numberOr(def.ackTimeout, 600)),
    maxAttempts,
    maxInFlight: Math.max(1, Math.floor(numberOr(def.maxInFlight, 10))),
  };
  return {
    settings: {
      ...where,
      interval: numberOr(def.interval, 300),
      first: def.first?.trim() || 'new',
      after: oneOf(def.after, ['keep', 'delete', 'expire']),
      keepDays: numberOr(def.keepDays, 30),
      maxAttempts,
      maxSize: largestOf(def),
      oversize: oneOf(def.oversize, ['headers', 'skip']),
      maxPerCheck: Math.floor(numberOr(def.maxPerCheck, 0)),
      content,
    },
    reading: {
      content,
      attachments: oneOf(def.attachments, ['buffer', 'file', 'none']),
      ...(def.directory?.trim() && { directory: def.directory.trim() }),
    },
    ...(def.handled === 'ack' && { ack }),
  };
}

/** Octets of the largest mail that is wanted whole; 0: no limit. */
export const largestOf = (def: Partial<Pick<MailProperties, 'maxSize'>>): number =>
  Math.round(numberOr(def.maxSize, 25) * MEGABYTE);

/** The number a field holds; the default where it holds none, which must never become "never" or "no limit". */
function numberOr(value: unknown, otherwise: number): number {
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value ?? Number.NaN);
  return Number.isFinite(number) && number >= 0 ? number : otherwise;
}

/** The first is the default. */
function oneOf<T extends string>(value: unknown, [first, ...others]: readonly [T, ...T[]]): T {
  return others.find((other) => other === value) ?? first;
}

import { resolve } from 'node:path';
import type { AckSettings, MailboxParts } from '../mailbox';
import { providers } from '../oauth2';
import { POP3_IN_CHOICES, POP3_IN_DEFAULTS } from './data/defaults';

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
  fileMode: string;
  content: string;
  trustedServer: string;
  reply: boolean;
  summary: boolean;
}

const MEGABYTE = 1024 * 1024;

/** The defaults are those of the form: a node from an older flow, or from an empty `${VARIABLE}`, has them too. `base`: what a relative folder counts from. */
export function settingsOf(
  def: Partial<MailProperties>,
  where: { node: string; host: string; port: number; user: string; service: string },
  base = '.',
): Pick<MailboxParts, 'settings' | 'reading' | 'ack'> {
  const maxAttempts = Math.max(1, Math.floor(numberOr(def, 'maxAttempts')));
  const content = oneOf(def, 'content');
  const named = (def.trustedServer ?? '').split(/[\s,]+/).filter(Boolean);
  const ack: AckSettings = {
    ackTimeout: Math.max(1, numberOr(def, 'ackTimeout')),
    maxAttempts,
    maxInFlight: Math.max(1, Math.floor(numberOr(def, 'maxInFlight'))),
  };
  return {
    settings: {
      ...where,
      interval: numberOr(def, 'interval'),
      first: def.first?.trim() || POP3_IN_DEFAULTS.first,
      after: oneOf(def, 'after'),
      keepDays: numberOr(def, 'keepDays'),
      maxAttempts,
      maxSize: largestOf(def),
      oversize: oneOf(def, 'oversize'),
      maxPerCheck: Math.floor(numberOr(def, 'maxPerCheck')),
      content,
    },
    reading: {
      content,
      attachments: oneOf(def, 'attachments'),
      trustedServers: [...named, ...(providers[where.service]?.authservIds ?? [])],
      ...(def.reply === true && { reply: true }),
      ...(def.directory?.trim() && { directory: resolve(base, def.directory.trim()) }),
      groupReadable: oneOf(def, 'fileMode') === '640',
    },
    ...(def.handled === 'ack' && { ack }),
  };
}

/** Bytes of the largest mail that is wanted whole; 0: no limit. */
export const largestOf = (def: Partial<Pick<MailProperties, 'maxSize'>>): number =>
  Math.round(numberOr(def, 'maxSize') * MEGABYTE);

type Amount = {
  [K in keyof typeof POP3_IN_DEFAULTS]: (typeof POP3_IN_DEFAULTS)[K] extends number ? K : never;
}[keyof typeof POP3_IN_DEFAULTS];

/** The number a field holds; the default where it holds none, which must never become "never" or "no limit". */
function numberOr(def: Partial<Record<Amount, unknown>>, name: Amount): number {
  const value = def[name];
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value ?? Number.NaN);
  return Number.isFinite(number) && number >= 0 ? number : POP3_IN_DEFAULTS[name];
}

type Choice = keyof typeof POP3_IN_CHOICES;

function oneOf<K extends Choice>(
  def: Partial<Record<Choice, unknown>>,
  name: K,
): (typeof POP3_IN_CHOICES)[K][number] {
  const choices: readonly (typeof POP3_IN_CHOICES)[K][number][] = POP3_IN_CHOICES[name];
  return choices.find((choice) => choice === def[name]) ?? POP3_IN_DEFAULTS[name];
}

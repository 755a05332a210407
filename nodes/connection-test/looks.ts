import { type ConnectOptions, Pop3Client, type TraceEvent } from '../pop3';
import type { Failure, StepFacts } from './report';

type Encrypted = Extract<TraceEvent, { type: 'encrypted' }>;
const DAY = 24 * 60 * 60 * 1000;

/** What a person wants to know of a certificate; `now` is ms since the epoch. */
export function certificateFacts(seen: Encrypted, now: number): StepFacts['certificate'] {
  const ends = Date.parse(seen.validTo ?? '');
  return {
    ...(seen.subject && { subject: seen.subject }),
    names: seen.names ?? [],
    ...(seen.issuer && { issuer: seen.issuer }),
    ...(seen.validFrom && { validFrom: isoDate(seen.validFrom) }),
    ...(seen.validTo && { validTo: isoDate(seen.validTo) }),
    ...(!Number.isNaN(ends) && { daysLeft: Math.floor((ends - now) / DAY) }),
    trusted: seen.trusted,
    ...(seen.protocol && { protocol: seen.protocol }),
    ...(seen.fingerprint256 && { fingerprint256: seen.fingerprint256 }),
  };
}

function isoDate(text: string): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : new Date(time).toISOString();
}

/**
 * Looks at a certificate that was refused, on a connection of its own which ends with the handshake: nothing is said
 * over it. Undefined where it cannot be seen.
 */
export async function refusedCertificate(
  server: ConnectOptions,
  signal: AbortSignal,
): Promise<Encrypted | undefined> {
  const enough = new AbortController();
  let seen: Encrypted | undefined;
  try {
    const client = await Pop3Client.connect({
      ...server,
      tls: { ...server.tls, rejectUnauthorized: false },
      signal: AbortSignal.any([signal, enough.signal]),
      trace: (event) => {
        if (event.type !== 'encrypted') return;
        seen = event;
        enough.abort();
      },
    });
    client.destroy();
  } catch {
    // Seen or not, this is as far as it goes.
  }
  return seen;
}

/**
 * Where on the same host a POP3 server answers as it should: the same port another way, or the well-known ones (RFC
 * 8314 section 7.3). No login is tried. Undefined: on none.
 */
export async function elsewhere(
  server: ConnectOptions & { port: number },
  signal: AbortSignal,
): Promise<Failure['instead']> {
  const ways: NonNullable<Failure['instead']>[] = [
    { port: server.port, security: 'tls' },
    { port: server.port, security: 'starttls' },
    { port: 995, security: 'tls' },
    { port: 110, security: 'starttls' },
  ];
  const tried = new Set([`${server.port} ${server.security}`]);
  const others = ways.filter(({ port, security }) => {
    const way = `${port} ${security}`;
    return !tried.has(way) && tried.add(way);
  });
  const enough = new AbortController();
  const both = AbortSignal.any([signal, enough.signal]);
  const answers = others.map(async (way) => ((await greets({ ...server, ...way }, both)) ? way : undefined));
  try {
    // All at the same time, the likeliest first.
    for (const answer of answers) {
      const way = await answer;
      if (way !== undefined) return way;
    }
    return undefined;
  } finally {
    enough.abort();
  }
}

async function greets(server: ConnectOptions, signal: AbortSignal): Promise<boolean> {
  try {
    const client = await Pop3Client.connect({
      ...server,
      // Nothing is told to it but good-bye; whether it can be trusted is asked when it is chosen.
      tls: { ...server.tls, rejectUnauthorized: false },
      signal,
      timeouts: { connect: 4_000, greeting: 3_000, command: 3_000, quit: 1_000 },
    });
    await client.quit();
    return true;
  } catch {
    return false;
  }
}

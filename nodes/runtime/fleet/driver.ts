import { MailboxError } from '../../mailbox';

/** `pg`, which is installed beside this package. @throws MailboxError CONFIG */
export function driver(): typeof import('pg') {
  try {
    // In this way NODE_PATH counts too, as it does for what Node-RED itself loads.
    return require('pg') as typeof import('pg');
  } catch (cause) {
    throw new MailboxError('CONFIG', 'fleet-driver-missing', {
      facts: { command: 'npm install pg' },
      retryable: false,
      cause,
    });
  }
}

/**
 * What `pg` takes to connect with these options of a session beside those that an address, or its settings, have already
 * (some providers name the database there). In an address they would count alone.
 */
export function connectionWith(
  database: string | Readonly<Record<string, unknown>>,
  options: string,
): Record<string, unknown> {
  const given = typeof database === 'string' ? { connectionString: database } : database;
  const { connectionString } = given as { connectionString?: unknown };
  if (typeof connectionString !== 'string') return { ...given, options: joined(given.options, options) };
  // Not every address is a URL; one that is none has no options.
  const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
  const theirs = url?.searchParams.get('options');
  if (!theirs) return { ...given, options: joined(given.options, options) };
  url?.searchParams.delete('options');
  return { ...given, connectionString: url?.href, options: joined(theirs, options) };
}

/** The last of two that set the same counts. */
const joined = (theirs: unknown, ours: string): string =>
  typeof theirs === 'string' && theirs !== '' ? `${theirs} ${ours}` : ours;

/** Host, port and database: what a log may say of an address. */
export function placeOf(connection: string | Record<string, unknown>): string {
  if (typeof connection === 'object') {
    const { host = 'localhost', port = 5432, database = '' } = connection;
    return `${host}:${port}/${database}`;
  }
  try {
    const url = new URL(connection);
    return `${url.hostname}:${url.port || 5432}${url.pathname}`;
  } catch {
    return 'PostgreSQL';
  }
}

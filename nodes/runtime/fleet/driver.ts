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

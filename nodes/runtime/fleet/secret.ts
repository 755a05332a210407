import { createHash } from 'node:crypto';
import { MailboxError } from '../../mailbox';
import type { Database, Prepared } from './database';

const SECRET: Prepared = {
  name: 'fleet-secret',
  text: 'insert into fleet (secret) values ($1) on conflict do nothing',
};
const SECRET_THERE: Prepared = { name: 'fleet-secret-there', text: 'select secret from fleet' };

/** The first replica says which secret it is; it is never written down itself. */
export async function compareSecret(database: Database, secret: string): Promise<void> {
  const fingerprint = secretFingerprint(secret);
  await database.query(SECRET, [fingerprint]);
  const [row] = await database.query<{ secret: string }>(SECRET_THERE);
  if (row?.secret !== fingerprint)
    throw new MailboxError('CONFIG', 'fleet-secret-different', { retryable: false });
}

/** Tells two credential secrets apart without telling either: they must be the same on every replica. */
const secretFingerprint = (secret: string): string =>
  createHash('sha256').update(`redletter fleet\n${secret}`).digest('hex').slice(0, 32);

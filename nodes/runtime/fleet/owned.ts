import { MailboxError } from '../../mailbox';
import type { Lease } from './leases';

/**
 * True of exactly one row where the mailbox still belongs to this term, and locked until the statement is committed: a
 * claim waits for it, so that nothing of an earlier owner appears after a later one has read. Parameters 1 to 3 are
 * {@link ownerOf}; it must be in the same statement as what it fences.
 */
export const OWN =
  'own as (select id from mailbox where id = $1 and replica = $2 and term = $3::bigint for share)';

export const ownerOf = ({ mailbox, replica, term }: Lease): string[] => [mailbox, replica, term];

/** What an earlier owner hears. The session ends without QUIT, and nothing is counted against a mail. */
export const ownedElsewhere = (): MailboxError => new MailboxError('STORE', 'owned-elsewhere');

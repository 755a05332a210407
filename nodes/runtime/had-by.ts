import type { Ledger } from '../mailbox';

/**
 * True where another node on the mailbox has had this very mail, whole, and needs it no more.
 * @param ledger of the other node; undefined where it has not been opened yet: the node has not had its say
 * @param mine what the mail is recognized by here: one that has not listed it lately may know another mail by its ID
 */
export function hadBy(ledger: Ledger | undefined, mail: string, mine: string | undefined): boolean {
  const state = ledger?.isMissing(mail) ? undefined : ledger?.state(mail);
  // A node that had the mail only in part keeps it.
  if (state === undefined || state === 'kept' || state === 'quarantined') return false;
  const theirs = ledger?.fingerprint(mail);
  return mine === undefined || theirs === undefined || theirs === mine;
}

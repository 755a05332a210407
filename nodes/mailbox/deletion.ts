import type { Pop3Client } from '../pop3';
import type { CheckContext, CheckSummary, Recognized } from './check-context';
import type { ListedMail } from './listing';
import { asOwner } from './ownership';

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Deletes from the server what may be deleted, and ends the session. DELE counts when QUIT was answered. A mail is
 * deleted only where it was, in this session, certainly the one that was delivered whole.
 */
export async function deleteAndQuit(
  context: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
  summary: CheckSummary,
  { identified, retrieved }: Recognized,
): Promise<void> {
  const { ledger, assertOwner } = context;
  // Some servers mark a mail deleted when it is retrieved (quirk 16); RSET takes that back.
  if (summary.fetched > 0 || retrieved) await client.rset();
  const marked = new Map<number, string>();
  const deletable = listing.filter((mail) => identified.has(mail.key) && mayDelete(context, mail));
  if (deletable.length > 0) {
    const keys = new Map(deletable.map(({ number, key }) => [number, key]));
    await asOwner(assertOwner, 'delete', async () => {
      for await (const { number, error } of client.dele(keys.keys())) {
        if (error === undefined) marked.set(number, keys.get(number) ?? '');
      }
    });
  }
  const answer = await asOwner(assertOwner, 'quit', () => client.leave());
  if (marked.size === 0) return;
  // The next check sees what became of them.
  if (answer === 'unknown') summary.unconfirmed = marked.size;
  if (answer !== 'ok') return;
  summary.deleted = marked.size;
  await ledger.recordDeletions([...marked.values()]);
}

/** Processed whole, by every node on this mailbox, for as long as the settings say; and no doubt which mail it is. */
export function mayDelete(context: CheckContext, mail: Pick<ListedMail, 'key' | 'ambiguous'>): boolean {
  if (mail.ambiguous || deletableAt(context, mail) > context.now()) return false;
  return context.mayDelete(mail.key);
}

/** From when on this node wants the mail deleted, ms since the epoch; infinite: as things are, it never does. */
export function deletableAt({ ledger, settings }: CheckContext, { key }: Pick<ListedMail, 'key'>): number {
  const requested = ledger.deletionRequested(key);
  if (settings.after === 'keep' && !requested) return Number.POSITIVE_INFINITY;
  const processedAt = ledger.processedAt(key);
  if (processedAt === undefined) return Number.POSITIVE_INFINITY;
  if (settings.after === 'delete' || requested) return Number.NEGATIVE_INFINITY;
  // Days count only while the clock could be trusted: late is fine, early never.
  const trustedSince = ledger.clockTrustedSince;
  if (trustedSince === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(processedAt, trustedSince) + settings.keepDays * DAY_MS;
}

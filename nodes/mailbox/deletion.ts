import type { Pop3Client } from '../pop3';
import type { CheckContext, CheckSummary } from './check-context';
import type { ListedMail } from './listing';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Deletes from the server what may be deleted, and ends the session. DELE counts when QUIT was answered. */
export async function deleteAndQuit(
  context: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
  summary: CheckSummary,
): Promise<void> {
  const { settings, delivery, ledger, assertOwner } = context;
  // Some servers mark a mail deleted when it is retrieved (quirk 16); RSET takes that back.
  if (summary.fetched > 0) await client.rset();
  const marked = new Set<number>();
  if (settings.after !== 'keep') {
    const deletable = listing.filter((mail) => mayDelete(context, mail));
    if (deletable.length > 0) await assertOwner('delete');
    for await (const { number, error } of client.dele(deletable.map((mail) => mail.number))) {
      if (error === undefined) marked.add(number);
    }
  }
  await assertOwner('quit');
  const answer = await client.quit();
  if (answer !== 'ok' || marked.size === 0) return;
  summary.deleted = marked.size;
  // What we deleted ourselves has not vanished.
  const rest = listing.filter(({ number }) => !marked.has(number));
  await ledger.recordListing(new Set(rest.map(({ key }) => key)), (key) => delivery.holds(key));
}

/** Processed whole, by every node on this mailbox, for as long as the settings say; and no doubt which mail it is. */
export function mayDelete(
  { ledger, settings, mayDelete: othersAreDone, now }: CheckContext,
  mail: Pick<ListedMail, 'key' | 'ambiguous'>,
): boolean {
  const processedAt = ledger.processedAt(mail.key);
  if (processedAt === undefined || mail.ambiguous || !othersAreDone(mail.key)) return false;
  return settings.after === 'delete' || now() - processedAt >= settings.keepDays * DAY_MS;
}

import type { Pop3Client } from '../pop3';
import { arrivals, arrivedBefore } from './arrival';
import type { CheckContext } from './check-context';
import { mayDelete } from './deletion';
import type { ListedMail } from './listing';

/** A renumbered mailbox: so many of the remembered IDs gone at once, out of at least so many. */
const RENUMBERED_SHARE = 0.9;
const RENUMBERED_LEAST = 10;
/** How far the clocks of servers on a mail's way may be off. */
const CLOCK_SKEW_MS = 60 * 60 * 1000;

/**
 * A server that gave its mails new unique IDs (a move, a restored backup) would deliver everything again. When nine in
 * ten of the remembered IDs are gone at once and unknown ones are listed in their place, dates decide.
 */
export async function recognizeRenumbered(
  context: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
): Promise<void> {
  const { ledger } = context;
  const unknown = listing.filter(
    (mail) => !ledger.isKnown(mail.key) && ledger.openDelivery(mail.key) === undefined,
  );
  if (unknown.length === 0 || hidesDownloadedMail(context, client)) return;
  const listed = new Set(listing.map((mail) => mail.key));
  let remembered = 0;
  let vanished = 0;
  for (const key of ledger.present()) {
    // Deleted by us, and the process ended before it was recorded that it is gone.
    if (context.settings.after !== 'keep' && mayDelete(context, { key, ambiguous: false })) continue;
    remembered += 1;
    if (!listed.has(key)) vanished += 1;
  }
  if (remembered < RENUMBERED_LEAST || vanished < remembered * RENUMBERED_SHARE) return;
  // Clocks differ, and this one may have been set back: a mail too many is better than a mail too few.
  const since = Math.min(ledger.lastChecked, context.now()) - CLOCK_SKEW_MS;
  const old = await arrivedBefore(client, unknown, since, context.signal);
  if (old.length > 0) await ledger.markOld(old.map((mail) => mail.key));
}

/**
 * A server may give the unique ID of a mail that is gone to another one (RFC 1939 section 7 forbids that only within
 * a session's memory; some number their mails anew). What is listed again under a known ID and arrived later than the
 * known mail was processed, or had gone, is not that mail: it is delivered, marked, since dates may err.
 */
export async function recognizeReused(
  context: CheckContext,
  client: Pop3Client,
  listing: ListedMail[],
): Promise<void> {
  const { ledger, now, signal } = context;
  const back = listing.filter(
    ({ key, uid }) => uid !== undefined && ledger.isKnown(key) && ledger.isMissing(key),
  );
  if (back.length === 0 || hidesDownloadedMail(context, client)) return;
  const numbers = back.map(({ number }) => number);
  const dates = await arrivals(client, numbers, signal);
  const others = back.filter(({ key, number }) => {
    const arrived = dates.get(number);
    return arrived !== undefined && arrived > Math.min(ledger.latestArrival(key), now());
  });
  await ledger.markReplaced(others.map(({ key }) => key));
}

/** Where a downloaded mail is not listed again, the vanishing of many means nothing (Gmail: EXPIRE 0, RFC 2449). */
function hidesDownloadedMail({ settings }: CheckContext, { capabilities }: Pop3Client): boolean {
  return settings.service === 'google' || capabilities.arguments('EXPIRE')[0] === '0';
}

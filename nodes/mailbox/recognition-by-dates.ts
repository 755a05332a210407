import type { Pop3Client } from '../pop3';
import { arrivals, arrivedBefore } from './arrival';
import type { CheckContext } from './check-context';
import { mayDelete } from './deletion';
import { isDigest, type ListedMail } from './listing';

/** A renumbered mailbox of version 0.1: so many of the remembered IDs gone at once, out of at least so many. */
const RENUMBERED_SHARE = 0.9;
const RENUMBERED_LEAST = 10;
/** How far the clocks of servers on a mail's way may be off. */
const CLOCK_SKEW_MS = 60 * 60 * 1000;

/**
 * A ledger of version 0.1 has no fingerprints yet: there, dates decide as they did.
 * @param mails the known and the unknown mails of the listing, and the keys of all of them
 */
export async function recognizeByDates(
  context: CheckContext,
  client: Pop3Client,
  { known, unknown, listed }: { known: ListedMail[]; unknown: ListedMail[]; listed: ReadonlySet<string> },
): Promise<void> {
  await doubtReturned(context, client, known);
  if (unknown.length === 0 || !isRenumbered(context, listed)) return;
  const { ledger, now, signal } = context;
  // Clocks differ, and this one may have been set back: a mail too many is better than a mail too few.
  const since = Math.min(ledger.lastChecked, now()) - CLOCK_SKEW_MS;
  const untried = unknown.filter(({ key }) => ledger.openDelivery(key) === undefined);
  const old = await arrivedBefore(client, untried, since, signal);
  if (old.length > 0) await ledger.markOld(old.map(({ key }) => key));
}

/** Known IDs that were gone and are listed again: what arrived after that is another mail. */
async function doubtReturned(
  { ledger, now, signal }: CheckContext,
  client: Pop3Client,
  known: ListedMail[],
): Promise<void> {
  const back = known.filter(
    ({ key }) =>
      ledger.isKnown(key) && ledger.isMissing(key) && ledger.fingerprint(key) === undefined && !isDigest(key),
  );
  const dates = await arrivals(
    client,
    back.map(({ number }) => number),
    signal,
  );
  const others = back.filter(({ key, number }) => {
    const gone = ledger.missingSince(key) ?? Number.POSITIVE_INFINITY;
    const latest = Math.min(gone, ledger.processedAt(key) ?? gone, now());
    const arrived = dates.get(number);
    return arrived !== undefined && arrived > latest;
  });
  await ledger.markUncertain(others.map(({ key }) => key));
}

function isRenumbered(context: CheckContext, listed: ReadonlySet<string>): boolean {
  const { ledger, settings } = context;
  let remembered = 0;
  let vanished = 0;
  for (const key of ledger.present()) {
    if (ledger.fingerprint(key) !== undefined) continue;
    // Deleted by us, and the process ended before it was recorded that it is gone.
    if (settings.after !== 'keep' && mayDelete(context, { key, ambiguous: false })) continue;
    remembered += 1;
    if (!listed.has(key)) vanished += 1;
  }
  return remembered >= RENUMBERED_LEAST && vanished >= remembered * RENUMBERED_SHARE;
}

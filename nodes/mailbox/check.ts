import type { Pop3Client } from '../pop3';
import { recordBaseline } from './baseline';
import type { CheckContext, CheckSummary } from './check-context';
import { deleteAndQuit } from './deletion';
import { download } from './download';
import { crashesProcess, dueAt, quarantine } from './failures';
import { addSizes, type ListedMail, listMailbox } from './listing';
import { recognizeRenumbered, recognizeReused } from './renumbering';

export interface CheckResult {
  summary: CheckSummary;
  /** Seconds the server requires between logins (CAPA LOGIN-DELAY, RFC 2449); 0 for none. */
  loginDelay: number;
  /** True on the check that recorded the baseline. */
  first: boolean;
  /** True where mail is left on the server only because the flow is busy. */
  left: boolean;
}

/**
 * One check of one mailbox: list, recognize, download, deliver in the server's order, record, delete.
 *
 * @throws Pop3Error, MailboxError, or what `open` throws. What was delivered by then is recorded.
 */
export async function checkMailbox(context: CheckContext): Promise<CheckResult> {
  const { ledger, delivery, settings, signal } = context;
  const started = context.now();
  const { client, messages } = await context.open(signal);
  try {
    const listing = await listMailbox(client, { messages, sizes: false, signal });
    const summary = newSummary(listing.length);
    const first = !ledger.hasBaseline;
    await recognize(context, client, listing);

    // Most checks find nothing new, and then the sizes of old mail do not matter.
    if (settings.maxSize > 0 && listing.some(({ key }) => !ledger.isKnown(key)))
      await addSizes(client, listing);
    await quarantineWhatCrashes(context, listing, summary);
    const fresh = newMail(context, listing);
    const wanted = settings.maxPerCheck > 0 ? fresh.slice(0, settings.maxPerCheck) : fresh;
    const mails = wanted.slice(0, delivery.room());
    try {
      await download(context, client, mails, summary);
    } finally {
      await delivery.finish();
    }
    await deleteAndQuit(context, client, listing, summary);
    await ledger.recordCheck(mails.length === fresh.length);
    summary.ms = context.now() - started;
    const loginDelay = (client.capabilities.loginDelayMs ?? 0) / 1000;
    return { summary, loginDelay, first, left: mails.length < wanted.length };
  } finally {
    client.destroy();
  }
}

function newSummary(found: number): CheckSummary {
  return {
    found,
    fetched: 0,
    delivered: 0,
    redelivered: 0,
    deleted: 0,
    skipped: 0,
    failed: 0,
    bytes: 0,
    ms: 0,
  };
}

/** Tells which of the listed mails are known, and remembers what was listed. */
async function recognize(context: CheckContext, client: Pop3Client, listing: ListedMail[]): Promise<void> {
  const { ledger, delivery } = context;
  if (ledger.hasBaseline) {
    await recognizeRenumbered(context, client, listing);
    await recognizeReused(context, client, listing);
  } else await recordBaseline(context, client, listing);
  const keys = new Set(listing.map((mail) => mail.key));
  // A mail that is nowhere any more is reported before it is forgotten.
  await delivery.recordListing(keys);
  await ledger.recordListing(keys, (key) => delivery.holds(key));
}

/** What is listed, not processed, not being delivered, and not waiting for its next attempt. */
function newMail({ ledger, delivery, now }: CheckContext, listing: ListedMail[]): ListedMail[] {
  const at = now();
  return listing.filter(
    ({ key }) => !ledger.isKnown(key) && !delivery.holds(key) && dueAt(ledger.openDelivery(key), at) <= at,
  );
}

/** A mail on which the process has ended so often is not delivered once more. */
async function quarantineWhatCrashes(
  context: CheckContext,
  listing: ListedMail[],
  summary: CheckSummary,
): Promise<void> {
  const { ledger, settings, delivery } = context;
  for (const mail of listing) {
    if (!crashesProcess(ledger.openDelivery(mail.key), settings.maxAttempts) || delivery.holds(mail.key))
      continue;
    summary.failed += 1;
    await quarantine({ ...context, origin: settings }, mail, { last: 'crashed', bytes: mail.bytes ?? 0 });
  }
}

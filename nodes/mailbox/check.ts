import { Pop3Error } from '../pop3';
import { recordBaseline } from './baseline';
import type { CheckContext, CheckSummary, Recognized } from './check-context';
import { judgeClock } from './clock-trust';
import { deleteAndQuit } from './deletion';
import { type Downloads, download } from './download';
import { crashesProcess, dueAt, quarantine } from './failures';
import { learnFingerprints } from './learning';
import { addSizes, type ListedMail, listMailbox } from './listing';
import { recognize } from './recognition';
import type { Session } from './session';

export interface CheckResult {
  summary: CheckSummary;
  /** Seconds the server requires between logins (CAPA LOGIN-DELAY, RFC 2449); 0 for none. */
  loginDelay: number;
  /** True on the check that recorded the baseline. */
  first: boolean;
  /** Mails left on the server only because the flow is busy. */
  left: number;
}

/**
 * One check of one mailbox: list, recognize, download, deliver in the server's order, record, delete.
 *
 * @throws Pop3Error, MailboxError, or what `open` throws. What was delivered by then is recorded.
 */
export async function checkMailbox(context: CheckContext): Promise<CheckResult> {
  const { ledger, delivery, settings, signal } = context;
  const started = context.monotonic();
  const session = await context.open(signal);
  const { client, messages } = session;
  try {
    const listing = await listMailbox(client, { messages, sizes: false, signal });
    const summary = newSummary(listing.length);
    const first = !ledger.hasBaseline;
    await judgeClock(context, session, listing);
    const recognized = await recordListing(context, session, listing);
    await quarantineWhatCrashes(context, listing, summary);
    await retryQuarantined(context, listing);
    const fresh = newMail(context, listing).filter(({ key }) => !recognized.waiting.has(key));
    const wanted = settings.maxPerCheck > 0 ? fresh.slice(0, settings.maxPerCheck) : fresh;
    // Where nothing is new they do not matter.
    if (wanted.length > 0) await learnSizes(client, listing);
    const since = context.monotonic();
    let downloads: Downloads;
    try {
      downloads = await download(context, client, { wanted, listing, since }, summary, recognized);
      await learnFingerprints(context, session, listing, first);
    } finally {
      await delivery.finish();
    }
    await deleteAndQuit(context, client, listing, summary, recognized);
    const { trouble, left } = downloads;
    if (trouble !== undefined) throw trouble;
    await ledger.recordCheck(wanted.length - left === fresh.length);
    summary.ms = Math.round(context.monotonic() - started);
    const loginDelay = (client.capabilities.loginDelayMs ?? 0) / 1000;
    return { summary, loginDelay, first, left };
  } finally {
    client.destroy();
  }
}

/** What was announced tells a mail that was cut. A server that refuses LIST has its mails all the same. */
async function learnSizes(client: Session['client'], listing: ListedMail[]): Promise<void> {
  try {
    await addSizes(client, listing);
  } catch (error) {
    if (!(error instanceof Pop3Error) || error.code !== 'REFUSED') throw error;
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
async function recordListing(
  context: CheckContext,
  session: Session,
  listing: ListedMail[],
): Promise<Recognized> {
  const { ledger, delivery } = context;
  let recognized: Recognized = { identified: new Set(), waiting: new Set(), retrieved: false };
  if (ledger.hasBaseline) recognized = await recognize(context, session, listing);
  else await recordBaseline(context, session.client, listing);
  const keys = new Set(listing.map((mail) => mail.key));
  // A mail that was lost from the server and the spool is reported before it is forgotten.
  await delivery.recordListing(keys);
  await ledger.recordListing(keys, (key) => delivery.holds(key));
  return recognized;
}

/** A quarantined mail is tried once more when so much time has passed, ms: whatever kept it may be mended. */
const QUARANTINE_MS = 24 * 60 * 60 * 1000;

/** Gives quarantined mail one more attempt each day, which is not reported; not mail that ended the process. */
async function retryQuarantined({ ledger, now }: CheckContext, listing: ListedMail[]): Promise<void> {
  if (ledger.quarantined.length === 0) return;
  for (const { key } of listing) {
    const found = ledger.quarantine(key);
    if (found === undefined || found.crashed) continue;
    // A clock that was set back must not put it off for years.
    if (Math.abs(now() - found.at) >= QUARANTINE_MS) await ledger.retry(key, { asked: false });
  }
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

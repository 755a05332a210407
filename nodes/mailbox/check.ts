import { setImmediate as nextTurn } from 'node:timers/promises';
import { recordBaseline } from './baseline';
import { changesSince } from './changes';
import type { CheckContext, CheckSummary, Recognized } from './check-context';
import { judgeClock } from './clock-trust';
import { deleteAndQuit } from './deletion';
import { type Downloads, download } from './download';
import { crashesProcess, dueAt, isRetryDue, quarantine } from './failures';
import { learnFingerprints } from './learning';
import { addSizes, type ListedMail, listMailbox } from './listing';
import { recognize } from './recognition';
import type { Session } from './session';
import { lookAt, recordChanges, rememberChanges, rememberCheck } from './unchanged';

export interface CheckResult {
  summary: CheckSummary;
  /** Seconds the server requires between logins (CAPA LOGIN-DELAY, RFC 2449); 0 for none. */
  loginDelay: number;
  /** On the first check: how many existing mails it ignored. */
  ignored?: number;
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
    const began = ledger.revision;
    const changes = await changesSince(context, session);
    if (changes) await judgeClock(context, session, changes.last);
    const { few, suspects } = await lookAt(context, session, changes);
    if (few?.length === 0) return await endUnchanged(context, session, started);
    const listing = few ?? (await listMailbox(client, { messages, sizes: false, signal }));
    const summary = newSummary(few ? messages : listing.length);
    const first = !ledger.hasBaseline;
    if (!changes) await judgeClock(context, session, listing.at(-1));
    const recognized =
      changes && few
        ? await recordChanges(context, changes)
        : await recordListing(context, session, listing, suspects);
    await quarantineWhatCrashes(context, listing, summary);
    await retryQuarantined(context, listing);
    const fresh = newMail(context, listing).filter(({ key }) => !recognized.waiting.has(key));
    const wanted = settings.maxPerCheck > 0 ? fresh.slice(0, settings.maxPerCheck) : fresh;
    // What was announced tells a mail that was cut; where nothing is new it does not matter.
    if (wanted.length > 0) {
      await addSizes(client, listing);
      // A hundred thousand have been sorted by now: other flows have their turn before the first one comes.
      await nextTurn();
    }
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
    if (changes && few) rememberChanges(context, session, changes);
    else await rememberCheck(context, session, { listing, began });
    await ledger.recordCheck(wanted.length - left === fresh.length);
    const ignored = first ? { ignored: ledger.firstCheck?.ignored ?? 0 } : {};
    return { ...resultOf(context, session, summary, started), ...ignored, left };
  } finally {
    client.destroy();
  }
}

/** Nothing has changed since a check that found nothing to do. */
async function endUnchanged(context: CheckContext, session: Session, started: number): Promise<CheckResult> {
  const summary = newSummary(session.messages);
  const nothing: Recognized = { identified: new Set(), waiting: new Set(), retrieved: false };
  await deleteAndQuit(context, session.client, [], summary, nothing);
  await context.ledger.recordCheck(true);
  return { ...resultOf(context, session, summary, started), left: 0 };
}

function resultOf(
  { monotonic }: CheckContext,
  { client }: Session,
  summary: CheckSummary,
  started: number,
): Pick<CheckResult, 'summary' | 'loginDelay'> {
  summary.ms = Math.round(monotonic() - started);
  return { summary, loginDelay: (client.capabilities.loginDelayMs ?? 0) / 1000 };
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
  suspects: ReadonlySet<string>,
): Promise<Recognized> {
  const { ledger, delivery } = context;
  const keys = new Set(listing.map((mail) => mail.key));
  let recognized: Recognized = { identified: new Set(), waiting: new Set(), retrieved: false };
  if (ledger.hasBaseline) recognized = await recognize(context, session, { mails: listing, keys, suspects });
  else await recordBaseline(context, session.client, listing);
  // A mail that was lost from the server and the spool is reported before it is forgotten.
  await delivery.recordListing(keys);
  await ledger.recordListing(keys, (key) => delivery.holds(key));
  return recognized;
}

/** Gives quarantined mail one more attempt each day, which is not reported; not mail that ended the process. */
async function retryQuarantined({ ledger, now }: CheckContext, listing: ListedMail[]): Promise<void> {
  if (ledger.quarantined.length === 0) return;
  for (const { key } of listing) {
    if (isRetryDue(ledger, key, now())) await ledger.retry(key, { asked: false });
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

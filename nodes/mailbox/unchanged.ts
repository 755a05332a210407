import { listsUid } from '../pop3';
import { type Changes, hasExpectedSize, listed, uidlOf, vanished } from './changes';
import type { CheckContext, Recognized } from './check-context';
import { deletableAt } from './deletion';
import { isRetryDue } from './failures';
import { isSameMail } from './fingerprint';
import { identify } from './identify';
import { hidesDownloadedMail } from './learning';
import { isDigest, isNumbered, type ListedMail } from './listing';
import type { Seen } from './seen';
import type { Session } from './session';

/** After so long everything is looked at again, ms, whatever seems the same: what vanished has to be forgotten. */
const LOOKED_AT_MS = 24 * 60 * 60 * 1000;
/** Mails of which something was recorded since: where there are more, the whole listing is read. */
const MOST_TOUCHED = 64;

/*
 * Spares a check of a hundred thousand mails the look at each of them. What a check does follows from the answers of the
 * server, the ledger, the mails on their way and the clock. Where a check has found nothing to do, and all of these are
 * the same at the next one, that one has nothing to do either; where a few mails came or went, or something was recorded
 * of a few, it has to do with these alone. A sample of known mails is compared as ever.
 */

/** What has to be looked at. */
interface Look {
  /** In place of all that is listed; empty: there is nothing to do. Undefined: all of it. */
  few?: ListedMail[];
  /** Keys of mails that may be others by now. */
  suspects: ReadonlySet<string>;
}

/**
 * Whether what the server says otherwise is all that has changed.
 *
 * @param changes by `changesSince`
 * @throws Pop3Error where the session is over
 */
export async function lookAt(
  context: CheckContext,
  session: Session,
  changes: Changes | undefined,
): Promise<Look> {
  const seen = changes && context.unchanged.seen;
  const suspects = new Set<string>();
  if (changes === undefined || seen === undefined || !isStillSo(seen, context, session)) return { suspects };
  const until = quietSince(seen, context, changes);
  const samples = await samplesOf(seen, context, { session, changes });
  if (until === undefined || samples === undefined) return { suspects };
  const { fresh, went } = changes;
  if (!(await hasExpectedSize(context, session, { seen, changes }))) return { suspects };
  // A fresh mail may be a known one under another ID.
  const lost = seen.hides || fresh.length === 0 ? new Set<string>() : vanished(context, changes);
  const compared = seen.hides ? [] : samples;
  const shown = await identify(session.client, lost.size > 0 ? [...compared, ...fresh] : compared, context);
  for (const { key } of compared) {
    const identity = context.ledger.identity(key);
    const fingerprint = shown.get(key);
    if (identity === undefined || fingerprint === undefined || !isSameMail(identity, { fingerprint }))
      suspects.add(key);
  }
  if (suspects.size > 0) return { suspects };
  if (lost.size > 0 && fresh.some(({ key }) => !isNew(context, shown.get(key), lost))) return { suspects };
  if (fresh.length + went.length > 0) return { few: inOrder([...samples, ...fresh]), suspects };
  advance(context, session, changes, until);
  return { few: [], suspects };
}

/** Records what {@link lookAt} has found to be all that has changed. */
export async function recordChanges({ ledger }: CheckContext, { went }: Changes): Promise<Recognized> {
  await ledger.recordGone(went.filter((key) => ledger.isKnown(key)));
  return { identified: new Set(), waiting: new Set(), retrieved: false };
}

/** Takes note of a check that went well, where only changes were looked at. */
export function rememberChanges(context: CheckContext, session: Session, changes: Changes): void {
  const seen = context.unchanged.seen;
  if (seen === undefined || !isAtRest(context)) return;
  const until = quietSince(seen, context, changes);
  if (until !== undefined) advance(context, session, changes, until);
}

/**
 * Takes note of a check that went well. Where it has done anything, what was seen before remains what the next one is
 * compared with.
 *
 * @param began the revision of the ledger when it began
 */
export async function rememberCheck(
  context: CheckContext,
  session: Session,
  { listing, began }: { listing: ListedMail[]; began: number },
): Promise<void> {
  const { ledger, monotonic } = context;
  const { client, messages, bytes } = session;
  if (ledger.revision !== began || !isAtRest(context)) return;
  context.unchanged.seen = undefined;
  const hides = hidesDownloadedMail(context, session);
  const until = quietUntil(context, session, { listing, hides });
  // Without TOP no sample can be compared.
  if (until === undefined || !(hides || client.capabilities.has('TOP'))) return;
  const last = listing.at(-1);
  const uidl = await uidlOf(session);
  // A check asks for the sizes only where it needs them.
  const needsSizes = listing.some(({ bytes: octets }) => octets !== undefined);
  const list = needsSizes ? await client.listDigest() : undefined;
  if (uidl === undefined || (needsSizes && list === undefined)) return;
  const numbered = isNumbered(listing);
  const at = monotonic();
  const seen = { ledger, revision: began, messages, bytes, uidl, list, hides, last, numbered, until, at };
  context.unchanged.seen = seen;
}

function isStillSo(seen: Seen, context: CheckContext, session: Session): boolean {
  const { now, monotonic } = context;
  return (
    isAtRest(context) &&
    seen.hides === hidesDownloadedMail(context, session) &&
    now() < seen.until &&
    monotonic() - seen.at < LOOKED_AT_MS
  );
}

/** What was seen is that there is nothing to do, now with these changes. */
function advance(
  { unchanged, ledger }: CheckContext,
  session: Session,
  changes: Changes,
  until: number,
): void {
  const { messages, bytes } = session;
  const { uidl, last } = changes;
  if (unchanged.seen === undefined) return;
  Object.assign(unchanged.seen, { revision: ledger.revision, messages, bytes, uidl, last, until });
}

/** No mail is on its way, open, doubted or due for another attempt. */
function isAtRest({ ledger, delivery, doubted, unidentifiable, now }: CheckContext): boolean {
  if (!ledger.hasBaseline || ledger.hasOpenDeliveries) return false;
  if (delivery.held().length > 0 || doubted.size > 0 || unidentifiable.size > 0) return false;
  return ledger.quarantined.every((key) => ledger.isMissing(key) || !isRetryDue(ledger, key, now()));
}

/**
 * Until when there is nothing to do for the mails that came since, but for the fresh ones, and for those of which
 * something was recorded; undefined where there is now.
 */
function quietSince(seen: Seen, context: CheckContext, changes: Changes): number | undefined {
  const { ledger, now } = context;
  const { uidl, settled, went } = changes;
  const touched = ledger.changedAfter(seen.revision);
  if (touched === undefined || touched.length > MOST_TOUCHED) return undefined;
  let until = seen.until;
  for (const key of new Set([...touched, ...settled.map((mail) => mail.key)])) {
    if (!key.startsWith('u') || key.includes('\n')) return undefined;
    if (listsUid(uidl, key.slice(1))) until = Math.min(until, quiet(context, { key, hides: seen.hides }));
    else if (ledger.isKnown(key) && !ledger.isMissing(key) && !went.includes(key)) return undefined;
  }
  return until > now() ? until : undefined;
}

/**
 * Until when a listing like this one leaves nothing to do, ms since the epoch; undefined where it does now, or where
 * what there is to do does not follow from the unique IDs alone.
 */
function quietUntil(
  context: CheckContext,
  { messages }: Session,
  { listing, hides }: { listing: ListedMail[]; hides: boolean },
): number | undefined {
  if (listing.length !== messages) return undefined;
  let until = Number.POSITIVE_INFINITY;
  for (const { key, ambiguous } of listing) {
    if (isDigest(key) || ambiguous) return undefined;
    until = Math.min(until, quiet(context, { key, hides }));
    if (until === Number.NEGATIVE_INFINITY) return undefined;
  }
  return until > context.now() ? until : undefined;
}

/** The same for a mail that is listed; the beginning of time where there is something to do. */
function quiet(context: CheckContext, { key, hides }: { key: string; hides: boolean }): number {
  const { ledger } = context;
  if (!ledger.isKnown(key) || ledger.isMissing(key)) return Number.NEGATIVE_INFINITY;
  // Its fingerprint is still to be learned.
  if (!hides && ledger.fingerprint(key) === undefined) return Number.NEGATIVE_INFINITY;
  return deletableAt(context, { key });
}

/** Looked at, and none of the known mails that are listed no more. */
function isNew(
  { ledger }: CheckContext,
  fingerprint: string | undefined,
  lost: ReadonlySet<string>,
): boolean {
  return fingerprint !== undefined && !lost.has(fingerprint) && !ledger.renumbered.has(fingerprint);
}

const inOrder = (mails: ListedMail[]): ListedMail[] => mails.sort((a, b) => a.number - b.number);

/** Known mails, of which one is any; undefined where none can be found without reading the listing. */
async function samplesOf(
  { hides, numbered }: Seen,
  { now, ledger }: CheckContext,
  { session, changes: { fresh, last } }: { session: Session; changes: Changes },
): Promise<ListedMail[] | undefined> {
  if (hides || last === undefined) return [];
  for (const place of [placeAt(now()), 0, 1]) {
    const found = await session.client.uidAt(place);
    if (found === undefined || fresh.some(({ uid }) => uid === found.uid)) continue;
    const any = listed(found);
    if (ledger.bytes(any.key) >= 0) any.bytes = ledger.bytes(any.key);
    return numbered && any.number !== last.number ? [any, last] : [any];
  }
  return undefined;
}

/** Between 0 and 1, spread evenly whatever the interval between checks. */
export const placeAt = (now: number): number =>
  (Math.imul(Math.floor(now / 1000), 0x9e3779b1) >>> 0) / 2 ** 32;

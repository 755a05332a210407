import type { CheckContext } from './check-context';
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

/*
 * Spares a check of a hundred thousand mails the look at each of them. What a check does follows from the answers of the
 * server, the ledger, the mails on their way and the clock. Where a check has found nothing to do, and all of these are
 * the same at the next one, that one has nothing to do either; a sample of known mails is compared as ever.
 */

/**
 * Whether the server says what it said at a check that found nothing to do.
 * @throws Pop3Error where the session is over
 */
export async function isListedAsBefore(
  { unchanged: { seen } }: CheckContext,
  session: Session,
): Promise<boolean> {
  if (seen === undefined) return false;
  const { client, messages, bytes } = session;
  if (messages !== seen.messages || bytes !== seen.bytes) return false;
  if ((await uidlOf(session)) !== seen.uidl) return false;
  return seen.list === undefined || (await client.digestOf('LIST')) === seen.list;
}

/**
 * Whether nothing else has changed either.
 *
 * @param listedAsBefore by {@link isListedAsBefore}
 * @returns `suspects`: keys of mails that may be others by now
 * @throws Pop3Error where the session is over
 */
export async function hasNothingToDo(
  context: CheckContext,
  session: Session,
  listedAsBefore: boolean,
): Promise<{ nothing: boolean; suspects: ReadonlySet<string> }> {
  const seen = listedAsBefore ? context.unchanged.seen : undefined;
  const suspects = new Set<string>();
  if (seen === undefined || !isStillSo(seen, context, session)) return { nothing: false, suspects };
  const samples = await samplesOf(seen, context, session);
  if (samples === undefined) return { nothing: false, suspects };
  const shown = await identify(session.client, samples, context);
  for (const { key } of samples) {
    const identity = context.ledger.identity(key);
    const fingerprint = shown.get(key);
    if (identity === undefined || fingerprint === undefined || !isSameMail(identity, { fingerprint }))
      suspects.add(key);
  }
  return { nothing: suspects.size === 0, suspects };
}

/**
 * Takes note of a check that went well.
 * @param began the revision of the ledger when it began
 */
export async function rememberCheck(
  context: CheckContext,
  session: Session,
  { listing, began }: { listing: ListedMail[]; began: number },
): Promise<void> {
  context.unchanged.seen = undefined;
  const { ledger, monotonic } = context;
  const { client, messages, bytes } = session;
  if (ledger.revision !== began || !isAtRest(context)) return;
  const hides = hidesDownloadedMail(context, session);
  const until = quietUntil(context, session, { listing, hides });
  // Without TOP no sample can be compared.
  if (until === undefined || !(hides || client.capabilities.has('TOP'))) return;
  const last = listing.at(-1);
  const uidl = await uidlOf(session);
  // A check asks for the sizes only where it needs them.
  const needsSizes = listing.some(({ bytes: octets }) => octets !== undefined);
  const list = needsSizes ? await client.digestOf('LIST') : undefined;
  if (uidl === undefined || (needsSizes && list === undefined)) return;
  const numbered = isNumbered(listing);
  const seen = { ledger, revision: began, messages, bytes, uidl, list, hides, last, numbered, until };
  context.unchanged.seen = { ...seen, at: monotonic() };
}

/** An empty mailbox is not asked. */
const uidlOf = async ({ client, messages }: Session): Promise<string | undefined> =>
  messages === 0 ? '' : client.digestOf('UIDL');

function isStillSo(seen: Seen, context: CheckContext, session: Session): boolean {
  const { ledger, now, monotonic } = context;
  return (
    isAtRest(context) &&
    seen.ledger === ledger &&
    seen.revision === ledger.revision &&
    seen.hides === hidesDownloadedMail(context, session) &&
    now() < seen.until &&
    monotonic() - seen.at < LOOKED_AT_MS
  );
}

/** No mail is on its way, open, doubted or due for another attempt. */
function isAtRest({ ledger, delivery, doubted, unidentifiable, now }: CheckContext): boolean {
  if (!ledger.hasBaseline || ledger.hasOpenDeliveries) return false;
  if (delivery.held().length > 0 || doubted.size > 0 || unidentifiable.size > 0) return false;
  return ledger.quarantined.every((key) => ledger.isMissing(key) || !isRetryDue(ledger, key, now()));
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
  const { ledger } = context;
  if (listing.length !== messages) return undefined;
  let until = Number.POSITIVE_INFINITY;
  for (const mail of listing) {
    const { key } = mail;
    if (isDigest(key) || mail.ambiguous || !ledger.isKnown(key) || ledger.isMissing(key)) return undefined;
    // Its fingerprint is still to be learned.
    if (!hides && ledger.fingerprint(key) === undefined) return undefined;
    until = Math.min(until, deletableAt(context, mail));
  }
  return until > context.now() ? until : undefined;
}

/** Known mails to be compared; undefined where none can be found without reading the listing. */
async function samplesOf(
  { hides, last, numbered }: Seen,
  { now }: CheckContext,
  { client }: Session,
): Promise<ListedMail[] | undefined> {
  if (hides || last === undefined) return [];
  const found = await client.uidAt(placeAt(now()));
  if (found === undefined) return undefined;
  const { number, uid } = found;
  const any: ListedMail = { number, uid, key: `u${uid}`, ambiguous: false };
  return numbered && number !== last.number ? [any, last] : [any];
}

/** Between 0 and 1, spread evenly whatever the interval between checks. */
export const placeAt = (now: number): number =>
  (Math.imul(Math.floor(now / 1000), 0x9e3779b1) >>> 0) / 2 ** 32;

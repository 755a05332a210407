import { listsUid, type UniqueId } from '../pop3';
import type { CheckContext } from './check-context';
import type { ListedMail } from './listing';
import type { Seen } from './seen';
import type { Session } from './session';

/** Mails that are looked at one by one; where more have come or gone, the whole listing is read. */
const MOST = 64;

/** How the mailbox differs from the one in which there was nothing to do. */
export interface Changes {
  /** Unknown mails. */
  fresh: ListedMail[];
  /** Mails that came since, and that are known by now. */
  settled: ListedMail[];
  /** Keys of mails that are listed no more. */
  went: string[];
  /** The mail that is listed last. */
  last: ListedMail | undefined;
  /** What the server answered to UIDL. */
  uidl: Buffer;
}

/**
 * Compares what the server says with what it said when there was nothing to do.
 *
 * @returns undefined where the whole listing has to be read
 * @throws Pop3Error where the session is over
 */
export async function changesSince(
  { unchanged: { seen }, ledger }: CheckContext,
  session: Session,
): Promise<Changes | undefined> {
  if (seen === undefined || seen.ledger !== ledger) return undefined;
  const { client, messages, bytes } = session;
  const uidl = await uidlOf(session);
  if (uidl === undefined) return undefined;
  const changes: Changes = { fresh: [], settled: [], went: [], last: seen.last, uidl };
  if (messages === seen.messages && bytes === seen.bytes && uidl.equals(seen.uidl)) {
    const isSame = seen.list === undefined || (await client.listDigest()) === seen.list;
    return isSame ? changes : undefined;
  }
  // Where an ID is a number each change may mean another mail; where sizes need LIST, all of it has to be read.
  if (messages === 0 || seen.numbered || seen.list !== undefined) return undefined;
  const differences = await client.uidlChanges(seen.uidl, MOST);
  if (differences === undefined) return undefined;
  changes.went = differences.went.map((uid) => `u${uid}`);
  const came = differences.came.map(listed);
  if (seen.messages + came.length - changes.went.length !== messages) return undefined;
  // The same ID twice, or in another place.
  const keys = new Set([...changes.went, ...came.map(({ key }) => key)]);
  if (keys.size !== came.length + changes.went.length) return undefined;
  if (differences.came.some(({ uid }) => uid.trim() === '' || listsUid(seen.uidl, uid))) return undefined;
  const last = await client.uidAt(1);
  if (last === undefined || last.uid === String(last.number)) return undefined;
  changes.last = listed(last);
  changes.fresh = came.filter(({ key }) => !ledger.isKnown(key));
  changes.settled = came.filter(({ key }) => ledger.isKnown(key));
  return changes;
}

const NOTHING = Buffer.alloc(0);

/** An empty mailbox is not asked. */
export const uidlOf = async ({ client, messages }: Session): Promise<Buffer | undefined> =>
  messages === 0 ? NOTHING : client.uidlBytes();

export const listed = ({ number, uid }: UniqueId): ListedMail => ({
  number,
  uid,
  key: `u${uid}`,
  ambiguous: false,
});

/**
 * Whether the sizes of what came and went make up for what STAT says otherwise: then no other mail has another size.
 * Learns the sizes of the fresh ones.
 */
export async function hasExpectedSize(
  { ledger }: CheckContext,
  { client, bytes }: Session,
  { seen, changes }: { seen: Seen; changes: Changes },
): Promise<boolean> {
  // Where the session is over, what comes next fails as well.
  const none = (): undefined => undefined;
  const sizes = await Promise.all(changes.fresh.map(({ number }) => client.list(number).catch(none)));
  for (const [index, mail] of changes.fresh.entries()) {
    const octets = sizes[index]?.octets;
    if (octets === undefined) return false;
    mail.bytes = octets;
  }
  const remembered = (key: string): number => (ledger.bytes(key) < 0 ? Number.NaN : ledger.bytes(key));
  let expected = seen.bytes ?? 0;
  for (const { bytes: octets = Number.NaN } of changes.fresh) expected += octets;
  for (const { key } of changes.settled) expected += remembered(key);
  for (const key of changes.went) expected -= remembered(key);
  return expected === (bytes ?? 0);
}

/**
 * Fingerprints of known mails that are not listed, and that this node has not deleted: a fresh mail may be one of them.
 */
export function vanished({ ledger }: CheckContext, { went }: Changes): Set<string> {
  const found = new Set<string>();
  for (const key of [...went, ...ledger.missing]) {
    const fingerprint = ledger.isDeleted(key) ? undefined : ledger.fingerprint(key);
    if (fingerprint !== undefined) found.add(fingerprint);
  }
  return found;
}

import { type Pop3Client, Pop3Error, type RetrievedMail } from '../pop3';
import { digestOf } from './fingerprint';
import { concernsOneMail } from './from-pop3';
import { readHeader } from './header';

/** A mail as the server lists it in this session. */
export interface ListedMail {
  /** Message-number, RFC 1939: good for this session only. */
  number: number;
  /** The unique ID the server gave; undefined where it gave none. */
  uid?: string;
  /** What the ledger knows the mail by. */
  key: string;
  /** Another mail of this listing has the same identity, so which is which may change: DELE is withheld. */
  ambiguous: boolean;
  /** By LIST; undefined where it was not asked or not answered. */
  bytes?: number;
}

/** True where the server gives the mail no unique ID: its header identifies it. */
export const isDigest = (key: string): boolean => key.startsWith('h');

/** True where unique IDs are message numbers: the last mail is another as soon as any mail before it was deleted. */
export const isNumbered = (listing: readonly ListedMail[]): boolean =>
  listing.every(({ uid, number }) => uid === String(number));

/**
 * Lists the mailbox with an identity for every mail: its unique ID (UIDL, RFC 1939 section 7), else a digest
 * of its headers, and its place among equals.
 *
 * Servers send blank unique IDs or leave lines out (quirk 13); those mails are told apart by their headers, which
 * costs a TOP each. Mails with the same unique ID are told apart by their place alone.
 */
export async function listMailbox(
  client: Pop3Client,
  options: { messages: number; sizes: boolean; signal?: AbortSignal },
): Promise<ListedMail[]> {
  if (options.messages === 0) return [];
  const uids = new Map<number, string>();
  for (const { number, uid } of (await client.uidl()) ?? []) uids.set(number, uid);

  const sizes = new Map<number, number>();
  if (options.sizes || uids.size === 0 || uids.size !== options.messages) {
    for (const { number, octets } of await client.list()) if (octets !== undefined) sizes.set(number, octets);
  }

  const numbers = [...new Set([...uids.keys(), ...sizes.keys()])].sort((a, b) => a - b);
  const nameless = numbers.filter((number) => (uids.get(number) ?? '').trim() === '');
  const digests = nameless.length > 0 ? await digestHeaders(client, nameless, options.signal) : undefined;

  const places = new Map<string, number>();
  const listing: ListedMail[] = [];
  for (const number of numbers) {
    const uid = uids.get(number);
    const named = uid !== undefined && uid.trim() !== '';
    const digest = digests?.get(number);
    if (!named && digest === undefined) continue;
    const identity = named ? `u${uid}` : `h${digest}`;
    const place = (places.get(identity) ?? 0) + 1;
    places.set(identity, place);
    // A line end cannot be part of a unique ID, so no other mail can have this key.
    const key = place === 1 ? identity : `${identity}\n${place}`;
    const mail: ListedMail = { number, key, ambiguous: false };
    if (named) mail.uid = uid;
    const size = sizes.get(number);
    if (size !== undefined) mail.bytes = size;
    listing.push(mail);
  }
  // Nearly always each has its own, and then a hundred thousand need not be looked up.
  if (places.size === listing.length) return listing;
  for (const mail of listing) {
    mail.ambiguous = (places.get(mail.key.split('\n', 1)[0] ?? '') ?? 0) > 1;
  }
  return listing;
}

/**
 * Asks for the sizes of these mails, where listing them did not take it already. A server that refuses LIST, or whose
 * answer is too long, has its mails all the same.
 *
 * @throws Pop3Error where the server refuses for now, or the session is over
 */
export async function addSizes(client: Pop3Client, listing: ListedMail[]): Promise<void> {
  if (listing.every(({ bytes }) => bytes !== undefined)) return;
  const sizes = new Map<number, number>();
  try {
    for (const { number, octets } of await client.list()) if (octets !== undefined) sizes.set(number, octets);
  } catch (error) {
    if (!(error instanceof Pop3Error) || !['REFUSED', 'LIMIT'].includes(error.code)) throw error;
  }
  for (const mail of listing) {
    const size = sizes.get(mail.number);
    if (size !== undefined) mail.bytes = size;
  }
}

/**
 * A mail whose headers cannot be had has no identity and is left for the next check.
 * @throws Pop3Error where the session is over
 */
async function digestHeaders(
  client: Pop3Client,
  numbers: number[],
  signal?: AbortSignal,
): Promise<Map<number, string>> {
  const digests = await digestEach(client.top(numbers, 0), signal);
  if (digests.size > 0 || client.capabilities.has('TOP')) return digests;
  // A server with neither UIDL nor TOP, both of which RFC 1939 leaves open: the whole mails, then.
  const whole = await digestEach(client.retrieve(numbers), signal);
  // Some servers delete at QUIT what was retrieved (quirk 16); RSET takes that back.
  await client.rset();
  return whole;
}

async function digestEach(
  mails: AsyncIterable<RetrievedMail>,
  signal?: AbortSignal,
): Promise<Map<number, string>> {
  const digests = new Map<number, string>();
  for await (const { number, body } of mails) {
    try {
      digests.set(number, digestOf(await readHeader(body)));
    } catch (error) {
      if (signal?.aborted || !concernsOneMail(error)) throw error;
    }
  }
  return digests;
}

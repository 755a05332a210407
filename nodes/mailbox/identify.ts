import type { SparseSet } from '../base/sparse';
import { type Pop3Client, Pop3Error, type RetrievedMail } from '../pop3';
import { fingerprintOf } from './fingerprint';
import { concernsOneMail } from './from-pop3';
import { HeaderReader } from './header';
import type { ListedMail } from './listing';

/** What identifying may cost in one pass, bytes: some servers send the whole mail in answer to TOP. */
const MOST_BYTES = 16 * 1024 * 1024;
/** A mail that is downloaded for its header alone is no larger, bytes. */
const MOST_RETRIEVED = 256 * 1024;

export interface IdentifyLimits {
  signal: AbortSignal;
  /** Marks of mails at which a session has ended: they are not looked at again, or no check would ever end. */
  unidentifiable: SparseSet<string>;
}

/**
 * The fingerprints of these mails as the server shows them in this session, by TOP. A mail whose header cannot be had,
 * or that would cost too much, is left out.
 *
 * @returns by key
 * @throws Pop3Error where the session is over
 */
export async function identify(
  client: Pop3Client,
  mails: readonly ListedMail[],
  limits: IdentifyLimits,
): Promise<Map<string, string>> {
  return fingerprints((numbers) => client.top(numbers, 0), mails, limits);
}

/**
 * The same for a server without TOP, which RFC 1939 section 7 leaves open: by RETR, small mails only. Some servers
 * delete at QUIT what was retrieved (quirk 16): RSET has to follow.
 */
export async function identifyByRetrieval(
  client: Pop3Client,
  mails: readonly ListedMail[],
  limits: IdentifyLimits,
): Promise<Map<string, string>> {
  const small = mails.filter(({ bytes }) => bytes !== undefined && bytes <= MOST_RETRIEVED);
  return fingerprints((numbers) => retrieveInStep(client, numbers), small, limits);
}

/** Ends with an answer: where the end of the last mail was not its end, the session is out of step, and it shows here. */
async function* retrieveInStep(client: Pop3Client, numbers: number[]): AsyncIterable<RetrievedMail> {
  yield* client.retrieve(numbers);
  await client.rset();
}

async function fingerprints(
  source: (numbers: number[]) => AsyncIterable<RetrievedMail>,
  mails: readonly ListedMail[],
  { signal, unidentifiable }: IdentifyLimits,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const keys = new Map<number, string>();
  const marks = new Map<string, string>();
  for (const mail of mails) {
    const { number, key } = mail;
    if (unidentifiable.has(markOf(mail))) continue;
    keys.set(number, key);
    marks.set(key, markOf(mail));
  }
  if (keys.size === 0) return found;
  const read = { mails: 0 };
  try {
    await readEach(source([...keys.keys()]), { keys, found, read, signal });
  } catch (error) {
    // The one at which the session ended, or the one before it, whose end was not its end.
    const atEnd = error instanceof Pop3Error && error.code === 'PROTOCOL' ? read.mails - 1 : read.mails;
    const key = [...keys.values()][Math.max(0, atEnd)];
    if (!signal.aborted && key !== undefined) unidentifiable.add(marks.get(key) ?? '');
    throw error;
  }
  return found;
}

/** Another mail may get the same unique ID: then it has another size, or was not listed in between. */
export const markOf = ({ key, bytes }: ListedMail): string => `${key} ${bytes ?? ''}`;

/**
 * A mark is of no use where its mail is not listed any more. Where IDs are message numbers, each deletion moves the mails
 * behind it to lower ones: there a mark follows to the nearest mail of its size.
 */
export function followMarks(
  unidentifiable: SparseSet<string>,
  mails: readonly ListedMail[],
  numbered: boolean,
): void {
  if (unidentifiable.size === 0) return;
  const listed = new Set(mails.map(markOf));
  const displaced: { number: number; bytes: number }[] = [];
  for (const mark of unidentifiable) {
    const end = mark.lastIndexOf(' ');
    const [key, bytes] = [mark.slice(0, end), mark.slice(end + 1)];
    if (listed.has(mark) || listed.has(`${key} `)) continue;
    unidentifiable.delete(mark);
    if (numbered && bytes !== '') displaced.push({ number: Number(key.slice(1)), bytes: Number(bytes) });
  }
  if (displaced.length === 0) return;
  const bySize = new Map(displaced.map(({ bytes }): [number | undefined, ListedMail[]] => [bytes, []]));
  for (const mail of mails) bySize.get(mail.bytes)?.push(mail);
  // From the last one on, so that a mail that was passed is none for the rest either: each is looked at once.
  displaced.sort((a, b) => b.number - a.number);
  for (const { number, bytes } of displaced) {
    const mailsOfSize = bySize.get(bytes) ?? [];
    let found = mailsOfSize.pop();
    while (found !== undefined && (found.number >= number || unidentifiable.has(markOf(found))))
      found = mailsOfSize.pop();
    if (found !== undefined) unidentifiable.add(markOf(found));
  }
}

/** @param run `read`: how many mails have come or were refused */
async function readEach(
  source: AsyncIterable<RetrievedMail>,
  {
    keys,
    found,
    read,
    signal,
  }: {
    keys: ReadonlyMap<number, string>;
    found: Map<string, string>;
    read: { mails: number };
    signal: AbortSignal;
  },
): Promise<void> {
  let cost = 0;
  for await (const { number, body } of source) {
    const header = new HeaderReader();
    try {
      for await (const chunk of body) {
        header.push(chunk);
        cost += chunk.length;
      }
      const key = keys.get(number);
      if (key !== undefined) found.set(key, fingerprintOf(header.text));
    } catch (error) {
      if (signal.aborted || !concernsOneMail(error)) throw error;
      // A server without TOP refuses it for every mail.
      if (found.size === 0 && isTopRefused(error)) break;
    }
    read.mails += 1;
    if (cost > MOST_BYTES) break;
  }
}

const isTopRefused = (error: unknown): boolean =>
  error instanceof Pop3Error && error.code === 'REFUSED' && error.command === 'TOP';

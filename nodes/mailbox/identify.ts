import { type Pop3Client, Pop3Error, type RetrievedMail } from '../pop3';
import { fingerprintOf } from './fingerprint';
import { concernsOneMail } from './from-pop3';
import { HeaderReader } from './header';
import type { ListedMail } from './listing';

/** What identifying may cost in one pass, bytes: some servers send the whole mail in answer to TOP. */
const MOST_BYTES = 16 * 1024 * 1024;
/** A mail that is downloaded for its header alone is no larger, bytes. */
const MOST_RETRIEVED = 256 * 1024;

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
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const source = (numbers: number[]) => client.top(numbers, 0);
  return mails.length === 0 ? new Map() : fingerprints(source, mails, signal);
}

/**
 * The same for a server without TOP, which RFC 1939 section 7 leaves open: by RETR, small mails only. Some servers
 * delete at QUIT what was retrieved (quirk 16): RSET has to follow.
 */
export async function identifyByRetrieval(
  client: Pop3Client,
  mails: readonly ListedMail[],
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const small = mails.filter(({ bytes }) => bytes !== undefined && bytes <= MOST_RETRIEVED);
  return small.length === 0 ? new Map() : fingerprints((numbers) => client.retrieve(numbers), small, signal);
}

async function fingerprints(
  source: (numbers: number[]) => AsyncIterable<RetrievedMail>,
  mails: readonly ListedMail[],
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const keys = new Map(mails.map(({ number, key }) => [number, key]));
  const found = new Map<string, string>();
  let cost = 0;
  for await (const { number, body } of source([...keys.keys()])) {
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
      if (found.size === 0 && error instanceof Pop3Error && error.code === 'REFUSED') break;
    }
    if (cost > MOST_BYTES) break;
  }
  return found;
}

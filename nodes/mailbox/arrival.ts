import type { Pop3Client, RetrievedMail } from '../pop3';
import { concernsOneMail } from './from-pop3';
import { fieldsOf, readHeader } from './header';
import type { ListedMail } from './listing';

/**
 * When each mail arrived, ms since the epoch: by its topmost Received header, else its Date (RFC 5322
 * section 3.6). Undefined where neither can be read: such a mail counts as new, because losing one is worse
 * than sending one too many.
 *
 * @throws Pop3Error where the session is over: no date is no answer then
 */
export async function arrivals(
  client: Pop3Client,
  numbers: number[],
  signal?: AbortSignal,
): Promise<Map<number, number | undefined>> {
  const byTop = await arrivalsIn(client.top(numbers, 0), signal);
  if (byTop.given > 0 || numbers.length === 0) return byTop.dates;
  // A server without TOP, which RFC 1939 section 7 leaves open: the whole mails, then.
  const byRetrieval = await arrivalsIn(client.retrieve(numbers), signal);
  // Some servers delete at QUIT what was retrieved (quirk 16); RSET takes that back.
  await client.rset();
  return byRetrieval.dates;
}

async function arrivalsIn(
  mails: AsyncIterable<RetrievedMail>,
  signal?: AbortSignal,
): Promise<{ dates: Map<number, number | undefined>; given: number }> {
  const dates = new Map<number, number | undefined>();
  let given = 0;
  for await (const { number, body } of mails) {
    try {
      dates.set(number, arrivalOf(await readHeader(body)));
      given += 1;
    } catch (error) {
      if (signal?.aborted || !concernsOneMail(error)) throw error;
      dates.set(number, undefined);
    }
  }
  return { dates, given };
}

/** Those that arrived before that, ms since the epoch. */
export async function arrivedBefore(
  client: Pop3Client,
  mails: ListedMail[],
  since: number,
  signal: AbortSignal,
): Promise<ListedMail[]> {
  const dates = await arrivals(
    client,
    mails.map((mail) => mail.number),
    signal,
  );
  return mails.filter((mail) => (dates.get(mail.number) ?? Number.POSITIVE_INFINITY) < since);
}

/** The date in the topmost Received header (after its last semicolon), else in Date; ms since the epoch. */
export function arrivalOf(header: string): number | undefined {
  return receivedAt(header) ?? parsed(fieldOf(header, 'date'));
}

/** The date that the server has put on the mail when it received it: that of the topmost Received header. */
export function receivedAt(header: string): number | undefined {
  const received = fieldOf(header, 'received');
  return parsed(received?.slice(received.lastIndexOf(';') + 1));
}

const fieldOf = (header: string, name: string): string | undefined =>
  fieldsOf(header)
    .find((field) => field.toLowerCase().startsWith(`${name}:`))
    ?.slice(name.length + 1);

function parsed(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  // Comments are allowed in a date and Date.parse does not know them all: "(CET)", "(envelope-from …)".
  const at = Date.parse(text.replace(/\([^()]*\)/g, ' ').trim());
  return Number.isNaN(at) ? undefined : at;
}

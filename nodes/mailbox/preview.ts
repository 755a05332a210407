import { randomUUID } from 'node:crypto';
import { printable } from '../base/shown';
import { readMail } from '../mail';
import { Pop3Error, type RetrievedMail } from '../pop3';
import type { DeliveryParts } from './delivery/delivery';
import { pop3Fields, uidOf } from './delivery/pop3-fields';
import { mustDownloadAgain, NetworkMail } from './delivery/received-mail';
import { MailboxError } from './errors';
import { asMailboxError, concernsOneMail } from './from-pop3';
import { listMailbox } from './listing';
import { soleOwner } from './ownership';
import type { Session } from './session';

/** A mail as it can be shown before it is downloaded. */
export interface PreviewedMail {
  /** Knows it again in another session. */
  key: string;
  /** By LIST. */
  bytes?: number;
  /** Absent where the server did not give the headers. */
  subject?: string;
  from?: string;
  /** ISO 8601. */
  date?: string;
}

/**
 * The newest mails, the newest first, by TOP with no line of the body. Nothing is deleted or remembered. No RETR, since
 * Gmail hides what was retrieved, but where the server has no TOP. Ends the session.
 *
 * @throws MailboxError, or the reason of the signal
 */
export async function previewMailbox(
  { client, messages }: Session,
  { most, signal }: { most: number; signal: AbortSignal },
): Promise<PreviewedMail[]> {
  try {
    const listing = (await listMailbox(client, { messages, sizes: true, signal })).slice(-most).reverse();
    const previews = new Map<number, PreviewedMail>(
      listing.map(({ number, key, bytes }) => [number, { key, ...(bytes !== undefined && { bytes }) }]),
    );
    await describe(client.top(previews.keys(), 0), previews, signal);
    const shown = [...previews.values()].some(({ subject }) => subject !== undefined);
    // A server without TOP, which RFC 1939 section 7 leaves open, gives small mails whole.
    if (!shown) await describe(client.retrieve(smallOnes(previews)), previews, signal);
    // Some servers take a mail that was looked at for a mail to be deleted (quirk 16); RSET takes that back.
    await client.rset();
    await client.quit();
    return [...previews.values()];
  } catch (error) {
    signal.throwIfAborted();
    throw asMailboxError(error);
  } finally {
    client.destroy();
  }
}

/** A mail that is downloaded for its header alone is no larger, bytes. */
const MOST_RETRIEVED = 256 * 1024;

const smallOnes = (previews: ReadonlyMap<number, PreviewedMail>): number[] =>
  [...previews].flatMap(([number, { bytes }]) => ((bytes ?? Infinity) <= MOST_RETRIEVED ? [number] : []));

/** Adds what the headers say. A mail whose headers cannot be had is shown by its size alone. */
async function describe(
  mails: AsyncIterable<RetrievedMail>,
  previews: ReadonlyMap<number, PreviewedMail>,
  signal: AbortSignal,
): Promise<void> {
  for await (const { number, body } of mails) {
    const preview = previews.get(number);
    if (preview === undefined) continue;
    try {
      const { message } = await readMail(body, { content: 'headers', attachments: 'none', signal });
      preview.subject = printable(message.topic);
      preview.from = printable(senderOf(message.mail.from[0], message.from));
      if (message.date) preview.date = message.date.toISOString();
    } catch (error) {
      if (!concernsOneMail(error)) throw error;
    }
  }
}

function senderOf(
  sender: { name?: string; address?: string } | undefined,
  address: string | undefined,
): string {
  return sender?.name || sender?.address || address || '';
}

/** What sending a single mail needs. */
export interface SendOneParts extends Pick<DeliveryParts, 'reading' | 'origin' | 'deliver'> {
  /** Bytes; of a larger mail only the headers are sent. 0: no limit. */
  maxSize: number;
}

/**
 * Downloads one mail of those a preview has shown and delivers it, for trying out a flow. No ledger knows of it, so a
 * check delivers the mail just as if this had not been, and nothing is ever deleted for it; `redelivered` is true, as
 * wherever the mail may be met twice. Ends the session without QUIT: what was merely tried must be neither hidden
 * (Gmail) nor deleted (quirk 16).
 *
 * @throws MailboxError, or the reason of the signal
 */
export async function sendOne(
  { client, messages }: Session,
  key: string,
  { reading, origin, deliver, maxSize }: SendOneParts,
  signal: AbortSignal,
): Promise<void> {
  try {
    const mail = (await listMailbox(client, { messages, sizes: true, signal })).find(
      (one) => one.key === key || uidOf(one) === key,
    );
    if (mail === undefined) throw new MailboxError('PROTOCOL', 'mail-gone', { retryable: false });
    const tooLarge = maxSize > 0 && (mail.bytes ?? 0) > maxSize;
    const whole = !tooLarge && reading.content !== 'headers';
    const receive = (canDownloadAgain: boolean, byRetrieval = whole) =>
      new NetworkMail(bodyOf(client, mail.number, byRetrieval), whole, canDownloadAgain);
    let received = receive(true);
    const { message } = await received.read(reading, signal).catch((error) => {
      if (mustDownloadAgain(error)) received = receive(false);
      // A server without TOP gives the headers with the rest.
      else if (!whole && !tooLarge && isRefusal(error)) received = receive(true, true);
      else throw error;
      return received.read(reading, signal);
    });
    const { bytes } = received;
    const pop3 = pop3Fields(origin, mail, {
      delivery: randomUUID(),
      bytes: whole ? bytes : (mail.bytes ?? bytes),
      check: randomUUID(),
      // No ledger knows: a check may have delivered it, or may yet.
      earlier: undefined,
    });
    await deliver(Object.assign(message, { pop3 }), soleOwner);
  } catch (error) {
    signal.throwIfAborted();
    throw asMailboxError(error);
  } finally {
    client.destroy();
  }
}

const isRefusal = (error: unknown): boolean => error instanceof Pop3Error && error.code === 'REFUSED';

async function* bodyOf(client: Session['client'], number: number, whole: boolean): AsyncIterable<Buffer> {
  for await (const { body } of whole ? client.retrieve([number]) : client.top([number], 0)) yield* body;
}

import { MailError, type MailOptions, type ReadMail, readMail } from '../../mail';
import type { RetrievedMail } from '../../pop3';
import type { Spool, SpooledMail } from '../store/spool';

/** How mails are read. */
export type Reading = Pick<MailOptions, 'content' | 'attachments' | 'directory'>;

/** A mail whose bytes can be had, wherever they come from. */
export interface ReceivedMail {
  /** False where only its headers come (TOP). */
  readonly whole: boolean;
  /** How many have come so far: all of them once it has been read. */
  readonly bytes: number;
  /** Its bytes as they came; once, but from the spool. */
  content(): AsyncIterable<Buffer>;
  /**
   * Reads it, or only its headers where only those come.
   * @throws what the content throws; where {@link mustDownloadAgain} is true of it, the mail has to be received again
   */
  read(reading: Reading, signal: AbortSignal): Promise<ReadMail>;
}

/** A mail that has been received under this message number. */
export interface NumberedMail {
  number: number;
  received: ReceivedMail;
}

/** How mails are received. */
export interface Receipt {
  /** False where only headers come (TOP). */
  whole: boolean;
  /** How many mails come. */
  count: number;
  /** Whether this mail could be downloaded once more, so that its bytes need not be kept. */
  canDownloadAgain(number: number): boolean;
}

/** True of a large mail that could not be parsed: it is delivered raw, and its bytes were not kept. */
export const mustDownloadAgain = (error: unknown): boolean =>
  error instanceof MailError && error.code === 'BYTES_NEEDED';

/** A mail that comes from the server, to be read while it comes. */
export class NetworkMail implements ReceivedMail {
  bytes = 0;

  constructor(
    private readonly body: AsyncIterable<Buffer>,
    readonly whole: boolean,
    /** It could be downloaded once more. */
    private readonly canDownloadAgain: boolean,
  ) {}

  async *content(): AsyncIterable<Buffer> {
    for await (const chunk of this.body) {
      this.bytes += chunk.length;
      yield chunk;
    }
  }

  read(reading: Reading, signal: AbortSignal): Promise<ReadMail> {
    return readMail(this.content(), optionsOf(reading, this, signal, this.canDownloadAgain));
  }
}

/** A mail of the spool, which can be read as often as one likes. */
export class MailFromSpool implements ReceivedMail {
  readonly whole: boolean;
  readonly bytes: number;

  constructor(
    private readonly spool: Spool,
    private readonly mail: SpooledMail,
  ) {
    this.whole = mail.whole;
    this.bytes = mail.bytes;
  }

  content(): AsyncIterable<Buffer> {
    return this.spool.read(this.mail.key);
  }

  async read(reading: Reading, signal: AbortSignal): Promise<ReadMail> {
    try {
      return await readMail(this.content(), optionsOf(reading, this, signal, true));
    } catch (error) {
      if (!mustDownloadAgain(error)) throw error;
      return readMail(this.content(), optionsOf(reading, this, signal, false));
    }
  }
}

/** Mails that are read as they come, one after the other. */
export async function* fromNetwork(
  source: AsyncIterable<RetrievedMail>,
  { whole, canDownloadAgain }: Receipt,
): AsyncIterable<NumberedMail> {
  for await (const { number, body } of source)
    yield { number, received: new NetworkMail(body, whole, canDownloadAgain(number)) };
}

export function optionsOf(
  reading: Reading,
  { whole }: Pick<ReceivedMail, 'whole'>,
  signal: AbortSignal,
  canDownloadAgain: boolean,
): MailOptions {
  return whole
    ? { ...reading, comesAgain: canDownloadAgain, signal }
    : { content: 'headers', attachments: 'none', signal };
}

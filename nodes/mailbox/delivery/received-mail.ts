import { MailError, type MailOptions, type ReadMail, readMail } from '../../mail';
import type { RetrievedMail } from '../../pop3';
import { receivedAt } from '../arrival';
import { fingerprintOf } from '../fingerprint';
import { HeaderReader } from '../header';
import type { Spool, SpooledMail } from '../store/spool';

/** How mails are read. */
export type Reading = Pick<
  MailOptions,
  'content' | 'attachments' | 'directory' | 'groupReadable' | 'trustedServers' | 'reply'
>;

/** A mail whose bytes can be had, wherever they come from. What it says of itself is certain once it has been read. */
export interface ReceivedMail {
  /** False where only its headers come (TOP). */
  readonly whole: boolean;
  /** How many have come so far. */
  readonly bytes: number;
  /** The server announced more than it sent: a part may be missing. */
  readonly incomplete: boolean;
  /** What it is recognized by; undefined in a spool of version 0.1. */
  readonly fingerprint?: string | undefined;
  /** When the server received it, ms since the epoch, where that is known. */
  readonly receivedAt?: number | undefined;
  /** Its bytes as they came; once, but from the spool. */
  content(): AsyncIterable<Buffer>;
  /**
   * Reads it, or only its headers where only those come.
   * @throws what the content throws; where {@link mustDownloadAgain} is true of it, it has to be received again
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
  /** The size that LIST told of a mail. */
  listed(number: number): number | undefined;
  /** What LIST tells are estimates. */
  estimated: boolean;
  /** Whether this mail could be downloaded once more, so that its bytes need not be kept. */
  canDownloadAgain(number: number): boolean;
}

/** True of a large mail that could not be parsed: it is delivered raw, and its bytes were not kept. */
export const mustDownloadAgain = (error: unknown): boolean =>
  error instanceof MailError && error.code === 'BYTES_NEEDED';

const DOTTED_LINE = Buffer.from('\n.');
const NEWLINE = 0x0a;
const DOT = 0x2e;
/** A last line end that some servers count and do not send, or the other way round. */
const LAST_LINE_END = 2;

/** What the server says of a mail's size. */
interface Sizes {
  /** By RETR's own answer. */
  announced?: number | undefined;
  /** By LIST: it counts where RETR names none. */
  listed?: number | undefined;
  /** LIST tells estimates (quirk 15): that less comes says nothing, unless nothing comes at all. */
  estimated?: boolean;
}

/** Counts what comes of a mail, and keeps its header. */
class Meter {
  readonly #announced: number | undefined;
  readonly #listed: number | undefined;
  bytes = 0;
  readonly #header = new HeaderReader();
  /** Lines that begin with a dot: some servers announce them with the dot that RFC 1939 section 3 adds. */
  #dots = 0;
  /** Lines that end with a bare LF: some servers announce them with CR. */
  #bareLines = 0;
  #bare: boolean | undefined;
  #last = NEWLINE;

  constructor({ announced, listed, estimated }: Sizes) {
    this.#announced = announced ?? (estimated ? undefined : listed);
    this.#listed = listed;
  }

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#header.push(chunk);
    if (this.#announced === undefined || chunk.length === 0) return;
    if (this.#last === NEWLINE && chunk[0] === DOT) this.#dots += 1;
    for (let at = chunk.indexOf(DOTTED_LINE); at !== -1; at = chunk.indexOf(DOTTED_LINE, at + 1))
      this.#dots += 1;
    this.#bare ??= bareLineEnds(chunk);
    if (this.#bare) {
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1))
        this.#bareLines += 1;
    }
    this.#last = chunk[chunk.length - 1] as number;
  }

  /** None of a mail without header: TOP shows what it is. */
  get fingerprint(): string | undefined {
    return this.#header.text === '' ? undefined : fingerprintOf(this.#header.text);
  }

  get receivedAt(): number | undefined {
    return receivedAt(this.#header.text);
  }

  /** Fewer bytes than were announced, beyond what different ways of counting explain. */
  get incomplete(): boolean {
    // Dovecot gives nothing where it has a wrong size in its index, and announces that.
    if (this.bytes === 0 && (this.#listed ?? 0) > LAST_LINE_END) return true;
    return this.bytes + this.#dots + this.#bareLines + LAST_LINE_END < (this.#announced ?? 0);
  }
}

/** Undefined where the chunk has no line end. */
function bareLineEnds(chunk: Buffer): boolean | undefined {
  const end = chunk.indexOf(NEWLINE);
  return end === -1 ? undefined : chunk[end - 1] !== 0x0d;
}

/** A mail that comes from the server, to be read while it comes. */
export class NetworkMail implements ReceivedMail {
  readonly #body: AsyncIterable<Buffer>;
  readonly #canDownloadAgain: boolean;
  readonly #meter: Meter;
  readonly #announced: number | undefined;

  /** @param canDownloadAgain it could be downloaded once more */
  constructor(
    body: AsyncIterable<Buffer>,
    readonly whole: boolean,
    canDownloadAgain: boolean,
    sizes: Sizes = {},
  ) {
    this.#body = body;
    this.#canDownloadAgain = canDownloadAgain;
    this.#announced = whole ? (sizes.announced ?? sizes.listed) : undefined;
    this.#meter = new Meter(whole ? sizes : {});
  }

  get bytes(): number {
    return this.#meter.bytes;
  }

  get incomplete(): boolean {
    return this.#meter.incomplete;
  }

  get fingerprint(): string | undefined {
    return this.#meter.fingerprint;
  }

  get receivedAt(): number | undefined {
    return this.#meter.receivedAt;
  }

  async *content(): AsyncIterable<Buffer> {
    for await (const chunk of this.#body) {
      this.#meter.push(chunk);
      yield chunk;
    }
  }

  async read(reading: Reading, signal: AbortSignal): Promise<ReadMail> {
    return noted(
      this,
      await readMail(this.content(), {
        ...optionsOf(reading, this, signal, this.#canDownloadAgain),
        ...(this.#announced !== undefined && { bytes: this.#announced }),
      }),
    );
  }
}

/** A mail of the spool, which can be read as often as one likes. */
export class MailFromSpool implements ReceivedMail {
  readonly #spool: Spool;
  readonly #mail: SpooledMail;
  readonly whole: boolean;
  readonly bytes: number;
  readonly incomplete: boolean;
  declare readonly fingerprint?: string;

  constructor(spool: Spool, mail: SpooledMail) {
    this.#spool = spool;
    this.#mail = mail;
    this.whole = mail.whole;
    this.bytes = mail.bytes;
    this.incomplete = mail.incomplete === true;
    if (mail.fingerprint !== undefined) this.fingerprint = mail.fingerprint;
  }

  content(): AsyncIterable<Buffer> {
    return this.#spool.read(this.#mail.key);
  }

  async read(reading: Reading, signal: AbortSignal): Promise<ReadMail> {
    try {
      return noted(this, await readMail(this.content(), optionsOf(reading, this, signal, true)));
    } catch (error) {
      if (!mustDownloadAgain(error)) throw error;
      return noted(this, await readMail(this.content(), optionsOf(reading, this, signal, false)));
    }
  }
}

/** Mails that are read as they come, one after the other. */
export async function* fromNetwork(
  source: AsyncIterable<RetrievedMail>,
  { whole, canDownloadAgain, listed, estimated }: Receipt,
): AsyncIterable<NumberedMail> {
  for await (const { number, body, announced } of source) {
    const sizes = { announced, listed: listed(number), estimated };
    yield { number, received: new NetworkMail(body, whole, canDownloadAgain(number), sizes) };
  }
}

function optionsOf(
  reading: Reading,
  { whole }: Pick<ReceivedMail, 'whole'>,
  signal: AbortSignal,
  canDownloadAgain: boolean,
): MailOptions {
  return whole
    ? { ...reading, comesAgain: canDownloadAgain, signal }
    : {
        content: 'headers',
        attachments: 'none',
        ...(reading.trustedServers && { trustedServers: reading.trustedServers }),
        signal,
      };
}

/** Tells the flow of what may be missing. */
function noted({ incomplete }: Pick<ReceivedMail, 'incomplete'>, read: ReadMail): ReadMail {
  const text = 'The server sent fewer bytes than it announced: a part of the mail may be missing.';
  if (incomplete) read.message.mail.problems.push({ code: 'INCOMPLETE', text });
  return read;
}

// Many mails at once are read ahead in the second thread, a batch at a time, while those before them are delivered.
// Their order stays, and so does everything about the delivery: only the reading has happened already.
import { setMaxListeners } from 'node:events';
import { canReadBatches, type MailMessage, type ReadMail, readBatch, readMail } from '../../mail';
import type { RetrievedMail } from '../../pop3';
import {
  fromNetwork,
  Meter,
  type NumberedMail,
  noted,
  optionsOf,
  type Reading,
  type Receipt,
  type ReceivedMail,
} from './received-mail';

/** Fewer mails are read where they are delivered: a thread would cost more than it saves. */
const FEWEST_MAILS = 64;
/** Of a mail that is read ahead; a larger one is read as it comes in. */
const SMALL_BYTES = 128 * 1024;
/** A batch: so many mails, or so many bytes. */
const BATCH_MAILS = 64;
const BATCH_BYTES = 256 * 1024;
/** What has come in and is not delivered, at most, but for the mail that makes it more. */
const MOST_AHEAD_BYTES = 1024 * 1024;

/** A mail that has come in, whole, or as far as it goes without being read. */
class AheadMail implements ReceivedMail {
  readonly #meter: Meter;
  readonly #canDownloadAgain: boolean;
  readonly whole = true;
  #batch: Batch | undefined;
  #index = 0;

  /** @param rest what comes behind the chunks; undefined where they are all */
  constructor(
    readonly chunks: Buffer[],
    meter: Meter,
    canDownloadAgain: boolean,
    readonly rest?: AsyncIterable<Buffer>,
  ) {
    this.#meter = meter;
    this.#canDownloadAgain = canDownloadAgain;
  }

  get bytes(): number {
    return this.#meter.bytes;
  }

  get incomplete(): boolean {
    return this.#meter.incomplete;
  }

  get fingerprint(): string {
    return this.#meter.fingerprint;
  }

  get receivedAt(): number | undefined {
    return this.#meter.receivedAt;
  }

  async *content(): AsyncGenerator<Buffer> {
    yield* this.chunks;
    if (this.rest === undefined) return;
    for await (const chunk of this.rest) {
      this.#meter.push(chunk);
      yield chunk;
    }
  }

  putInto(batch: Batch): void {
    this.#batch = batch;
    this.#index = batch.mails.push(this) - 1;
    batch.bytes += this.bytes;
  }

  async read(reading: Reading, signal: AbortSignal): Promise<ReadMail> {
    const message = (await this.#batch?.read())?.[this.#index];
    // What a batch reads are mails whose attachments are no files.
    if (message !== undefined) return noted(this, { message, discard: async () => undefined });
    return noted(
      this,
      await readMail(this.content(), optionsOf(reading, this, signal, this.#canDownloadAgain)),
    );
  }
}

class Batch {
  readonly #reading: Reading;
  readonly #signal: AbortSignal;
  readonly mails: AheadMail[] = [];
  bytes = 0;
  #messages: Promise<MailMessage[] | undefined> | undefined;

  constructor(reading: Reading, signal: AbortSignal) {
    this.#reading = reading;
    this.#signal = signal;
  }

  /** No mail may be put in any more. */
  get begun(): boolean {
    return this.#messages !== undefined;
  }

  get full(): boolean {
    return this.mails.length >= BATCH_MAILS || this.bytes >= BATCH_BYTES;
  }

  read(): Promise<MailMessage[] | undefined> {
    this.#messages ??= new Promise((resolve) => {
      const { mails } = this;
      const reading = this.#reading;
      const signal = this.#signal;
      const giveUp = (): void => resolve(undefined);
      signal.addEventListener('abort', giveUp);
      void readBatch(
        mails.map(({ chunks }) => chunks),
        reading,
      ).then((messages) => {
        signal.removeEventListener('abort', giveUp);
        resolve(messages);
      });
    });
    return this.#messages;
  }
}

/** The mails that come from the server, in its order; many small ones are read by the time they are asked for. */
export function readAhead(
  source: AsyncIterable<RetrievedMail>,
  receipt: Receipt,
  reading: Reading,
  signal: AbortSignal,
): AsyncIterable<NumberedMail> {
  const { whole, count } = receipt;
  if (!whole || count <= FEWEST_MAILS || !canReadBatches(reading)) return fromNetwork(source, receipt);
  // A listener for each batch that is on its way; ten would already be warned about.
  setMaxListeners(0, signal);
  return ahead(source[Symbol.asyncIterator](), receipt, () => new Batch(reading, signal));
}

async function* ahead(
  source: AsyncIterator<RetrievedMail>,
  { canDownloadAgain, announced }: Receipt,
  newBatch: () => Batch,
): AsyncGenerator<NumberedMail> {
  const queue: { number: number; received: AheadMail }[] = [];
  let bytes = 0;
  let end: { error?: unknown } | undefined;
  let wanted = true;
  /** Wakes the one of the two that waits: the other one never does. */
  let wake = (): void => {};
  const woken = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });

  const fill = async (): Promise<void> => {
    let batch = newBatch();
    while (wanted) {
      const { done, value } = await source.next();
      if (done || !wanted) return;
      const meter = new Meter(announced(value.number));
      const received = await receive(value.body, meter, canDownloadAgain(value.number));
      if (batch.begun) batch = newBatch();
      if (!received.rest) received.putInto(batch);
      queue.push({ number: value.number, received });
      bytes += received.bytes;
      wake();
      if (batch.full) void batch.read();
      // A large one has to be read before the next comes.
      while (wanted && (bytes > MOST_AHEAD_BYTES || (received.rest && bytes > 0))) await woken();
    }
  };
  const filling = fill().then(
    () => {
      end = {};
      wake();
    },
    (error: unknown) => {
      end = { error };
      wake();
    },
  );

  try {
    while (true) {
      const mail = queue.shift();
      if (mail) {
        const { bytes: ahead } = mail.received;
        yield mail;
        bytes -= ahead;
        wake();
      } else if (end) {
        if ('error' in end) throw end.error;
        return;
      } else await woken();
    }
  } finally {
    wanted = false;
    wake();
    void filling;
    await source.return?.();
  }
}

/** Waits for a mail to come whole, or to be large; the error that ends it is thrown where it is read. */
async function receive(
  body: AsyncIterable<Buffer>,
  meter: Meter,
  canDownloadAgain: boolean,
): Promise<AheadMail> {
  const iterator = body[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  try {
    while (meter.bytes <= SMALL_BYTES) {
      const { done, value } = await iterator.next();
      if (done) return new AheadMail(chunks, meter, canDownloadAgain);
      chunks.push(value);
      meter.push(value);
    }
    return new AheadMail(chunks, meter, canDownloadAgain, { [Symbol.asyncIterator]: () => iterator });
  } catch (error) {
    return new AheadMail(chunks, meter, canDownloadAgain, failing(error));
  }
}

// biome-ignore lint/correctness/useYield: it ends before the first
async function* failing(error: unknown): AsyncGenerator<Buffer> {
  throw error;
}

// Many mails at once are read ahead in the second thread, a batch at a time, while those before them are handed over.
// Their order stays, and so does everything about the hand-over: only the reading has happened already.
import { setMaxListeners } from 'node:events';
import { canReadBatches, type MailMessage, readBatch } from '../../mail';
import type { RetrievedMail } from '../../pop3';
import type { HandOverParts } from './send';

/** Fewer mails are read where they are handed over: a thread would cost more than it saves. */
const MANY = 64;
/** Octets of a mail that is read ahead; a larger one is read as it comes in. */
const SMALL = 128 * 1024;
/** A batch: so many mails, or so many octets. */
const BATCH_MAILS = 64;
const BATCH_OCTETS = 256 * 1024;
/** Octets that have come in and are not handed over, at most, but for the mail that makes it more. */
const AHEAD = 1024 * 1024;

type Reading = HandOverParts['reading'];

/** A mail that has come in, whole, or as far as it goes without being read. */
export class ComeMail implements AsyncIterable<Buffer> {
  private batch: Batch | undefined;
  private index = 0;

  /** @param rest what comes behind the chunks; undefined where they are all */
  constructor(
    readonly chunks: Buffer[],
    readonly octets: number,
    readonly rest?: AsyncIterable<Buffer>,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    yield* this.chunks;
    if (this.rest) yield* this.rest;
  }

  putInto(batch: Batch): void {
    this.batch = batch;
    this.index = batch.mails.push(this) - 1;
    batch.octets += this.octets;
  }

  /** What it was read to; undefined where it has to be read here. Never rejects. */
  async message(): Promise<MailMessage | undefined> {
    return (await this.batch?.read())?.[this.index];
  }
}

class Batch {
  readonly mails: ComeMail[] = [];
  octets = 0;
  private messages: Promise<MailMessage[] | undefined> | undefined;

  constructor(
    private readonly reading: Reading,
    private readonly signal: AbortSignal,
  ) {}

  /** Nobody may be put in any more. */
  get begun(): boolean {
    return this.messages !== undefined;
  }

  get full(): boolean {
    return this.mails.length >= BATCH_MAILS || this.octets >= BATCH_OCTETS;
  }

  read(): Promise<MailMessage[] | undefined> {
    this.messages ??= new Promise((resolve) => {
      const { mails, reading, signal } = this;
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
    return this.messages;
  }
}

/** Those that come from the server, in its order; many small ones are read by the time they are asked for. */
export function readAhead(
  source: AsyncIterable<RetrievedMail>,
  count: number,
  reading: Reading,
  signal: AbortSignal,
): AsyncIterable<RetrievedMail> {
  if (count <= MANY || !canReadBatches(reading)) return source;
  // A listener for each batch that is on its way; ten would already be warned about.
  setMaxListeners(0, signal);
  return ahead(source[Symbol.asyncIterator](), () => new Batch(reading, signal));
}

async function* ahead(
  source: AsyncIterator<RetrievedMail>,
  newBatch: () => Batch,
): AsyncGenerator<RetrievedMail> {
  const queue: { number: number; body: ComeMail }[] = [];
  let octets = 0;
  let end: { error?: unknown } | undefined;
  let wanted = true;
  /** Whoever waits for the other: one of the two always does not. */
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
      const body = await comeIn(value.body);
      if (batch.begun) batch = newBatch();
      if (!body.rest) body.putInto(batch);
      queue.push({ number: value.number, body });
      octets += body.octets;
      wake();
      if (batch.full) void batch.read();
      // A large one has to be read before the next comes.
      while (wanted && (octets > AHEAD || (body.rest && octets > 0))) await woken();
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
        yield mail;
        octets -= mail.body.octets;
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

/** Waits for a mail to come whole, or to be large; the error that ends it is met where it is read. */
async function comeIn(bytes: AsyncIterable<Buffer>): Promise<ComeMail> {
  const iterator = bytes[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  let octets = 0;
  try {
    while (octets <= SMALL) {
      const { done, value } = await iterator.next();
      if (done) return new ComeMail(chunks, octets);
      chunks.push(value);
      octets += value.length;
    }
    return new ComeMail(chunks, octets, { [Symbol.asyncIterator]: () => iterator });
  } catch (error) {
    return new ComeMail(chunks, octets, failing(error));
  }
}

// biome-ignore lint/correctness/useYield: it ends before the first
async function* failing(error: unknown): AsyncGenerator<Buffer> {
  throw error;
}

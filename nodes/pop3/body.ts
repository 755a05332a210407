import type { Pop3Error } from './error';

/** What a mail needs of the session it comes from. */
export interface Flow {
  /** So many bytes wait for a reader: too many of them stop the socket. */
  queued(octets: number): void;
  taken(octets: number): void;
  /** Ends the session. */
  fail(error: Pop3Error): void;
}

/**
 * Bytes of a large mail that a reader is given at once. V8 frees the chunks of the socket when its young generation is
 * full of what goes with each piece, so the smaller the pieces, the less memory waits to be freed. Measured with a mail of
 * 500 MB and a young generation of 4 MB: 27 MB in pieces of 8 kB, 13 MB in pieces of 4 kB.
 */
const PIECE = 4096;
/** What is no longer than this is one piece: most mails are. */
const WHOLE = 8192;

const END: Promise<IteratorResult<Buffer, undefined>> = Promise.resolve({ done: true, value: undefined });

interface Waiter {
  resolve(result: IteratorResult<Buffer, undefined>): void;
  reject(error: Pop3Error): void;
}

/**
 * One mail on its way from the socket to its reader. Ends only when the server has said that the mail is
 * complete; a mail cut short rejects. May be read once.
 */
export class Body implements AsyncIterableIterator<Buffer, undefined> {
  readonly #flow: Flow;
  #chunks: Buffer[] | undefined;
  #waiter: Waiter | undefined;
  #complete = false;
  #error: Pop3Error | undefined;
  #discarded = false;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    // Taken out at once: a queue that is never quite empty must not keep what has been read.
    const chunk = this.#chunks?.shift();
    if (chunk) {
      this.#flow.taken(chunk.length);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#error) return Promise.reject(this.#error);
    if (this.#complete || this.#discarded) return END;
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** The rest is not read: it is let go as it comes in. */
  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.discard();
    return END;
  }

  push(chunk: Buffer): void {
    if (this.#discarded || this.#error) return;
    if (chunk.length <= WHOLE) this.#hand(chunk);
    else for (let at = 0; at < chunk.length; at += PIECE) this.#hand(chunk.subarray(at, at + PIECE));
  }

  #hand(piece: Buffer): void {
    if (this.#waiter) {
      const { resolve } = this.#waiter;
      this.#waiter = undefined;
      resolve({ done: false, value: piece });
      return;
    }
    this.#flow.queued(piece.length);
    // Most mails are one piece: a list of one, where a push would make room for many.
    if (this.#chunks) this.#chunks.push(piece);
    else this.#chunks = [piece];
  }

  end(): void {
    this.#complete = true;
    this.#waiter?.resolve({ done: true, value: undefined });
    this.#waiter = undefined;
  }

  /** What is queued is let go: half a mail is of no use, and the reader shall hear of it at once. */
  fail(error: Pop3Error): void {
    if (this.#complete || this.#error || this.#discarded) return;
    this.#release();
    this.#error = error;
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }

  discard(): void {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#release();
    this.#waiter?.resolve({ done: true, value: undefined });
    this.#waiter = undefined;
  }

  #release(): void {
    let octets = 0;
    for (const chunk of this.#chunks ?? []) octets += chunk.length;
    this.#chunks = undefined;
    if (octets > 0) this.#flow.taken(octets);
  }
}

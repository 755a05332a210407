import type { Pop3Error } from './error';

/** Counts the bytes that wait for a reader, and stops the socket while there are too many. */
export interface Flow {
  queued(octets: number): void;
  taken(octets: number): void;
}

interface Waiter {
  resolve(result: IteratorResult<Buffer, undefined>): void;
  reject(error: Pop3Error): void;
}

/**
 * One mail on its way from the socket to whoever reads it. Ends only when the server has said that the mail is
 * complete; a mail cut short rejects. May be read once.
 */
export class Body implements AsyncIterableIterator<Buffer, undefined> {
  readonly #flow: Flow;
  #chunks: Buffer[] = [];
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
    const chunk = this.#chunks.shift();
    if (chunk) {
      this.#flow.taken(chunk.length);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#error) return Promise.reject(this.#error);
    if (this.#complete || this.#discarded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** Nobody reads the rest: it is let go as it comes in. */
  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.discard();
    return Promise.resolve({ done: true, value: undefined });
  }

  push(chunk: Buffer): void {
    if (this.#discarded || this.#error) return;
    if (this.#waiter) {
      const { resolve } = this.#waiter;
      this.#waiter = undefined;
      resolve({ done: false, value: chunk });
    } else {
      this.#chunks.push(chunk);
      this.#flow.queued(chunk.length);
    }
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
    for (const chunk of this.#chunks) octets += chunk.length;
    this.#chunks = [];
    if (octets > 0) this.#flow.taken(octets);
  }
}

// The bytes of a mail as they come, a chunk at a time, canceled as soon as they are not needed any more.
import { setMaxListeners } from 'node:events';

/** Lets whatever is awaited be given up by a signal: one listener on it, however much is awaited. */
export class Abortable {
  readonly #signal: AbortSignal | undefined;
  /** Gives up what is awaited just now. */
  #giveUp: (reason: unknown) => void = () => {};
  readonly #onAbort = (): void => this.#giveUp(this.#signal?.reason);

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    if (!signal) return;
    signal.throwIfAborted();
    // Many mails may be read under one signal; ten would already be warned about.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /**
   * One at a time. Not by Promise.race, whose other promise, never settled, keeps what came of each: as good as every
   * mail outlived two young collections then, and filled the old generation.
   *
   * @throws the reason of the signal, if that comes first. What is awaited may fail later: that ends no process.
   */
  race<T>(promise: Promise<T>): Promise<T> {
    const signal = this.#signal;
    if (signal === undefined) return promise;
    return new Promise<T>((resolve, reject) => {
      this.#giveUp = reject;
      if (signal.aborted) reject(signal.reason);
      promise.then(resolve, reject);
    });
  }

  get isAborted(): boolean {
    return this.#signal?.aborted === true;
  }

  close(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

/**
 * Hands each chunk of a source to a consumer, and waits for that before it asks for the next.
 *
 * @throws the error of the source, or of the consumer; the reason of the signal, even while either keeps silent
 */
export async function eachChunk(
  bytes: AsyncIterable<Buffer>,
  abortable: Abortable,
  consume: (chunk: Buffer) => Promise<void> | undefined,
): Promise<void> {
  const source = bytes[Symbol.asyncIterator]();
  let open = true;
  const next = async () => {
    open = false;
    const result = await source.next();
    open = !result.done;
    return result;
  };
  try {
    while (true) {
      // Open again only when the chunk is there: a source that failed or ended needs no closing.
      const { done, value } = await abortable.race(next());
      if (done) return;
      const consumed = value.length ? consume(value) : undefined;
      if (consumed) await abortable.race(consumed);
    }
  } finally {
    // Not awaited: a generator that hangs in its next() would never answer its return().
    if (open || abortable.isAborted) source.return?.()?.then(undefined, () => {});
  }
}

/** Finds the end of the header block: the first empty line (RFC 5322, section 2.1). */
export class HeadCutter {
  /** Whether the line so far is empty but for CRs. */
  #empty = true;
  /** Empty lines in front of it end nothing. */
  #hasBegun = false;

  /** How many of these bytes belong to the header block, its empty line included; undefined: all, and more. */
  write(chunk: Buffer): number | undefined {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === 0x0a) {
        if (this.#empty && this.#hasBegun) return at + 1;
        this.#empty = true;
      } else if (byte !== 0x0d) {
        this.#empty = false;
        this.#hasBegun = true;
      }
    }
    return undefined;
  }
}

// The bytes of a mail as they come, a chunk at a time, given up the moment nobody wants them any more.
import { setMaxListeners } from 'node:events';

/** Lets whatever is awaited be given up by a signal: one listener on it, however much is awaited. */
export class Abortable {
  private readonly aborted: Promise<never> | undefined;
  private onAbort: () => void = () => {};

  constructor(private readonly signal: AbortSignal | undefined) {
    if (!signal) return;
    signal.throwIfAborted();
    // Many mails may be read under one signal; ten would already be warned about.
    setMaxListeners(0, signal);
    this.aborted = new Promise<never>((_, reject) => {
      this.onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', this.onAbort, { once: true });
    });
    // Between two awaits nobody listens.
    this.aborted.catch(() => {});
  }

  /** @throws the reason of the signal, if that comes first */
  race<T>(promise: Promise<T>): Promise<T> {
    this.signal?.throwIfAborted();
    return this.aborted ? Promise.race([promise, this.aborted]) : promise;
  }

  close(): void {
    this.signal?.removeEventListener('abort', this.onAbort);
  }
}

/**
 * Passes on the chunks of a source; empty ones are left out.
 *
 * @throws the error of the source; the reason of the signal, even while the source keeps silent
 */
export async function* chunksOf(bytes: AsyncIterable<Buffer>, abortable: Abortable): AsyncGenerator<Buffer> {
  const source = bytes[Symbol.asyncIterator]();
  let open = true;
  try {
    while (open) {
      const next = source.next().then(
        (result) => {
          if (result.done) open = false;
          return result;
        },
        (error: unknown) => {
          open = false;
          throw error;
        },
      );
      const { done, value } = await abortable.race(next);
      if (!done && value.length) yield value;
    }
  } finally {
    // Not awaited: a generator that hangs in its next() would never answer its return().
    if (open) source.return?.()?.then(undefined, () => {});
  }
}

/** Finds the end of the header block: the first empty line (RFC 5322, section 2.1). */
export class HeadCutter {
  /** Whether the line so far is empty but for a CR. */
  private empty = true;
  private sawCr = false;

  /** How many of these bytes belong to the header block, its empty line included; undefined: all, and more. */
  write(chunk: Buffer): number | undefined {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === 0x0a) {
        if (this.empty) return at + 1;
        this.empty = true;
        this.sawCr = false;
      } else if (byte === 0x0d && this.empty && !this.sawCr) this.sawCr = true;
      else this.empty = false;
    }
    return undefined;
  }
}

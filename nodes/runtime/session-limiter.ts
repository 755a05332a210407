import { untilAborted } from '../base/abort';

/** Sessions that may be open at the same time, over all mailboxes: a thousand of them must not open at once. */
export const MOST_SESSIONS = 16;

/** A place that a mailbox has for its session. */
export interface Turn {
  /** True where another mailbox, or another node on this one, waits for its place. */
  isWanted(): boolean;
}

/** One session a mailbox at a time (a POP3 server locks the maildrop, RFC 1939 section 4), and not too many in all. */
export class Turns {
  #free = MOST_SESSIONS;
  readonly #waiting: (() => void)[] = [];
  readonly #mailboxes = new Map<string, Promise<unknown>>();

  /** Runs when it is this mailbox's turn. An abort while waiting rejects with the signal's reason. */
  async take<T>(mailbox: string, run: (turn: Turn) => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#mailboxes.get(mailbox) ?? Promise.resolve();
    let finished: () => void = () => undefined;
    const mine = new Promise<void>((resolve) => {
      finished = resolve;
    });
    const last = before.then(() => mine);
    this.#mailboxes.set(mailbox, last);
    try {
      await untilAborted(before, signal);
      await this.#enter(signal);
      try {
        return await run({
          isWanted: () => this.#waiting.length > 0 || this.#mailboxes.get(mailbox) !== last,
        });
      } finally {
        this.#leave();
      }
    } finally {
      finished();
      // A canceled caller leaves the queue, but the one before may still be at it.
      void last.then(() => {
        if (this.#mailboxes.get(mailbox) === last) this.#mailboxes.delete(mailbox);
      });
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', cancel);
        resolve();
      };
      const cancel = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', cancel, { once: true });
      this.#waiting.push(go);
    });
  }

  /** The place goes to the next in line without becoming free in between. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

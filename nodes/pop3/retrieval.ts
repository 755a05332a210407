import type { Connection } from './connection';
import { Pop3Error } from './error';
import { Mail } from './exchange';
import type { Limits } from './options';

/** One mail as it comes: the bytes as the server has them, byte-stuffing undone. */
export interface RetrievedMail {
  readonly number: number;
  /** Ends when the whole mail has come; rejects with a `Pop3Error` when it cannot. */
  readonly body: AsyncIterable<Buffer>;
}

/** Checks a message-number (RFC 1939 §3) before it goes into a command. */
export function messageNumber(number: number): number {
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new Pop3Error('CONFIG', 'A message-number is a whole number above 0', { hint: 'unsafe-argument' });
  }
  return number;
}

/**
 * Mail after mail, asked for ahead as far as the windows allow. What was asked for and not yet handed out is
 * bounded by commands and by octets; what has come and was not yet read is bounded by the connection.
 */
export class Retrieval implements AsyncIterableIterator<RetrievedMail, undefined> {
  readonly #connection: Connection;
  readonly #limits: Limits;
  readonly #numbers: Iterator<number>;
  readonly #command: (number: number) => string;
  readonly #expected: (number: number) => number;
  readonly #ahead: Mail[] = [];
  #aheadOctets = 0;
  /** A number that was drawn and did not fit into the window any more. */
  #drawn: number | undefined;
  #current: Mail | undefined;
  #exhausted = false;

  constructor(
    connection: Connection,
    limits: Limits,
    numbers: Iterable<number>,
    command: (number: number) => string,
    expected: (number: number) => number,
  ) {
    this.#connection = connection;
    this.#limits = limits;
    this.#numbers = numbers[Symbol.iterator]();
    this.#command = command;
    this.#expected = expected;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<RetrievedMail, undefined>> {
    this.#current?.body.discard();
    this.#current = undefined;
    // Whoever ended the session wants no more of it, not even what has come already.
    if (this.#connection.error?.code === 'ABORTED') {
      this.#end();
      return Promise.reject(this.#connection.error);
    }
    try {
      this.#ask();
    } catch (error) {
      this.#end();
      return Promise.reject(error);
    }
    const mail = this.#ahead.shift();
    if (!mail) return Promise.resolve({ done: true, value: undefined });
    this.#aheadOctets -= mail.expected;
    this.#current = mail;
    // No detour for a mail that is there already: there may be ten thousand.
    if (mail.begun) return Promise.resolve({ done: false, value: mail });
    return mail.ready().then((begun) => {
      if (begun) return { done: false, value: mail };
      this.#end();
      throw mail.lost;
    });
  }

  /** Mails asked for ahead still come in; they are let go, and commands sent later wait their turn. */
  async return(): Promise<IteratorResult<RetrievedMail, undefined>> {
    this.#end();
    return { done: true, value: undefined };
  }

  #end(): void {
    this.#exhausted = true;
    this.#current?.body.discard();
    this.#current = undefined;
    for (const mail of this.#ahead.splice(0)) mail.body.discard();
    this.#numbers.return?.();
  }

  #ask(): void {
    const window = this.#connection.pipelining ? Math.max(1, this.#limits.window) : 1;
    // In batches, by count and by octets: a write costs more than a command.
    if (this.#ahead.length > window / 2 || this.#aheadOctets > this.#limits.windowReplies / 2) return;
    if (this.#exhausted) return;
    const asked: Mail[] = [];
    while (this.#ahead.length < window) {
      if (this.#drawn === undefined) {
        const drawn = this.#numbers.next();
        if (drawn.done) {
          this.#exhausted = true;
          break;
        }
        this.#drawn = messageNumber(drawn.value);
      }
      const number = this.#drawn;
      const expected = this.#expected(number);
      if (this.#ahead.length > 0 && this.#aheadOctets + expected > this.#limits.windowReplies) break;
      this.#drawn = undefined;
      const mail = new Mail(number, this.#command(number), expected, this.#limits, this.#connection);
      this.#aheadOctets += expected;
      this.#ahead.push(mail);
      asked.push(mail);
    }
    if (asked.length > 0) this.#connection.submit(...asked);
  }
}

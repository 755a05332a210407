import type { Connection } from '../connection';
import { Pop3Error } from '../error';
import type { Limits } from '../options';
import type { RetrievedMail } from '../retrieved-mail';
import type { Session } from '../session';
import { Mail } from './mail';
import { messageNumber } from './message-number';

/**
 * Mail after mail, asked for ahead as far as the windows allow. What was asked for and not yet handed out is
 * bounded by commands and by bytes; what has come and was not yet read is bounded by the connection.
 */
class Retrieval implements AsyncIterableIterator<RetrievedMail, undefined> {
  readonly #connection: Connection;
  readonly #limits: Limits;
  readonly #numbers: Iterator<number>;
  readonly #make: (number: number) => Mail;
  readonly #ahead: Mail[] = [];
  #aheadOctets = 0;
  /** A mail that did not fit into the window any more. */
  #drawn: Mail | undefined;
  #current: Mail | undefined;
  #exhausted = false;

  constructor(
    connection: Connection,
    limits: Limits,
    numbers: Iterable<number>,
    make: (number: number) => Mail,
  ) {
    this.#connection = connection;
    this.#limits = limits;
    this.#numbers = numbers[Symbol.iterator]();
    this.#make = make;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<RetrievedMail, undefined>> {
    this.#current?.body.discard();
    this.#current = undefined;
    // The caller ended the session and gets no more of it, not even what has come already.
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
    // In batches, by count and by bytes: a write costs more than a command.
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
        this.#drawn = this.#make(messageNumber(drawn.value));
      }
      const mail = this.#drawn;
      if (this.#ahead.length > 0 && this.#aheadOctets + mail.expected > this.#limits.windowReplies) break;
      this.#drawn = undefined;
      this.#aheadOctets += mail.expected;
      this.#ahead.push(mail);
      asked.push(mail);
    }
    if (asked.length > 0) this.#connection.submit(...asked);
  }
}

/** Bytes a mail is thought to have when the server has told nothing about it. */
const UNKNOWN_SIZE = 65_536;

function sizeOf({ sizes, maildrop: { messages, octets } }: Session, number: number): number {
  return sizes.get(number) ?? (messages > 0 && octets > 0 ? octets / messages : UNKNOWN_SIZE);
}

/** RETR (RFC 1939 section 5). */
export function retrieve(session: Session, numbers: Iterable<number>): Retrieval {
  const { connection, settings } = session;
  const ask = (number: number) =>
    new Mail(number, `RETR ${number}`, {
      expected: sizeOf(session, number),
      limits: settings.limits,
      flow: connection,
    });
  return new Retrieval(connection, settings.limits, numbers, ask);
}

/** TOP (RFC 1939 section 7). Some servers send the whole mail: what exceeds the lines asked for is let go. */
export function top(session: Session, numbers: Iterable<number>, lines: number): Retrieval {
  if (!Number.isSafeInteger(lines) || lines < 0) {
    throw new Pop3Error('CONFIG', 'TOP takes a whole number of lines', { reason: 'unsafe-argument' });
  }
  const { connection, settings } = session;
  const ask = (number: number) =>
    new Mail(number, `TOP ${number} ${lines}`, {
      expected: Math.min(sizeOf(session, number), 4096 + lines * 80),
      limits: { ...settings.limits, mail: settings.limits.top },
      flow: connection,
      lines,
    });
  return new Retrieval(connection, settings.limits, numbers, ask);
}

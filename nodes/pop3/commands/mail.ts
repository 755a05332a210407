import { Body, type Flow } from '../body';
import { Pop3Error } from '../error';
import { type Exchange, wordOf } from '../exchange';
import type { Limits } from '../options';
import { refusal } from '../refusal';
import type { Response } from '../response';
import { Excerpt } from './excerpt';

export interface MailOptions {
  expected: number;
  limits: Limits;
  flow: Flow;
  /** TOP: so many lines of the body are wanted. */
  lines?: number;
}

/** RETR and TOP: the mail goes to its reader as it comes. */
export class Mail implements Exchange {
  readonly kind = 'mail';
  readonly slow = true;
  readonly body: Body;
  /** Bytes this reply is thought to have. */
  readonly expected: number;
  /** Bytes that the answer has announced. */
  announced: number | undefined;
  readonly #limits: Limits;
  readonly #flow: Flow;
  /** TOP: counts the lines, and lets go what comes after them. */
  readonly #excerpt: Excerpt | undefined;
  /** Bytes of the reply, and those of them that were asked for. */
  #octets = 0;
  #wanted = 0;
  #over = false;
  #begun = false;
  #done = false;
  #lost: Pop3Error | undefined;
  #waiter: ((ready: boolean) => void) | undefined;

  constructor(
    readonly number: number,
    readonly line: string,
    { expected, limits, flow, lines }: MailOptions,
  ) {
    this.expected = expected;
    this.#limits = limits;
    this.#flow = flow;
    this.body = new Body(flow);
    if (lines !== undefined) this.#excerpt = new Excerpt(lines);
  }

  /** Whether the reply is complete, or will never be. */
  get done(): boolean {
    return this.#done;
  }

  /** Whether the server has answered; `false` with `lost` set when the session ended first. */
  get begun(): boolean {
    return this.#begun;
  }

  get lost(): Pop3Error | undefined {
    return this.#lost;
  }

  /** Settles when the server has begun to answer, or never will. */
  ready(): Promise<boolean> {
    if (this.#begun || this.#lost) return Promise.resolve(this.#begun);
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }

  status(response: Response): boolean {
    this.#begun = true;
    if (response.status === 'ok') this.announced = octetsIn(response.text);
    else {
      this.body.fail(refusal(response, 'transaction', wordOf(this) ?? ''));
    }
    this.#waiter?.(true);
    this.#waiter = undefined;
    return response.status === 'ok';
  }

  data(bytes: Buffer): void {
    const wanted = this.#excerpt ? this.#excerpt.take(bytes) : bytes;
    this.#octets += bytes.length;
    this.#wanted += wanted.length;
    if (this.#wanted <= this.#limits.mail) {
      if (wanted.length > 0) this.body.push(wanted);
    } else if (!this.#over) {
      this.#over = true;
      this.body.fail(tooLarge(this));
    }
    // What is let go takes time and traffic: a mail without end ends the session.
    if (this.#octets > this.#limits.mail + this.#limits.drain) this.#flow.fail(tooLarge(this));
  }

  abandon(): void {
    this.body.discard();
  }

  end(): void {
    this.#done = true;
    this.body.end();
  }

  fail(error: Pop3Error): void {
    this.#done = true;
    this.#lost = error;
    if (this.#begun) {
      const { code, message, retryable, retryAfterMs, cause, reason } = error;
      this.body.fail(
        code === 'CONNECT'
          ? new Pop3Error(code, 'The mail was cut short: the connection was lost', {
              retryable,
              cause,
              reason: 'cut-short',
            })
          : new Pop3Error(code, message, {
              retryable,
              retryAfterMs,
              cause,
              reason,
              command: wordOf(this),
            }),
      );
    }
    this.#waiter?.(false);
    this.#waiter = undefined;
  }
}

/** RFC 1939 section 5 shows such a size in its example, and most servers name it. */
function octetsIn(text: string): number | undefined {
  const found = /\b(\d{1,12}) *(?:octets?|bytes?)\b/i.exec(text.slice(0, 512));
  return found === null ? undefined : Number(found[1]);
}

function tooLarge(mail: Mail): Pop3Error {
  return new Pop3Error('LIMIT', `Mail ${mail.number} is over the cap`, {
    reason: 'mail-too-large',
    command: wordOf(mail),
  });
}

import { Body, type Flow } from './body';
import type { Exchange } from './connection';
import { Pop3Error } from './error';
import type { Limits } from './options';
import { type Response, refusal, type Stage } from './response';

/** A command answered by one line. */
export class Command implements Exchange {
  readonly kind: 'command' | 'greeting' = 'command';
  readonly promise: Promise<Response>;
  #resolve!: (response: Response) => void;
  #reject!: (error: Pop3Error) => void;
  #response!: Response;

  constructor(
    readonly line: string,
    readonly shown?: string,
    readonly continues = false,
    readonly last = false,
  ) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever sent it hears of it; a session that dies with commands outstanding must not end the process.
    this.promise.catch(() => {});
  }

  status(response: Response): boolean {
    this.#response = response;
    return false;
  }

  end(): void {
    this.#resolve(this.#response);
  }

  fail(error: Pop3Error): void {
    this.#reject(error);
  }
}

/** The reply that nobody sent a command for. */
export class Greeting extends Command {
  override readonly kind = 'greeting';

  constructor() {
    super('');
  }
}

/** A NOOP that nobody waits for. */
export class KeepAlive implements Exchange {
  readonly kind = 'mail';
  readonly line = 'NOOP';
  status(): boolean {
    return false;
  }
  end(): void {}
  fail(): void {}
}

/** A command answered by lines of text: CAPA, UIDL, LIST. A reply over its caps is read past and fails alone. */
export class Lines implements Exchange {
  readonly kind = 'command';
  readonly promise: Promise<{ response: Response; lines: string[] }>;
  readonly #limits: Limits;
  readonly #tooMuch: (error: Pop3Error) => void;
  #resolve!: (result: { response: Response; lines: string[] }) => void;
  #reject!: (error: Pop3Error) => void;
  #response!: Response;
  #lines: string[] = [];
  #rest: Buffer[] = [];
  #restLength = 0;
  #error: Pop3Error | undefined;
  #drained = 0;

  /** `tooMuch` ends the session when reading past a reply costs more than `limits.drain`. */
  constructor(
    readonly line: string,
    limits: Limits,
    tooMuch: (error: Pop3Error) => void,
  ) {
    this.#limits = limits;
    this.#tooMuch = tooMuch;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.promise.catch(() => {});
  }

  status(response: Response): boolean {
    this.#response = response;
    return response.status === 'ok';
  }

  data(bytes: Buffer): void {
    if (this.#error) {
      this.#drained += bytes.length;
      if (this.#drained > this.#limits.drain) this.#tooMuch(this.#error);
      return;
    }
    let from = 0;
    for (;;) {
      const lf = bytes.indexOf(10, from);
      if (lf < 0) break;
      let line = bytes.toString('latin1', from, lf);
      if (this.#restLength > 0) {
        line = Buffer.concat(this.#rest).toString('latin1') + line;
        this.#rest = [];
        this.#restLength = 0;
      }
      if (line.endsWith('\r')) line = line.slice(0, -1);
      if (line.length > this.#limits.listLine) {
        this.#over('line-too-long');
        return;
      }
      if (this.#lines.length >= this.#limits.listLines) {
        this.#over('list-too-long');
        return;
      }
      this.#lines.push(line);
      from = lf + 1;
    }
    if (from < bytes.length) {
      this.#restLength += bytes.length - from;
      if (this.#restLength > this.#limits.listLine) {
        this.#over('line-too-long');
        return;
      }
      this.#rest.push(Buffer.from(bytes.subarray(from)));
    }
  }

  end(): void {
    if (this.#error) this.#reject(this.#error);
    else this.#resolve({ response: this.#response, lines: this.#lines });
  }

  fail(error: Pop3Error): void {
    this.#reject(error);
  }

  #over(hint: 'line-too-long' | 'list-too-long'): void {
    this.#error = new Pop3Error('LIMIT', `The answer to ${this.line} is too long`, {
      hint,
      command: this.line,
    });
    this.#lines = [];
    this.#rest = [];
  }
}

/** RETR and TOP: the mail goes to its reader as it comes. */
export class Mail implements Exchange {
  readonly kind = 'mail';
  readonly line: string;
  readonly body: Body;
  readonly #limits: Limits;
  readonly #flow: Flow;
  #octets = 0;
  #over = false;
  #begun = false;
  #done = false;
  #lost: Pop3Error | undefined;
  #waiter: ((ready: boolean) => void) | undefined;

  constructor(
    readonly number: number,
    command: string,
    /** Octets this reply is thought to have. */
    readonly expected: number,
    limits: Limits,
    flow: Flow,
  ) {
    this.line = command;
    this.#limits = limits;
    this.#flow = flow;
    this.body = new Body(flow);
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
    if (response.status !== 'ok') {
      this.body.fail(refusal(response, 'transaction', this.line.split(' ')[0] ?? ''));
    }
    this.#waiter?.(true);
    this.#waiter = undefined;
    return response.status === 'ok';
  }

  data(bytes: Buffer): void {
    this.#octets += bytes.length;
    if (this.#octets <= this.#limits.mail) {
      this.body.push(bytes);
      return;
    }
    if (!this.#over) {
      this.#over = true;
      this.body.fail(tooLarge(this));
    }
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
      const { code, message, retryable, retryAfterMs, cause, hint } = error;
      this.body.fail(
        code === 'CONNECT'
          ? new Pop3Error(code, 'The mail was cut short: the connection was lost', {
              retryable,
              cause,
              hint: 'cut-short',
            })
          : new Pop3Error(code, message, {
              retryable,
              retryAfterMs,
              cause,
              hint,
              command: this.line.split(' ')[0],
            }),
      );
    }
    this.#waiter?.(false);
    this.#waiter = undefined;
  }
}

function tooLarge(mail: Mail): Pop3Error {
  return new Pop3Error('LIMIT', `Mail ${mail.number} is over the cap`, {
    hint: 'mail-too-large',
    command: mail.line.split(' ')[0],
  });
}

/** The `+OK` of a command, or its refusal as an error. */
export async function accepted(command: Command, stage: Stage): Promise<Response> {
  const response = await command.promise;
  if (response.status === 'ok') return response;
  throw refusal(response, stage, (command.shown ?? command.line).split(' ')[0] ?? '');
}

import type { Pop3Error } from '../error';
import { type Exchange, wordOf } from '../exchange';
import { type LoginFacts, refusal, type Stage } from '../refusal';
import type { Response } from '../response';

interface CommandOptions {
  /** What a trace shows in place of the line. */
  shown?: string;
  /** Whether `+` is an answer to it (RFC 5034 section 4). */
  continues?: boolean;
  /** Whether nothing may come after its reply: STLS. */
  last?: boolean;
  /** Whether the answer may take minutes. */
  slow?: boolean;
}

/** A command answered by one line. */
export class Command implements Exchange {
  readonly kind: 'command' | 'greeting' = 'command';
  readonly promise: Promise<Response>;
  readonly shown?: string;
  readonly continues: boolean;
  readonly last: boolean;
  readonly slow: boolean;
  #resolve!: (response: Response) => void;
  #reject!: (error: Pop3Error) => void;
  #response!: Response;

  constructor(
    readonly line: string,
    { shown, continues = false, last = false, slow = false }: CommandOptions = {},
  ) {
    if (shown !== undefined) this.shown = shown;
    this.continues = continues;
    this.last = last;
    this.slow = slow;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // The caller hears of it; a session that ends with commands outstanding must not end the process.
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

/** The reply that no command was sent for. */
export class Greeting extends Command {
  override readonly kind = 'greeting';

  constructor() {
    super('');
  }
}

/** A NOOP that nothing waits for. */
export class KeepAlive implements Exchange {
  readonly kind = 'mail';
  readonly line = 'NOOP';
  status(): boolean {
    return false;
  }
  end(): void {}
  fail(): void {}
}

/** The `+OK` of a command, or its refusal as an error. */
export async function accepted(command: Command, stage: Stage, login?: LoginFacts): Promise<Response> {
  const response = await command.promise;
  if (response.status === 'ok') return response;
  throw refusal(response, stage, wordOf(command) ?? '', login && { login });
}

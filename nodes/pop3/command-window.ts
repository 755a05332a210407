import type { Exchange } from './exchange';
import type { Limits } from './options';

/** Bytes of a command with its CRLF. */
const octetsOf = ({ line }: Exchange): number => line.length + 2;

/**
 * The commands of a connection: those that wait to be sent, and those that were sent, in the order in which their
 * replies come. Bounded by commands and by bytes (RFC 2449 section 6.8: the server's buffer must not fill up).
 */
export class CommandWindow {
  readonly #limits: Limits;
  readonly #sent: Exchange[] = [];
  #waiting: Exchange[] = [];
  #sentOctets = 0;
  #awaited = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Whose reply comes next. */
  get first(): Exchange | undefined {
    return this.#sent[0];
  }

  /** Commands sent whose reply is not complete. */
  get sent(): number {
    return this.#sent.length;
  }

  get isEmpty(): boolean {
    return this.#sent.length === 0 && this.#waiting.length === 0;
  }

  /** Whether a reply is awaited as a whole, of a command sent or waiting. */
  get isAwaited(): boolean {
    return this.#awaited > 0;
  }

  get hasRoom(): boolean {
    return this.#sent.length < this.#limits.window;
  }

  /** Takes a command that is to be sent. */
  add(exchange: Exchange): void {
    this.#waiting.push(exchange);
    if (exchange.kind === 'command') this.#awaited += 1;
  }

  /** The greeting is a reply without a command. */
  expectGreeting(exchange: Exchange): void {
    this.#sent.push(exchange);
  }

  /** The commands that may be sent now; in batches, because a write costs more than a command. */
  next(pipelining: boolean): Exchange[] {
    const { windowCommands, window } = this.#limits;
    const most = pipelining ? Math.max(1, window) : 1;
    if (this.#waiting.length === 0 || this.#sent.length > most / 2) return [];
    let count = 0;
    for (const exchange of this.#waiting) {
      const octets = octetsOf(exchange);
      if (this.#sent.length >= most) break;
      if (this.#sent.length > 0 && this.#sentOctets + octets > windowCommands) break;
      this.#sent.push(exchange);
      this.#sentOctets += octets;
      count += 1;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count);
    return batch;
  }

  /** The reply to the first command is complete. */
  shift(): Exchange | undefined {
    const exchange = this.#sent.shift();
    if (exchange === undefined) return undefined;
    if (exchange.kind !== 'greeting') this.#sentOctets -= octetsOf(exchange);
    if (exchange.kind === 'command') this.#awaited -= 1;
    return exchange;
  }

  /** The session is ending: mail that has not been read will not be. */
  abandon(): void {
    for (const exchange of [...this.#sent, ...this.#waiting]) exchange.abandon?.();
  }

  /** Takes out all of them. */
  clear(): Exchange[] {
    const outstanding = [...this.#sent, ...this.#waiting];
    this.#sent.length = 0;
    this.#waiting = [];
    return outstanding;
  }
}

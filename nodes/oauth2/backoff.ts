import type { OAuth2Error } from './errors';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The time between two requests after failures; none goes out before it is over. */
export class Backoff {
  readonly #now: () => number;
  readonly #random: () => number;
  #times = 0;
  #since = 0;
  #until = 0;
  #error: OAuth2Error | undefined;

  constructor(now: () => number, random: () => number) {
    this.#now = now;
    this.#random = random;
  }

  /**
   * A request has failed. What may pass by itself: 2 s, doubling to 5 minutes, give or take a fifth, or what the
   * server asked for if that is longer. What has to be changed by a person: 15 minutes, doubling to 6 hours.
   */
  extend(error: OAuth2Error): void {
    // The database of a fleet is away, and the server was not asked: there is nothing to wait for once it is back.
    if (error.reason === 'database-unavailable') return;
    // The doubling begins again when a failure of the other kind comes.
    if (this.#error && this.#error.retryable !== error.retryable) this.#times = 0;
    const length = error.retryable
      ? Math.min(2 * SECOND * 2 ** this.#times, 5 * MINUTE) * (0.8 + 0.4 * this.#random())
      : Math.min(15 * MINUTE * 2 ** this.#times, 6 * HOUR);
    this.#times += 1;
    this.#error = error;
    this.#since = this.#now();
    this.#until = this.#since + Math.max(length, error.retryAfterMs ?? 0);
  }

  clear(): void {
    this.#times = 0;
    this.#error = undefined;
  }

  /** The failure being waited out, with the milliseconds that are left; undefined when there is nothing to wait for. */
  get error(): OAuth2Error | undefined {
    const now = this.#now();
    // A clock that was set back must not make the wait longer than it was meant to be.
    if (!this.#error || now >= this.#until || now < this.#since) return undefined;
    return this.#error.after(this.#until - now);
  }
}

import type { Clock } from '../base/clock';

/** One timer for whatever is due next. It may fire early: then it checks again and continues. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #due: () => number;
  readonly #onDue: () => void;
  #timer: unknown;
  #timerDue = Number.POSITIVE_INFINITY;

  /** `due`: when the next thing is due, by the clock; infinity: nothing is. */
  constructor(clock: Clock, due: () => number, onDue: () => void) {
    this.#clock = clock;
    this.#due = due;
    this.#onDue = onDue;
  }

  /** Sees that the timer is not later than what is due next. */
  watch(): void {
    const due = this.#due();
    if (due >= this.#timerDue) return;
    this.stop();
    this.#timerDue = due;
    this.#timer = this.#clock.setTimeout(() => this.#fire(), Math.max(1, Math.ceil(due - this.#clock.now())));
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerDue = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerDue = Number.POSITIVE_INFINITY;
    if (this.#due() > this.#clock.now()) this.watch();
    else this.#onDue();
  }
}

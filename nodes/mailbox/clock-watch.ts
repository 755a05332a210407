import type { Clock } from '../base/clock';

/** Notices when the clock is set while this process runs. */
export class ClockWatch {
  readonly #clock: Clock;
  #last: { wall: number; monotonic: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How far the clock was set since the last look, ms; undefined at the first. */
  look(): number | undefined {
    const wall = this.#clock.now();
    const monotonic = this.#clock.monotonic?.() ?? wall;
    const last = this.#last;
    this.#last = { wall, monotonic };
    return last === undefined ? undefined : wall - last.wall - (monotonic - last.monotonic);
  }
}

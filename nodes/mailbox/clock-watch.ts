import type { Clock } from '../base/clock';

/** Notices when the clock is set while this process runs. */
export class ClockWatch {
  private last: { wall: number; monotonic: number } | undefined;

  constructor(private readonly clock: Clock) {}

  /** How far the clock was set since the last look, ms; undefined at the first. */
  look(): number | undefined {
    const wall = this.clock.now();
    const monotonic = this.clock.monotonic?.() ?? wall;
    const { last } = this;
    this.last = { wall, monotonic };
    return last === undefined ? undefined : wall - last.wall - (monotonic - last.monotonic);
  }
}

/** Time, as a room sees it: the system's, or a test's. */
export interface Clock {
  /** ms: since the epoch for `systemClock`, which may be set while the process runs */
  now(): number;
  /** ms since some moment, never set; absent: `now` is never set */
  monotonic?(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** For durations, ms: a clock that is set meanwhile makes none longer or shorter. */
export const monotonicNow = (clock: Pick<Clock, 'now' | 'monotonic'>): number =>
  clock.monotonic?.() ?? clock.now();

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  // A longer time than a timer can hold would be over at once.
  setTimeout: (run, ms) => setTimeout(run, Math.min(ms, 2 ** 31 - 1)),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** For durations: never set back, never put forward. */
export const monotonicClock: Clock = { ...systemClock, now: () => performance.now() };

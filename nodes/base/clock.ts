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

/**
 * Node.js has a list for each length of timers: ten thousand mailboxes whose checks are minutes apart share a few hundred.
 */
const ROUNDED_FROM_MS = 10_000;
const ROUNDED_TO_MS = 100;
/** A timer of a longer time would be over at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Never earlier, and little later. */
const rounded = (ms: number): number =>
  ms < ROUNDED_FROM_MS ? ms : Math.ceil(ms / ROUNDED_TO_MS) * ROUNDED_TO_MS;

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, Math.min(rounded(ms), LONGEST_TIMER_MS)),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** For durations: never set back, never put forward. */
export const monotonicClock: Clock = { ...systemClock, now: () => performance.now() };

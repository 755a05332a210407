/** The system's clock, or a test's. */
export interface Clock {
  /** ms since the epoch */
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: Date.now,
  // A longer time than a timer can hold would be over at once.
  setTimeout: (run, ms) => setTimeout(run, Math.min(ms, 2 ** 31 - 1)),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

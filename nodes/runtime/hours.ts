import { SparseMap } from '../base/sparse';

const HOUR_MS = 60 * 60 * 1000;
/** Mails are counted by the hour for so long. */
export const COUNTED_HOURS = 24;

/** Counts by the hour, for as long as they are shown. */
export class Hours {
  readonly #counts = new SparseMap<number, number>();

  count(at: number): void {
    const hour = Math.floor(at / HOUR_MS);
    this.#counts.set(hour, (this.#counts.get(hour) ?? 0) + 1);
    this.#forget(hour);
  }

  /** The oldest first. */
  until(at: number): number[] {
    const last = Math.floor(at / HOUR_MS);
    this.#forget(last);
    return Array.from(
      { length: COUNTED_HOURS },
      (_, index) => this.#counts.get(last - COUNTED_HOURS + 1 + index) ?? 0,
    );
  }

  #forget(last: number): void {
    // A clock that was set back leaves hours of the future behind.
    for (const hour of this.#counts.keys())
      if (hour <= last - COUNTED_HOURS || hour > last) this.#counts.delete(hour);
  }
}

import type { Clock } from '../../base/clock';
import { SparseMap } from '../../base/sparse';

/** How long a mail that may have ended the process is alone with the flow, ms: what ends it does so soon. */
const ALONE_MS = 10_000;

interface Flight {
  delivery: string;
  timer: unknown;
}

/** The mails that the flow has: delivered, and not acknowledged. */
export class Flights {
  readonly #clock: Clock;
  readonly #most: number;
  /** By key; an entry without delivery is one being prepared. */
  readonly #flights = new SparseMap<string, Flight | undefined>();
  /** The suspected mail that is with the flow, and nothing is delivered after it for a while. */
  #alone: { key: string; timer: unknown } | undefined;

  constructor(clock: Clock, most: number) {
    this.#clock = clock;
    this.#most = most;
  }

  get size(): number {
    return this.#flights.size;
  }

  /** How many more may be delivered. */
  get room(): number {
    return this.#alone === undefined ? Math.max(0, this.#most - this.#flights.size) : 0;
  }

  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /** The delivery under way; undefined where there is none. */
  delivery(key: string): string | undefined {
    return this.#flights.get(key)?.delivery;
  }

  /** Takes a place, before anything is awaited: two at once never exceed the limit. */
  prepare(key: string): void {
    this.#flights.set(key, undefined);
  }

  begin(key: string, delivery: string, { ms, onTimeout }: { ms: number; onTimeout: () => void }): void {
    this.#flights.set(key, { delivery, timer: this.#clock.setTimeout(onTimeout, ms) });
  }

  /** Nothing else is delivered until the flow has processed this one, or has had it for a while and lives. */
  leaveAlone(key: string, onSurvived: () => void): void {
    const timer = this.#clock.setTimeout(() => {
      this.#alone = undefined;
      onSurvived();
    }, ALONE_MS);
    this.#alone = { key, timer };
  }

  land(key: string): void {
    if (this.#alone?.key === key) this.#endAlone();
    this.#clock.clearTimeout(this.#flights.get(key)?.timer);
    this.#flights.delete(key);
  }

  landAll(): void {
    this.#endAlone();
    for (const key of [...this.#flights.keys()]) this.land(key);
  }

  #endAlone(): void {
    this.#clock.clearTimeout(this.#alone?.timer);
    this.#alone = undefined;
  }
}

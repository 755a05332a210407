import { type Clock, monotonicNow } from '../../base/clock';
import { SparseSet } from '../../base/sparse';
import type { SessionHold } from './delivery';

/** A session that waits for the flow says NOOP so often, ms: some servers close one that is idle for a minute (quirk 17). */
const KEEP_ALIVE_MS = 20_000;
/** How long a session waits for the flow to acknowledge enough for a next round, ms. It locks the mailbox meanwhile. */
const MOST_WAITING_MS = 30_000;
/** No round begins in a session that is older, ms: servers end sessions of many minutes, and DELE needs their QUIT. */
const MOST_SESSION_MS = 10 * 60_000;

/** What a session that waits for room waits for. */
interface Waited {
  /** Room for so many that a round is worth it; 0: not yet. */
  room(): number;
  /** Delivers what waits in the spool, which comes first; how many that were. */
  redeliver(): Promise<number>;
  stopped(): boolean;
}

/** Lets a session wait until the flow has room. By a monotonic clock: an hour put back is no hour of NOOP. */
export class RoomWait {
  readonly #clock: Clock;
  /** Called when there may be room. */
  readonly #waiting = new SparseSet<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** There may be room, or nothing to wait for. */
  wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  async wait(
    { since, keepAlive, isWanted }: SessionHold,
    { room, redeliver, stopped }: Waited,
  ): Promise<{ room: number; redelivered: number }> {
    const now = (): number => monotonicNow(this.#clock);
    const began = now();
    let redelivered = await redeliver();
    while (!stopped() && now() - since < MOST_SESSION_MS) {
      const most = room();
      if (most > 0) return { room: most, redelivered };
      const left = MOST_WAITING_MS - (now() - began);
      // A mailbox whose flow is slow must not keep others from a session.
      if (left <= 0 || isWanted()) break;
      if (await this.#wokenWithin(Math.min(left, KEEP_ALIVE_MS))) redelivered += await redeliver();
      else if (!stopped()) await keepAlive();
    }
    return { room: 0, redelivered };
  }

  /** False where nothing has changed in this time, ms. */
  #wokenWithin(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (changed: boolean): void => {
        this.#clock.clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve(changed);
      };
      const wake = (): void => end(true);
      const timer = this.#clock.setTimeout(() => end(false), ms);
      this.#waiting.add(wake);
    });
  }
}

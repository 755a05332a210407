import type { ListedMail } from '../listing';
import type { Ledger } from '../store/ledger';

/** How many intents are made durable at a time: one fsync for so many mails, and the most a power failure can repeat. */
const INTENT_WINDOW = 64;

/** Makes intents durable a window ahead, so that no delivery waits for the disk but the first. */
export class Intents {
  readonly #ledger: Ledger;
  readonly #mails: ListedMail[];
  readonly #windows: Promise<void>[] = [];
  readonly #place = new Map<string, number>();
  readonly #earlier = new Map<string, number>();
  readonly #outstanding = new Set<string>();

  constructor(ledger: Ledger, mails: ListedMail[]) {
    this.#ledger = ledger;
    this.#mails = mails;
    if (this.#hasMore) this.#begin();
  }

  /** Resolves when the mail may be delivered, with the number of earlier deliveries that may have happened. */
  async before(mail: ListedMail): Promise<number> {
    // Mails come in order; a whole window of failures may have been skipped.
    while (!this.#place.has(mail.key) && this.#hasMore) this.#begin();
    const window = this.#place.get(mail.key) ?? 0;
    if (window === this.#windows.length - 1 && this.#hasMore) this.#begin();
    await this.#windows[window];
    return this.#earlier.get(mail.key) ?? 0;
  }

  /** From here on the mail may have been seen, whatever happens: its intent is not taken back any more. */
  markDelivered(mail: ListedMail): void {
    this.#outstanding.delete(mail.key);
  }

  /** A mail that was certainly not delivered. Never rejects: the next record tells of a disk that refuses. */
  async withdraw(mail: ListedMail): Promise<void> {
    await this.#windows[this.#place.get(mail.key) ?? 0]?.catch(() => undefined);
    if (this.#outstanding.delete(mail.key)) {
      await this.#ledger.withdrawIntents([mail.key]).catch(() => undefined);
    }
  }

  /** What was recorded and not delivered: an orderly stop or a failed download is no delivery. */
  async withdrawRest(): Promise<void> {
    await Promise.allSettled(this.#windows);
    const rest = [...this.#outstanding];
    this.#outstanding.clear();
    await this.#ledger.withdrawIntents(rest);
  }

  get #hasMore(): boolean {
    return this.#windows.length * INTENT_WINDOW < this.#mails.length;
  }

  #begin(): void {
    const window = this.#windows.length;
    const from = window * INTENT_WINDOW;
    const keys = this.#mails.slice(from, from + INTENT_WINDOW).map(({ key }) => key);
    for (const key of keys) {
      this.#place.set(key, window);
      // As it was before this check recorded its own intents.
      this.#earlier.set(key, this.#ledger.openDelivery(key)?.deliveries ?? 0);
    }
    const durable = this.#ledger.recordIntents(keys).then(() => {
      for (const key of keys) this.#outstanding.add(key);
    });
    // The mail that needs the window hears of it; until then it must not count as unhandled.
    durable.catch(() => undefined);
    this.#windows.push(durable);
  }
}

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
    for (const [index, mail] of mails.entries()) {
      this.#place.set(mail.key, Math.floor(index / INTENT_WINDOW));
      // As it was before this check recorded its own intents.
      this.#earlier.set(mail.key, ledger.openDelivery(mail.key)?.deliveries ?? 0);
    }
    this.#begin(0);
  }

  /** Resolves when the mail may be delivered, with the number of earlier deliveries that may have happened. */
  async before(mail: ListedMail): Promise<number> {
    const window = this.#place.get(mail.key) ?? 0;
    // Mails come in order; a whole window of failures may have been skipped.
    for (let index = this.#windows.length; index <= window + 1; index += 1) this.#begin(index);
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

  #begin(index: number): void {
    const keys = this.#mails
      .slice(index * INTENT_WINDOW, (index + 1) * INTENT_WINDOW)
      .map((mail) => mail.key);
    const durable =
      keys.length === 0
        ? Promise.resolve()
        : this.#ledger.recordIntents(keys).then(() => {
            for (const key of keys) this.#outstanding.add(key);
          });
    // The mail that needs the window hears of it; until then it must not count as unhandled.
    durable.catch(() => undefined);
    this.#windows[index] = durable;
  }
}

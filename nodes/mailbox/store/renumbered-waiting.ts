import { SparseSet } from '../../base/sparse';
import { displacedKey } from './ledger-state';

/** A flow has few mails at a time, and a server that renumbers them does so now and then. */
const MOST = 10_000;

/**
 * Mails that waited for their acknowledgement while the server gave other unique IDs. Another mail may have the ID of
 * such a one by now: it is recorded apart from that ID, and a new mail with its fingerprint may have been delivered. As
 * long as the process lives; after that each unacknowledged mail is marked anyway.
 */
export class RenumberedWaiting {
  readonly #fingerprints = new SparseSet<string>();
  readonly #waiting = new SparseSet<string>();

  remember(held: readonly { key: string; fingerprint?: string }[]): void {
    if (this.#fingerprints.size > MOST) this.#fingerprints.clear();
    if (this.#waiting.size > MOST) this.#waiting.clear();
    for (const { key, fingerprint } of held) {
      if (fingerprint === undefined) continue;
      this.#fingerprints.add(fingerprint);
      this.#waiting.add(displacedKey(key, fingerprint));
    }
  }

  has(fingerprint: string): boolean {
    return this.#fingerprints.has(fingerprint);
  }

  /** Whether it waited then. Asked once: what is delivered later under this ID was listed under it. */
  take(key: string, fingerprint: string): boolean {
    return this.#waiting.delete(displacedKey(key, fingerprint));
  }
}

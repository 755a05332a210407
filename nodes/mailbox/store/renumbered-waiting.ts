/** A flow has few mails at a time, and a server that renumbers them does so now and then. */
const MOST = 10_000;

/**
 * Mails that waited for their acknowledgement while the server gave other unique IDs, by their fingerprints. Another
 * mail may have the ID of such a one by now: it is recorded apart from that ID, and a new mail with its fingerprint may
 * have been delivered. As long as the process lives; after that each unacknowledged mail is marked anyway.
 */
export class RenumberedWaiting {
  readonly #fingerprints = new Set<string>();

  remember(held: readonly { fingerprint?: string }[]): void {
    if (this.#fingerprints.size > MOST) this.#fingerprints.clear();
    for (const { fingerprint } of held) if (fingerprint !== undefined) this.#fingerprints.add(fingerprint);
  }

  has(fingerprint: string): boolean {
    return this.#fingerprints.has(fingerprint);
  }
}

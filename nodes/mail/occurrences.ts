/** Where any of some texts stands next; each is looked for only once. */
export class Occurrences {
  readonly #within: { indexOf(text: string, from: number): number };
  readonly #texts: readonly string[];
  readonly #found: number[];

  constructor(within: string | Buffer, texts: readonly string[], from = 0) {
    this.#within = within;
    this.#texts = texts;
    this.#found = texts.map((text) => within.indexOf(text, from));
  }

  /** From there on; -1: nowhere. */
  next(from: number): number {
    let first = -1;
    for (let index = 0; index < this.#found.length; index++) {
      let found = this.#found[index] as number;
      if (found >= 0 && found < from) {
        found = this.#within.indexOf(this.#texts[index] as string, from);
        this.#found[index] = found;
      }
      if (found >= 0 && (first < 0 || found < first)) first = found;
    }
    return first;
  }
}

/** Characters in a row that make a part of a secret a secret. */
export const PART = 8;

/**
 * Where the parts of secrets are: a table from eight characters to their place. Tokens have thousands of characters, and
 * a server repeats what it likes as often as it likes: a search through the secrets from every character of its words
 * would take seconds.
 */
export class SecretParts {
  /** All secrets, one after the other. */
  readonly #text: string;
  /** Where a secret ends in it. */
  readonly #ends: readonly number[];
  /** By hash, the place of eight characters plus one; zero where there is none. */
  readonly #places: Int32Array;

  constructor(secrets: Iterable<string>) {
    let text = '';
    const ends: number[] = [];
    for (const secret of secrets) {
      text += secret;
      ends.push(text.length);
    }
    this.#text = text;
    this.#ends = ends;
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(2 * text.length + 2)));
    let from = 0;
    for (const end of ends) {
      for (let at = from; at + PART <= end; at += 1) {
        const slot = this.#slot(text, at);
        this.#places[slot] ||= at + 1;
      }
      from = end;
    }
  }

  /** Marks every character of a text that belongs to a part of a secret. */
  mark(text: string, marks: Uint8Array): void {
    for (let at = 0; at + PART <= text.length; ) {
      const place = this.#places[this.#slot(text, at)] as number;
      if (place === 0) {
        at += 1;
        continue;
      }
      const from = place - 1;
      const end = this.#ends.find((one) => one > from) as number;
      let length = PART;
      while (from + length < end && text[at + length] === this.#text[from + length]) length += 1;
      marks.fill(1, at, at + length);
      // Whatever begins before its last seven characters is a part of it.
      at += length - PART + 1;
    }
  }

  /** The slot of eight characters: where they are, or where there is room for them. */
  #slot(text: string, at: number): number {
    let hash = 0;
    for (let index = at; index < at + PART; index += 1)
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    const mask = this.#places.length - 1;
    for (let slot = (hash ^ (hash >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const place = this.#places[slot] as number;
      if (place === 0 || this.#text.startsWith(text.slice(at, at + PART), place - 1)) return slot;
    }
  }
}

const LF = 10;
const CR = 13;

/**
 * The header and the first lines of a body, of a reply to TOP that may hold more: some servers send the whole mail
 * whatever number of lines was asked for. Both kinds of line ends count.
 */
export class Excerpt {
  #left: number;
  #inHeader = true;
  #isOver = false;
  /** Whether the line so far holds nothing but a CR, or nothing at all. */
  #blank = true;

  constructor(lines: number) {
    this.#left = lines;
  }

  /** What of a chunk belongs to it. */
  take(bytes: Buffer): Buffer {
    if (this.#isOver) return bytes.subarray(0, 0);
    for (let at = 0; at < bytes.length; ) {
      const lf = bytes.indexOf(LF, at);
      const end = lf < 0 ? bytes.length : lf;
      const empty = end === at || (end === at + 1 && bytes[at] === CR);
      this.#blank &&= empty;
      if (lf < 0) break;
      at = lf + 1;
      this.#lineEnd();
      if (this.#isOver) return bytes.subarray(0, at);
    }
    return bytes;
  }

  #lineEnd(): void {
    if (!this.#inHeader) this.#left -= 1;
    else if (this.#blank) this.#inHeader = false;
    this.#blank = true;
    this.#isOver = !this.#inHeader && this.#left <= 0;
  }
}

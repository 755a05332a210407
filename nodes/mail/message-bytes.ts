import type { Sink } from './sink';

/** The bytes of a message within a mail, without the line end that belongs to the delimiter behind it. */
export class MessageBytes {
  readonly #next: Sink;
  #held: Buffer = Buffer.alloc(0);

  constructor(next: Sink) {
    this.#next = next;
  }

  write(bytes: Buffer): void {
    const all = this.#held.length ? Buffer.concat([this.#held, bytes]) : bytes;
    const to = withoutLineEnd(all);
    this.#next.write(all.subarray(0, to));
    this.#held = Buffer.from(all.subarray(to));
  }

  end(byDelimiter: boolean): void {
    if (!byDelimiter || this.#held.toString('latin1') === '\r') this.#next.write(this.#held);
    this.#next.end();
  }
}

function withoutLineEnd(bytes: Buffer): number {
  let to = bytes.length;
  if (to > 0 && bytes[to - 1] === 0x0a) to--;
  if (to > 0 && bytes[to - 1] === 0x0d) to--;
  return to;
}

// Multiparts in which no part was found: their boundary is missing, or is not the one in front of their parts.
import { HeaderBlock } from './header-block';
import { MAX_BOUNDARY_SEARCH, MAX_PARTLESS, MAX_PARTLESS_TEXTS, SLICE } from './limits';
import type { Part } from './part';
import { Splitter, type Structure } from './split';
import { decoderFor } from './transfer';

/** A line that can only be in front of a part: two dashes, and a MIME field below it. */
const IN_FRONT_OF_PART = /(?:^|\n)--([^\r\n]{1,250})\r{0,2}\n(?=content-[a-z-]{1,40}[ \t]{0,8}:)/i;

export class Partless {
  /** What stands in a multipart in front of its first part: with none, all there is of it. */
  readonly #kept = new Map<Part, Buffer[]>();
  #room = MAX_PARTLESS;

  /** Takes content of a multipart. */
  write(part: Part, bytes: Buffer): void {
    if (part.children.length) {
      this.#forget(part);
      return;
    }
    const kept = this.#kept.get(part) ?? [];
    if (kept.length === 0) this.#kept.set(part, kept);
    const taken = bytes.subarray(0, this.#room);
    this.#room -= taken.length;
    if (taken.length) kept.push(taken);
  }

  /** A multipart is over. */
  leave(part: Part): void {
    if (part.children.length) this.#forget(part);
  }

  /**
   * Splits the first one of them by the boundary its content shows.
   *
   * @returns whether there is one
   */
  *split(structure: Structure<Part>): Generator<void, boolean> {
    for (const part of this.#kept.keys()) {
      const content = yield* this.#contentOf(part);
      const boundary = IN_FRONT_OF_PART.exec(content.toString('latin1', 0, MAX_BOUNDARY_SEARCH))?.[1];
      if (!boundary?.trim()) continue;
      this.#forget(part);
      part.boundary = boundary.trimEnd();
      let isBegun = false;
      const within: Structure<Part> = {
        begin: (block, parent, isRaw) => {
          if (isBegun) return structure.begin(block, parent, isRaw);
          isBegun = true;
          return part;
        },
        content: (one, bytes) => one !== part && structure.content(one, bytes),
        message: (one, bytes) => structure.message(one, bytes),
        leave: (one, byDelimiter) => one !== part && structure.leave(one, byDelimiter),
        overLimit: (limit) => structure.overLimit(limit),
        behindEnd: () => structure.behindEnd(),
        get isTurnOver() {
          return structure.isTurnOver;
        },
      };
      const splitter = new Splitter(within, false);
      // Its headers have been read: an empty line ends them.
      splitter.write(Buffer.from('\r\n'));
      for (let at = 0; at < content.length; at += SLICE) {
        for (let left = splitter.write(content.subarray(at, at + SLICE)); left; left = splitter.write())
          yield;
      }
      while (splitter.end()) yield;
      return true;
    }
    return false;
  }

  /** Makes a text of each that is left. */
  *asTexts(structure: Structure<Part>): Generator<void, void> {
    for (const part of [...this.#kept.keys()].slice(0, MAX_PARTLESS_TEXTS)) {
      const content = yield* this.#contentOf(part);
      this.#forget(part);
      if (content.toString('latin1', 0, SLICE).trim() === '') continue;
      const block = new HeaderBlock();
      block.add(Buffer.from('Content-Type: text/plain\r\n'));
      const text = structure.begin(block.close(true), part, false);
      for (let at = 0; at < content.length; at += SLICE) {
        structure.content(text, content.subarray(at, at + SLICE));
        yield;
      }
      structure.leave(text, false);
    }
  }

  /** Decoded: mailers encode whole multiparts, though they must not (RFC 2045 section 6.4). */
  *#contentOf(part: Part): Generator<void, Buffer> {
    const decoded: Buffer[] = [];
    const decoder = decoderFor(part.encoding, { write: (bytes) => decoded.push(bytes), end() {} });
    for (const bytes of this.#kept.get(part) ?? []) {
      decoder.write(bytes);
      yield;
    }
    decoder.end();
    return Buffer.concat(decoded);
  }

  #forget(part: Part): void {
    for (const { length } of this.#kept.get(part) ?? []) this.#room += length;
    this.#kept.delete(part);
  }
}

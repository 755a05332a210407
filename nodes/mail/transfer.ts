// Content-Transfer-Encoding (RFC 2045 section 6) undone as the bytes come, wherever the chunks are cut.

import { Base64Decoder } from './base64';
import type { Sink } from './sink';

/** `inline file`: uuencode or yEnc, with lines of its own around what is encoded. */
export type Encoding = 'base64' | 'quoted-printable' | 'inline file' | 'identity';

/** The encoding a field names: a token, whatever mailers put around it (`base64;`, `"base64"`, comments). */
export function encodingOf(field: string): Encoding {
  const text = field.replace(/\([^)]*\)?/g, ' ').toLowerCase();
  const token = /[a-z0-9-]+/.exec(text)?.[0] ?? '';
  if (token === 'base64' || token === 'base-64') return 'base64';
  if (/\bquoted[-_ ]?printable\b/.test(text)) return 'quoted-printable';
  if (/^(x-)?(uu(encode|e)?|y(enc|encode))$/.test(token)) return 'inline file';
  return 'identity';
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const EQUALS = 0x3d;

/** Blanks before a line end are held until it comes (RFC 2045 section 6.7 rule 3); more of them are no padding. */
const MAX_BLANKS = 1024;

class QuotedPrintableDecoder implements Sink {
  readonly #next: Sink;
  /** What may not mean itself: `=` and what has come behind it, or blanks. */
  #held: Buffer | undefined;

  constructor(next: Sink) {
    this.#next = next;
  }

  write(bytes: Buffer): void {
    const chunk = this.#held ? Buffer.concat([this.#held, bytes]) : bytes;
    this.#held = undefined;
    this.#next.write(this.#decode(chunk, false));
  }

  end(): void {
    const rest = this.#held;
    this.#held = undefined;
    if (rest) this.#next.write(this.#decode(rest, true));
    this.#next.end();
  }

  #decode(chunk: Buffer, last: boolean): Buffer {
    const { length } = chunk;
    const out = Buffer.allocUnsafe(length);
    let written = 0;
    for (let at = 0; at < length; at++) {
      const octet = chunk[at] as number;
      if (octet === EQUALS) {
        let end = at + 1;
        while (end < length && (chunk[end] === SPACE || chunk[end] === TAB) && end - at < MAX_BLANKS) end++;
        if (chunk[end] === CR && end < length) end++;
        if (chunk[end] === LF && end < length) {
          at = end;
          continue;
        }
        const high = hex(chunk[at + 1]);
        const low = hex(chunk[at + 2]);
        if (high >= 0 && low >= 0) {
          out[written++] = (high << 4) | low;
          at += 2;
        } else if (!last && (end >= length || at + 2 >= length) && length - at < MAX_BLANKS) {
          this.#held = Buffer.from(chunk.subarray(at));
          break;
        } else if (!(last && end >= length)) out[written++] = octet;
        else break;
      } else if (octet === SPACE || octet === TAB) {
        let end = at + 1;
        while (end < length && (chunk[end] === SPACE || chunk[end] === TAB)) end++;
        const isOver = end >= length;
        if (isOver && !last && end - at < MAX_BLANKS) {
          this.#held = Buffer.from(chunk.subarray(at));
          break;
        }
        const before = chunk[end] === CR ? chunk[end + 1] : chunk[end];
        if (!isOver && chunk[end] === CR && end + 1 >= length && !last && end - at < MAX_BLANKS) {
          this.#held = Buffer.from(chunk.subarray(at));
          break;
        }
        if (!(isOver ? last : before === LF)) written += chunk.copy(out, written, at, end);
        at = end - 1;
      } else out[written++] = octet;
    }
    return out.subarray(0, written);
  }
}

function hex(octet: number | undefined): number {
  if (octet === undefined) return -1;
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The decoder of an encoding in front of a sink; an inline file is for its reader. */
export function decoderFor(encoding: Encoding, next: Sink): Sink {
  if (encoding === 'base64') return new Base64Decoder(next);
  if (encoding === 'quoted-printable') return new QuotedPrintableDecoder(next);
  return next;
}

// Content-Transfer-Encoding (RFC 2045 section 6) undone as the bytes come, wherever the chunks are cut.

/** Takes bytes until its end. */
export interface Sink {
  write(bytes: Buffer): void;
  end(): void;
}

export type Encoding = 'base64' | 'quoted-printable' | 'uuencode' | 'identity';

/** The encoding a field names: a token, whatever mailers put around it (`base64;`, `"base64"`, comments). */
export function encodingOf(field: string): Encoding {
  const text = field.replace(/\([^)]*\)?/g, ' ').toLowerCase();
  const token = /[a-z0-9-]+/.exec(text)?.[0] ?? '';
  if (token === 'base64' || token === 'base-64') return 'base64';
  if (/\bquoted[-_ ]?printable\b/.test(text)) return 'quoted-printable';
  if (/^(x-)?uu(encode|e)$/.test(token)) return 'uuencode';
  return 'identity';
}

/** The values of the base64 letters (RFC 4648 section 4) by their byte; 255: none of them. */
export const BASE64 = new Uint8Array(256).fill(255);
for (const [value, letter] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries())
  BASE64[letter.charCodeAt(0)] = value;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const EQUALS = 0x3d;

/** A line behind the end is held until it is known whether it is base64; longer, it is not. */
const MAX_LINE = 1000;

/** Lines of equal length are decoded in runs by Node's own decoder; whatever is irregular letter by letter. */
export class Base64Decoder implements Sink {
  readonly #next: Sink;
  /** Something other than base64 came behind the end: a footer, most likely. It is left out. */
  hasTrailer = false;
  #bits = 0;
  #letters = 0;
  /** What may have been the end: padding, or an empty line. */
  #end: 'padding' | 'empty line' | undefined;
  #hasBegun = false;
  #isLineEmpty = true;
  /** The beginning of a line behind that. */
  #held: Buffer | undefined;

  constructor(next: Sink) {
    this.#next = next;
  }

  write(bytes: Buffer): void {
    if (this.hasTrailer) return;
    let chunk = bytes;
    if (this.#held) {
      chunk = Buffer.concat([this.#held, bytes]);
      this.#held = undefined;
    }
    const out = Buffer.allocUnsafe(Math.ceil((chunk.length * 3) / 4) + 3);
    let written = 0;
    // Lines that turned out not to be what they looked like are not tried again.
    let irregularTo = 0;
    for (let at = 0; at < chunk.length && !this.hasTrailer; ) {
      if (this.#end) {
        const lineEnd = chunk.indexOf(LF, at);
        const end = lineEnd < 0 ? chunk.length : lineEnd + 1;
        if (lineEnd < 0 && end - at < MAX_LINE) {
          this.#held = Buffer.from(chunk.subarray(at));
          break;
        }
        this.#goOn(chunk, at, end);
        if (this.#end) {
          at = end;
          continue;
        }
      }
      const run = this.#letters === 0 && at >= irregularTo ? regularRun(chunk, at) : undefined;
      if (run) {
        const count = out.write(chunk.toString('latin1', at, run.end), written, run.bytes, 'base64');
        if (count === run.bytes) {
          written += count;
          at = run.end;
          this.#hasBegun = this.#isLineEmpty = true;
          continue;
        }
        irregularTo = run.end;
      }
      // One line, or what there is of it, and then regular ones may follow.
      const lineEnd = chunk.indexOf(LF, at);
      const end = lineEnd < 0 ? chunk.length : lineEnd + 1;
      for (; at < end && !this.#end; at++) {
        const octet = chunk[at] as number;
        const value = BASE64[octet] as number;
        if (value !== 255) {
          this.#hasBegun = true;
          this.#isLineEmpty = false;
          this.#bits = ((this.#bits << 6) | value) & 0xffffff;
          if (++this.#letters < 4) continue;
          out[written++] = this.#bits >> 16;
          out[written++] = this.#bits >> 8;
          out[written++] = this.#bits;
          this.#letters = 0;
        } else if (octet === EQUALS) {
          written = this.#finish(out, written);
          while (at + 1 < end && chunk[at + 1] === EQUALS) at++;
          this.#end = 'padding';
        } else if (octet === LF) {
          if (this.#isLineEmpty && this.#hasBegun && this.#letters === 0) this.#end = 'empty line';
          this.#isLineEmpty = true;
        }
      }
    }
    if (written) this.#next.write(out.subarray(0, written));
  }

  end(): void {
    if (this.#held && !this.hasTrailer) {
      const line = this.#held;
      this.#held = undefined;
      this.#goOn(line, 0, line.length);
      if (!this.#end) this.write(line);
    }
    const out = Buffer.allocUnsafe(3);
    const written = this.#finish(out, 0);
    if (written) this.#next.write(out.subarray(0, written));
    this.#next.end();
  }

  /** Behind the end: mailers that encode piece by piece continue with base64, all others with something else. */
  #goOn(chunk: Buffer, from: number, to: number): void {
    let letters = 0;
    let padding = 0;
    let isBehindBlank = false;
    for (let at = from; at < to; at++) {
      const octet = chunk[at] as number;
      const isBlank = octet === SPACE || octet === TAB;
      if (isBlank || octet === CR || octet === LF) isBehindBlank = isBlank && letters > 0;
      else if (octet === EQUALS) padding++;
      else if (BASE64[octet] !== 255 && padding === 0 && !isBehindBlank) letters++;
      else {
        this.hasTrailer = true;
        return;
      }
    }
    if (letters === 0) return;
    // Behind padding nothing else continues; an empty line may stand within lines of any length.
    this.hasTrailer = this.#end === 'padding' && (letters + padding) % 4 !== 0;
    if (!this.hasTrailer) this.#end = undefined;
  }

  #finish(out: Buffer, at: number): number {
    let written = at;
    if (this.#letters === 2) out[written++] = this.#bits >> 4;
    if (this.#letters === 3) {
      out[written++] = this.#bits >> 10;
      out[written++] = this.#bits >> 2;
    }
    this.#letters = 0;
    return written;
  }
}

/** As many lines of whole quads and of one length as begin here. */
function regularRun(chunk: Buffer, from: number): { end: number; bytes: number } | undefined {
  const lineEnd = chunk.indexOf(LF, from);
  if (lineEnd < 0) return undefined;
  const hasCr = chunk[lineEnd - 1] === CR;
  const length = lineEnd - from - (hasCr ? 1 : 0);
  if (length === 0 || length % 4 !== 0) return undefined;
  const step = lineEnd + 1 - from;
  let end = from + step;
  for (let next = end + step - 1; next < chunk.length && chunk[next] === LF; next += step) {
    if (hasCr && chunk[next - 1] !== CR) break;
    end = next + 1;
  }
  return { end, bytes: (((end - from) / step) * length * 3) / 4 };
}

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

/** The decoder of an encoding in front of a sink; `uuencode` is for the reader of inline files. */
export function decoderFor(encoding: Encoding, next: Sink): Sink {
  if (encoding === 'base64') return new Base64Decoder(next);
  if (encoding === 'quoted-printable') return new QuotedPrintableDecoder(next);
  return next;
}

/** What comes goes into both. */
export function both(one: Sink, other: Sink): Sink {
  return {
    write(bytes) {
      one.write(bytes);
      other.write(bytes);
    },
    end() {
      one.end();
      other.end();
    },
  };
}

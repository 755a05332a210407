// Base64 (RFC 2045 section 6.8) undone as the bytes come: as mailers write it, and as gateways leave it behind.
import type { Sink } from './sink';

/** The values of the base64 letters (RFC 4648 section 4) by their byte; 255: none of them. */
export const BASE64 = new Uint8Array(256).fill(255);
for (const [value, letter] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries())
  BASE64[letter.charCodeAt(0)] = value;

/** With the letters of URLs too (section 5), which some programs write into mails. */
const LETTERS = Uint8Array.from(BASE64);
LETTERS['-'.charCodeAt(0)] = 62;
LETTERS['_'.charCodeAt(0)] = 63;

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
  /** It is no base64 at all, and comes out as it is. Undefined: not known yet. */
  isPlain: boolean | undefined;
  #bits = 0;
  #letters = 0;
  /** What may have been the end: padding, or an empty line. */
  #end: 'padding' | 'empty line' | undefined;
  #hasBegun = false;
  #isLineEmpty = true;
  /** The beginning of a line behind that. */
  #held: Buffer | undefined;
  /** What is decoded into, again and again: memory that V8 does not know it can free makes it collect too often. */
  #room: Buffer = Buffer.alloc(0);

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
    this.isPlain ??= isPlain(chunk, false);
    if (this.isPlain !== false) {
      if (this.isPlain) this.#next.write(chunk);
      else this.#held = Buffer.from(chunk.subarray(firstOf(chunk)));
      return;
    }
    const out = this.#roomFor(Math.ceil((chunk.length * 3) / 4) + 3);
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
        const value = LETTERS[octet] as number;
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
      this.isPlain ??= isPlain(line, true);
      if (this.#end) this.#goOn(line, 0, line.length);
      if (!this.#end) this.write(line);
    }
    const out = Buffer.allocUnsafe(3);
    const written = this.#finish(out, 0);
    if (written) this.#next.write(out.subarray(0, written));
    this.#next.end();
  }

  #roomFor(bytes: number): Buffer {
    if (!this.#next.keepsCopies) return Buffer.allocUnsafe(bytes);
    if (this.#room.length < bytes) this.#room = Buffer.allocUnsafe(bytes);
    return this.#room;
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
      else if (BASE64[octet] !== 255 && !isBehindBlank && (padding === 0 || (letters + padding) % 4 === 0)) {
        // A piece that ends within the line, and the next one.
        letters += padding + 1;
        padding = 0;
      } else {
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

/** Where something other than blanks and line ends begins. */
function firstOf(chunk: Buffer): number {
  let at = 0;
  while (at < chunk.length && (chunk[at] as number) <= SPACE) at++;
  return at;
}

/** Whether the first line that is not empty shows that nothing is encoded; undefined: more of it is waited for. */
function isPlain(chunk: Buffer, last: boolean): boolean | undefined {
  const from = firstOf(chunk);
  if (from === chunk.length) return last ? false : undefined;
  const lineEnd = chunk.indexOf(LF, from);
  if (lineEnd < 0 && !last && chunk.length - from < MAX_LINE) return undefined;
  let to = Math.min(lineEnd < 0 ? chunk.length : lineEnd, from + MAX_LINE);
  while ((chunk[to - 1] as number) <= SPACE) to--;
  let others = 0;
  for (let at = from; at < to; at++) {
    const octet = chunk[at] as number;
    if (LETTERS[octet] === 255 && octet !== EQUALS) others++;
  }
  // One or two stray bytes do not make a text of what is encoded.
  return others > 2 && others * 12 > to - from;
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

// Files within a plain text, from before there was MIME: uuencode (POSIX) and yEnc. They are taken out of the text.
import type { Sink } from './transfer';

/** Where files that are found go: their bytes into the sink that is given back. Undefined: it stays in the text. */
export type OpenFile = (name: string) => Sink | undefined;

const LF = 0x0a;
/** Longest first line of a file that is waited for. */
const MAX_LINE = 1024;

/** Bytes decoded before they are passed on: lines may hold one byte each. */
const GATHERED = 16 * 1024;

type Mode = 'text' | 'uu' | 'yenc';

export class InlineFiles implements Sink {
  readonly #text: Sink;
  readonly #open: OpenFile;
  #mode: Mode = 'text';
  #held: Buffer | undefined;
  #file: Sink | undefined;
  /** Decoded lines that wait to go into the file together. */
  #decoded: Buffer | undefined;
  #decodedSize = 0;
  /** A file of yEnc whose next part may follow. */
  #continued: { name: string; part: number; file: Sink } | undefined;
  #isMidLine = false;
  /** No more files are taken out. */
  #isFull = false;

  constructor(text: Sink, open: OpenFile) {
    this.#text = text;
    this.#open = open;
  }

  write(bytes: Buffer): void {
    const chunk = this.#held ? Buffer.concat([this.#held, bytes]) : bytes;
    this.#held = undefined;
    this.#take(chunk, false);
  }

  end(): void {
    const rest = this.#held;
    this.#held = undefined;
    if (rest) this.#take(rest, true);
    this.#close();
    this.#continued?.file.end();
    this.#text.end();
  }

  #take(chunk: Buffer, last: boolean): void {
    let at: number | undefined = 0;
    while (at !== undefined && at < chunk.length)
      at = this.#mode === 'text' ? this.#takeText(chunk, at, last) : this.#takeLine(chunk, at, last);
  }

  #takeText(chunk: Buffer, from: number, last: boolean): number | undefined {
    if (this.#isFull) {
      this.#passOn(chunk, from, chunk.length);
      return undefined;
    }
    for (let at = from; ; ) {
      const line = nextCandidate(chunk, at, this.#isMidLine && at === from);
      if (line < 0) {
        this.#passOn(
          chunk,
          from,
          last ? chunk.length : lastLineStart(chunk, at, this.#isMidLine && at === from),
        );
        return undefined;
      }
      const end = chunk.indexOf(LF, line) + 1;
      const next = end ? chunk.indexOf(LF, end) + 1 : 0;
      if ((end === 0 || next === 0) && !last && chunk.length - line < 2 * MAX_LINE) {
        this.#passOn(chunk, from, line);
        return undefined;
      }
      const start = end
        ? beginning(lineText(chunk, line, end), lineText(chunk, end, next || chunk.length))
        : undefined;
      const file = start && this.#begin(start);
      if (start && file) {
        this.#passOn(chunk.subarray(0, line), from, line);
        this.#mode = start.mode;
        this.#file = file;
        return end;
      }
      this.#isFull = start !== undefined;
      at = this.#isFull ? chunk.length : end || chunk.length;
      if (at >= chunk.length) {
        this.#passOn(chunk, from, chunk.length);
        return undefined;
      }
    }
  }

  #passOn(chunk: Buffer, from: number, to: number): void {
    if (to > from) {
      this.#text.write(chunk.subarray(from, to));
      this.#isMidLine = chunk[to - 1] !== LF;
    }
    if (to < chunk.length) this.#held = Buffer.from(chunk.subarray(to));
  }

  #takeLine(chunk: Buffer, from: number, last: boolean): number | undefined {
    const end = chunk.indexOf(LF, from) + 1;
    if (end === 0 && !last && chunk.length - from < 64 * 1024) {
      this.#held = Buffer.from(chunk.subarray(from));
      return undefined;
    }
    const to = end || chunk.length;
    this.#isMidLine = false;
    if (this.#mode === 'uu') {
      const line = lineText(chunk, from, to);
      if (line === 'end') this.#close();
      else if (line !== '' && line !== '`') {
        const bytes = uuLine(line);
        if (!bytes) {
          // No file any more: a mailer has cut it short.
          this.#close();
          return from;
        }
        this.#put(bytes);
      }
    } else if (chunk.toString('latin1', from, from + 6) === '=yend ') this.#close();
    else if (chunk.toString('latin1', from, from + 7) !== '=ypart ') this.#put(yLine(chunk, from, to));
    return to;
  }

  #put(bytes: Buffer): void {
    if (this.#decodedSize + bytes.length > GATHERED) this.#flush();
    if (bytes.length > GATHERED) this.#file?.write(bytes);
    else {
      this.#decoded ??= Buffer.allocUnsafe(GATHERED);
      bytes.copy(this.#decoded, this.#decodedSize);
      this.#decodedSize += bytes.length;
    }
  }

  #flush(): void {
    const decoded = this.#decoded?.subarray(0, this.#decodedSize);
    if (decoded?.length) this.#file?.write(Buffer.from(decoded));
    this.#decodedSize = 0;
  }

  /** The parts of one file come one behind the other, each with lines of its own around it. */
  #begin({ name, part }: Beginning): Sink | undefined {
    const before = this.#continued;
    this.#continued = undefined;
    const isNext = before !== undefined && part === before.part + 1 && name === before.name;
    if (!isNext) before?.file.end();
    const file = isNext ? before.file : this.#open(name);
    if (file && part !== undefined) this.#continued = { name, part, file };
    return file;
  }

  #close(): void {
    this.#flush();
    if (this.#file !== this.#continued?.file) this.#file?.end();
    this.#file = undefined;
    this.#mode = 'text';
  }
}

/** The transfer encoding x-uuencode: the first file is the content, and what stands around it is none. */
export class Uudecoder implements Sink {
  readonly #next: Sink;
  #hasBegun = false;
  readonly #files: InlineFiles;

  constructor(next: Sink) {
    this.#next = next;
    this.#files = new InlineFiles(NOTHING, () => {
      const isFirst = !this.#hasBegun;
      this.#hasBegun = true;
      return isFirst ? next : NOTHING;
    });
  }

  write(bytes: Buffer): void {
    this.#files.write(bytes);
  }

  end(): void {
    this.#files.end();
    if (!this.#hasBegun) this.#next.end();
  }
}

const NOTHING: Sink = { write() {}, end() {} };
const EMPTY = Buffer.alloc(0);

function nextCandidate(chunk: Buffer, from: number, isMidLine: boolean): number {
  const isOne = (at: number): boolean => {
    const text = chunk.toString('latin1', at, at + 8);
    return text.startsWith('begin ') || text === '=ybegin ';
  };
  if (!isMidLine && isOne(from)) return from;
  const uu = chunk.indexOf('\nbegin ', from, 'latin1');
  const yenc = chunk.indexOf('\n=ybegin ', from, 'latin1');
  const found = uu < 0 ? yenc : yenc < 0 ? uu : Math.min(uu, yenc);
  return found < 0 ? -1 : found + 1;
}

/** From where on the end of a chunk is kept, since a file may begin there. */
function lastLineStart(chunk: Buffer, from: number, isMidLine: boolean): number {
  const line = chunk.lastIndexOf(LF) + 1;
  if (line < from || (line === 0 && isMidLine)) return chunk.length;
  const rest = chunk.toString('latin1', line, line + 9);
  return rest !== '' && ('begin '.startsWith(rest) || '=ybegin '.startsWith(rest)) ? line : chunk.length;
}

const lineText = (chunk: Buffer, from: number, to: number): string =>
  chunk.toString('latin1', from, Math.min(to, from + 2 * MAX_LINE)).replace(/[\r\n]+$/, '');

interface Beginning {
  mode: Mode;
  name: string;
  /** Of a file in several parts. */
  part?: number;
}

function beginning(line: string, next: string): Beginning | undefined {
  const uu = /^begin [0-7]{3,4} (.+)$/.exec(line);
  if (uu && (next === '`' || next === 'end' || uuLine(next)))
    return { mode: 'uu', name: Buffer.from(uu[1] as string, 'latin1').toString() };
  const yenc = /^=ybegin (?:.* )?line=\d+ .*name=(.*)$/.exec(line);
  if (!yenc) return undefined;
  const part = /^=ybegin (?:.* )?part=(\d{1,6}) /.exec(line)?.[1];
  return {
    mode: 'yenc',
    name: Buffer.from(yenc[1] as string, 'latin1')
      .toString()
      .trim(),
    ...(part !== undefined && { part: Number(part) }),
  };
}

/** The bytes of a line; undefined where its length is not what it says. */
function uuLine(line: string): Buffer | undefined {
  const count = (line.charCodeAt(0) - 32) & 63;
  const letters = Math.ceil(count / 3) * 4;
  if (count === 0 || count > 45 || line.length > letters + 3) return undefined;
  // Blanks at the end get lost on the way.
  const text = line.slice(1, letters + 1);
  if (letters - text.length > 4 * 15 || /[^ -`]/.test(text)) return undefined;
  if (letters - text.length > 3 && text.trimEnd().length === text.length && letters - text.length > count)
    return undefined;
  const out = Buffer.alloc((letters / 4) * 3);
  for (let at = 0; at < letters; at += 4) {
    const value = (index: number): number => {
      const code = text.charCodeAt(at + index);
      return Number.isNaN(code) ? 0 : (code - 32) & 63;
    };
    const bits = (value(0) << 18) | (value(1) << 12) | (value(2) << 6) | value(3);
    out.writeUIntBE(bits, (at / 4) * 3, 3);
  }
  return out.subarray(0, count);
}

function yLine(chunk: Buffer, from: number, to: number): Buffer {
  if (to - from < 3 && (chunk[from] === LF || chunk[from] === 0x0d)) return EMPTY;
  const out = Buffer.allocUnsafe(to - from);
  let written = 0;
  for (let at = from; at < to; at++) {
    let octet = chunk[at] as number;
    if (octet === 0x0d || octet === LF) continue;
    if (octet === 0x3d) octet = ((chunk[++at] ?? 0) as number) - 64;
    out[written++] = octet - 42;
  }
  return out.subarray(0, written);
}

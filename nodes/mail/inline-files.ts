// Files within a plain text, from before there was MIME: uuencode (POSIX), in its own letters or those of base64, and
// yEnc. They are taken out of the text.
import {
  type Beginning,
  base64Line,
  beginning,
  endOfLine,
  lineText,
  MAX_LINE,
  type Mode,
  uuLine,
  yLine,
} from './file-lines';
import { Occurrences } from './occurrences';
import { NOTHING, type Sink } from './sink';

/** Where files that are found go: their bytes into the sink that is given back. Undefined: it stays in the text. */
export type OpenFile = (name: string) => Sink | undefined;

const LF = 0x0a;
const EQUALS = 0x3d;
const BACKTICK = 0x60;
const SPACE = 0x20;

/** Bytes decoded before they are passed on: lines may hold one byte each. */
const GATHERED = 16 * 1024;

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
    const marks = new Occurrences(chunk, MARKS, from);
    for (let at = from; ; ) {
      const isMidLine = this.#isMidLine && at === from;
      const line = !isMidLine && mayBegin(chunk, at) ? at : marks.next(at) + 1 || -1;
      if (line < 0) {
        this.#passOn(chunk, from, last ? chunk.length : lastLineStart(chunk, at, isMidLine));
        return undefined;
      }
      const end = chunk.indexOf(LF, line) + 1;
      const next = end ? chunk.indexOf(LF, end) + 1 : 0;
      if ((end === 0 || next === 0) && !last && chunk.length - line < 2 * MAX_LINE) {
        this.#passOn(chunk, from, line);
        return undefined;
      }
      const start = end
        ? beginning(lineText(chunk, line, end), chunk.subarray(end, next || chunk.length))
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
    if (this.#mode === 'uu' || this.#mode === 'base64') {
      const isUu = this.#mode === 'uu';
      const lineEnd = endOfLine(chunk, from, to);
      const isMark = isUu && lineEnd === from + 1 && (chunk[from] === BACKTICK || chunk[from] === SPACE);
      if (isUu ? isEnd(chunk, from, lineEnd) : isBase64End(chunk, from, lineEnd)) this.#close();
      else if (lineEnd > from && !isMark) {
        const bytes = (isUu ? uuLine : base64Line)(chunk, from, lineEnd);
        if (!bytes) {
          // No file any more: a mailer has cut it short.
          this.#close();
          return from;
        }
        this.#put(bytes);
      }
    } else {
      // What a line begins with is looked at only where it may be a keyword: a mail may have millions of lines.
      const keyword = chunk[from] === EQUALS ? chunk.toString('latin1', from, from + 7) : '';
      if (keyword.startsWith('=yend ')) this.#close();
      else if (keyword !== '=ypart ') this.#put(yLine(chunk, from, to));
    }
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

/** The transfer encodings x-uuencode and x-yencode: the first file is the content, and what stands around it is none. */
export class FileDecoder implements Sink {
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

const isBase64End = (chunk: Buffer, from: number, to: number): boolean =>
  to - from === 4 && chunk.toString('latin1', from, to) === '====';

/** What stands in front of a file, and the line end before it. */
const MARKS = ['\nbegin', '\n=ybegin '];

function mayBegin(chunk: Buffer, at: number): boolean {
  const text = chunk.toString('latin1', at, at + 8);
  return text.startsWith('begin ') || text === 'begin-ba' || text === '=ybegin ';
}

/** From where on the end of a chunk is kept, since a file may begin there. */
function lastLineStart(chunk: Buffer, from: number, isMidLine: boolean): number {
  const line = chunk.lastIndexOf(LF) + 1;
  if (line < from || (line === 0 && isMidLine)) return chunk.length;
  const rest = chunk.toString('latin1', line, line + 9);
  return rest !== '' &&
    ('begin-base64 '.startsWith(rest) || 'begin '.startsWith(rest) || '=ybegin '.startsWith(rest))
    ? line
    : chunk.length;
}

/** The last line of a file of uuencode; blanks may be behind it. */
const isEnd = (chunk: Buffer, from: number, to: number): boolean =>
  chunk[from] === 0x65 && to - from < 80 && /^end[ \t]*$/.test(chunk.toString('latin1', from, to));

import { decodeLine } from './charset';

/** Who is told what the server said. */
export interface ReplyHandler {
  /** A status line, without its line end. The answer says whether a multi-line reply (RFC 1939 section 3) follows. */
  statusLine(line: string): boolean;
  /** Bytes of a multi-line reply: byte-stuffing undone, nothing else touched. They may be part of a chunk fed. */
  data(bytes: Buffer): void;
  /** The reply is complete; `left` bytes of the chunk come after it. */
  end(left: number): void;
  /** The server broke a rule; nothing more will be read. */
  broken(reason: 'line-too-long'): void;
}

const CR = 13;
const LF = 10;
const DOT = 46;
const CRLF_DOT = Buffer.from('\r\n.');
const LF_DOT = Buffer.from('\n.');
const NOTHING = Buffer.alloc(0);

/** Where in a reply the next byte stands. */
enum At {
  /** In a status line. */
  Status,
  /** In a multi-line reply, in the middle of a line. */
  Line,
  /** After a CR in the middle of a line. */
  Cr,
  /** At the start of a line. */
  LineStart,
  /** After the dot that opens a line; it is withheld. */
  Dot,
  /** After dot and CR at the start of a line; both are withheld. */
  DotCr,
}

/**
 * The replies of RFC 1939 section 3, byte by byte, however the network cuts them.
 *
 * The greeting fixes what ends a line for the whole session. On a server that writes CRLF nothing but
 * CRLF "." CRLF ends a multi-line reply: a mail that holds LF "." LF cannot end its own reply early and forge
 * the next. Servers that write bare LF throughout exist; on those LF ends a line.
 */
export class ReplyParser {
  readonly #handler: ReplyHandler;
  readonly #longestStatusLine: number;
  readonly #run: Run;
  /** Unknown until the greeting has come. */
  #crlf: boolean | undefined;
  #at = At.Status;
  #status: Buffer[] = [];
  #statusLength = 0;
  #stopped = false;
  #forgivenLf = false;

  constructor(handler: ReplyHandler, longestStatusLine: number) {
    this.#handler = handler;
    this.#run = new Run(handler);
    this.#longestStatusLine = longestStatusLine;
  }

  /** What ends a line on this server; `undefined` before the greeting. */
  get lineMode(): 'crlf' | 'lf' | undefined {
    return this.#crlf === undefined ? undefined : this.#crlf ? 'crlf' : 'lf';
  }

  /** Whether a reply has begun and is not complete. A lone CR or blank is no beginning: it may be a blank line's. */
  get midReply(): boolean {
    return this.#at !== At.Status || this.#status.some((piece) => piece.toString('latin1').trim() !== '');
  }

  /** Nothing more is read, not even the rest of the chunk in hand. */
  stop(): void {
    this.#stopped = true;
    this.#status = [];
  }

  /** Begins again after STLS: what ends a line is learned again from what comes by TLS. */
  forget(): void {
    this.#crlf = undefined;
    this.#at = At.Status;
    this.#status = [];
    this.#statusLength = 0;
    this.#forgivenLf = false;
  }

  /** Reads on. `chunk` is never written to, and must not be used again: what `data` is given may be part of it. */
  feed(chunk: Buffer): void {
    let position = 0;
    if (this.#forgivenLf && chunk.length > 0) {
      this.#forgivenLf = false;
      if (chunk[0] === LF) position = 1;
    }
    while (position < chunk.length && !this.#stopped) {
      position = this.#at === At.Status ? this.#readStatus(chunk, position) : this.#readData(chunk, position);
    }
  }

  /**
   * Called when the server has fallen silent inside a multi-line reply. Some Cyrus end with CRLF "." CR and no
   * LF; with nothing following, that is an end. Anything else is not.
   */
  endBySilence(): boolean {
    if (this.#at !== At.DotCr || this.#stopped) return false;
    this.#forgivenLf = true;
    this.#at = At.Status;
    this.#handler.end(0);
    return true;
  }

  #readStatus(chunk: Buffer, start: number): number {
    let end = chunk.indexOf(LF, start);
    while (end >= 0 && this.#crlf && !this.#crBefore(chunk, start, end)) end = chunk.indexOf(LF, end + 1);
    const stop = end < 0 ? chunk.length : end + 1;
    const length = this.#statusLength + stop - start;
    if (length > this.#longestStatusLine) {
      this.stop();
      this.#handler.broken('line-too-long');
      return chunk.length;
    }
    if (end < 0) {
      this.#status.push(Buffer.from(chunk.subarray(start)));
      this.#statusLength = length;
      return stop;
    }
    let bytes = chunk.subarray(start, stop);
    if (this.#statusLength > 0) {
      bytes = Buffer.concat([...this.#status, bytes]);
      this.#status = [];
      this.#statusLength = 0;
    }
    let line = bytes.toString('utf8');
    if (line.includes('\ufffd')) line = decodeLine(bytes);
    const crlf = line.endsWith('\r\n');
    line = line.slice(0, crlf ? -2 : -1);
    // Microsoft 365 and hMailServer send blank lines before some replies.
    if (line.trim() === '') return stop;
    this.#crlf ??= crlf;
    if (this.#handler.statusLine(line)) this.#at = At.LineStart;
    else if (!this.#stopped) this.#handler.end(chunk.length - stop);
    return stop;
  }

  #crBefore(chunk: Buffer, start: number, lf: number): boolean {
    if (lf > start) return chunk[lf - 1] === CR;
    const last = this.#status.at(-1);
    return last !== undefined && last[last.length - 1] === CR;
  }

  #readData(chunk: Buffer, start: number): number {
    const crlf = this.#crlf === true;
    const needle = crlf ? CRLF_DOT : LF_DOT;
    const run = this.#run;
    run.begin(chunk);
    let from = start;
    let position = start;
    let at = this.#at;
    while (position < chunk.length) {
      const byte = chunk[position];
      switch (at) {
        case At.Line: {
          const found = chunk.indexOf(needle, position);
          if (found < 0) {
            position = chunk.length;
            const last = chunk[position - 1];
            if (last === LF && (!crlf || (position - 2 >= start && chunk[position - 2] === CR)))
              at = At.LineStart;
            else if (last === CR) at = At.Cr;
          } else {
            position = found + needle.length;
            run.add(from, position - 1);
            from = position;
            at = At.Dot;
          }
          break;
        }
        case At.Cr:
          // Not a step forward unless it is the LF: the byte may itself open a CRLF.
          if (byte === LF) {
            position += 1;
            at = At.LineStart;
          } else at = At.Line;
          break;
        case At.LineStart:
          if (byte === DOT) {
            run.add(from, position);
            position += 1;
            from = position;
            at = At.Dot;
          } else if (!crlf && byte === LF) {
            position += 1;
          } else at = At.Line;
          break;
        case At.Dot:
          if (byte === CR) {
            position += 1;
            from = position;
            at = At.DotCr;
          } else if (byte === LF && !crlf) {
            return this.#finish(run, position + 1, chunk);
          } else at = At.Line;
          break;
        case At.DotCr:
          if (byte === LF) return this.#finish(run, position + 1, chunk);
          run.addCr();
          at = At.Cr;
          break;
      }
    }
    run.add(from, position);
    this.#at = at;
    run.flush();
    return position;
  }

  #finish(run: Run, position: number, chunk: Buffer): number {
    run.flush();
    this.#at = At.Status;
    if (!this.#stopped) this.#handler.end(chunk.length - position);
    return position;
  }
}

/** Collects what one chunk holds of one reply, to hand it out as one piece whatever dots were taken out. */
class Run {
  readonly #handler: ReplyHandler;
  #chunk: Buffer = NOTHING;
  #first = 0;
  #firstEnd = 0;
  #copy: Buffer | undefined;
  #used = 0;

  constructor(handler: ReplyHandler) {
    this.#handler = handler;
  }

  begin(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#first = 0;
    this.#firstEnd = 0;
  }

  add(from: number, to: number): void {
    if (to <= from) return;
    if (this.#copy) this.#used += this.#chunk.copy(this.#copy, this.#used, from, to);
    else if (this.#firstEnd === this.#first) {
      this.#first = from;
      this.#firstEnd = to;
    } else if (this.#firstEnd === from) this.#firstEnd = to;
    else {
      this.#makeCopy();
      this.add(from, to);
    }
  }

  /** A withheld CR turned out to be part of the mail, and may have come with an earlier chunk. */
  addCr(): void {
    this.#makeCopy();
    const copy = this.#copy as Buffer;
    copy[this.#used] = CR;
    this.#used += 1;
  }

  flush(): void {
    const chunk = this.#chunk;
    const copy = this.#copy;
    // Nothing is held on to: the chunk belongs to the reader of the mail.
    this.#chunk = NOTHING;
    this.#copy = undefined;
    if (copy) {
      if (this.#used > 0) this.#handler.data(copy.subarray(0, this.#used));
    } else if (this.#firstEnd > this.#first) {
      this.#handler.data(chunk.subarray(this.#first, this.#firstEnd));
    }
  }

  #makeCopy(): void {
    if (this.#copy) return;
    // One more than the rest of the chunk: room for a CR withheld from an earlier one.
    this.#copy = Buffer.allocUnsafe(this.#firstEnd - this.#first + this.#chunk.length - this.#firstEnd + 1);
    this.#used = this.#chunk.copy(this.#copy, 0, this.#first, this.#firstEnd);
  }
}

// The structure of a mail (RFC 2046 section 5.1): header blocks, contents and boundaries, found by search in what comes,
// wherever it is cut. Every byte is looked at a bounded number of times; boundaries are looked up, however many are open.
import { beforeLineEnd, isBlank, keepFrom, lineOfDashes } from './delimiter';
import { HeaderBlock } from './header-block';
import { MAX_HEADER_BYTES, MAX_LEVELS, MAX_PART_HEADER_BYTES, MAX_PARTS } from './limits';
import { loadsTable } from './tables';

/** What the splitter has to know of a part once its headers are there. */
export interface Entity {
  /** Delimits the parts of a multipart; undefined: there are none, and content follows. */
  readonly boundary: string | undefined;
  /** What follows is a message of its own, with headers. */
  readonly holdsMessage: boolean;
}

export interface Structure<T extends Entity> {
  /** A header block is complete. `isRaw`: over a limit, all that follows is content whatever the headers say. */
  begin(block: HeaderBlock, parent: T | undefined, isRaw: boolean): T;
  /** Content of the innermost part, or what stands around the parts of a multipart. */
  content(part: T, bytes: Buffer): void;
  /** All the bytes of a message within the mail, as they are, and the line end before the delimiter. */
  message(part: T, bytes: Buffer): void;
  /** The part is over: by a delimiter, or with the mail. */
  leave(part: T, byDelimiter: boolean): void;
  overLimit(limit: 'levels' | 'parts'): void;
  /** A part begins behind the delimiter that closes its multipart. */
  behindEnd(): void;
  /** Other flows are to have their turn: what is left waits. */
  readonly isTurnOver: boolean;
}

interface Level<T extends Entity> {
  part: T;
  /** A multipart whose closing delimiter has come: what follows is its epilogue. */
  isClosed: boolean;
}

const LF = 0x0a;
const DASH = 0x2d;

/** Blanks a delimiter line may carry at its end, as long as header lines may be (RFC 5322 section 2.1.1). */
const MAX_BLANKS = 998;
/** Bytes of headers a part has in any case: enough for what says what it is. */
const LEAST_HEADER = 4096;
const EMPTY = Buffer.alloc(0);

export class Splitter<T extends Entity> {
  readonly #structure: Structure<T>;
  readonly #levels: Level<T>[] = [];
  /** The levels a boundary belongs to, innermost last. */
  readonly #boundaries = new Map<string, number[]>();
  #longest = 0;
  #parts = 0;
  #block: HeaderBlock | undefined;
  #parent: T | undefined;
  #held: Buffer = EMPTY;
  /** Over a limit: boundaries mean nothing any more. */
  #isRaw = false;
  /** What is looked at does not begin with a line. */
  #isMidLine = false;
  #partHeaderBytes = 0;
  /** The outermost message within the mail, and where in the chunk it continues. */
  #message: { part: T; from: number } | undefined;
  #chunk: Buffer = EMPTY;
  /** Where in the chunk what is over ends, and what begins begins. */
  #position = 0;

  /** @param isMail what comes is a mail, and no part of one */
  constructor(structure: Structure<T>, isMail = true) {
    this.#structure = structure;
    this.#block = new HeaderBlock(undefined, isMail);
  }

  /** Whether it stopped early, since the turn is over: call it again, without bytes, for what is left. */
  write(bytes: Buffer = EMPTY): boolean {
    const chunk = this.#held.length ? Buffer.concat([this.#held, bytes]) : bytes;
    this.#held = EMPTY;
    return this.#take(chunk, false);
  }

  /** Whether it stopped early, like `write`. */
  end(): boolean {
    const rest = this.#held;
    this.#held = EMPTY;
    if (this.#take(rest, true)) return true;
    this.#message = undefined;
    if (this.#block) this.#headComplete();
    while (this.#levels.length) this.#leave(false);
    return false;
  }

  #take(chunk: Buffer, last: boolean): boolean {
    this.#chunk = chunk;
    let at: number | undefined = 0;
    while (at !== undefined && at < chunk.length) {
      at = this.#block ? this.#takeHead(chunk, at, last) : this.#takeContent(chunk, at, last);
      if (this.#structure.isTurnOver) break;
    }
    const isLeft = at !== undefined && at < chunk.length;
    if (isLeft) this.#held = chunk.subarray(at);
    const message = this.#message;
    this.#position = chunk.length - this.#held.length;
    if (message && this.#position > message.from)
      this.#structure.message(message.part, chunk.subarray(message.from, this.#position));
    if (message) message.from = 0;
    if (last && !isLeft) return false;
    this.#position = 0;
    this.#chunk = EMPTY;
    return isLeft;
  }

  /** One line of a header block. */
  #takeHead(chunk: Buffer, from: number, last: boolean): number | undefined {
    const block = this.#block as HeaderBlock;
    const lineEnd = chunk.indexOf(LF, from);
    const end = lineEnd < 0 ? chunk.length : lineEnd + 1;
    if (lineEnd < 0 && !last) {
      if (end - from < block.longestLine) this.#held = Buffer.from(chunk.subarray(from));
      else block.addRest(chunk.subarray(from));
      return undefined;
    }
    const delimiter = this.#delimiterAt(chunk, from, end);
    if (delimiter) {
      this.#position = from;
      this.#headComplete('delimiter');
      this.#cross(delimiter);
      return end;
    }
    // Looked at again once the table is there: one line may name several.
    if (block.hasRoom && loadsTable(chunk.toString('latin1', from, end))) return from;
    const done = block.add(chunk.subarray(from, end));
    if (!done) return end;
    this.#position = done === 'separator' ? end : from;
    this.#headComplete(done);
    // A line that is no field belongs to the content.
    return done === 'separator' ? end : from;
  }

  #takeContent(chunk: Buffer, from: number, last: boolean): number | undefined {
    const { part } = this.#levels.at(-1) as Level<T>;
    if (this.#isRaw || !this.#hasBoundaries) {
      this.#structure.content(part, from ? chunk.subarray(from) : chunk);
      return undefined;
    }
    for (let at = from; ; ) {
      const line = lineOfDashes(chunk, at, this.#isMidLine && at === from);
      if (line < 0) {
        this.#passOn(part, chunk, from, last ? chunk.length : keepFrom(chunk, at));
        return undefined;
      }
      const lineEnd = chunk.indexOf(LF, line);
      const end = lineEnd < 0 ? chunk.length : lineEnd + 1;
      if (lineEnd < 0 && !last && end - line <= this.#longest + MAX_BLANKS + 6) {
        this.#passOn(part, chunk, from, beforeLineEnd(chunk, from, line));
        return undefined;
      }
      const delimiter = this.#delimiterAt(chunk, line, end);
      if (delimiter) {
        const to = beforeLineEnd(chunk, from, line);
        if (to > from) this.#structure.content(part, chunk.subarray(from, to));
        this.#position = line;
        this.#cross(delimiter);
        return end;
      }
      at = end;
      if (at >= chunk.length) {
        this.#passOn(part, chunk, from, last ? chunk.length : keepFrom(chunk, line));
        return undefined;
      }
    }
  }

  #passOn(part: T, chunk: Buffer, from: number, to: number): void {
    if (to > from) {
      this.#structure.content(part, chunk.subarray(from, to));
      this.#isMidLine = true;
    }
    if (to < chunk.length) this.#held = Buffer.from(chunk.subarray(Math.max(to, from)));
  }

  /** The delimiter a line is, of any multipart that is open. */
  #delimiterAt(chunk: Buffer, from: number, to: number): { level: number; isClosing: boolean } | undefined {
    if (this.#isRaw || chunk[from] !== DASH || chunk[from + 1] !== DASH || !this.#hasBoundaries)
      return undefined;
    let end = to;
    if (end - from > this.#longest + MAX_BLANKS + 6) return undefined;
    while (end > from && isBlank(chunk[end - 1] as number)) end--;
    const text = chunk.toString('latin1', from + 2, end);
    const level = this.#boundaries.get(text)?.at(-1) ?? this.#closedLevel(text);
    if (level !== undefined) return { level, isClosing: false };
    if (!text.endsWith('--')) return undefined;
    const closed = this.#boundaries.get(text.slice(0, -2))?.at(-1);
    return closed === undefined ? undefined : { level: closed, isClosing: true };
  }

  #cross({ level, isClosing }: { level: number; isClosing: boolean }): void {
    const isOwn = level === this.#levels.length - 1;
    this.#isMidLine = false;
    // A closing delimiter before the first part closes nothing.
    if (isClosing && isOwn) return;
    while (this.#levels.length - 1 > level) this.#leave(true);
    const owner = this.#levels[level] as Level<T>;
    if (isClosing) {
      owner.isClosed = true;
      this.#forget(owner.part);
      return;
    }
    if (owner.isClosed) {
      this.#structure.behindEnd();
      owner.isClosed = false;
      this.#open(owner.part.boundary as string, level);
    }
    this.#parent = owner.part;
    this.#block = this.#newBlock();
    if (this.#parts < MAX_PARTS && this.#levels.length < MAX_LEVELS) return;
    // What is left of the mail comes out as one part.
    this.#structure.overLimit(this.#parts < MAX_PARTS ? 'levels' : 'parts');
    this.#isRaw = true;
    this.#headComplete();
  }

  /** @param ending what ended the block; undefined: nothing did */
  #headComplete(ending?: 'separator' | 'content' | 'delimiter'): void {
    const block = (this.#block as HeaderBlock).close(ending === 'separator');
    if (ending === 'delimiter' && block.text)
      block.text = block.text.subarray(0, beforeLineEnd(block.text, 0, block.text.length));
    this.#block = undefined;
    this.#isMidLine = false;
    if (this.#parts++) this.#partHeaderBytes += block.bytes;
    const part = this.#structure.begin(block, this.#parent, this.#isRaw);
    this.#levels.push({ part, isClosed: false });
    if (block.text) this.#structure.content(part, block.text);
    if (this.#isRaw) return;
    if (part.boundary !== undefined) {
      this.#open(part.boundary, this.#levels.length - 1);
      this.#longest = Math.max(this.#longest, part.boundary.length);
    } else if (part.holdsMessage) {
      this.#parent = part;
      this.#message ??= { part, from: this.#position };
      this.#block = this.#newBlock();
      if (this.#levels.length < MAX_LEVELS) return;
      this.#structure.overLimit('levels');
      this.#isRaw = true;
      this.#headComplete();
    }
  }

  #newBlock(): HeaderBlock {
    const left = Math.max(LEAST_HEADER, MAX_PART_HEADER_BYTES - this.#partHeaderBytes);
    return new HeaderBlock(Math.min(MAX_HEADER_BYTES, left));
  }

  #leave(byDelimiter: boolean): void {
    const { part, isClosed } = this.#levels.pop() as Level<T>;
    if (this.#message?.part === part) {
      if (this.#position > this.#message.from)
        this.#structure.message(part, this.#chunk.subarray(this.#message.from, this.#position));
      this.#message = undefined;
    }
    if (!isClosed) this.#forget(part);
    this.#structure.leave(part, byDelimiter);
  }

  get #hasBoundaries(): boolean {
    return this.#boundaries.size > 0 || this.#levels.at(-1)?.isClosed === true;
  }

  /** The innermost one, where it is closed and has this boundary: none within it is open. */
  #closedLevel(boundary: string): number | undefined {
    const innermost = this.#levels.at(-1);
    return innermost?.isClosed && innermost.part.boundary === boundary ? this.#levels.length - 1 : undefined;
  }

  #open(boundary: string, level: number): void {
    const owners = this.#boundaries.get(boundary);
    if (owners) owners.push(level);
    else this.#boundaries.set(boundary, [level]);
  }

  #forget({ boundary }: T): void {
    if (boundary === undefined) return;
    const owners = this.#boundaries.get(boundary);
    if (owners && owners.length > 1) owners.pop();
    else this.#boundaries.delete(boundary);
  }
}

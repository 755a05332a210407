// The lines of a header block (RFC 5322 section 2.2) as they come, up to the line that ends it.
import { MAX_FIELD_BYTES, MAX_HEADER_BYTES, MAX_HEADER_FIELDS } from './limits';
import { readParameters } from './parameters';

/** A field as it came, one byte per character, line ends within it kept. */
export interface HeaderLine {
  /** The name in lower case. */
  key: string;
  line: string;
}

/** Kept of a block that is over its limit too, once each: what the mail is made of, who wrote it, and when. */
const ESSENTIAL = new Set(
  'content-type content-transfer-encoding content-disposition content-id from to subject date message-id'.split(
    ' ',
  ),
);

/** By these a header block is known behind a first line that is none. */
const KNOWN =
  /^(from|to|subject|date|received|message-id|mime-version|return-path|delivered-to|content-type)[ \t]*:/i;

/** Bytes of empty lines in front of a header. */
const MAX_EMPTY = 64;

const NAME = /^[\x21-\x39\x3b-\x7e]+$/;

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

interface Since {
  lines: Buffer[];
  fields: number;
  /** The last field there was, and its length. */
  last: HeaderLine;
  length: number;
}

export class HeaderBlock {
  readonly #limit: number;
  readonly lines: HeaderLine[] = [];
  /** Something was left out. */
  isCut = false;
  /** A first line that turned out to be text. */
  text: Buffer | undefined;
  /** Bytes of a line that are waited for. */
  readonly longestLine = MAX_FIELD_BYTES;
  /** Bytes of the block so far. */
  bytes = 0;
  readonly #essential = new Set<string>();
  #isFirst = true;
  /** Only empty lines have come, and a header may still follow. */
  #mayBegin: boolean;
  #emptyBytes = 0;
  #isKept = false;
  /** What came since a line of blanks, which may have ended the block, and what there was before it. */
  #since: Since | undefined;

  /** @param isMail an empty line in front of the header of a mail is none that ends it */
  constructor(limit = MAX_HEADER_BYTES, isMail = false) {
    this.#limit = limit;
    this.#mayBegin = isMail;
  }

  /**
   * Takes a line, its end included.
   *
   * @returns `separator`: the line ends the block; `content`: so does it, and it is the first of what follows
   */
  add(line: Buffer): 'separator' | 'content' | undefined {
    let end = line.length;
    if (end && line[end - 1] === 0x0a) end--;
    // More than one CR comes of gateways that convert line ends twice.
    while (end && line[end - 1] === 0x0d) end--;
    if (end === 0 && this.#mayBegin && this.#emptyBytes < MAX_EMPTY) {
      this.#emptyBytes += line.length;
      return undefined;
    }
    if (end === 0) return 'separator';
    if (this.#mayBegin && this.#emptyBytes && !KNOWN.test(line.toString('latin1', 0, end))) return 'content';
    this.#mayBegin = false;
    this.bytes += line.length;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const first = line[0];
    // A byte order mark in front of it all belongs to no name.
    const text = line.toString('latin1', isFirst && line.subarray(0, 3).equals(BOM) ? 3 : 0, end);
    const isBlank = text.trim() === '';
    if (this.bytes > this.#limit) this.#since = undefined;
    if (this.#since) this.#since.lines.push(Buffer.from(line));
    else if (isBlank) this.#markBlank();
    if (isBlank) return this.#addFolded(text) && undefined;
    if (first === 0x20 || first === 0x09) return this.#addFolded(text);
    const colon = text.indexOf(':');
    const name = colon > 0 ? text.slice(0, colon).trimEnd() : '';
    if (name !== '' && NAME.test(name)) {
      if (this.text && !KNOWN.test(text)) return 'content';
      this.text = undefined;
      if (KNOWN.test(text)) this.#since = undefined;
      this.#addField(name.toLowerCase(), text);
      return undefined;
    }
    // A file in mbox format, or a quoted one, begins like this.
    if (isFirst && /^>?From /.test(text)) return undefined;
    if (this.lines.length === 0) {
      if (!isFirst) return 'content';
      this.text = Buffer.from(line);
      return undefined;
    }
    if (this.#isDelimiter(text)) return 'content';
    if (this.#since) {
      this.#since.lines.pop();
      return 'content';
    }
    // A field that some server has cut in two: nothing of it can be known.
    this.#addField('', text);
    return undefined;
  }

  /** Takes more of a line that is longer than any field may be. */
  addRest(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.isCut = true;
    this.#since = undefined;
  }

  /** Lines are kept, whatever they are. */
  get hasRoom(): boolean {
    return this.bytes <= this.#limit;
  }

  /**
   * No more lines.
   *
   * @param isEnded by an empty line
   */
  close(isEnded: boolean): this {
    if (this.lines.length) this.text = undefined;
    if (isEnded) return this;
    if (this.#since?.lines.length) this.#takeBack(this.#since);
    else this.#takeTextBack();
    return this;
  }

  /** No empty line ended the block: lines at its end that are no fields are text. */
  #takeTextBack(): void {
    const fields = this.lines.findLastIndex(({ key }) => key !== '') + 1;
    const lines = this.lines.splice(fields).map(({ line }) => `${line}\r\n`);
    if (fields && lines.length) this.text = Buffer.from(lines.join(''), 'latin1');
  }

  /** A line of blanks ended the block: what came since is text. */
  #takeBack({ lines, fields, last, length }: Since): void {
    this.lines.length = fields;
    last.line = last.line.slice(0, length);
    this.text = Buffer.concat(lines);
  }

  /** A line of blanks may belong to a field that is folded, or be the end of the block (RFC 5322 section 4.2). */
  #markBlank(): void {
    const last = this.lines.at(-1);
    if (last) this.#since = { lines: [], fields: this.lines.length, last, length: last.line.length };
  }

  /** The empty line in front of the first part is missing. */
  #isDelimiter(text: string): boolean {
    if (!text.startsWith('--')) return false;
    const type = this.lines.find(({ key }) => key === 'content-type')?.line ?? '';
    const { value, params } = readParameters(type.slice(type.indexOf(':') + 1));
    return value.toLowerCase().startsWith('multipart/') && params.boundary === text.slice(2).trimEnd();
  }

  #addFolded(text: string): 'content' | undefined {
    const last = this.lines.at(-1);
    if (!last) return 'content';
    if (!this.#isKept) return undefined;
    if (!this.hasRoom && !ESSENTIAL.has(last.key)) this.isCut = true;
    else this.#extend(last, `\r\n${text}`);
    return undefined;
  }

  #extend(field: HeaderLine, more: string): void {
    const room = MAX_FIELD_BYTES - field.line.length;
    if (more.length > room) this.isCut = true;
    if (room > 0) field.line += more.length > room ? more.slice(0, room) : more;
  }

  #addField(key: string, text: string): void {
    this.#isKept =
      (this.hasRoom && this.lines.length < MAX_HEADER_FIELDS) ||
      (ESSENTIAL.has(key) && !this.#essential.has(key));
    if (!this.#isKept) {
      this.isCut = true;
      return;
    }
    if (ESSENTIAL.has(key)) this.#essential.add(key);
    const field = { key, line: '' };
    this.lines.push(field);
    this.#extend(field, text);
  }
}

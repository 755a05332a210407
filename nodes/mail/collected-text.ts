// A text part in the making: bytes → a string with LF line ends, a slice at a time, so that a text of 25 MB never holds
// up the event loop.
import { charsetByMark, type Decoder, decoderOf } from './charset';
import { Unflow } from './flowed';
import { charsetOf } from './labels';
import { MAX_CONVERTED } from './limits';
import type { Sink } from './sink';

/** Bytes gathered before they become a string: twice as many, and half as many, left more garbage at a time. */
const DECODED = 128 * 1024;

/** Bytes in which an HTML is to name its charset (HTML Living Standard: the first 1,024). */
const META = 1024;

/** Characters of a long text that become one string; from 1,031,913 on Node keeps it outside V8's heap. */
const BLOCK = 1024 * 1024;

/** CRs in front of an LF that make one line end with it. */
const MAX_CRS = 3;
const OTHER_LINE_ENDS = /\r{1,2}\n|\r/;

/** A decoded text. */
export interface CollectedText {
  whole: string;
  /**
   * The text from its start, more than MAX_CONVERTED characters of it or all: of a long text, taking a slice of `whole`
   * would copy it all.
   */
  head: string;
}

/**
 * Puts a long text together from few strings that are not in V8's heap. There, each of many small ones is copied twice
 * while it grows old, and the space for young ones grows to its limit for them and stays as large.
 */
class LongText {
  /** Grows by concatenation, which V8 does without copying: joining at the end would hold up the event loop. */
  whole = '';
  readonly #block = Buffer.allocUnsafeSlow(2 * BLOCK);
  #length = 0;
  /** Two bytes a character in the block; where all are of Latin-1, one. */
  #wide = false;

  add(text: string): void {
    const wide = /[\u0100-\uffff]/.test(text);
    if (wide !== this.#wide) this.flush();
    this.#wide = wide;
    for (let at = 0; at < text.length; ) {
      const piece = text.slice(at, at + BLOCK - this.#length);
      if (wide) this.#block.write(piece, this.#length * 2, 'utf16le');
      else this.#block.write(piece, this.#length, 'latin1');
      this.#length += piece.length;
      at += piece.length;
      if (this.#length === BLOCK) this.flush();
    }
  }

  flush(): void {
    const block = this.#block;
    const length = this.#length;
    const wide = this.#wide;
    this.whole += wide ? block.toString('utf16le', 0, length * 2) : block.toString('latin1', 0, length);
    this.#length = 0;
  }
}

export interface TextFormat {
  /** The charset parameter as the mail gave it; undefined when it gave none. */
  charset: string | undefined;
  /** An HTML may name its charset itself. */
  isHtml?: boolean;
  /** For format=flowed: whether the blank that marks a soft line end is deleted. */
  flowed?: { delSp: boolean };
}

/** One text part in the making: bytes go in, the decoded string comes out at the end. */
export class TextCollector implements Sink {
  readonly #format: TextFormat;
  #decoder: Decoder | undefined;
  readonly #unflow: Unflow | undefined;
  #pending: Buffer[] = [];
  #size = 0;
  #long: LongText | undefined;
  #head: string | undefined;
  #hasBegun = false;
  /** CRs that may belong to a line end. */
  #crs = '';
  #text: CollectedText | undefined;
  /** The charset that an HTML names for itself. */
  meta: string | undefined;

  constructor(format: TextFormat) {
    this.#format = format;
    if (format.flowed) this.#unflow = new Unflow(format.flowed.delSp);
  }

  /** Why the text may not read as it was meant, for `mail.problems`. */
  get problem(): string | undefined {
    return this.#decoder?.problem;
  }

  write(chunk: Buffer): void {
    this.#pending.push(chunk);
    this.#size += chunk.length;
    if (this.#size < DECODED) return;
    this.#long ??= new LongText();
    this.#long.add(this.#decode(false));
    if (this.#long.whole.length > MAX_CONVERTED) this.#head ??= this.#long.whole;
  }

  end(): void {
    this.result();
  }

  /** The text: nothing can be written any more. */
  result(): CollectedText {
    if (this.#text) return this.#text;
    let whole = this.#decode(true);
    if (this.#long) {
      this.#long.add(whole);
      this.#long.flush();
      whole = this.#long.whole;
      this.#long = undefined;
    }
    this.#text = { whole, head: this.#head ?? whole };
    return this.#text;
  }

  #decoderOf(first: Buffer): Decoder {
    const mark = charsetByMark(first);
    if (mark) return decoderOf(mark, first);
    if (this.#format.isHtml) this.meta = metaCharset(first);
    // Where MIME names one that the bytes are not in, the HTML may know better.
    return decoderOf(this.#format.charset || this.meta, first, this.meta);
  }

  #decode(last: boolean): string {
    const bytes =
      this.#pending.length === 1 ? (this.#pending[0] as Buffer) : Buffer.concat(this.#pending, this.#size);
    this.#pending = [];
    this.#size = 0;
    this.#decoder ??= this.#decoderOf(bytes);
    let text = this.#decoder.write(bytes);
    if (last) text += this.#decoder.end() ?? '';
    if (!this.#hasBegun && text !== '') {
      this.#hasBegun = true;
      if (text.startsWith('\ufeff')) text = text.slice(1);
    }
    text = this.#withLineEnds(text, last);
    return this.#unflow ? this.#unflow.write(text) + (last ? this.#unflow.end() : '') : text;
  }

  /** With LF; by CR alone lines end too, and by two of them in front of the LF where a gateway has converted twice. */
  #withLineEnds(written: string, last: boolean): string {
    const text = this.#crs + written;
    const end = last ? text.length : endWithoutCrs(text);
    this.#crs = text.slice(end);
    const whole = end < text.length ? text.slice(0, end) : text;
    if (!whole.includes('\r')) return whole;
    // Not replace(): V8 would answer with a chain of slices, two and a half times the size and slow to collect.
    const lines = whole.split('\r\n').join('\n');
    return lines.includes('\r') ? lines.split(OTHER_LINE_ENDS).join('\n') : lines;
  }
}

/** Where the CRs begin that a text ends with, as many as make one line end. */
function endWithoutCrs(text: string): number {
  let end = text.length;
  while (end > 0 && text.length - end < MAX_CRS && text[end - 1] === '\r') end--;
  return end;
}

/** The charset an HTML names for itself. UTF-16 it cannot be, or this could not be read. */
function metaCharset(bytes: Buffer): string | undefined {
  const head = bytes.toString('latin1', 0, META).replace(/<!--[\s\S]*?-->/g, '');
  const named = (/<meta\s[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})/i.exec(head) ??
    /^\s*<\?xml\s[^>]{0,80}?encoding\s*=\s*["']([\w.:-]{1,40})/i.exec(head))?.[1];
  if (named === undefined || /^utf-?(16|32)/i.test(named)) return undefined;
  return charsetOf(named).kind === 'utf-7' ? undefined : named;
}

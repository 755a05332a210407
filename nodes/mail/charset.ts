// Bytes of a text → a string with LF line ends, a slice at a time, so that a text of 25 MB never holds up the event
// loop. Only what does not fit becomes U+FFFD. Text that says it is UTF-8, or says nothing that can be understood, and
// holds no UTF-8 at all is read as windows-1252: old devices send mail like that.
import { isUtf8 } from 'node:buffer';
import { Unflow } from './flowed';
import { MAX_CONVERTED } from './limits';
import { iconv } from './mailparser';
import type { Sink } from './transfer';
import { isUtf7, Utf7Decoder } from './utf7';

/** Bytes gathered before they become a string: twice as many, and half as many, left more garbage at a time. */
const DECODED = 128 * 1024;

/** Bytes in which an HTML is to name its charset (HTML Living Standard: the first 1,024). */
const META = 1024;

/** Characters of a long text that become one string; from 1,031,913 on Node keeps it outside V8's heap. */
const BLOCK = 1024 * 1024;

const C1 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/** Reads bytes as windows-1252, every byte a character. */
function decodeWindows1252(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(/[\u0080-\u009f]/g, (char) => C1[char.charCodeAt(0) - 0x80] ?? char);
}

/** How many of these bytes can be decoded without tearing a UTF-8 character or a CRLF apart. */
function wholeCharacters(bytes: Buffer): number {
  const last = bytes.length;
  if (bytes[last - 1] === 0x0d) return last - 1;
  for (let back = 1; back <= 3 && back <= last; back++) {
    const byte = bytes[last - back] as number;
    if (byte < 0x80) return last;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < length ? last - back : last;
    }
  }
  return last;
}

/** What a charset parameter names, without what mailers put around it; lower case. */
function charsetLabel(written: string): string {
  const token = /[\w.:+-]+/.exec(written)?.[0].toLowerCase() ?? '';
  return token.replace(/^x-/, '');
}

interface Decoder {
  write(bytes: Buffer): string;
  end(): string | undefined;
  /** Why the text may not read as it was meant. */
  problem?: string | undefined;
}

/** Names of ASCII and UTF-8: of both, what is really there is looked at. */
const UNICODE =
  /^(us-?ascii|ascii|utf-?8|unicode-?1-?1-?utf-?8|ansi_x3\.4-19(68|86)|iso-ir-6|iso646-us|cp367|ibm367|646|default)$/;
/** Labels of iconv-lite that are transfer encodings, and one that hides markup. */
const REFUSED = /^(base64|hex|binary|utf-?7-?imap|internal|ucs-?4|_.*)$/;

/** The decoder of a label. */
function decoderOf(written: string | undefined): Decoder {
  const label = charsetLabel(written ?? '');
  if (written === undefined || label === '' || UNICODE.test(label)) return new GuessingDecoder(written);
  if (isUtf7(label)) {
    const decoder = new Utf7Decoder();
    return { write: (bytes) => decoder.write(bytes), end: () => decoder.end() };
  }
  if (/^(iso-?2022-?(jp|kr)|jis$|csiso2022(jp|kr))/.test(label)) return new EscapedDecoder(label);
  // What calls itself ISO 8859-1 and has letters where that has none is windows-1252 (Encoding Standard).
  const known = /^(iso-?8859-?1|iso_8859-1(:1987)?|latin-?1|l1|cp819|ibm819)$/.test(label)
    ? 'windows-1252'
    : label.replace(/^(iso-?8859-?\d+)-?[ei]$/, '$1').replace(/^mac-?(roman)?$/, 'macintosh');
  if (!REFUSED.test(known) && iconv().encodingExists(known))
    return iconv().getDecoder(known, { stripBOM: false });
  return new GuessingDecoder(written, `character set "${label.slice(0, 40)}" is not known`);
}

/** UTF-8 and what only claims to be: what is there decides. */
class GuessingDecoder implements Decoder {
  readonly #written: string | undefined;
  readonly #unknown: string | undefined;
  #isMixed = false;
  #isGuessed = false;
  #held: Buffer | undefined;

  constructor(written: string | undefined, unknown?: string) {
    this.#written = written;
    this.#unknown = unknown;
  }

  write(bytes: Buffer): string {
    return this.#decode(bytes, false);
  }

  end(): string {
    return this.#decode(Buffer.alloc(0), true);
  }

  get problem(): string | undefined {
    const read = this.#isGuessed ? 'windows-1252' : 'UTF-8';
    if (this.#unknown) return `${this.#unknown}, read as ${read}`;
    return this.#isGuessed ? `not valid ${this.#written ?? 'utf-8'}, read as windows-1252` : undefined;
  }

  #decode(bytes: Buffer, last: boolean): string {
    const all = this.#held ? Buffer.concat([this.#held, bytes]) : bytes;
    const cut = last ? all.length : wholeCharacters(all);
    this.#held = cut < all.length ? all.subarray(cut) : undefined;
    const whole = all.subarray(0, cut);
    if (this.#isMixed) return whole.toString('utf8');
    const { text, kind } = guessUtf8(whole);
    if (kind === 'utf8') this.#isMixed = true;
    if (kind === 'windows-1252') this.#isGuessed = true;
    return text;
  }
}

/** Reads bytes as UTF-8, broken ones replaced, or as windows-1252 where they hold no UTF-8. */
export function guessUtf8(bytes: Buffer): { text: string; kind: 'ascii' | 'utf8' | 'windows-1252' } {
  const text = bytes.toString('utf8');
  // Every other character takes more bytes than units of a string.
  if (isUtf8(bytes)) return { text, kind: text.length === bytes.length ? 'ascii' : 'utf8' };
  // Each broken byte, or beginning of a character, became one U+FFFD; what is there by right came in three bytes.
  const replaced = text.split('\ufffd').length - 1 - occurrences(bytes, REPLACEMENT);
  const characters = (
    text.match(/[\u0080-\ud7ff\ue000-\ufffc\ufffe\uffff]|[\ud800-\udbff][\udc00-\udfff]/g) ?? []
  ).length;
  // By chance two letters of windows-1252 make one of UTF-8 now and then.
  if (characters * 8 >= replaced && characters > 0) return { text, kind: 'utf8' };
  return { text: decodeWindows1252(bytes), kind: 'windows-1252' };
}

const REPLACEMENT = Buffer.from('\ufffd');

function occurrences(bytes: Buffer, what: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(what); at >= 0; at = bytes.indexOf(what, at + what.length)) count++;
  return count;
}

/**
 * ISO-2022-JP (RFC 1468, with the kana and supplementary kanji that mailers add) and ISO-2022-KR (RFC 1557): the
 * escaped runs become EUC, byte by byte, which is decoded as it comes.
 */
class EscapedDecoder implements Decoder {
  readonly #euc: { write(bytes: Buffer): string; end(): string | undefined };
  readonly #isKorean: boolean;
  #mode: 'ascii' | 'kana' | 'kanji' | 'supplement' = 'ascii';
  #escape: number[] = [];
  #lead: number | undefined;

  constructor(label: string) {
    this.#isKorean = label.includes('kr');
    this.#euc = iconv().getDecoder(this.#isKorean ? 'euc-kr' : 'euc-jp');
  }

  write(bytes: Buffer): string {
    const out = Buffer.allocUnsafe(bytes.length * 3 + 6);
    let written = 0;
    for (const octet of bytes) {
      if (this.#escape.length) {
        this.#escape.push(octet);
        const known = this.#shift();
        if (known === 'more') continue;
        if (known === 'no') for (const one of this.#escape) out[written++] = one;
        this.#escape = [];
      } else if (octet === 0x1b) {
        this.#escape = [octet];
        this.#lead = undefined;
      } else if (octet === 0x0a || octet === 0x0d) {
        // Lines begin in ASCII, except where a mailer forgot to shift back.
        this.#lead = undefined;
        out[written++] = octet;
      } else if (this.#isKorean && (octet === 0x0e || octet === 0x0f)) {
        this.#mode = octet === 0x0e ? 'kanji' : 'ascii';
      } else if (this.#mode === 'ascii' || octet < 0x21 || octet > 0x7e) {
        out[written++] = octet;
      } else if (this.#mode === 'kana') {
        out[written++] = 0x8e;
        out[written++] = octet | 0x80;
      } else if (this.#lead === undefined) this.#lead = octet;
      else {
        if (this.#mode === 'supplement') out[written++] = 0x8f;
        out[written++] = this.#lead | 0x80;
        out[written++] = octet | 0x80;
        this.#lead = undefined;
      }
    }
    return this.#euc.write(out.subarray(0, written));
  }

  end(): string {
    const rest = Buffer.from(this.#escape);
    return this.#euc.write(rest) + (this.#euc.end() ?? '');
  }

  /** What an escape sequence says, as far as it has come. */
  #shift(): 'done' | 'more' | 'no' {
    const sequence = Buffer.from(this.#escape).toString('latin1', 1);
    if (sequence === '(B' || sequence === '(J') this.#mode = 'ascii';
    else if (sequence === '(I') this.#mode = 'kana';
    else if (sequence === '$B' || sequence === '$@' || sequence === '$(B') this.#mode = 'kanji';
    else if (sequence === '$(D') this.#mode = 'supplement';
    else if (sequence === '$)C') return 'done';
    else return ['(', '$', '$(', '$)'].includes(sequence) ? 'more' : 'no';
    return 'done';
  }
}

/** Decodes what is there as a whole, such as a file name; a byte order mark is no part of it. */
export function decodeAll(bytes: Buffer, charset: string): string {
  const decoder = decoderOf(charset);
  const text = decoder.write(bytes) + (decoder.end() ?? '');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

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
  #hasCr = false;
  #text: CollectedText | undefined;

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

  #decode(last: boolean): string {
    const bytes =
      this.#pending.length === 1 ? (this.#pending[0] as Buffer) : Buffer.concat(this.#pending, this.#size);
    this.#pending = [];
    this.#size = 0;
    this.#decoder ??= decoderOf(
      this.#format.charset ?? (this.#format.isHtml ? metaCharset(bytes) : undefined),
    );
    let text = this.#decoder.write(bytes);
    if (last) text += this.#decoder.end() ?? '';
    if (!this.#hasBegun && text !== '') {
      this.#hasBegun = true;
      if (text.startsWith('\ufeff')) text = text.slice(1);
    }
    if (this.#hasCr) text = `\r${text}`;
    this.#hasCr = !last && text.endsWith('\r');
    if (this.#hasCr) text = text.slice(0, -1);
    // Not replace(): V8 would answer with a chain of slices, two and a half times the size and slow to collect.
    if (text.includes('\r')) text = text.split('\r\n').join('\n');
    return this.#unflow ? this.#unflow.write(text) + (last ? this.#unflow.end() : '') : text;
  }
}

/** The charset an HTML names for itself. UTF-16 it cannot be, or this could not be read. */
function metaCharset(bytes: Buffer): string | undefined {
  const head = bytes.toString('latin1', 0, META);
  if (head.startsWith('\xef\xbb\xbf')) return undefined;
  const named = /<meta\s[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})/i.exec(head)?.[1];
  return named === undefined || /^utf-?(16|32)/i.test(named) || isUtf7(named) ? undefined : named;
}

// Bytes of a text → a string. Only what does not fit becomes U+FFFD. Text that says it is UTF-8, or says nothing that
// can be understood, and holds no UTF-8 at all is read as windows-1252: old devices send mail like that.
import { isUtf8 } from 'node:buffer';
import { HzDecoder, Iso2022Decoder, isShifted } from './iso-2022';
import { charsetOf } from './labels';
import { iconv } from './mailparser';
import { Utf7Decoder } from './utf7';

export interface Decoder {
  write(bytes: Buffer): string;
  end(): string | undefined;
  /** Why the text may not read as it was meant. */
  problem?: string | undefined;
}

/**
 * The decoder of a charset parameter.
 *
 * @param written as the mail gave it; undefined when it gave none
 * @param first the first bytes, which tell where the parameter does not
 * @param other what is no UTF-8 is in this one then; undefined: in windows-1252
 */
export function decoderOf(written: string | undefined, first: Buffer, other?: string): Decoder {
  const charset = charsetOf(written);
  switch (charset.kind) {
    case 'guess':
      // Mails of the time before MIME: seven bits, and Japanese in them.
      return isShifted(first)
        ? new Iso2022Decoder(false)
        : new GuessingDecoder(written, undefined, otherOf(other, first));
    case 'utf-7':
      return new Utf7Decoder();
    case 'hz':
      return new HzDecoder();
    case 'iso-2022':
      return new Iso2022Decoder(charset.isKorean);
    case 'table':
      return iconv().getDecoder(charset.name, { stripBOM: false });
    case 'unknown':
      return new GuessingDecoder(
        written,
        `character set "${charset.label.slice(0, 40)}" is not known`,
        otherOf(other, first),
      );
  }
}

/** What bytes are read as that are no UTF-8. */
interface Other {
  name: string;
  decoder: Decoder;
  /** By chance, two of its bytes are one character of UTF-8 often. */
  isWide: boolean;
}

/** One whose bytes can be among those of ASCII; undefined where it tells nothing. */
function otherOf(written: string | undefined, first: Buffer): Other | undefined {
  const charset = charsetOf(written);
  const name = charset.kind === 'table' ? charset.name : '';
  if ((charset.kind !== 'iso-2022' && charset.kind !== 'table') || /^utf-?(16|32)/.test(name))
    return undefined;
  return {
    name: name || (written as string),
    decoder: decoderOf(written, first),
    isWide: /^(gb|big5|euc|shift_jis)/.test(name) || charset.kind === 'iso-2022',
  };
}

/** A byte order mark tells more than any parameter (Encoding Standard, section 6.1). */
export function charsetByMark(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe)
    return bytes[2] === 0 && bytes[3] === 0 ? 'utf-32le' : 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined;
}

/**
 * Decodes what is there as a whole, such as a file name; a byte order mark is no part of it.
 *
 * @param other as for {@link decoderOf}
 */
export function decodeAll(bytes: Buffer, charset: string | undefined, other?: string): string {
  const decoder = decoderOf(charset, bytes, other);
  const text = decoder.write(bytes) + (decoder.end() ?? '');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

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

/** UTF-8 and what only claims to be: what is there decides. */
class GuessingDecoder implements Decoder {
  readonly #written: string | undefined;
  readonly #unknown: string | undefined;
  readonly #other: Other | undefined;
  readonly #saysUtf8: boolean;
  #isMixed = false;
  #isGuessed = false;
  #held: Buffer | undefined;

  constructor(written: string | undefined, unknown?: string, other?: Other) {
    this.#written = written;
    this.#unknown = unknown;
    this.#other = other;
    this.#saysUtf8 = /utf-?8/i.test(written ?? '');
  }

  write(bytes: Buffer): string {
    return this.#decode(bytes, false);
  }

  end(): string {
    return this.#decode(Buffer.alloc(0), true);
  }

  get problem(): string | undefined {
    const read = this.#isGuessed ? (this.#other?.name ?? 'windows-1252') : 'UTF-8';
    if (this.#unknown) return `${this.#unknown}, read as ${read}`;
    return this.#isGuessed ? `not valid ${this.#written ?? 'utf-8'}, read as ${read}` : undefined;
  }

  #decode(bytes: Buffer, last: boolean): string {
    // From there on all is in the other one, characters that the pieces tear apart too.
    if (this.#isGuessed && this.#other) return this.#otherText(bytes, last);
    const all = this.#held ? Buffer.concat([this.#held, bytes]) : bytes;
    const cut = last ? all.length : wholeCharacters(all);
    this.#held = cut < all.length ? all.subarray(cut) : undefined;
    const whole = all.subarray(0, cut);
    if (this.#isMixed) return whole.toString('utf8');
    const { text, kind } = guessUtf8(whole, this.#other, this.#saysUtf8);
    if (kind === 'utf8') this.#isMixed = true;
    if (kind !== 'other') return text;
    this.#isGuessed = true;
    if (!this.#other) return decodeWindows1252(whole);
    this.#held = undefined;
    return this.#otherText(all, last);
  }

  #otherText(bytes: Buffer, last: boolean): string {
    const { decoder } = this.#other as Other;
    return decoder.write(bytes) + ((last && decoder.end()) || '');
  }
}

/** Reads bytes as UTF-8, broken ones replaced, where they hold some. */
function guessUtf8(
  bytes: Buffer,
  other: Other | undefined,
  saysUtf8: boolean,
): { text: string; kind: 'ascii' | 'utf8' | 'other' } {
  const text = bytes.toString('utf8');
  // Every other character takes more bytes than units of a string.
  if (isUtf8(bytes) && text.length === bytes.length) return { text, kind: 'ascii' };
  // Each broken byte, or beginning of a character, became one U+FFFD; what is there by right came in three bytes.
  const replaced = text.split('\ufffd').length - 1 - occurrences(bytes, REPLACEMENT);
  const isDoubtful = other?.isWide === true && !saysUtf8;
  if (replaced === 0 && !isDoubtful) return { text, kind: 'utf8' };
  const found = (text.match(isDoubtful ? WIDE : BEYOND_ASCII) ?? []).length;
  const characters = found || (saysUtf8 && replaced === 1 && CUT_CHARACTER.test(lastOf(bytes)) ? 1 : 0);
  // By chance two letters of windows-1252 make one of UTF-8 now and then, and of other sets more often.
  const share = !other || (saysUtf8 && !other.isWide) ? 8 : saysUtf8 ? 1 : 0.5;
  return { text, kind: characters > 0 && characters * share >= replaced ? 'utf8' : 'other' };
}

/** A text that is cut within a character, as in a preview. */
const CUT_CHARACTER = /(?:^|[^\x80-\xff])(?:[\xe1-\xef][\x80-\xbf]|[\xf0-\xf4][\x90-\xbf][\x80-\xbf]?)$/;

const lastOf = (bytes: Buffer): string => bytes.toString('latin1', Math.max(0, bytes.length - 4));

const BEYOND_ASCII = /[\u0080-\ud7ff\ue000-\ufffc\ufffe\uffff]|[\ud800-\udbff][\udc00-\udfff]/g;
/** Characters of three bytes and more. */
const WIDE = /[\u0800-\ud7ff\ue000-\ufffc\ufffe\uffff]|[\ud800-\udbff][\udc00-\udfff]/g;

const REPLACEMENT = Buffer.from('\ufffd');

function occurrences(bytes: Buffer, what: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(what); at >= 0; at = bytes.indexOf(what, at + what.length)) count++;
  return count;
}

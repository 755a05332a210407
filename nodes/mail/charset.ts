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
 */
export function decoderOf(written: string | undefined, first: Buffer): Decoder {
  const charset = charsetOf(written);
  switch (charset.kind) {
    case 'guess':
      // Mails of the time before MIME: seven bits, and Japanese in them.
      return isShifted(first) ? new Iso2022Decoder(false) : new GuessingDecoder(written);
    case 'utf-7':
      return new Utf7Decoder();
    case 'hz':
      return new HzDecoder();
    case 'iso-2022':
      return new Iso2022Decoder(charset.isKorean);
    case 'table':
      if (iconv().encodingExists(charset.name)) return iconv().getDecoder(charset.name, { stripBOM: false });
      return unknown(written, charset.name);
    case 'unknown':
      return unknown(written, charset.label);
  }
}

const unknown = (written: string | undefined, label: string): Decoder =>
  new GuessingDecoder(written, `character set "${label.slice(0, 40)}" is not known`);

/** A byte order mark tells more than any parameter (Encoding Standard, section 6.1). */
export function charsetByMark(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe)
    return bytes[2] === 0 && bytes[3] === 0 ? 'utf-32le' : 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined;
}

/** Decodes what is there as a whole, such as a file name; a byte order mark is no part of it. */
export function decodeAll(bytes: Buffer, charset: string | undefined): string {
  const decoder = decoderOf(charset, bytes);
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
function guessUtf8(bytes: Buffer): { text: string; kind: 'ascii' | 'utf8' | 'windows-1252' } {
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

// Text in seven bits that shifts between sets of characters: ISO-2022-JP and its extensions (RFC 1468, 1554, 2237),
// ISO-2022-KR (RFC 1557), ISO-2022-CN (RFC 1922) and HZ (RFC 1843). What is shifted becomes EUC, and is decoded as such.
import { iconv } from './mailparser';

const LF = 0x0a;
const CR = 0x0d;
const SHIFT_OUT = 0x0e;
const SHIFT_IN = 0x0f;
const ESCAPE = 0x1b;
const TILDE = 0x7e;
const BACKSLASH = 0x5c;
const UNREADABLE = 0xfffd;

/** A set of characters: how it is written in EUC, and for whose tables. */
interface CharacterSet {
  table: 'ascii' | 'euc-jp' | 'euc-kr' | 'gb18030' | 'iso-8859-1' | 'iso-8859-7' | 'none';
  /** Bytes of one character. */
  width: 1 | 2;
  /** In front of each in EUC. */
  prefix?: number;
  isRoman?: boolean;
}

const ASCII: CharacterSet = { table: 'ascii', width: 1 };
const KOREAN: CharacterSet = { table: 'euc-kr', width: 2 };
const CHINESE: CharacterSet = { table: 'gb18030', width: 2 };
const KANJI: CharacterSet = { table: 'euc-jp', width: 2 };
const SUPPLEMENT: CharacterSet = { table: 'euc-jp', width: 2, prefix: 0x8f };
/** Of these there are no tables: each character is one that could not be read. */
const TAIWANESE: CharacterSet = { table: 'none', width: 2 };

/** Escape sequences without the escape: the place a set goes to, and the set. */
const SEQUENCES: Record<string, [place: 'left' | 'right' | 'single', set: CharacterSet]> = {
  '(B': ['left', ASCII],
  '(J': ['left', { table: 'ascii', width: 1, isRoman: true }],
  '(H': ['left', ASCII],
  '(I': ['left', { table: 'euc-jp', width: 1, prefix: 0x8e }],
  $B: ['left', KANJI],
  '$@': ['left', KANJI],
  '$(B': ['left', KANJI],
  '$(@': ['left', KANJI],
  '$(O': ['left', KANJI],
  '$(Q': ['left', KANJI],
  '$(D': ['left', SUPPLEMENT],
  '$(P': ['left', SUPPLEMENT],
  $A: ['left', CHINESE],
  '$(A': ['left', CHINESE],
  '$(C': ['left', KOREAN],
  '$)C': ['right', KOREAN],
  '$)A': ['right', CHINESE],
  '$)E': ['right', CHINESE],
  '$)G': ['right', TAIWANESE],
  '$*H': ['single', TAIWANESE],
  '.A': ['single', { table: 'iso-8859-1', width: 1 }],
  '.F': ['single', { table: 'iso-8859-7', width: 1 }],
};
const BEGINNINGS = new Set(
  Object.keys(SEQUENCES).flatMap((sequence) =>
    Array.from(sequence, (_, index) => sequence.slice(0, index + 1)),
  ),
);

/** Whether seven-bit text shifts to Japanese. */
export const isShifted = (bytes: Buffer): boolean => {
  for (let at = bytes.indexOf(ESCAPE); at >= 0; at = bytes.indexOf(ESCAPE, at + 1)) {
    if (bytes[at + 1] === 0x24 && (bytes[at + 2] === 0x42 || bytes[at + 2] === 0x40)) return true;
  }
  return false;
};

/** Text of several tables: what is of one is decoded in one piece. */
class Output {
  #table: CharacterSet['table'] = 'ascii';
  readonly #decoders = new Map<string, { write(bytes: Buffer): string }>();
  /** UTF-16, so that a single character among others costs no string of its own. */
  readonly #units: Uint16Array;
  #length = 0;
  /** Bytes of the table that is in use. */
  readonly #bytes: Buffer;
  #written = 0;

  /** @param most bytes that may be put, and characters they may become */
  constructor(most: number) {
    this.#units = new Uint16Array(most);
    this.#bytes = Buffer.allocUnsafe(most);
  }

  /** ASCII is part of every table. */
  put(octet: number, table: CharacterSet['table'] = this.#table): void {
    if (table !== this.#table && table !== 'ascii') this.#use(table);
    if (this.#table === 'ascii') this.#units[this.#length++] = octet;
    else this.#bytes[this.#written++] = octet;
  }

  /** A character that is of no table. */
  add(unit: number): void {
    this.#use('ascii');
    this.#units[this.#length++] = unit;
  }

  #use(table: CharacterSet['table']): void {
    if (this.#written) {
      let decoder = this.#decoders.get(this.#table);
      if (!decoder) {
        decoder = iconv().getDecoder(this.#table);
        this.#decoders.set(this.#table, decoder);
      }
      const text = decoder.write(Buffer.from(this.#bytes.subarray(0, this.#written)));
      for (let at = 0; at < text.length; at++) this.#units[this.#length++] = text.charCodeAt(at);
      this.#written = 0;
    }
    this.#table = table;
  }

  take(): string {
    this.#use('ascii');
    return Buffer.from(this.#units.buffer, 0, this.#length * 2).toString('utf16le');
  }
}

export class Iso2022Decoder {
  #left: CharacterSet = ASCII;
  #right: CharacterSet;
  #single: CharacterSet = ASCII;
  #isOut = false;
  /** The next character is of the set for single ones. */
  #isSingle = false;
  /** An escape sequence that has begun. */
  #sequence = '';
  /** The first byte of a character. */
  #lead: number | undefined;

  constructor(isKorean: boolean) {
    this.#right = isKorean ? KOREAN : CHINESE;
  }

  write(bytes: Buffer): string {
    const out = new Output((bytes.length + this.#sequence.length) * 3 + 6);
    for (const octet of bytes) {
      if (this.#sequence !== '') this.#escaped(octet, out);
      else if (octet === ESCAPE) {
        this.#sequence = '\x1b';
        this.#drop(out);
      } else if (octet === SHIFT_OUT || octet === SHIFT_IN) {
        this.#isOut = octet === SHIFT_OUT;
        this.#drop(out);
      } else if (octet === LF || octet === CR) {
        // Lines begin unshifted, and in ASCII but where a mailer forgot to go back.
        this.#isOut = this.#isSingle = false;
        this.#drop(out);
        out.put(octet, 'ascii');
      } else this.#character(octet, out);
    }
    return out.take();
  }

  end(): string {
    const rest = this.#sequence;
    this.#sequence = '';
    return this.#lead === undefined ? rest : '\ufffd';
  }

  /** Half a character that nothing completes. */
  #drop(out: Output): void {
    if (this.#lead !== undefined) out.add(UNREADABLE);
    this.#lead = undefined;
  }

  #escaped(octet: number, out: Output): void {
    this.#sequence += String.fromCharCode(octet);
    const sequence = this.#sequence.slice(1);
    const found = SEQUENCES[sequence];
    if (found) {
      const [place, set] = found;
      if (place === 'left') this.#left = set;
      else if (place === 'right') this.#right = set;
      else this.#single = set;
    } else if (sequence === 'N') this.#isSingle = true;
    else if (BEGINNINGS.has(sequence)) return;
    else for (let at = 0; at <= sequence.length; at++) out.put(this.#sequence.charCodeAt(at), 'ascii');
    this.#sequence = '';
  }

  #character(octet: number, out: Output): void {
    const set = this.#isSingle ? this.#single : this.#isOut ? this.#right : this.#left;
    if (octet < 0x21 || octet === 0x7f) out.put(octet, 'ascii');
    // Bytes beyond ASCII there should be none of; in mails that have some they are EUC.
    else if (octet > 0x7f) out.put(octet, this.#right === KOREAN ? 'euc-kr' : 'euc-jp');
    else if (set.isRoman && (octet === BACKSLASH || octet === TILDE))
      out.add(octet === TILDE ? 0x203e : 0xa5);
    else if (set.table === 'ascii') out.put(octet, 'ascii');
    else if (set.width === 2 && this.#lead === undefined) {
      this.#lead = octet;
      return;
    } else {
      if (set.table === 'none') out.add(UNREADABLE);
      else {
        if (set.prefix !== undefined) out.put(set.prefix, set.table);
        if (this.#lead !== undefined) out.put(this.#lead | 0x80, set.table);
        out.put(octet | 0x80, set.table);
      }
      this.#lead = undefined;
    }
    this.#isSingle = false;
  }
}

/** HZ: `~{` shifts to Chinese, `~}` back. */
export class HzDecoder {
  #isShifted = false;
  #hasTilde = false;
  #lead: number | undefined;

  write(bytes: Buffer): string {
    const out = new Output(bytes.length * 2 + 2);
    for (const octet of bytes) {
      if (this.#hasTilde) {
        this.#hasTilde = false;
        if (octet === 0x7b) this.#isShifted = true;
        else if (octet === 0x7d) this.#isShifted = false;
        else if (octet === TILDE) out.put(TILDE, 'ascii');
        // At a line end it marks a line that continues.
        else if (octet !== LF) {
          out.put(TILDE, 'ascii');
          out.put(octet, 'ascii');
        }
      } else if (octet === TILDE && this.#lead === undefined) this.#hasTilde = true;
      else if (octet === LF || octet === CR || octet < 0x21 || octet > TILDE || !this.#isShifted) {
        if (octet === LF) this.#isShifted = false;
        this.#lead = undefined;
        out.put(octet, 'ascii');
      } else if (this.#lead === undefined) this.#lead = octet;
      else {
        out.put(this.#lead | 0x80, 'gb18030');
        out.put(octet | 0x80, 'gb18030');
        this.#lead = undefined;
      }
    }
    return out.take();
  }

  end(): string {
    return this.#hasTilde ? '~' : '';
  }
}

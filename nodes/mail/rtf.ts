// The RTF of Outlook → text, or the HTML that is wrapped in it (MS-OXRTFEX). In one pass; what is not understood is left
// out.
import { decodeAll } from './charset';
import type { CollectedText } from './collected-text';
import { charsetOfPage } from './mapi';

export interface RtfText {
  text?: CollectedText;
  html?: CollectedText;
}

/** Groups inside each other; deeper ones are read like this one. */
const MAX_GROUPS = 500;

/** Bytes read before there may be a pause. */
const STRETCH = 16 * 1024;

/** Groups of these hold no text. */
const SILENT = new Set(
  'fonttbl colortbl stylesheet info pict object header footer headerl headerr footerl footerr listtable listoverridetable rsidtbl generator xmlnstbl themedata datastore filetbl fldinst mhtmltag'.split(
    ' ',
  ),
);

const SYMBOLS: Record<string, string> = {
  par: '\n',
  line: '\n',
  row: '\n',
  sect: '\n',
  page: '\n',
  tab: '\t',
  cell: '\t',
  emdash: '—',
  endash: '–',
  bullet: '•',
  lquote: '‘',
  rquote: '’',
  ldblquote: '“',
  rdblquote: '”',
  emspace: '\u2003',
  enspace: '\u2002',
};

/** The character sets of fonts by their number in \\fcharset (MS-WMF section 2.1.1.5). */
const FONT_CHARSETS: Record<number, string> = {
  77: 'macintosh',
  128: 'shift_jis',
  129: 'euc-kr',
  134: 'gb18030',
  136: 'big5',
  161: 'windows-1253',
  162: 'windows-1254',
  163: 'windows-1258',
  177: 'windows-1255',
  178: 'windows-1256',
  186: 'windows-1257',
  204: 'windows-1251',
  222: 'windows-874',
  238: 'windows-1250',
};

/** Fonts whose character sets are known. */
const MAX_FONTS = 1000;

interface Group {
  /** The number of the font. */
  font: number | undefined;
  isSilent: boolean;
  /** It holds a piece of the HTML as it was. */
  isTag: boolean;
  /** What is for programs that show RTF only. */
  isForRtf: boolean;
  /** Characters to leave out behind one of Unicode. */
  skip: number;
}

const WORD = /\\([a-z]{1,32})(-?\d{1,10})? ?/iy;
const PLAIN = /[^\\{}\r\n]+/y;

/** Reads it, and may be paused meanwhile. */
export function* readRtf(bytes: Buffer): Generator<void, RtfText> {
  const rtf = bytes.toString('latin1');
  if (!rtf.startsWith('{\\rtf')) return {};
  const head = rtf.slice(0, 500);
  const isHtml = /\\fromhtml1\b/.test(head);
  const page = /\\ansicpg(\d{3,5})\b/.exec(head)?.[1];
  const reader = new Reader(rtf, charsetOfPage(Number(page ?? 0)), isHtml);
  const whole = yield* reader.all();
  if (whole.trim() === '') return {};
  const text = { whole, head: whole };
  return isHtml ? { html: text } : { text };
}

class Reader {
  readonly #rtf: string;
  readonly #charset: string;
  readonly #isHtml: boolean;
  readonly #pieces: string[] = [];
  /** Bytes of characters, and the charset they are in. */
  #octets: number[] = [];
  #octetsCharset: string;
  readonly #fonts = new Map<number, string>();
  #defaultFont: number | undefined;
  #group: Group = { font: undefined, isSilent: false, isTag: false, isForRtf: false, skip: 1 };
  readonly #groups: Group[] = [];
  #depth = 0;
  /** Characters still to leave out. */
  #left = 0;

  constructor(rtf: string, charset: string, isHtml: boolean) {
    this.#rtf = rtf;
    this.#charset = this.#octetsCharset = charset;
    this.#isHtml = isHtml;
  }

  *all(): Generator<void, string> {
    const rtf = this.#rtf;
    let pause = STRETCH;
    for (let at = 0; at < rtf.length; ) {
      if (at > pause) {
        pause = at + STRETCH;
        yield;
      }
      const char = rtf[at] as string;
      if (char === '{') this.#open();
      else if (char === '}') this.#close();
      else if (char === '\\') {
        at = this.#control(at);
        continue;
      } else if (char !== '\r' && char !== '\n') {
        PLAIN.lastIndex = at;
        const text = PLAIN.exec(rtf)?.[0] ?? char;
        this.#plain(text);
        at += text.length;
        continue;
      }
      at++;
    }
    this.#flush();
    return this.#pieces.join('');
  }

  #open(): void {
    this.#depth++;
    if (this.#groups.length >= MAX_GROUPS) return;
    this.#groups.push(this.#group);
    this.#group = { ...this.#group };
  }

  #close(): void {
    this.#depth = Math.max(0, this.#depth - 1);
    this.#left = 0;
    if (this.#depth < this.#groups.length) this.#group = this.#groups.pop() as Group;
  }

  /** A control word or symbol; where what follows it begins. */
  #control(at: number): number {
    const rtf = this.#rtf;
    WORD.lastIndex = at;
    const word = WORD.exec(rtf);
    if (word) {
      const value = word[2] === undefined ? undefined : Number(word[2]);
      // So many bytes of no text follow, braces among them.
      if (word[1] === 'bin') return WORD.lastIndex + Math.max(0, value ?? 0);
      this.#word(word[1] as string, value);
      return WORD.lastIndex;
    }
    const symbol = rtf[at + 1];
    if (symbol === "'") {
      const octet = Number.parseInt(rtf.slice(at + 2, at + 4), 16);
      if (!Number.isNaN(octet)) this.#octet(octet);
      return at + 4;
    }
    if (symbol === '*') {
      // What is not known behind it is to be left out.
      if (/^\\htmltag/.test(rtf.slice(at + 2, at + 12))) this.#group.isTag = true;
      else this.#group.isSilent = true;
    } else if (symbol === '\\' || symbol === '{' || symbol === '}') this.#plain(symbol);
    else if (symbol === '~') this.#put('\u00a0');
    else if (symbol === '_') this.#put('-');
    else if (symbol === '\r' || symbol === '\n') this.#put('\n');
    return at + 2;
  }

  #word(name: string, value: number | undefined): void {
    if (SILENT.has(name)) this.#group.isSilent = true;
    else if (name === 'htmlrtf') this.#group.isForRtf = value !== 0;
    else if (name === 'f') this.#group.font = value;
    else if (name === 'deff') this.#defaultFont = this.#group.font = value;
    else if (name === 'plain') this.#group.font = this.#defaultFont;
    else if (name === 'fcharset') this.#fontCharset(value);
    else if (name === 'uc') this.#group.skip = Math.min(Math.max(value ?? 1, 0), 4);
    else if (name === 'u' && value !== undefined) {
      this.#put(String.fromCharCode(value & 0xffff));
      this.#left = this.#group.skip;
    } else if (Object.hasOwn(SYMBOLS, name)) this.#put(SYMBOLS[name] as string);
  }

  #plain(text: string): void {
    const rest = this.#left ? text.slice(this.#left) : text;
    this.#left = Math.max(0, this.#left - text.length);
    if (rest === '') return;
    if (!/[\x80-\xff]/.test(rest)) this.#put(rest);
    else for (const char of rest) this.#addOctet(char.charCodeAt(0));
  }

  /** Within the table of fonts. */
  #fontCharset(value: number | undefined): void {
    const charset = FONT_CHARSETS[value ?? 0];
    const { font } = this.#group;
    if (charset && font !== undefined && this.#fonts.size < MAX_FONTS) this.#fonts.set(font, charset);
  }

  #addOctet(octet: number): void {
    if (!this.#isShown) return;
    const charset = this.#fonts.get(this.#group.font ?? -1) ?? this.#charset;
    if (charset !== this.#octetsCharset) this.#flush();
    this.#octetsCharset = charset;
    this.#octets.push(octet);
  }

  #octet(octet: number): void {
    if (this.#left > 0) this.#left--;
    else this.#addOctet(octet);
  }

  get #isShown(): boolean {
    return !this.#group.isSilent && !(this.#isHtml && this.#group.isForRtf && !this.#group.isTag);
  }

  #put(text: string): void {
    if (!this.#isShown) return;
    this.#flush();
    this.#pieces.push(text);
  }

  #flush(): void {
    if (this.#octets.length === 0) return;
    this.#pieces.push(decodeAll(Buffer.from(this.#octets), this.#octetsCharset));
    this.#octets = [];
  }
}

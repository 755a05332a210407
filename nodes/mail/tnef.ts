// winmail.dat: what Outlook makes of a mail in its own format (MS-OXTNEF). The files and the text in it come out.
import { decodeAll } from './charset';

export interface TnefFile {
  name: string;
  type?: string;
  content: Buffer;
}

export interface Tnef {
  files: TnefFile[];
  text?: string;
  html?: string;
}

const SIGNATURE = 0x223e9f78;
/** Attributes by their ID, section 2.1.3.2. */
const BODY = 0x800c;
const ATTACH_DATA = 0x800f;
const ATTACH_TITLE = 0x8010;
const ATTACH_BEGINS = 0x9002;
const MESSAGE_PROPERTIES = 0x9003;
const ATTACH_PROPERTIES = 0x9005;
const CODE_PAGE = 0x9007;

/** Properties by their ID (MS-OXPROPS). */
const PR_BODY = 0x1000;
const PR_RTF = 0x1009;
const PR_HTML = 0x1013;
const PR_DATA = 0x3701;
const PR_LONG_NAME = 0x3707;
const PR_NAME = 0x3704;
const PR_TYPE = 0x370e;

/** Files and properties that are read; beyond there is nothing that anybody has sent. */
const MAX_FILES = 1000;
const MAX_PROPERTIES = 10_000;

/** @throws Error where it is not in this format, or cut short before its first attribute */
export function readTnef(bytes: Buffer): Tnef {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== SIGNATURE) throw new Error('it is in no known format');
  const found: Tnef = { files: [] };
  let charset = 'windows-1252';
  let file: Partial<TnefFile> | undefined;
  const complete = (): void => {
    if (file?.content && found.files.length < MAX_FILES)
      found.files.push({ ...file, name: file.name || 'attachment', content: file.content });
    file = undefined;
  };
  for (let at = 6; at + 9 <= bytes.length; ) {
    const id = bytes.readUInt16LE(at + 1);
    const length = bytes.readUInt32LE(at + 5);
    const from = at + 9;
    if (from + length > bytes.length) break;
    const data = bytes.subarray(from, from + length);
    at = from + length + 2;
    if (id === CODE_PAGE && length >= 4) charset = charsetOfPage(data.readUInt32LE(0));
    else if (id === BODY) found.text = textOf(data, charset);
    else if (id === ATTACH_BEGINS) {
      complete();
      file = {};
    } else if (id === ATTACH_TITLE && file) file.name ||= textOf(data, charset);
    else if (id === ATTACH_DATA && file) file.content = Buffer.from(data);
    else if (id === ATTACH_PROPERTIES && file) {
      const properties = readProperties(data, charset);
      const name = text(properties.get(PR_LONG_NAME)) ?? text(properties.get(PR_NAME));
      if (name) file.name = name;
      const type = text(properties.get(PR_TYPE));
      if (type && /^[\w.+-]+\/[\w.+-]+$/.test(type)) file.type = type.toLowerCase();
      const content = properties.get(PR_DATA);
      if (!file.content && Buffer.isBuffer(content)) file.content = Buffer.from(content);
    } else if (id === MESSAGE_PROPERTIES) {
      const properties = readProperties(data, charset);
      const body = text(properties.get(PR_BODY));
      if (body) found.text = body;
      const html = properties.get(PR_HTML);
      if (html) found.html = Buffer.isBuffer(html) ? textOf(html, charset) : html;
      const rtf = properties.get(PR_RTF);
      if (Buffer.isBuffer(rtf))
        found.files.push({ name: 'body.rtf', type: 'text/rtf', content: unpackRtf(rtf) });
    }
  }
  complete();
  if (found.text !== undefined) found.text = found.text.replaceAll('\r\n', '\n');
  return found;
}

const text = (value: string | Buffer | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

function textOf(data: Buffer, charset: string): string {
  const end = data.indexOf(0);
  return decodeAll(end < 0 ? data : data.subarray(0, end), charset);
}

const charsetOfPage = (page: number): string =>
  page === 65001
    ? 'utf-8'
    : page === 932
      ? 'shift_jis'
      : page === 936
        ? 'gbk'
        : page === 949
          ? 'euc-kr'
          : page === 950
            ? 'big5'
            : page >= 1250 && page <= 1258
              ? `windows-${page}`
              : page === 20866
                ? 'koi8-r'
                : 'windows-1252';

/** Bytes of the values of fixed size, by their type (MS-OXCDATA section 2.11.1). */
const SIZES: Record<number, number> = {
  2: 4,
  3: 4,
  4: 4,
  5: 8,
  6: 8,
  7: 8,
  10: 4,
  11: 4,
  20: 8,
  64: 8,
  72: 16,
};
const STRING = 0x1e;
const UNICODE = 0x1f;
const OBJECT = 0x0d;
const BINARY = 0x102;
/** In front of an object stands the ID of its interface. */
const INTERFACE_ID = 16;

function readProperties(data: Buffer, charset: string): Map<number, string | Buffer> {
  const found = new Map<number, string | Buffer>();
  if (data.length < 4) return found;
  const count = Math.min(data.readUInt32LE(0), MAX_PROPERTIES);
  const padded = (length: number): number => Math.ceil(length / 4) * 4;
  let at = 4;
  for (let index = 0; index < count && at + 4 <= data.length; index++) {
    const type = data.readUInt16LE(at);
    const id = data.readUInt16LE(at + 2);
    at += 4;
    if (id >= 0x8000) {
      if (at + 24 > data.length) return found;
      const isNamed = data.readUInt32LE(at + 16) === 1;
      at += 24 + (isNamed ? padded(data.readUInt32LE(at + 20)) : 0);
    }
    const base = type & 0xefff;
    const isVariable = base === STRING || base === UNICODE || base === OBJECT || base === BINARY;
    let values = 1;
    if (isVariable || type & 0x1000) {
      if (at + 4 > data.length) return found;
      values = Math.min(data.readUInt32LE(at), MAX_PROPERTIES);
      at += 4;
    }
    for (let value = 0; value < values; value++) {
      if (!isVariable) {
        const size = SIZES[base];
        if (size === undefined) return found;
        at += size;
        continue;
      }
      if (at + 4 > data.length) return found;
      const length = data.readUInt32LE(at);
      at += 4;
      if (at + length > data.length) return found;
      const bytes = data.subarray(at, at + length);
      at += padded(length);
      if (base === STRING) found.set(id, textOf(bytes, charset));
      else if (base === UNICODE) found.set(id, bytes.toString('utf16le').replace(/\0.*$/s, ''));
      else found.set(id, base === OBJECT ? bytes.subarray(INTERFACE_ID) : bytes);
    }
  }
  return found;
}

/** What the dictionary holds before the first byte (MS-OXRTFCP section 2.1.2.1). */
const DICTIONARY =
  '{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx';

/** Unpacks the RTF of a message (MS-OXRTFCP): as large as it says, but never more than eighteen times as it came. */
function unpackRtf(packed: Buffer): Buffer {
  if (packed.length < 16) return Buffer.alloc(0);
  const size = Math.min(packed.readUInt32LE(4), packed.length * 18);
  if (packed.readUInt32LE(8) === 0x414c454d) return Buffer.from(packed.subarray(16, 16 + size));
  const dictionary = Buffer.alloc(4096);
  let place = dictionary.write(DICTIONARY, 'latin1');
  const out = Buffer.allocUnsafe(size);
  let written = 0;
  const put = (octet: number): void => {
    dictionary[place] = octet;
    place = (place + 1) & 4095;
    if (written < size) out[written++] = octet;
  };
  for (let at = 16; at < packed.length && written < size; ) {
    const control = packed[at++] as number;
    for (let bit = 0; bit < 8 && at < packed.length && written < size; bit++) {
      if ((control & (1 << bit)) === 0) {
        put(packed[at++] as number);
        continue;
      }
      if (at + 2 > packed.length) return out.subarray(0, written);
      const reference = packed.readUInt16BE(at);
      at += 2;
      const offset = reference >> 4;
      if (offset === place) return out.subarray(0, written);
      for (let step = 0; step < (reference & 15) + 2; step++)
        put(dictionary[(offset + step) & 4095] as number);
    }
  }
  return out.subarray(0, written);
}

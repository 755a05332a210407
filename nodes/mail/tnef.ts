// winmail.dat: what Outlook makes of a mail in its own format (MS-OXTNEF). The files and the text in it come out.
import { type CollectedText, TextCollector } from './collected-text';
import { readRtf } from './rtf';

export interface TnefFile {
  name: string;
  type?: string;
  content: Buffer;
}

export interface Tnef {
  files: TnefFile[];
  text?: CollectedText;
  html?: CollectedText;
  /** Something of it was left out. */
  isCut: boolean;
}

/** What may still be taken out of the winmail.dat files of a mail. */
export interface TnefRoom {
  files: number;
  /** Bytes that RTF unpacks to. */
  rtf: number;
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

/** Properties that are read; beyond there is nothing that anybody has sent. */
const MAX_PROPERTIES = 10_000;
/** Bytes of an RTF that becomes text. */
const MAX_RTF = 4 * 1024 * 1024;
/** Bytes of a name or a type. */
const MAX_STRING = 4096;
/** Bytes of a text decoded, or unpacked, before there may be a pause. */
const STRETCH = 64 * 1024;

/**
 * Reads it, and may be paused meanwhile.
 *
 * @throws Error where it is not in this format, or cut short before its first attribute
 */
export function* readTnef(bytes: Buffer, room: TnefRoom): Generator<void, Tnef> {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== SIGNATURE) throw new Error('it is in no known format');
  const found: Tnef = { files: [], isCut: false };
  let charset = 'windows-1252';
  let file: Partial<TnefFile> | undefined;
  let unpacked: Buffer | undefined;
  const add = (one: TnefFile): void => {
    if (room.files-- > 0) found.files.push(one);
    else found.isCut = true;
  };
  const complete = (): void => {
    if (file?.content) add({ ...file, name: file.name || 'attachment', content: file.content });
    file = undefined;
  };
  for (let at = 6; at + 9 <= bytes.length; ) {
    yield;
    const id = bytes.readUInt16LE(at + 1);
    const length = bytes.readUInt32LE(at + 5);
    const from = at + 9;
    if (from + length > bytes.length) break;
    const data = bytes.subarray(from, from + length);
    at = from + length + 2;
    if (id === CODE_PAGE && length >= 4) charset = charsetOfPage(data.readUInt32LE(0));
    else if (id === BODY) found.text = yield* decoded(untilZero(data), charset);
    else if (id === ATTACH_BEGINS) {
      complete();
      file = {};
    } else if (id === ATTACH_TITLE && file) file.name ||= yield* string(data, charset);
    else if (id === ATTACH_DATA && file) file.content = Buffer.from(data);
    else if (id === ATTACH_PROPERTIES && file) {
      const properties = readProperties(data);
      const name =
        (yield* stringOf(properties.get(PR_LONG_NAME), charset)) ??
        (yield* stringOf(properties.get(PR_NAME), charset));
      if (name) file.name = name;
      const type = yield* stringOf(properties.get(PR_TYPE), charset);
      if (type && /^[\w.+-]+\/[\w.+-]+$/.test(type)) file.type = type.toLowerCase();
      const content = properties.get(PR_DATA);
      if (!file.content && content && !content.isString) file.content = Buffer.from(content.bytes);
    } else if (id === MESSAGE_PROPERTIES) {
      const properties = readProperties(data);
      const body = properties.get(PR_BODY);
      if (body?.isString && body.bytes.length) found.text = yield* textOf(body, charset);
      const html = properties.get(PR_HTML);
      if (html?.bytes.length) found.html = yield* textOf(html, charset);
      const rtf = properties.get(PR_RTF);
      if (rtf && !rtf.isString) {
        const size = unpackedSize(rtf.bytes);
        room.rtf -= size;
        if (room.rtf < 0 || room.files < 1) found.isCut = true;
        else {
          unpacked = yield* unpackRtf(rtf.bytes, size);
          add({ name: 'body.rtf', type: 'text/rtf', content: unpacked });
        }
      }
    }
  }
  complete();
  if (unpacked && !found.text && !found.html)
    Object.assign(found, yield* readRtf(unpacked.subarray(0, MAX_RTF)));
  return found;
}

function untilZero(data: Buffer): Buffer {
  const end = data.indexOf(0);
  return end < 0 ? data : data.subarray(0, end);
}

/** A text, its line ends LF. */
function* decoded(data: Buffer, charset: string): Generator<void, CollectedText> {
  const collector = new TextCollector({ charset });
  for (let at = 0; at < data.length; at += STRETCH) {
    collector.write(data.subarray(at, at + STRETCH));
    yield;
  }
  return collector.result();
}

/** A short text as a whole. */
function* string(data: Buffer, charset: string): Generator<void, string> {
  return (yield* decoded(untilZero(data.subarray(0, MAX_STRING)), charset)).whole;
}

function* stringOf(value: Value | undefined, charset: string): Generator<void, string | undefined> {
  if (!value?.isString) return undefined;
  return (yield* textOf({ ...value, bytes: value.bytes.subarray(0, MAX_STRING) }, charset)).whole;
}

function textOf({ bytes, isUnicode }: Value, charset: string): Generator<void, CollectedText> {
  if (!isUnicode) return decoded(untilZero(bytes), charset);
  let end = 0;
  while (end + 1 < bytes.length && (bytes[end] !== 0 || bytes[end + 1] !== 0)) end += 2;
  return decoded(bytes.subarray(0, end), 'utf-16le');
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

interface Value {
  bytes: Buffer;
  isString: boolean;
  /** In UTF-16; else in the character set of the file. */
  isUnicode: boolean;
}

function readProperties(data: Buffer): Map<number, Value> {
  const found = new Map<number, Value>();
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
      found.set(id, {
        bytes: base === OBJECT ? bytes.subarray(INTERFACE_ID) : bytes,
        isString: base === STRING || base === UNICODE,
        isUnicode: base === UNICODE,
      });
    }
  }
  return found;
}

/** What the dictionary holds before the first byte (MS-OXRTFCP section 2.1.2.1). */
const DICTIONARY =
  '{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx';

/** As large as it says, but never more than eighteen times as it came. */
const unpackedSize = (packed: Buffer): number =>
  packed.length < 16 ? 0 : Math.min(packed.readUInt32LE(4), packed.length * 18);

/** Unpacks the RTF of a message (MS-OXRTFCP). */
function* unpackRtf(packed: Buffer, size: number): Generator<void, Buffer> {
  if (size === 0) return Buffer.alloc(0);
  if (packed.readUInt32LE(8) === 0x414c454d) return Buffer.from(packed.subarray(16, 16 + size));
  const dictionary = Buffer.alloc(4096);
  let place = dictionary.write(DICTIONARY, 'latin1');
  const out = Buffer.allocUnsafe(size);
  let written = 0;
  let pause = STRETCH;
  const put = (octet: number): void => {
    dictionary[place] = octet;
    place = (place + 1) & 4095;
    if (written < size) out[written++] = octet;
  };
  for (let at = 16; at < packed.length && written < size; ) {
    if (written >= pause) {
      pause = written + STRETCH;
      yield;
    }
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

// The properties of a message or a file in a winmail.dat (MS-OXCDATA section 2.11), and the code pages of Windows.

/** Values that are read; beyond there is nothing that anybody has sent. */
const MAX_VALUES = 10_000;

/** Code pages that are not called cp and their number. */
const PAGES: Record<number, string> = {
  1200: 'utf-16le',
  1201: 'utf-16be',
  10000: 'macintosh',
  20127: 'us-ascii',
  20866: 'koi8-r',
  21866: 'koi8-u',
  20932: 'euc-jp',
  50225: 'iso-2022-kr',
  51932: 'euc-jp',
  51936: 'gb18030',
  51949: 'euc-kr',
  52936: 'hz-gb-2312',
  54936: 'gb18030',
  65000: 'utf-7',
  65001: 'utf-8',
};

export function charsetOfPage(page: number): string {
  if (page > 28590 && page < 28607) return `iso-8859-${page - 28590}`;
  if (page >= 1250 && page <= 1258) return `windows-${page}`;
  return PAGES[page] ?? (page ? `cp${page}` : 'windows-1252');
}

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
const INTEGER = 3;
const STRING = 0x1e;
const UNICODE = 0x1f;
const OBJECT = 0x0d;
const BINARY = 0x102;
/** In front of an object stands the ID of its interface. */
const INTERFACE_ID = 16;
const MESSAGE_ID = Buffer.from('0703020000000000c000000000000046', 'hex');
const NUMBER = { isString: false, isMessage: false, isUnicode: false, isNumber: true };

export interface Value {
  bytes: Buffer;
  isString: boolean;
  /** A message in this format. */
  isMessage: boolean;
  /** In UTF-16; else in the character set of the file. */
  isUnicode: boolean;
  isNumber: boolean;
}

/** The number a property holds; undefined where it is none. */
export const numberOf = (value: Value | undefined): number | undefined =>
  value?.isNumber ? value.bytes.readUInt32LE(0) : undefined;

export function readProperties(data: Buffer): Map<number, Value> {
  const found = new Map<number, Value>();
  if (data.length < 4) return found;
  const count = Math.min(data.readUInt32LE(0), MAX_VALUES);
  const padded = (length: number): number => Math.ceil(length / 4) * 4;
  let at = 4;
  let left = MAX_VALUES;
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
      values = data.readUInt32LE(at);
      at += 4;
    }
    for (let value = 0; value < values; value++) {
      if (left-- === 0) return found;
      if (!isVariable) {
        const size = SIZES[base];
        if (size === undefined) return found;
        if (base === INTEGER && at + size <= data.length)
          found.set(id, { ...NUMBER, bytes: data.subarray(at, at + size) });
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
        isMessage: base === OBJECT && bytes.subarray(0, INTERFACE_ID).equals(MESSAGE_ID),
        isString: base === STRING || base === UNICODE,
        isUnicode: base === UNICODE,
        isNumber: false,
      });
    }
  }
  return found;
}

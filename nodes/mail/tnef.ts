// winmail.dat: what Outlook makes of a mail in its own format (MS-OXTNEF). The files and the text in it come out.
import { type CollectedText, TextCollector } from './collected-text';
import { MAX_RTF_TEXT } from './limits';
import { charsetOfPage, numberOf, readProperties, type Value } from './mapi';
import { unpackedSize, unpackRtf } from './packed-rtf';
import { readRtf } from './rtf';

export interface TnefFile {
  name: string;
  type?: string;
  /** By which the HTML shows it. */
  cid?: string;
  content: Buffer;
  /** It is a message in this format. */
  message?: Buffer;
}

export interface Tnef {
  files: TnefFile[];
  text?: CollectedText;
  html?: CollectedText;
  /** Something of it was left out. */
  isCut: boolean;
  /** What of it could not be read. */
  problem?: string;
}

/** What may still be taken out of the winmail.dat files of a mail. */
export interface TnefRoom {
  files: number;
  /** Bytes that RTF unpacks to. */
  rtf: number;
}

const SPACE = 0x20;
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
const PR_SHOWN = 0x3001;
const PR_DATA = 0x3701;
const PR_LONG_NAME = 0x3707;
const PR_NAME = 0x3704;
const PR_TYPE = 0x370e;
const PR_CONTENT_ID = 0x3712;
/** Of the HTML. */
const PR_CODE_PAGE = 0x3fde;

/** Bytes of a name or a type. */
const MAX_STRING = 4096;
/** Bytes of a text decoded before there may be a pause. */
const STRETCH = 64 * 1024;
/** Messages inside each other whose contents come out. */
const MAX_DEPTH = 5;
/** Bytes in which an HTML names its charset. */
const META = 1024;

/**
 * Reads it, and may be paused meanwhile.
 *
 * @throws Error where it is not in this format
 */
export function* readTnef(bytes: Buffer, room: TnefRoom): Generator<void, Tnef> {
  if (!isTnef(bytes)) throw new Error('it is in no known format');
  return yield* new Reading(room, 0).all(bytes);
}

export const isTnef = (bytes: Buffer): boolean => bytes.length >= 6 && bytes.readUInt32LE(0) === SIGNATURE;

interface Attribute {
  id: number;
  data: Buffer;
}

class Reading {
  readonly #found: Tnef = { files: [], isCut: false };
  readonly #room: TnefRoom;
  readonly #depth: number;
  #charset = 'windows-1252';
  #file: Partial<TnefFile> | undefined;
  #rtf: Buffer | undefined;

  constructor(room: TnefRoom, depth: number) {
    this.#room = room;
    this.#depth = depth;
  }

  *all(bytes: Buffer): Generator<void, Tnef> {
    // What names are in may be said behind them.
    for (const one of this.#attributes(bytes)) {
      yield;
      if (one.id === CODE_PAGE && one.data.length >= 4)
        this.#charset = charsetOfPage(one.data.readUInt32LE(0));
    }
    for (const one of this.#attributes(bytes)) {
      yield;
      yield* this.#attribute(one);
    }
    yield* this.#complete();
    const found = this.#found;
    if (this.#rtf && !found.text && !found.html)
      Object.assign(found, yield* readRtf(this.#rtf.subarray(0, MAX_RTF_TEXT)));
    return found;
  }

  *#attributes(bytes: Buffer): Generator<Attribute, void> {
    let at = 6;
    while (at + 9 <= bytes.length) {
      const level = bytes[at];
      const length = bytes.readUInt32LE(at + 5);
      const from = at + 9;
      if ((level !== 1 && level !== 2) || from + length > bytes.length) break;
      yield { id: bytes.readUInt16LE(at + 1), data: bytes.subarray(from, from + length) };
      at = from + length + 2;
    }
    // Gateways leave blanks and zeros behind it.
    if (bytes.subarray(at, at + 9).some((octet) => octet > SPACE)) this.#found.problem ??= 'it is cut short';
  }

  *#attribute({ id, data }: Attribute): Generator<void, void> {
    const file = this.#file;
    if (id === BODY) this.#found.text = yield* decoded(untilZero(data), this.#charset);
    else if (id === ATTACH_BEGINS) {
      yield* this.#complete();
      this.#file = {};
    } else if (id === ATTACH_TITLE && file) file.name ||= yield* string(data, this.#charset);
    else if (id === ATTACH_DATA && file) file.content = data;
    else if (id === ATTACH_PROPERTIES && file) yield* this.#fileProperties(file, data);
    else if (id === MESSAGE_PROPERTIES) yield* this.#messageProperties(data);
  }

  *#fileProperties(file: Partial<TnefFile>, data: Buffer): Generator<void, void> {
    const properties = readProperties(data);
    const read = (id: number) => stringOf(properties.get(id), this.#charset);
    const name =
      (yield* read(PR_LONG_NAME)) || (yield* read(PR_NAME)) || file.name || (yield* read(PR_SHOWN));
    if (name) file.name = name;
    const type = yield* read(PR_TYPE);
    if (type && /^[\w.+-]+\/[\w.+-]+$/.test(type)) file.type = type.toLowerCase();
    const cid = (yield* read(PR_CONTENT_ID))?.replace(/^<|>$/g, '').trim();
    if (cid) file.cid = cid;
    const content = properties.get(PR_DATA);
    if (!content || content.isString || content.isNumber) return;
    if (content.isMessage) file.message = content.bytes;
    if (!file.content || content.isMessage) file.content = content.bytes;
  }

  *#messageProperties(data: Buffer): Generator<void, void> {
    const properties = readProperties(data);
    const body = properties.get(PR_BODY);
    if (body?.isString && body.bytes.length) this.#found.text = yield* textOf(body, this.#charset);
    const html = properties.get(PR_HTML);
    const page = numberOf(properties.get(PR_CODE_PAGE));
    if (html?.bytes.length && !html.isNumber) {
      const charset = page ? charsetOfPage(page) : this.#charset;
      const isOwn = !page && /charset\s*=/i.test(html.bytes.toString('latin1', 0, META));
      this.#found.html = yield* textOf(html, isOwn ? undefined : charset, true);
    }
    const rtf = properties.get(PR_RTF);
    if (rtf && !rtf.isString && !rtf.isNumber) yield* this.#messageRtf(rtf.bytes);
  }

  *#messageRtf(packed: Buffer): Generator<void, void> {
    const size = unpackedSize(packed);
    this.#room.rtf -= size;
    if (this.#room.rtf < 0 || this.#room.files < 1) {
      this.#found.isCut = true;
      return;
    }
    const rtf = yield* unpackRtf(packed, size);
    if (rtf) this.#add({ name: 'body.rtf', type: 'text/rtf', content: rtf });
    else this.#found.problem ??= 'its text is damaged';
    this.#rtf = rtf;
  }

  #add(one: TnefFile): void {
    if (this.#room.files-- > 0) this.#found.files.push(one);
    else this.#found.isCut = true;
  }

  *#complete(): Generator<void, void> {
    const file = this.#file;
    this.#file = undefined;
    if (!file?.content) return;
    const { message, ...rest } = file;
    const name = file.name || 'attachment';
    const isMessage = message !== undefined && isTnef(message);
    this.#add({ ...rest, name, content: file.content, ...(isMessage && { type: 'application/ms-tnef' }) });
    if (isMessage && this.#depth < MAX_DEPTH) yield* this.#message(name, message);
  }

  /** What is in a message that is attached: its texts as files, since they are none of this one. */
  *#message(name: string, bytes: Buffer): Generator<void, void> {
    const { files, text, html, isCut, problem } = yield* new Reading(this.#room, this.#depth + 1).all(bytes);
    if (text) this.#add({ name: `${name}.txt`, type: 'text/plain', content: Buffer.from(text.whole) });
    if (html) this.#add({ name: `${name}.html`, type: 'text/html', content: Buffer.from(html.whole) });
    this.#found.files.push(...files);
    this.#found.isCut ||= isCut;
    if (problem) this.#found.problem ??= problem;
  }
}

function untilZero(data: Buffer): Buffer {
  const end = data.indexOf(0);
  return end < 0 ? data : data.subarray(0, end);
}

/** A text, its line ends LF. */
function* decoded(data: Buffer, charset: string | undefined, isHtml = false): Generator<void, CollectedText> {
  const collector = new TextCollector({ charset, isHtml });
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

function textOf(
  { bytes, isUnicode }: Value,
  charset: string | undefined,
  isHtml = false,
): Generator<void, CollectedText> {
  if (!isUnicode) return decoded(untilZero(bytes), charset, isHtml);
  let end = 0;
  while (end + 1 < bytes.length && (bytes[end] !== 0 || bytes[end + 1] !== 0)) end += 2;
  return decoded(bytes.subarray(0, end), 'utf-16le');
}

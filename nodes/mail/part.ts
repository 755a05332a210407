// What the headers of a part say it is (RFC 2045, 2183), mended where mailers get it wrong.
import type { AttachmentHead } from './attachments';
import type { HeaderBlock } from './header-block';
import { type Fields, HeaderRoom, readFields } from './headers';
import { telling } from './labels';
import { MAX_NAME } from './limits';
import { typeByName } from './mailparser';
import { readParameters, type WithParameters } from './parameters';
import type { Entity } from './split';
import { type Encoding, encodingOf } from './transfer';

/** Types that are shown as plain text. */
const PLAIN = new Set([
  'text/plain',
  'text/enriched',
  'text/richtext',
  'text/markdown',
  'text/x-markdown',
  'text/x-plain',
  'message/delivery-status',
]);

/** Types there are none of, and what programs that write them mean. */
const MEANT: Record<string, string> = {
  'plain/text': 'text/plain',
  'html/text': 'text/html',
  'text/htm': 'text/html',
};

/** Types that are a message with headers of its own. */
const MESSAGE = new Set(['message/rfc822', 'message/global']);

export class Part implements Entity {
  readonly children: Part[] = [];
  readonly contentType: string;
  readonly charset: string | undefined;
  readonly disposition: string | undefined;
  readonly filename: string | undefined;
  readonly encoding: Encoding;
  /** One byte per character. Another than its header says where that one was never met. */
  boundary: string | undefined;
  readonly flowed: { delSp: boolean } | undefined;
  readonly isMultipart: boolean;
  /** The part number as in IMAP: that of a message's own content is the message's. */
  readonly numbers: readonly number[];
  #childCount = 0;
  /** Its headers, as flows know them; empty until they are read. */
  readonly fields: Fields = { headers: new Map(), isCut: false };
  #isRead = false;
  /** What may be read of its headers: those of all parts of a mail have one in common. */
  readonly #room: HeaderRoom;
  readonly #roomBelow: HeaderRoom;

  /**
   * @param isRaw all of it is content, whatever its headers say
   * @param charset what raw bytes are in, as far as the mail has said
   */
  constructor(
    readonly block: HeaderBlock,
    readonly parent: Part | undefined,
    isRaw: boolean,
    charset?: string,
  ) {
    this.#room = parent ? parent.#roomBelow : new HeaderRoom();
    this.#roomBelow = parent ? parent.#roomBelow : new HeaderRoom();
    const type = contentTypeOf(block, parent);
    const disposition = first(block, 'content-disposition');
    const placed = disposition === undefined ? undefined : readParameters(disposition);
    this.encoding = encodingOf(first(block, 'content-transfer-encoding') ?? '');
    this.charset = type.params.charset;
    this.filename = this.filenameIn(charset, nameOf(placed?.params, type.params));
    this.disposition = placed && (/^[\w-]+/.exec(placed.value.trim())?.[0].toLowerCase() ?? 'attachment');
    this.contentType = isRaw
      ? 'application/octet-stream'
      : mendedType(type.value, this.filename, this.disposition, first(block, 'content-type') !== undefined);
    this.isMultipart = this.contentType.startsWith('multipart/');
    const boundary = this.isMultipart ? (type.params.boundary ?? '').trimEnd() : '';
    this.boundary = boundary === '' ? undefined : Buffer.from(boundary).toString('latin1');
    this.flowed =
      this.contentType === 'text/plain' && type.params.format?.trim().toLowerCase() === 'flowed'
        ? { delSp: type.params.delsp?.trim().toLowerCase() === 'yes' }
        : undefined;
    parent?.children.push(this);
    this.numbers =
      !parent || parent.isMessage ? (parent?.numbers ?? []) : [...parent.numbers, ++parent.#childCount];
  }

  get isMessage(): boolean {
    return MESSAGE.has(this.contentType);
  }

  /** A message that is part of the text, and read as such. */
  get holdsMessage(): boolean {
    return this.isMessage && this.disposition === 'inline' && this.encoding === 'identity';
  }

  get isHtml(): boolean {
    return this.contentType === 'text/html';
  }

  /** Its content is put into the text. */
  get isText(): boolean {
    return (
      (PLAIN.has(this.contentType) || this.isHtml) &&
      (this.disposition === undefined || this.disposition === 'inline')
    );
  }

  /** It is listed: what is no text, and text that has a name. */
  get isAttachment(): boolean {
    return !this.isMultipart && (!this.isText || this.filename !== undefined);
  }

  /** Its name again: bytes in it that name no charset are in its own, else in the one of the mail. */
  filenameIn(charset: string | undefined, read = this.filename): string | undefined {
    const own = telling(this.charset) ?? charset;
    if (own === undefined || read === undefined || !/[^\0-\x7f]/.test(read)) return read;
    const placed = readParameters(first(this.block, 'content-disposition') ?? '', own).params;
    return nameOf(placed, readParameters(first(this.block, 'content-type') ?? '', own).params);
  }

  /** Reads the headers, once, and may be paused meanwhile. */
  *readHeaders(charset: string | undefined): Generator<void, Fields> {
    if (!this.#isRead) {
      this.#isRead = true;
      yield* readFields(this.block.lines, charset, this.fields, this.#room);
    }
    return this.fields;
  }

  /** What is known of it as an attachment. */
  attachmentHead(): AttachmentHead {
    const contentId = first(this.block, 'content-id')?.trim();
    let related = false;
    for (let above = this.parent; above; above = above.parent)
      if (above.contentType === 'multipart/related') related = true;
    return {
      ...(this.filename !== undefined && { filename: this.filename }),
      contentType:
        this.contentType === 'application/octet-stream' && this.filename
          ? typeByName(this.filename)
          : this.contentType,
      ...(this.disposition !== undefined && { contentDisposition: this.disposition }),
      ...(contentId && {
        contentId,
        cid: (/<([^<>]*)>/.exec(contentId)?.[1] ?? contentId.replace(/^<|>$/g, '')).trim(),
        ...(related && { related }),
      }),
      headers: this.fields.headers,
      partId: this.numbers.length ? this.numbers.join('.') : null,
    };
  }
}

/** The first field of a name, as it was written. */
function first(block: HeaderBlock, key: string): string | undefined {
  const line = block.lines.find((one) => one.key === key)?.line;
  return line?.slice(line.indexOf(':') + 1);
}

/** A disposition has a `filename`, by the standard; some mailers write `name` there. */
function nameOf(placed: Parameters | undefined, type: Parameters): string | undefined {
  return (placed?.filename || type.name || placed?.name)?.slice(0, MAX_NAME) || undefined;
}

type Parameters = WithParameters['params'];

/** A type where none is given: a message in a digest (RFC 2046 section 5.1.5), else plain text. */
function contentTypeOf(block: HeaderBlock, parent: Part | undefined): WithParameters {
  const written = first(block, 'content-type');
  if (written !== undefined && written.trim() !== '') return readParameters(written);
  const value = parent?.contentType === 'multipart/digest' ? 'message/rfc822' : '';
  return { value, params: {} };
}

function mendedType(
  value: string,
  filename: string | undefined,
  disposition: string | undefined,
  isGiven: boolean,
): string {
  const written = value.trim().toLowerCase();
  // What follows the type proper is junk, such as a second type.
  const [, kind, of] = /^([^\s/;,]+)\s*\/\s*([^\s/;,]+)/.exec(written.replaceAll('"', '')) ?? [];
  if (kind && of) return MEANT[`${kind}/${of}`] ?? `${kind}/${of}`;
  if (isGiven && /^(text|plain|ascii|text\/)$/.test(written)) return 'text/plain';
  if (/^(html|htm)$/.test(written)) return 'text/html';
  if (filename !== undefined && /\.[^.]+$/.test(filename)) return typeByName(filename);
  if (disposition === 'attachment') return 'application/octet-stream';
  return 'text/plain';
}

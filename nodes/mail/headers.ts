// Header lines → the values flows of the e-mail node know. Addresses, dates and texts are read here, and what is plain
// as it stands; the rest is left to mailparser.
import type { HeaderValue } from 'mailparser';
import { addressObject } from './address-object';
import { readAddresses } from './addresses';
import { parseDate } from './dates';
import type { HeaderLine } from './header-block';
import { MAX_ALL_ADDRESSES, MAX_REFERENCES, MAX_SPECIAL_BYTES } from './limits';
import { headerValues } from './mailparser';
import { readParameters } from './parameters';
import { decodeText } from './words';

export interface Fields {
  readonly headers: Map<string, HeaderValue>;
  /** There were more addresses, or references, than are read. */
  isCut: boolean;
}

/** What may still be read of a header, or of several that share it. */
export class HeaderRoom {
  addresses = MAX_ALL_ADDRESSES;
  references = MAX_REFERENCES;
  special = MAX_SPECIAL_BYTES;
}

const ADDRESSES = new Set(
  'from to cc bcc sender reply-to delivered-to return-path disposition-notification-to'.split(' '),
);

/** Of these the first one counts, which mail clients show. */
const SINGLE = new Set(
  'message-id content-id from sender in-reply-to reply-to subject date content-disposition content-type content-transfer-encoding priority mime-version content-description precedence errors-to disposition-notification-to'.split(
    ' ',
  ),
);

/** What these hold has a form of its own, which mailparser knows. */
const isMailparsers = (key: string): boolean =>
  /^(list-|priority$|x-priority$|x-msmail-priority$|importance$|dkim-signature$)/.test(key);

/**
 * Reads fields into what is given, and may be paused between them.
 *
 * @param charset what raw bytes are in, as far as the mail says
 */
export function* readFields(
  lines: readonly HeaderLine[],
  charset: string | undefined,
  fields: Fields,
  room: HeaderRoom,
): Generator<void, void> {
  const headers = fields.headers as Map<string, HeaderValue[] | HeaderValue>;
  const special: HeaderLine[] = [];
  for (const { key, line } of lines) {
    if (key === '') continue;
    yield;
    if (isMailparsers(key)) {
      room.special -= line.length;
      if (room.special >= 0) special.push({ key, line });
      else fields.isCut = true;
      continue;
    }
    const value = line.slice(line.indexOf(':') + 1);
    if (ADDRESSES.has(key)) {
      const addresses = yield* readAddresses(value, charset, room.addresses);
      room.addresses -= addresses.count;
      fields.isCut ||= addresses.isCut;
      put(headers, key, yield* addressObject(addresses.list));
    } else {
      const read = fieldValue(key, unfolded(value), charset);
      if (Array.isArray(read)) {
        if (read.length > room.references) fields.isCut = true;
        for (const one of read.slice(0, room.references)) put(headers, key, one);
        room.references -= Math.min(read.length, room.references);
      } else if (read) put(headers, key, read);
    }
  }
  for (const [key, value] of headers) {
    if (Array.isArray(value) && (value.length === 1 || SINGLE.has(key)))
      headers.set(key, value[0] as HeaderValue);
  }
  yield;
  if (special.length) for (const [key, value] of headerValues(special)) headers.set(key, value);
}

function put(headers: Map<string, HeaderValue[] | HeaderValue>, key: string, value: HeaderValue): void {
  const list = headers.get(key) as HeaderValue[] | undefined;
  if (list) list.push(value);
  else headers.set(key, [value]);
}

function fieldValue(
  key: string,
  text: string,
  charset: string | undefined,
): HeaderValue | string[] | undefined {
  switch (key) {
    case 'content-type':
    case 'content-disposition':
      return readParameters(text, charset) as unknown as HeaderValue;
    case 'date':
      return parseDate(text) ?? text;
    case 'references':
      return (decodeText(text, charset).match(/<[^<>]*>|[^\s<>,]+/g) ?? [])
        .slice(0, MAX_REFERENCES + 2)
        .map(inBrackets);
    case 'message-id':
    case 'in-reply-to': {
      const id = decodeText(text, charset);
      // What stands around it is a comment, or words of old (RFC 5322 section 4.5.4).
      const ids = id.match(/<[^<>]+>/g)?.map(withoutBlanks);
      return ids ? ids.slice(0, key === 'message-id' ? 1 : MAX_REFERENCES).join(' ') : id && inBrackets(id);
    }
    case 'subject':
      return decodeText(text, charset);
    default:
      // As mailparser: what encoded words of other fields mean is for their reader to say.
      return text.includes('=?') && !/[\x80-\xff]/.test(text) ? text : decodeText(text, charset);
  }
}

/** RFC 5322 section 2.2.3. */
const unfolded = (text: string): string =>
  (/[\r\n]/.test(text) ? text.replace(/[\r\n]+[ \t]*/g, ' ') : text).trim();

const withoutBlanks = (id: string): string =>
  /[\s(]/.test(id) && !id.includes('"') ? id.replace(/\([^()]*\)|\s+/g, '') : id;

const inBrackets = (id: string): string =>
  `${id.startsWith('<') ? '' : '<'}${id}${id.endsWith('>') ? '' : '>'}`;

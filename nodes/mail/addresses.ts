// Address fields (RFC 5322 section 3.4, the obsolete forms of section 4.4 and appendix A.5 included), in one pass.
import { domainToUnicode } from 'node:url';
import type { EmailAddress } from 'mailparser';
import { MAX_ADDRESSES } from './limits';
import { closeOfComment, endOfComment } from './parameters';
import { decodeText, encodedWordAt } from './words';

export interface Addresses {
  list: EmailAddress[];
  /** How many there are, those of groups included. */
  count: number;
  /** There were more. */
  isCut: boolean;
}

/** What has been read of one mailbox. */
interface Pending {
  /** Words, quoted ones without their quotes. */
  phrase: string;
  hasQuotes: boolean;
  comments: string[];
  angle: string | undefined;
  /** How much of the phrase stood before the angle brackets. */
  before: number;
}

/** Bytes of the words of one mailbox; more is no name. */
const MAX_PHRASE = 4096;

const HAS_ENCODED_WORD = /=\?[^\s?]+\?[bq]\?/i;
const ENCODED_WORD = encodedWordAt();
const fresh = (): Pending => ({ phrase: '', hasQuotes: false, comments: [], angle: undefined, before: 0 });

/** Addresses after which other flows may get their turn. */
const STEP = 64;

/**
 * Reads the body of an address field, one byte per character, and may be paused between its addresses.
 *
 * @param charset what raw bytes are in, as far as the mail says
 * @param most addresses that are read
 */
export function* readAddresses(
  field: string,
  charset?: string,
  most = MAX_ADDRESSES,
): Generator<void, Addresses> {
  const unfolded = field.replace(/[\r\n]+[ \t]*/g, ' ');
  return yield* new Reading(unfolded, charset).all(Math.min(most, MAX_ADDRESSES));
}

class Reading {
  readonly #text: string;
  readonly #charset: string | undefined;
  readonly #list: EmailAddress[] = [];
  #group: { name: string; group: EmailAddress[] } | undefined;
  #count = 0;
  #one = fresh();
  #at = 0;
  /** A quote, or a parenthesis, that nothing closes begins nothing; nor does any behind it. */
  #isQuoteless = false;
  #isCommentless = false;

  constructor(text: string, charset: string | undefined) {
    this.#text = text;
    this.#charset = charset;
  }

  *all(most: number): Generator<void, Addresses> {
    const text = this.#text;
    for (let step = STEP; this.#at < text.length && this.#count < most; ) {
      this.#next(text[this.#at] as string);
      if (this.#count < step) continue;
      step = this.#count + STEP;
      yield;
    }
    this.#finish();
    this.#closeGroup();
    return { list: this.#list, count: this.#count, isCut: this.#at < text.length };
  }

  #next(char: string): void {
    if (char === '=' && this.#encodedWord()) return;
    if (char === '"') this.#quoted();
    else if (char === '(') this.#comment();
    else if (char === '<') this.#angle();
    else if (char === ',' || char === ';') {
      this.#finish();
      if (char === ';') this.#closeGroup();
      this.#at++;
    } else if (
      char === ':' &&
      !this.#group &&
      this.#one.angle === undefined &&
      !this.#one.phrase.includes('@')
    ) {
      this.#group = { name: decodeText(this.#one.phrase.trim(), this.#charset), group: [] };
      this.#one = fresh();
      this.#at++;
    } else {
      // A bracket here closes nothing.
      this.#add(char === '>' ? ' ' : char);
      this.#at++;
    }
  }

  #add(words: string): void {
    if (this.#one.phrase.length < MAX_PHRASE) this.#one.phrase += words;
  }

  /** Whatever stands in it, it is a word. */
  #encodedWord(): boolean {
    if (this.#text[this.#at + 1] !== '?') return false;
    ENCODED_WORD.lastIndex = this.#at;
    const word = ENCODED_WORD.exec(this.#text)?.[0];
    if (word === undefined) return false;
    this.#add(word);
    this.#at += word.length;
    return true;
  }

  #quoted(): void {
    const quoted = this.#isQuoteless ? undefined : readQuoted(this.#text, this.#at);
    if (!quoted) {
      this.#isQuoteless = true;
      this.#at++;
      return;
    }
    const { value, end } = quoted;
    this.#add(isAddressPart(this.#text, end, this.#one.phrase) ? this.#text.slice(this.#at, end) : value);
    this.#one.hasQuotes = true;
    this.#at = end;
  }

  #comment(): void {
    const found = this.#isCommentless ? undefined : closeOfComment(this.#text, this.#at);
    // An address behind it is none of its words.
    if (found === undefined && !this.#isCommentless) this.#isCommentless = this.#text.includes('<', this.#at);
    if (this.#isCommentless) {
      this.#add(' ');
      this.#at++;
      return;
    }
    const end = found ?? this.#text.length;
    const close = found === undefined ? end : end - 1;
    const comment = this.#text.slice(this.#at + 1, close).replace(/\\(.)/g, '$1');
    this.#one.comments.push(comment.trim());
    this.#add(' ');
    this.#at = end;
  }

  #angle(): void {
    while (this.#text[this.#at + 1] === '<') this.#at++;
    if (this.#one.angle !== undefined) {
      // The comma between two mailboxes is missing.
      const { phrase, before } = this.#one;
      this.#one.phrase = phrase.slice(0, before);
      this.#finish();
      this.#add(phrase.slice(before));
    }
    const end = endOfAngle(this.#text, this.#at);
    this.#one.angle = this.#text.slice(this.#at + 1, end);
    this.#one.before = this.#one.phrase.length;
    this.#at = end + 1;
  }

  #finish(): void {
    const one = this.#one;
    this.#one = fresh();
    // A comment behind the last mailbox is none.
    const hasBefore = this.#group !== undefined || this.#list.length > 0;
    if (hasBefore && one.angle === undefined && one.phrase.trim() === '') return;
    const address = mailboxOf(one, this.#charset);
    if (!address) return;
    this.#count++;
    (this.#group?.group ?? this.#list).push(address);
  }

  #closeGroup(): void {
    if (this.#group) this.#list.push(this.#group as EmailAddress);
    this.#group = undefined;
  }
}

/** A quoted local part belongs to its address with the quotes. */
const isAddressPart = (text: string, end: number, before: string): boolean =>
  (text[end] === '@' || text[end] === '.') && !/[^\s]\s+$/.test(before.slice(-40));

function readQuoted(text: string, from: number): { value: string; end: number } | undefined {
  const parts: string[] = [];
  let at = from + 1;
  for (; at < text.length && text[at] !== '"'; at++) {
    if (text[at] === '\\' && at + 1 < text.length) at++;
    parts.push(text[at] as string);
  }
  return at < text.length ? { value: parts.join(''), end: at + 1 } : undefined;
}

function endOfAngle(text: string, from: number): number {
  let isQuoted = false;
  for (let at = from + 1; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === '>' && !isQuoted) return at;
    // What was not closed ends where the next address begins.
    else if (char === '<' && !isQuoted) return at - 1;
  }
  const close = text.indexOf('>', from);
  return close < 0 ? text.length : close;
}

function mailboxOf(
  { phrase, comments, angle, hasQuotes }: Pending,
  charset: string | undefined,
): EmailAddress | undefined {
  const words = phrase.replace(/\s+/g, ' ').trim();
  const comment = comments.filter(Boolean).join(' ');
  if (angle !== undefined) {
    const address = addrSpec(angle, charset);
    const name = decodeText(words || comment, charset).trim();
    return name === '' && address === '' ? undefined : { address, name };
  }
  if (words === '' && comment === '') return undefined;
  if (words.includes('@')) {
    const spec = words.replace(/ ?([@.]) ?/g, '$1');
    const found = /(?:^| )("(?:[^"\\]|\\.)*"@[^ ]+|[^ ]+@[^ ]+)(?= |$)/.exec(spec);
    if (found) {
      const address = addrSpec(found[1] as string, charset);
      const rest = (spec.slice(0, found.index) + spec.slice(found.index + found[0].length)).trim();
      return { address, name: decodeText(rest || comment, charset).trim() };
    }
  }
  // An account of the machine that sent it: `root (Cron Daemon)`.
  if (!hasQuotes && words !== '' && !/[\s=\x80-\xff]/.test(words))
    return { address: words, name: decodeText(comment, charset) };
  const name = decodeText(words || comment, charset);
  // Some mailers put all of a mailbox into an encoded word.
  const [, before, within] = /^([^<>]*)<([^\s<>@]+@[^\s<>@]+)>$/.exec(name) ?? [];
  return within && !hasQuotes ? { address: within, name: (before as string).trim() } : { address: '', name };
}

/** The address itself: no route, comments or blanks, an internationalized domain in its letters. */
function addrSpec(written: string, charset: string | undefined): string {
  let text = withoutCommentsOf(written);
  // A route (RFC 5322 section 4.4): @a,@b:local@domain
  if (/^\s*@/.test(text)) text = text.slice(text.indexOf(':') + 1);
  text =
    text.startsWith('"') || text.includes('"')
      ? text.trim().replace(/\s*@\s*/g, '@')
      : text.replace(/\s+/g, '');
  text = text.replace(/^mailto:/i, '');
  // Both characters may be of the address itself.
  if (HAS_ENCODED_WORD.test(text)) {
    const decoded = decodeText(text, charset);
    return /^[^\s@]+@[^\s@]+$/.test(decoded) && !decoded.includes('=?') ? decoded : '';
  }
  const spec = decodeText(text, charset);
  const domain = spec.slice(spec.lastIndexOf('@') + 1);
  return /^xn--|\.xn--/i.test(domain)
    ? spec.slice(0, -domain.length) + (domainToUnicode(domain) || domain)
    : spec;
}

function withoutCommentsOf(text: string): string {
  if (!text.includes('(') || text.includes('"')) return text;
  const kept: string[] = [];
  for (let at = 0; at < text.length; ) {
    if (text[at] === '(') at = endOfComment(text, at);
    else kept.push(text[at++] as string);
  }
  return kept.join('');
}

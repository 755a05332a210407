// HTML → text in one pass: every character is looked at once, and nothing grows with the depth of the elements beyond
// a limit. Letters stay as they are; blocks, cells and list items stand apart; links and images show where they lead.
import { MAX_INDENT } from './limits';
import { he } from './mailparser';

const BLOCKS = new Set(
  'address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol optgroup option p pre section summary table tbody tfoot thead tr ul'.split(
    ' ',
  ),
);
/** Blocks with an empty line before and behind them. */
const SPACED = new Set('p h1 h2 h3 h4 h5 h6 ul ol dl pre blockquote table'.split(' '));
/** What is in these is no text. */
const SKIPPED = new Set('script style title template textarea iframe svg'.split(' '));
/** Of these only the end tag with their own name ends the content. */
const RAW = new Set(['script', 'style', 'title', 'textarea', 'iframe']);
const CELLS = new Set(['td', 'th']);

/** Characters of an address that is shown behind a link or for an image. */
const MAX_ADDRESS = 500;

const NAME = /[a-z][a-z0-9:-]*/iy;
const BLANKS = /[ \t\n\r\f]+/g;

/** The longest character reference of HTML has 33 characters; a number may have any. */
const MAX_REFERENCE = 64;

/** Characters converted before there is a pause. */
const STRETCH = 4 * 1024;

/** Converts HTML in time proportional to its length, some 30 MB in a second; the caller may pause it. */
export function* htmlToText(html: string): Generator<void, string> {
  let pause = STRETCH;
  const writer = new Writer();
  const skipped: string[] = [];
  let at = 0;
  while (at < html.length) {
    if (at > pause) {
      pause = at + STRETCH;
      yield;
    }
    const open = html.indexOf('<', at);
    const end = open < 0 ? html.length : open;
    for (let from = at; from < end && skipped.length === 0; ) {
      const to = endOfStretch(html, from, end);
      writer.text(html.slice(from, to));
      from = to;
      if (to < end) yield;
    }
    if (open < 0) break;
    const tag = readTag(html, open);
    if (!tag) {
      if (skipped.length === 0) writer.text('<');
      at = open + 1;
      continue;
    }
    at = tag.end;
    if (tag.name === '') continue;
    if (!tag.isEnd && RAW.has(tag.name)) at = behindRaw(html, tag.name, at);
    else if (SKIPPED.has(tag.name)) {
      if (!tag.isEnd && !(tag.name === 'svg' && tag.attributes.endsWith('/'))) skipped.push(tag.name);
      else if (skipped.at(-1) === tag.name) skipped.pop();
    } else if (skipped.length === 0) writer.tag(tag);
  }
  yield;
  return writer.end();
}

/** Where a part of a long text ends: not within a character reference, a line end or a character. */
function endOfStretch(html: string, from: number, end: number): number {
  if (end - from <= STRETCH) return end;
  const to = from + STRETCH;
  const reference = html.lastIndexOf('&', to - 1);
  if (reference > to - MAX_REFERENCE) return reference;
  const torn = html[to - 1] === '\r' || (html.charCodeAt(to - 1) & 0xfc00) === 0xd800;
  return torn ? to - 1 : to;
}

interface Tag {
  name: string;
  isEnd: boolean;
  attributes: string;
  end: number;
}

/** The tag, comment or declaration that begins here; undefined: the `<` is text. */
function readTag(html: string, from: number): Tag | undefined {
  if (html.startsWith('<!--', from)) {
    return { name: '', isEnd: false, attributes: '', end: endOfComment(html, from) };
  }
  const isEnd = html[from + 1] === '/';
  const isDeclaration = html[from + 1] === '!' || html[from + 1] === '?';
  NAME.lastIndex = from + (isEnd ? 2 : 1);
  const name = NAME.exec(html)?.[0].toLowerCase();
  if (name === undefined && !isDeclaration) return undefined;
  const start = from + 1 + (isEnd ? 1 : 0) + (name?.length ?? 0);
  const end = endOfTag(html, start);
  return { name: name ?? '', isEnd, attributes: html.slice(start, end - 1), end };
}

/** Behind a comment; `<!-->` is one too, and `--!>` ends one (HTML Living Standard, section 13.2.5). */
function endOfComment(html: string, from: number): number {
  for (let at = html.indexOf('--', from + 2); at >= 0; at = html.indexOf('--', at + 1)) {
    if (html[at + 2] === '>') return at + 3;
    if (html[at + 2] === '!' && html[at + 3] === '>') return at + 4;
    if (at === from + 2 && html.startsWith('->', at + 2)) return at + 4;
  }
  return html.length;
}

/** Behind the `>`; one within quotes ends no tag, but for quotes that nothing closes. */
function endOfTag(html: string, from: number): number {
  const close = html.indexOf('>', from);
  if (close < 0) return html.length;
  let quote = '';
  let isValue = false;
  for (let at = from; at < html.length && at < from + 64 * 1024; at++) {
    const char = html[at] as string;
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if (char === '>') return at + 1;
    else if (isValue && (char === '"' || char === "'")) quote = char;
    isValue = char === '=' || (isValue && char <= ' ');
  }
  return close + 1;
}

function behindRaw(html: string, name: string, from: number): number {
  for (let at = html.indexOf('</', from); at >= 0; at = html.indexOf('</', at + 2)) {
    if (html.slice(at + 2, at + 2 + name.length).toLowerCase() === name)
      return endOfTag(html, at + 2 + name.length);
  }
  return html.length;
}

function attribute(attributes: string, name: string): string | undefined {
  const pattern = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i');
  const match = pattern.exec(attributes);
  const value = match?.[1] ?? match?.[2] ?? match?.[3];
  return value === undefined ? undefined : decoded(value.slice(0, MAX_ADDRESS)).trim();
}

const decoded = (text: string): string => (text.includes('&') ? he().decode(text) : text);

/** Puts the text together, line by line. */
class Writer {
  /** Grows by concatenation: a list of millions of lines would hold up the event loop whenever it is collected. */
  #text = '';
  /** Empty lines that wait for one that is not: none begin or end the text. */
  #empty = '';
  #lines = 0;
  /** The line in the making; joined only when it is whole, since a line may be as long as the HTML. */
  #pieces: string[] = [];
  /** An empty line comes before the next text. */
  #hasGap = false;
  #hasBlank = false;
  #endsBlank = true;
  #wasEmpty = true;
  /** The line holds nothing but the mark of a list item. */
  #isMark = false;
  #quotes = 0;
  #pre = 0;
  readonly #lists: { next: number }[] = [];
  readonly #links: { href: string; from: number; line: number }[] = [];

  text(html: string): void {
    const text = decoded(html);
    if (this.#pre > 0) {
      for (const [index, line] of text.replace(/\r\n?/g, '\n').split('\n').entries()) {
        if (index) this.#flush();
        if (line !== '') this.#put(line);
      }
      return;
    }
    const flat = text.replace(BLANKS, ' ');
    if (flat.startsWith(' ')) this.#hasBlank = true;
    const words = trimBlanks(flat);
    if (words === '') return;
    this.#put(words);
    this.#hasBlank = flat.endsWith(' ');
  }

  tag({ name, isEnd, attributes }: Tag): void {
    if (name === 'br') this.#flush();
    else if (name === 'a') this.#link(isEnd, attributes);
    else if (name === 'img') this.#image(attributes);
    else if (CELLS.has(name)) {
      if (!isEnd && this.#pieces.length) this.#append(this.#endsBlank ? '  ' : '   ');
    } else if (BLOCKS.has(name)) this.#block(name, isEnd, attributes);
  }

  end(): string {
    this.#flush();
    return this.#text;
  }

  #block(name: string, isEnd: boolean, attributes: string): void {
    if (this.#pieces.length && !this.#isMark) this.#flush();
    this.#hasBlank = false;
    if (SPACED.has(name) && !(this.#lists.length && name !== 'p') && !this.#isMark) this.#hasGap = true;
    if (name === 'blockquote') this.#quotes = Math.max(0, this.#quotes + (isEnd ? -1 : 1));
    else if (name === 'pre') this.#pre = Math.max(0, this.#pre + (isEnd ? -1 : 1));
    else if (name === 'ul' || name === 'menu' || name === 'dir' || name === 'ol') {
      if (isEnd) this.#lists.pop();
      else this.#lists.push({ next: name === 'ol' ? Number(attribute(attributes, 'start') ?? 1) || 1 : 0 });
    } else if (name === 'li' && !isEnd) {
      if (this.#isMark) this.#flush();
      const list = this.#lists.at(-1);
      const indent = '  '.repeat(Math.min(Math.max(this.#lists.length - 1, 0), MAX_INDENT));
      this.#put(list?.next ? `${indent} ${list.next++}. ` : `${indent} * `);
      this.#isMark = true;
    } else if (name === 'hr' && !isEnd) {
      this.#put('-'.repeat(40));
      this.#flush();
    }
  }

  #link(isEnd: boolean, attributes: string): void {
    if (!isEnd) {
      const href = attribute(attributes, 'href') ?? '';
      // Links cannot be nested; one that was not closed ends here.
      this.#links.length = 0;
      this.#links.push({ href, from: this.#pieces.length, line: this.#lines });
      return;
    }
    const link = this.#links.pop();
    if (!link || link.href === '' || link.href.startsWith('#')) return;
    const isSame = link.line === this.#lines;
    const shown = isSame ? this.#pieces.slice(link.from).join('').trim() : '';
    const address = link.href.replace(/^mailto:/i, '');
    if (shown !== '' && withoutTrimmings(shown) === withoutTrimmings(link.href)) return;
    if (shown !== '' || !isSame) this.#hasBlank = true;
    this.#put(`[${address}]`);
  }

  #image(attributes: string): void {
    const alt = attribute(attributes, 'alt') ?? '';
    const source = attribute(attributes, 'src') ?? '';
    // An image the mail brings along is among the attachments.
    const isShown = source !== '' && !/^(cid|data):/i.test(source);
    const text = [alt, isShown ? `[${source}]` : ''].filter(Boolean).join(' ');
    if (text !== '') this.#put(text);
  }

  #put(text: string): void {
    if (this.#hasGap) {
      if (!this.#wasEmpty) this.#flush();
      this.#hasGap = false;
    }
    if (this.#hasBlank && !this.#endsBlank) this.#pieces.push(' ');
    this.#hasBlank = false;
    this.#append(text);
  }

  #append(text: string): void {
    this.#pieces.push(text);
    this.#endsBlank = text.endsWith(' ');
    this.#hasBlank = this.#isMark = false;
  }

  #flush(): void {
    const line = this.#pieces.join('');
    this.#wasEmpty = trimEnd(line) === '';
    const whole = trimEnd('> '.repeat(Math.min(this.#quotes, MAX_INDENT)) + line);
    this.#lines++;
    if (!isEmpty(whole)) {
      this.#text += this.#text === '' ? whole : `${this.#empty}\n${whole}`;
      this.#empty = '';
    } else if (this.#text !== '') this.#empty += `\n${whole}`;
    this.#pieces = [];
    this.#endsBlank = true;
    this.#hasBlank = this.#isMark = false;
  }
}

/** What of an address tells where it leads. */
const withoutTrimmings = (address: string): string =>
  address.length > MAX_ADDRESS
    ? address
    : address
        .replace(/^(https?:\/\/|mailto:)/i, '')
        .replace(/^([^@?]+@[^?]+)\?.*$/, '$1')
        .replace(/\/$/, '');

const isEmpty = (line: string): boolean => /^[> ]*$/.test(line);

/** Not trim(): a hard blank stays. */
function trimBlanks(text: string): string {
  if (text === ' ') return '';
  const from = text.startsWith(' ') ? 1 : 0;
  return text.endsWith(' ') ? text.slice(from, -1) : text.slice(from);
}

function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === ' ') end--;
  return text.slice(0, end);
}

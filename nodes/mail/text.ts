// From the text parts of a mail to its one text and its one HTML, put together as simpleParser does it, but for one
// thing: an HTML part gets a text whenever there is no plain text in its place. simpleParser leaves the text of a
// multipart mail empty that has no plain text at all.
import type { AddressObject, HeaderValue } from 'mailparser';
import { escaped } from './address-object';
import type { CollectedText } from './collected-text';
import { enrichedToText } from './enriched';
import { htmlToText } from './html-text';
import { MAX_CONVERTED, MAX_SHOWN } from './limits';
import { textToHtml } from './mailparser';
import { type MailProblem, problem } from './message';
import type { Part } from './part';
import type { Turn } from './turn';

export interface AssembledText {
  text: string;
  /** Of a long text more than its first MAX_CONVERTED characters, which can be had without copying it all. */
  head: string;
  html: string | undefined;
  problems: MailProblem[];
}

type Piece =
  | CollectedText
  | { to: 'text' | 'html' | 'plain'; input: CollectedText }
  | { meta: Part; as: 'text' | 'html' };

/** Characters of a text, and texts, in which links are looked for: that is slow. */
const MAX_LINKED = 16 * 1024;
const MOST_LINKED = 10;

/**
 * @param root the tree of the mail
 * @param contents the decoded text of each text part
 */
export async function assembleText(
  root: Part,
  contents: ReadonlyMap<Part, CollectedText>,
  turn: Turn,
): Promise<AssembledText> {
  const { text, html } = await piecesOf(root, contents, turn);
  const conversions = new Conversions(turn);
  const texts = await conversions.all(text, '\n');
  const htmls = await conversions.all(html, '<br/>\n');
  return {
    text: texts.whole,
    head: texts.head,
    html: html.length ? htmls.whole : undefined,
    problems: conversions.problems,
  };
}

/** What the text and the HTML are put together from, in the order of the parts. */
async function piecesOf(
  root: Part,
  contents: ReadonlyMap<Part, CollectedText>,
  turn: Turn,
): Promise<{ text: Piece[]; html: Piece[] }> {
  let hasHtml = false;
  let hasText = false;
  for (const [part, content] of contents) {
    if (turn.isOver) await turn.next();
    if (isBlank(content)) continue;
    hasText = true;
    hasHtml ||= part.isHtml;
  }
  const withPlain = await plainTextHolders(root, contents, turn);
  const text: Piece[] = [];
  const html: Piece[] = [];
  const left: { part: Part; alternative: Part | undefined }[] = [{ part: root, alternative: undefined }];
  for (let next = left.pop(); next; next = left.pop()) {
    if (turn.isOver) await turn.next();
    const { part, alternative } = next;
    if (part.parent?.holdsMessage) {
      if (hasHtml) html.push({ meta: part, as: 'html' });
      if (hasText) text.push({ meta: part, as: 'text' });
    }
    const content = contents.get(part);
    if (content && !isEmpty(content, hasHtml)) {
      if (part.isHtml) {
        html.push(content);
        if (!alternative || !withPlain.has(alternative)) text.push({ to: 'text', input: content });
      } else {
        text.push(isEnriched(part) ? { to: 'plain', input: content } : content);
        if (!alternative && hasHtml) html.push({ to: 'html', input: content });
      }
    }
    const inner = part.contentType === 'multipart/alternative' ? part : alternative;
    for (const child of part.children.toReversed()) left.push({ part: child, alternative: inner });
  }
  return { text, html };
}

/** The text of an HTML that is no part of the mail, but was in one. */
export async function textOfHtml(
  input: CollectedText,
  turn: Turn,
): Promise<{ text: CollectedText; problems: MailProblem[] }> {
  const conversions = new Conversions(turn);
  const text = await conversions.all([{ to: 'text', input }], '');
  return { text, problems: conversions.problems };
}

const isEnriched = ({ contentType }: Part): boolean => /^text\/(enriched|richtext)$/.test(contentType);

/** A text of blanks only, seen or not, hides nothing. */
const isBlank = ({ whole, head }: CollectedText): boolean =>
  head.length === whole.length && !/[^\s\u200b-\u200d\u2060\ufeff]/.test(head);

const isEmpty = (text: CollectedText, hasHtml: boolean): boolean =>
  hasHtml ? isBlank(text) : text.whole === '';

/** The parts that hold plain text, at whatever level. */
async function plainTextHolders(
  root: Part,
  contents: ReadonlyMap<Part, CollectedText>,
  turn: Turn,
): Promise<Set<Part>> {
  const holders = new Set<Part>();
  for (const [part, text] of contents) {
    if (turn.isOver) await turn.next();
    if (part.isHtml || isBlank(text)) continue;
    for (let above: Part | undefined = part; above && !holders.has(above); above = above.parent)
      holders.add(above);
  }
  holders.add(root);
  if (![...holders].some((part) => contents.has(part))) holders.clear();
  return holders;
}

/** One budget for all parts of a mail: what is beyond is not converted. Other flows get their turn in between. */
class Conversions {
  readonly problems: MailProblem[] = [];
  readonly #left = { text: MAX_CONVERTED, plain: MAX_CONVERTED, html: MAX_SHOWN };
  readonly #turn: Turn;
  #linked = 0;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** Grown by concatenation: Array.join would copy, all at once. */
  async all(pieces: Piece[], separator: string): Promise<CollectedText> {
    let whole = '';
    let head = '';
    for (const [index, piece] of pieces.entries()) {
      const one = 'whole' in piece ? piece : await this.#one(piece);
      const before = index ? separator : '';
      if (head.length < MAX_CONVERTED) head += before + (typeof one === 'string' ? one : one.head);
      whole += before + (typeof one === 'string' ? one : one.whole);
      await this.#turn.pause();
    }
    return { whole, head };
  }

  async #one(piece: Exclude<Piece, CollectedText>): Promise<string> {
    if ('meta' in piece) {
      await this.#turn.run(piece.meta.readHeaders(piece.meta.charset));
      const meta = metaOf(piece.meta);
      return piece.as === 'html'
        ? metaHtml(meta)
        : `\n${meta.map((one) => `${one.key}: ${one.text}`).join('\n')}\n`;
    }
    const { to, input } = piece;
    const head = cut(to, input.head, this.#left[to]);
    this.#left[to] -= head.length;
    if (head.length < input.whole.length && !this.problems.some(({ code }) => code === SHORTENED[to]))
      this.problems.push(problem(SHORTENED[to]));
    if (head === '') return '';
    await this.#turn.pause();
    if (to === 'html') return textToHtml(head, head.length < MAX_LINKED && this.#linked++ < MOST_LINKED);
    return to === 'plain' ? enrichedToText(head) : this.#turn.run(htmlToText(head));
  }
}

const SHORTENED = { text: 'TEXT_SHORTENED', plain: 'TEXT_SHORTENED', html: 'HTML_SHORTENED' } as const;

/** Cuts before the tag, or behind the line, that would be torn apart; between surrogates never. */
function cut(to: 'text' | 'html' | 'plain', input: string, most: number): string {
  if (input.length <= most) return input;
  if (most <= 0) return '';
  const at = to !== 'html' ? input.lastIndexOf('<', most) : input.lastIndexOf('\n', most);
  if (at > most / 2) return input.slice(0, at);
  const torn = (input.charCodeAt(most - 1) & 0xfc00) === 0xd800;
  return input.slice(0, torn ? most - 1 : most);
}

interface Meta {
  key: string;
  text: string;
  html: string;
}

/** The headers a forwarded mail shows above its text. */
function metaOf(part: Part): Meta[] {
  const meta: Meta[] = [];
  const { headers } = part.fields;
  for (const key of ['From', 'Subject', 'Date', 'To', 'Cc', 'Bcc']) {
    const found = headers.get(key.toLowerCase());
    const value = Array.isArray(found) ? (found.at(-1) as HeaderValue) : found;
    if (!value) continue;
    if (value instanceof Date) meta.push({ key, text: value.toUTCString(), html: value.toUTCString() });
    else if (typeof value === 'string')
      meta.push({
        key,
        text: value,
        html: key === 'Date' ? escaped(value) : `<strong>${escaped(value)}</strong>`,
      });
    else meta.push({ key, text: (value as AddressObject).text, html: (value as AddressObject).html });
  }
  return meta;
}

function metaHtml(meta: Meta[]): string {
  const rows = meta.map(
    ({ key, html }) => `<tr><td class="mp_head_key">${key}:</td><td class="mp_head_value">${html}<td></tr>`,
  );
  return `<table class="mp_head">${rows.join('\n')}<table>`;
}

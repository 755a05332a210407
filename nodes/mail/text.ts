// From the text parts of a mail to its one text and its one HTML, put together as simpleParser does it, but for one
// thing: an HTML part gets a text whenever there is no plain text in its place. simpleParser leaves the text of a
// multipart mail empty that has no plain text at all.
import type { AddressObject, HeaderValue } from 'mailparser';
import { escaped } from './addresses';
import type { CollectedText } from './collected-text';
import { htmlToText } from './html-text';
import { MAX_CONVERTED, MAX_SHOWN, TURN_MS } from './limits';
import { textToHtml } from './mailparser';
import { type MailProblem, problem } from './message';
import type { Part } from './part';

export interface AssembledText {
  text: string;
  html: string | undefined;
  problems: MailProblem[];
}

type Piece = string | { to: 'text' | 'html'; input: CollectedText };

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
): Promise<AssembledText> {
  const parts = [...contents].filter(([, text]) => !isBlank(text)).map(([part]) => part);
  const hasHtml = parts.some(({ isHtml }) => isHtml);
  const hasText = parts.length > 0;
  const withPlain = plainTextHolders(root, contents);
  const text: Piece[] = [];
  const html: Piece[] = [];

  const walk = (part: Part, alternative: Part | undefined): void => {
    if (part.parent?.holdsMessage) {
      const meta = metaOf(part);
      if (hasHtml) html.push(metaHtml(meta));
      if (hasText) text.push(`\n${meta.map((one) => `${one.key}: ${one.text}`).join('\n')}\n`);
    }
    const content = contents.get(part);
    if (content && !isEmpty(content, hasHtml)) {
      if (part.isHtml) {
        html.push(content.whole);
        if (!alternative || !withPlain.has(alternative)) text.push({ to: 'text', input: content });
      } else {
        text.push(content.whole);
        if (!alternative && hasHtml) html.push({ to: 'html', input: content });
      }
    }
    const inner = part.contentType === 'multipart/alternative' ? part : alternative;
    for (const child of part.children) walk(child, inner);
  };
  walk(root, undefined);

  const conversions = new Conversions();
  const texts = await conversions.all(text);
  const htmls = await conversions.all(html);
  return {
    text: joined(texts, '\n'),
    html: htmls.length ? joined(htmls, '<br/>\n') : undefined,
    problems: conversions.problems,
  };
}

/** A text of blanks only hides nothing. */
const isBlank = ({ whole }: CollectedText): boolean => whole.length < 1024 && whole.trim() === '';

const isEmpty = (text: CollectedText, hasHtml: boolean): boolean =>
  hasHtml ? isBlank(text) : text.whole === '';

/** Array.join would copy, all at once. */
function joined(texts: string[], separator: string): string {
  return texts.length ? texts.reduce((all, text) => all + separator + text) : '';
}

/** The parts that hold plain text, at whatever level. */
function plainTextHolders(root: Part, contents: ReadonlyMap<Part, CollectedText>): Set<Part> {
  const holders = new Set<Part>();
  for (const [part, text] of contents) {
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
  readonly #left = { text: MAX_CONVERTED, html: MAX_SHOWN };
  #linked = 0;
  #turnBegan = performance.now();

  async all(pieces: Piece[]): Promise<string[]> {
    const done: string[] = [];
    for (const piece of pieces) done.push(typeof piece === 'string' ? piece : await this.#one(piece));
    return done;
  }

  async #one({ to, input }: Exclude<Piece, string>): Promise<string> {
    const head = cut(to, input.head, this.#left[to]);
    this.#left[to] -= head.length;
    if (head.length < input.whole.length && !this.problems.some(({ code }) => code === SHORTENED[to]))
      this.problems.push(problem(SHORTENED[to]));
    if (head === '') return '';
    if (to === 'html') {
      await this.#pause();
      return textToHtml(head, head.length < MAX_LINKED && this.#linked++ < MOST_LINKED);
    }
    const converting = htmlToText(head);
    for (let next = converting.next(); ; next = converting.next()) {
      if (next.done) return next.value;
      await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    if (performance.now() - this.#turnBegan < TURN_MS) return;
    await new Promise(setImmediate);
    this.#turnBegan = performance.now();
  }
}

const SHORTENED = { text: 'TEXT_SHORTENED', html: 'HTML_SHORTENED' } as const;

/** Cuts before the tag, or behind the line, that would be torn apart; between surrogates never. */
function cut(to: 'text' | 'html', input: string, most: number): string {
  if (input.length <= most) return input;
  if (most <= 0) return '';
  const at = to === 'text' ? input.lastIndexOf('<', most) : input.lastIndexOf('\n', most);
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
  const { headers } = part.headers(part.charset);
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

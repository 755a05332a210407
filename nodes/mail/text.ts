// From the text parts of a mail to its one text and its one HTML, put together as simpleParser does it, but for
// one thing: an HTML part gets a text whenever there is no plain text in its place. simpleParser leaves the text
// of a multipart mail empty that has no plain text at all.
import type { AddressObject, HeaderValue } from 'mailparser';
import type { CollectedText } from './charset';
import type { Conversion } from './conversion';
import { type Converter, converter } from './convert';
import type { MailProblem } from './message';
import type { Part } from './parser';

export interface AssembledText {
  text: string;
  html: string | undefined;
  problems: MailProblem[];
}

type Piece = string | { conversion: Conversion; input: CollectedText };

/**
 * @param root the tree of the mail
 * @param contents the decoded text of each text part
 */
export async function assembleText(
  root: Part,
  contents: ReadonlyMap<Part, CollectedText>,
  using: Converter = converter,
): Promise<AssembledText> {
  const parts = [...contents].filter(([, { whole }]) => whole !== '').map(([part]) => part);
  const hasHtml = parts.some(isHtml);
  const hasText = parts.length > 0;
  const text: Piece[] = [];
  const html: Piece[] = [];

  const walk = (part: Part, alternative: Part | undefined) => {
    if (part.showMeta) {
      const meta = metaOf(part);
      if (hasHtml) html.push(metaHtml(meta));
      if (hasText) text.push(`\n${meta.map(({ key, text }) => `${key}: ${text}`).join('\n')}\n`);
    }
    const content = contents.get(part);
    if (content?.whole && isHtml(part)) {
      html.push(content.whole);
      if (!alternative || !holdsPlainText(alternative, contents)) {
        text.push({ conversion: 'html-to-text', input: content });
      }
    } else if (content?.whole) {
      text.push(content.whole);
      if (!alternative && hasHtml) html.push({ conversion: 'text-to-html', input: content });
    }
    const inner = part.contentType === 'multipart/alternative' ? part : alternative;
    for (const child of part.children) walk(child, inner);
  };
  walk(root, undefined);

  const problems: MailProblem[] = [];
  const texts = await convertAll(text, using, problems);
  const htmls = await convertAll(html, using, problems);
  return {
    text: joined(texts, '\n'),
    html: htmls.length ? joined(htmls, '<br/>\n') : undefined,
    problems,
  };
}

/** Array.join would copy, all at once. */
function joined(texts: string[], separator: string): string {
  return texts.length ? texts.reduce((all, text) => all + separator + text) : '';
}

function isHtml(part: Part): boolean {
  return part.contentType === 'text/html';
}

function holdsPlainText(part: Part, contents: ReadonlyMap<Part, CollectedText>): boolean {
  return (
    (!isHtml(part) && Boolean(contents.get(part)?.whole)) ||
    part.children.some((child) => holdsPlainText(child, contents))
  );
}

async function convertAll(pieces: Piece[], using: Converter, problems: MailProblem[]): Promise<string[]> {
  const done: string[] = [];
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      done.push(piece);
      continue;
    }
    const { conversion, input } = piece;
    try {
      const { output, shortened } = await using.convert(conversion, input.head);
      done.push(output);
      if (shortened) problems.push(shortenedProblem(conversion));
    } catch (error) {
      done.push('');
      const reason = error instanceof Error ? error.message : String(error);
      problems.push({ code: 'TEXT_NOT_CONVERTED', text: `No text could be made from the HTML: ${reason}` });
    }
  }
  return done;
}

function shortenedProblem(conversion: Conversion): MailProblem {
  return conversion === 'html-to-text'
    ? { code: 'TEXT_SHORTENED', text: 'The text was made from the first 512 kB of the HTML' }
    : {
        code: 'HTML_SHORTENED',
        text: 'The HTML shows the first 512 kB of a text; the payload has all of it',
      };
}

interface Meta {
  key: string;
  text: string;
  html: string;
}

/** The headers a forwarded mail shows above its text. */
function metaOf(part: Part): Meta[] {
  const meta: Meta[] = [];
  for (const key of ['From', 'Subject', 'Date', 'To', 'Cc', 'Bcc']) {
    const found = part.headers.get(key.toLowerCase());
    const value = Array.isArray(found) ? (found.at(-1) as HeaderValue) : found;
    if (!value) continue;
    if (value instanceof Date) meta.push({ key, text: value.toUTCString(), html: value.toUTCString() });
    else if (typeof value === 'string')
      meta.push({ key, text: value, html: `<strong>${encode(value)}</strong>` });
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

function encode(text: string): string {
  return text.replace(
    /["&'<>`]|[^\x20-\x7e\n\r\t]/gu,
    (char) => `&#x${(char.codePointAt(0) as number).toString(16).toUpperCase()};`,
  );
}

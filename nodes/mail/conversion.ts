// HTML ↔ text as mailparser does it. Slow for long input: convert.ts decides where it runs.
import { createRequire } from 'node:module';

export type Conversion = 'html-to-text' | 'text-to-html';

/** mailparser's own: deeper, the conversion takes seconds and overflows the stack. */
const MAX_DEPTH = 1000;

/** Elements without an end tag of their own: mailparser does not count them either, since a long list is not deep. */
const ENDED_BY_THE_NEXT = new Set('p li dt dd option optgroup tr td th thead tbody tfoot rt rp'.split(' '));

/**
 * Converts one text. Blocks the thread it runs in for roughly a second per 2 MB of HTML.
 *
 * @throws Error when the HTML cannot be converted, such as elements nested a thousand deep.
 */
export async function runConversion(conversion: Conversion, input: string): Promise<string> {
  if (conversion === 'text-to-html') return new (mailparser().MailParser)().textToHtml(input);
  const { htmlToText, Parser } = brought();
  if (!htmlToText || !Parser) return convertedByMailparser(input);
  assertDepth(input, Parser);
  return htmlToText(input, { limits: { maxDepth: MAX_DEPTH } });
}

interface Handlers {
  onopentagname(name: string): void;
  onclosetag(name: string): void;
}

interface Brought {
  htmlToText?: (html: string, options: { limits: { maxDepth: number } }) => string;
  Parser?: new (handlers: Handlers) => { end(html: string): void };
}

let found: Brought | undefined;

/**
 * What mailparser converts with, by itself a third of what a thread takes that loads all of mailparser. Nothing where
 * a later mailparser brings something else.
 */
function brought(): Brought {
  if (found) return found;
  found = {};
  try {
    const byMailparser = createRequire(require.resolve('mailparser'));
    const byIt = createRequire(byMailparser.resolve('html-to-text'));
    found = {
      htmlToText: byMailparser('html-to-text').htmlToText,
      Parser: byIt('htmlparser2').Parser,
    };
  } catch {}
  return found;
}

function mailparser(): typeof import('mailparser') {
  return require('mailparser');
}

function assertDepth(html: string, Parser: NonNullable<Brought['Parser']>): void {
  let depth = 0;
  const parser = new Parser({
    onopentagname(name) {
      if (!ENDED_BY_THE_NEXT.has(name) && ++depth > MAX_DEPTH)
        throw new Error(`HTML nested deeper than ${MAX_DEPTH} levels`);
    },
    onclosetag(name) {
      if (!ENDED_BY_THE_NEXT.has(name)) depth--;
    },
  });
  parser.end(html);
}

/** mailparser converts only what is a mail, so the HTML becomes the smallest mail there is. */
export function convertedByMailparser(html: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const parser = new (mailparser().MailParser)({ skipTextToHtml: true });
    parser.on('error', reject);
    parser.on('data', (data) => {
      if (data.type !== 'text') return;
      if (data.textConversionError) reject(data.textConversionError);
      else resolve(data.text ?? '');
    });
    parser.on('end', () => resolve(''));
    parser.end(`Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${html}`);
  });
}

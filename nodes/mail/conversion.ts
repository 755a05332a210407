// HTML ↔ text as mailparser does it. Slow for long input: convert.ts decides where it runs.
import { MailParser } from 'mailparser';

export type Conversion = 'html-to-text' | 'text-to-html';

/**
 * Converts one text. Blocks the thread it runs in for roughly a second per 2 MB of HTML.
 *
 * @throws Error when the HTML cannot be converted, such as elements nested a thousand deep.
 */
export function runConversion(conversion: Conversion, input: string): Promise<string> {
  return conversion === 'html-to-text'
    ? htmlToText(input)
    : Promise.resolve(new MailParser().textToHtml(input));
}

/** mailparser converts only what is a mail, so the HTML becomes the smallest mail there is. */
function htmlToText(html: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const parser = new MailParser({ skipTextToHtml: true });
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

// The bytes of headers → text: encoded words (RFC 2047), UTF-8 (RFC 6532), and what old devices write instead.
import { decodeAll } from './charset';

/** What is encoded; mailers leave a question mark of the text in it as it is. */
const CONTENT = '[^?]*(?:(?<!=)\\?(?!=)[^?]{0,200}){0,5}';
const WORD = new RegExp(`=\\?([^\\s?*]+)(?:\\*[^?]*)?\\?([bq])\\?(${CONTENT})\\?=`, 'gi');
/** One that begins there. */
export const encodedWordAt = (): RegExp => new RegExp(`=\\?[^\\s?]+\\?[bq]\\?${CONTENT}\\?=`, 'iy');
/** Bytes beyond ASCII, and the escape of ISO-2022-JP. */
const isOther = (text: string): boolean => /[\x80-\xff]/.test(text) || text.includes('\x1b');

/**
 * Decodes a text, one byte per character, in which encoded words may stand anywhere.
 *
 * @param charset what bytes are in that are no UTF-8 and name no charset, as far as the mail says
 */
export function decodeText(text: string, charset?: string): string {
  if (!text.includes('=?')) return raw(text, charset);
  let out = '';
  let at = 0;
  let open: { charset: string; bytes: Buffer[] } | undefined;
  const flush = (): void => {
    if (open) out += decodeAll(Buffer.concat(open.bytes), open.charset, charset);
    open = undefined;
  };
  for (const match of text.matchAll(WORD)) {
    const [whole, label, encoding, content] = match as unknown as [string, string, string, string];
    const between = text.slice(at, match.index);
    // White space between two encoded words is no part of the text (RFC 2047 section 6.2).
    const isAdjacent = open !== undefined && /^\s*$/.test(between);
    if (!isAdjacent) {
      flush();
      out += raw(between, charset);
    } else if (open?.charset.toLowerCase() !== label.toLowerCase()) flush();
    // A character may be torn apart by two words of one charset.
    open ??= { charset: label, bytes: [] };
    open.bytes.push(...(/b/i.test(encoding) ? fromB(content) : [fromQ(content)]));
    at = match.index + whole.length;
  }
  flush();
  out += raw(text.slice(at), charset);
  // A line end that was encoded would begin a field where a flow writes the text into a mail.
  return /[\r\n]/.test(out) ? out.replace(/[\r\n]+[ \t]*/g, ' ') : out;
}

/** Some mailers encode a word piece by piece. */
const fromB = (content: string): Buffer[] => content.split(/=+/).map((piece) => Buffer.from(piece, 'base64'));

function fromQ(content: string): Buffer {
  const octets = content
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return Buffer.from(octets, 'latin1');
}

function raw(text: string, charset: string | undefined): string {
  return isOther(text) ? decodeAll(Buffer.from(text, 'latin1'), undefined, charset) : text;
}

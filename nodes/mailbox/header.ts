/** How much of a mail's header is looked at, bytes. */
const HEADER_CAP = 256 * 1024;
const EMPTY_LINE = /\r?\n\r?\n/;

/** Takes the header (RFC 5322 section 2.2), without the empty line after it, from the chunks of a mail. */
export class HeaderReader {
  text = '';
  #complete = false;

  push(chunk: Buffer): void {
    if (this.#complete) return;
    // The empty line may be split over two chunks.
    const from = Math.max(0, this.text.length - 3);
    this.text += chunk.toString('latin1', 0, HEADER_CAP);
    const found = from + this.text.slice(from).search(EMPTY_LINE);
    const end = found < from ? -1 : found;
    // A mail that begins with its body has no header.
    if (/^\r?\n/.test(this.text)) this.text = '';
    else if (end === -1 && this.text.length <= HEADER_CAP) return;
    else this.text = this.text.slice(0, end === -1 ? HEADER_CAP : Math.min(end, HEADER_CAP));
    this.#complete = true;
  }
}

/**
 * The header of a mail. The body is read to its end, so that a mail cut short is noticed.
 *
 * @throws what the body throws
 */
export async function readHeader(body: AsyncIterable<Buffer>): Promise<string> {
  const header = new HeaderReader();
  for await (const chunk of body) header.push(chunk);
  return header.text;
}

/** Its fields, unfolded (RFC 5322 section 2.2.3). */
export function fieldsOf(header: string): string[] {
  return header
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)
    .filter((field) => field !== '');
}

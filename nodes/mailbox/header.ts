/** How much of a mail's header is looked at, octets. */
const HEADER_CAP = 256 * 1024;

/**
 * The header of a mail (RFC 5322 section 2.2), without the empty line after it. The body is read to its end, so that
 * a mail cut short is noticed.
 *
 * @throws what the body throws
 */
export async function readHeader(body: AsyncIterable<Buffer>): Promise<string> {
  let header = '';
  let whole = false;
  for await (const chunk of body) {
    if (whole) continue;
    header += chunk.toString('latin1');
    const end = header.search(/\r?\n\r?\n/);
    whole = end !== -1 || header.length > HEADER_CAP;
    header = header.slice(0, end === -1 ? HEADER_CAP : Math.min(end, HEADER_CAP));
  }
  return header;
}

/** Its fields, unfolded (RFC 5322 section 2.2.3). */
export function fieldsOf(header: string): string[] {
  return header
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)
    .filter((field) => field !== '');
}

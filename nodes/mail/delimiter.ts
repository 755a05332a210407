// Where the delimiters of a multipart may begin, and the content before them ends (RFC 2046 section 5.1.1).

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;

export const isBlank = (octet: number): boolean =>
  octet === 0x20 || octet === 0x09 || octet === CR || octet === LF;

/** Where, from the beginning of a line on, the next line begins with two dashes; -1 where none does. */
export function lineOfDashes(chunk: Buffer, from: number, isMidLine: boolean): number {
  if (!isMidLine && chunk[from] === DASH && chunk[from + 1] === DASH) return from;
  const found = chunk.indexOf('\n--', from, 'latin1');
  return found < 0 ? -1 : found + 1;
}

/** Where the content before a delimiter ends: the line end in front belongs to the delimiter. */
export function beforeLineEnd(chunk: Buffer, from: number, line: number): number {
  let to = line;
  if (to > from && chunk[to - 1] === LF) to--;
  if (to > from && to < line && chunk[to - 1] === CR) to--;
  return to;
}

/** From where on the end of a chunk is kept, since a delimiter may begin there: a line end, dashes behind it. */
export function keepFrom(chunk: Buffer, from: number): number {
  let at = chunk.length;
  if (at > from && chunk[at - 1] === DASH && (at - 1 === from || chunk[at - 2] === LF)) at--;
  return beforeLineEnd(chunk, from, chunk[at - 1] === CR && at === chunk.length ? at - 1 : at);
}

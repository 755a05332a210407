// The lines of a file within a text: what it begins with, and the bytes that each holds.

const LF = 0x0a;
const CR = 0x0d;
const EQUALS = 0x3d;
const BACKTICK = 0x60;
const EMPTY = Buffer.alloc(0);

/** Longest first line of a file that is waited for. */
export const MAX_LINE = 1024;

export type Mode = 'text' | 'uu' | 'base64' | 'yenc';

export const lineText = (chunk: Buffer, from: number, to: number): string =>
  chunk.toString('latin1', from, endOfLine(chunk, from, Math.min(to, from + 2 * MAX_LINE)));

/** Where a line ends, its line end not counted. */
export function endOfLine(chunk: Buffer, from: number, to: number): number {
  let end = to;
  while (end > from && (chunk[end - 1] === LF || chunk[end - 1] === CR)) end--;
  return end;
}

export interface Beginning {
  mode: Mode;
  name: string;
  /** Of a file in several parts. */
  part?: number;
}

export function beginning(line: string, next: Buffer): Beginning | undefined {
  const uu = /^begin [0-7]{3,4} "?(.+?)"?[ \t]*$/.exec(line);
  if (uu && isUuencoded(next)) return { mode: 'uu', name: Buffer.from(uu[1] as string, 'latin1').toString() };
  const base64 = /^begin-base64 [0-7]{3,4} (.+?)[ \t]*$/.exec(line);
  if (base64 && isBase64(next))
    return { mode: 'base64', name: Buffer.from(base64[1] as string, 'latin1').toString() };
  const yenc = /^=ybegin (?:.* )?line=\d+ .*name=(.*)$/.exec(line);
  if (!yenc) return undefined;
  const part = /^=ybegin (?:.* )?part=(\d{1,6}) /.exec(line)?.[1];
  return {
    mode: 'yenc',
    name: Buffer.from(yenc[1] as string, 'latin1')
      .toString()
      .trim(),
    ...(part !== undefined && { part: Number(part) }),
  };
}

/** Whether a line may be the first one of a file. */
function isUuencoded(line: Buffer): boolean {
  const text = lineText(line, 0, line.length);
  return text === '`' || text === ' ' || text === 'end' || uuLine(line, 0, text.length) !== undefined;
}

const isBase64 = (line: Buffer): boolean => {
  const text = lineText(line, 0, line.length);
  return text === '====' || base64Line(line, 0, text.length) !== undefined;
};

/** The bytes of a line in the letters of base64; undefined where it has others. */
export function base64Line(chunk: Buffer, from: number, to: number): Buffer | undefined {
  const text = chunk.toString('latin1', from, to);
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}

/** The bytes of a line; undefined where its length is not what it says. */
export function uuLine(chunk: Buffer, from: number, to: number): Buffer | undefined {
  const count = ((chunk[from] ?? 0) - 32) & 63;
  const letters = Math.ceil(count / 3) * 4;
  if (count === 0 || count > 45 || to - from > letters + 3) return undefined;
  const end = Math.min(to, from + 1 + letters);
  for (let at = from + 1; at < end; at++) {
    const octet = chunk[at] as number;
    if (octet < 0x20 || octet > BACKTICK) return undefined;
  }
  // Blanks at the end get lost on the way.
  const lost = from + 1 + letters - end;
  if (lost > 3 && lost > count && chunk[end - 1] !== 0x20) return undefined;
  const value = (at: number): number => (at < end ? ((chunk[at] as number) - 32) & 63 : 0);
  const out = Buffer.allocUnsafe((letters / 4) * 3);
  let written = 0;
  for (let at = from + 1; written < out.length; at += 4) {
    const bits = (value(at) << 18) | (value(at + 1) << 12) | (value(at + 2) << 6) | value(at + 3);
    out[written++] = bits >> 16;
    out[written++] = bits >> 8;
    out[written++] = bits;
  }
  return out.subarray(0, count);
}

export function yLine(chunk: Buffer, from: number, to: number): Buffer {
  if (to - from < 3 && (chunk[from] === LF || chunk[from] === CR)) return EMPTY;
  const out = Buffer.allocUnsafe(to - from);
  let written = 0;
  for (let at = from; at < to; at++) {
    let octet = chunk[at] as number;
    if (octet === CR || octet === LF) continue;
    if (octet === EQUALS) octet = ((chunk[++at] ?? 0) as number) - 64;
    out[written++] = octet - 42;
  }
  return out.subarray(0, written);
}

import { MAX_FLOWED_LINE, MAX_QUOTES } from './limits';

/** A signature begins behind this line, and no line flows into it (RFC 3676 section 4.3). */
const SIGNATURE = '-- ';

/** Joins the soft line ends of format=flowed (RFC 3676), a piece of the text at a time. */
export class Unflow {
  readonly #delSp: boolean;
  /** The last line, as far as it has come. */
  #rest = '';
  /** The line that continues, and how often it is quoted. */
  #depth = 0;
  #isOpen = false;
  #isFirst = true;
  /** The beginning of the line is written, since no line that flows is so long. */
  #isLong = false;

  /** @param delSp the blank that marks a soft line end is deleted (DelSp=yes) */
  constructor(delSp: boolean) {
    this.#delSp = delSp;
  }

  write(text: string): string {
    const pieces = text.split('\n');
    const last = pieces.length - 1;
    return pieces.map((piece, at) => this.#write(piece, at < last)).join('');
  }

  /** The line end a text closes with is none of a paragraph, and left out. */
  end(): string {
    const last = this.#rest;
    this.#rest = '';
    this.#isLong = false;
    return last === '' ? '' : this.#join(last, true);
  }

  #write(piece: string, ends: boolean): string {
    if (this.#isLong) {
      this.#isLong = !ends;
      return piece;
    }
    this.#rest += piece;
    if (!ends && this.#rest.length < MAX_FLOWED_LINE) return '';
    const line = this.#rest;
    this.#rest = '';
    this.#isLong = !ends;
    return this.#join(line, ends);
  }

  #join(line: string, ends: boolean): string {
    let depth = 0;
    while (depth < MAX_QUOTES && line.charCodeAt(depth) === 0x3e) depth++;
    const isStuffed = line.startsWith(' ', depth);
    const content = line.slice(isStuffed ? depth + 1 : depth);
    const isSignature = content === SIGNATURE || (depth === 0 && line === SIGNATURE);
    const goesOn = this.#isOpen && depth === this.#depth && !isSignature;
    const isOpen = ends && content.endsWith(' ') && !isSignature;
    const text = isOpen && this.#delSp ? content.slice(0, -1) : content;
    const quote = depth && !goesOn ? `${'>'.repeat(depth)}${isStuffed && content !== '' ? ' ' : ''}` : '';
    const before = goesOn || this.#isFirst ? '' : '\n';
    this.#isFirst = false;
    this.#isOpen = isOpen;
    this.#depth = depth;
    return before + quote + text;
  }
}

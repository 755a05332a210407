import { MAX_QUOTES } from './limits';

/** A signature begins behind this line, and no line flows into it (RFC 3676 section 4.3). */
const SIGNATURE = '-- ';

/** Joins the soft line ends of format=flowed (RFC 3676), a piece of the text at a time. */
export class Unflow {
  readonly #delSp: boolean;
  /** The last line, as far as it has come. */
  #rest = '';
  /** The line that goes on, and how often it is quoted. */
  #depth = 0;
  #isOpen = false;
  #isFirst = true;

  /** @param delSp the blank that marks a soft line end is deleted (DelSp=yes) */
  constructor(delSp: boolean) {
    this.#delSp = delSp;
  }

  write(text: string): string {
    const lines = text.split('\n');
    lines[0] = this.#rest + (lines[0] as string);
    this.#rest = lines.pop() as string;
    return lines.map((line) => this.#join(line)).join('');
  }

  /** The line end a text closes with is none of a paragraph, and left out. */
  end(): string {
    const last = this.#rest;
    this.#rest = '';
    return last === '' ? '' : this.#join(last);
  }

  #join(line: string): string {
    let depth = 0;
    while (depth < MAX_QUOTES && line.charCodeAt(depth) === 0x3e) depth++;
    const content = line.startsWith(' ', depth) ? line.slice(depth + 1) : line.slice(depth);
    const isSignature = content === SIGNATURE || (depth === 0 && line === SIGNATURE);
    const goesOn = this.#isOpen && depth === this.#depth && !isSignature;
    const isOpen = content.endsWith(' ') && !isSignature;
    const text = isOpen && this.#delSp ? content.slice(0, -1) : content;
    const quote = depth && !goesOn ? `${'>'.repeat(depth)}${content === '' ? '' : ' '}` : '';
    const before = goesOn || this.#isFirst ? '' : '\n';
    this.#isFirst = false;
    this.#isOpen = isOpen;
    this.#depth = depth;
    return before + quote + text;
  }
}

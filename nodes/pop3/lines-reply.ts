import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Pop3Error } from './error';
import type { Limits } from './options';
import type { Response } from './response';
import type { Secrets } from './secrets';

const LF = 10;
/** Lines that are read in one turn of the event loop: some milliseconds. */
const LINES_A_TURN = 4096;

/** How a reply of many lines is read. */
export interface Reading<T> {
  limits: Limits;
  /** What a line says; `undefined`: nothing. Bytes above 127 are the characters of the same number. */
  read(line: string): T | undefined;
  /** What a server may repeat in a line, where more of one is read than numbers. */
  secrets?: Secrets;
}

/** A whole reply of many lines. It is kept as bytes, which become lines only when what they say is asked for. */
export class LinesReply<T> {
  readonly #command: string;
  readonly #reading: Reading<T>;
  readonly #blocks: Buffer[];
  #bytes: Buffer | undefined;
  #digest: string | undefined;

  /** @param blocks the bytes of the lines, byte-stuffing undone; they may be cut anywhere */
  constructor(
    command: string,
    readonly response: Response,
    blocks: Buffer[],
    reading: Reading<T>,
  ) {
    this.#command = command;
    this.#blocks = blocks;
    this.#reading = reading;
  }

  /** The bytes of all lines. */
  get bytes(): Buffer {
    if (this.#bytes === undefined) {
      // Of its own, since it may be kept for hours: a piece of a pool would keep all of that.
      this.#bytes = Buffer.allocUnsafeSlow(this.#blocks.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const block of this.#blocks) at += block.copy(this.#bytes, at);
    }
    return this.#bytes;
  }

  /** Two replies of the same digest have the same bytes. */
  get digest(): string {
    if (this.#digest === undefined) {
      const hash = createHash('sha256');
      for (const block of this.#blocks) hash.update(block);
      this.#digest = hash.digest('base64');
    }
    return this.#digest;
  }

  /** What the lines say; to be asked once. @throws Pop3Error LIMIT */
  items(): T[] {
    return [...this.#take()].filter((item) => item !== undefined);
  }

  /** The same, while other work of the event loop goes on. @throws Pop3Error LIMIT */
  async itemsInTurns(): Promise<T[]> {
    const items: T[] = [];
    let lines = 0;
    for (const item of this.#take()) {
      if (item !== undefined) items.push(item);
      lines += 1;
      if (lines % LINES_A_TURN === 0) await nextTurn();
    }
    return items;
  }

  /** What the line at this place says, 0 being the first byte of the reply and 1 its end. */
  itemAt(place: number): T | undefined {
    const { bytes } = this;
    const at = Math.min(Math.floor(place * bytes.length), bytes.length - 1);
    if (at < 0) return undefined;
    const from = at === 0 ? 0 : bytes.lastIndexOf(LF, at - 1) + 1;
    const lf = bytes.indexOf(LF, at);
    return lf === -1 ? undefined : this.itemOf(bytes.toString('latin1', from, lf));
  }

  /** What a line says that was found among the bytes. */
  itemOf(line: string): T | undefined {
    return this.#read(line, true);
  }

  /** One item a line. */
  *#take(): Generator<T | undefined, void, undefined> {
    let lines = 0;
    let rest: Buffer = Buffer.alloc(0);
    for (const block of this.#blocks) {
      const bytes = rest.length === 0 ? block : Buffer.concat([rest, block]);
      const repeatsSecret = this.#reading.secrets?.within(bytes) === true;
      let from = 0;
      for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, from)) {
        lines += 1;
        if (lines > this.#reading.limits.listLines) throw tooLong(this.#command, 'list-too-long');
        yield this.#read(bytes.toString('latin1', from, lf), repeatsSecret);
        from = lf + 1;
      }
      rest = bytes.subarray(from);
    }
  }

  #read(line: string, repeatsSecret: boolean): T | undefined {
    const { limits, read, secrets } = this.#reading;
    if (line.length > limits.listLine) throw tooLong(this.#command, 'line-too-long');
    // What is shown of a line depends on that line alone: it is what a mail is known by.
    const shown = repeatsSecret && secrets?.within(Buffer.from(line, 'latin1')) ? secrets.mask(line) : line;
    return read(shown.endsWith('\r') ? shown.slice(0, -1) : shown);
  }
}

export function tooLong(command: string, reason: 'line-too-long' | 'list-too-long'): Pop3Error {
  return new Pop3Error('LIMIT', `The answer to ${command} is too long`, { reason, command });
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Pop3Error } from './error';
import type { Limits } from './options';
import type { Response } from './response';
import type { Secrets } from './secrets';

const LF = 10;
const CR = 13;
/** Lines that are read in one turn of the event loop: some milliseconds. */
const LINES_A_TURN = 8192;

/** How a reply of many lines is read. */
export interface Reading<T> {
  limits: Limits;
  /** What a line says; `undefined`: nothing. Bytes above 127 are the characters of the same number. */
  read(line: string): T | undefined;
  /** A server may repeat a secret in a line. */
  secrets: Secrets;
}

/** A whole reply of many lines. It is kept as bytes, which become lines only when what they say is asked for. */
export class LinesReply<T> {
  readonly #command: string;
  readonly #reading: Reading<T>;
  #bytes: Buffer;

  /** @param bytes of the lines, byte-stuffing undone */
  constructor(
    command: string,
    readonly response: Response,
    bytes: Buffer,
    reading: Reading<T>,
  ) {
    this.#command = command;
    this.#bytes = bytes;
    this.#reading = reading;
  }

  /** What the lines say; to be asked once. @throws Pop3Error LIMIT */
  items(): T[] {
    const items: T[] = [];
    for (const item of this.#take()) if (item !== undefined) items.push(item);
    return items;
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

  *#take(): Generator<T | undefined, void, undefined> {
    const { limits, secrets } = this.#reading;
    const bytes = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    const repeatsSecret = secrets.within(bytes);
    let from = 0;
    let lines = 0;
    for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, from)) {
      lines += 1;
      if (lf - from > limits.listLine) throw tooLong(this.#command, 'line-too-long');
      if (lines > limits.listLines) throw tooLong(this.#command, 'list-too-long');
      yield this.#read(bytes, from, lf, repeatsSecret);
      from = lf + 1;
    }
  }

  /** What is shown of a line depends on that line alone: it is what a mail is known by. */
  #read(bytes: Buffer, from: number, lf: number, mayRepeatSecret: boolean): T | undefined {
    const { read, secrets } = this.#reading;
    const line = bytes.toString('latin1', from, bytes[lf - 1] === CR && lf > from ? lf - 1 : lf);
    const repeatsSecret = mayRepeatSecret && secrets.within(bytes.subarray(from, lf));
    return read(repeatsSecret ? secrets.mask(line) : line);
  }
}

export function tooLong(command: string, reason: 'line-too-long' | 'list-too-long'): Pop3Error {
  return new Pop3Error('LIMIT', `The answer to ${command} is too long`, { reason, command });
}

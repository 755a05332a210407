import type { Pop3Error } from '../error';
import type { Exchange } from '../exchange';
import { LinesReply, type Reading, tooLong } from '../lines-reply';
import type { Response } from '../response';

const LF = 10;
/** Bytes that are kept together: growing one piece by copying would hold up the event loop. */
const BLOCK = 64 * 1024;

export interface LinesOptions<T> extends Reading<T> {
  /** Bytes of the whole reply, at most. */
  most: number;
  /** Ends the session: reading past a reply costs more than `limits.drain`. */
  tooMuch(error: Pop3Error): void;
}

/** A command answered by lines of text: CAPA, UIDL, LIST. A reply over its caps is read past and fails alone. */
export class Lines<T> implements Exchange {
  readonly kind = 'command';
  /** UIDL and LIST of a large mailbox take minutes; CAPA is answered at once. */
  readonly slow: boolean;
  readonly promise: Promise<LinesReply<T>>;
  readonly #options: LinesOptions<T>;
  #resolve!: (reply: LinesReply<T>) => void;
  #reject!: (error: Pop3Error) => void;
  #response!: Response;
  /** What has come; the last one has room for more. */
  #blocks: Buffer[] = [];
  /** Bytes in the last block. */
  #filled = 0;
  #octets = 0;
  /** Of the last line, whose end has not come. */
  #restLength = 0;
  #error: Pop3Error | undefined;

  constructor(
    readonly line: string,
    options: LinesOptions<T>,
  ) {
    this.#options = options;
    this.slow = line !== 'CAPA';
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.promise.catch(() => {});
  }

  status(response: Response): boolean {
    this.#response = response;
    return response.status === 'ok';
  }

  data(bytes: Buffer): void {
    const { limits, most } = this.#options;
    this.#octets += bytes.length;
    if (this.#octets > most) this.#over('list-too-long');
    const lf = bytes.lastIndexOf(LF);
    this.#restLength = lf === -1 ? this.#restLength + bytes.length : bytes.length - lf - 1;
    if (this.#restLength > limits.listLine) this.#over('line-too-long');
    if (!this.#error) this.#keep(bytes);
    else if (this.#octets > most + limits.drain) this.#options.tooMuch(this.#error);
  }

  end(): void {
    if (this.#error) this.#reject(this.#error);
    else {
      const blocks = this.#blocks;
      if (blocks.length > 0) blocks.push((blocks.pop() as Buffer).subarray(0, this.#filled));
      this.#resolve(new LinesReply(this.line, this.#response, blocks, this.#options));
    }
    this.#blocks = [];
  }

  fail(error: Pop3Error): void {
    this.#blocks = [];
    this.#reject(error);
  }

  /** The bytes are the socket's, which writes over them. */
  #keep(bytes: Buffer): void {
    let from = 0;
    while (from < bytes.length) {
      let block = this.#blocks.at(-1);
      if (block === undefined || this.#filled === block.length) {
        // The first one is small: so are most mailboxes, and every CAPA.
        block = Buffer.allocUnsafeSlow(block === undefined ? 4096 : BLOCK);
        this.#blocks.push(block);
        this.#filled = 0;
      }
      const copied = bytes.copy(block, this.#filled, from);
      this.#filled += copied;
      from += copied;
    }
  }

  #over(reason: 'line-too-long' | 'list-too-long'): void {
    this.#error ??= tooLong(this.line, reason);
    this.#blocks = [];
  }
}

import type { Pop3Error } from '../error';
import type { Exchange } from '../exchange';
import { LinesReply, type Reading, tooLong } from '../lines-reply';
import type { Response } from '../response';

const LF = 10;
const NOTHING = Buffer.alloc(0);

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
  /** What has come, and room for more. */
  #bytes: Buffer = NOTHING;
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
    const before = this.#octets;
    this.#octets += bytes.length;
    if (this.#octets > most) this.#over('list-too-long');
    const lf = bytes.lastIndexOf(LF);
    this.#restLength = lf === -1 ? this.#restLength + bytes.length : bytes.length - lf - 1;
    if (this.#restLength > limits.listLine) this.#over('line-too-long');
    if (!this.#error) this.#keep(bytes, before);
    else if (this.#octets > most + limits.drain) this.#options.tooMuch(this.#error);
  }

  end(): void {
    const bytes = this.#bytes.subarray(0, this.#octets);
    this.#bytes = NOTHING;
    if (this.#error) this.#reject(this.#error);
    else this.#resolve(new LinesReply(this.line, this.#response, bytes, this.#options));
  }

  fail(error: Pop3Error): void {
    this.#reject(error);
  }

  #keep(bytes: Buffer, at: number): void {
    if (at + bytes.length > this.#bytes.length) {
      const roomier = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, at + bytes.length));
      this.#bytes.copy(roomier, 0, 0, at);
      this.#bytes = roomier;
    }
    bytes.copy(this.#bytes, at);
  }

  #over(reason: 'line-too-long' | 'list-too-long'): void {
    this.#error ??= tooLong(this.line, reason);
    this.#bytes = NOTHING;
  }
}

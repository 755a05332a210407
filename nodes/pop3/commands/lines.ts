import { Pop3Error } from '../error';
import type { Exchange } from '../exchange';
import type { Limits } from '../options';
import type { Response } from '../response';
import type { Secrets } from '../secrets';

const LF = 10;

/** How a reply of many lines is read: line by line, so that no more is kept than what it says. */
export interface LinesOptions<T> {
  limits: Limits;
  /** Bytes of the whole reply, at most. */
  most: number;
  /** What a line says; `undefined`: nothing. Bytes above 127 are the characters of the same number. */
  read(line: string): T | undefined;
  /** What a server may repeat in a line, where more of one is read than numbers. */
  secrets?: Secrets;
  /** Ends the session: reading past a reply costs more than `limits.drain`. */
  tooMuch(error: Pop3Error): void;
}

/** A command answered by lines of text: CAPA, UIDL, LIST. A reply over its caps is read past and fails alone. */
export class Lines<T> implements Exchange {
  readonly kind = 'command';
  /** UIDL and LIST of a large mailbox take minutes; CAPA is answered at once. */
  readonly slow: boolean;
  readonly promise: Promise<{ response: Response; items: T[] }>;
  readonly #options: LinesOptions<T>;
  #resolve!: (result: { response: Response; items: T[] }) => void;
  #reject!: (error: Pop3Error) => void;
  #response!: Response;
  #items: T[] = [];
  #lines = 0;
  #octets = 0;
  /** The beginning of a line whose end has not come. */
  #rest: Buffer[] = [];
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
    const { limits, most, secrets } = this.#options;
    this.#octets += bytes.length;
    if (this.#octets > most) this.#over('list-too-long');
    if (this.#error) {
      if (this.#octets > most + limits.drain) this.#options.tooMuch(this.#error);
      return;
    }
    const repeatsSecret = secrets?.within(bytes) === true;
    let from = 0;
    for (let lf = bytes.indexOf(LF); lf >= 0 && !this.#error; lf = bytes.indexOf(LF, from)) {
      if (this.#restLength === 0) {
        const line = bytes.toString('latin1', from, lf);
        this.#take(repeatsSecret ? secrets.mask(line) : line);
      } else {
        const whole = Buffer.concat([...this.#rest, bytes.subarray(from, lf)]);
        this.#rest = [];
        this.#restLength = 0;
        const line = whole.toString('latin1');
        this.#take(secrets?.within(whole) ? secrets.mask(line) : line);
      }
      from = lf + 1;
    }
    if (from >= bytes.length || this.#error) return;
    this.#restLength += bytes.length - from;
    if (this.#restLength > limits.listLine) this.#over('line-too-long');
    else this.#rest.push(Buffer.from(bytes.subarray(from)));
  }

  end(): void {
    if (this.#error) this.#reject(this.#error);
    else this.#resolve({ response: this.#response, items: this.#items });
  }

  fail(error: Pop3Error): void {
    this.#reject(error);
  }

  #take(line: string): void {
    const { limits, read } = this.#options;
    this.#lines += 1;
    if (line.length > limits.listLine) this.#over('line-too-long');
    else if (this.#lines > limits.listLines) this.#over('list-too-long');
    else {
      const item = read(line.endsWith('\r') ? line.slice(0, -1) : line);
      if (item !== undefined) this.#items.push(item);
    }
  }

  #over(reason: 'line-too-long' | 'list-too-long'): void {
    this.#error ??= new Pop3Error('LIMIT', `The answer to ${this.line} is too long`, {
      reason,
      command: this.line,
    });
    this.#items = [];
    this.#rest = [];
  }
}

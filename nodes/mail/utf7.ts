import { BASE64 } from './base64';

const PLUS = 0x2b;
const MINUS = 0x2d;

/** Whether a charset parameter names UTF-7 (RFC 2152), by its name or one of those it had before. */
export const isUtf7 = (charset: string): boolean => /^(x-)?(unicode-\d-\d-)?utf-?7$/i.test(charset);

/**
 * UTF-7 (RFC 2152) → text, chunk by chunk, wherever the chunks are cut. mailparser refuses this one and leaves the
 * letters as they are. A `+` that begins nothing stays a `+`: senders forget to write `+-`.
 */
export class Utf7Decoder {
  /** Within `+…`: bits that are not yet a UTF-16 code unit. */
  #shifted = false;
  #bits = 0;
  #bitCount = 0;
  /** Nothing has come since the `+`. */
  #justShifted = false;
  /** The first half of a character that takes two code units. */
  #half = '';

  write(bytes: Buffer): string {
    let text = this.#half;
    this.#half = '';
    for (let at = 0; at < bytes.length; ) {
      if (!this.#shifted) {
        const plus = bytes.indexOf(PLUS, at);
        text += bytes.toString('latin1', at, plus === -1 ? bytes.length : plus);
        at = plus === -1 ? bytes.length : plus + 1;
        this.#shifted = this.#justShifted = plus !== -1;
        this.#bits = this.#bitCount = 0;
        continue;
      }
      const octet = bytes[at] as number;
      const value = BASE64[octet] as number;
      if (value === 255) {
        // The minus belongs to the shift; whatever else ends it is text.
        if (this.#justShifted) text += '+';
        if (octet === MINUS) at += 1;
        this.#shifted = false;
        continue;
      }
      this.#justShifted = false;
      this.#bits = (this.#bits << 6) | value;
      this.#bitCount += 6;
      if (this.#bitCount >= 16) {
        this.#bitCount -= 16;
        text += String.fromCharCode((this.#bits >>> this.#bitCount) & 0xffff);
        this.#bits &= (1 << this.#bitCount) - 1;
      }
      at += 1;
    }
    if (/[\ud800-\udbff]$/.test(text)) {
      this.#half = text.slice(-1);
      return text.slice(0, -1);
    }
    return text;
  }

  end(): string {
    const rest = this.#half + (this.#shifted && this.#justShifted ? '+' : '');
    this.#half = '';
    return rest;
  }
}

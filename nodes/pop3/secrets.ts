import { PART, SecretParts } from './secret-parts';

/** Characters of a text that are searched; no more of it is shown. */
const MOST = 2048;
/** Levels of a decoded challenge that are searched; deeper ones are not shown. */
const DEEPEST = 8;
const MASK = '***';

/** What must never be shown in an error or a trace, not even when a server repeats it: raw, in base64, or in part. */
export class Secrets {
  readonly #forms = new Set<string>();
  #bytes: Buffer[] | undefined;
  #parts: SecretParts | undefined;

  /** No bytes of it, of its base64 at any offset, nor a part of eight characters of either, will be shown. */
  add(secret: string): void {
    if (secret.length <= 1) return;
    this.#bytes = undefined;
    this.#parts = undefined;
    this.#forms.add(secret);
    const bytes = Buffer.from(secret, 'utf8');
    // Lines of CAPA and UIDL are read as bytes.
    this.#forms.add(bytes.toString('latin1'));
    if (bytes.length < 3) return;
    for (let offset = 0; offset < 3; offset += 1) {
      const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
      // The characters at either end depend on what stands beside the secret.
      const inner = text.slice(Math.ceil((offset * 4) / 3), Math.floor(((offset + bytes.length) * 4) / 3));
      if (inner.length >= 4) this.#forms.add(inner);
    }
  }

  /**
   * Whether a chunk of bytes holds a whole secret: quick, for replies of a hundred thousand lines. One of a few
   * characters is none there: unique IDs hold those by chance, and identify no mail once they are masked.
   */
  within(bytes: Buffer): boolean {
    this.#bytes ??= [...this.#forms]
      .filter(({ length }) => length >= PART)
      .map((form) => Buffer.from(form, 'latin1'));
    return this.#bytes.some((form) => bytes.includes(form));
  }

  /** Takes every secret out of a text, and every part of one that is long enough to be of use. */
  mask(text: string): string {
    const shown = text.length > MOST ? text.slice(0, MOST) : text;
    if (this.#forms.size === 0 || shown === '') return shown;
    this.#parts ??= new SecretParts(this.#forms);
    const marks = new Uint8Array(shown.length);
    this.#parts.mark(shown, marks);
    for (const form of this.#forms) {
      if (form.length >= PART) continue;
      for (let at = shown.indexOf(form); at >= 0; at = shown.indexOf(form, at + 1))
        marks.fill(1, at, at + form.length);
    }
    let out = '';
    let from = 0;
    for (let at = marks.indexOf(1); at >= 0; at = marks.indexOf(1, from)) {
      out += shown.slice(from, at) + MASK;
      const end = marks.indexOf(0, at);
      from = end < 0 ? shown.length : end;
    }
    return out + shown.slice(from);
  }

  /** A line of a SASL exchange: base64 is looked into, whatever stands around a secret in it. */
  maskSasl(line: string): string {
    const masked = this.mask(line);
    const [, encoded] = /^\+(?:OK)? ([A-Za-z0-9+/]{4,}={0,2})$/i.exec(line.slice(0, MOST * 2)) ?? [];
    if (encoded === undefined) return masked;
    const said = Buffer.from(encoded, 'base64').toString('utf8');
    return said.length > MOST || this.mask(said) !== said ? `+ ${MASK}` : masked;
  }

  /** The same for decoded data: each text in it, keys included. */
  maskData(data: unknown, depth = 0): unknown {
    if (typeof data === 'string') return this.mask(data);
    if (typeof data !== 'object' || data === null) return data;
    if (depth >= DEEPEST) return MASK;
    if (Array.isArray(data)) return data.map((item) => this.maskData(item, depth + 1));
    const entries = Object.entries(data).map(([key, value]) => [
      this.mask(key),
      this.maskData(value, depth + 1),
    ]);
    return Object.fromEntries(entries);
  }
}

/** Characters in a row that make a part of a secret a secret. */
const PART = 8;
/** Characters of a text that are searched; no more of it is shown. */
const MOST = 2048;
/** Levels of a decoded challenge that are searched; deeper ones are not shown. */
const DEEPEST = 8;
const MASK = '***';

/** What must never be shown in an error or a trace, not even when a server repeats it: raw, in base64, or in part. */
export class Secrets {
  readonly #forms = new Set<string>();
  #bytes: Buffer[] | undefined;

  /** No bytes of it, of its base64 at any offset, nor a part of eight characters of either, will be shown. */
  add(secret: string): void {
    if (secret.length <= 1) return;
    this.#bytes = undefined;
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

  /** Whether a chunk of bytes holds a whole secret: quick, for replies of a hundred thousand lines. */
  within(bytes: Buffer): boolean {
    this.#bytes ??= [...this.#forms].map((form) => Buffer.from(form, 'latin1'));
    return this.#bytes.some((form) => bytes.includes(form));
  }

  /** Takes every secret out of a text, and every part of one that is long enough to be of use. */
  mask(text: string): string {
    let out = text.length > MOST ? text.slice(0, MOST) : text;
    for (const form of this.#forms) {
      out = out.split(form).join(MASK);
      for (let at = 0; form.length > PART && at + PART <= out.length; at += 1) {
        if (!form.includes(out.slice(at, at + PART))) continue;
        let end = at + PART;
        while (end < out.length && form.includes(out.slice(at, end + 1))) end += 1;
        out = `${out.slice(0, at)}${MASK}${out.slice(end)}`;
      }
    }
    return out;
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

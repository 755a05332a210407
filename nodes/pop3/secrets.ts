/** Octets in a row that make a part of a secret a secret. */
const PART = 8;
/** Octets of a text that are looked through; no more of it is shown. */
const MOST = 2048;

/** What must never show in an error or a trace, not even when a server repeats it. */
export class Secrets {
  readonly #secrets = new Set<string>();

  add(secret: string): void {
    if (secret.length > 1) this.#secrets.add(secret);
  }

  /** Takes every secret out of a text, and every part of one that is long enough to be of use. */
  mask(text: string): string {
    let out = text.length > MOST ? text.slice(0, MOST) : text;
    for (const secret of this.#secrets) {
      out = out.split(secret).join('***');
      for (let at = 0; secret.length > PART && at + PART <= out.length; at += 1) {
        if (!secret.includes(out.slice(at, at + PART))) continue;
        let end = at + PART;
        while (end < out.length && secret.includes(out.slice(at, end + 1))) end += 1;
        out = `${out.slice(0, at)}***${out.slice(end)}`;
      }
    }
    return out;
  }
}

// Lines that end with CR alone, as programs of old Macintoshes wrote them, and POP3 makes one line of such a mail; or
// with two CRs and LF, as gateways leave them that convert line ends twice.
import { MAX_FIELD_BYTES } from './limits';

const LF = 0x0a;
const CR = 0x0d;
/** CRs in front of an LF that make one line end with it. */
const MAX_CRS = 16;
const NOTHING = Buffer.alloc(0);

/** A header field begins the mail, and another one follows. */
const FIELDS = /^[\x21-\x39\x3b-\x7e]+[ \t]*:[^\r]*\r(?:[ \t]|[\x21-\x39\x3b-\x7e]+[ \t]*:)/;

type Kind = 'as they are' | 'cr' | 'doubled';

/**
 * Makes CRLF of the line ends of a mail whose header is written like that. A CR in a field of any other mail, put there
 * to begin another one, begins none.
 */
export class LineEnds {
  #kind: Kind | undefined;
  /** What has come while the kind is not known. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** CRs that stand at the end of what has come. */
  #crs = 0;

  write(chunk: Buffer): Buffer {
    if (this.#kind !== undefined) return this.#mended(chunk);
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    this.#kind = this.#look(chunk);
    if (this.#kind === undefined) return NOTHING;
    const all = this.#held.length > 1 ? Buffer.concat(this.#held) : chunk;
    this.#held = [];
    this.#crs = 0;
    if (this.#kind === 'cr' && !FIELDS.test(all.toString('latin1', 0, MAX_FIELD_BYTES)))
      this.#kind = 'as they are';
    return this.#mended(all);
  }

  /** What is left. */
  end(): Buffer {
    const rest = this.#kind === undefined ? Buffer.concat(this.#held) : Buffer.alloc(this.#crs, CR);
    this.#held = [];
    return rest;
  }

  /** The first LF tells, or an empty line before it. */
  #look(chunk: Buffer): Kind | undefined {
    for (const octet of chunk) {
      if (octet === LF) return this.#crs > 1 ? 'doubled' : 'as they are';
      if (octet === CR) this.#crs++;
      else if (this.#crs > 1) return 'cr';
      else this.#crs = 0;
    }
    return this.#heldBytes > MAX_FIELD_BYTES ? 'as they are' : undefined;
  }

  #mended(chunk: Buffer): Buffer {
    if (this.#kind === 'as they are') return chunk;
    const out = Buffer.allocUnsafe(2 * (chunk.length + this.#crs));
    let written = 0;
    for (const octet of chunk) {
      if (octet === CR && this.#crs < MAX_CRS) {
        this.#crs++;
        continue;
      }
      if (octet === LF && this.#crs) this.#crs = 1;
      for (; this.#crs; this.#crs--) {
        out[written++] = CR;
        if (octet !== LF && this.#kind === 'cr') out[written++] = LF;
      }
      if (octet === CR) this.#crs = 1;
      else out[written++] = octet;
    }
    return out.subarray(0, written);
  }
}

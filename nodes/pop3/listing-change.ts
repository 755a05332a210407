const LF = 10;
const CR = 13;
const SP = 32;

/** What one answer to UIDL (RFC 1939 section 7) says otherwise than an earlier one. */
export interface ListingChange {
  /** Lines that are new, without their ends. */
  came: string[];
  /** Unique IDs that are listed no more. */
  went: string[];
}

/**
 * Compares two answers line by line; a mail whose number alone is another is the same. Linear, and without a string for
 * what is as it was.
 *
 * @param most changes that are looked for
 * @returns undefined where there are more of them, or where lines are not plain: `number SP unique-id CRLF`, numbered on
 */
export function compareListings(before: Buffer, after: Buffer, most: number): ListingChange | undefined {
  if (!isPlain(before) || !isPlain(after)) return undefined;
  const same = sameLines(before, after);
  const [a, b] = [new Lines(before, same), new Lines(after, same)];
  const change: ListingChange = { came: [], went: [] };
  while (!a.done || !b.done) {
    if (a.broken || b.broken || change.came.length + change.went.length > most) return undefined;
    if (!a.done && !b.done && a.isSameAs(b)) {
      a.next();
      b.next();
      continue;
    }
    const { went, came } = gap(a.ahead(most), b.ahead(most));
    for (let line = 0; line < went; line += 1, a.next()) change.went.push(a.uid);
    for (let line = 0; line < came; line += 1, b.next()) change.came.push(b.line);
  }
  const isFew = change.came.length + change.went.length <= most;
  return a.broken || b.broken || !isFew ? undefined : change;
}

/** No blanks other than one behind each number. */
const isPlain = (listing: Buffer): boolean => ['\t', '  ', '\n '].every((blank) => !listing.includes(blank));

/** Whether a line of a plain answer says this unique ID. */
export function listsUid(listing: Buffer, uid: string): boolean {
  const line = Buffer.from(` ${uid}\r\n`, 'latin1');
  for (let at = listing.indexOf(line); at !== -1; at = listing.indexOf(line, at + 1)) {
    let from = at;
    while (from > 0 && isDigit(listing[from - 1])) from -= 1;
    if (from < at && (from === 0 || listing[from - 1] === LF)) return true;
  }
  return false;
}

/** How many lines to leave out on either side until both go on alike. */
function gap(before: string[], after: string[]): { went: number; came: number } {
  const [old, fresh] = [before[0], after[0]];
  if (old === undefined || fresh === undefined) return { went: before.length, came: after.length };
  const went = before.indexOf(fresh);
  const came = after.indexOf(old);
  if (went !== -1 && (came === -1 || went <= came)) return { went, came: 0 };
  return came === -1 ? { went: 1, came: 1 } : { went: 0, came };
}

/** Bytes at the beginning that are equal, as whole lines. */
function sameLines(before: Buffer, after: Buffer): number {
  const length = Math.min(before.length, after.length);
  let at = 0;
  for (let step = 64 * 1024; step > 0; step = step > 1 ? Math.floor(step / 16) : 0) {
    while (at + step <= length && before.compare(after, at, at + step, at, at + step) === 0) at += step;
  }
  return at === 0 ? 0 : before.lastIndexOf(LF, at - 1) + 1;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57;

/** A place in an answer. */
class Lines {
  readonly #bytes: Buffer;
  #start: number;
  #number: number;
  /** Of the unique ID. */
  #from = 0;
  #to = 0;
  broken = false;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#start = start;
    const last = start < 2 ? -1 : bytes.lastIndexOf(LF, start - 2);
    // What stands before is the same in both, and was read once.
    this.#number = start === 0 ? 0 : Number.parseInt(bytes.toString('latin1', last + 1, start), 10);
    this.#read();
  }

  get done(): boolean {
    return this.#start >= this.#bytes.length || this.broken;
  }

  get uid(): string {
    return this.#bytes.toString('latin1', this.#from, this.#to);
  }

  get line(): string {
    return this.#bytes.toString('latin1', this.#start, this.#to);
  }

  next(): void {
    this.#start = this.#to + 2;
    this.#read();
  }

  isSameAs(other: Lines): boolean {
    const length = this.#to - this.#from;
    if (other.#to - other.#from !== length) return false;
    for (let at = 0; at < length; at += 1)
      if (this.#bytes[this.#from + at] !== other.#bytes[other.#from + at]) return false;
    return true;
  }

  /** The unique IDs from here on, so many at most and one more. */
  ahead(most: number): string[] {
    const uids: string[] = [];
    const [start, number] = [this.#start, this.#number - 1];
    for (; !this.done && uids.length <= most; this.next()) uids.push(this.uid);
    this.#start = start;
    this.#number = number;
    this.#read();
    return uids;
  }

  #read(): void {
    const bytes = this.#bytes;
    let at = this.#start;
    if (at >= bytes.length) return;
    let number = 0;
    for (; isDigit(bytes[at]); at += 1) number = number * 10 + (bytes[at] as number) - 48;
    this.#number += 1;
    this.#from = at + 1;
    this.#to = this.#from;
    while (this.#to < bytes.length && bytes[this.#to] !== CR) this.#to += 1;
    const isPlain = bytes[at] === SP && this.#to > this.#from && bytes[this.#to + 1] === LF;
    if (!isPlain || number !== this.#number || bytes[this.#from] === SP) this.broken = true;
  }
}

// Bytes of a text part → a string with LF line ends, a slice at a time, so that a text of 25 MB never holds up
// the event loop. What comes out is what mailparser makes of the same bytes, but for one thing: text that says
// it is UTF-8, or says nothing, and is not, is read as windows-1252. Old devices send mail like that, and
// replacement characters would lose what they wrote.
import { isUtf8 } from 'node:buffer';
import type { Transform } from 'node:stream';
import { isUtf7, Utf7Decoder } from './utf7';

/** Bytes gathered before they are worked on. */
const SLICE = 64 * 1024;

/** Bytes gathered before they become a string: twice as many, and half as many, left more garbage at a time. */
const DECODED = 128 * 1024;

/** Characters of a long text that become one string; from 1,031,913 on Node keeps it outside V8's heap. */
const BLOCK = 1024 * 1024;

/** Characters of a text that are ever converted; its head has more, so that whoever has it knows it is not all. */
export const LONGEST = 512 * 1024;

const C1 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/** Reads bytes as windows-1252, every byte a character. */
export function decodeWindows1252(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(/[\u0080-\u009f]/g, (char) => C1[char.charCodeAt(0) - 0x80] ?? char);
}

/** How many of these bytes can be decoded without tearing a UTF-8 character or a CRLF apart. */
function wholeCharacters(bytes: Buffer): number {
  const last = bytes.length;
  if (bytes[last - 1] === 0x0d) return last - 1;
  for (let back = 1; back <= 3 && back <= last; back++) {
    const byte = bytes[last - back] as number;
    if (byte < 0x80) return last;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < length ? last - back : last;
    }
  }
  return last;
}

/** A decoded text. */
export interface CollectedText {
  whole: string;
  /**
   * The text from its start, more than LONGEST characters of it or all: of a long text, taking a slice of `whole`
   * would copy it all.
   */
  head: string;
}

/**
 * Puts a long text together from few strings that are not in V8's heap. There, each of many small ones is copied twice
 * while it grows old, and the space for young ones grows to its limit for them and stays as large.
 */
class LongText {
  /** Grows by concatenation, which V8 does without copying: joining at the end would hold up the event loop. */
  whole = '';
  private readonly block = Buffer.allocUnsafeSlow(2 * BLOCK);
  private length = 0;
  /** Two octets a character in the block; where all are of Latin-1, one. */
  private wide = false;

  add(text: string): void {
    const wide = /[\u0100-\uffff]/.test(text);
    if (wide !== this.wide) this.flush();
    this.wide = wide;
    for (let at = 0; at < text.length; ) {
      const piece = text.slice(at, at + BLOCK - this.length);
      if (wide) this.block.write(piece, this.length * 2, 'utf16le');
      else this.block.write(piece, this.length, 'latin1');
      this.length += piece.length;
      at += piece.length;
      if (this.length === BLOCK) this.flush();
    }
  }

  flush(): void {
    const { block, length, wide } = this;
    this.whole += wide ? block.toString('utf16le', 0, length * 2) : block.toString('latin1', 0, length);
    this.length = 0;
  }
}

/** Turns UTF-8, and what only claims to be, into a string. */
class Utf8Collector {
  /** True once bytes were seen that are not UTF-8. */
  guessed = false;
  private pending: Buffer[] = [];
  private size = 0;
  private long: LongText | undefined;
  private head: string | undefined;

  write(chunk: Buffer): void {
    this.pending.push(chunk);
    this.size += chunk.length;
    if (this.size < DECODED) return;
    this.long ??= new LongText();
    this.long.add(this.decode(false));
    if (this.long.whole.length > LONGEST) this.head ??= this.long.whole;
  }

  end(): CollectedText {
    let whole = this.size ? this.decode(true) : '';
    if (this.long) {
      this.long.add(whole);
      this.long.flush();
      whole = this.long.whole;
      this.long = undefined;
    }
    return { whole, head: this.head ?? whole };
  }

  private decode(final: boolean): string {
    const bytes =
      this.pending.length === 1 ? (this.pending[0] as Buffer) : Buffer.concat(this.pending, this.size);
    const cut = final ? bytes.length : wholeCharacters(bytes);
    const whole = bytes.subarray(0, cut);
    this.pending = cut < bytes.length ? [bytes.subarray(cut)] : [];
    this.size = bytes.length - cut;
    let text: string;
    if (isUtf8(whole)) text = whole.toString('utf8');
    else {
      this.guessed = true;
      text = decodeWindows1252(whole);
    }
    // Not replace(): V8 would answer with a chain of slices, two and a half times the size and slow to collect.
    return text.includes('\r') ? text.split('\r\n').join('\n') : text;
  }
}

/** Where bytes may be cut so that each side can be decoded on its own; undefined: nowhere yet. */
type FindCut = (bytes: Buffer) => number | undefined;

/**
 * Cuts format=flowed text (RFC 3676) after a line that ends in neither a space, which would flow on, nor a
 * quote mark or nothing at all, which the joiner may still take for part of the paragraph before.
 */
const cutFlowed: FindCut = (bytes) => {
  for (let at = bytes.lastIndexOf(0x0a); at > 0; at = bytes.lastIndexOf(0x0a, at - 1)) {
    const end = bytes[at - 1] === 0x0d ? at - 1 : at;
    const before = end > 0 ? bytes[end - 1] : 0x0a;
    if (before !== 0x20 && before !== 0x3e && before !== 0x0a) return at + 1;
  }
  return undefined;
};

/**
 * Cuts the Japanese encodings, which libmime can only decode whole and slowly. EUC-JP may be cut at any line
 * end; ISO-2022-JP at one that is not inside an escaped run (RFC 1468: lines begin and end in ASCII).
 */
const cutJapanese: FindCut = (bytes) => {
  for (let at = bytes.lastIndexOf(0x0a); at >= 0; at = at ? bytes.lastIndexOf(0x0a, at - 1) : -1) {
    const shift = bytes.lastIndexOf(0x1b, at);
    if (
      shift < 0 ||
      (bytes[shift + 1] === 0x28 && (bytes[shift + 2] === 0x42 || bytes[shift + 2] === 0x4a))
    ) {
      return at + 1;
    }
  }
  return undefined;
};

/** Gathers bytes and passes them on in slices that can be worked on one by one. */
class Slicer {
  private pending: Buffer[] = [];
  private size = 0;
  private next = SLICE;

  constructor(
    private readonly findCut: FindCut,
    private readonly pass: (slice: Buffer, last: boolean) => void,
  ) {}

  write(chunk: Buffer): void {
    this.pending.push(chunk);
    this.size += chunk.length;
    if (this.size < this.next) return;
    const bytes = Buffer.concat(this.pending, this.size);
    const cut = this.findCut(bytes);
    if (cut === undefined) {
      // Doubling keeps a text without any place to cut from being searched again for every chunk.
      this.pending = [bytes];
      this.next = this.size * 2;
      return;
    }
    this.pass(bytes.subarray(0, cut), false);
    this.pending = [bytes.subarray(cut)];
    this.size = bytes.length - cut;
    this.next = SLICE;
  }

  end(): void {
    if (this.size) this.pass(Buffer.concat(this.pending, this.size), true);
  }
}

export interface TextFormat {
  /** The charset parameter as the mail gave it; undefined when it gave none. */
  charset: string | undefined;
  /** For format=flowed: joins the soft line breaks of a text given byte by character. */
  unflow?: (binary: string) => string;
  /** Makes a stream that turns bytes in the charset into UTF-8; `supported` false: it reads them as UTF-8. */
  createDecoder: (charset: string) => Transform & { supported?: boolean };
}

/** One text part in the making: bytes go in, the decoded string comes out of `text`. */
export class TextCollector {
  /** Settles when the last byte is decoded. */
  readonly text: Promise<CollectedText>;
  /** What `text` has resolved to, if it has. */
  done: CollectedText | undefined;
  /** Why the text may not read as it was meant, for `mail.problems`. */
  problem: string | undefined;
  private ended = false;
  private readonly first: { write(chunk: Buffer): void; end(): void };

  constructor(private readonly format: TextFormat) {
    const { promise, resolve, reject } = withResolvers<CollectedText>();
    this.text = promise;
    // Whoever waits for the text hears of the failure; until then it is nobody's unhandled rejection.
    promise.catch(() => {});
    const decode = this.decodeStage((text) => {
      this.done = text;
      resolve(text);
    }, reject);
    const { unflow } = format;
    if (!unflow) {
      this.first = decode;
      return;
    }
    const slicer = new Slicer(cutFlowed, (slice, last) => {
      // The joiner drops the line end a text closes with, and to it every slice is a whole text.
      decode.write(Buffer.from(unflow(slice.toString('latin1')) + (last ? '' : '\n'), 'latin1'));
    });
    this.first = {
      write: (chunk) => slicer.write(chunk),
      end: () => {
        slicer.end();
        decode.end();
      },
    };
  }

  write(chunk: Buffer): void {
    if (!this.ended) this.first.write(chunk);
  }

  /** No more bytes. Again: nothing happens. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.first.end();
  }

  private decodeStage(resolve: (text: CollectedText) => void, reject: (error: unknown) => void) {
    const utf8 = new Utf8Collector();
    const charset = this.format.charset ?? 'utf-8';
    if (['ascii', 'usascii', 'utf8'].includes(charset.toLowerCase().replace(/[^a-z0-9]+/g, ''))) {
      return {
        write: (chunk: Buffer) => utf8.write(chunk),
        end: () => {
          const text = utf8.end();
          if (utf8.guessed) this.problem = `not valid ${charset}, read as windows-1252`;
          resolve(text);
        },
      };
    }
    if (isUtf7(charset)) {
      const utf7 = new Utf7Decoder();
      return {
        write: (chunk: Buffer) => utf8.write(Buffer.from(utf7.write(chunk))),
        end: () => {
          utf8.write(Buffer.from(utf7.end()));
          resolve(utf8.end());
        },
      };
    }
    const open = () => {
      const stream = this.format.createDecoder(charset);
      if (stream.supported === false) this.problem = `character set "${charset}" is not known, read as UTF-8`;
      stream.on('data', (chunk: Buffer | string) =>
        utf8.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk),
      );
      stream.once('error', reject);
      return stream;
    };
    const finish = () => resolve(utf8.end());
    if (/^jis|^iso-?2022-?jp|^(x-)?euc-?jp/i.test(charset)) {
      let decoded = Promise.resolve();
      const slicer = new Slicer(cutJapanese, (slice) => {
        // One decoder per slice, since libmime decodes nothing of these before the end; in turn, to keep order.
        decoded = decoded.then(
          () =>
            new Promise((done) => {
              const one = open();
              one.once('close', done);
              one.end(slice);
            }),
        );
      });
      return {
        write: (chunk: Buffer) => slicer.write(chunk),
        end: () => {
          slicer.end();
          void decoded.then(finish, reject);
        },
      };
    }
    const only = open();
    only.once('end', finish);
    return { write: (chunk: Buffer) => void only.write(chunk), end: () => void only.end() };
  }
}

function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

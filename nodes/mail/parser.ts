// mailparser's streaming parser, with the texts taken out of its hands.
//
// MailParser keeps a text as bytes, joins and decodes it in one go and may convert it to HTML besides: some
// 100 ms without a breath for a mail of 25 MB. This subclass collects texts a slice at a time instead, and leaves
// everything else (structure, headers, attachments) to mailparser. It leans on three methods mailparser calls
// internal; where a later version has none of them, mailparser's own text is used and only the smoothness is lost.
import type { Transform } from 'node:stream';
import { type HeaderLines, type Headers, MailParser, type MailParserOptions } from 'mailparser';
import { decodeWindows1252, TextCollector } from './charset';

/** A part of the mail as mailparser keeps it in its tree. */
export interface Part {
  contentType: string | false;
  disposition?: string;
  encoding?: string;
  isAttachment?: boolean;
  charset?: string;
  decoder?: Transform;
  headers: Headers;
  children: Part[];
  parent?: Part;
  /** An embedded message: its sender, subject and recipients belong to the text. */
  showMeta?: boolean;
  /** `messageNode`: the container of a message that is parsed as part of this one. */
  node: { flowed?: boolean; delSp?: boolean; messageNode?: boolean };
}

interface Line {
  key: string;
  line: string;
}

interface Internals {
  tree: Part | false;
  hasFailed: boolean;
  decoder: { decodeStream(charset: string): Transform & { supported?: boolean } };
  libmime: { decodeFlowed(text: string, delSp: boolean): string };
  createNode(node: unknown): Part;
  processHeaders(lines: Line[] | undefined): Headers;
  readData(): void;
}

const Base = MailParser as unknown as new (options?: MailParserOptions) => MailParser & Internals;

/**
 * Deeper nesting is refused: every line that looks like a boundary is compared with all that are open, so the
 * cost grows with depth times lines.
 */
const MAX_DEPTH = 1500;
/** Parts of one mail. mailparser's own limit of 1,000 is less than real mail archives hold. */
const MAX_PARTS = 20_000;

export class StreamingParser extends Base {
  /** The text parts and what is collected of them, in the order of the mail. */
  texts = new Map<Part, TextCollector>();
  /** Grows with every piece of work done: whoever waits can tell slow from stuck. */
  progress = 0;
  private readonly depths = new WeakMap<Part, number>();

  constructor() {
    super({ checksumAlgo: 'sha256', maxChildNodes: MAX_PARTS });
  }

  /** The header lines as they came; empty before they were read. */
  lines(): HeaderLines {
    return this.headerLines || [];
  }

  override createNode(node: unknown): Part {
    const part = super.createNode(node);
    const depth = part.parent ? (this.depths.get(part.parent) ?? 0) + 1 : 0;
    this.depths.set(part, depth);
    if (depth > MAX_DEPTH) throw new Error(`parts nested deeper than ${MAX_DEPTH}`);
    const { decoder } = part;
    // Nobody reads such a container, and when the mail ends in one mailparser waits for its end for good.
    if (part.node.messageNode) decoder?.resume();
    if (decoder && !part.isAttachment && part.disposition === 'inline') {
      // Neither attachment nor inline: mailparser leaves the content alone.
      part.disposition = 'text';
      const collector = new TextCollector({
        charset: part.charset,
        createDecoder: (charset) => this.decoder.decodeStream(charset),
        ...(part.node.flowed && {
          unflow: (binary: string) => this.libmime.decodeFlowed(binary, part.node.delSp === true),
        }),
      });
      this.texts.set(part, collector);
      decoder.on('data', (chunk: Buffer | string) => {
        collector.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
      });
      decoder.once('end', () => collector.end());
      decoder.once('error', (error) => this.destroy(error));
    }
    return part;
  }

  /**
   * Old devices write 8-bit headers in windows-1252 (RFC 6532 allows UTF-8 only); mailparser would put
   * replacement characters where their umlauts were.
   */
  override processHeaders(lines: Line[] | undefined): Headers {
    return super.processHeaders(
      lines?.map((header) => {
        if (!/[\x80-\xff]/.test(header.line)) return header;
        const bytes = Buffer.from(header.line, 'latin1');
        if (!bytes.toString('utf8').includes('\ufffd')) return header;
        return { key: header.key, line: Buffer.from(decodeWindows1252(bytes)).toString('latin1') };
      }),
    );
  }

  /** Runs in a timer of mailparser's own, where a throw would end the process. */
  override readData(): void {
    this.progress++;
    try {
      super.readData();
    } catch (error) {
      this.hasFailed = true;
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

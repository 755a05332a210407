// A mail that has come as a whole, and is small, is parsed in one go: by the same code of mailparser's, but without
// its streams, each of which would cost some turns of the event loop and about as much as the parsing itself.
//
// mailsplit decides line by line what belongs to which part. Here it is asked only about lines that may matter to it:
// those of headers, and those that begin like a boundary; everything in between is content. Where mailparser or
// mailsplit have changed so that this fails, it throws, and the mail goes through the streams.
import { createHash } from 'node:crypto';
import type { Transform } from 'node:stream';
import type { HeaderLines, Headers } from 'mailparser';
import type { WholeAttachment } from './attachments';
import type { TextCollector } from './charset';
import { type Part, StreamingParser } from './parser';

/** Bytes of a mail that is parsed in one go: a few milliseconds at most. */
export const WHOLE = 128 * 1024;

/** A part as mailsplit has it. */
interface Node {
  type: 'node';
  parentNode: Node | false;
  contentType: string | false;
  disposition: string | false;
  filename: string | false;
  messageNode?: boolean;
  partNr: (string | number)[] | false;
  _parentBoundary: Buffer | false;
  getDecoder(): Transform;
}

type Chunk = Node | { type: 'body' | 'data' };

/** `sibling`: the line was a boundary behind which another part begins. */
type Next = (error?: Error | null, chunk?: Chunk | false, sibling?: boolean) => void;

interface Splitter {
  state: number;
  nodeCounter: number;
  delimiterOwner: unknown;
  newNode(parent: false): void;
  push(chunk: Chunk): boolean;
  processLine(
    line: Buffer,
    final: boolean,
    next: (error?: Error | null, chunk?: Chunk | false) => void,
  ): void;
}

interface Internals {
  splitter: Splitter;
  curnode: Part | false;
  libmime: { detectMimeType(filename: string): string };
}

export interface WholeMail {
  tree: Part;
  headers: Headers;
  lines: HeaderLines;
  texts: Map<Part, TextCollector>;
  attachments: WholeAttachment[];
}

const EMPTY = Buffer.alloc(0);

/** Where mailparser would keep the stream that decodes a part. */
const NO_STREAM = { on: () => {}, once: () => {}, resume: () => {} } as unknown as Transform;

/** Reads one mail after the other; between two of them it keeps nothing. */
export class WholeParser extends StreamingParser {
  private bytes: Buffer = EMPTY;
  /** Where the line begins that mailsplit is asked about, and where it ends. */
  private line = { from: 0, to: 0 };
  /** The part whose content begins at `from`. */
  private open: { part: Part; node: Node; from: number } | undefined;
  private attachments: WholeAttachment[] = [];

  constructor() {
    super();
    this.internals.splitter.push = (chunk) => {
      this.heard(chunk, false);
      return true;
    };
  }

  /** @throws Error where the streams have to decide */
  parse(bytes: Buffer): WholeMail {
    this.forget();
    try {
      this.bytes = bytes;
      this.split();
      const { tree, headers, texts, attachments } = this;
      if (!tree) throw new Error('no header');
      return { tree, headers: headers as Headers, lines: this.lines(), texts, attachments };
    } finally {
      this.forget();
    }
  }

  private get internals(): Internals {
    return this as unknown as Internals;
  }

  private forget(): void {
    const { internals } = this;
    internals.curnode = this.tree = false;
    Object.assign(this, { headers: false, headerLines: false });
    internals.splitter.newNode(false);
    internals.splitter.nodeCounter = 1;
    internals.splitter.delimiterOwner = false;
    this.texts = new Map();
    this.attachments = [];
    this.bytes = EMPTY;
    this.open = undefined;
  }

  private split(): void {
    const { bytes } = this;
    const { splitter } = this.internals;
    // What it is after newNode().
    const inHead = splitter.state;
    const next: Next = (error, chunk, sibling = false) => {
      if (error) throw error;
      if (chunk) this.heard(chunk, sibling);
    };
    for (let at = 0, last = false; !last; ) {
      const from = splitter.state === inHead ? at : lineLikeBoundary(bytes, at);
      const end = bytes.indexOf(0x0a, from) + 1;
      // A line without an end, or nothing behind the last end, is the end of the mail.
      last = end === 0;
      at = last ? bytes.length : end;
      this.line = { from, to: at };
      splitter.processLine(bytes.subarray(from, at), last, next);
    }
    this.complete(bytes.length);
  }

  private heard(chunk: Chunk, sibling: boolean): void {
    // Content is what stands between two of the others.
    if (chunk.type === 'body') return;
    this.complete(this.line.from, sibling ? 'sibling' : 'end');
    if (chunk.type === 'node') this.begin(chunk);
  }

  private begin(node: Node): void {
    const { getDecoder } = node;
    node.getDecoder = () => NO_STREAM;
    const part = this.createNode(node);
    node.getDecoder = getDecoder;
    // An embedded message is what follows, and has nothing of its own.
    if (node.contentType === 'message/rfc822' && node.messageNode) return;
    if (node.parentNode && node.parentNode.contentType === 'message/rfc822') part.showMeta = true;
    if (part.decoder) this.open = { part, node, from: this.line.to };
  }

  /** The content of a part has ended; the line end before a boundary belongs to that. */
  private complete(end: number, boundary?: 'sibling' | 'end'): void {
    const { open, bytes } = this;
    if (!open) return;
    this.open = undefined;
    const { part, node, from } = open;
    let to = end;
    if (boundary && node.parentNode && to > from && bytes[to - 1] === 0x0a) {
      to--;
      if (to > from && bytes[to - 1] === 0x0d) to--;
      // mailsplit leaves a part that is one line end and has a sibling as it is.
      if (to === from && boundary === 'sibling') to = end;
    }
    const content = decoded(part, node, bytes.subarray(from, Math.max(from, to)));
    const text = this.texts.get(part);
    if (text) {
      text.write(content);
      text.end();
    } else if (part.isAttachment) this.attachments.push(this.attached(part, node, content));
    else throw new Error('neither text nor attachment');
  }

  /** As mailparser describes it. */
  private attached(part: Part, node: Node, content: Buffer): WholeAttachment {
    const numbers = (node.partNr || []).filter((number) => typeof number === 'number');
    const found: WholeAttachment = {
      contentType: part.contentType as string,
      headers: part.headers,
      partId: (node._parentBoundary && numbers.join('.')) || null,
      size: content.length,
      checksum: createHash('sha256').update(content).digest('hex'),
      content,
    };
    if (part.contentType === 'application/octet-stream' && node.filename) {
      found.contentType = this.internals.libmime.detectMimeType(node.filename) || 'application/octet-stream';
    }
    if (node.disposition) found.contentDisposition = node.disposition;
    if (node.filename) found.filename = node.filename;
    const contentId = part.headers.get('content-id');
    if (typeof contentId === 'string') {
      found.contentId = contentId;
      found.cid = contentId.trim().replace(/^<|>$/g, '').trim();
      for (let above = part.parent; above; above = above.parent) {
        if (above.contentType === 'multipart/related') found.related = true;
      }
    }
    return found;
  }
}

/** Where, from the beginning of a line on, the next line begins that may be a boundary; the end where none does. */
function lineLikeBoundary(bytes: Buffer, from: number): number {
  for (let at = from; ; ) {
    const begin = bytes[at] === 0x0d ? at + 1 : at;
    if (bytes[begin] === 0x2d && bytes[begin + 1] === 0x2d) return at;
    const dashes = bytes.indexOf('--', begin);
    if (dashes < 0) return bytes.length;
    const line = bytes.lastIndexOf(0x0a, dashes) + 1;
    if (line > at) at = line;
    else {
      // Dashes within this line: on with the next one.
      const end = bytes.indexOf(0x0a, dashes);
      if (end < 0) return bytes.length;
      at = end + 1;
    }
  }
}

/** The stream that would decode the content is asked for it at once. */
function decoded(part: Part, node: Node, content: Buffer): Buffer {
  // A copy where it is kept: nobody shall hold, or change, the whole mail by it.
  if (part.encoding === 'binary') return part.isAttachment ? Buffer.from(content) : content;
  const pieces: Buffer[] = [];
  const decoder = node.getDecoder() as Transform & { push(piece: Buffer): boolean };
  decoder.push = (piece) => {
    pieces.push(piece);
    return true;
  };
  const done = (error?: Error | null): void => {
    if (error) throw error;
  };
  decoder._transform(content, 'binary', done);
  decoder._flush(done);
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}

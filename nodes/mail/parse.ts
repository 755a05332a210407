// One mail through the parser. Whatever the mail does to the parser, this ends, and with all that was found.
import type { AttachmentStream, HeaderLines, Headers, MessageText } from 'mailparser';
import type { Attachments } from './attachments';
import type { CollectedText, TextCollector } from './charset';
import { MailError } from './error';
import type { MailProblem } from './message';
import { type Part, StreamingParser } from './parser';
import { assembleText } from './text';
import { WHOLE, WholeParser } from './whole';

/** The parser is fed in pieces of this size: large enough to be quick, small enough not to block. */
const PIECE = 64 * 1024;

/** Milliseconds without a sign of life after which the parser is given up. */
const PATIENCE = 30_000;

export interface ParsedMail {
  headers: Headers;
  lines: HeaderLines;
  text: string;
  html: string | undefined;
  problems: MailProblem[];
  /** Why the parser gave up. What stands here is then what it had found by then. */
  failure: Error | undefined;
  /** A multipart in which no part was found: its content is in none of these fields. */
  partless: boolean;
}

/** What the parser has found. */
interface Found {
  tree: Part | false;
  headers: Headers | false;
  lines: HeaderLines;
  texts: ReadonlyMap<Part, TextCollector>;
}

export class Parsing {
  private failed: Error | undefined;
  private storeError: MailError | undefined;
  private ended = false;
  private fallback: MessageText | undefined;
  private pending: Buffer[] = [];
  private pendingSize = 0;
  private wake: () => void = () => {};
  private attachment: AttachmentStream | undefined;

  /**
   * @param parser the one to be used, also for what is small; without it, one is made when it is needed
   * @param patience milliseconds without progress after which the parser is given up
   */
  constructor(
    private readonly attachments: Attachments,
    private parser?: StreamingParser,
    private readonly patience = PATIENCE,
  ) {
    if (parser) this.listen(parser);
  }

  /** True when the parser has given up: what is written from now on is thrown away. */
  get over(): boolean {
    return this.failed !== undefined;
  }

  /**
   * Takes the next bytes, and waits while the parser has enough of them.
   *
   * @throws MailError when an attachment could not be saved
   */
  async write(chunk: Buffer): Promise<void> {
    this.pending.push(chunk);
    this.pendingSize += chunk.length;
    const most = this.parser || !this.attachments.inMemory ? PIECE : WHOLE;
    if (this.pendingSize >= most) await this.flush();
  }

  /**
   * Ends the mail and waits for what it became.
   *
   * @throws MailError when an attachment could not be saved
   */
  async end(): Promise<ParsedMail> {
    const { tree, headers, lines, texts } = this.atOnce() ?? (await this.streamed());
    const contents = await this.texts(texts);
    if (this.storeError) throw this.storeError;
    const assembled =
      tree && contents.size
        ? await assembleText(tree, contents)
        : { text: this.fallback?.text ?? '', html: this.fallback?.html, problems: [] };
    const problems: MailProblem[] = [];
    for (const { problem } of texts.values()) {
      if (problem) problems.push({ code: 'CHARSET', text: `A text: ${problem}` });
    }
    return {
      headers: headers || new Map(),
      lines,
      text: assembled.text,
      html: assembled.html,
      problems: [...problems, ...assembled.problems],
      failure: this.failed,
      partless: tree !== false && partless(tree),
    };
  }

  /** Gives up: nothing of the parser stays behind. */
  destroy(): void {
    this.fail(new Error('given up'));
  }

  /** A small mail, all of which has come; undefined where it takes the streams. */
  private atOnce(): Found | undefined {
    if (this.parser || this.over || !this.attachments.inMemory) return undefined;
    const bytes = this.joined();
    try {
      wholeParser ??= new WholeParser();
      const { attachments, ...found } = wholeParser.parse(bytes);
      for (const one of attachments) this.attachments.takeWhole(one);
      return found;
    } catch {
      return undefined;
    }
  }

  private async streamed(): Promise<Found> {
    await this.flush();
    const parser = this.stream();
    if (!this.over) parser.end();
    await this.until(() => this.ended);
    // The parser ends without waiting for whoever takes its last attachment.
    await this.until(() => this.attachment === undefined);
    return { tree: parser.tree, headers: parser.headers, lines: parser.lines(), texts: parser.texts };
  }

  private stream(): StreamingParser {
    if (!this.parser) {
      this.parser = new StreamingParser();
      this.listen(this.parser);
      if (this.over) this.parser.destroy();
    }
    return this.parser;
  }

  private listen(parser: StreamingParser): void {
    parser.on('data', (data) => {
      if (data.type === 'text') this.fallback = data;
      else this.takeAttachment(data);
    });
    parser.on('error', (error: Error) => this.fail(error));
    parser.on('end', () => {
      this.ended = true;
      this.wake();
    });
    parser.on('close', () => {
      if (!this.ended) this.fail(new Error('the parser ended early'));
    });
  }

  /** What waits, as one. */
  private joined(): Buffer {
    const { pending, pendingSize } = this;
    const bytes = pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending, pendingSize);
    this.pending = [bytes];
    return bytes;
  }

  private async flush(): Promise<void> {
    if (!this.pendingSize) return;
    const parser = this.stream();
    const bytes = this.joined();
    this.pending = [];
    this.pendingSize = 0;
    for (let at = 0; at < bytes.length && !this.over; at += PIECE) {
      let taken = false;
      parser.write(bytes.subarray(at, at + PIECE), () => {
        taken = true;
        parser.progress++;
        this.wake();
      });
      await this.until(() => taken);
    }
    if (this.storeError) throw this.storeError;
  }

  /** Waits for a condition, or for the parser to fail, or for it to do nothing for too long. */
  private async until(condition: () => boolean): Promise<void> {
    if (condition() || this.over) return;
    const parser = this.stream();
    let seen = parser.progress;
    const watchdog = setInterval(() => {
      if (parser.progress === seen) {
        this.fail(new Error(`the parser stood still for ${this.patience / 1000} s`));
      }
      seen = parser.progress;
    }, this.patience);
    try {
      while (!condition() && !this.over) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    } finally {
      clearInterval(watchdog);
    }
  }

  /** The decoded texts, each of them, or what there is of it when the parser has failed. */
  private async texts(collectors: ReadonlyMap<Part, TextCollector>): Promise<Map<Part, CollectedText>> {
    const contents = new Map<Part, CollectedText>();
    for (const [part, collector] of collectors) {
      if (this.over) collector.end();
      const text =
        collector.done ??
        (await within(this.patience, collector.text).catch((error: unknown) => {
          this.fail(error instanceof Error ? error : new Error(String(error)));
          return { whole: '', head: '' };
        }));
      contents.set(part, text);
    }
    return contents;
  }

  private takeAttachment(stream: AttachmentStream): void {
    this.attachment = stream;
    // One listener that stays: a stream that fails twice must not find itself without one.
    stream.content.on('error', () => {});
    this.attachments.take(stream).then(
      () => {
        this.attachment = undefined;
        stream.release?.();
        this.wake();
      },
      (error: unknown) => {
        if (error instanceof MailError) this.storeError = error;
        this.fail(error instanceof Error ? error : new Error(String(error)));
      },
    );
    if (this.over) stream.content.destroy();
  }

  private fail(error: Error): void {
    this.failed ??= error;
    this.parser?.destroy();
    this.attachment?.content.destroy();
    this.wake();
  }
}

let wholeParser: WholeParser | undefined;

function partless(part: Part): boolean {
  if (typeof part.contentType !== 'string' || !part.contentType.startsWith('multipart/'))
    return part.children.some(partless);
  return part.children.length === 0 || part.children.some(partless);
}

async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`a text was not decoded in ${milliseconds / 1000} s`)),
      milliseconds,
    );
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

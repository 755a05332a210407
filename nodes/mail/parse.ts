// One mail through the splitter and the decoders: what each part holds goes into its text or its attachment as it comes.
import type { AttachmentHead, Attachments } from './attachments';
import { Base64Decoder } from './base64';
import { type CollectedText, TextCollector } from './collected-text';
import type { HeaderBlock, HeaderLine } from './header-block';
import type { Fields } from './headers';
import { FileDecoder, InlineFiles } from './inline-files';
import { telling } from './labels';
import { MAX_FOUND_FILES, MAX_NAME, MAX_RTF, MAX_TNEF, SLICE } from './limits';
import { typeByName } from './mailparser';
import { type MailProblem, type MailProblemCode, problem } from './message';
import { MessageBytes } from './message-bytes';
import { Part } from './part';
import { Partless } from './partless';
import { both, NOTHING, type Sink } from './sink';
import { Splitter, type Structure } from './split';
import { assembleText, textOfHtml } from './text';
import { isTnef, readTnef, type Tnef, type TnefRoom } from './tnef';
import { decoderFor } from './transfer';
import { Turn } from './turn';

export interface ParsedMail {
  fields: Fields;
  /** The header lines of the mail. */
  lines: readonly HeaderLine[];
  text: string;
  /** Of a long text more than its first MAX_CONVERTED characters. */
  head: string;
  html: string | undefined;
  problems: MailProblem[];
  /** A multipart in which no part was found. */
  isPartless: boolean;
}

/** A winmail.dat that is unpacked as soon as it is there, as far as a turn allows; a larger one, when there is time. */
const SMALL_TNEF = 64 * 1024;

export class Parsing implements Structure<Part> {
  readonly #attachments: Attachments;
  #mayCome: number;
  readonly #splitter = new Splitter<Part>(this);
  readonly #texts = new Map<Part, TextCollector>();
  readonly #sinks = new Map<Part, Sink>();
  readonly #messages = new Map<Part, MessageBytes>();
  readonly #problems = new Map<MailProblemCode, MailProblem>();
  readonly #base64: Base64Decoder[] = [];
  readonly #partless = new Partless();
  /** Texts of winmail.dat files, and such files that are not unpacked yet. */
  readonly #found: Pick<Tnef, 'text' | 'html'>[] = [];
  readonly #winmails: Generator<void, void>[] = [];
  readonly #room: TnefRoom = { files: MAX_FOUND_FILES, rtf: MAX_RTF };
  /** The parts that are attachments: their headers are read when the mail is over. */
  readonly #attached: Part[] = [];
  #root: Part | undefined;
  /** The first one the mail declares: what raw bytes of its headers are in, most likely. */
  #charset: string | undefined;
  readonly #turn: Turn;

  /** @param bytes how many the mail has, where that is known */
  constructor(attachments: Attachments, bytes = 0, turn = new Turn()) {
    this.#attachments = attachments;
    this.#mayCome = bytes;
    this.#turn = turn;
  }

  /**
   * Takes the next bytes, a slice at a time; other flows get their turn, and files are written, in between.
   *
   * @throws MailError when an attachment could not be saved
   */
  write(chunk: Buffer): Promise<void> | undefined {
    for (let at = 0; at < chunk.length; at += SLICE) {
      this.#attachments.most = Math.max(this.#mayCome, chunk.length - at);
      this.#mayCome -= Math.min(SLICE, chunk.length - at);
      const isLeft = this.#splitter.write(chunk.subarray(at, at + SLICE));
      if (isLeft || this.#attachments.isBehind || this.#winmails.length || this.#turn.isOver)
        return this.#goOn(chunk.subarray(at + SLICE), isLeft);
    }
    return undefined;
  }

  get isTurnOver(): boolean {
    return this.#turn.isOver;
  }

  /**
   * Ends the mail.
   *
   * @throws MailError when an attachment could not be saved
   */
  async end(): Promise<ParsedMail> {
    while (this.#splitter.end()) await this.#turn.next();
    if (await this.#turn.run(this.#partless.split(this))) this.#note('BOUNDARY');
    const isBroken = isPartless(this.#root as Part);
    await this.#turn.run(this.#partless.asTexts(this));
    await this.#unpack();
    await this.#attachments.written();
    await this.#turn.pause();
    const contents = await this.#contents();
    const root = this.#root as Part;
    const fields = await this.#turn.run(root.readHeaders(this.#charset));
    if (fields.isCut) this.#note('HEADERS_SHORTENED');
    for (const part of this.#attached) {
      const { isCut } = await this.#turn.run(part.readHeaders(this.#charset));
      if (isCut) this.#note('HEADERS_SHORTENED');
      const name = part.filenameIn(this.#charset);
      if (name !== undefined && name !== part.filename) this.#attachments.rename(part.fields.headers, name);
    }
    if (this.#base64.some(({ hasTrailer }) => hasTrailer)) this.#note('CONTENT_AFTER_END');
    if (this.#base64.some(({ isPlain }) => isPlain)) this.#note('NOT_BASE64');
    const assembled = contents.size
      ? await assembleText(root, contents, this.#turn)
      : { text: '', head: '', html: undefined, problems: [] };
    const more = this.#found.find(({ text, html }) => text?.whole || html?.whole);
    const isBlank = assembled.head.length === assembled.text.length && assembled.head.trim() === '';
    const converted =
      isBlank && !more?.text && more?.html ? await textOfHtml(more.html, this.#turn) : undefined;
    const others = isBlank ? (more?.text ?? converted?.text) : undefined;
    const text = others ?? { whole: assembled.text, head: assembled.head };
    return {
      fields,
      lines: root.block.lines,
      text: text.whole,
      head: text.head,
      html: assembled.html ?? more?.html?.whole,
      problems: [...this.#problems.values(), ...assembled.problems, ...(converted?.problems ?? [])],
      isPartless: isBroken,
    };
  }

  begin(block: HeaderBlock, parent: Part | undefined, isRaw: boolean): Part {
    const part = new Part(block, parent, isRaw, this.#charset);
    this.#root ??= part;
    this.#charset ??= telling(part.charset);
    if (block.isCut) this.#note('HEADERS_SHORTENED');
    if (part.filename !== undefined && part.filename.length >= MAX_NAME) this.#note('NAME_SHORTENED');
    if (part.holdsMessage) {
      // Those within it are within its bytes.
      if (!isWithinMessage(part)) this.#messages.set(part, new MessageBytes(this.#attachmentOf(part)));
    } else if (!part.isMultipart) this.#sinks.set(part, this.#sinkOf(part));
    return part;
  }

  content(part: Part, bytes: Buffer): void {
    if (part.isMultipart) this.#partless.write(part, bytes);
    else this.#sinks.get(part)?.write(bytes);
  }

  message(part: Part, bytes: Buffer): void {
    this.#messages.get(part)?.write(bytes);
  }

  leave(part: Part, byDelimiter: boolean): void {
    if (part.isMultipart) this.#partless.leave(part);
    this.#sinks.get(part)?.end();
    this.#messages.get(part)?.end(byDelimiter);
    this.#sinks.delete(part);
    this.#messages.delete(part);
  }

  overLimit(limit: 'levels' | 'parts'): void {
    this.#note(limit === 'levels' ? 'TOO_DEEP' : 'TOO_MANY_PARTS');
  }

  behindEnd(): void {
    this.#note('PARTS_AFTER_END');
  }

  /** The decoded texts. An HTML may have named the charset of the mail. */
  async #contents(): Promise<Map<Part, CollectedText>> {
    const contents = new Map<Part, CollectedText>();
    for (const [part, collector] of this.#texts) {
      if (this.#turn.isOver) await this.#turn.next();
      contents.set(part, collector.result());
      if (collector.problem) this.#note('CHARSET', collector.problem);
      this.#charset ??= telling(collector.meta);
    }
    return contents;
  }

  async #goOn(rest: Buffer, isLeft: boolean): Promise<void> {
    for (let left = isLeft; ; left = this.#splitter.write()) {
      await this.#unpack();
      await this.#attachments.written();
      await this.#turn.next();
      if (!left) return this.write(rest);
    }
  }

  #note(code: MailProblemCode, more?: string): void {
    if (!this.#problems.has(code)) this.#problems.set(code, problem(code, more));
  }

  #sinkOf(part: Part): Sink {
    const attachment = part.isAttachment ? this.#attachmentOf(part) : undefined;
    const text = part.isText ? this.#textOf(part) : undefined;
    let sink: Sink = attachment && text ? both(attachment, text) : (attachment ?? text ?? NOTHING);
    if (part.encoding === 'inline file') return new FileDecoder(sink);
    if (text && !attachment && !part.isHtml && part.encoding !== 'base64')
      sink = new InlineFiles(sink, (name) => this.#inlineFile(name));
    const decoder = decoderFor(part.encoding, sink);
    if (decoder instanceof Base64Decoder) this.#base64.push(decoder);
    return decoder;
  }

  #textOf(part: Part): TextCollector {
    const collector = new TextCollector({
      charset: part.charset,
      isHtml: part.isHtml,
      ...(part.flowed && { flowed: part.flowed }),
    });
    this.#texts.set(part, collector);
    return collector;
  }

  #attachmentOf(part: Part): Sink {
    const head = part.attachmentHead();
    this.#attached.push(part);
    const isDeclared =
      /^application\/(vnd\.)?ms-tnef$/.test(part.contentType) || /^winmail\.dat$/i.test(part.filename ?? '');
    const mayBe = isDeclared || (isUntyped(part) && LIKE_WINMAIL.test(part.filename ?? ''));
    const read = (bytes: Buffer) => (isDeclared || isTnef(bytes)) && this.#winmail(bytes);
    return this.#attachments.begin(head, mayBe ? read : undefined);
  }

  #inlineFile(name: string): Sink | undefined {
    if (this.#room.files < 1) {
      this.#note('TOO_MANY_FILES');
      return undefined;
    }
    this.#room.files--;
    return this.#attachments.begin(bare(name));
  }

  #winmail(bytes: Buffer): void {
    const work = this.#readTnef(bytes);
    while (bytes.length <= SMALL_TNEF && !this.#turn.isOver) if (work.next().done) return;
    this.#winmails.push(work);
  }

  async #unpack(): Promise<void> {
    for (let next = this.#winmails.shift(); next; next = this.#winmails.shift()) await this.#turn.run(next);
  }

  *#readTnef(bytes: Buffer): Generator<void, void> {
    try {
      if (bytes.length > MAX_TNEF) throw new Error(`larger than ${MAX_TNEF} bytes`);
      const { files, text, html, isCut, problem } = yield* readTnef(bytes, this.#room);
      if (isCut) this.#note('TOO_MANY_FILES');
      if (problem) this.#note('TNEF', problem);
      for (const { name, type, cid, content } of files) {
        const sink = this.#attachments.begin({
          ...bare(name),
          ...(type && { contentType: type }),
          ...(cid && { contentId: `<${cid}>`, cid }),
        });
        sink.write(content);
        sink.end();
        yield;
      }
      this.#found.push({ ...(text && { text }), ...(html && { html }) });
    } catch (error) {
      this.#note('TNEF', error instanceof Error ? error.message : String(error));
    }
  }
}

/** What gateways call a winmail.dat. */
const LIKE_WINMAIL = /^(winmail.{0,20}|att\d{1,10}|noname)\.dat$/i;

const isUntyped = ({ contentType }: Part): boolean => contentType === 'application/octet-stream';

/** A file that is no part of its own, and has no headers. */
function bare(name: string): AttachmentHead {
  const filename = name.slice(0, MAX_NAME);
  return { filename, contentType: typeByName(filename), headers: new Map(), partId: null };
}

function isWithinMessage(part: Part): boolean {
  for (let above = part.parent; above; above = above.parent) if (above.holdsMessage) return true;
  return false;
}

function isPartless(part: Part): boolean {
  return (part.isMultipart && part.children.length === 0) || part.children.some(isPartless);
}

import { Attachments } from './attachments';
import { authenticationOf } from './authentication';
import { MailError } from './error';
import { fieldsOf } from './fields';
import { inlineImages } from './images';
import { MAX_CONVERTED } from './limits';
import { LineEnds } from './line-ends';
import { load, loaded } from './mailparser';
import {
  type AttachmentMode,
  type MailContent,
  type MailMessage,
  type MailProblem,
  problem,
} from './message';
import { type ParsedMail, Parsing } from './parse';
import { replyOf } from './reply';
import { Abortable, eachChunk, HeadCutter } from './source';
import { Turn } from './turn';

export interface MailOptions {
  /** `parsed`: texts and attachments; `raw`: the bytes, and what the headers tell; `both`; `headers`: only these. */
  content: MailContent;
  attachments: AttachmentMode;
  /** For attachments `file`: the folder they go to. It is made when it is missing. */
  directory?: string;
  /** The group of the process may read these files too. */
  groupReadable?: boolean;
  /** True when the bytes are only what TOP gave. Without it, with content `headers`. */
  truncated?: boolean;
  /**
   * The same bytes can be had once more, so those of a large mail are not kept for the case that it cannot be parsed:
   * then it is to be read again without this.
   */
  comesAgain?: boolean;
  /** Servers whose Authentication-Results are believed (RFC 8601); without it, `mail.authentication` is absent. */
  trustedServers?: readonly string[];
  /** The new text of an answer is wanted too, without what it quotes. */
  reply?: boolean;
  /** How many bytes the mail has, as far as is known: memory for it is taken once. */
  bytes?: number;
  /** Gives up reading. */
  signal?: AbortSignal;
}

export interface ReadMail {
  message: MailMessage;
  /** The mail is not delivered after all: removes the files of its attachments. Never rejects. */
  discard(): Promise<void>;
}

/** Bytes kept of every mail until it is certain that it can be parsed: most mails are never read a second time. */
const MOST_KEPT = 1024 * 1024;

/**
 * Reads one mail (RFC 5322, MIME) while its bytes come in.
 *
 * The chunks are kept by reference until this settles, except those of large mails that can be read again. The source
 * is paused while the parser has enough, and closed by `return()` when reading ends before it does. A mail that cannot
 * be parsed is no error: its message holds the raw bytes, whatever was known, and the reason in `mail.problems`.
 *
 * @throws the very error of the source, or the reason of the signal, with nothing left behind
 * @throws MailError CONFIG when attachments are to be files and there is no directory; STORE when one could not be
 *   written; BYTES_NEEDED, only with `comesAgain`
 */
export async function readMail(bytes: AsyncIterable<Buffer>, options: MailOptions): Promise<ReadMail> {
  const withBody = options.content === 'parsed' || options.content === 'both';
  const toFiles = withBody && options.attachments === 'file';
  if (toFiles && !options.directory) {
    throw new MailError('CONFIG', 'Attachments are to be saved as files, but no directory is named');
  }
  const attachments = new Attachments(withBody ? options.attachments : 'none', options);
  const abortable = new Abortable(options.signal);
  // Where it is loaded already, no mail waits a turn for it.
  if (!loaded()) await load();
  const turn = new Turn();
  const parsing = new Parsing(attachments, options.bytes, turn);
  try {
    const kept = await feed(bytes, parsing, abortable, options);
    const parsed = await abortable.race(parsing.end());
    const composing = compose(parsed, options, withBody ? attachments : undefined, kept);
    const message = await abortable.race(turn.run(composing));
    return { message, discard: () => attachments.discard() };
  } catch (error) {
    await attachments.discard();
    throw error;
  } finally {
    abortable.close();
  }
}

interface Kept {
  /** Undefined where they were let go. */
  raw: Buffer[] | undefined;
  /** Bytes of the mail. */
  size: number;
}

/** Gives the parser what it is to see, and keeps what may be needed raw. */
async function feed(
  bytes: AsyncIterable<Buffer>,
  parsing: Parsing,
  abortable: Abortable,
  { content, comesAgain }: MailOptions,
): Promise<Kept> {
  let raw: Buffer[] | undefined = [];
  let size = 0;
  const mostKept = comesAgain && content === 'parsed' ? MOST_KEPT : Number.POSITIVE_INFINITY;
  let head = content === 'raw' || content === 'headers' ? new HeadCutter() : undefined;
  const headOnly = head !== undefined;
  const lineEnds = new LineEnds();
  await eachChunk(bytes, abortable, (chunk) => {
    size += chunk.length;
    const end = head?.write(chunk);
    const seen = headOnly ? (head ? chunk.subarray(0, end) : undefined) : chunk;
    if (end !== undefined) head = undefined;
    if (content !== 'headers') raw?.push(chunk);
    else if (seen) raw?.push(seen);
    if (size > mostKept) raw = undefined;
    return seen && parsing.write(lineEnds.write(seen));
  });
  await parsing.write(lineEnds.end());
  return { raw, size };
}

/** May be paused between its steps. */
function* compose(
  parsed: ParsedMail,
  options: MailOptions,
  attachments: Attachments | undefined,
  kept: Kept,
): Generator<void, MailMessage> {
  const truncated = options.truncated ?? options.content === 'headers';
  const hasFailed = attachments !== undefined && !truncated && parsed.isPartless;
  let whole: Buffer | undefined;
  if (hasFailed || options.content === 'raw' || options.content === 'both') {
    if (!kept.raw) throw new MailError('BYTES_NEEDED', 'The mail could not be parsed');
    whole = yield* joined(kept.raw);
  }
  kept.raw = undefined;
  const list = attachments?.list ?? [];
  yield;
  const shown = attachments && parsed.html !== undefined ? yield* inlineImages(parsed.html, list) : undefined;
  yield;
  const { topic, from, date, header, mail } = fieldsOf(parsed.fields.headers);
  mail.truncated = truncated;
  yield;
  if (options.trustedServers)
    mail.authentication = authenticationOf(parsed.lines, mail.from, options.trustedServers);
  yield;
  if (options.reply && attachments) mail.reply = replyOf(parsed.head.slice(0, MAX_CONVERTED));
  if (shown?.isCut) mail.problems.push(problem('IMAGES_LEFT_OUT'));
  mail.problems = problemsOf(kept.size, hasFailed, [...mail.problems, ...parsed.problems]);
  const message: MailMessage = {
    topic,
    payload: attachments ? parsed.text : '',
    from,
    header,
    attachments: list,
    mail,
  };
  if (shown) message.html = shown.html;
  if (date) message.date = date;
  if (whole) message.raw = whole;
  return message;
}

/** What was kept, in one piece; may be paused meanwhile. */
function* joined(chunks: Buffer[]): Generator<void, Buffer> {
  const whole = Buffer.allocUnsafeSlow(chunks.reduce((all, { length }) => all + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    at += chunk.copy(whole, at);
    yield;
  }
  return whole;
}

function problemsOf(size: number, hasFailed: boolean, others: MailProblem[]): MailProblem[] {
  if (!size) return [problem('EMPTY')];
  return hasFailed ? [problem('NOT_PARSED', 'parts without a boundary'), ...others] : others;
}

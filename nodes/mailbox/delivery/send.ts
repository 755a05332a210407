import { randomUUID } from 'node:crypto';
import { MailError, type MailOptions, type ReadMail, readMail } from '../../mail';
import type { RetrievedMail } from '../../pop3';
import { attemptsInVain } from '../attempts';
import type { ListedMail } from '../listing';
import type { Ledger } from '../store/ledger';
import type { DeliveredMail, Pop3Fields } from './pop3-fields';
import { ComeMail, readAhead } from './read-ahead';

/** How many intents are made durable at a time: one fsync for so many mails, and the most a power failure can repeat. */
export const INTENT_WINDOW = 64;

/** What was taken, for the summary. */
export interface Taken {
  /** Octets of the mail as it came. */
  bytes: number;
  redelivered: boolean;
}

/** A way for mails to get to the flow: it decides what is noted when, and when a mail counts as handled. */
export interface HandOver {
  /** How many mails may be fetched now. */
  room(): number;
  /** Whether the mail is already on its way and must not be fetched. */
  has(key: string): boolean;
  /** Told what a complete listing has. @throws MailboxError STORE */
  listed(keys: ReadonlySet<string>): Promise<void>;
  /** Told before the first of so many is fetched, in the order in which they come. @throws MailboxError STORE */
  expect(mails: ListedMail[]): Promise<void>;
  /** May read what comes before it is taken. `count`: how many mails come. */
  ahead(source: AsyncIterable<RetrievedMail>, count: number): AsyncIterable<RetrievedMail>;
  /**
   * Takes one mail. `whole` is false where only its headers come (TOP).
   * @throws what the body throws; nothing was handed over then. Where {@link needsItsBytes} is true of it, the mail is
   *   to be taken once more, from its start.
   */
  take(mail: ListedMail, body: AsyncIterable<Buffer>, whole: boolean): Promise<Taken>;
  /** Notes what is to be noted; called at the end of every check, whatever happened. @throws MailboxError STORE */
  end(): Promise<void>;
}

/** What every way of handing over needs. */
export interface HandOverParts {
  ledger: Ledger;
  /** How mails are read. */
  reading: Pick<MailOptions, 'content' | 'attachments' | 'directory'>;
  /** What `msg.pop3` says of every mail of this node. */
  origin: Pick<Pop3Fields, 'node' | 'user' | 'host'>;
  /**
   * Resolves when the mail has been sent and one turn of the event loop has passed.
   * @throws MailboxError `stopped` where something came between that is no mail's fault: it may have arrived, or not
   */
  deliver(mail: DeliveredMail): Promise<void>;
}

/**
 * `send`: a mail is handled when it has been sent. Intents are durable before the hand-over, a window at a time; done
 * is written mail by mail after it. So a crash of the process repeats at most one mail.
 */
export class SendHandOver implements HandOver {
  private readonly check = randomUUID();
  private intents: Intents | undefined;
  /** Large mails that could not be parsed: the next time their bytes are kept. */
  private readonly unparsed = new Set<string>();
  private readonly notes: Promise<unknown>[] = [];
  private noted: Promise<void> = Promise.resolve();

  constructor(
    private readonly parts: HandOverParts,
    private readonly signal: AbortSignal,
  ) {}

  room(): number {
    return Number.POSITIVE_INFINITY;
  }

  has(): boolean {
    return false;
  }

  async listed(): Promise<void> {
    // Whatever is listed comes from the server.
  }

  async expect(mails: ListedMail[]): Promise<void> {
    // What was left out of the mails before comes at its own place among these.
    await this.intents?.withdrawRest();
    this.intents = new Intents(this.parts.ledger, mails);
  }

  ahead(source: AsyncIterable<RetrievedMail>, count: number): AsyncIterable<RetrievedMail> {
    return readAhead(source, count, this.parts.reading, this.signal);
  }

  async take(mail: ListedMail, body: AsyncIterable<Buffer>, whole: boolean): Promise<Taken> {
    const { ledger, reading, origin, deliver } = this.parts;
    const counter = { bytes: 0 };
    let discard = (): Promise<void> => Promise.resolve();
    let handedOver = false;
    try {
      let message = body instanceof ComeMail ? await body.message() : undefined;
      if (message) counter.bytes = (body as ComeMail).octets;
      else {
        // A mail with which something has gone wrong before is not asked for twice in one check: that may be it.
        const comesAgain =
          !this.unparsed.has(mail.key) && attemptsInVain(ledger.openDelivery(mail.key)) === 0;
        const read = await readAs(counted(body, counter), reading, whole, this.signal, comesAgain);
        discard = read.discard;
        message = read.message;
      }
      const earlier = (await this.intents?.before(mail)) ?? 0;
      // At most one mail may be handed over and not noted: that is what a crash can repeat.
      await this.noted;
      this.signal.throwIfAborted();
      const redelivered = earlier > 0;
      const pop3: Pop3Fields = {
        ...origin,
        delivery: randomUUID(),
        uid: uidOf(mail),
        number: mail.number,
        size: whole ? counter.bytes : (mail.octets ?? counter.bytes),
        attempt: earlier + 1,
        redelivered,
        check: this.check,
      };
      handedOver = true;
      // From here on it may have been seen, whatever happens: the intent stands.
      this.intents?.handedOver(mail);
      await deliver(Object.assign(message, { pop3 }));
      this.noted = ledger.done(mail.key, isWhole(whole, reading) ? 'handled' : 'kept');
      // Whoever comes next hears of a refusal; until then it must not count as unhandled, which would end Node-RED.
      this.noted.catch(() => undefined);
      this.notes.push(this.noted);
      return { bytes: counter.bytes, redelivered };
    } catch (error) {
      if (needsItsBytes(error)) this.unparsed.add(mail.key);
      throw error;
    } finally {
      if (!handedOver) {
        await discard();
        // At once: the first mail that is noted and not done is the one on which the process has ended.
        await this.intents?.withdraw(mail);
      }
    }
  }

  async end(): Promise<void> {
    this.notes.push(this.intents?.withdrawRest() ?? Promise.resolve());
    // Every note is tried; a disk that refuses is one error for the check, and the lines stay queued.
    const refused = (await Promise.allSettled(this.notes)).find((note) => note.status === 'rejected');
    if (refused !== undefined) throw refused.reason;
  }
}

/** Makes intents durable a window ahead, so that no hand-over waits for the disk but the first. */
class Intents {
  private readonly windows: Promise<void>[] = [];
  private readonly place = new Map<string, number>();
  private readonly earlier = new Map<string, number>();
  private readonly outstanding = new Set<string>();

  constructor(
    private readonly ledger: Ledger,
    private readonly mails: ListedMail[],
  ) {
    for (const [index, mail] of mails.entries()) {
      this.place.set(mail.key, Math.floor(index / INTENT_WINDOW));
      // As it stood before this check noted its own intents.
      this.earlier.set(mail.key, ledger.openDelivery(mail.key)?.handedOver ?? 0);
    }
    this.begin(0);
  }

  /** Resolves when the mail may be handed over, with the number of earlier hand-overs that may have happened. */
  async before(mail: ListedMail): Promise<number> {
    const window = this.place.get(mail.key) ?? 0;
    // Mails come in order; a whole window of failures may have been skipped.
    for (let index = this.windows.length; index <= window + 1; index += 1) this.begin(index);
    await this.windows[window];
    return this.earlier.get(mail.key) ?? 0;
  }

  handedOver(mail: ListedMail): void {
    this.outstanding.delete(mail.key);
  }

  /** A mail that was certainly not handed over. Never rejects: a disk that refuses is told of by the next note. */
  async withdraw(mail: ListedMail): Promise<void> {
    await this.windows[this.place.get(mail.key) ?? 0]?.catch(() => undefined);
    if (this.outstanding.delete(mail.key)) await this.ledger.withdraw([mail.key]).catch(() => undefined);
  }

  /** What was noted and not handed over: an orderly stop or a failed fetch is no hand-over. */
  async withdrawRest(): Promise<void> {
    await Promise.allSettled(this.windows);
    const rest = [...this.outstanding];
    this.outstanding.clear();
    await this.ledger.withdraw(rest);
  }

  private begin(index: number): void {
    const keys = this.mails.slice(index * INTENT_WINDOW, (index + 1) * INTENT_WINDOW).map((mail) => mail.key);
    const durable =
      keys.length === 0
        ? Promise.resolve()
        : this.ledger.intend(keys).then(() => {
            for (const key of keys) this.outstanding.add(key);
          });
    // Whoever needs the window hears of it; until then it must not count as unhandled.
    durable.catch(() => undefined);
    this.windows[index] = durable;
  }
}

/** Reads a mail as the node is set up, or only its headers where only those came. */
export function readAs(
  bytes: AsyncIterable<Buffer>,
  reading: HandOverParts['reading'],
  whole: boolean,
  signal: AbortSignal,
  comesAgain = false,
): Promise<ReadMail> {
  return readMail(
    bytes,
    whole ? { ...reading, comesAgain, signal } : { content: 'headers', attachments: 'none', signal },
  );
}

/** Reads a mail that can be had again: should it be large and not to be parsed, a second time, for its bytes. */
export async function readTwice(
  open: () => AsyncIterable<Buffer>,
  reading: HandOverParts['reading'],
  whole: boolean,
  signal: AbortSignal,
): Promise<ReadMail> {
  try {
    return await readAs(open(), reading, whole, signal, true);
  } catch (error) {
    if (!needsItsBytes(error)) throw error;
    return readAs(open(), reading, whole, signal);
  }
}

/** True of a large mail that could not be parsed: it is delivered raw, and its bytes were let go meanwhile. */
export const needsItsBytes = (error: unknown): boolean =>
  error instanceof MailError && error.code === 'BYTES_NEEDED';

/** Only what was handed over whole may ever be deleted. */
export const isWhole = (whole: boolean, { content }: HandOverParts['reading']): boolean =>
  whole && content !== 'headers';

/** The unique-id; where the server gave none, the digest that stands for it. */
export const uidOf = (mail: Pick<ListedMail, 'uid' | 'key'>): string => mail.uid ?? mail.key.slice(1);

export async function* counted(
  body: AsyncIterable<Buffer>,
  counter: { bytes: number },
): AsyncIterable<Buffer> {
  for await (const chunk of body) {
    counter.bytes += chunk.length;
    yield chunk;
  }
}

// Longer than 300 lines because what a refused or broken download means shows only beside the others of its check.
import { MailError } from '../mail';
import { type Pop3Client, Pop3Error, type RetrievedMail } from '../pop3';
import type { CheckContext, CheckSummary, Recognized } from './check-context';
import { judgeClockBy } from './clock-trust';
import type { ReceivedMail } from './delivery/received-mail';
import { mustDownloadAgain } from './delivery/received-mail';
import { MailboxError } from './errors';
import { failedAttempts, hasFailed, quarantine, recordFailure } from './failures';
import { asMailboxError, concernsOneMail, refusesForNow } from './from-pop3';
import { markOf } from './identify';
import type { ListedMail } from './listing';

/** A mail that is downloaded to see whether the server gives any: the smallest known one, up to this size, bytes. */
const LARGEST_PROBE = 256 * 1024;

/**
 * Downloads and delivers mails, one after the other in the server's order, while the next ones are on their way.
 *
 * In rounds, as the flow has room for them.
 */
export async function download(
  context: CheckContext,
  client: Pop3Client,
  mails: { wanted: ListedMail[]; listing: ListedMail[]; since: number },
  summary: CheckSummary,
  recognized: Recognized,
): Promise<Downloads> {
  if (mails.wanted.length === 0) return { left: 0 };
  return new Download(context, client, mails.listing, summary, recognized).run(mails.wanted, mails.since);
}

export interface Downloads {
  /** What keeps the server from giving mail, where that is no mail's fault: the rest of the check continues. */
  trouble?: MailboxError | undefined;
  /** Mails that were not asked for, since the flow is busy. */
  left: number;
}

interface Refused {
  mail: ListedMail;
  error: unknown;
}

/** The downloads of one check. */
class Download {
  readonly #context: CheckContext;
  readonly #client: Pop3Client;
  readonly #listing: ListedMail[];
  readonly #summary: CheckSummary;
  readonly #recognized: Recognized;
  #done = 0;
  #total = 0;
  /** Errors that ended the session and were looked at already. */
  readonly #seen = new Set<unknown>();
  /** Only their headers are downloaded: too large, or the node wants no more. */
  #headers: ListedMail[] = [];
  /** The same, whose TOP was refused: a server without TOP gives the headers with the rest. */
  #headersByRetrieval: ListedMail[] = [];
  /** To be downloaded once more, behind the others, which are on their way already. */
  #again: ListedMail[] = [];
  /** Refused, and no mail has come since: it may be the mail or the mailbox. */
  #refused: Refused[] = [];
  #last: ListedMail | undefined;

  constructor(
    context: CheckContext,
    client: Pop3Client,
    listing: ListedMail[],
    summary: CheckSummary,
    recognized: Recognized,
  ) {
    this.#context = context;
    this.#client = client;
    this.#listing = listing;
    this.#summary = summary;
    this.#recognized = recognized;
  }

  async run(mails: ListedMail[], since: number): Promise<Downloads> {
    const { delivery, doubted, unidentifiable, ledger, isWanted = () => false } = this.#context;
    const hold = { since, keepAlive: () => this.#client.noop(), isWanted };
    this.#total = mails.length;
    // A mail at which a session has ended comes last: if it is the one, the others come first.
    const endedSession = (mail: ListedMail): boolean =>
      doubted.has(mail.key) || unidentifiable.has(markOf(mail));
    const ordered = [
      ...mails.filter((mail) => !endedSession(mail)),
      ...mails.filter((mail) => endedSession(mail)),
    ];
    let begun = 0;
    let trouble: MailboxError | undefined;
    while (begun < ordered.length && trouble === undefined && !ledger.isPaused) {
      const { room, redelivered } = await delivery.awaitRoom(hold);
      this.#summary.delivered += redelivered;
      this.#summary.redelivered += redelivered;
      if (room === 0) break;
      const round = ordered.slice(begun, begun + room);
      begun += round.length;
      trouble = await this.#round(round);
    }
    return { trouble, left: ordered.length - begun };
  }

  async #round(mails: ListedMail[]): Promise<MailboxError | undefined> {
    const { settings, delivery, onProgress } = this.#context;
    const whole: ListedMail[] = [];
    for (const mail of mails) {
      if (settings.maxSize > 0 && (mail.bytes ?? 0) > settings.maxSize) await this.#tooLarge(mail);
      else if (settings.content === 'headers') this.#headers.push(mail);
      else whole.push(mail);
    }
    this.#total -= mails.length - whole.length - this.#headers.length;
    await delivery.expect(whole);
    onProgress(this.#done, this.#total);
    await this.#retrieve(whole, true);
    const again = this.#again.splice(0);
    if (again.length > 0) {
      await delivery.expect(again);
      await this.#retrieve(again, false);
    }
    if (this.#headers.length > 0) {
      const headers = this.#headers;
      this.#headers = [];
      await delivery.expect(headers);
      const source = this.#client.top(numbersOf(headers), 0);
      await this.#deliverEach(headers, source, { whole: false, canDownloadAgain: () => false });
    }
    const withRest = this.#headersByRetrieval.splice(0);
    if (withRest.length > 0) {
      await delivery.expect(withRest);
      const source = this.#client.retrieve(numbersOf(withRest));
      await this.#deliverEach(withRest, source, { whole: false, canDownloadAgain: () => false });
    }
    return this.#judge();
  }

  #retrieve(mails: ListedMail[], once: boolean): Promise<void> {
    const { ledger } = this.#context;
    // A mail that has failed before is not downloaded twice in one check: that may be what ends it.
    const canDownloadAgain = ({ key }: ListedMail): boolean =>
      once && failedAttempts(ledger.openDelivery(key)) === 0;
    return this.#deliverEach(mails, this.#client.retrieve(numbersOf(mails)), {
      whole: true,
      canDownloadAgain,
    });
  }

  async #deliverEach(
    mails: ListedMail[],
    source: AsyncIterable<RetrievedMail>,
    how: { whole: boolean; canDownloadAgain(mail: ListedMail): boolean },
  ): Promise<void> {
    const waiting = new Map<number, ListedMail>();
    for (const mail of mails) waiting.set(mail.number, mail);
    const receipt = {
      whole: how.whole,
      estimated: this.#client.estimatesSizes,
      listed: (number: number) => waiting.get(number)?.bytes,
      canDownloadAgain: (number: number) => {
        const mail = waiting.get(number);
        return mail !== undefined && how.canDownloadAgain(mail);
      },
    };
    try {
      for await (const { number, received } of this.#context.delivery.receive(source, receipt)) {
        const mail = waiting.get(number);
        if (mail === undefined) continue;
        waiting.delete(number);
        await this.#deliver(mail, received);
      }
    } catch (error) {
      const [mail] = waiting.values();
      if (!this.#seen.has(error)) await this.#sessionEnded(mail, error);
      throw error;
    }
  }

  async #deliver(mail: ListedMail, received: ReceivedMail): Promise<void> {
    const { delivery, onProgress } = this.#context;
    try {
      const { bytes, redelivered } = await delivery.deliver(mail, received);
      this.#summary.fetched += 1;
      this.#summary.bytes += bytes;
      this.#summary.delivered += 1;
      if (redelivered) this.#summary.redelivered += 1;
      await this.#came(mail, received);
    } catch (error) {
      if (mustDownloadAgain(error)) {
        this.#again.push(mail);
        return;
      }
      // LIST understates at some servers (quirk 15), so the limit may be met only on the way.
      if (received.whole && error instanceof Pop3Error && error.reason === 'mail-too-large') {
        await this.#tooLarge(mail);
        return;
      }
      if (this.#mayComeWithRest(mail, received, error)) {
        this.#headersByRetrieval.push(mail);
        return;
      }
      await this.#failed(mail, error);
    }
    this.#done += 1;
    onProgress(this.#done, this.#total);
  }

  /** True where TOP was refused for a mail that is not too large to be downloaded whole. */
  #mayComeWithRest(mail: ListedMail, { whole }: ReceivedMail, error: unknown): boolean {
    const { maxSize } = this.#context.settings;
    if (whole || !(error instanceof Pop3Error) || error.command !== 'TOP' || error.code !== 'REFUSED')
      return false;
    return maxSize === 0 || (mail.bytes !== undefined && mail.bytes <= maxSize);
  }

  /** A mail came, so what was refused before it was refused for itself. */
  async #came(mail: ListedMail, received: ReceivedMail): Promise<void> {
    const { whole, incomplete } = received;
    this.#last = mail;
    this.#context.doubted.delete(mail.key);
    if (whole) this.#recognized.identified.add(mail.key);
    if (incomplete) this.#reportIncomplete(mail);
    if (this.#context.settings.after === 'expire') await judgeClockBy(received.receivedAt, this.#context);
    for (const { mail, error } of this.#refused.splice(0)) await this.#count(mail, error);
  }

  async #tooLarge(mail: ListedMail): Promise<void> {
    if (this.#context.settings.oversize === 'headers') this.#headers.push(mail);
    else {
      const identity = mail.bytes === undefined ? {} : { bytes: mail.bytes };
      await this.#context.ledger.markDone(mail.key, 'kept', identity);
      this.#summary.skipped += 1;
    }
  }

  /** One mail was not delivered; throws again what concerns more than that. */
  async #failed(mail: ListedMail, error: unknown): Promise<void> {
    if (this.#context.signal.aborted || concernsNode(error)) {
      this.#seen.add(error);
      throw error;
    }
    if (error instanceof Pop3Error && concernsOneMail(error) && error.code !== 'LIMIT') {
      this.#refused.push({ mail, error });
      return;
    }
    if (error instanceof Pop3Error && !concernsOneMail(error)) {
      await this.#sessionEnded(mail, error);
      throw error;
    }
    await this.#count(mail, error);
  }

  /** Counts a failure against a mail: others came, it did not. */
  async #count(mail: ListedMail, error: unknown): Promise<void> {
    const context = this.#context;
    const { ledger, settings, now } = context;
    this.#summary.failed += 1;
    const { maxAttempts } = settings;
    if (await recordFailure(ledger, mail.key, { cause: error, maxAttempts, now: now() })) {
      const facts = { last: 'failed', bytes: mail.bytes ?? 0, cause: error } as const;
      await quarantine({ ...context, origin: settings }, mail, facts);
    }
  }

  /**
   * The session ended at this mail. It is suspected only where others came before it in this session, or where it has
   * failed before; else it waits behind the others the next time.
   */
  async #sessionEnded(mail: ListedMail | undefined, error: unknown): Promise<void> {
    this.#seen.add(error);
    const { ledger, doubted, signal } = this.#context;
    if (signal.aborted || concernsNode(error)) return;
    if (error instanceof Pop3Error && error.code === 'PROTOCOL') {
      // What the server sent after the end of a mail may be the rest of it: a server that does not stuff dots.
      await this.#doubtLast(error);
      return;
    }
    if (mail === undefined || !(error instanceof Pop3Error)) return;
    const evidence = this.#summary.delivered > 0 || hasFailed(ledger.openDelivery(mail.key));
    if (evidence) await this.#count(mail, error);
    else doubted.add(mail.key);
  }

  /** The mail that came last may not have come whole: it stays on the server. */
  async #doubtLast(error: Pop3Error): Promise<void> {
    const last = this.#last;
    const { ledger } = this.#context;
    if (last === undefined || ledger.state(last.key) !== 'processed') return;
    await ledger.markDone(last.key, 'kept', { ...ledger.identity(last.key) });
    this.#reportIncomplete(last, error);
  }

  #reportIncomplete(mail: ListedMail, cause?: unknown): void {
    this.#recognized.identified.delete(mail.key);
    this.#context.onIncomplete(mail, cause);
  }

  /** What was refused at the end, with no mail after it: is it these mails, or does the server give none? */
  async #judge(): Promise<MailboxError | undefined> {
    const refused = this.#refused.splice(0);
    const [first] = refused;
    if (first === undefined) return undefined;
    const forNow = refused.find(({ error }) => refusesForNow(error));
    const given = forNow === undefined ? await this.#isAnyGiven(refused) : false;
    let trouble: MailboxError | undefined;
    for (const { mail, error } of refused) {
      const failedBefore = hasFailed(this.#context.ledger.openDelivery(mail.key));
      if (given === true || (given === undefined && failedBefore)) await this.#count(mail, error);
      else trouble ??= mailboxRefuses(forNow?.error ?? error);
    }
    return trouble;
  }

  /** Asks for a mail that is known to come. Undefined where there is none. */
  async #isAnyGiven(refused: Refused[]): Promise<boolean | undefined> {
    const { ledger, settings } = this.#context;
    if (settings.service === 'google') return undefined;
    const failed = new Set(refused.map(({ mail }) => mail.key));
    const [probe] = this.#listing
      .filter(({ key, bytes = 0 }) => !failed.has(key) && bytes <= LARGEST_PROBE)
      .filter(
        ({ key }) => ['processed', 'baseline'].includes(ledger.state(key) ?? '') || key === this.#last?.key,
      )
      .sort((a, b) => (a.bytes ?? 0) - (b.bytes ?? 0));
    if (probe === undefined) return undefined;
    this.#recognized.retrieved = true;
    for await (const { body } of this.#client.retrieve([probe.number])) {
      try {
        for await (const _ of body);
        return true;
      } catch (error) {
        if (!concernsOneMail(error)) throw error;
      }
    }
    return false;
  }
}

const numbersOf = (mails: ListedMail[]): number[] => mails.map(({ number }) => number);

/** The server gives no mail at all: in its own words, and to be tried again. */
function mailboxRefuses(error: unknown): MailboxError {
  const { facts, retryAfterMs } = asMailboxError(error);
  return new MailboxError('SYS_TEMP', 'downloads-refused', {
    facts,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    cause: error,
  });
}

/** A disk that is full, a folder that is missing: no mail's fault. */
function concernsNode(error: unknown): boolean {
  return (
    error instanceof MailboxError || (error instanceof MailError && ['STORE', 'CONFIG'].includes(error.code))
  );
}

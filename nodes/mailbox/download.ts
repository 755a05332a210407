import { MailError } from '../mail';
import { type Pop3Client, Pop3Error, type RetrievedMail } from '../pop3';
import type { CheckContext, CheckSummary } from './check-context';
import type { ReceivedMail } from './delivery/received-mail';
import { mustDownloadAgain } from './delivery/received-mail';
import { MailboxError } from './errors';
import { failedAttempts, quarantine, recordFailure } from './failures';
import { concernsOneMail } from './from-pop3';
import type { ListedMail } from './listing';

/** Downloads and delivers mails, one after the other in the server's order, while the next ones are on their way. */
export async function download(
  context: CheckContext,
  client: Pop3Client,
  mails: ListedMail[],
  summary: CheckSummary,
): Promise<void> {
  if (mails.length > 0) await new Download(context, client, summary).run(mails);
}

/** The downloads of one check. */
class Download {
  private done = 0;
  private total = 0;
  /** Errors that were counted against a mail already. */
  private readonly counted = new Set<unknown>();
  /** Only their headers are downloaded: too large, or the node wants no more. */
  private readonly headers: ListedMail[] = [];
  /** To be downloaded once more, behind the others, which are on their way already. */
  private again: ListedMail[] = [];

  constructor(
    private readonly context: CheckContext,
    private readonly client: Pop3Client,
    private readonly summary: CheckSummary,
  ) {}

  async run(mails: ListedMail[]): Promise<void> {
    const { settings, delivery, onProgress } = this.context;
    const whole: ListedMail[] = [];
    for (const mail of mails) {
      if (settings.maxSize > 0 && (mail.bytes ?? 0) > settings.maxSize) await this.tooLarge(mail);
      else if (settings.content === 'headers') this.headers.push(mail);
      else whole.push(mail);
    }
    this.total = whole.length + this.headers.length;
    await delivery.expect(whole);
    onProgress(this.done, this.total);
    await this.retrieve(whole, true);
    const again = this.again.splice(0);
    if (again.length > 0) {
      await delivery.expect(again);
      await this.retrieve(again, false);
    }
    if (this.headers.length === 0) return;
    await delivery.expect(this.headers);
    const source = this.client.top(numbersOf(this.headers), 0);
    await this.deliverEach(this.headers, source, { whole: false, canDownloadAgain: () => false });
  }

  private retrieve(mails: ListedMail[], mayComeAgain: boolean): Promise<void> {
    const { ledger } = this.context;
    const keys = new Map(mails.map(({ number, key }) => [number, key]));
    // A mail that has failed before is not downloaded twice in one check: that may be what ends it.
    const canDownloadAgain = (number: number): boolean =>
      mayComeAgain && failedAttempts(ledger.openDelivery(keys.get(number) ?? '')) === 0;
    return this.deliverEach(mails, this.client.retrieve(numbersOf(mails)), { whole: true, canDownloadAgain });
  }

  private async deliverEach(
    mails: ListedMail[],
    source: AsyncIterable<RetrievedMail>,
    how: { whole: boolean; canDownloadAgain(number: number): boolean },
  ): Promise<void> {
    const waiting = new Map(mails.map((mail) => [mail.number, mail]));
    try {
      const receipt = { ...how, count: mails.length };
      for await (const { number, received } of this.context.delivery.receive(source, receipt)) {
        const mail = waiting.get(number);
        if (mail === undefined) continue;
        waiting.delete(number);
        await this.deliver(mail, received);
      }
    } catch (error) {
      // A server that closes the connection at the RETR of one mail, each time, must not hold up the others for ever.
      const [mail] = waiting.values();
      if (mail !== undefined && !this.counted.has(error)) await this.failed(mail, error);
      throw error;
    }
  }

  private async deliver(mail: ListedMail, received: ReceivedMail): Promise<void> {
    const { delivery, onProgress } = this.context;
    try {
      const { bytes, redelivered } = await delivery.deliver(mail, received);
      this.summary.fetched += 1;
      this.summary.bytes += bytes;
      this.summary.delivered += 1;
      if (redelivered) this.summary.redelivered += 1;
    } catch (error) {
      if (mustDownloadAgain(error)) {
        this.again.push(mail);
        return;
      }
      // LIST understates at some servers (quirk 15), so the limit may be met only on the way.
      if (received.whole && error instanceof Pop3Error && error.hint === 'mail-too-large') {
        await this.tooLarge(mail);
        return;
      }
      await this.failed(mail, error);
    }
    this.done += 1;
    onProgress(this.done, this.total);
  }

  private async tooLarge(mail: ListedMail): Promise<void> {
    if (this.context.settings.oversize === 'headers') this.headers.push(mail);
    else {
      await this.context.ledger.markDone(mail.key, 'kept');
      this.summary.skipped += 1;
    }
  }

  /** Counts a failure against the mail it concerns; throws again what concerns more than that. */
  private async failed(mail: ListedMail, error: unknown): Promise<void> {
    this.counted.add(error);
    const { context } = this;
    const { ledger, settings, signal, now } = context;
    if (signal.aborted || concernsNode(error)) throw error;
    this.summary.failed += 1;
    const { maxAttempts } = settings;
    if (await recordFailure(ledger, mail.key, { cause: error, maxAttempts, now: now() })) {
      const facts = { last: 'failed', bytes: mail.bytes ?? 0, cause: error } as const;
      await quarantine({ ...context, origin: settings }, mail, facts);
    }
    if (error instanceof Pop3Error && !concernsOneMail(error)) throw error;
  }
}

const numbersOf = (mails: ListedMail[]): number[] => mails.map(({ number }) => number);

/** A disk that is full, a folder that is missing: no mail's fault. */
function concernsNode(error: unknown): boolean {
  return (
    error instanceof MailboxError || (error instanceof MailError && ['STORE', 'CONFIG'].includes(error.code))
  );
}

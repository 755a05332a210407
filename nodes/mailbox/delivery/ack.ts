import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock';
import type { RetrievedMail } from '../../pop3';
import { attemptsInVain, dueAt, endsTheProcess, poison } from '../attempts';
import { MailboxError } from '../errors';
import type { ListedMail } from '../listing';
import { retryAfterFailure } from '../rhythm';
import type { Ledger } from '../store/ledger';
import { type Spool, type SpooledMail, spooledMailGone, spoolName } from '../store/spool';
import type { Pop3Fields } from './pop3-fields';
import { counted, type HandOver, type HandOverParts, isWhole, readTwice, type Taken, uidOf } from './send';

/** How long a mail that may have ended the process is alone with the flow, ms: what ends it does so soon. */
const ALONE_MS = 10_000;

export interface AckSettings {
  /** Seconds a flow has for a mail. */
  ackTimeout: number;
  maxAttempts: number;
  /** Mails handed over and not settled, at most: what a crash can repeat. */
  maxInFlight: number;
}

export interface AckParts extends HandOverParts {
  settings: AckSettings;
  spool: Spool;
  clock: Clock;
  /** Something can be handed over now that could not before. */
  onRoom(): void;
  onSetAside(error: MailboxError, pop3: Pop3Fields, raw?: Buffer): void;
  /** What went wrong where nobody waits for it. */
  onError(error: unknown): void;
}

/** What became of an acknowledgement. */
export type Settlement = 'settled' | 'late' | 'unknown';

interface Flight {
  delivery: string;
  pop3: Pop3Fields;
  timer: unknown;
}

/**
 * `ack`: a mail is handled when the flow has said so. Its bytes wait in the spool and come again from there: after a
 * failure, after a time-out, after a restart. The server is not asked twice, and no session waits for the flow.
 */
export class AckHandOver implements HandOver {
  /** By key; an entry without delivery is one being prepared. */
  private readonly flights = new Map<string, Flight | undefined>();
  private readonly check = randomUUID();
  private readonly stopping = new AbortController();
  private retryTimer: unknown;
  /** The suspected mail that is with the flow, and nothing comes after it for a while. */
  private alone: { key: string; timer: unknown } | undefined;

  constructor(private readonly parts: AckParts) {}

  /** What it notes in. */
  get ledger(): Ledger {
    return this.parts.ledger;
  }

  room(): number {
    return this.stopping.signal.aborted || this.alone !== undefined
      ? 0
      : Math.max(0, this.parts.settings.maxInFlight - this.flights.size);
  }

  /** Mails handed over and not settled. */
  get inFlight(): number {
    return this.flights.size;
  }

  /** Mails not settled, whether the flow has them or they wait for their next attempt. */
  get unsettled(): number {
    return this.parts.spool.size;
  }

  has(key: string): boolean {
    return this.flights.has(key) || this.parts.spool.get(key) !== undefined;
  }

  /** What the flow has had, and neither the spool nor the server has any more, cannot come again: that is reported once. */
  async listed(keys: ReadonlySet<string>): Promise<void> {
    const { ledger, spool, onSetAside } = this.parts;
    for (const key of [...ledger.unsettled()]) {
      if (keys.has(key) || this.has(key)) continue;
      const mail = { key, uid: uidOf({ key }), number: 0, bytes: 0, whole: true };
      const attempts = ledger.openDelivery(key)?.handedOver ?? 0;
      onSetAside(spooledMailGone(spool.place, mail.uid), this.fieldsOf(mail, '', attempts));
      await ledger.lost(key);
    }
  }

  async expect(): Promise<void> {
    // Each mail is noted by itself, when its bytes are safe.
  }

  ahead(source: AsyncIterable<RetrievedMail>): AsyncIterable<RetrievedMail> {
    // What is read comes from the spool, and is never much.
    return source;
  }

  async take(mail: ListedMail, body: AsyncIterable<Buffer>, whole: boolean): Promise<Taken> {
    const counter = { bytes: 0 };
    await this.parts.spool.put(mail, counted(body, counter), () => ({ whole }));
    const redelivered = await this.handOver(mail.key);
    return { bytes: counter.bytes, redelivered };
  }

  async end(): Promise<void> {
    // Before the session ends: what the server may show no more is in the spool then, whatever happens.
    await this.parts.spool.sync();
  }

  /** Hands over what waits in the spool, as far as there is room; says how many came again. */
  async again(): Promise<number> {
    const { ledger, spool, clock, settings } = this.parts;
    let count = 0;
    for (const mail of this.suspectsFirst()) {
      const { key } = mail;
      if (this.room() === 0) break;
      if (this.flights.has(key)) continue;
      const delivery = ledger.openDelivery(key);
      // Set aside, and the process ended before anybody can have heard of it for certain.
      if (ledger.state(key) === 'set-aside') await this.unlessGone(key, () => this.tellSetAside(mail));
      // Settled, and the process ended before the file was removed.
      else if (ledger.known(key)) await spool.remove(key);
      else if (endsTheProcess(delivery, settings.maxAttempts)) {
        const pop3 = this.fieldsOf(mail, '', attemptsInVain(delivery));
        await this.unlessGone(key, () => this.setAside(mail, 'ended', pop3));
      } else if (dueAt(delivery, clock.now()) <= clock.now()) {
        if (await this.unlessGone(key, () => this.handOver(key))) count += 1;
      }
    }
    this.armRetry();
    return count;
  }

  /**
   * The flow's word about a delivery. The first `done` of any attempt settles; `failed` counts only for the present
   * one, since an older attempt's failure has been answered by a newer attempt already.
   */
  async settle(delivery: string, outcome: 'done' | 'failed'): Promise<Settlement> {
    const mail = this.parts.spool.named(delivery.split('-', 1)[0] ?? '');
    if (mail === undefined) return 'unknown';
    const flight = this.flights.get(mail.key);
    if (outcome === 'failed') {
      if (flight?.delivery !== delivery) return 'late';
      await this.failed(mail, flight, 'flow-failed');
      return 'settled';
    }
    this.land(mail.key);
    await this.parts.ledger.done(mail.key, isWhole(mail.whole, this.parts.reading) ? 'handled' : 'kept');
    await this.parts.spool.remove(mail.key);
    this.parts.onRoom();
    return 'settled';
  }

  /** Ends all waiting. What is unsettled stays in the spool: an orderly stop is no attempt. */
  stop(): void {
    this.stopping.abort();
    this.parts.clock.clearTimeout(this.retryTimer);
    this.parts.clock.clearTimeout(this.alone?.timer);
    for (const key of [...this.flights.keys()]) this.land(key);
  }

  private async handOver(key: string): Promise<boolean> {
    const { ledger, spool, reading, deliver, clock, settings } = this.parts;
    const { signal } = this.stopping;
    const mail = spool.get(key);
    if (mail === undefined) throw new TypeError('a mail that is not in the spool');
    // Its place is taken before the first await, so that two at once never exceed the limit.
    this.flights.set(key, undefined);
    let intended = false;
    try {
      const earlier = ledger.openDelivery(key)?.handedOver ?? 0;
      const suspected = ledger.openDelivery(key)?.suspected ?? false;
      // Before it is read: a mail may end the process by that alone.
      await ledger.intend([key]);
      intended = true;
      const { message } = await readTwice(() => spool.read(key), reading, mail.whole, signal);
      const delivery = `${spoolName(key)}-${earlier + 1}-${randomBytes(6).toString('hex')}`;
      const pop3 = this.fieldsOf(mail, delivery, earlier + 1);
      signal.throwIfAborted();
      const timer = clock.setTimeout(() => this.timedOut(mail, delivery), settings.ackTimeout * 1000);
      this.flights.set(key, { delivery, pop3, timer });
      if (suspected) this.leaveAlone(key);
      intended = false;
      await deliver(Object.assign(message, { pop3 }));
      return pop3.redelivered;
    } catch (error) {
      this.land(key);
      if (intended) await ledger.withdraw([key]);
      throw error;
    }
  }

  /** False where the mail's bytes are no longer there: it is fetched again, where the server still has it. */
  private async unlessGone(key: string, run: () => Promise<unknown>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      if (!(error instanceof MailboxError) || error.reason !== 'spooled-mail-gone') throw error;
      this.parts.spool.forget(key);
      return false;
    }
  }

  private fieldsOf({ uid, number, bytes: size }: SpooledMail, delivery: string, attempt: number): Pop3Fields {
    const redelivered = attempt > 1;
    return { ...this.parts.origin, delivery, uid, number, size, attempt, redelivered, check: this.check };
  }

  private suspectsFirst(): SpooledMail[] {
    const { ledger, spool } = this.parts;
    const suspected = ({ key }: SpooledMail): boolean => ledger.openDelivery(key)?.suspected ?? false;
    const all = spool.all();
    return [...all.filter(suspected), ...all.filter((mail) => !suspected(mail))];
  }

  /** Nothing else is handed over until the flow is done with this one, or has had it for a while and lives. */
  private leaveAlone(key: string): void {
    const { ledger, clock, onError, onRoom } = this.parts;
    const timer = clock.setTimeout(() => {
      this.alone = undefined;
      ledger.survived(key).catch(onError);
      onRoom();
    }, ALONE_MS);
    this.alone = { key, timer };
  }

  private timedOut(mail: SpooledMail, delivery: string): void {
    const flight = this.flights.get(mail.key);
    if (flight?.delivery !== delivery) return;
    this.failed(mail, flight, 'ack-timeout').catch(this.parts.onError);
  }

  private async failed(mail: SpooledMail, flight: Flight, why: string): Promise<void> {
    const { ledger, settings, clock, onRoom } = this.parts;
    this.land(mail.key);
    const failures = attemptsInVain(ledger.openDelivery(mail.key)) + 1;
    await ledger.failed(mail.key, clock.now() + retryAfterFailure(failures));
    if (failures >= settings.maxAttempts)
      await this.unlessGone(mail.key, () => this.setAside(mail, 'failed', flight.pop3, why));
    this.armRetry();
    onRoom();
  }

  private async setAside(
    mail: SpooledMail,
    last: 'failed' | 'ended',
    pop3: Pop3Fields,
    why?: string,
  ): Promise<void> {
    const { ledger, spool, onSetAside } = this.parts;
    const attempts = attemptsInVain(ledger.openDelivery(mail.key));
    const raw = await bytesOf(spool.read(mail.key));
    await ledger.done(mail.key, 'set-aside');
    onSetAside(poison(last, { uid: mail.uid, attempts, ...(why !== undefined && { why }) }), pop3, raw);
    // Last of all: the server may not show these bytes again.
    await spool.remove(mail.key);
  }

  private async tellSetAside(mail: SpooledMail): Promise<void> {
    const { spool, settings, onSetAside } = this.parts;
    const attempts = settings.maxAttempts;
    const raw = await bytesOf(spool.read(mail.key));
    onSetAside(poison('failed', { uid: mail.uid, attempts }), this.fieldsOf(mail, '', attempts), raw);
    await spool.remove(mail.key);
  }

  private land(key: string): void {
    if (this.alone?.key === key) {
      this.parts.clock.clearTimeout(this.alone.timer);
      this.alone = undefined;
    }
    const flight = this.flights.get(key);
    if (flight !== undefined) this.parts.clock.clearTimeout(flight.timer);
    this.flights.delete(key);
  }

  /** Wakes when the next mail of the spool may be tried again. */
  private armRetry(): void {
    const { ledger, spool, clock, onRoom } = this.parts;
    clock.clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
    if (this.stopping.signal.aborted) return;
    const next = spool
      .all()
      .filter(({ key }) => !this.flights.has(key))
      .map(({ key }) => dueAt(ledger.openDelivery(key), clock.now()))
      .reduce((first, at) => Math.min(first, at), Number.POSITIVE_INFINITY);
    if (next === Number.POSITIVE_INFINITY) return;
    // One second at least: what is due at once is handed over as soon as there is room, not by this timer.
    this.retryTimer = clock.setTimeout(onRoom, Math.max(1000, next - clock.now()));
  }
}

async function bytesOf(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock';
import { lazily } from '../../base/lazy';
import { Stop } from '../../base/stop';
import type { RetrievedMail } from '../../pop3';
import { MailboxError, stopped } from '../errors';
import {
  crashesProcess,
  dueAt,
  type OnQuarantined,
  type OnStillQuarantined,
  quarantine,
  recordFailure,
} from '../failures';
import type { ListedMail } from '../listing';
import { type Spool, type SpooledMail, spooledBytes, spoolName } from '../store/spool';
import {
  type Acknowledgement,
  type AckOutcome,
  type AckSettings,
  factsOf,
  isRecordedApart,
  recordApart,
} from './acknowledgement';
import { type Delivered, type Delivery, type DeliveryParts, outcomeOf, type SessionHold } from './delivery';
import { Flights } from './flights';
import { reportLost } from './lost';
import { pop3Fields } from './pop3-fields';
import {
  fromNetwork,
  MailFromSpool,
  type NumberedMail,
  type Receipt,
  type ReceivedMail,
} from './received-mail';
import { RoomWait } from './room-wait';

export interface AckParts extends DeliveryParts {
  settings: AckSettings;
  spool: Spool;
  clock: Clock;
  /** Called when something can be delivered that could not before. */
  onRoom(): void;
  onQuarantined: OnQuarantined;
  onStillQuarantined?: OnStillQuarantined | undefined;
  /** Called with a failure of what nothing waits for. */
  onError(error: unknown): void;
}

/**
 * `ack`: a mail is processed when the flow has acknowledged it. Its bytes wait in the spool and are delivered again
 * from there: after a failure, after a time-out, after a restart. The server is not asked twice, and no session waits
 * for the flow.
 */
export class AckDelivery implements Delivery {
  readonly #parts: AckParts;
  readonly #flights: Flights;
  readonly #roomWait: RoomWait;
  /** A new UUID takes most of a kilobyte. */
  readonly #check = lazily(randomUUID);
  readonly #stop = new Stop();
  #retryTimer: unknown;
  constructor(parts: AckParts) {
    this.#parts = parts;
    this.#flights = new Flights(parts.clock, parts.settings.maxInFlight);
    this.#roomWait = new RoomWait(parts.clock);
  }

  room(): number {
    return this.#stop.isStopped ? 0 : this.#flights.room;
  }

  /** Room for so many that a round of downloads, or a session, is worth it: a mail each would cost too much. */
  get hasRoomForRound(): boolean {
    return this.room() >= this.#parts.settings.maxInFlight / 2;
  }

  awaitRoom(session: SessionHold): Promise<{ room: number; redelivered: number }> {
    return this.#roomWait.wait(session, {
      room: () => (this.hasRoomForRound ? this.room() : 0),
      redeliver: () => this.redeliver(),
      stopped: () => this.#stop.isStopped,
    });
  }

  /** Mails delivered and not acknowledged. */
  get inFlight(): number {
    return this.#flights.size;
  }

  /** Mails not processed, whether the flow has them or they wait for their next attempt. */
  get unacknowledged(): number {
    return this.#parts.spool.size;
  }

  holds(key: string): boolean {
    return this.#flights.has(key) || this.#parts.spool.get(key) !== undefined;
  }

  held(): SpooledMail[] {
    return this.#parts.spool.all();
  }

  recordListing(keys: ReadonlySet<string>): Promise<void> {
    return reportLost(this.#parts, (key) => keys.has(key) || this.holds(key));
  }

  async expect(): Promise<void> {
    // Each mail is recorded by itself, when its bytes are safe.
  }

  receive(source: AsyncIterable<RetrievedMail>, receipt: Receipt): AsyncIterable<NumberedMail> {
    // What is read comes from the spool, and is never much.
    return fromNetwork(source, receipt);
  }

  async deliver(mail: ListedMail, received: ReceivedMail): Promise<Delivered> {
    await this.#parts.spool.put(mail, received.content(), () => factsOf(mail, received));
    const redelivered = await this.#deliverSpooled(mail.key);
    return { bytes: received.bytes, redelivered };
  }

  async finish(): Promise<void> {
    // Before the session ends: what the server may show no more is in the spool then, whatever happens.
    await this.#parts.spool.sync();
  }

  /** Delivers what waits in the spool, as far as there is room; returns how many were delivered again. */
  async redeliver(): Promise<number> {
    const { ledger, spool, clock, settings } = this.#parts;
    let count = 0;
    for (const mail of this.#suspectsFirst()) {
      const { key } = mail;
      if (this.room() === 0) break;
      if (this.#flights.has(key)) continue;
      const delivery = ledger.openDelivery(key);
      // Quarantined, and the process ended before that can have been reported for certain.
      if (ledger.state(key) === 'quarantined') {
        await this.#unlessGone(key, () =>
          this.#quarantine(mail, { last: 'failed', attempts: settings.maxAttempts }),
        );
      }
      // Processed, and the process ended before the bytes were removed.
      else if (ledger.isKnown(key) || isRecordedApart(ledger, mail)) await spool.remove(key);
      else if (crashesProcess(delivery, settings.maxAttempts)) {
        await this.#unlessGone(key, () => this.#quarantine(mail, { last: 'crashed' }));
      } else if (dueAt(delivery, clock.now()) <= clock.now()) {
        if (await this.#unlessGone(key, () => this.#deliverSpooled(key))) count += 1;
      }
    }
    this.#armRetry();
    return count;
  }

  /**
   * The flow's acknowledgement of a delivery. The first one of any attempt but `failed` counts; `failed` counts only for the
   * present one, since an older attempt's failure has been answered by a newer attempt already.
   */
  async acknowledge(delivery: string, outcome: AckOutcome): Promise<Acknowledgement> {
    const { ledger, spool, reading } = this.#parts;
    const mail = spool.named(delivery.split('-', 1)[0] ?? '');
    if (mail === undefined) return 'unknown';
    if (outcome === 'failed') {
      if (this.#flights.delivery(mail.key) !== delivery) return 'late';
      await this.#failed(mail, 'flow-failed');
      return 'accepted';
    }
    this.#flights.land(mail.key);
    const listed = { ...(mail.listedBytes !== undefined && { bytes: mail.listedBytes }) };
    const { state, identity } = outcomeOf(listed, new MailFromSpool(spool, mail), reading);
    // What did not come whole is never deleted, whatever the flow wants.
    const deletion = outcome === 'delete' && state === 'processed';
    const details = { ...identity, ...(deletion && { deletion }) };
    // In one go: between the two a check would take the mail that has its ID now for the one that is done.
    await Promise.all([
      ledger.markDone(mail.key, outcome === 'keep' ? 'kept' : state, details),
      recordApart(ledger, mail),
    ]);
    await spool.remove(mail.key);
    this.#roomChanged();
    return 'accepted';
  }

  readonly #roomChanged = (): void => {
    this.#roomWait.wake();
    this.#parts.onRoom();
  };

  /** Ends all waiting. What is not acknowledged stays in the spool: an orderly stop is no attempt. */
  stop(): void {
    this.#stop.stop();
    this.#parts.clock.clearTimeout(this.#retryTimer);
    this.#flights.landAll();
    this.#roomWait.wake();
  }

  async #deliverSpooled(key: string): Promise<boolean> {
    const { ledger, spool, reading, origin, deliver, assertOwner, settings } = this.#parts;
    const mail = spool.get(key);
    if (mail === undefined) throw new TypeError('a mail that is not in the spool');
    this.#flights.prepare(key);
    let withdrawable = false;
    try {
      const earlier = ledger.openDelivery(key)?.deliveries ?? 0;
      const suspected = ledger.openDelivery(key)?.suspected ?? false;
      // Before it is read: a mail may end the process by that alone.
      await ledger.recordIntents([key]);
      withdrawable = true;
      const bytes = new MailFromSpool(spool, mail);
      const { message } = await this.#stop.during((signal) => bytes.read(reading, signal));
      if (this.#stop.isStopped) throw stopped();
      const delivery = `${spoolName(key)}-${earlier + 1}-${randomBytes(6).toString('hex')}`;
      const pop3 = pop3Fields(origin, mail, { delivery, bytes: mail.bytes, check: this.#check(), earlier });
      const onTimeout = (): void => this.#timedOut(mail, delivery);
      this.#flights.begin(key, delivery, { ms: settings.ackTimeout * 1000, onTimeout });
      if (suspected) this.#leaveAlone(key);
      withdrawable = false;
      await deliver(Object.assign(message, { pop3 }), assertOwner);
      return pop3.redelivered;
    } catch (error) {
      this.#flights.land(key);
      if (withdrawable) await ledger.withdrawIntents([key]);
      throw error;
    }
  }

  /** False where the mail's bytes are no longer there: it is downloaded again, where the server still has it. */
  async #unlessGone(key: string, run: () => Promise<unknown>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      if (!(error instanceof MailboxError) || error.reason !== 'spooled-mail-gone') throw error;
      this.#parts.spool.forget(key);
      return false;
    }
  }

  #suspectsFirst(): SpooledMail[] {
    const { ledger, spool } = this.#parts;
    const suspected = ({ key }: SpooledMail): boolean => ledger.openDelivery(key)?.suspected ?? false;
    const all = spool.all();
    return [...all.filter(suspected), ...all.filter((mail) => !suspected(mail))];
  }

  /** Alone with the flow: if Node-RED ends now, it is this one. */
  #leaveAlone(key: string): void {
    this.#flights.leaveAlone(key, () => {
      this.#parts.ledger.recordSurvival(key).catch(this.#parts.onError);
      this.#roomChanged();
    });
  }

  #timedOut(mail: SpooledMail, delivery: string): void {
    if (this.#flights.delivery(mail.key) !== delivery) return;
    this.#failed(mail, 'ack-timeout').catch(this.#parts.onError);
  }

  async #failed(mail: SpooledMail, why: string): Promise<void> {
    const { ledger, settings, clock } = this.#parts;
    const delivery = this.#flights.delivery(mail.key) ?? '';
    this.#flights.land(mail.key);
    const { maxAttempts } = settings;
    if (await recordFailure(ledger, mail.key, { maxAttempts, now: clock.now() }))
      await this.#unlessGone(mail.key, () => this.#quarantine(mail, { last: 'failed', why, delivery }));
    this.#armRetry();
    this.#roomChanged();
  }

  async #quarantine(
    mail: SpooledMail,
    how: { last: 'failed' | 'crashed'; why?: string; delivery?: string; attempts?: number },
  ): Promise<void> {
    const { spool } = this.#parts;
    const raw = await spooledBytes(spool, mail.key);
    await quarantine(this.#parts, mail, { ...how, bytes: mail.bytes, check: this.#check(), raw });
    // Last of all: the server may not show these bytes again.
    await spool.remove(mail.key);
  }

  /** Wakes when the next mail of the spool may be tried again. */
  #armRetry(): void {
    const { ledger, spool, clock } = this.#parts;
    clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    if (this.#stop.isStopped) return;
    const next = spool
      .all()
      .filter(({ key }) => !this.#flights.has(key))
      .map(({ key }) => dueAt(ledger.openDelivery(key), clock.now()))
      .reduce((first, at) => Math.min(first, at), Number.POSITIVE_INFINITY);
    if (next === Number.POSITIVE_INFINITY) return;
    // One second at least: what is due at once is delivered as soon as there is room, not by this timer.
    this.#retryTimer = clock.setTimeout(this.#roomChanged, Math.max(1000, next - clock.now()));
  }
}

import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock';
import type { RetrievedMail } from '../../pop3';
import { MailboxError } from '../errors';
import {
  crashesProcess,
  dueAt,
  type OnQuarantined,
  type OnStillQuarantined,
  quarantine,
  recordFailure,
} from '../failures';
import type { ListedMail } from '../listing';
import type { Ledger } from '../store/ledger';
import { type Spool, type SpooledMail, type SpoolFacts, spooledMailGone, spoolName } from '../store/spool';
import { type Delivered, type Delivery, type DeliveryParts, outcomeOf, type SessionHold } from './delivery';
import { type Pop3Fields, pop3Fields, uidOf } from './pop3-fields';
import {
  fromNetwork,
  MailFromSpool,
  type NumberedMail,
  type Receipt,
  type ReceivedMail,
} from './received-mail';

/** How long a mail that may have ended the process is alone with the flow, ms: what ends it does so soon. */
const ALONE_MS = 10_000;

/** A session that waits for the flow says NOOP so often, ms: some servers close one that is idle for a minute (quirk 17). */
const KEEP_ALIVE_MS = 20_000;
/** How long a session waits for the flow to acknowledge enough for a next round, ms. It locks the mailbox meanwhile. */
const MOST_WAITING_MS = 30_000;
/** No round begins in a session that is older, ms: servers end sessions of many minutes, and DELE needs their QUIT. */
const MOST_SESSION_MS = 10 * 60_000;

export interface AckSettings {
  /** Seconds a flow has for a mail. */
  ackTimeout: number;
  maxAttempts: number;
  /** Mails delivered and not acknowledged, at most: what a crash can repeat. */
  maxInFlight: number;
}

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
 * `done`: processed. `keep`: processed, and stays on the server. `delete`: processed, and deleted though the node keeps
 * its mail. `failed`: to be delivered again later.
 */
export const ACK_OUTCOMES = ['done', 'failed', 'keep', 'delete'] as const;
export type AckOutcome = (typeof ACK_OUTCOMES)[number];

/** What an acknowledgement did. `late`: another attempt has the mail. `unknown`: no such delivery. */
export type Acknowledgement = 'accepted' | 'late' | 'unknown';

interface Flight {
  delivery: string;
  pop3: Pop3Fields;
  timer: unknown;
}

/**
 * `ack`: a mail is processed when the flow has acknowledged it. Its bytes wait in the spool and are delivered again
 * from there: after a failure, after a time-out, after a restart. The server is not asked twice, and no session waits
 * for the flow.
 */
export class AckDelivery implements Delivery {
  readonly #parts: AckParts;
  /** By key; an entry without delivery is one being prepared. */
  readonly #flights = new Map<string, Flight | undefined>();
  readonly #check = randomUUID();
  readonly #stopping = new AbortController();
  #retryTimer: unknown;
  /** The suspected mail that is with the flow, and nothing is delivered after it for a while. */
  #alone: { key: string; timer: unknown } | undefined;

  /** Called when there may be room, for the session that waits for it. */
  readonly #waiting = new Set<() => void>();

  constructor(parts: AckParts) {
    this.#parts = parts;
  }

  /** What it records in. */
  get ledger(): Ledger {
    return this.#parts.ledger;
  }

  room(): number {
    return this.#stopping.signal.aborted || this.#alone !== undefined
      ? 0
      : Math.max(0, this.#parts.settings.maxInFlight - this.#flights.size);
  }

  /** Room for so many that a round of downloads, or a session, is worth it: a mail each would cost too much. */
  get hasRoomForRound(): boolean {
    return this.room() >= this.#parts.settings.maxInFlight / 2;
  }

  async awaitRoom({ since, keepAlive }: SessionHold): Promise<{ room: number; redelivered: number }> {
    const { clock } = this.#parts;
    const began = clock.now();
    // What waits in the spool for its next attempt comes first.
    let redelivered = await this.redeliver();
    while (!this.#stopping.signal.aborted && clock.now() - since < MOST_SESSION_MS) {
      if (this.hasRoomForRound) return { room: this.room(), redelivered };
      const left = MOST_WAITING_MS - (clock.now() - began);
      if (left <= 0) break;
      if (await this.#roomWithin(Math.min(left, KEEP_ALIVE_MS))) redelivered += await this.redeliver();
      else if (!this.#stopping.signal.aborted) await keepAlive();
    }
    return { room: 0, redelivered };
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

  /** What the flow has had, and neither the spool nor the server has any more, is lost: that is reported once. */
  async recordListing(keys: ReadonlySet<string>): Promise<void> {
    const { ledger, spool, origin, onQuarantined } = this.#parts;
    for (const key of [...ledger.unprocessed()]) {
      if (keys.has(key) || this.holds(key)) continue;
      const mail = { key, number: 0 };
      const attempts = ledger.openDelivery(key)?.deliveries ?? 0;
      const error = spooledMailGone(spool.place, uidOf(mail));
      onQuarantined(error, pop3Fields(origin, mail, { bytes: 0, earlier: attempts - 1 }));
      await ledger.recordLoss(key);
    }
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
      else if (ledger.isKnown(key)) await spool.remove(key);
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
    const flight = this.#flights.get(mail.key);
    if (outcome === 'failed') {
      if (flight?.delivery !== delivery) return 'late';
      await this.#failed(mail, 'flow-failed');
      return 'accepted';
    }
    this.#land(mail.key);
    const listed = { ...(mail.listedBytes !== undefined && { bytes: mail.listedBytes }) };
    const { state, identity } = outcomeOf(listed, new MailFromSpool(spool, mail), reading);
    // What did not come whole is never deleted, whatever the flow wants.
    const deletion = outcome === 'delete' && state === 'processed';
    await ledger.markDone(mail.key, outcome === 'keep' ? 'kept' : state, {
      ...identity,
      ...(deletion && { deletion }),
    });
    await spool.remove(mail.key);
    this.#roomChanged();
    return 'accepted';
  }

  /** False where nothing has changed in this time, ms. */
  #roomWithin(ms: number): Promise<boolean> {
    const { clock } = this.#parts;
    return new Promise((resolve) => {
      const end = (changed: boolean): void => {
        clock.clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve(changed);
      };
      const wake = (): void => end(true);
      const timer = clock.setTimeout(() => end(false), ms);
      this.#waiting.add(wake);
    });
  }

  readonly #roomChanged = (): void => {
    for (const wake of [...this.#waiting]) wake();
    this.#parts.onRoom();
  };

  /** Ends all waiting. What is not acknowledged stays in the spool: an orderly stop is no attempt. */
  stop(): void {
    this.#stopping.abort();
    this.#parts.clock.clearTimeout(this.#retryTimer);
    this.#parts.clock.clearTimeout(this.#alone?.timer);
    for (const key of [...this.#flights.keys()]) this.#land(key);
    for (const wake of [...this.#waiting]) wake();
  }

  async #deliverSpooled(key: string): Promise<boolean> {
    const { ledger, spool, reading, origin, deliver, assertOwner, clock, settings } = this.#parts;
    const { signal } = this.#stopping;
    const mail = spool.get(key);
    if (mail === undefined) throw new TypeError('a mail that is not in the spool');
    // Its place is taken before the first await, so that two at once never exceed the limit.
    this.#flights.set(key, undefined);
    let withdrawable = false;
    try {
      const earlier = ledger.openDelivery(key)?.deliveries ?? 0;
      const suspected = ledger.openDelivery(key)?.suspected ?? false;
      // Before it is read: a mail may end the process by that alone.
      await ledger.recordIntents([key]);
      withdrawable = true;
      const { message } = await new MailFromSpool(spool, mail).read(reading, signal);
      const delivery = `${spoolName(key)}-${earlier + 1}-${randomBytes(6).toString('hex')}`;
      const pop3 = pop3Fields(origin, mail, { delivery, bytes: mail.bytes, check: this.#check, earlier });
      signal.throwIfAborted();
      const timer = clock.setTimeout(() => this.#timedOut(mail, delivery), settings.ackTimeout * 1000);
      this.#flights.set(key, { delivery, pop3, timer });
      if (suspected) this.#leaveAlone(key);
      withdrawable = false;
      await deliver(Object.assign(message, { pop3 }), assertOwner);
      return pop3.redelivered;
    } catch (error) {
      this.#land(key);
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

  /** Nothing else is delivered until the flow has processed this one, or has had it for a while and lives. */
  #leaveAlone(key: string): void {
    const { ledger, clock, onError } = this.#parts;
    const timer = clock.setTimeout(() => {
      this.#alone = undefined;
      ledger.recordSurvival(key).catch(onError);
      this.#roomChanged();
    }, ALONE_MS);
    this.#alone = { key, timer };
  }

  #timedOut(mail: SpooledMail, delivery: string): void {
    if (this.#flights.get(mail.key)?.delivery !== delivery) return;
    this.#failed(mail, 'ack-timeout').catch(this.#parts.onError);
  }

  async #failed(mail: SpooledMail, why: string): Promise<void> {
    const { ledger, settings, clock } = this.#parts;
    const delivery = this.#flights.get(mail.key)?.delivery ?? '';
    this.#land(mail.key);
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
    const raw = await bytesOf(spool.read(mail.key));
    await quarantine(this.#parts, mail, { ...how, bytes: mail.bytes, check: this.#check, raw });
    // Last of all: the server may not show these bytes again.
    await spool.remove(mail.key);
  }

  #land(key: string): void {
    if (this.#alone?.key === key) {
      this.#parts.clock.clearTimeout(this.#alone.timer);
      this.#alone = undefined;
    }
    const flight = this.#flights.get(key);
    if (flight !== undefined) this.#parts.clock.clearTimeout(flight.timer);
    this.#flights.delete(key);
  }

  /** Wakes when the next mail of the spool may be tried again. */
  #armRetry(): void {
    const { ledger, spool, clock } = this.#parts;
    clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    if (this.#stopping.signal.aborted) return;
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

function factsOf({ bytes }: ListedMail, { whole, fingerprint, incomplete }: ReceivedMail): SpoolFacts {
  return {
    whole,
    ...(fingerprint !== undefined && { fingerprint }),
    ...(bytes !== undefined && { listedBytes: bytes }),
    ...(incomplete && { incomplete }),
  };
}

async function bytesOf(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

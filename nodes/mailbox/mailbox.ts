import { type Clock, monotonicNow } from '../base/clock';
import { type CheckResult, checkMailbox } from './check';
import type { CheckContext, CheckSettings, CheckSummary } from './check-context';
import { CheckRhythm } from './check-rhythm';
import { ClockWatch } from './clock-watch';
import { AckDelivery } from './delivery/ack';
import type { Acknowledgement, AckOutcome, AckSettings } from './delivery/acknowledgement';
import type { DeliveryParts } from './delivery/delivery';
import { type DeliveredMail, pop3Fields, uidOf } from './delivery/pop3-fields';
import type { Reading } from './delivery/received-mail';
import { SendDelivery } from './delivery/send';
import { MailboxError } from './errors';
import { type OnQuarantined, type OnStillQuarantined, recordCrash } from './failures';
import { asMailboxError } from './from-pop3';
import { type AssertOwner, soleOwner } from './ownership';
import type { Ledger } from './store/ledger';
import type { Spool } from './store/spool';

/** What a person wants to know of a mailbox at a glance. */
export type MailboxState =
  | { is: 'checking' }
  | { is: 'progress'; done: number; total: number }
  /** `left`: mail that was there at the first check and stays unfetched. */
  | { is: 'new'; count: number; left?: number }
  | { is: 'idle' }
  | { is: 'paused' }
  | { is: 'waiting'; ms: number }
  /** Another Node-RED of the fleet has it. */
  | { is: 'elsewhere' }
  /** The server has not answered for so long. */
  | { is: 'silent'; ms: number }
  | { is: 'failed'; error: MailboxError };

/** What a mailbox is made of; all of it comes from outside. */
export interface MailboxParts {
  settings: CheckSettings & {
    /** Seconds between checks; 0: only when asked. */
    interval: number;
  };
  /** Given: a mail is processed when the flow acknowledges it. Else when it has been sent. */
  ack?: AckSettings;
  reading: Reading;
  /** @throws MailboxError STORE */
  ledger(signal: AbortSignal): Promise<Ledger>;
  /** The mails that wait for their acknowledgement. @throws MailboxError STORE */
  spool(): Promise<Spool>;
  open: CheckContext['open'];
  /** Runs a session when the mailbox, and the runtime, have room for one; `isWanted`: others wait for that. */
  inTurn<T>(run: (turn?: { isWanted(): boolean }) => Promise<T>, signal: AbortSignal): Promise<T>;
  mayDelete(key: string): boolean;
  deliver: DeliveryParts['deliver'];
  /** Absent: this runtime is the only one. */
  assertOwner?: AssertOwner;
  onState(state: MailboxState): void;
  /** Called when the state changes for the worse, or to another failure; not once for each check. */
  onError(error: MailboxError): void;
  onQuarantined: OnQuarantined;
  /** The retry of each day failed; that is no new error. */
  onStillQuarantined?: OnStillQuarantined;
  /** A mail was delivered of which a part may be missing; reported once. */
  onIncomplete?: OnQuarantined;
  /** How a check went that came by itself; the caller of `check()` gets that of its own. */
  onSummary(summary: CheckSummary): void;
  /** Every check that has ended, however it was started. Times are ms since the epoch. */
  onCheck?(check: CheckRecord): void;
  /** `inFlight`, `unacknowledged` or `quarantined` may have changed without a state that says so. */
  onChange?(): void;
  clock: Clock;
  random: () => number;
}

/** A check that has ended. */
export interface CheckRecord {
  startedAt: number;
  endedAt: number;
  summary?: CheckSummary;
  error?: MailboxError;
}

interface Asked {
  resolve: (summary: CheckSummary) => void;
  reject: (error: MailboxError) => void;
}

/** The reason of what a deploy has ended: no failure, and no attempt. */
const STOPPED = 'stopped';
/** The reason of a check that was asked for while the mailbox is paused. */
export const PAUSED = 'paused';

/** Seconds; `send` is done long before. */
const LEFT_OVER_TIMEOUT = 600;

/**
 * Checks one mailbox again and again: on its interval, when asked, when someone has signed in. Whatever
 * happens in a check, the next one is arranged before anybody hears of it.
 */
export class Mailbox {
  readonly #stopping = new AbortController();
  #timer: unknown;
  #running: Promise<void> | undefined;
  #asked: Asked[] = [];
  #wanted = false;
  #roomToUse = false;
  #acknowledged: AckDelivery | undefined;
  /** Mails that the last check left on the server, since the flow was busy. */
  #leftOnServer = 0;
  /** The next check goes on with what the last one left. */
  #continuing = false;
  #checking = false;
  readonly #rhythm: CheckRhythm;
  readonly #clockWatch: ClockWatch;
  /** See {@link CheckContext.doubted}. */
  readonly #doubted = new Set<string>();
  /** See {@link CheckContext.unidentifiable}. */
  readonly #unidentifiable = new Set<string>();
  #reported: string | undefined;
  /** In place of the setting, until a first check has used it. */
  #first: string | undefined;
  /** Mails delivered in the present check. */
  #delivered = 0;
  #ledger: Ledger | undefined;
  /** When the next check comes by itself, ms since the epoch; undefined: none is arranged. */
  nextCheckAt: number | undefined;

  readonly #parts: MailboxParts;

  constructor(parts: MailboxParts) {
    this.#parts = {
      ...parts,
      onState: guarded(parts.onState),
      onError: guarded(parts.onError),
      onQuarantined: guarded(parts.onQuarantined),
      onStillQuarantined: guarded(parts.onStillQuarantined ?? (() => undefined)),
      onIncomplete: guarded(parts.onIncomplete ?? (() => undefined)),
      onSummary: guarded(parts.onSummary),
      onChange: guarded(parts.onChange ?? (() => undefined)),
      onCheck: guarded(parts.onCheck ?? (() => undefined)),
    };
    this.#rhythm = new CheckRhythm(parts.settings.interval);
    this.#clockWatch = new ClockWatch(parts.clock);
  }

  /** Begins: at once with an interval, else when asked. */
  start(): void {
    if (this.#parts.settings.interval > 0) {
      this.wake();
      return;
    }
    this.#parts.onState({ is: 'idle' });
    // What the flow had before a restart is delivered again without a check: the server has nothing to do with it.
    if (this.#parts.ack !== undefined) {
      this.#roomToUse = true;
      this.#begin();
    }
  }

  /** A check now, or right after the one under way; settles with that check's outcome. */
  check(): Promise<CheckSummary> {
    return new Promise((resolve, reject) => {
      if (this.#stopping.signal.aborted) {
        reject(stopped());
        return;
      }
      this.#asked.push({ resolve, reject });
      this.wake();
    });
  }

  /** Something changed for the better (a sign-in): waiting is over. */
  wake(): void {
    if (this.#stopping.signal.aborted) return;
    this.#wanted = true;
    this.#disarm();
    if (this.#running === undefined) this.#begin();
  }

  /** The flow's acknowledgement of a delivery of this mailbox. */
  async acknowledge(delivery: string, outcome: AckOutcome): Promise<Acknowledgement> {
    return (await this.#acknowledged?.acknowledge(delivery, outcome)) ?? 'unknown';
  }

  /** Mails delivered and not acknowledged. */
  get inFlight(): number {
    return this.#acknowledged?.inFlight ?? 0;
  }

  /** Mails that wait for an acknowledgement: in flight, or in the spool for their next attempt. */
  get unacknowledged(): number {
    return this.#acknowledged?.unacknowledged ?? 0;
  }

  /** The unique IDs, or what replaces them, of the mails that failed too often; empty before the first check. */
  get quarantined(): string[] {
    return (this.#ledger?.quarantined ?? []).map((key) => uidOf({ key }));
  }

  /**
   * Gives a quarantined mail one more attempt, at once; its failure is reported. False where there is no such mail.
   * @throws MailboxError STORE
   */
  async tryAgain(uid: string): Promise<boolean> {
    const ledger = this.#ledger;
    const key = ledger?.quarantined.find((one) => uidOf({ key: one }) === uid);
    if (ledger === undefined || key === undefined) return false;
    await ledger.retry(key, { asked: true });
    this.wake();
    return true;
  }

  /** Known from the first check on. */
  get isPaused(): boolean {
    return this.#ledger?.isPaused ?? false;
  }

  /**
   * No check comes any more until the mailbox is resumed, even after a restart; one under way ends as it would.
   * @throws MailboxError STORE
   */
  async pause(): Promise<void> {
    await (await this.#openLedger()).recordPause(true);
    this.#disarm();
    if (this.#running === undefined) this.#parts.onState({ is: 'paused' });
  }

  /** Checks at once, and goes on. @throws MailboxError STORE */
  async resume(): Promise<void> {
    await (await this.#openLedger()).recordPause(false);
    this.#parts.onState({ is: 'idle' });
    this.wake();
  }

  /** When the first check was, and how many mails it ignored; undefined where it is not known. */
  get firstCheck(): { at: number; ignored: number } | undefined {
    return this.#ledger?.firstCheck;
  }

  /**
   * The next check is a first check again, at once: mail that was ignored counts as new where `first` says so.
   * @param first what to do with existing mail, in place of the setting
   * @throws MailboxError STORE
   */
  async restart(first: string): Promise<void> {
    await (await this.#openLedger()).recordRestart();
    this.#first = first;
    this.wake();
  }

  async #openLedger(): Promise<Ledger> {
    this.#ledger ??= await this.#parts.ledger(this.#stopping.signal);
    return this.#ledger;
  }

  /** The cause of a failure may be gone (a person signed in): its wait is over. */
  retry(): void {
    if (this.#rhythm.failing) this.wake();
  }

  /** Ends at once, in the middle of anything; resolves when what was delivered has been recorded. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#disarm();
    this.#acknowledged?.stop();
    await this.#running;
    for (const { reject } of this.#asked.splice(0)) reject(stopped());
  }

  /** Mails of the spool can be delivered, or downloaded, that could not before. */
  #useRoom(): void {
    this.#parts.onChange?.();
    const room = this.#acknowledged?.room() ?? 0;
    if (this.#stopping.signal.aborted || room === 0) return;
    this.#roomToUse = true;
    // The check that is under way uses the room itself, and what it leaves is looked at when it ends.
    if (!this.#checking) this.#continueCheck();
    if (this.#running === undefined) this.#begin();
  }

  /** Goes on with what the last check left, in a session of its own, as soon as the flow and the server allow it. */
  #continueCheck(): void {
    if (this.#leftOnServer === 0 || this.#rhythm.failing || this.isPaused) return;
    // A session for each processed mail would be a session too many.
    if (!this.#acknowledged?.hasRoomForRound) return;
    this.#continuing = true;
    const now = this.#parts.clock.now();
    const delay = this.#rhythm.loginDelay(monotonicNow(this.#parts.clock));
    if (delay === 0) this.wake();
    else if (now + delay < (this.nextCheckAt ?? Number.POSITIVE_INFINITY)) this.#arm(delay);
  }

  #begin(): void {
    // Not in the caller's own turn: a listener may ask for another check.
    const run = Promise.resolve().then(() => this.#run());
    this.#running = run.finally(() => {
      this.#running = undefined;
      // Asked for in the very moment of ending.
      if ((this.#wanted || this.#roomToUse) && !this.#stopping.signal.aborted) this.#begin();
    });
  }

  async #run(): Promise<void> {
    while ((this.#wanted || this.#roomToUse) && !this.#stopping.signal.aborted) {
      const checking = this.#wanted;
      this.#wanted = false;
      this.#roomToUse = false;
      const asked = checking ? this.#asked.splice(0) : [];
      const { clock } = this.#parts;
      const startedAt = clock.now();
      const started = monotonicNow(clock);
      let tell: (wait: number | undefined) => void;
      try {
        if (!checking) {
          if (this.#acknowledged === undefined) await this.#prepare();
          if (this.isPaused) throw paused();
          await this.#acknowledged?.redeliver();
          this.#parts.onChange?.();
          continue;
        }
        this.#checking = true;
        const result = await this.#checkOnce();
        const { summary } = result;
        this.#parts.onCheck?.({ startedAt, endedAt: clock.now(), summary });
        tell = () => this.#succeeded(result, asked);
      } catch (cause) {
        if (this.#stopping.signal.aborted) {
          for (const { reject } of asked) reject(stopped());
          return;
        }
        if (cause instanceof MailboxError && cause.reason === PAUSED) {
          for (const { reject } of asked) reject(cause);
          this.#parts.onState({ is: 'paused' });
          return;
        }
        // A deploy of others came between a mail and the flow: the session ended without QUIT, so the server still has it.
        if (cause instanceof MailboxError && cause.reason === STOPPED) {
          this.#asked.unshift(...asked);
          this.#wanted = true;
          continue;
        }
        const { host, port, user } = this.#parts.settings;
        const error = this.#rhythm.judge(asMailboxError(cause, { host, port, user }));
        this.#parts.onCheck?.({ startedAt, endedAt: clock.now(), error });
        const blip = this.#rhythm.failed(error, this.#delivered > 0);
        tell = (wait) => this.#tellFailure(error, asked, blip, wait);
      } finally {
        this.#checking = false;
        await this.#ledger?.rest();
      }
      const wait = this.#rhythm.nextIn(monotonicNow(clock) - started, this.#parts.random);
      this.#arm(wait);
      this.#continueCheck();
      tell(wait);
      if (this.isPaused) this.#parts.onState({ is: 'paused' });
    }
  }

  async #checkOnce(): Promise<CheckResult> {
    const parts = this.#parts;
    this.#delivered = 0;
    const { signal } = this.#stopping;
    // A check that goes on brings no more than the one that it goes on with would have.
    const maxPerCheck = this.#continuing && parts.settings.maxPerCheck > 0 ? this.#leftOnServer : undefined;
    this.#continuing = false;
    parts.onState({ is: 'checking' });
    const { common, acknowledged } = await this.#prepare();
    const { ledger } = common;
    if (ledger.isPaused) throw paused();
    const { service } = parts.settings;
    const { node, host, user } = parts.settings;
    const again = await acknowledged.redeliver();
    const result = await parts.inTurn(
      (turn) =>
        checkMailbox({
          settings: {
            ...parts.settings,
            ...(this.#first !== undefined && { first: this.#first }),
            ...(maxPerCheck !== undefined && { maxPerCheck }),
          },
          ledger,
          open: async (signal) => {
            const session = await parts.open(signal);
            this.#rhythm.loggedIn(monotonicNow(parts.clock));
            return session;
          },
          delivery: parts.ack === undefined ? new SendDelivery(common, signal) : acknowledged,
          mayDelete: parts.mayDelete,
          assertOwner: common.assertOwner,
          onProgress: (done, total) => parts.onState({ is: 'progress', done, total }),
          onQuarantined: parts.onQuarantined,
          onStillQuarantined: parts.onStillQuarantined,
          onIncomplete: (mail, cause) => {
            const error = new MailboxError('PROTOCOL', 'mail-incomplete', {
              facts: { uid: uidOf(mail), host },
              cause,
            });
            const facts = { bytes: mail.bytes ?? 0, earlier: 0 };
            parts.onIncomplete?.(error, pop3Fields({ node, host, user }, mail, facts));
          },
          doubted: this.#doubted,
          unidentifiable: this.#unidentifiable,
          clockWatch: this.#clockWatch,
          isWanted: () => turn?.isWanted() ?? false,
          now: parts.clock.now,
          monotonic: () => monotonicNow(parts.clock),
          signal,
        }),
      signal,
    );
    const { summary } = result;
    if (result.first) this.#first = undefined;
    const more = service === 'google' && summary.delivered > 0;
    summary.delivered += again;
    summary.redelivered += again;
    this.#leftOnServer = result.left;
    this.#rhythm.succeeded(result, more);
    return result;
  }

  /** Opens what is remembered, and what waits in the spool. */
  async #prepare(): Promise<{ common: DeliveryParts; acknowledged: AckDelivery }> {
    const parts = this.#parts;
    const { signal } = this.#stopping;
    const ledger = await parts.ledger(signal);
    this.#ledger = ledger;
    await recordCrash(ledger, parts.ack === undefined ? 'one' : 'any', parts.clock.now());
    const { node, user, host, maxAttempts } = parts.settings;
    const common: DeliveryParts = {
      ledger,
      reading: parts.reading,
      origin: { node, user, host },
      deliver: async (mail, assertOwner) => {
        await parts.deliver(mail, assertOwner);
        this.#delivered += 1;
      },
      assertOwner: parts.assertOwner ?? soleOwner,
    };
    // Another runtime may have had the folder meanwhile: what stands there now counts.
    if (this.#acknowledged?.ledger !== ledger) {
      const spool = await parts.spool();
      signal.throwIfAborted();
      this.#acknowledged?.stop();
      this.#acknowledged = new AckDelivery({
        ...common,
        ...(parts.ack === undefined && {
          deliver: (mail, assertOwner) => this.#deliverLeftOver(mail, assertOwner),
        }),
        settings: parts.ack ?? { ackTimeout: LEFT_OVER_TIMEOUT, maxAttempts, maxInFlight: 1 },
        spool,
        clock: parts.clock,
        onRoom: () => this.#useRoom(),
        onQuarantined: parts.onQuarantined,
        onStillQuarantined: parts.onStillQuarantined,
        onError: (error) => parts.onError(asMailboxError(error)),
      });
    }
    return { common, acknowledged: this.#acknowledged };
  }

  /** The node had to acknowledge before: what it has left in the spool may be nowhere else (Gmail). */
  async #deliverLeftOver(mail: DeliveredMail, assertOwner: AssertOwner): Promise<void> {
    await this.#parts.deliver(mail, assertOwner);
    await this.acknowledge(mail.pop3.delivery, 'done');
  }

  #succeeded(result: CheckResult, asked: Asked[]): void {
    const { summary, first } = result;
    this.#reported = undefined;
    if (first) {
      this.#parts.onState({ is: 'new', count: summary.delivered, left: summary.found - summary.delivered });
    } else if (summary.delivered > 0) this.#parts.onState({ is: 'new', count: summary.delivered });
    else this.#parts.onState({ is: 'idle' });
    if (asked.length === 0) this.#parts.onSummary(summary);
    for (const { resolve } of asked) resolve(summary);
  }

  #tellFailure(error: MailboxError, asked: Asked[], blip: boolean, wait: number | undefined): void {
    const state = `${error.code} ${error.reason}`;
    if ((blip || this.#rhythm.isWaiting(error)) && wait !== undefined)
      this.#parts.onState({ is: 'waiting', ms: wait });
    else this.#parts.onState({ is: 'failed', error });
    for (const { reject } of asked) reject(error);
    if (blip || this.#reported === state) return;
    this.#reported = state;
    // The caller that requested the check has its answer already.
    if (asked.length === 0) this.#parts.onError(error);
  }

  #arm(wait: number | undefined): void {
    this.#disarm();
    if (wait === undefined || this.#wanted || this.isPaused || this.#stopping.signal.aborted) return;
    this.nextCheckAt = this.#parts.clock.now() + wait;
    this.#timer = this.#parts.clock.setTimeout(() => {
      this.#timer = undefined;
      // A session could bring nothing: the mails that the flow acknowledges, or does not in time, lead to the next one.
      if (this.#leftOnServer > 0 && !this.#rhythm.failing && this.#acknowledged?.room() === 0) {
        this.#arm(this.#rhythm.nextIn(0, this.#parts.random));
        return;
      }
      this.wake();
    }, wait);
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#parts.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.nextCheckAt = undefined;
  }
}

function paused(): MailboxError {
  return new MailboxError('CONFIG', PAUSED, { retryable: false });
}

function stopped(): MailboxError {
  return new MailboxError('CONNECT', STOPPED);
}

/** A listener may fail; that changes nothing about what was delivered and when the next check comes. */
function guarded<T extends unknown[]>(listener: (...heard: T) => void): (...heard: T) => void {
  return (...heard) => {
    try {
      listener(...heard);
    } catch {
      // No listener is left.
    }
  };
}

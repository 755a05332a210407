import { monotonicNow } from '../base/clock';
import { Stop } from '../base/stop';
import { checkFirst } from './baseline';
import type { CheckResult } from './check';
import type { CheckSummary } from './check-context';
import { CheckRhythm } from './check-rhythm';
import type { Acknowledgement, AckOutcome } from './delivery/acknowledgement';
import { uidOf } from './delivery/pop3-fields';
import { MailboxError, stopped } from './errors';
import { asMailboxError } from './from-pop3';
import { MailboxChecks, PAUSED, paused } from './mailbox-checks';
import { Listeners, type MailboxParts } from './mailbox-parts';
import { type Asked, Outcomes } from './outcomes';

/**
 * Checks one mailbox again and again: on its interval, when asked, when a person has signed in. Whatever
 * happens in a check, the next one is arranged before anybody hears of it.
 */
export class Mailbox {
  readonly #stop = new Stop();
  #timer: unknown;
  #running: Promise<void> | undefined;
  #asked: Asked[] = [];
  #wanted = false;
  #roomToUse = false;
  /** Mails that the last check left on the server, since the flow was busy. */
  #leftOnServer = 0;
  /** The next check continues with what the last one left. */
  #continuing = false;
  #checking = false;
  readonly #rhythm: CheckRhythm;
  readonly #outcomes: Outcomes;
  readonly #checks: MailboxChecks;
  /** When the next check comes by itself, ms since the epoch; undefined: none is arranged. */
  nextCheckAt: number | undefined;

  readonly #parts: MailboxParts;
  readonly #listeners: Listeners;

  constructor(parts: MailboxParts) {
    this.#parts = parts;
    this.#listeners = new Listeners(parts);
    this.#outcomes = new Outcomes(this.#listeners);
    this.#rhythm = new CheckRhythm(parts.settings.interval);
    this.#checks = new MailboxChecks(parts, this.#listeners, {
      stop: this.#stop,
      onRoom: () => this.#useRoom(),
    });
  }

  /** Begins: at once with an interval, else when asked. */
  start(): void {
    if (this.#parts.settings.interval > 0) {
      this.wake();
      return;
    }
    this.#listeners.onState({ is: 'idle' });
    // What the flow had before a restart is delivered again without a check: the server has nothing to do with it.
    if (this.#parts.ack !== undefined) {
      this.#roomToUse = true;
      this.#begin();
    }
  }

  /** A check now, or right after the one under way; settles with that check's outcome. */
  check(): Promise<CheckSummary> {
    return new Promise((resolve, reject) => {
      if (this.#stop.isStopped) {
        reject(stopped());
        return;
      }
      this.#asked.push({ resolve, reject });
      this.wake();
    });
  }

  /** Something changed for the better (a sign-in): waiting is over. */
  wake(): void {
    if (this.#stop.isStopped) return;
    this.#wanted = true;
    this.#disarm();
    if (this.#running === undefined) this.#begin();
  }

  /** The flow's acknowledgement of a delivery of this mailbox. */
  async acknowledge(delivery: string, outcome: AckOutcome): Promise<Acknowledgement> {
    const answer = (await this.#checks.acknowledged?.acknowledge(delivery, outcome)) ?? 'unknown';
    if (answer === 'accepted') this.#listeners.onAcknowledged(delivery, outcome);
    return answer;
  }

  /** Mails delivered and not acknowledged. */
  get inFlight(): number {
    return this.#checks.acknowledged?.inFlight ?? 0;
  }

  /** Mails that wait for an acknowledgement: in flight, or in the spool for their next attempt. */
  get unacknowledged(): number {
    return this.#checks.acknowledged?.unacknowledged ?? 0;
  }

  /** The unique IDs, or what replaces them, of the mails that failed too often; empty before the first check. */
  get quarantined(): string[] {
    return (this.#checks.ledger?.quarantined ?? []).map((key) => uidOf({ key }));
  }

  /**
   * Gives a quarantined mail one more attempt, at once; its failure is reported. False where there is no such mail.
   * @throws MailboxError STORE
   */
  async tryAgain(uid: string): Promise<boolean> {
    const ledger = this.#checks.ledger;
    const key = ledger?.quarantined.find((one) => uidOf({ key: one }) === uid);
    if (ledger === undefined || key === undefined) return false;
    await ledger.retry(key, { asked: true });
    this.wake();
    return true;
  }

  /** Known from the first check on. */
  get isPaused(): boolean {
    return this.#checks.ledger?.isPaused ?? false;
  }

  /**
   * No check comes any more until the mailbox is resumed, even after a restart; one under way ends as it would.
   * @throws MailboxError STORE
   */
  async pause(): Promise<void> {
    await (await this.#checks.openLedger()).recordPause(true);
    this.#disarm();
    if (this.#running === undefined) this.#listeners.onState({ is: 'paused' });
  }

  /** Checks at once, and resumes. @throws MailboxError STORE */
  async resume(): Promise<void> {
    await (await this.#checks.openLedger()).recordPause(false);
    this.#listeners.onState({ is: 'idle' });
    this.wake();
  }

  /** When the first check was, and how many mails it ignored; undefined where it is not known. */
  get firstCheck(): { at: number; ignored: number } | undefined {
    return this.#checks.ledger?.firstCheck;
  }

  /**
   * The next check is a first check again, at once: mail that was ignored counts as new where `first` says so.
   * @param first what to do with existing mail, in place of the setting
   * @throws MailboxError CONFIG, STORE
   */
  async restart(first: string): Promise<void> {
    checkFirst(first);
    await (await this.#checks.openLedger()).recordRestart();
    this.#checks.first = first;
    this.wake();
  }

  /** The cause of a failure may be gone (a person signed in): its wait is over. */
  retry(): void {
    if (this.#rhythm.failing) this.wake();
  }

  /** Ends at once, in the middle of anything; resolves when what was delivered has been recorded. */
  async stop(): Promise<void> {
    this.#stop.stop();
    this.#disarm();
    this.#checks.acknowledged?.stop();
    await this.#running;
    for (const { reject } of this.#asked.splice(0)) reject(stopped());
  }

  /** Mails of the spool can be delivered, or downloaded, that could not before. */
  #useRoom(): void {
    this.#listeners.onChange();
    const room = this.#checks.acknowledged?.room() ?? 0;
    if (this.#stop.isStopped || room === 0) return;
    this.#roomToUse = true;
    // The check that is under way uses the room itself, and what it leaves is looked at when it ends.
    if (!this.#checking) this.#continueCheck();
    if (this.#running === undefined) this.#begin();
  }

  /** Goes on with what the last check left, in a session of its own, as soon as the flow and the server allow it. */
  #continueCheck(): void {
    if (this.#leftOnServer === 0 || this.#rhythm.failing || this.isPaused) return;
    // A session for each processed mail would be a session too many.
    if (!this.#checks.acknowledged?.hasRoomForRound) return;
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
      if ((this.#wanted || this.#roomToUse) && !this.#stop.isStopped) this.#begin();
    });
  }

  async #run(): Promise<void> {
    while ((this.#wanted || this.#roomToUse) && !this.#stop.isStopped) {
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
          if (this.#checks.acknowledged === undefined) await this.#checks.prepare();
          if (this.isPaused) throw paused();
          await this.#checks.acknowledged?.redeliver();
          this.#listeners.onChange();
          continue;
        }
        this.#checking = true;
        const result = await this.#checkOnce();
        const { summary } = result;
        this.#listeners.onCheck({ startedAt, endedAt: clock.now(), summary });
        tell = () => this.#outcomes.succeeded(result, asked);
      } catch (cause) {
        if (this.#stop.isStopped) {
          for (const { reject } of asked) reject(stopped());
          return;
        }
        if (cause instanceof MailboxError && cause.reason === PAUSED) {
          for (const { reject } of asked) reject(cause);
          this.#listeners.onState({ is: 'paused' });
          return;
        }
        // A deploy of others came between a mail and the flow: the session ended without QUIT, so the server still has it.
        if (cause instanceof MailboxError && cause.reason === 'stopped') {
          this.#asked.unshift(...asked);
          this.#wanted = true;
          continue;
        }
        const { host, port, user } = this.#parts.settings;
        const error = this.#rhythm.judge(asMailboxError(cause, { host, port, user }));
        this.#listeners.onCheck({ startedAt, endedAt: clock.now(), error });
        const blip = this.#rhythm.failed(error, this.#checks.delivered > 0);
        tell = (wait) =>
          this.#outcomes.failed(error, asked, {
            quiet: blip,
            waits: blip || this.#rhythm.isWaiting(error),
            wait,
          });
      } finally {
        this.#checking = false;
        await this.#checks.ledger?.rest();
      }
      const wait = this.#rhythm.nextIn(monotonicNow(clock) - started, this.#parts.random);
      this.#arm(wait);
      this.#continueCheck();
      tell(wait);
      if (this.isPaused) this.#listeners.onState({ is: 'paused' });
    }
  }

  async #checkOnce(): Promise<CheckResult> {
    const { settings } = this.#parts;
    // A check that continues another one delivers no more than that one would have.
    const maxPerCheck = this.#continuing && settings.maxPerCheck > 0 ? this.#leftOnServer : undefined;
    this.#continuing = false;
    this.#listeners.onState({ is: 'checking' });
    const onLogin = (at: number): void => this.#rhythm.loggedIn(at);
    const { more, ...result } = await this.#checks.run({ maxPerCheck, onLogin });
    this.#leftOnServer = result.left;
    this.#rhythm.succeeded(result, more);
    return result;
  }

  #arm(wait: number | undefined): void {
    this.#disarm();
    if (wait === undefined || this.#wanted || this.isPaused || this.#stop.isStopped) return;
    this.nextCheckAt = this.#parts.clock.now() + wait;
    this.#timer = this.#parts.clock.setTimeout(() => {
      this.#timer = undefined;
      // A session could bring nothing: the mails that the flow acknowledges, or does not in time, lead to the next one.
      if (this.#leftOnServer > 0 && !this.#rhythm.failing && this.#checks.acknowledged?.room() === 0) {
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

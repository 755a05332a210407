import type { CheckResult } from './check';
import { MailboxError } from './errors';
import { nextCheckIn, type RhythmState } from './rhythm';

/** Failures that often heal by themselves within seconds: one of them, after a good check, is not reported. */
const BLIPS: ReadonlySet<string> = new Set(['CONNECT', 'TIMEOUT', 'IN_USE', 'LOGIN_DELAY', 'SYS_TEMP']);

/** A connection that is closed so often in a row during the login was refused. */
const DROPS_OF_A_REFUSAL = 3;

/** How the checks of one mailbox went so far, and when the next one comes. */
export class CheckRhythm {
  readonly #interval: number;
  #state: RhythmState;
  #everChecked = false;
  /** Connections closed during the login, with no login in between. */
  #drops = 0;
  /** By a clock that is never set, ms. */
  #lastLogin = Number.NEGATIVE_INFINITY;

  constructor(interval: number) {
    this.#interval = interval;
    this.#state = { interval, loginDelay: 0, failures: 0, more: false };
  }

  /** True where the last check failed. */
  get failing(): boolean {
    return this.#state.failure !== undefined;
  }

  /** @param now by a clock that is never set, ms */
  loggedIn(now: number): void {
    this.#drops = 0;
    this.#lastLogin = now;
  }

  /** Milliseconds for which the server accepts no login yet (CAPA LOGIN-DELAY, RFC 2449). */
  loginDelay(now: number): number {
    const delay = this.#state.loginDelay * 1000;
    return Math.max(0, this.#lastLogin + delay - now);
  }

  succeeded({ loginDelay }: CheckResult, more: boolean): void {
    this.#everChecked = true;
    this.#state = { interval: this.#interval, loginDelay, failures: 0, more };
  }

  /**
   * A connection that drops is no refusal, until it drops at every login.
   * @returns what the failure is taken for
   */
  judge(error: MailboxError): MailboxError {
    if (error.reason !== 'closed-during-login') return error;
    this.#drops += 1;
    if (this.#drops >= DROPS_OF_A_REFUSAL) return error;
    return new MailboxError('CONNECT', 'hung-up', { facts: error.facts, cause: error });
  }

  /**
   * @param progress mail was delivered before the check failed
   * @returns whether the failure may well heal by itself before a person has to hear of it
   */
  failed(error: MailboxError, progress: boolean): boolean {
    const { code, reason, retryAfterMs } = error;
    // A refusal after a few dropped connections is the first refusal.
    const again = this.#state.failure?.code === code && !progress;
    const heals = BLIPS.has(code) && reason !== 'downloads-refused';
    const blip = heals && (progress || (this.#everChecked && this.#state.failures === 0));
    const failures = again ? this.#state.failures + 1 : 1;
    const failure = { code, reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    this.#state = { ...this.#state, failures, failure, more: false };
    return blip;
  }

  /** A server that names a time is waited for, not broken. */
  isWaiting({ code, retryAfterMs }: MailboxError): boolean {
    return BLIPS.has(code) && retryAfterMs !== undefined;
  }

  /** See {@link nextCheckIn}. */
  nextIn(tookMs: number, random: () => number): number | undefined {
    return nextCheckIn(this.#state, tookMs, random);
  }
}

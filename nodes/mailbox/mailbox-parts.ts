import type { Clock } from '../base/clock';
import type { CheckContext, CheckSettings, CheckSummary } from './check-context';
import type { AckOutcome, AckSettings } from './delivery/acknowledgement';
import type { DeliveryParts } from './delivery/delivery';
import type { Reading } from './delivery/received-mail';
import type { MailboxError } from './errors';
import type { OnQuarantined, OnStillQuarantined } from './failures';
import type { AssertOwner } from './ownership';
import type { Ledger } from './store/ledger';
import type { Spool } from './store/spool';

/** What a person wants to know of a mailbox at a glance. */
export type MailboxState =
  | { is: 'checking' }
  | { is: 'progress'; done: number; total: number }
  /** `left`: mail that was there at the first check and is ignored. */
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
  /** The flow's acknowledgement of a delivery has counted, wherever in a fleet it was made. */
  onAcknowledged?(delivery: string, outcome: AckOutcome): void;
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

type Heard = Required<
  Pick<
    MailboxParts,
    | 'onState'
    | 'onError'
    | 'onQuarantined'
    | 'onStillQuarantined'
    | 'onIncomplete'
    | 'onSummary'
    | 'onCheck'
    | 'onChange'
    | 'onAcknowledged'
  >
>;

/**
 * The listeners of a mailbox. One may fail; that changes nothing about what was delivered and when the next check comes.
 * One object rather than a function for each: ten thousand mailboxes have one.
 */
export class Listeners implements Heard {
  readonly #parts: MailboxParts;

  constructor(parts: MailboxParts) {
    this.#parts = parts;
  }

  onState(state: MailboxState): void {
    attempt(() => this.#parts.onState(state));
  }

  onError(error: MailboxError): void {
    attempt(() => this.#parts.onError(error));
  }

  onQuarantined(...heard: Parameters<OnQuarantined>): void {
    attempt(() => this.#parts.onQuarantined(...heard));
  }

  onStillQuarantined(uid: string): void {
    attempt(() => this.#parts.onStillQuarantined?.(uid));
  }

  onIncomplete(...heard: Parameters<OnQuarantined>): void {
    attempt(() => this.#parts.onIncomplete?.(...heard));
  }

  onSummary(summary: CheckSummary): void {
    attempt(() => this.#parts.onSummary(summary));
  }

  onCheck(check: CheckRecord): void {
    attempt(() => this.#parts.onCheck?.(check));
  }

  onChange(): void {
    attempt(() => this.#parts.onChange?.());
  }

  onAcknowledged(delivery: string, outcome: AckOutcome): void {
    attempt(() => this.#parts.onAcknowledged?.(delivery, outcome));
  }
}

function attempt(listen: () => void): void {
  try {
    listen();
  } catch {
    // No listener is left that could hear of it.
  }
}

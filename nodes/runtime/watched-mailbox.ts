import { printable } from '../base/shown';
import { SparseMap } from '../base/sparse';
import {
  type Clock,
  type Mailbox,
  MailboxError,
  type MailboxParts,
  type MailboxState,
  senderAndSubject,
} from '../mailbox';
import { Counts, type Totals } from './counts';
import { MailboxHistory, type PastCheck, type PastMail } from './history';
import { Hours } from './hours';
import type { QuarantineNames } from './quarantine-names';

/** Mails of a mailbox of which more than the unique ID is remembered. */
const MOST_REMEMBERED = 100;

/** Whose mailbox it is. */
export interface Attended {
  /** Of the running node; every instance of a subflow has one of its own. */
  id: string;
  /** Where the node is in the editor. */
  node: string;
  name: string;
  host: string;
  user: string;
  /** The account it uses, by the ID of its configuration node. */
  account?: string;
}

/** A mail that failed too often. */
export interface QuarantinedMail {
  uid: string;
  /** Where it was delivered since Node-RED was started. */
  subject?: string;
  from?: string;
  /** When its last attempt failed, ms since the epoch. */
  at?: number;
}

/** How one mailbox is. Times are ms since the epoch. */
export interface MailboxHealth extends Attended {
  state: MailboxState;
  /** When the last check ended, well or not. */
  checkedAt?: number;
  nextCheckAt?: number;
  /** The last failure, and whether it is how things stand. */
  failure?: { error: MailboxError; at: number; over: boolean };
  /** Mails delivered in each of the last 24 hours, the present one last. */
  hours: number[];
  /** Of these, mails that may have been delivered before. */
  redeliveredHours: number[];
  totals: Totals;
  isPaused: boolean;
  firstCheck?: { at: number; ignored: number };
  /** The newest last. */
  checks: readonly PastCheck[];
  /** The newest last; none where they are not to be kept. */
  mails: readonly PastMail[];
  /** Delivered and not acknowledged; 0 where that is not needed. */
  inFlight: number;
  /** Those, and what waits for its next attempt. */
  unacknowledged: number;
  quarantined: QuarantinedMail[];
}

type Listeners = Pick<
  MailboxParts,
  | 'deliver'
  | 'onState'
  | 'onError'
  | 'onQuarantined'
  | 'onStillQuarantined'
  | 'onChange'
  | 'onCheck'
  | 'onAcknowledged'
>;
/** What of a mailbox is shown, and asked of it. */
export type ShownMailbox = Pick<
  Mailbox,
  | 'inFlight'
  | 'unacknowledged'
  | 'quarantined'
  | 'nextCheckAt'
  | 'isPaused'
  | 'firstCheck'
  | 'wake'
  | 'pause'
  | 'resume'
  | 'restart'
  | 'tryAgain'
>;

/** One mailbox under observation. */
export class WatchedMailbox {
  readonly #name: Attended;
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #keepsMails: boolean;
  readonly #names: QuarantineNames | undefined;
  mailbox: ShownMailbox | undefined;
  #state: MailboxState = { is: 'idle' };
  #checkedAt: number | undefined;
  #failure: MailboxHealth['failure'];
  readonly #hours: Hours;
  readonly #redelivered: Hours;
  readonly #counts: Counts;
  readonly #history: MailboxHistory;
  readonly #subjects: SparseMap<string, Pick<QuarantinedMail, 'subject' | 'from'>>;
  readonly #quarantineFacts: SparseMap<string, Omit<QuarantinedMail, 'uid'>>;

  constructor(
    name: Attended,
    clock: Clock,
    changed: () => void,
    before: WatchedMailbox | undefined,
    keepsMails: boolean,
    names: QuarantineNames | undefined,
  ) {
    this.#name = name;
    this.#clock = clock;
    this.#changed = changed;
    this.#keepsMails = keepsMails;
    this.#names = names;
    this.#hours = before === undefined ? new Hours() : before.#hours;
    this.#redelivered = before === undefined ? new Hours() : before.#redelivered;
    this.#counts = before === undefined ? new Counts() : before.#counts;
    this.#history = before === undefined ? new MailboxHistory() : before.#history;
    this.#subjects = before === undefined ? new SparseMap() : before.#subjects;
    this.#quarantineFacts = before === undefined ? new SparseMap() : before.#quarantineFacts;
  }

  /** What a mailbox is to be made of so that it is heard here too. */
  hearing<T extends Listeners & Pick<MailboxParts, 'ack'>>(parts: T): T {
    return {
      ...parts,
      deliver: async (mail, assertOwner) => {
        // Only the flow's acknowledgement can quarantine a mail whose subject is known.
        if (parts.ack !== undefined && this.#keepsMails) {
          const [subject, from] = [printable(mail.topic), printable(mail.from)];
          remember(this.#subjects, mail.pop3.uid, { ...(subject && { subject }), ...(from && { from }) });
        }
        const now = this.#clock.now();
        if (this.#keepsMails) this.#history.recordMail(mail, now, parts.ack !== undefined);
        await parts.deliver(mail, assertOwner);
        this.#hours.count(now);
        if (mail.pop3.redelivered) this.#redelivered.count(now);
        this.#changed();
      },
      onState: (state) => {
        this.#hear(state);
        parts.onState(state);
      },
      onError: (error) => {
        this.#failure = { error, at: this.#clock.now(), over: this.#state.is !== 'failed' };
        this.#changed();
        parts.onError(error);
      },
      onQuarantined: (error, pop3, raw) => {
        this.#quarantined(pop3.uid);
        const shown = this.#subjects.get(pop3.uid);
        if (shown === undefined && raw !== undefined && this.#keepsMails) this.#nameFrom(raw, pop3.uid);
        parts.onQuarantined(shown === undefined ? error : naming(error, shown), pop3, raw);
      },
      onStillQuarantined: (uid) => {
        this.#quarantined(uid);
        parts.onStillQuarantined?.(uid);
      },
      onCheck: (check) => {
        this.#history.recordCheck(check);
        this.#counts.recordCheck(check);
        this.#changed();
        parts.onCheck?.(check);
      },
      onChange: () => {
        this.#changed();
        parts.onChange?.();
      },
      onAcknowledged: (delivery, outcome) => {
        this.#history.recordAcknowledgement(delivery, outcome);
        this.#changed();
        parts.onAcknowledged?.(delivery, outcome);
      },
    };
  }

  begin(mailbox: ShownMailbox): void {
    this.mailbox = mailbox;
    this.#changed();
  }

  end(): void {
    this.mailbox = undefined;
    this.#changed();
  }

  /** Undefined where the node has been closed. */
  get health(): MailboxHealth | undefined {
    const { mailbox } = this;
    const name = this.#name;
    const state = this.#state;
    const checkedAt = this.#checkedAt;
    const failure = this.#failure;
    if (mailbox === undefined) return undefined;
    const { inFlight, unacknowledged, nextCheckAt, quarantined, isPaused, firstCheck } = mailbox;
    return {
      ...name,
      state,
      ...(checkedAt !== undefined && { checkedAt }),
      ...(nextCheckAt !== undefined && { nextCheckAt }),
      ...(failure && { failure }),
      hours: this.#hours.until(this.#clock.now()),
      redeliveredHours: this.#redelivered.until(this.#clock.now()),
      totals: this.#counts.totals,
      isPaused,
      ...(firstCheck && { firstCheck }),
      checks: this.#history.checks,
      mails: this.#history.mails,
      inFlight,
      unacknowledged,
      quarantined: quarantined.map((uid) => ({
        uid,
        ...(this.#quarantineFacts.get(uid) ?? this.#names?.get(name.id, uid)),
      })),
    };
  }

  #quarantined(uid: string): void {
    const known = this.#subjects.get(uid) ?? this.#names?.get(this.#name.id, uid);
    const facts = { ...known, at: this.#clock.now() };
    remember(this.#quarantineFacts, uid, facts);
    if (known !== undefined) this.#names?.set(this.#name.id, uid, facts);
    this.#history.recordQuarantine(uid);
    this.#changed();
  }

  /** A mail that was never delivered is known by its bytes only. */
  async #nameFrom(raw: Buffer, uid: string): Promise<void> {
    const found = await senderAndSubject(raw).catch(() => undefined);
    const [subject, from] = [printable(found?.subject), printable(found?.from)];
    remember(this.#subjects, uid, { ...(subject && { subject }), ...(from && { from }) });
    this.#quarantined(uid);
  }

  #hear(state: MailboxState): void {
    const at = this.#clock.now();
    const underWay = state.is === 'checking' || state.is === 'progress';
    const wasUnderWay = this.#state.is === 'checking' || this.#state.is === 'progress';
    if (!underWay && wasUnderWay) this.#checkedAt = at;
    this.#state = state;
    if (state.is === 'failed') this.#failure = { error: state.error, at, over: false };
    else if ((state.is === 'new' || state.is === 'idle') && this.#failure)
      this.#failure = { ...this.#failure, over: true };
    this.#changed();
  }
}

/** The same error, with the mail named as a person knows it. */
function naming(
  error: MailboxError,
  { subject, from }: Pick<QuarantinedMail, 'subject' | 'from'>,
): MailboxError {
  const mail = [subject && `“${subject}”`, from && `(${from})`].filter(Boolean).join(' ');
  const { code, reason, facts, retryable, cause } = error;
  return new MailboxError(code, reason, { facts: { ...facts, ...(mail && { mail }) }, retryable, cause });
}

/** The newest are kept. */
function remember<T>(memory: SparseMap<string, T>, uid: string, what: T): void {
  memory.delete(uid);
  memory.set(uid, what);
  const [oldest] = memory.keys();
  if (memory.size > MOST_REMEMBERED && oldest !== undefined) memory.delete(oldest);
}

import {
  type AckOutcome,
  type Clock,
  type Mailbox,
  MailboxError,
  type MailboxParts,
  type MailboxState,
} from '../mailbox';
import { MailboxHistory, type PastCheck, type PastMail, printable } from './history';

/** Mails are counted by the hour for so long. */
export const COUNTED_HOURS = 24;
const HOUR_MS = 60 * 60 * 1000;
/** A thousand mailboxes change all the time; a viewer is told once in so many ms at most. */
const TELL_EVERY_MS = 1000;
/** Mails of a mailbox of which more than the unique ID is remembered. */
const MOST_REMEMBERED = 100;

/** Whose mailbox it is. */
export interface Attended {
  /** Of the running node; every instance of a subflow has one of its own. */
  id: string;
  /** Where the node stands in the editor. */
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
  /** Mails delivered in each of the last {@link COUNTED_HOURS} hours, the present one last. */
  hours: number[];
  /** Of these, mails that may have been delivered before. */
  redeliveredHours: number[];
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
  'deliver' | 'onState' | 'onError' | 'onQuarantined' | 'onStillQuarantined' | 'onChange' | 'onCheck'
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

/** How the mailboxes of this runtime are, for a person to see at a glance. In memory only. */
export class Health {
  readonly #clock: Clock;
  readonly #keepsMails: boolean;
  readonly #kept = new Map<string, WatchedMailbox>();
  readonly #listeners = new Set<() => void>();
  #timer: unknown;
  #again = false;

  /** @param keepsMails whether the last mails are kept for the Mail tab */
  constructor(clock: Clock, keepsMails = true) {
    this.#clock = clock;
    this.#keepsMails = keepsMails;
  }

  /** From now on this mailbox is shown; a deploy in between costs it none of its counts. */
  attend(name: Attended): WatchedMailbox {
    const before = this.#kept.get(name.id);
    const watched = new WatchedMailbox(name, this.#clock, () => this.changed(), before, this.#keepsMails);
    this.#kept.set(name.id, watched);
    this.changed();
    return watched;
  }

  /** The mailboxes there are just now. */
  get mailboxes(): MailboxHealth[] {
    return [...this.#kept.values()].flatMap((watched) => watched.health ?? []);
  }

  /** Undefined where there is no such mailbox. */
  mailbox(id: string): ShownMailbox | undefined {
    return this.#kept.get(id)?.mailbox;
  }

  /** After a deploy: what is gone by then stays gone. */
  sweep(): void {
    for (const [id, watched] of this.#kept) if (watched.mailbox === undefined) this.#kept.delete(id);
    this.changed();
  }

  /** Hears that something has changed, at most once a second; returns how to stop. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Something may look different now. */
  changed(): void {
    if (this.#listeners.size === 0) return;
    if (this.#timer !== undefined) {
      this.#again = true;
      return;
    }
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      if (this.#again) this.changed();
    }, TELL_EVERY_MS);
    this.#again = false;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** One mailbox under observation. */
export class WatchedMailbox {
  readonly #name: Attended;
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #keepsMails: boolean;
  mailbox: ShownMailbox | undefined;
  #state: MailboxState = { is: 'idle' };
  #checkedAt: number | undefined;
  #failure: MailboxHealth['failure'];
  readonly #hours: Hours;
  readonly #redelivered: Hours;
  readonly #history: MailboxHistory;
  readonly #subjects: Map<string, Pick<QuarantinedMail, 'subject' | 'from'>>;
  readonly #quarantineFacts: Map<string, Omit<QuarantinedMail, 'uid'>>;

  constructor(
    name: Attended,
    clock: Clock,
    changed: () => void,
    before: WatchedMailbox | undefined,
    keepsMails: boolean,
  ) {
    this.#name = name;
    this.#clock = clock;
    this.#changed = changed;
    this.#keepsMails = keepsMails;
    this.#hours = before === undefined ? new Hours() : before.#hours;
    this.#redelivered = before === undefined ? new Hours() : before.#redelivered;
    this.#history = before === undefined ? new MailboxHistory() : before.#history;
    this.#subjects = before === undefined ? new Map() : before.#subjects;
    this.#quarantineFacts = before === undefined ? new Map() : before.#quarantineFacts;
  }

  /** What a mailbox is to be made of so that it is heard here too. */
  hearing<T extends Listeners & Pick<MailboxParts, 'ack'>>(parts: T): T {
    return {
      ...parts,
      deliver: async (mail, assertOwner) => {
        // Only the flow's acknowledgement can quarantine a mail whose subject is known.
        if (parts.ack !== undefined) {
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
        parts.onQuarantined(shown === undefined ? error : naming(error, shown), pop3, raw);
      },
      onStillQuarantined: (uid) => {
        this.#quarantined(uid);
        parts.onStillQuarantined?.(uid);
      },
      onCheck: (check) => {
        this.#history.recordCheck(check);
        this.#changed();
        parts.onCheck?.(check);
      },
      onChange: () => {
        this.#changed();
        parts.onChange?.();
      },
    };
  }

  /** The flow has acknowledged a delivery. */
  acknowledged(delivery: string, outcome: AckOutcome): void {
    this.#history.recordAcknowledgement(delivery, outcome);
    this.#changed();
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
      isPaused,
      ...(firstCheck && { firstCheck }),
      checks: this.#history.checks,
      mails: this.#history.mails,
      inFlight,
      unacknowledged,
      quarantined: quarantined.map((uid) => ({ uid, ...this.#quarantineFacts.get(uid) })),
    };
  }

  #quarantined(uid: string): void {
    remember(this.#quarantineFacts, uid, { at: this.#clock.now(), ...this.#subjects.get(uid) });
    this.#history.recordQuarantine(uid);
    this.#changed();
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
function remember<T>(memory: Map<string, T>, uid: string, what: T): void {
  memory.delete(uid);
  memory.set(uid, what);
  const [oldest] = memory.keys();
  if (memory.size > MOST_REMEMBERED && oldest !== undefined) memory.delete(oldest);
}

/** Counts by the hour, for as long as they are shown. */
class Hours {
  readonly #counts = new Map<number, number>();

  count(at: number): void {
    const hour = Math.floor(at / HOUR_MS);
    this.#counts.set(hour, (this.#counts.get(hour) ?? 0) + 1);
    this.#forget(hour);
  }

  /** The oldest first. */
  until(at: number): number[] {
    const last = Math.floor(at / HOUR_MS);
    this.#forget(last);
    return Array.from(
      { length: COUNTED_HOURS },
      (_, index) => this.#counts.get(last - COUNTED_HOURS + 1 + index) ?? 0,
    );
  }

  #forget(last: number): void {
    // A clock that was set back leaves hours of the future behind.
    for (const hour of this.#counts.keys())
      if (hour <= last - COUNTED_HOURS || hour > last) this.#counts.delete(hour);
  }
}

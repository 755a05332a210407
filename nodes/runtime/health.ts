import type { Clock } from '../mailbox';
import type { QuarantineNames } from './quarantine-names';
import { type Attended, type MailboxHealth, type ShownMailbox, WatchedMailbox } from './watched-mailbox';

/** A thousand mailboxes change all the time; a viewer is told once in so many ms at most. */
const TELL_EVERY_MS = 1000;

/** How the mailboxes of this runtime are, for a person to see at a glance. In memory only. */
export class Health {
  readonly #clock: Clock;
  readonly #keepsMails: boolean;
  readonly #names: QuarantineNames | undefined;
  readonly #kept = new Map<string, WatchedMailbox>();
  readonly #listeners = new Set<() => void>();
  #timer: unknown;
  #again = false;

  /**
   * @param keepsMails whether the last mails, their subjects and senders are kept for the Mail tab
   * @param names of quarantined mails, on disk
   */
  constructor(clock: Clock, keepsMails = true, names?: QuarantineNames) {
    this.#clock = clock;
    this.#keepsMails = keepsMails;
    this.#names = names;
  }

  /** From now on this mailbox is shown; a deploy in between costs it none of its counts. */
  attend(name: Attended): WatchedMailbox {
    const before = this.#kept.get(name.id);
    const watched = new WatchedMailbox(
      name,
      this.#clock,
      () => this.changed(),
      before,
      this.#keepsMails,
      this.#names,
    );
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
    this.#names?.keepOnly(new Set(this.#kept.keys()));
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

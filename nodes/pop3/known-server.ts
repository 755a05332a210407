import type { Capabilities } from './capabilities';
import type { MechanismName } from './sasl';

/** What a server says it can do is asked again after a day, ms. */
const FRESH_MS = 24 * 60 * 60 * 1000;
/** Mailboxes of up to so many mails are listed with their sizes ahead: one reply of a few kB. */
const LISTED_AHEAD = 500;

/** What a server can do before and after the login. */
export interface Offer {
  before: Capabilities;
  after: Capabilities;
}

/**
 * What one user's sessions with one server have learned, kept in memory between them so that the next session needs
 * fewer round trips. Belongs to one host, port, security and user.
 */
export class KnownServer {
  /** The login method that worked where the first choice was refused. */
  mechanism: MechanismName | undefined;
  /** Both choices of a login method were refused: a second one is not tried again. */
  bothRefused = false;
  /** Logins in a row in which the server closed the connection. */
  closedLogins = 0;
  /** Settles when the server has ended the last session: some servers keep the mailbox locked until then. */
  ended: Promise<void> = Promise.resolve();
  #offer: Offer | undefined;
  #learnedAt = 0;
  #messages = Number.POSITIVE_INFINITY;

  /** What the server offers, as far as that is known and not older than a day. `now`: ms, monotonic. */
  offer(now: number): Offer | undefined {
    if (this.#offer !== undefined && now - this.#learnedAt >= FRESH_MS) this.forget();
    return this.#offer;
  }

  learn(offer: Offer, now: number): void {
    this.#offer = offer;
    this.#learnedAt = now;
  }

  /** Something was not as remembered: the next session asks for everything. */
  forget(): void {
    this.#offer = undefined;
  }

  /** STAT has told how many mails there are. */
  counted(messages: number): void {
    this.#messages = messages;
  }

  /** Whether asking for all sizes ahead costs next to nothing. */
  get isSmall(): boolean {
    return this.#messages <= LISTED_AHEAD;
  }
}

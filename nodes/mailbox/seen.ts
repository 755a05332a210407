import type { ListedMail } from './listing';
import type { Ledger } from './store/ledger';

/** What a check saw of a mailbox in which there was nothing to do. */
export interface Seen {
  ledger: Ledger;
  /** Of the ledger, when there was nothing to do. */
  revision: number;
  messages: number;
  bytes: number | undefined;
  /** What the server answered to UIDL. */
  uidl: Buffer;
  /** The digest of its answer to LIST; undefined where STAT says what the sizes are together. */
  list: string | undefined;
  hides: boolean;
  /** The mail that is listed last. */
  last: ListedMail | undefined;
  /** Unique IDs are message numbers: the last mail is another as soon as any mail before it was deleted. */
  numbered: boolean;
  /** When the first mail becomes one to be deleted, ms since the epoch. */
  until: number;
  /** When all of it was looked at, by a clock that is never set, ms. */
  at: number;
}

/** What is kept of it from check to check. */
export interface LastSeen {
  seen?: Seen | undefined;
}

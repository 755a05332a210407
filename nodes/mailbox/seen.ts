import type { ListedMail } from './listing';
import type { Ledger } from './store/ledger';

/** What a check saw that found nothing to do and recorded nothing. */
export interface Seen {
  ledger: Ledger;
  revision: number;
  messages: number;
  bytes: number | undefined;
  /** The digest of what the server answered to UIDL. */
  uidl: string;
  /** The same of LIST; undefined where STAT says what the sizes are together. */
  list: string | undefined;
  hides: boolean;
  /** The mail that is listed last. */
  last: ListedMail | undefined;
  /** Unique IDs are message numbers: the last mail is another as soon as any mail before it was deleted. */
  numbered: boolean;
  /** When the first mail becomes one to be deleted, ms since the epoch. */
  until: number;
  /** By a clock that is never set, ms. */
  at: number;
}

/** What is kept of it from check to check. */
export interface LastSeen {
  seen?: Seen | undefined;
}

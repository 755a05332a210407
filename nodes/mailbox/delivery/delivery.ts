import type { RetrievedMail } from '../../pop3';
import type { ListedMail } from '../listing';
import type { AssertOwner } from '../ownership';
import type { Ledger } from '../store/ledger';
import type { Identity } from '../store/ledger-records';
import type { DeliveredMail, Origin } from './pop3-fields';
import type { NumberedMail, Reading, Receipt, ReceivedMail } from './received-mail';

/** What the summary counts of a mail that was delivered. */
export interface Delivered {
  /** Of the mail as it came. */
  bytes: number;
  redelivered: boolean;
}

/** A session that is held while the flow is busy. */
export interface SessionHold {
  /** By a clock that is never set, ms. */
  since: number;
  /** NOOP (RFC 1939 section 5). @throws Pop3Error where the session is over */
  keepAlive(): Promise<void>;
  /** True where others wait for the place of this session. */
  isWanted(): boolean;
}

/** A way of mails to the flow: it decides what is recorded when, and when a mail counts as processed. */
export interface Delivery {
  /**
   * How many mails may be downloaded now; waits for the flow as long as that is worth holding the session.
   * @param session when it began, by the clock, and what keeps it from being idle
   * @returns 0 where the session is to end; `redelivered`: mails that were delivered again meanwhile
   */
  awaitRoom(session: SessionHold): Promise<{ room: number; redelivered: number }>;
  /** Whether the mail is on its way already and must not be downloaded. */
  holds(key: string): boolean;
  /** Mails that are on their way, with what they are recognized by. */
  held(): readonly { key: string; fingerprint?: string }[];
  /** Told what a complete listing has. @throws MailboxError STORE */
  recordListing(keys: ReadonlySet<string>): Promise<void>;
  /** Told before the first of so many is downloaded, in the order in which they come. @throws MailboxError STORE */
  expect(mails: ListedMail[]): Promise<void>;
  /** The mails as they come from the server; some may be read before they are delivered. */
  receive(source: AsyncIterable<RetrievedMail>, receipt: Receipt): AsyncIterable<NumberedMail>;
  /** @throws what the mail's bytes throw; it was not delivered then */
  deliver(mail: ListedMail, received: ReceivedMail): Promise<Delivered>;
  /** Records what is to be recorded; called at the end of every check, whatever happened. @throws MailboxError STORE */
  finish(): Promise<void>;
}

/** What every way of delivery needs. */
export interface DeliveryParts {
  ledger: Ledger;
  /** How mails are read. */
  reading: Reading;
  /** What `msg.pop3` says of every mail of this node. */
  origin: Origin;
  /**
   * Resolves when the mail has been sent and one turn of the event loop has passed.
   * @param assertOwner to be called, and awaited, right before the mail is sent
   * @throws MailboxError `stopped` where something came between that is no mail's fault: it may have arrived, or not
   */
  deliver(mail: DeliveredMail, assertOwner: AssertOwner): Promise<void>;
  assertOwner: AssertOwner;
}

/** What is recorded of a mail once it is processed: only what was delivered whole may ever be deleted. */
export function outcomeOf(
  { bytes }: Pick<ListedMail, 'bytes'>,
  { whole, incomplete, fingerprint }: Pick<ReceivedMail, 'whole' | 'incomplete' | 'fingerprint'>,
  { content }: Reading,
): { state: 'processed' | 'kept'; identity: Partial<Identity> } {
  const complete = whole && !incomplete && content !== 'headers';
  const identity = {
    ...(fingerprint !== undefined && { fingerprint }),
    ...(bytes !== undefined && { bytes }),
  };
  return { state: complete ? 'processed' : 'kept', identity };
}

import type { AssertOwner, Ledger, MailboxParts, Spool } from '../mailbox';
import type { RunningMailbox } from './running-mailbox';

/** Where the ledgers of a runtime are. */
export interface LedgerRoom {
  /** From now on this node receives every mail of the mailbox, and nothing is deleted there without it. */
  attend(node: string, mailbox: string): LedgerLoan;
}

/** One node's hold on one ledger. */
export interface LedgerLoan {
  /** @throws MailboxError STORE */
  open(signal: AbortSignal): Promise<Ledger>;
  /** The mails that wait for their acknowledgement. @throws MailboxError STORE */
  spool(): Promise<Spool>;
  /** True where every other node on this mailbox is done with the mail. */
  mayDelete(mail: string): boolean;
  /** Whether this runtime still owns the mailbox. */
  assertOwner: AssertOwner;
  /** What checks the mailbox, not started yet. */
  run(parts: MailboxParts): RunningMailbox;
  /** Closes the ledger when no other node holds it. */
  giveBack(): Promise<void>;
}

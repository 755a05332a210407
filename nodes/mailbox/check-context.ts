import type { SparseSet } from '../base/sparse';
import type { ClockWatch } from './clock-watch';
import type { Delivery } from './delivery/delivery';
import type { OnQuarantined, OnStillQuarantined } from './failures';
import type { ListedMail } from './listing';
import type { AssertOwner } from './ownership';
import type { LastSeen } from './seen';
import type { Session } from './session';
import type { Ledger } from './store/ledger';

export interface CheckSettings {
  node: string;
  host: string;
  port: number;
  user: string;
  /** `google` lists and hides mail in its own way. */
  service: string;
  /** `new`, `all` or an ISO date. */
  first: string;
  after: 'keep' | 'delete' | 'expire';
  /** `expire`: days from processed to deleted. */
  keepDays: number;
  /** Downloads or deliveries that may fail before a mail is quarantined. */
  maxAttempts: number;
  /** Bytes; 0: no limit. */
  maxSize: number;
  /** What becomes of a larger mail. */
  oversize: 'headers' | 'skip';
  /** Mails in one check; 0: all. */
  maxPerCheck: number;
  content: 'parsed' | 'raw' | 'both' | 'headers';
}

/** What happened in one check; the payload of the second output. */
export interface CheckSummary {
  found: number;
  fetched: number;
  delivered: number;
  redelivered: number;
  deleted: number;
  /** To be deleted, but QUIT was not answered: they may be deleted, or not. Absent where it was. */
  unconfirmed?: number;
  skipped: number;
  failed: number;
  bytes: number;
  ms: number;
}

/** Everything a check needs from outside. */
export interface CheckContext {
  settings: CheckSettings;
  ledger: Ledger;
  /** Connected and authenticated. */
  open(signal: AbortSignal): Promise<Session>;
  /** How mails get to the flow, and when they count as processed. */
  delivery: Delivery;
  /** True where every other enabled node on this mailbox has processed the mail. */
  mayDelete(key: string): boolean;
  assertOwner: AssertOwner;
  onProgress(done: number, total: number): void;
  onQuarantined: OnQuarantined;
  onStillQuarantined?: OnStillQuarantined | undefined;
  /** Called once for a mail of which a part may be missing: it was delivered all the same, and stays on the server. */
  onIncomplete(mail: ListedMail, cause?: unknown): void;
  /** Keys of mails at which sessions ended before any mail came; kept from check to check. */
  doubted: SparseSet<string>;
  /** Marks of mails at which sessions ended when they were only looked at; kept from check to check. */
  unidentifiable: SparseSet<string>;
  /** Kept from check to check. */
  clockWatch: ClockWatch;
  /** Kept from check to check. */
  unchanged: LastSeen;
  now(): number;
  /** True where others wait for the place of this session. Absent: none ever does. */
  isWanted?(): boolean;
  /** For durations, ms: never set. */
  monotonic(): number;
  signal: AbortSignal;
}

/** What a listing was recognized to be. */
export interface Recognized {
  /** Keys of mails that were certainly the known ones in this session: no other may be deleted. */
  identified: Set<string>;
  /** Keys of unknown mails that the flow has already, under another key. */
  waiting: ReadonlySet<string>;
  /** Something was retrieved to be identified: RSET has to follow (quirk 16). */
  retrieved: boolean;
}

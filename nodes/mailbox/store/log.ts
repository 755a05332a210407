import type { MailboxError } from '../errors';

/** What the lines of a log mean, and what replaces all of them together. */
export interface LogContent<R extends object> {
  /** Names the format, with its version, beside the lines: a log of a newer version is refused. */
  readonly format: string;
  readonly version: number;
  /** Applies a line; throws where it is not what it should be. */
  apply(record: R): void;
  /** One record that says what all of them have said. */
  snapshot(): R;
  isSnapshot(record: R): boolean;
}

/**
 * The lines below one ledger, wherever they are kept. It knows nothing of their meaning: whatever holds the lines,
 * `LedgerState` and all its rules stay above it.
 *
 * Lines are kept in the order in which they were given. Every failure is a `MailboxError` `STORE`.
 */
export interface Log<R extends object> {
  /** Names the log in errors and to people: the path of a file, a database and a row. */
  readonly name: string;
  /** Roughly how much is kept, history included: decides when a compaction is worth its cost. */
  readonly bytes: number;
  /**
   * The record counts (`content.apply`) when it would survive a power failure, which is when this resolves.
   * @throws MailboxError STORE; the record does not count then, and is not kept
   */
  durably(record: R): Promise<void>;
  /**
   * The record counts before this returns: it says what has happened already. It survives the end of the process when
   * this resolves.
   * @throws MailboxError STORE; the record is written before the next one then, or at `close`
   */
  atOnce(record: R): Promise<void>;
  /**
   * For a record that only replaces the last one of its kind, and whose loss costs little: it counts before this
   * returns, and may be lost with everything of its kind of the last hour.
   * @throws MailboxError STORE
   */
  eventually(record: R): Promise<void>;
  /** Replaces the lines by one snapshot. Never rejects: the lines stay as they are where that fails. */
  compact(): Promise<void>;
  /** Between two checks: writes what waits and releases what is scarce (a file, a connection). Never rejects. */
  rest(): Promise<void>;
  /** Writes what waits and ends; every later record is refused. May be called twice. @throws MailboxError STORE */
  close(): Promise<void>;
  /**
   * Ends at once and writes nothing more: the lines belong to another runtime now. Every later record is refused with
   * `why`. Never rejects.
   */
  abandon(why?: MailboxError): Promise<void>;
}

/**
 * Opens, or makes, one log, and applies every line of it to `content` before it resolves.
 * @throws MailboxError STORE: `ledger-damaged`, `ledger-newer`, or what the system says
 */
export type OpenLog = <R extends object>(content: LogContent<R>) => Promise<Log<R>>;

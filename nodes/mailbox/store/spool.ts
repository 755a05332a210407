import { createHash } from 'node:crypto';
import { MailboxError } from '../errors';
import type { ListedMail } from '../listing';

/** What is known of a mail only when its last byte has come. Kept whole, as JSON of at most 256 bytes: more may join. */
export interface SpoolFacts {
  /** False where only its headers are here. */
  whole: boolean;
  /** What it is recognized by; undefined in a spool of version 0.1. */
  fingerprint?: string;
  /** The size that LIST told. */
  listedBytes?: number;
  /** The server announced more than it sent. */
  incomplete?: boolean;
}

/** A mail that waits for its acknowledgement. */
export interface SpooledMail extends SpoolFacts {
  key: string;
  uid: string;
  number: number;
  /** Of the whole mail. */
  bytes: number;
}

/**
 * The bytes of mails that are not yet processed, wherever they are kept. What was taken in outlives the process, and
 * comes back in the order in which it came. Every failure of its own is a `MailboxError` `STORE`.
 */
export interface Spool {
  /** Names it in errors: a folder, a database. */
  readonly place: string;
  /** How many mails wait. */
  readonly size: number;
  all(): SpooledMail[];
  get(key: string): SpooledMail | undefined;
  /** By {@link spoolName}. */
  named(name: string): SpooledMail | undefined;
  /**
   * Takes a mail in; one that is here already is replaced. Durable when it resolves, but for its name, which is durable
   * after {@link sync}.
   * @param facts asked once the body has come whole
   * @throws MailboxError STORE, or what the body throws; nothing is kept then
   */
  put(mail: ListedMail, body: AsyncIterable<Buffer>, facts: () => SpoolFacts): Promise<SpooledMail>;
  /** Makes everything that was taken in durable. Never rejects: not every file system can. */
  sync(): Promise<void>;
  /** The bytes as they came. @throws MailboxError STORE; `spooled-mail-gone` where they are no longer here */
  read(key: string): AsyncIterable<Buffer>;
  /** Forgets a mail whose bytes are gone, without looking for them. */
  forget(key: string): void;
  /** Removes a mail, however often it is asked to. */
  remove(key: string): Promise<void>;
}

/** A short name for a mail's key: safe as a file name and within a delivery's name. */
export const spoolName = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 32);

/** What is reported of a mail that should be in the spool and is not. */
export const spooledMailGone = (place: string, uid: string | undefined, cause?: unknown): MailboxError =>
  new MailboxError('STORE', 'spooled-mail-gone', { facts: { folder: place, uid }, cause });

/** A mail of the spool in one piece. @throws MailboxError where it is gone */
export async function spooledBytes(spool: Spool, key: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of spool.read(key)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

// Longer than 300 lines because what is queued, written, synced and compacted is one order of steps: a crash may come
// between any two of them.
import { constants, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MailboxError } from '../../errors';
import type { Log, LogContent, OpenLog } from '../log';
import { syncFolder } from './sync-folder';

/** A disk that takes longer over one line, ms, is not written to while Node-RED waits. */
const SLOW_MS = 5;
/** After so many ms of slow lines in one check it is no longer waited for. */
const MOST_HELD_UP_MS = 50;
/** Longer lines always go by way of the thread pool. */
const SHORT_LINE = 4096;

/** Opens a file as fs does; a test counts what is done to it. */
export type OpenFile = (path: string, flags: string | number, mode?: number) => Promise<FileHandle>;

interface PendingWrite<R> {
  record: R;
  /** Durable before it counts; otherwise it counts at once and is written as soon as the disk takes it. */
  durable: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** The log kept in `file`, which is made when it is opened first. Its folder is made with it. */
export const fileLog =
  (file: string, openFile: OpenFile = open): OpenLog =>
  async <R extends object>(content: LogContent<R>) => {
    const log = new FileLog(file, content, openFile);
    await log.open();
    return log;
  };

/**
 * An append-only file of JSON lines.
 *
 * - A tail torn by a crash is cut off at the tear. Damage before the tail, or to what was on the disk before any
 *   tail could be (the header, a snapshot), is a `STORE` error that names file and line: guessing there would lose
 *   or repeat mail.
 * - Every failure to write is a `STORE` error, and what could not be written stays queued.
 */
class FileLog<R extends object> implements Log<R> {
  readonly #file: string;
  readonly #content: LogContent<R>;
  readonly #openFile: OpenFile;
  /** Of the file. */
  bytes = 0;

  /** For how long slow lines have held Node-RED up since the last rest, ms. */
  #heldUp = 0;

  /** Undefined while the file is let go. */
  #handle: FileHandle | undefined;
  /** Nothing may be written any more. */
  #over = false;
  #closedBecause: MailboxError | undefined;
  #pending: PendingWrite<R>[] = [];
  #writing: Promise<void> | undefined;
  #compactionWanted = false;
  /** The last batch is in the file and on its way to the disk: what comes now may be appended already. */
  #syncing = false;
  /** A write failed and what it left of a line could not be cut off: it has to go before the next one. */
  #halfLine = false;
  /** Lines that a full disk kept out of the file; they go before the next ones. */
  #unwritten = '';

  constructor(file: string, content: LogContent<R>, openFile: OpenFile) {
    this.#file = file;
    this.#content = content;
    this.#openFile = openFile;
  }

  get name(): string {
    return this.#file;
  }

  /** @throws MailboxError STORE, with the file's name and the system's reason */
  async open(): Promise<void> {
    try {
      await this.#load();
    } catch (error) {
      await this.#handle?.close().catch(() => undefined);
      throw error instanceof MailboxError ? error : this.#storeError(error);
    }
  }

  /** Counts when it is on the disk (fsync), which is when it resolves. */
  durably(record: R): Promise<void> {
    return this.#enqueue(record, true);
  }

  /** Counts at once; with the operating system when it resolves, so it survives the end of the process. */
  atOnce(record: R): Promise<void> {
    this.#content.apply(record);
    return this.#enqueue(record, false);
  }

  /** A line of a file costs next to nothing. */
  eventually(record: R): Promise<void> {
    return this.atOnce(record);
  }

  /** Writes what is known now in place of how it came about. */
  async compact(): Promise<void> {
    this.#compactionWanted = true;
    this.#startWriting();
    await this.#drained();
  }

  /** Writes what is queued and lets the file go. */
  async close(): Promise<void> {
    try {
      if (this.#unwritten !== '') this.#startWriting();
      await this.#drained();
    } finally {
      await this.abandon();
    }
  }

  /**
   * Writes what is queued and lets the file go until something is to be written again: a thousand mailboxes that wait
   * for their next check must not hold a thousand files open, where a process may have 1,024. Never rejects.
   */
  async rest(): Promise<void> {
    this.#heldUp = 0;
    await this.#drained();
    // Half a line has to be cut off before anything else; what has begun meanwhile still needs the file.
    if (this.#halfLine || this.#writing !== undefined) return;
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  /** Lets the file go as it is: it belongs to another runtime now. */
  async abandon(why?: MailboxError): Promise<void> {
    this.#over = true;
    if (why !== undefined) this.#closedBecause = why;
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  /** The file, opened again where it was let go. */
  async #opened(): Promise<FileHandle> {
    if (this.#handle === undefined && !this.#over) {
      const handle = await this.#openFile(this.#file, constants.O_RDWR | constants.O_APPEND);
      if (this.#over) await handle.close();
      else this.#handle = handle;
    }
    if (this.#handle === undefined) throw this.#closedBecause ?? new Error('the ledger is closed');
    return this.#handle;
  }

  #header(snapshot: boolean): string {
    const { format, version } = this.#content;
    return `${JSON.stringify({ is: format, version, ...(snapshot && { snapshot }) })}\n`;
  }

  async #load(): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND;
    this.#handle = await this.#openFile(this.#file, flags, 0o600);
    const bytes = await readFile(this.#file);
    this.bytes = bytes.length;
    if (bytes.length === 0) {
      await this.#writeHeader(this.#handle);
      return;
    }
    const end = this.#replay(bytes);
    if (end < bytes.length) {
      await this.#handle.truncate(end);
      this.bytes = end;
      if (end === 0) await this.#writeHeader(this.#handle);
    }
  }

  async #writeHeader(handle: FileHandle): Promise<void> {
    const header = this.#header(false);
    await handle.appendFile(header);
    await handle.datasync();
    await syncFolder(dirname(this.#file), this.#openFile);
    this.bytes = Buffer.byteLength(header);
  }

  /** Reads every whole line; returns where the torn tail begins. */
  #replay(bytes: Buffer): number {
    let start = 0;
    let line = 0;
    /** Lines that were on the disk before anything else was written: these cannot be a torn tail. */
    let firm = 1;
    let torn: { start: number; line: number } | undefined;
    while (start < bytes.length) {
      line += 1;
      const newline = bytes.indexOf(0x0a, start);
      const record = newline === -1 ? undefined : parseLine(bytes.toString('utf8', start, newline));
      if (record === undefined) {
        // A process that ended while it made the file: nothing was noted in it yet.
        if (line === 1 && newline === -1 && bytes.length < this.#header(false).length) return 0;
        if (line <= firm) throw this.#damaged(line);
        // The end of a file that was being written when the power went can hold anything, but only at its end.
        torn ??= { start, line };
        if (newline === -1) break;
      } else if (torn !== undefined) {
        throw this.#damaged(torn.line);
      } else if (line === 1) {
        firm = this.#checkHeader(record) ? 2 : 1;
      } else {
        if (line <= firm && !this.#content.isSnapshot(record as R)) throw this.#damaged(line);
        this.#applyLine(record as R, line);
      }
      start = newline + 1;
    }
    if (line < firm) throw this.#damaged(firm);
    return torn?.start ?? bytes.length;
  }

  /** True where a snapshot has to follow. */
  #checkHeader(record: object): boolean {
    const header = record as { is?: unknown; version?: unknown; snapshot?: unknown };
    if (header.is !== this.#content.format) throw this.#damaged(1);
    if (header.version !== this.#content.version) {
      throw new MailboxError('STORE', 'ledger-newer', { facts: { file: this.#file }, retryable: false });
    }
    return header.snapshot === true;
  }

  #applyLine(record: R, line: number): void {
    try {
      this.#content.apply(record);
    } catch {
      throw this.#damaged(line);
    }
  }

  #damaged(line: number): MailboxError {
    return new MailboxError('STORE', 'ledger-damaged', {
      facts: { file: this.#file, line },
      retryable: false,
    });
  }

  #enqueue(record: R, durable: boolean): Promise<void> {
    if (!durable && this.#writeNow(record)) return Promise.resolve();
    const written = new Promise<void>((resolve, reject) => {
      this.#pending.push({ record, durable, resolve, reject });
    });
    this.#startWriting();
    return written;
  }

  /**
   * Hands one line to the operating system at once, where nothing has to go before it: a microsecond, when a detour by
   * way of the thread pool costs as much as half a small mail. False where it has to queue.
   */
  #writeNow(record: R): boolean {
    const handle = this.#handle;
    const busy = this.#writing !== undefined && !this.#syncing;
    if (handle === undefined || busy || this.#heldUp > MOST_HELD_UP_MS || this.#halfLine) return false;
    if (this.#pending.length > 0 || this.#unwritten !== '') return false;
    const bytes = Buffer.from(`${JSON.stringify(record)}\n`, 'utf8');
    if (bytes.length > SHORT_LINE) return false;
    const began = performance.now();
    try {
      // What is written of a line that has no room goes before the next try.
      if (writeSync(handle.fd, bytes) < bytes.length) this.#halfLine = true;
    } catch {
      this.#halfLine = true;
    }
    const took = performance.now() - began;
    if (took > SLOW_MS) this.#heldUp += took;
    if (!this.#halfLine) this.bytes += bytes.length;
    return !this.#halfLine;
  }

  #startWriting(): void {
    this.#writing ??= this.#writeAll();
  }

  async #drained(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** One write for everything that is waiting: a burst of small records costs one call, and one fsync at most. */
  async #writeAll(): Promise<void> {
    await Promise.resolve();
    do {
      await this.#writeBatch();
      // Only with nothing waiting does memory say exactly what the file says.
      if (this.#compactionWanted && this.#pending.length === 0) await this.#rewrite();
    } while (this.#pending.length > 0 || this.#compactionWanted);
    // In one go with the last look at what is waiting: a record that came in between would wait forever.
    this.#writing = undefined;
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    const lines = batch.map((entry) => `${JSON.stringify(entry.record)}\n`);
    const text = this.#unwritten + lines.join('');
    if (text === '') return;
    try {
      await this.#write(
        text,
        batch.some((entry) => entry.durable),
      );
      this.#unwritten = '';
      for (const entry of batch) {
        if (entry.durable) this.#content.apply(entry.record);
        entry.resolve();
      }
    } catch (error) {
      // Intents and baselines are refused to their caller; what already happened has to be written later.
      this.#unwritten += lines.filter((_, index) => batch[index]?.durable === false).join('');
      const refused = this.#storeError(error);
      for (const entry of batch) entry.reject(refused);
    }
  }

  async #write(text: string, sync: boolean): Promise<void> {
    const handle = await this.#opened();
    const bytes = Buffer.from(text, 'utf8');
    try {
      if (this.#halfLine) await handle.truncate(this.bytes);
      this.#halfLine = true;
      await handle.appendFile(bytes);
      this.bytes += bytes.length;
      this.#halfLine = false;
    } catch (error) {
      // A full disk leaves half a line; cut it off, or the next line would be glued to it.
      await this.#cutTo(handle, this.bytes);
      throw error;
    }
    if (sync) await this.#sync(handle, bytes.length);
  }

  /** Waits until the last `written` bytes are on the disk; cuts them off where they cannot be. */
  async #sync(handle: FileHandle, written: number): Promise<void> {
    const end = this.bytes;
    this.#syncing = true;
    try {
      await handle.datasync();
    } catch (error) {
      // Notes that came after it stay: an intent too many is a mark too many, a note too few a repeat.
      if (this.bytes === end && !this.#halfLine) {
        this.bytes -= written;
        await this.#cutTo(handle, this.bytes);
      }
      throw error;
    } finally {
      this.#syncing = false;
    }
  }

  async #cutTo(handle: FileHandle, size: number): Promise<void> {
    this.#halfLine = true;
    await handle.truncate(size).then(
      () => {
        this.#halfLine = false;
      },
      () => undefined,
    );
  }

  /** Writes the present state beside the file and renames it over: a crash leaves the one or the other, whole. */
  async #rewrite(): Promise<void> {
    this.#compactionWanted = false;
    const temporary = `${this.#file}.new`;
    const text = `${this.#header(true)}${JSON.stringify(this.#content.snapshot())}\n`;
    try {
      const old = await this.#opened();
      await rm(temporary, { force: true });
      const handle = await this.#openFile(temporary, 'ax', 0o600);
      try {
        await handle.appendFile(text);
        await handle.sync();
        await rename(temporary, this.#file);
      } catch (error) {
        await handle.close();
        throw error;
      }
      // From here on the old file has no name: whatever fails, nothing may be written into it any more.
      this.#handle = handle;
      this.bytes = Buffer.byteLength(text);
      this.#unwritten = '';
      this.#halfLine = false;
      await syncFolder(dirname(this.#file), this.#openFile);
      await old.close();
    } catch {
      // The old file is whole and continues to grow; the next check tries again.
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }

  #storeError(cause: unknown): MailboxError {
    if (cause instanceof MailboxError) return cause;
    const code =
      (cause as NodeJS.ErrnoException | undefined)?.code ?? String((cause as Error)?.message ?? cause);
    return new MailboxError('STORE', code === 'ENOSPC' ? 'disk-full' : 'ledger-unwritable', {
      facts: { file: this.#file, system: code },
      cause,
    });
  }
}

function parseLine(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'is' in value ? value : undefined;
  } catch {
    return undefined;
  }
}

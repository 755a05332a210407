import { constants, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MailboxError } from './errors';

/** How long a mail is remembered after the server last listed it. A box that comes back empty for a while must not flood the flow. */
export const REMEMBERED_MS = 30 * 24 * 60 * 60 * 1000;

const FORMAT = 'redletter-ledger';
const VERSION = 1;
/** Below this many bytes a compaction is not worth its fsync. */
const COMPACT_BYTES = 256 * 1024;
/** A disk that takes longer over one line, ms, is not written to while Node-RED waits. */
const SLOW_MS = 5;
/** Longer lines always go by way of the thread pool. */
const SHORT_LINE = 4096;
/** The first line of a file that nobody has compacted yet. */
const HEADER = `${JSON.stringify({ is: FORMAT, version: VERSION })}\n`;
/** The first line of one whose second line is a snapshot, which was on the disk before anything came after it. */
const COMPACTED_HEADER = `${JSON.stringify({ is: FORMAT, version: VERSION, snapshot: true })}\n`;

/** What the ledger knows of a mail. */
export type MailState =
  /** Was there before the first check, or counts as old: never handed over, never deleted. */
  | 'baseline'
  /** Handed over whole. */
  | 'handled'
  /** Handed over in part or skipped: not asked for again, never deleted. */
  | 'kept'
  /** Failed too often: kept, until a person wants it tried again. */
  | 'set-aside';

/** A hand-over that was begun and not finished, or a fetch that failed. */
export interface OpenDelivery {
  /** Hand-overs that may have happened already. */
  handedOver: number;
  /** Fetches or hand-overs that are known to have failed. */
  failures: number;
  /** Not to be tried before, ms since the epoch. */
  retryAt: number;
}

/** One line of the file. `at` is seconds since the epoch: the file is read by people too. */
type LedgerRecord =
  | { is: 'baseline'; at: number; keys: string[] }
  | { is: 'intend'; at: number; keys: string[] }
  | { is: 'withdraw'; keys: string[] }
  | { is: 'done'; at: number; key: string; state?: MailState }
  | { is: 'failed'; at: number; key: string; retryAt: number }
  | { is: 'old'; at: number; keys: string[] }
  | { is: 'gone'; at: number; keys: string[] }
  | { is: 'back'; keys: string[] }
  | { is: 'forget'; keys: string[] }
  | { is: 'again'; key: string }
  | { is: 'checked'; at: number }
  | Snapshot;

interface Snapshot {
  is: 'snapshot';
  baseline: boolean;
  checked: number;
  /** key, state in one letter, handled at */
  known: [string, string, number][];
  open: [string, number, number, number][];
  gone: [string, number][];
}

interface PendingWrite {
  record: LedgerRecord;
  /** Durable before it counts; otherwise it counts at once and is written as soon as the disk takes it. */
  durable: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

const LETTER: Record<MailState, string> = { baseline: 'b', handled: 'h', kept: 'k', 'set-aside': 's' };
const STATE: Record<string, MailState> = { b: 'baseline', h: 'handled', k: 'kept', s: 'set-aside' };
const NUMBER: Record<Exclude<MailState, 'handled'>, number> = { baseline: 0, kept: -1, 'set-aside': -2 };

/**
 * What was delivered from one mailbox to one node: an append-only file of JSON lines.
 *
 * - A baseline and intents are on the disk (fsync) when their promise resolves; everything else is with the
 *   operating system, so it survives the end of the process but not always a power failure.
 * - A tail torn by a crash is cut off at the tear. Damage before the tail, or to what was on the disk before any
 *   tail could be (the header, a snapshot), is a `STORE` error that names file and line: guessing there would lose
 *   or repeat mail.
 * - Every failure to write is a `STORE` error, and what could not be written stays queued.
 */
export class Ledger {
  readonly file: string;
  /** True once the first complete listing stands on the disk. Until then every check is the first. */
  hasBaseline = false;
  /** When the last check ended well, ms since the epoch; 0 for never. */
  lastChecked = 0;

  // Numbers rather than objects: a hundred thousand mails have to fit into a few megabytes.
  // > 0: handled, seconds since the epoch; 0: baseline; -1: kept; -2: set aside
  private readonly mails = new Map<string, number>();
  /** Those of -2: a few, which somebody may want to see without a look at all the others. */
  private readonly aside = new Set<string>();
  private readonly openDeliveries = new Map<string, OpenDelivery>();
  private readonly missing = new Map<string, number>();

  private handle: FileHandle | undefined;
  private size = 0;
  private liveBytes = 0;
  private pending: PendingWrite[] = [];
  private writing: Promise<void> | undefined;
  private compactionWanted = false;
  /** The last batch is in the file and on its way to the disk: what comes now may be appended already. */
  private syncing = false;
  /** The disk has held Node-RED up in this check: no more of that. */
  private slow = false;
  /** A write failed and what it left of a line could not be cut off: it has to go before the next one. */
  private halfLine = false;
  /** Lines that a full disk kept out of the file; they go before the next ones. */
  private unwritten = '';

  private constructor(
    file: string,
    private readonly now: () => number,
    private readonly compactBytes: number,
  ) {
    this.file = file;
  }

  /**
   * Opens, or makes, the ledger in `file`.
   * @param now ms since the epoch
   * @param compactBytes a smaller file is never compacted
   * @throws MailboxError STORE, with the file's name and the system's reason
   */
  static async open(
    file: string,
    now: () => number = Date.now,
    compactBytes = COMPACT_BYTES,
  ): Promise<Ledger> {
    const ledger = new Ledger(file, now, compactBytes);
    try {
      await ledger.load();
    } catch (error) {
      await ledger.handle?.close().catch(() => undefined);
      throw error instanceof MailboxError ? error : ledger.storeError(error);
    }
    return ledger;
  }

  /** True where the mail needs no hand-over any more. */
  known(key: string): boolean {
    return this.mails.has(key);
  }

  state(key: string): MailState | undefined {
    const at = this.mails.get(key);
    if (at === undefined) return undefined;
    return stateOf(at);
  }

  /** The mails that failed too often, in the order in which they did. */
  get setAside(): string[] {
    return [...this.aside];
  }

  /** When the mail was handled, ms since the epoch; undefined where it was not. */
  handledAt(key: string): number | undefined {
    const at = this.mails.get(key);
    return at !== undefined && at > 0 ? at * 1000 : undefined;
  }

  openDelivery(key: string): Readonly<OpenDelivery> | undefined {
    return this.openDeliveries.get(key);
  }

  /** The remembered mails that the last listing still had. */
  *present(): Iterable<string> {
    for (const key of this.mails.keys()) if (!this.missing.has(key)) yield key;
  }

  /** Records the first complete listing: `keys` are what was there and stays unfetched. On the disk when it resolves. */
  setBaseline(keys: string[]): Promise<void> {
    return this.durably({ is: 'baseline', at: this.seconds(), keys });
  }

  /** Unknown ids that turned out to be mail from before, in a box that was renumbered. On the disk when it resolves. */
  markOld(keys: string[]): Promise<void> {
    return this.durably({ is: 'old', at: this.seconds(), keys });
  }

  /** Notes that these mails are about to be handed over. On the disk when it resolves; none may be handed over before. */
  intend(keys: string[]): Promise<void> {
    return this.durably({ is: 'intend', at: this.seconds(), keys });
  }

  /** Takes an intent back: the mail was certainly not handed over. */
  async withdraw(keys: string[]): Promise<void> {
    if (keys.length > 0) await this.atOnce({ is: 'withdraw', keys });
  }

  /** The mail needs no further hand-over: it was handled whole, or stays on the server as it is (`kept`). */
  async done(key: string, state: MailState = 'handled'): Promise<void> {
    const record: LedgerRecord = { is: 'done', at: this.seconds(), key };
    if (state !== 'handled') record.state = state;
    await this.atOnce(record);
  }

  /** A mail that was set aside is new once more. It may have been handed over, so the next time is a repeat. */
  async again(key: string): Promise<void> {
    if (this.aside.has(key)) await this.atOnce({ is: 'again', key });
  }

  /** Fetching or handling failed; not to be tried before `retryAt` (ms since the epoch). */
  async failed(key: string, retryAt: number): Promise<void> {
    await this.atOnce({ is: 'failed', at: this.seconds(), key, retryAt: Math.ceil(retryAt / 1000) });
  }

  /** Compares with a complete listing: what vanished is forgotten `REMEMBERED_MS` after it was last seen. */
  async listed(keys: ReadonlySet<string>): Promise<void> {
    const at = this.seconds();
    const gone: string[] = [];
    const back: string[] = [];
    const forget: string[] = [];
    const visit = (key: string): void => {
      const since = this.missing.get(key);
      if (keys.has(key)) {
        if (since !== undefined) back.push(key);
      } else if (since === undefined) gone.push(key);
      else if ((at - since) * 1000 > REMEMBERED_MS) forget.push(key);
    };
    for (const key of this.mails.keys()) visit(key);
    for (const key of this.openDeliveries.keys()) if (!this.mails.has(key)) visit(key);
    if (gone.length > 0) await this.atOnce({ is: 'gone', at, keys: gone });
    if (back.length > 0) await this.atOnce({ is: 'back', keys: back });
    if (forget.length > 0) await this.atOnce({ is: 'forget', keys: forget });
  }

  /** Notes the end of a check that went well, and compacts the file when a third of it is history. */
  async checked(): Promise<void> {
    await this.atOnce({ is: 'checked', at: this.seconds() });
    this.slow = false;
    if (this.size > this.compactBytes && this.size > 1.5 * this.liveBytes) {
      this.compactionWanted = true;
      this.startWriting();
      await this.drained();
    }
  }

  /** Writes what is queued and lets the file go. */
  async close(): Promise<void> {
    try {
      if (this.unwritten !== '') this.startWriting();
      await this.drained();
    } finally {
      const handle = this.handle;
      this.handle = undefined;
      await handle?.close();
    }
  }

  /** Never 0, which stands for the baseline: a machine without a battery may begin in 1970. */
  private seconds(): number {
    return Math.max(1, Math.floor(this.now() / 1000));
  }

  private durably(record: LedgerRecord): Promise<void> {
    return this.enqueue(record, true);
  }

  private atOnce(record: LedgerRecord): Promise<void> {
    this.apply(record);
    return this.enqueue(record, false);
  }

  private apply(record: LedgerRecord): void {
    switch (record.is) {
      case 'baseline':
        this.hasBaseline = true;
        for (const key of record.keys) this.settle(key, 'baseline', 0);
        break;
      case 'old':
        for (const key of record.keys) this.settle(key, 'baseline', 0);
        break;
      case 'intend':
        for (const key of record.keys) this.opened(key).handedOver += 1;
        break;
      case 'withdraw':
        for (const key of record.keys) {
          const delivery = this.openDeliveries.get(key);
          if (delivery === undefined) continue;
          delivery.handedOver = Math.max(0, delivery.handedOver - 1);
          if (delivery.handedOver === 0 && delivery.failures === 0) this.openDeliveries.delete(key);
        }
        break;
      case 'done':
        this.openDeliveries.delete(record.key);
        this.settle(record.key, record.state ?? 'handled', record.at);
        break;
      case 'again':
        this.aside.delete(record.key);
        this.mails.delete(record.key);
        this.opened(record.key).handedOver ||= 1;
        break;
      case 'failed': {
        const delivery = this.opened(record.key);
        delivery.failures += 1;
        delivery.retryAt = record.retryAt * 1000;
        break;
      }
      case 'gone':
        for (const key of record.keys) this.missing.set(key, record.at);
        break;
      case 'back':
        for (const key of record.keys) this.missing.delete(key);
        break;
      case 'forget':
        for (const key of record.keys) {
          this.mails.delete(key);
          this.aside.delete(key);
          this.missing.delete(key);
          this.openDeliveries.delete(key);
        }
        break;
      case 'checked':
        this.lastChecked = record.at * 1000;
        break;
      case 'snapshot':
        this.hasBaseline = record.baseline;
        this.lastChecked = record.checked * 1000;
        for (const [key, letter, at] of record.known) {
          this.settle(key, STATE[letter] ?? 'baseline', at);
        }
        for (const [key, handedOver, failures, retryAt] of record.open) {
          this.openDeliveries.set(key, { handedOver, failures, retryAt });
        }
        for (const [key, at] of record.gone) this.missing.set(key, at);
        break;
    }
  }

  private settle(key: string, state: MailState, at: number): void {
    this.mails.set(key, state === 'handled' ? at : NUMBER[state]);
    if (state === 'set-aside') this.aside.add(key);
    else this.aside.delete(key);
  }

  private opened(key: string): OpenDelivery {
    let delivery = this.openDeliveries.get(key);
    if (delivery === undefined) {
      delivery = { handedOver: 0, failures: 0, retryAt: 0 };
      this.openDeliveries.set(key, delivery);
    }
    return delivery;
  }

  private async load(): Promise<void> {
    await mkdir(dirname(this.file), { recursive: true, mode: 0o700 });
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND;
    this.handle = await open(this.file, flags, 0o600);
    const bytes = await readFile(this.file);
    this.size = bytes.length;
    if (bytes.length === 0) {
      await this.writeHeader(this.handle);
      return;
    }
    const end = this.replay(bytes);
    if (end < bytes.length) {
      await this.handle.truncate(end);
      this.size = end;
      if (end === 0) await this.writeHeader(this.handle);
    }
    this.liveBytes = this.estimateLiveBytes();
  }

  private async writeHeader(handle: FileHandle): Promise<void> {
    await handle.appendFile(HEADER);
    await handle.datasync();
    await syncFolder(dirname(this.file));
    this.size = Buffer.byteLength(HEADER);
  }

  /** Reads every whole line; returns where the torn tail begins. */
  private replay(bytes: Buffer): number {
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
        if (line === 1 && newline === -1 && bytes.length < HEADER.length) return 0;
        if (line <= firm) throw this.damaged(line);
        // The end of a file that was being written when the power went can hold anything, but only at its end.
        torn ??= { start, line };
        if (newline === -1) break;
      } else if (torn !== undefined) {
        throw this.damaged(torn.line);
      } else if (line === 1) {
        firm = this.checkHeader(record) ? 2 : 1;
      } else {
        if (line <= firm && record.is !== 'snapshot') throw this.damaged(line);
        this.applyLine(record, line);
      }
      start = newline + 1;
    }
    if (line < firm) throw this.damaged(firm);
    return torn?.start ?? bytes.length;
  }

  /** True where a snapshot has to follow. */
  private checkHeader(record: object): boolean {
    const header = record as { is?: unknown; version?: unknown; snapshot?: unknown };
    if (header.is !== FORMAT) throw this.damaged(1);
    if (header.version !== VERSION) {
      throw new MailboxError('STORE', 'ledger-newer', { facts: { file: this.file }, retryable: false });
    }
    return header.snapshot === true;
  }

  private applyLine(record: LedgerRecord, line: number): void {
    try {
      this.apply(record);
    } catch {
      throw this.damaged(line);
    }
  }

  private damaged(line: number): MailboxError {
    return new MailboxError('STORE', 'ledger-damaged', {
      facts: { file: this.file, line },
      retryable: false,
    });
  }

  private enqueue(record: LedgerRecord, durable: boolean): Promise<void> {
    if (!durable && this.writeNow(record)) return Promise.resolve();
    const written = new Promise<void>((resolve, reject) => {
      this.pending.push({ record, durable, resolve, reject });
    });
    this.startWriting();
    return written;
  }

  /**
   * Hands one line to the operating system at once, where nothing has to go before it: a microsecond, when a detour by
   * way of the thread pool costs as much as half a small mail. False where it has to queue.
   */
  private writeNow(record: LedgerRecord): boolean {
    const { handle } = this;
    const busy = this.writing !== undefined && !this.syncing;
    if (handle === undefined || busy || this.slow || this.halfLine) return false;
    if (this.pending.length > 0 || this.unwritten !== '') return false;
    const bytes = Buffer.from(`${JSON.stringify(record)}\n`, 'utf8');
    if (bytes.length > SHORT_LINE) return false;
    const began = performance.now();
    try {
      // What is written of a line that has no room goes before the next try.
      if (writeSync(handle.fd, bytes) < bytes.length) this.halfLine = true;
    } catch {
      this.halfLine = true;
    }
    this.slow = performance.now() - began > SLOW_MS;
    if (!this.halfLine) this.size += bytes.length;
    return !this.halfLine;
  }

  private startWriting(): void {
    this.writing ??= this.writeAll();
  }

  private async drained(): Promise<void> {
    while (this.writing !== undefined) await this.writing;
  }

  /** One write for everything that is waiting: a burst of small records costs one call, and one fsync at most. */
  private async writeAll(): Promise<void> {
    await Promise.resolve();
    do {
      await this.writeBatch();
      // Only with nothing waiting does memory say exactly what the file says.
      if (this.compactionWanted && this.pending.length === 0) await this.compact();
    } while (this.pending.length > 0 || this.compactionWanted);
    // In one go with the last look at what is waiting: a record that came in between would wait for ever.
    this.writing = undefined;
  }

  private async writeBatch(): Promise<void> {
    const batch = this.pending;
    this.pending = [];
    const lines = batch.map((entry) => `${JSON.stringify(entry.record)}\n`);
    const text = this.unwritten + lines.join('');
    if (text === '') return;
    try {
      await this.write(
        text,
        batch.some((entry) => entry.durable),
      );
      this.unwritten = '';
      for (const entry of batch) {
        if (entry.durable) this.apply(entry.record);
        entry.resolve();
      }
    } catch (error) {
      // Intents and baselines are refused to their caller; what already happened has to be written later.
      this.unwritten += lines.filter((_, index) => batch[index]?.durable === false).join('');
      const refused = this.storeError(error);
      for (const entry of batch) entry.reject(refused);
    }
  }

  private async write(text: string, sync: boolean): Promise<void> {
    const handle = this.handle;
    if (handle === undefined) throw new Error('the ledger is closed');
    const bytes = Buffer.from(text, 'utf8');
    try {
      if (this.halfLine) await handle.truncate(this.size);
      this.halfLine = true;
      await handle.appendFile(bytes);
      this.size += bytes.length;
      this.halfLine = false;
    } catch (error) {
      // A full disk leaves half a line; cut it off, or the next line would be glued to it.
      await this.cutTo(handle, this.size);
      throw error;
    }
    if (sync) await this.sync(handle, bytes.length);
  }

  /** Waits until the last `written` octets are on the disk; cuts them off where they cannot be. */
  private async sync(handle: FileHandle, written: number): Promise<void> {
    const end = this.size;
    this.syncing = true;
    try {
      await handle.datasync();
    } catch (error) {
      // Notes that came after it stay: an intent too many is a mark too many, a note too few a repeat.
      if (this.size === end && !this.halfLine) {
        this.size -= written;
        await this.cutTo(handle, this.size);
      }
      throw error;
    } finally {
      this.syncing = false;
    }
  }

  private async cutTo(handle: FileHandle, size: number): Promise<void> {
    this.halfLine = true;
    await handle.truncate(size).then(
      () => {
        this.halfLine = false;
      },
      () => undefined,
    );
  }

  /** Writes the present state beside the file and renames it over: a crash leaves the one or the other, whole. */
  private async compact(): Promise<void> {
    this.compactionWanted = false;
    const old = this.handle;
    if (old === undefined) return;
    const temporary = `${this.file}.new`;
    const text = `${COMPACTED_HEADER}${JSON.stringify(this.snapshot())}\n`;
    try {
      await rm(temporary, { force: true });
      const handle = await open(temporary, 'ax', 0o600);
      try {
        await handle.appendFile(text);
        await handle.sync();
        await rename(temporary, this.file);
      } catch (error) {
        await handle.close();
        throw error;
      }
      // From here on the old file has no name: whatever fails, nothing may be written into it any more.
      this.handle = handle;
      this.size = Buffer.byteLength(text);
      this.liveBytes = this.size;
      this.unwritten = '';
      this.halfLine = false;
      await syncFolder(dirname(this.file));
      await old.close();
    } catch {
      // The old file is whole and goes on growing; the next check tries again.
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }

  private snapshot(): Snapshot {
    const known: Snapshot['known'] = [];
    for (const [key, at] of this.mails) {
      known.push([key, LETTER[stateOf(at)], Math.max(0, at)]);
    }
    return {
      is: 'snapshot',
      baseline: this.hasBaseline,
      checked: Math.floor(this.lastChecked / 1000),
      known,
      open: [...this.openDeliveries].map(([key, o]) => [key, o.handedOver, o.failures, o.retryAt]),
      gone: [...this.missing],
    };
  }

  private estimateLiveBytes(): number {
    let bytes = 200;
    for (const key of this.mails.keys()) bytes += key.length + 20;
    for (const key of this.missing.keys()) bytes += key.length + 16;
    for (const key of this.openDeliveries.keys()) bytes += key.length + 40;
    return bytes;
  }

  private storeError(cause: unknown): MailboxError {
    const code =
      (cause as NodeJS.ErrnoException | undefined)?.code ?? String((cause as Error)?.message ?? cause);
    return new MailboxError('STORE', code === 'ENOSPC' ? 'disk-full' : 'ledger-unwritable', {
      facts: { file: this.file, system: code },
      cause,
    });
  }
}

function stateOf(at: number): MailState {
  if (at > 0) return 'handled';
  return at === 0 ? 'baseline' : at === -1 ? 'kept' : 'set-aside';
}

function parseLine(text: string): LedgerRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'is' in value ? (value as LedgerRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** A new name in a folder is only durable when the folder is. Not every file system can. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  if (handle === undefined) return;
  try {
    await handle.sync();
  } catch {
    // Windows and some network file systems refuse; the rename itself is all they offer.
  } finally {
    await handle.close();
  }
}

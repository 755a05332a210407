import { type Log, type LogContent, MailboxError, type OpenLog } from '../../mailbox';
import type { Database } from './database';
import type { Fenced, Lease } from './leases';
import { APPEND, APPEND_ONE, LATE, MOST_LINES, OPEN, READ, REBASE } from './line-statements';
import { ownedElsewhere, ownerOf } from './owned';

/** Characters that are written in one statement. */
const MOST_CHARACTERS = 1_000_000;
/** How long what may be lost is not written: a statement for each check would be most of what a fleet costs. */
const LATE_MS = 60 * 60_000;

interface Opened {
  [column: string]: unknown;
  own: number;
  version: number | null;
  late: string | null;
  last: string | null;
}

interface PendingLine<R> {
  seq: number;
  record: R;
  text: string;
  durable: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** What a log needs of the database. */
export type LogDatabase = Pick<Database, 'query' | 'bulk' | 'name'>;

/**
 * The log of one node and mailbox in the database, for as long as a lease lasts.
 * @param fenced told when the database says that the lease is over
 */
export const databaseLog =
  (database: LogDatabase, lease: Lease, node: string, fenced: Fenced): OpenLog =>
  async <R extends object>(content: LogContent<R>) => {
    const log = new DatabaseLog(database, lease, node, content, fenced);
    await log.open();
    return log;
  };

/**
 * Lines as rows. Each has a number that its owner gives it; numbers have gaps where a durable line was refused.
 *
 * A batch with a durable line waits for the disk of the database (`synchronous_commit`), another one only for the
 * process: so it survives the end of this process, and a power failure of the database costs marks, not mail.
 */
class DatabaseLog<R extends object> implements Log<R> {
  readonly #database: LogDatabase;
  readonly #lease: Lease;
  readonly #node: string;
  readonly #content: LogContent<R>;
  readonly #fenced: Fenced;
  bytes = 0;

  #next = 1;
  #pending: PendingLine<R>[] = [];
  /** Lines that count already and could not be written yet; they go before the next ones. */
  #unwritten: Pick<PendingLine<R>, 'seq' | 'text'>[] = [];
  #writing: Promise<void> | undefined;
  #compactionWanted = false;
  /** When a record that may be lost was written last. */
  #lateAt: number | undefined;
  #over: MailboxError | undefined;

  constructor(database: LogDatabase, lease: Lease, node: string, content: LogContent<R>, fenced: Fenced) {
    this.#database = database;
    this.#lease = lease;
    this.#node = node;
    this.#content = content;
    this.#fenced = fenced;
  }

  get name(): string {
    return `${this.#database.name} ${this.#lease.mailbox} ${this.#node}`;
  }

  async open(): Promise<void> {
    const { mailbox } = this.#lease;
    const owner = ownerOf(this.#lease);
    const values = [...owner, this.#node, this.#content.version];
    const [row] = await this.#database.bulk<Opened>(OPEN, values);
    if (!row?.own) throw this.#lost();
    // What a statement has made, it does not see itself.
    if ((row.version ?? this.#content.version) !== this.#content.version)
      throw new MailboxError('STORE', 'ledger-newer', { facts: { file: this.name }, retryable: false });
    this.#next = Number(row.last ?? 0) + 1;
    for (let from = 0; ; ) {
      const rows = await this.#database.bulk<{ seq: string; record: string }>(READ, [
        mailbox,
        this.#node,
        from,
      ]);
      for (const { seq, record } of rows) this.#read(Number(seq), record);
      if (rows.length < MOST_LINES) break;
      from = Number(rows.at(-1)?.seq) + 1;
    }
    if (typeof row.late === 'string') this.#read(0, row.late);
  }

  durably(record: R): Promise<void> {
    return this.#enqueue(record, true);
  }

  atOnce(record: R): Promise<void> {
    if (this.#over === undefined) this.#content.apply(record);
    return this.#enqueue(record, false);
  }

  async eventually(record: R): Promise<void> {
    if (this.#over !== undefined) throw this.#over;
    this.#content.apply(record);
    const now = performance.now();
    if (this.#lateAt !== undefined && now - this.#lateAt < LATE_MS) return;
    const values = [...ownerOf(this.#lease), this.#node, JSON.stringify(record)];
    const [row] = await this.#database.query<{ own: number }>(LATE, values);
    if (!row?.own) throw this.#lost();
    this.#lateAt = now;
  }

  async compact(): Promise<void> {
    if (this.#over !== undefined) return;
    this.#compactionWanted = true;
    this.#startWriting();
    await this.#drained();
  }

  rest(): Promise<void> {
    return this.#drained();
  }

  async close(): Promise<void> {
    if (this.#over !== undefined) return;
    await this.#drained();
    try {
      if (this.#unwritten.length > 0) await this.#write([], true);
    } finally {
      this.#over ??= ended(this.name);
    }
  }

  async abandon(why?: MailboxError): Promise<void> {
    this.#over = why ?? this.#over ?? ended(this.name);
    for (const { reject } of this.#pending.splice(0)) reject(this.#over);
  }

  #read(seq: number, text: string): void {
    try {
      this.#content.apply(JSON.parse(text) as R);
      this.bytes += text.length;
    } catch (cause) {
      const facts = { file: this.name, line: seq };
      throw new MailboxError('STORE', 'ledger-damaged', { facts, retryable: false, cause });
    }
  }

  #enqueue(record: R, durable: boolean): Promise<void> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    const seq = this.#next;
    this.#next += 1;
    const text = JSON.stringify(record);
    const written = new Promise<void>((resolve, reject) => {
      this.#pending.push({ seq, record, text, durable, resolve, reject });
    });
    this.#startWriting();
    return written;
  }

  #startWriting(): void {
    this.#writing ??= this.#writeAll();
  }

  async #drained(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** One statement for everything that is waiting; never two at once, since lines keep their order. */
  async #writeAll(): Promise<void> {
    await Promise.resolve();
    do {
      if (this.#pending.length > 0) await this.#writeBatch(this.#takeBatch());
      // Only with nothing waiting does the content say exactly what the lines say.
      if (this.#compactionWanted && this.#pending.length === 0) await this.#rebase();
    } while (this.#over === undefined && (this.#pending.length > 0 || this.#compactionWanted));
    // In one go with the last look at what is waiting: a record that came in between would wait forever.
    this.#writing = undefined;
  }

  #takeBatch(): PendingLine<R>[] {
    let characters = 0;
    let count = 0;
    for (const { text } of this.#pending) {
      characters += text.length;
      if (count > 0 && (count >= MOST_LINES || characters > MOST_CHARACTERS)) break;
      count += 1;
    }
    return this.#pending.splice(0, count);
  }

  async #writeBatch(batch: PendingLine<R>[]): Promise<void> {
    try {
      await this.#write(
        batch,
        batch.some(({ durable }) => durable),
      );
      for (const { durable, record, resolve } of batch) {
        if (durable) this.#content.apply(record);
        resolve();
      }
    } catch (error) {
      // Intents and baselines are refused to their caller; what already happened has to be written later.
      if (this.#over === undefined) this.#unwritten.push(...batch.filter(({ durable }) => !durable));
      for (const { reject } of batch) reject(error);
    }
  }

  async #write(batch: Pick<PendingLine<R>, 'seq' | 'text'>[], sync: boolean): Promise<void> {
    if (this.#over !== undefined) throw this.#over;
    const lines = [...this.#unwritten, ...batch];
    const wait = sync ? 'on' : 'off';
    if (!(await this.#appendedOne(lines, wait))) {
      const [row] = await this.#database.query<{ own: number }>(APPEND, [
        ...ownerOf(this.#lease),
        this.#node,
        lines.map(({ seq }) => seq),
        lines.map(({ text }) => text),
        wait,
      ]);
      if (!row?.own) throw this.#lost();
    }
    this.#unwritten = [];
    for (const { text } of lines) this.bytes += text.length;
  }

  /** False where it is not a single line, or where only {@link APPEND} knows what has become of it. */
  async #appendedOne(lines: Pick<PendingLine<R>, 'seq' | 'text'>[], wait: 'on' | 'off'): Promise<boolean> {
    const [line] = lines;
    if (line === undefined || lines.length > 1) return false;
    const values = [...ownerOf(this.#lease), this.#node, line.seq, line.text];
    return (await this.#database.query(APPEND_ONE[wait], values)).length > 0;
  }

  /** Writes the present state in place of the lines. */
  async #rebase(): Promise<void> {
    this.#compactionWanted = false;
    const text = JSON.stringify(this.#content.snapshot());
    const seq = this.#next;
    this.#next += 1;
    try {
      const values = [...ownerOf(this.#lease), this.#node, seq, text];
      const [row] = await this.#database.bulk<{ own: number }>(REBASE, values);
      if (!row?.own) throw this.#lost();
      this.#unwritten = [];
      this.bytes = text.length;
    } catch {
      // The lines continue to grow; the next check tries again.
    }
  }

  /** Another replica has the mailbox: nothing more is written. */
  #lost(): MailboxError {
    this.#over = ownedElsewhere();
    for (const { reject } of this.#pending.splice(0)) reject(this.#over);
    this.#fenced(this.#lease);
    return this.#over;
  }
}

const ended = (name: string): MailboxError =>
  new MailboxError('STORE', 'ledger-unwritable', { facts: { file: name, system: 'closed' } });

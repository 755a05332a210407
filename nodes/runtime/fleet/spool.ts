import { SparseMap } from '../../base/sparse';
import { MailboxError } from '../../mailbox';
import type { ListedMail } from '../../mailbox/listing';
import {
  type Spool,
  type SpooledMail,
  type SpoolFacts,
  spooledMailGone,
  spoolName,
} from '../../mailbox/store/spool';
import type { Database, Prepared } from './database';
import type { Fenced, Lease } from './leases';
import { OWN, ownedElsewhere, ownerOf } from './owned';

/** Bytes of a row: small enough to be streamed, large enough that a mail of 25 MB is a hundred statements. */
const CHUNK_BYTES = 256 * 1024;
/** What may wait for acknowledgements in one mailbox: more is a flow that acknowledges nothing. */
export const MOST_BYTES = 2 * 1024 ** 3;

const OPEN: Prepared = {
  name: 'spool-open',
  text: `with ${OWN}, half as (
      delete from spooled where mailbox = $1 and node = $4 and label is null and exists (select from own)),
    chunks as (
      delete from chunk c where mailbox = $1 and node = $4 and exists (select from own) and not exists
        (select from spooled s where s.mailbox = $1 and s.node = $4 and s.name = c.name and s.put = c.put
          and s.label is not null))
    select count(*)::int as own from own`,
};
const LIST: Prepared = {
  name: 'spool-list',
  text: `select put::text, name, label from spooled
    where mailbox = $1 and node = $2 and label is not null order by spooled.put`,
};
const BEGIN: Prepared = {
  name: 'spool-begin',
  text: `with ${OWN} insert into spooled (mailbox, node, name, put)
    select $1, $4, $5, nextval('put') from own returning put::text`,
};
const ADD: Prepared = {
  name: 'spool-add',
  text: `with ${OWN}, put as (
      insert into chunk (mailbox, node, name, put, seq, bytes) select $1, $4, $5, $6::bigint, $7::int, $8 from own)
    select count(*)::int as own, set_config('synchronous_commit', 'off', true) from own`,
};
/** Waits for the disk, and so for everything that was written before it. */
const FINISH: Prepared = {
  name: 'spool-finish',
  text: `with ${OWN}, labelled as (
      update spooled set label = $7 where mailbox = $1 and node = $4 and name = $5 and put = $6::bigint
        and exists (select from own) returning 1),
    older as (
      delete from spooled where mailbox = $1 and node = $4 and name = $5 and put < $6::bigint
        and exists (select from own)),
    chunks as (
      delete from chunk where mailbox = $1 and node = $4 and name = $5 and put < $6::bigint
        and exists (select from own))
    select (select count(*) from labelled)::int as own, set_config('synchronous_commit', 'on', true)`,
};
const READ: Prepared = {
  name: 'spool-read',
  text: `select bytes from chunk where mailbox = $1 and node = $2 and name = $3 and put = $4::bigint and seq = $5`,
};
const REMOVE: Prepared = {
  name: 'spool-remove',
  text: `with ${OWN},
    mails as (delete from spooled where mailbox = $1 and node = $4 and name = $5 and exists (select from own)),
    chunks as (delete from chunk where mailbox = $1 and node = $4 and name = $5 and exists (select from own))
    select count(*)::int as own, set_config('synchronous_commit', 'off', true) from own`,
};

export type SpoolDatabase = Pick<Database, 'bulk' | 'query' | 'name'>;

interface Kept {
  mail: SpooledMail;
  put: string;
  /** What is really here. */
  stored: number;
}

/** A label as stored in its row: the mail, and how much of it is here. */
type Label = SpooledMail & { stored: number };

/** The bytes of unacknowledged mails, in rows of a quarter of a megabyte, for as long as a lease lasts. */
export class DatabaseSpool implements Spool {
  readonly #database: SpoolDatabase;
  readonly #lease: Lease;
  readonly #node: string;
  readonly #fenced: Fenced;
  readonly #mostBytes: number;
  readonly #mails = new SparseMap<string, Kept>();

  private constructor(
    database: SpoolDatabase,
    lease: Lease,
    node: string,
    fenced: Fenced,
    mostBytes: number,
  ) {
    this.#database = database;
    this.#lease = lease;
    this.#node = node;
    this.#fenced = fenced;
    this.#mostBytes = mostBytes;
  }

  /** @throws MailboxError STORE */
  static async open(
    database: SpoolDatabase,
    lease: Lease,
    node: string,
    fenced: Fenced,
    mostBytes = MOST_BYTES,
  ): Promise<DatabaseSpool> {
    const spool = new DatabaseSpool(database, lease, node, fenced, mostBytes);
    // What an earlier owner had not finished: the server still has that mail.
    await spool.#owned(OPEN, [node]);
    const rows = await database.bulk<{ put: string; name: string; label: string }>(LIST, [
      lease.mailbox,
      node,
    ]);
    for (const { put, name, label } of rows) {
      const { stored, ...mail } = JSON.parse(label) as Label;
      spool.#mails.set(name, { mail, put, stored });
    }
    return spool;
  }

  get place(): string {
    return this.#database.name;
  }

  get size(): number {
    return this.#mails.size;
  }

  all(): SpooledMail[] {
    return [...this.#mails.values()].map(({ mail }) => mail);
  }

  get(key: string): SpooledMail | undefined {
    const mail = this.#mails.get(spoolName(key))?.mail;
    return mail?.key === key ? mail : undefined;
  }

  named(name: string): SpooledMail | undefined {
    return this.#mails.get(name)?.mail;
  }

  async put(mail: ListedMail, body: AsyncIterable<Buffer>, facts: () => SpoolFacts): Promise<SpooledMail> {
    const name = spoolName(mail.key);
    let kept = 0;
    for (const { stored } of this.#mails.values()) kept += stored;
    const [begun] = await this.#owned<{ put: string }>(BEGIN, [this.#node, name]);
    const put = begun?.put as string;
    let stored = 0;
    let seq = 0;
    for await (const bytes of inChunks(body)) {
      stored += bytes.length;
      if (kept + stored > this.#mostBytes) throw this.#full();
      await this.#owned(ADD, [this.#node, name, put, seq, bytes]);
      seq += 1;
    }
    const known = facts();
    const label: SpooledMail = {
      key: mail.key,
      uid: mail.uid ?? mail.key.slice(1),
      number: mail.number,
      bytes: known.whole ? stored : (mail.bytes ?? stored),
      ...known,
    };
    await this.#owned(FINISH, [this.#node, name, put, JSON.stringify({ ...label, stored })]);
    // One that comes once more comes last.
    this.#mails.delete(name);
    this.#mails.set(name, { mail: label, put, stored });
    return label;
  }

  async sync(): Promise<void> {
    // Every mail is durable when it has been taken in.
  }

  async *read(key: string): AsyncIterable<Buffer> {
    const name = spoolName(key);
    const kept = this.#mails.get(name);
    if (kept === undefined) throw spooledMailGone(this.place, undefined);
    let left = kept.stored;
    for (let seq = 0; left > 0; seq += 1) {
      const values = [this.#lease.mailbox, this.#node, name, kept.put, seq];
      const [row] = await this.#database.bulk<{ bytes: Buffer }>(READ, values);
      if (row === undefined) throw spooledMailGone(this.place, kept.mail.uid);
      left -= row.bytes.length;
      yield row.bytes;
    }
  }

  forget(key: string): void {
    this.#mails.delete(spoolName(key));
  }

  async remove(key: string): Promise<void> {
    const name = spoolName(key);
    this.#mails.delete(name);
    await this.#owned(REMOVE, [this.#node, name]);
  }

  async #owned<Row extends { [column: string]: unknown }>(
    prepared: Prepared,
    values: unknown[],
  ): Promise<Row[]> {
    const rows = await this.#database.bulk<Row>(prepared, [...ownerOf(this.#lease), ...values]);
    if (rows.length > 0 && rows[0]?.own !== 0) return rows;
    this.#fenced(this.#lease);
    throw ownedElsewhere();
  }

  #full(): MailboxError {
    const megabytes = Math.round(this.#mostBytes / 1024 ** 2);
    return new MailboxError('STORE', 'spool-full', { facts: { folder: this.place, megabytes } });
  }
}

/** Pieces of any size, in rows of one. */
async function* inChunks(body: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body) {
    for (let from = 0; from < piece.length; ) {
      const part = piece.subarray(from, from + CHUNK_BYTES - bytes);
      from += part.length;
      bytes += part.length;
      waiting.push(part);
      if (bytes < CHUNK_BYTES) continue;
      yield Buffer.concat(waiting);
      waiting = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}

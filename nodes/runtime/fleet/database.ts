import { EventEmitter } from 'node:events';
import type { Client, Pool, PoolClient, QueryResultRow } from 'pg';
import { MailboxError } from '../../mailbox';
import { databaseError } from './database-error';
import { connectionWith, driver, placeOf } from './driver';
import { STEPS } from './schema';
import type { FleetSettings } from './settings';

/** What a database that does not answer may hold up, ms: less than a replica's session lasts. */
const QUERY_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 4_000;
/** Reading and writing whole logs and mails takes longer than a lease's upkeep. */
const BULK_TIMEOUT_MS = 60_000;
/** Connections of one replica: enough for a few hundred checks at once, and few enough for many replicas. */
const CONNECTIONS = 8;
/** For heartbeats and leases: they wait for no check, however many there are at once. */
const UPKEEP_CONNECTIONS = 2;
/** Serializes the changes of schema in one database; any number would do, if only all use the same. */
const SCHEMA_LOCK = 5_727_803_110;
const LISTEN_AGAIN_MS = 1_000;
/** A new connection costs the database more than a hundred statements; a minute without mail is no reason for one. */
const IDLE_TIMEOUT_MS = 10 * 60_000;
/** Sooner than what is between forgets an idle connection. */
const KEEP_ALIVE_MS = 30_000;

/** A statement that is planned once a connection. */
export interface Prepared {
  name: string;
  text: string;
}

/** Runs statements: on any connection, or all within one transaction. */
export interface Querying {
  query<Row extends QueryResultRow>(prepared: Prepared, values?: unknown[]): Promise<Row[]>;
}

export interface DatabaseEvents {
  /** Another replica said so: the channel without the schema, and its text. */
  notice: [channel: string, text: string];
  /** From now on notices are heard, again perhaps; some may have been missed. */
  listening: [];
}

/** Where notices are heard, whether the database is there yet or not. */
export type Notices = Pick<EventEmitter<DatabaseEvents>, 'on' | 'off' | 'emit'>;

/**
 * The database of a fleet. Every failure is a `MailboxError`: `STORE` where it passes, `CONFIG` where a person has to
 * change something.
 *
 * Three pools, so that neither a mail of 25 MB nor a thousand checks keep a lease's upkeep waiting. Each pool and client has an `error`
 * listener: without one a restart of the database would end Node-RED.
 */
export class Database extends EventEmitter<DatabaseEvents> implements Querying {
  readonly #pg: typeof import('pg');
  readonly #settings: FleetSettings;
  readonly #pools: { quick: Pool; bulk: Pool; upkeep: Pool };
  /** For what a lease depends on. */
  readonly upkeep: Querying = {
    query: (prepared, values) => this.#run(this.#pools.upkeep, prepared, values),
  };
  #listener: Client | undefined;
  #listening = new Set<string>();
  #relisten: NodeJS.Timeout | undefined;
  #over = false;

  private constructor(pg: typeof import('pg'), settings: FleetSettings) {
    super();
    this.#pg = pg;
    this.#settings = settings;
    this.setMaxListeners(0);
    this.#pools = {
      quick: this.#pool(QUERY_TIMEOUT_MS, CONNECTIONS),
      bulk: this.#pool(BULK_TIMEOUT_MS, CONNECTIONS / 2),
      upkeep: this.#pool(QUERY_TIMEOUT_MS, UPKEEP_CONNECTIONS),
    };
  }

  /**
   * Connects, and makes or migrates the schema.
   * @throws MailboxError
   */
  static async open(settings: FleetSettings): Promise<Database> {
    const database = new Database(driver(), settings);
    try {
      await database.#migrate();
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  get schema(): string {
    return this.#settings.schema;
  }

  /** Where it is, without user and password. */
  get name(): string {
    const { options } = this.#pools.quick as Pool & { options: { connectionString?: string } };
    return placeOf(options.connectionString ?? (this.#settings.database as Record<string, unknown>));
  }

  async query<Row extends QueryResultRow>(prepared: Prepared, values: unknown[] = []): Promise<Row[]> {
    return this.#run(this.#pools.quick, prepared, values);
  }

  /** What may take long: whole logs and mails. */
  async bulk<Row extends QueryResultRow>(prepared: Prepared, values: unknown[] = []): Promise<Row[]> {
    return this.#run(this.#pools.bulk, prepared, values);
  }

  /** All or nothing. Never across a POP3 session: a transaction holds a connection and old row versions. */
  async transaction<T>(run: (within: Querying) => Promise<T>): Promise<T> {
    return this.#stored(async () => {
      const client = await this.#pools.bulk.connect();
      let broken = true;
      try {
        await client.query('begin');
        const result = await run({
          query: async <Row extends QueryResultRow>(prepared: Prepared, values: unknown[] = []) =>
            (await client.query<Row>({ ...prepared, values })).rows,
        });
        await client.query('commit');
        broken = false;
        return result;
      } catch (error) {
        broken = !(await client.query('rollback').then(
          () => true,
          () => false,
        ));
        throw error;
      } finally {
        client.release(broken);
      }
    });
  }

  /** Hears what other replicas say on a channel. A notice may be missed: a replica that gets one checks, and checks at intervals anyway. */
  async listen(channel: string): Promise<void> {
    this.#listening.add(channel);
    await this.#startListening();
  }

  async notify(channel: string, text: string): Promise<void> {
    await this.query({ name: 'notify', text: 'select pg_notify($1, $2)' }, [
      `${this.schema}_${channel}`,
      text,
    ]);
  }

  async close(): Promise<void> {
    this.#over = true;
    clearTimeout(this.#relisten);
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.end().catch(() => undefined);
    await Promise.all(Object.values(this.#pools).map((pool) => pool.end().catch(() => undefined)));
  }

  #pool(timeout: number, max: number): Pool {
    const pool = new this.#pg.Pool({
      ...this.#connection(),
      max,
      query_timeout: timeout,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      allowExitOnIdle: true,
    });
    pool.on('error', () => undefined);
    // Of a client that is in use, the pool does not listen.
    pool.on('connect', (client: PoolClient) => client.on('error', () => undefined));
    return pool;
  }

  #connection(): Record<string, unknown> {
    const { database, schema } = this.#settings;
    // Every statement looks for few rows, and is planned before anything is known of the tables.
    // In quotes: `user` is a name, too.
    const options = `-c search_path="${schema}" -c enable_seqscan=off -c jit=off`;
    return { application_name: 'redletter', ...connectionWith(database, options) };
  }

  async #migrate(): Promise<void> {
    await this.transaction(async (within) => {
      const { schema } = this.#settings;
      await within.query({ name: '', text: 'select pg_advisory_xact_lock($1)' }, [SCHEMA_LOCK]);
      const [there] = await within.query(
        { name: '', text: 'select 1 from pg_namespace where nspname = $1' },
        [schema],
      );
      if (there === undefined) await within.query({ name: '', text: `create schema "${schema}"` });
      const [table] = await within.query<{ made: boolean }>({
        name: '',
        text: "select to_regclass('schema_version') is not null as made",
      });
      // Asked rather than `if not exists`, which wants the right to create even where there is nothing to do.
      if (!table?.made)
        await within.query({
          name: '',
          text: 'create table schema_version (one boolean primary key default true, version int not null)',
        });
      const [row] = await within.query<{ version: number }>({
        name: '',
        text: 'select version from schema_version',
      });
      const version = row?.version ?? 0;
      if (version > STEPS.length) {
        throw new MailboxError('CONFIG', 'fleet-schema-newer', {
          facts: { schema, version, known: STEPS.length },
          retryable: false,
        });
      }
      if (version === STEPS.length) return;
      for (const step of STEPS.slice(version)) await within.query({ name: '', text: step });
      await within.query(
        {
          name: '',
          text: 'insert into schema_version (version) values ($1) on conflict (one) do update set version = excluded.version',
        },
        [STEPS.length],
      );
    });
  }

  async #startListening(): Promise<void> {
    if (this.#over || this.#listener !== undefined) {
      for (const channel of this.#listening)
        await this.#listener?.query(`listen ${this.schema}_${channel}`).catch(() => undefined);
      return;
    }
    const client = new this.#pg.Client({
      ...this.#connection(),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    this.#listener = client;
    client.on('notification', ({ channel, payload }) =>
      this.emit('notice', channel.slice(this.schema.length + 1), payload ?? ''),
    );
    const again = (): void => {
      if (this.#listener !== client) return;
      this.#listener = undefined;
      client.end().catch(() => undefined);
      if (this.#over) return;
      this.#relisten = setTimeout(() => this.#startListening().catch(() => undefined), LISTEN_AGAIN_MS);
      this.#relisten.unref();
    };
    client.on('error', again);
    client.on('end', again);
    try {
      await client.connect();
      for (const channel of this.#listening) await client.query(`listen ${this.schema}_${channel}`);
      this.emit('listening');
    } catch {
      again();
    }
  }

  #run<Row extends QueryResultRow>(pool: Pool, prepared: Prepared, values: unknown[] = []): Promise<Row[]> {
    return this.#stored(async () => (await pool.query<Row>({ ...prepared, values })).rows);
  }

  async #stored<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw databaseError(error, this.name);
    }
  }
}

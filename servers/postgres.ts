import { type ChildProcess, execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { endChild, startChild } from './child';
import { freePorts } from './ports';

/** Where Debian keeps its versions; elsewhere the programs are on the path. */
const DEBIAN = '/usr/lib/postgresql';
/** Said in English, since its folder was made without a locale. */
const READY = /database system is ready to accept (?:read.only )?connections/;
const LATEST_START_MS = 120_000;

export interface Postgres {
  port: number;
  /** Of its superuser, who needs no password. */
  url: string;
  /** Makes an empty database and returns its address. */
  database(name?: string): Promise<string>;
  /** Removes a database: each costs some 300 files, which the start after a crash writes to the disk one by one. */
  drop(url: string): Promise<void>;
  /** Runs one statement on a connection of its own. */
  query<Row = Record<string, unknown>>(url: string, sql: string, values?: unknown[]): Promise<Row[]>;
  /** Ends every process of it at once, as a power failure would. */
  kill(): Promise<void>;
  /** Ends it in an orderly way: clients are disconnected. */
  shutDown(): Promise<void>;
  /** Starts it on the same folder and port again. */
  start(): Promise<void>;
  /** Suspends every process of it until the returned function is called. */
  freeze(): () => void;
  /** The processes of it that run now. */
  pids(): number[];
  /** A standby that follows it by this port, on a port of its own. Changes come to it some time after they were answered. */
  standby(by?: number): Promise<Postgres>;
  /** Makes a standby a server of its own: a new timeline begins. */
  promote(): Promise<void>;
  /** Ends it and removes everything. */
  stop(): Promise<void>;
}

/** What PostgreSQL is missing, in one line. */
export function postgresMissing(): string | undefined {
  if (process.platform === 'win32') return 'PostgreSQL, which these tests start on Linux and macOS only';
  return program('postgres') === undefined || program('initdb') === undefined
    ? 'PostgreSQL (Debian: apt-get install postgresql)'
    : undefined;
}

/**
 * A real PostgreSQL in a folder and on a port of its own, without privileges. `settings` go to its command line.
 *
 * It does not wait for the disk: what its processes have written outlives them, so ending them loses as much as a power
 * failure does with `fsync`. With it, the start after a crash first writes every file to a disk that tests share.
 */
export async function startPostgres(settings: Record<string, string> = {}): Promise<Postgres> {
  const missing = postgresMissing();
  if (missing) throw new Error(`Missing: ${missing}`);
  const folder = await mkdtemp(join(tmpdir(), 'redletter-postgres-'));
  const owner = databaseOwner();
  try {
    if (owner) await chown(folder, owner.uid, owner.gid);
    const data = join(folder, 'data');
    const make = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'];
    execFileSync(program('initdb') as string, make, { ...owner, stdio: 'ignore', cwd: folder });
    const postgres = new RunningPostgres(folder, owner, settings);
    await postgres.start();
    return postgres;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

class RunningPostgres implements Postgres {
  port = 0;
  #child: ChildProcess | undefined;
  #databases = 0;

  constructor(
    readonly folder: string,
    readonly owner: { uid: number; gid: number } | undefined,
    readonly settings: Record<string, string>,
  ) {}

  get url(): string {
    return this.#urlOf('postgres');
  }

  async database(name?: string): Promise<string> {
    this.#databases += 1;
    return this.#create(name ?? `test_${this.#databases}`);
  }

  async drop(url: string): Promise<void> {
    await this.query(this.url, `drop database ${new URL(url).pathname.slice(1)} with (force)`);
  }

  async #create(name: string): Promise<string> {
    await this.query(this.url, `create database ${name}`);
    return this.#urlOf(name);
  }

  async query<Row>(url: string, sql: string, values: unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql, values)).rows as Row[];
    } finally {
      await client.end();
    }
  }

  async start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      this.port ||= (await freePorts(1))[0] ?? 0;
      const said = await this.#launch();
      if (said === undefined) return;
      // The processes of a killed one may need a moment to end; another program may have taken the port.
      const passing = /is another postmaster|still in use|pre-existing shared memory|in use/.test(said);
      if (!passing || attempt === 50) throw new Error(`PostgreSQL did not start: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async kill(): Promise<void> {
    const pids = this.pids();
    const child = this.#child;
    for (const pid of pids) signal(pid, 'SIGKILL');
    if (child) await endChild(child, 'SIGKILL');
  }

  async shutDown(): Promise<void> {
    // SIGINT is the fast shutdown: clients are disconnected, and nothing has to be recovered.
    if (this.#child) await endChild(this.#child, 'SIGINT');
  }

  freeze(): () => void {
    const pids = this.pids();
    for (const pid of pids) signal(pid, 'SIGSTOP');
    return () => {
      for (const pid of pids) signal(pid, 'SIGCONT');
    };
  }

  async standby(by = this.port): Promise<Postgres> {
    const folder = await mkdtemp(join(tmpdir(), 'redletter-postgres-'));
    if (this.owner) await chown(folder, this.owner.uid, this.owner.gid);
    const from = ['-h', '127.0.0.1', '-p', String(by), '-U', 'postgres'];
    const how = ['-D', join(folder, 'data'), '-R', '-X', 'stream', '-c', 'fast', '--no-sync'];
    await promisify(execFile)(program('pg_basebackup') as string, [...from, ...how], {
      ...this.owner,
      cwd: folder,
    });
    const standby = new RunningPostgres(folder, this.owner, this.settings);
    await standby.start();
    return standby;
  }

  async promote(): Promise<void> {
    await this.query(this.url, 'select pg_promote()');
  }

  pids(): number[] {
    const { pid } = this.#child ?? {};
    return pid === undefined ? [] : [pid, ...childrenOf(pid)];
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  #urlOf(name: string): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${name}`;
  }

  /** Undefined when it answers; else what it said before it ended. */
  async #launch(): Promise<string | undefined> {
    const settings = {
      port: String(this.port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      shared_buffers: '32MB',
      max_connections: '60',
      fsync: 'off',
      ...this.settings,
    };
    const child = startChild(
      program('postgres') as string,
      ['-D', join(this.folder, 'data'), ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`])],
      { ...this.owner, cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#child = child;
    let said = '';
    const ready = await new Promise<boolean>((resolve) => {
      // A crash is recovered from first, which takes as long as the disk is busy: what it says counts, not the time.
      const late = setTimeout(() => resolve(false), LATEST_START_MS);
      child.once('exit', () => resolve(false));
      child.stderr?.on('data', (bytes: Buffer) => {
        said = (said + bytes).slice(-4000);
        if (READY.test(said)) resolve(true);
      });
      late.unref();
    });
    if (ready) return undefined;
    await endChild(child, 'SIGKILL');
    return said || 'no answer';
  }
}

/** The full path of a program of PostgreSQL, of the newest version where there are several. */
function program(name: string): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(DEBIAN, version, 'bin')),
    ...(process.env.PATH ?? '').split(':'),
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** PostgreSQL refuses to run as root; `nobody` is on every machine. */
function databaseOwner(): { uid: number; gid: number } | undefined {
  if (userInfo().uid !== 0) return undefined;
  const idOf = (what: '-u' | '-g'): number =>
    Number(execFileSync('id', [what, 'nobody'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

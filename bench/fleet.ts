// A fleet on one machine: what its checks cost the database, how fast a million mailboxes are taken over, and what
// ledgers in the database cost beside those in files.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { endChild, startChild } from '../servers/child';
import { startDovecot } from '../servers/dovecot';
import { startManyMailboxes } from '../servers/many-mailboxes';
import { type Postgres, startPostgres } from '../servers/postgres';
import { textMail } from './boxes';
import { compiled } from './compiled';
import { say } from './fetching';
import type { FleetOrders, Load, Standing } from './fleet-children';
import type { MailsOrder, MailsTook } from './fleet-mails-child';
import { median } from './measure';

/** As Debian starts it: every commit that asks for it waits for the disk. */
const AS_INSTALLED = { fsync: 'on', shared_buffers: '128MB', max_connections: '100' };
/** Of the checks that bring a mail: what was seen at mailboxes that are used. */
const WITH_MAIL = 0.07;
/** The replicas. */
const NAMES = ['a', 'b', 'c'];
/** Clock ticks a second in /proc. */
const TICKS = 100;

/** Cores that the database has used, and WAL that it has written, in some time. */
interface Cost {
  seconds: number;
  /** Share of one core. */
  cores: number;
  walMegabytesPerSecond: number;
}

export interface FleetOfThree extends Cost {
  mailboxes: number;
  interval: number;
  checks: number;
  mails: number;
  failed: number;
  /** µs of CPU of the database, and bytes of WAL, for each check. */
  databasePerCheck: number;
  walPerCheck: number;
  /** µs of CPU of a replica for each check, with TLS and parsing left out. */
  replicaPerCheck: number;
  /** Seconds from the start until each replica had its share. */
  spread: number;
  /** Bytes of a node that waits: of one that owns its mailbox, of one whose mailbox is owned elsewhere, and of all on average. */
  bytesOwned: number;
  bytesElsewhere: number;
  bytesPerNode: number;
}

/** Three replicas with the same flow; each owns a third. */
export async function measureFleet(
  mailboxes: number,
  interval: number,
  seconds: number,
): Promise<FleetOfThree> {
  const postgres = await startPostgres(AS_INSTALLED);
  const server = await startManyMailboxes();
  const database = await postgres.database();
  for (const name of NAMES) server.deliver(warmUser(name), 'warm');
  const began = performance.now();
  const replicas = await startReplicas({ kind: 'whole', database, port: server.port, mailboxes, interval });
  try {
    const share = Math.floor((mailboxes / replicas.length) * 0.99);
    await until('each replica owns its share', () => replicas.every(({ is }) => is.owned >= share));
    const spread = (performance.now() - began) / 1000;
    say(`each has its share after ${spread.toFixed(1)} s`);
    await until('every mailbox was checked', () => sum(replicas, 'checked') >= mailboxes);
    let at = 0;
    const mail = setInterval(() => {
      for (let count = (WITH_MAIL * mailboxes) / interval; count > Math.random(); count -= 1) {
        at += 1;
        server.deliver(`user${Math.floor(Math.random() * mailboxes)}`, `m${at}`);
      }
    }, 1000);
    const before = {
      checks: sum(replicas, 'checks'),
      cpu: sum(replicas, 'cpu'),
      mails: sum(replicas, 'mails'),
    };
    const cost = await costOf(postgres, database, () => pause(seconds * 1000));
    clearInterval(mail);
    const checks = sum(replicas, 'checks') - before.checks;
    const cpu = sum(replicas, 'cpu') - before.cpu;
    const memory = await memoryOf(replicas, mailboxes, () =>
      postgres.query(database, "update redletter.replica set draining = true where name = 'a'"),
    );
    for (const { is } of replicas) if (is.trouble !== undefined) say(is.trouble);
    return {
      mailboxes,
      interval,
      ...cost,
      checks,
      mails: sum(replicas, 'mails') - before.mails,
      failed: sum(replicas, 'failed'),
      databasePerCheck: Math.round((cost.cores * cost.seconds * 1e6) / checks),
      walPerCheck: Math.round((cost.walMegabytesPerSecond * cost.seconds * 1e6) / checks),
      replicaPerCheck: Math.round((cpu * 1000) / checks),
      spread: rounded(spread),
      ...memory,
    };
  } finally {
    await end(replicas);
    await server.close();
    await postgres.stop();
  }
}

/** @param drainFirst moves the mailboxes of the first replica to the others: what it needs then, nodes need elsewhere too */
async function memoryOf(
  replicas: Replica[],
  mailboxes: number,
  drainFirst: () => Promise<unknown>,
): Promise<Pick<FleetOfThree, 'bytesOwned' | 'bytesElsewhere' | 'bytesPerNode'>> {
  const [first] = replicas as [Replica, ...Replica[]];
  const told = async (times: number, by: Replica[]): Promise<void> => {
    for (const { child } of by) child.kill('SIGUSR2');
    await until('each has told its memory', () => by.every(({ is }) => is.kept.length > times));
  };
  await told(1, replicas);
  const { owned } = first.is;
  await drainFirst();
  await until('the first replica owns nothing', () => first.is.owned === 0);
  await told(2, [first]);
  const grown = ({ is }: Replica, time: number): number => (is.kept[time] as number) - (is.kept[0] as number);
  const bytesElsewhere = grown(first, 2) / mailboxes;
  return {
    bytesOwned: Math.round(bytesElsewhere + (grown(first, 1) - grown(first, 2)) / owned),
    bytesElsewhere: Math.round(bytesElsewhere),
    bytesPerNode: Math.round(median(replicas.map((one) => grown(one, 1))) / mailboxes),
  };
}

export interface Million extends Cost {
  mailboxes: number;
  checksPerSecond: number;
  mailsPerSecond: number;
  failed: number;
  /** Seconds from kill -9 of one of three until the other two own everything. */
  takeover: number;
  /** MB of the table of mailboxes and its indexes. */
  tableMegabytes: number;
}

/** Leases and ledgers of so many mailboxes, each checked every five minutes; nothing is asked of a mail server. */
export async function measureMillion(mailboxes: number, seconds: number): Promise<Million> {
  const postgres = await startPostgres(AS_INSTALLED);
  const database = await postgres.database();
  const replicas = await startReplicas({ kind: 'leases', database, port: 0, mailboxes, interval: 300 });
  try {
    await until('everything is owned', () => sum(replicas, 'owned') >= mailboxes);
    const share = Math.floor((mailboxes / 3) * 0.99);
    await until('each owns its share', () => replicas.every(({ is }) => is.owned >= share));
    await postgres.query(database, 'vacuum analyze');
    say('a third is taken over');
    const [killed, ...others] = replicas as [Replica, ...Replica[]];
    const began = performance.now();
    await endChild(killed.child, 'SIGKILL');
    await until('the others own everything', () => sum(others, 'owned') >= mailboxes);
    const takeover = rounded((performance.now() - began) / 1000);
    say(`after ${takeover} s`);
    const [table] = await postgres.query<{ bytes: string }>(
      database,
      "select pg_total_relation_size('redletter.mailbox') as bytes",
    );
    // What the takeover has left to be tidied is no part of the steady state.
    await postgres.query(database, 'vacuum analyze');
    await postgres.query(database, 'checkpoint');
    const rate = mailboxes / 300;
    const load: Load = {
      checks: rate / others.length,
      mails: (rate * WITH_MAIL) / others.length,
      seconds: seconds + 15,
    };
    for (const { child } of others) child.send(load);
    await until('each has opened its ledgers and checks', () => others.every(({ is }) => is.checks > 0));
    const [checked, delivered] = [sum(others, 'checks'), sum(others, 'mails')];
    const cost = await costOf(postgres, database, () => pause(seconds * 1000));
    for (const { is } of others) if (is.trouble !== undefined) say(is.trouble);
    return {
      mailboxes,
      takeover,
      ...cost,
      checksPerSecond: Math.round((sum(others, 'checks') - checked) / cost.seconds),
      mailsPerSecond: Math.round((sum(others, 'mails') - delivered) / cost.seconds),
      failed: sum(others, 'failed'),
      tableMegabytes: Math.round(Number(table?.bytes) / 1e6),
    };
  } finally {
    await end(replicas);
    await postgres.stop();
  }
}

/** Seconds for the same mails, by where the ledger is. */
export interface FleetMails {
  mails: number;
  rounds: number;
  files: number;
  database: number;
  ratio: number;
  /** ms of CPU for each mail: of Node.js with files, of Node.js with the database, and of the database. */
  cpuFiles: number;
  cpuDatabase: number;
  cpuPostgres: number;
}

/** And ms of CPU of the database. */
interface Took extends MailsTook {
  postgresCpu: number;
}

/** A new mailbox each round, since a ledger delivers nothing twice; the same Dovecot for both. */
export async function measureFleetMails(mails: number, rounds: number): Promise<FleetMails> {
  const [user, password] = ['a@example.test', 'correct-horse'];
  const dovecot = await startDovecot({ users: { [user]: password } });
  const postgres = await startPostgres(AS_INSTALLED);
  const folder = await mkdtemp(join(tmpdir(), 'redletter-bench-'));
  const script = await compiled(join(__dirname, 'fleet-mails-child.ts'));
  const child = startChild(process.execPath, [script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const died = once(child, 'exit').then(() =>
    Promise.reject(new Error('The process of the mails has ended')),
  );
  died.catch(() => undefined);
  try {
    for (let index = 1; index <= mails; index += 1) await dovecot.deliver(user, textMail(index));
    const run = async (fleet: string | undefined, round: number): Promise<Took> => {
      const userDir = join(folder, `${fleet === undefined ? 'files' : 'database'}${round}`);
      const order: MailsOrder = { port: dovecot.port, user, password, mails, userDir, fleet };
      const ticks = ticksOf(postgres);
      child.send(order);
      const [{ took, cpu }] = (await Promise.race([once(child, 'message'), died])) as [MailsTook];
      say(`${fleet === undefined ? 'files' : 'database'}: ${took.toFixed(2)} s`);
      return { took, cpu, postgresCpu: ((ticksOf(postgres) - ticks) * 1000) / TICKS };
    };
    const [files, database]: [Took[], Took[]] = [[], []];
    // The first of each is cold, and does not count.
    for (let round = 0; round <= rounds; round += 1) {
      const [one, other] = [await run(undefined, round), await run(await postgres.database(), round)];
      if (round === 0) continue;
      files.push(one);
      database.push(other);
    }
    const of = (all: Took[], what: keyof Took): number => median(all.map((one) => one[what]));
    return {
      mails,
      rounds,
      files: rounded(of(files, 'took')),
      database: rounded(of(database, 'took')),
      ratio: rounded(median(database.map(({ took }, round) => took / (files[round] as Took).took))),
      cpuFiles: rounded(of(files, 'cpu') / mails),
      cpuDatabase: rounded(of(database, 'cpu') / mails),
      cpuPostgres: rounded(of(database, 'postgresCpu') / mails),
    };
  } finally {
    await endChild(child, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
    await postgres.stop();
    await dovecot.stop();
  }
}

const warmUser = (name: string): string => `warm-${name}`;

interface Replica {
  child: ChildProcess;
  is: Standing;
}

async function startReplicas(orders: Omit<FleetOrders, 'name' | 'warm'>): Promise<Replica[]> {
  const script = await compiled(join(__dirname, 'fleet-children.ts'));
  return NAMES.map((name) => {
    const args = [script, JSON.stringify({ ...orders, name, warm: warmUser(name) })];
    const child = startChild(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const replica: Replica = {
      child,
      is: { owned: 0, checks: 0, failed: 0, mails: 0, checked: 0, cpu: 0, kept: [] },
    };
    child.on('message', (is: Standing) => {
      replica.is = is;
    });
    return replica;
  });
}

async function end(replicas: Replica[]): Promise<void> {
  for (const { child } of replicas) await endChild(child, 'SIGKILL');
}

type Counted = 'owned' | 'checked' | 'checks' | 'failed' | 'mails' | 'cpu';
const sum = (replicas: Replica[], what: Counted): number =>
  replicas.reduce((total, { is }) => total + is[what], 0);

const LONGEST_WAIT_MS = 10 * 60_000;

/** Looked at as often as replicas say how they are. */
async function until(what: string, so: () => boolean): Promise<void> {
  for (const end = performance.now() + LONGEST_WAIT_MS; !so(); await pause(100))
    if (performance.now() > end) throw new Error(`Not in ten minutes: ${what}`);
}

async function costOf(postgres: Postgres, database: string, run: () => Promise<unknown>): Promise<Cost> {
  const [wal, ticks, began] = [await walOf(postgres, database), ticksOf(postgres), performance.now()];
  await run();
  const seconds = (performance.now() - began) / 1000;
  const used = (ticksOf(postgres) - ticks) / TICKS;
  const written = (await walOf(postgres, database)) - wal;
  return {
    seconds: Math.round(seconds),
    cores: rounded(used / seconds),
    walMegabytesPerSecond: rounded(written / 1e6 / seconds),
  };
}

async function walOf(postgres: Postgres, database: string): Promise<number> {
  const sql = "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as bytes";
  return (await postgres.query<{ bytes: number }>(database, sql))[0]?.bytes ?? Number.NaN;
}

/** CPU of every process of the database. What those used that have ended, their parent tells. */
function ticksOf(postgres: Postgres): number {
  return postgres.pids().reduce((total, pid, index) => {
    const [own = 0, system = 0, children = 0, childrenSystem = 0] = timesOf(pid);
    return total + own + system + (index === 0 ? children + childrenSystem : 0);
  }, 0);
}

function timesOf(pid: number): number[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '');
    return stat.split(' ').slice(11, 15).map(Number);
  } catch {
    return [];
  }
}

const rounded = (value: number): number => Number(value.toPrecision(3));

// Replicas of a fleet as processes of their own. Run by bench/fleet*.ts; the only argument is the orders as JSON.
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type AssertOwner, Ledger, systemClock } from '../nodes/mailbox';
import { mailboxId } from '../nodes/runtime';
import { Fleet } from '../nodes/runtime/fleet';
import { Database } from '../nodes/runtime/fleet/database';
import { type Lease, Leases } from '../nodes/runtime/fleet/leases';
import { LATE } from '../nodes/runtime/fleet/line-statements';
import { databaseLog } from '../nodes/runtime/fleet/lines';
import { Membership } from '../nodes/runtime/fleet/membership';
import { ownerOf } from '../nodes/runtime/fleet/owned';
import { Turns } from '../nodes/runtime/session-limiter';
import { attend } from '../servers/attended-mailbox';

export interface FleetOrders {
  kind: 'whole' | 'leases';
  name: string;
  database: string;
  /** Of the mail server. */
  port: number;
  mailboxes: number;
  /** One more, in the flow of this replica only and with a mail. */
  warm: string;
  /** Seconds between two checks. */
  interval: number;
}

/** What a replica says of itself, each half a second. */
export interface Standing {
  owned: number;
  checks: number;
  failed: number;
  mails: number;
  /** Mailboxes that were checked at least once. */
  checked: number;
  /**
   * Heap and buffers after a collection, bytes: with one mailbox that has had a mail, so that everything is loaded, then
   * each time it was asked for.
   */
  kept: number[];
  /** Of this process, ms of CPU. */
  cpu: number;
  trouble?: string | undefined;
}

const SECRET = 'a secret of the whole fleet';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const kept = (): number => {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** As Node-RED runs it: every mailbox is checked on its interval, where it is owned. */
async function runWhole(orders: FleetOrders, standing: Standing): Promise<() => number> {
  const { name, database, port, mailboxes, interval } = orders;
  const settings = { database, name, role: 'runtime' as const, schema: 'redletter' };
  const fleet = new Fleet({ settings, secret: SECRET, version: '1', clock: systemClock });
  const owned = (): number => fleet.connected?.leases.load().owned ?? 0;
  const deliver = async (_mail: unknown, own: AssertOwner): Promise<void> => own('deliver');
  const warm = attend(fleet, { name, user: orders.warm, port, interval: 0, deliver });
  while (owned() === 0) await pause(100);
  await warm.mailbox.check();
  standing.kept.push(kept());
  const turns = new Turns();
  const checked = new Set<number>();
  for (let at = 0; at < mailboxes; at += 1) {
    const user = `user${at}`;
    const box = mailboxId({ host: 'pop.example.test', port, user });
    attend(fleet, {
      name,
      user,
      port,
      interval,
      inTurn: (run, signal) => turns.take(box, run, signal),
      deliver: async (_mail, assertOwner) => {
        await assertOwner('deliver');
        standing.mails += 1;
      },
      onCheck: ({ error }) => {
        standing.checks += 1;
        standing.checked = error === undefined ? checked.add(at).size : checked.size;
        if (error === undefined) return;
        standing.failed += 1;
        standing.trouble = `${error.code} ${error.reason} ${JSON.stringify(error.facts)}`;
      },
    });
  }
  return owned;
}

/** Only leases and ledgers: a million mailboxes need more sockets and more time than one machine has. */
async function runLeases(orders: FleetOrders, standing: Standing): Promise<() => number> {
  const { name, database: address, mailboxes } = orders;
  const database = await Database.open({ database: address, name, role: 'runtime', schema: 'redletter' });
  const load = () => leases.load();
  const clocks = { ...systemClock, monotonic: () => performance.now() };
  const membership = new Membership(database.upkeep, { name, version: '1', role: 'runtime', load }, clocks);
  const leases: Leases = new Leases(database.upkeep, membership, { name, role: 'runtime' });
  const own = new Map<string, Lease>();
  leases.on('claimed', (lease) => own.set(lease.mailbox, lease));
  leases.on('lost', (mailbox) => own.delete(mailbox));
  leases.on('wanted', (mailbox) => {
    const lease = own.get(mailbox);
    own.delete(mailbox);
    if (lease !== undefined) leases.release(lease).catch(() => undefined);
  });
  for (let at = 0; at < mailboxes; at += 1) leases.attend(`box${at}`, 'node');
  process.on('message', (load: Load) => {
    new Checks(database, [...own.values()], standing).run(load).catch((error) => {
      standing.trouble = String(error);
    });
  });
  await membership.start();
  return () => own.size;
}

/** How many checks a second of this replica, and how many of them bring a mail. */
export interface Load {
  checks: number;
  mails: number;
  seconds: number;
}

/** Mailboxes whose ledgers are open before anything is measured, as they are once a lease has lasted some time. */
const OPEN = 1_000;

/** What checks ask of the database, by the ledger that mailboxes have. */
class Checks {
  readonly #ledgers: Ledger[] = [];
  #mail = 0;

  constructor(
    readonly database: Database,
    readonly leases: Lease[],
    readonly standing: Standing,
  ) {}

  async run({ checks, mails, seconds }: Load): Promise<void> {
    for (const lease of this.leases.slice(0, OPEN)) {
      const ledger = await Ledger.open(databaseLog(this.database, lease, 'node', () => undefined));
      await ledger.recordBaseline([]);
      this.#ledgers.push(ledger);
    }
    this.standing.checks = 0;
    const began = performance.now();
    const due = { checks: 0, mails: 0 };
    const running = new Set<Promise<void>>();
    while (performance.now() - began < seconds * 1000) {
      const passed = (performance.now() - began) / 1000;
      for (; due.checks < passed * checks; due.checks += 1) this.#check(due.checks, running);
      for (; due.mails < passed * mails; due.mails += 1) this.#start(this.#deliver(), running);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await Promise.all(running);
  }

  /** Of a check every five minutes, one in twelve is the first of its hour, which is noted. */
  #check(number: number, running: Set<Promise<void>>): void {
    this.standing.checks += 1;
    const lease = this.leases[number % this.leases.length];
    if (number % 12 !== 0 || lease === undefined) return;
    const record = JSON.stringify({ is: 'checked', at: Math.floor(Date.now() / 1000) });
    this.#start(
      this.database.query(LATE, [...ownerOf(lease), 'node', record]).then(() => undefined),
      running,
    );
  }

  async #deliver(): Promise<void> {
    this.#mail += 1;
    const key = `u${this.#mail}`;
    const ledger = this.#ledgers[this.#mail % this.#ledgers.length] as Ledger;
    await ledger.recordIntents([key]);
    await ledger.markDone(key, 'processed', { fingerprint: 'A'.repeat(22), bytes: 3400 });
    this.standing.mails += 1;
  }

  #start(work: Promise<void>, running: Set<Promise<void>>): void {
    const done = work
      .catch((error) => {
        this.standing.failed += 1;
        this.standing.trouble = String(error);
      })
      .finally(() => running.delete(done));
    running.add(done);
  }
}

async function main(): Promise<void> {
  const orders = JSON.parse(process.argv[2] ?? '') as FleetOrders;
  const standing: Standing = { owned: 0, checks: 0, failed: 0, mails: 0, checked: 0, cpu: 0, kept: [] };
  const run = orders.kind === 'whole' ? runWhole : runLeases;
  const owned = await run(orders, standing);
  process.on('SIGUSR2', () => {
    standing.kept.push(kept());
  });
  setInterval(() => {
    const { user, system } = process.cpuUsage();
    process.send?.({ ...standing, owned: owned(), cpu: (user + system) / 1000 });
  }, 500);
}

if (require.main === module) void main();

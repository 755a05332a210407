import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mailboxId } from '../../../nodes/runtime';
import type { Pace } from '../../../nodes/runtime/fleet/membership';
import { endChild, startChild } from '../../../servers/child';
import { type ManyMailboxes, startManyMailboxes } from '../../../servers/many-mailboxes';
import type { Postgres } from '../../../servers/postgres';
import { type Relay, startRelay } from '../../../servers/relay';
import {
  audit,
  type DeliveredLine,
  type Findings,
  failOver,
  findingsOf,
  namedAs,
  owners,
  staleWrites,
} from './findings';
import type { Without } from './without';

export const SECRET = 'a secret of the whole fleet';

export interface ReplicaOrders {
  name: string;
  database: string;
  port: number;
  users: string[];
  /** Seconds between two checks. */
  interval: number;
  /** Where it writes what it is given, and, with another ending, what fails. */
  file: string;
  pace: Pace;
  without?: Without | undefined;
}

/** A quarter of the real pace: a drill of a minute takes a quarter of one. */
export const QUICK: Pace = { beat: 400, timeToLive: 1_600, margin: 400 };
/** Checks of a drill in the time to live, however many mailboxes it has: more of them are only checked less often. */
const CHECKS_IN_TIME_TO_LIVE = 48;
const MODULES = join(__dirname, '..', '..', '..', 'node_modules');

interface DrillOptions extends Pick<ReplicaOrders, 'without' | 'pace'> {
  /** A file that runs replica-child.ts. */
  program: string;
}

/** Replicas as processes of their own on one database, and a mail server that sees who deletes. */
export class Drill {
  readonly replicas = new Map<string, ChildProcess>();
  /** What is between each replica and the database. */
  readonly #relays = new Map<string, Relay>();
  readonly #sent: { user: string; uid: string }[] = [];
  #starts = 0;

  private constructor(
    readonly postgres: Postgres,
    readonly database: string,
    readonly server: ManyMailboxes,
    readonly folder: string,
    readonly users: string[],
    readonly options: DrillOptions,
  ) {}

  static async start(postgres: Postgres, boxes: number, options: DrillOptions): Promise<Drill> {
    const database = await postgres.database();
    // Of more mailboxes each has fewer mails: sessions last as long.
    const server = await startManyMailboxes({ retrMs: boxes > 50 ? 20 : 5, quitMs: 5 });
    const folder = await mkdtemp(join(tmpdir(), 'redletter-fleet-'));
    const users = Array.from({ length: boxes }, (_, at) => `user${at}`);
    await audit(postgres, database);
    return new Drill(postgres, database, server, folder, users, options);
  }

  /** Starts a replica of this name, perhaps once more. */
  async replica(name: string): Promise<void> {
    const { server, users } = this;
    const { program, ...options } = this.options;
    this.#starts += 1;
    const file = join(this.folder, `${name}-${this.#starts}`);
    const relay = this.#relays.get(name) ?? (await startRelay(this.postgres.port));
    this.#relays.set(name, relay);
    const database = namedAs(name, this.database.replace(String(this.postgres.port), String(relay.port)));
    const interval = ((users.length / CHECKS_IN_TIME_TO_LIVE) * options.pace.timeToLive) / 1_000;
    const orders: ReplicaOrders = { name, database, port: server.port, users, interval, file, ...options };
    const child = startChild(process.execPath, [program, JSON.stringify(orders)], {
      env: { ...process.env, NODE_PATH: MODULES },
      stdio: ['ignore', 'pipe', process.env.REDLETTER_DRILL_LOUD ? 'inherit' : 'ignore'],
    });
    this.replicas.set(name, child);
    if (child.stdout) await once(child.stdout, 'data');
  }

  /** Puts so many mails into random mailboxes. */
  send(count: number, random: () => number): void {
    for (let at = 0; at < count; at += 1) {
      const user = this.users[Math.floor(random() * this.users.length)] as string;
      const uid = `m${this.#sent.length}`;
      this.#sent.push({ user, uid });
      this.server.deliver(user, uid);
    }
  }

  signal(name: string, signal: NodeJS.Signals): void {
    const pid = this.replicas.get(name)?.pid;
    if (pid !== undefined) process.kill(pid, signal);
  }

  /** Cuts it off from the database, not from the mail server. */
  cut(name: string): void {
    this.#relays.get(name)?.cut();
  }

  restore(name: string): void {
    this.#relays.get(name)?.restore();
  }

  /** What it sends to the database comes there only when the returned function is called. */
  delay(name: string): () => void {
    return this.#relays.get(name)?.hold().release ?? assert.fail();
  }

  async kill(name: string): Promise<void> {
    const child = this.replicas.get(name);
    if (child) await endChild(child, 'SIGKILL');
  }

  /** What failed last on each replica. */
  get errors(): string[] {
    return Array.from({ length: this.#starts }, (_, at) => at + 1).flatMap((at) =>
      [...this.replicas.keys()]
        .map((name) => join(this.folder, `${name}-${at}.errors`))
        .filter((file) => existsSync(file))
        .flatMap((file) => readFileSync(file, 'utf8').trimEnd().split('\n').slice(-20)),
    );
  }

  get delivered(): DeliveredLine[] {
    const lines: DeliveredLine[] = [];
    for (let at = 1; at <= this.#starts; at += 1)
      for (const name of this.replicas.keys()) {
        const file = join(this.folder, `${name}-${at}`);
        if (!existsSync(file)) continue;
        for (const line of readFileSync(file, 'utf8').split('\n'))
          if (line.endsWith('}')) lines.push(JSON.parse(line) as DeliveredLine);
      }
    return lines.sort((a, b) => a.at - b.at);
  }

  /** Waits until every mail has been delivered, or until it is clear that one never will be. */
  async settle(ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (Date.now() < until) {
      const seen = new Set(this.delivered.map(({ user, uid }) => `${user} ${uid}`));
      const left = this.users.some((user) => this.server.left(user).length > 0);
      if (!left && this.#sent.every(({ user, uid }) => seen.has(`${user} ${uid}`))) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async failOver(name: string, at: number): Promise<number[]> {
    return failOver(await owners(this.postgres, this.database), name, at);
  }

  /** Ends the replicas first: what one does while owners and mails are read would be held against the wrong owner. */
  async findings(): Promise<Findings> {
    const { server, postgres, database } = this;
    await this.#killAll();
    const [all, stale] = [await owners(postgres, database), await staleWrites(postgres, database)];
    const boxOf = (user: string): string => mailboxId({ host: 'pop.example.test', port: server.port, user });
    return findingsOf({ delivered: this.delivered, sent: this.#sent, server, boxOf }, all, stale);
  }

  async #killAll(): Promise<void> {
    for (const child of this.replicas.values()) await endChild(child, 'SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#killAll();
    for (const relay of this.#relays.values()) await relay.close();
    await this.server.close();
    await this.postgres.drop(this.database);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A small generator, so that a drill can be repeated by its number. */
export function randomOf(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 12)) >>> 0) / 2 ** 32;
  };
}

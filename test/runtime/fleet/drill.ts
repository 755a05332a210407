import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mailboxId } from '../../../nodes/runtime';
import { Database } from '../../../nodes/runtime/fleet/database';
import type { Pace } from '../../../nodes/runtime/fleet/membership';
import { endChild, startChild } from '../../../servers/child';
import { type Deletion, type ManyMailboxes, startManyMailboxes } from '../../../servers/many-mailboxes';
import type { Postgres } from '../../../servers/postgres';
import { type Relay, startRelay } from '../../../servers/relay';
import type { Without } from './without';

export const SECRET = 'a secret of the whole fleet';

export interface ReplicaOrders {
  name: string;
  database: string;
  port: number;
  users: string[];
  /** Where it writes what it is given. */
  file: string;
  pace: Pace;
  without?: Without | undefined;
}

/** One mail as a replica's flow got it. */
export interface DeliveredLine {
  name: string;
  user: string;
  uid: string;
  redelivered: boolean;
  attempt: number;
  /** ms since the epoch */
  at: number;
}

/** What a drill has found. All but the last have to be zero. */
export interface Findings {
  lost: number;
  /** A mail that came twice, and the second time was not marked. */
  unmarked: number;
  /** Delivered by a replica that was not the owner by then. */
  staleDeliveries: number;
  staleDeletions: number;
  /** Deleted before any flow had it. */
  deletedUnseen: number;
  duplicates: number;
}

/** A quarter of the real pace: a drill of a minute takes a quarter of one. */
export const QUICK: Pace = { beat: 400, timeToLive: 1_600, margin: 400 };

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
    readonly options: Pick<ReplicaOrders, 'without' | 'pace'>,
  ) {}

  static async start(
    postgres: Postgres,
    boxes: number,
    options: Pick<ReplicaOrders, 'without' | 'pace'>,
  ): Promise<Drill> {
    const database = await postgres.database();
    const server = await startManyMailboxes({ retrMs: 5, quitMs: 5 });
    const folder = await mkdtemp(join(tmpdir(), 'redletter-fleet-'));
    const users = Array.from({ length: boxes }, (_, at) => `user${at}`);
    await audit(postgres, database);
    return new Drill(postgres, database, server, folder, users, options);
  }

  /** Starts a replica of this name, perhaps once more. */
  async replica(name: string): Promise<void> {
    const { server, users, options } = this;
    this.#starts += 1;
    const file = join(this.folder, `${name}-${this.#starts}`);
    const relay = this.#relays.get(name) ?? (await startRelay(this.postgres.port));
    this.#relays.set(name, relay);
    const database = this.database.replace(String(this.postgres.port), String(relay.port));
    const orders: ReplicaOrders = { name, database, port: server.port, users, file, ...options };
    const script = join(__dirname, 'replica-child.ts');
    const child = startChild(process.execPath, ['--import', 'tsx', script, JSON.stringify(orders)], {
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

  async kill(name: string): Promise<void> {
    const child = this.replicas.get(name);
    if (child) await endChild(child, 'SIGKILL');
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

  async findings(): Promise<Findings> {
    const { delivered, server, postgres, database } = this;
    const sent = this.#sent;
    const boxOf = (user: string): string => mailboxId({ host: 'pop.example.test', port: server.port, user });
    return findingsOf(
      { delivered, sent, deletions: server.deletions, boxOf },
      await owners(postgres, database),
    );
  }

  async stop(): Promise<void> {
    for (const child of this.replicas.values()) {
      await endChild(child, 'SIGKILL');
    }
    for (const relay of this.#relays.values()) await relay.close();
    await this.server.close();
    await this.postgres.drop(this.database);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** By mailbox: who owned it from when on. */
export type Owners = Map<string, { name: string | undefined; at: number }[]>;

export async function owners(postgres: Postgres, database: string): Promise<Owners> {
  const rows = await postgres.query<{ mailbox: string; name: string | null; at: Date }>(
    database,
    `select a.mailbox, r.name, a.at from public.owned a left join redletter.replica r on r.id = a.replica
      order by a.at`,
  );
  const found: Owners = new Map();
  for (const { mailbox, name, at } of rows) {
    const changes = found.get(mailbox) ?? [];
    found.set(mailbox, changes);
    changes.push({ name: name ?? undefined, at: at.getTime() });
  }
  return found;
}

/** How long each mailbox of a replica that was killed at `at` waited for its next owner, ms. */
export function failOver(all: Owners, name: string, at: number): number[] {
  const waits: number[] = [];
  for (const changes of all.values()) {
    const before = changes.filter((change) => change.at <= at).at(-1);
    if (before?.name !== name) continue;
    const next = changes.find((change) => change.at > at && change.name !== undefined);
    waits.push(next === undefined ? Number.POSITIVE_INFINITY : next.at - at);
  }
  return waits;
}

/** What happened, held against who owned what at that moment. */
export function findingsOf(
  happened: {
    delivered: DeliveredLine[];
    sent: { user: string; uid: string }[];
    deletions: readonly Deletion[];
    boxOf: (user: string) => string;
  },
  all: Owners,
): Findings {
  const { delivered, sent, deletions, boxOf } = happened;
  const owned = (user: string, name: string, at: number, after = at): boolean => {
    const changes = (all.get(boxOf(user)) ?? []).filter((change) => change.at <= at);
    const before = changes.filter((change) => change.at <= after).at(-1);
    return [before, ...changes.filter((change) => change.at > after)].some((change) => change?.name === name);
  };
  const seen = new Map<string, DeliveredLine[]>();
  for (const line of delivered) {
    const key = `${line.user} ${line.uid}`;
    seen.set(key, [...(seen.get(key) ?? []), line]);
  }
  return {
    lost: sent.filter(({ user, uid }) => !seen.has(`${user} ${uid}`)).length,
    unmarked: [...seen.values()].filter((lines) => lines.slice(1).some(({ redelivered }) => !redelivered))
      .length,
    staleDeliveries: delivered.filter(({ user, name, at }) => !owned(user, name, at)).length,
    staleDeletions: deletions.filter(({ user, by, at, after }) => !owned(user, by, at, after)).length,
    deletedUnseen: deletions.filter(({ user, uid }) => !seen.has(`${user} ${uid}`)).length,
    duplicates: delivered.length - seen.size,
  };
}

/** The database itself writes down who owned what when: the replicas are not asked. */
export async function audit(postgres: Postgres, database: string): Promise<void> {
  const opened = await Database.open({ database, schema: 'redletter', name: 'audit', role: 'editor' });
  await opened.close();
  await postgres.query(
    database,
    `create table public.owned (mailbox text, replica uuid, at timestamptz);
    create function public.note() returns trigger language plpgsql as $$ begin
      if tg_op = 'INSERT' or old.replica is distinct from new.replica or old.term <> new.term then
        insert into public.owned values (new.id, new.replica, clock_timestamp());
      end if;
      return new; end $$;
    create trigger note after insert or update on redletter.mailbox for each row execute function public.note()`,
  );
}

/** A small generator, so that a drill can be repeated by its number. */
export function randomOf(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 12)) >>> 0) / 2 ** 32;
  };
}

export function assertClean(findings: Findings): void {
  const { duplicates: _, ...bad } = findings;
  assert.deepEqual(bad, { lost: 0, unmarked: 0, staleDeliveries: 0, staleDeletions: 0, deletedUnseen: 0 });
}

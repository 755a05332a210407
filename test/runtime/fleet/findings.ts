import assert from 'node:assert/strict';
import { Database } from '../../../nodes/runtime/fleet/database';
import type { ManyMailboxes } from '../../../servers/many-mailboxes';
import type { Postgres } from '../../../servers/postgres';

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

/** What a drill has found. All but the last two have to be zero. */
export interface Findings {
  lost: number;
  /** Still on the server, and not delivered in the time that was given. */
  late: number;
  /** A mail that came twice, and the second time was not marked. */
  unmarked: number;
  /** Delivered by a replica that was not the owner by then. */
  staleDeliveries: number;
  staleDeletions: number;
  /** Lines and mails that the database took from a replica that was not the owner by then. */
  staleWrites: number;
  /** Deleted before any flow had it. */
  deletedUnseen: number;
  duplicates: number;
  /** Deletions by an owner of whom the server, busy as it was, read only when there was another one. */
  readLate: number;
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
    server: Pick<ManyMailboxes, 'deletions' | 'left'>;
    boxOf: (user: string) => string;
  },
  all: Owners,
  staleWrites: number,
): Findings {
  const { delivered, sent, server, boxOf } = happened;
  const { deletions } = server;
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
  const unseen = sent.filter(({ user, uid }) => !seen.has(`${user} ${uid}`));
  return {
    lost: unseen.filter(({ user, uid }) => !server.left(user).includes(uid)).length,
    late: unseen.filter(({ user, uid }) => server.left(user).includes(uid)).length,
    unmarked: [...seen.values()].filter((lines) => lines.slice(1).some(({ redelivered }) => !redelivered))
      .length,
    staleDeliveries: delivered.filter(({ user, name, at }) => !owned(user, name, at)).length,
    staleDeletions: deletions.filter(({ user, by, at, after }) => !owned(user, by, at, after)).length,
    staleWrites,
    deletedUnseen: deletions.filter(({ user, uid }) => !seen.has(`${user} ${uid}`)).length,
    duplicates: delivered.length - seen.size,
    readLate: deletions.filter(
      ({ user, by, at, after }) => owned(user, by, at, after) && !owned(user, by, at),
    ).length,
  };
}

/** The address by which a replica of this name connects, so that {@link audit} knows who writes. */
export const namedAs = (name: string, database: string): string => `${database}?application_name=${name}`;

export async function staleWrites(postgres: Postgres, database: string): Promise<number> {
  const sql = 'select count(*)::int as n from public.stale';
  return (await postgres.query<{ n: number }>(database, sql))[0]?.n ?? Number.NaN;
}

/** The database itself writes down who owned what when, and who wrote without owning: the replicas are not asked. */
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
    create trigger note after insert or update on redletter.mailbox for each row execute function public.note();
    create table public.stale (mailbox text, by text, at timestamptz);
    create function public.look() returns trigger language plpgsql as $$ begin
      insert into public.stale select new.mailbox, current_setting('application_name'), clock_timestamp()
        where not exists (select from redletter.mailbox m join redletter.replica r on r.id = m.replica
          where m.id = new.mailbox and r.name = current_setting('application_name'));
      return new; end $$;
    create trigger look after insert on redletter.line for each row execute function public.look();
    create trigger look after insert on redletter.spooled for each row execute function public.look()`,
  );
}

export function assertClean(findings: Findings): void {
  const { duplicates, readLate, ...bad } = findings;
  const none = {
    lost: 0,
    late: 0,
    unmarked: 0,
    staleDeliveries: 0,
    staleDeletions: 0,
    staleWrites: 0,
    deletedUnseen: 0,
  };
  assert.deepEqual(bad, none);
}

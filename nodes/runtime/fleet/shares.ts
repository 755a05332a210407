import type { Prepared, Querying } from './database';

/** What the fleet looks like to one of its replicas. */
export interface Survey {
  /** Replicas that may own mailboxes and are not drained. */
  replicas: number;
  /** Mailboxes of the replica whose flows have the most. */
  mailboxes: number;
  /** Some mailbox of the flows here has no owner. */
  free: boolean;
  /** Changes whenever the nodes of some replica do. */
  attended: string;
  /** Owned here, and moved by a person to another replica that is there. */
  away: string[];
}

/** An array rather than a join, so that the index answers both halves. */
export const FREE =
  '(m.replica is null or m.replica = any (array(select id from replica where died is not null)))';

/** Mailboxes `m` that the replica of parameter 1 attends, and that it may claim. */
export const ATTENDED_AND_FREE = `${FREE}
  and exists (select from attendance a where a.replica = $1 and a.mailbox = m.id)`;

/**
 * Every replica computes the same share from the same figures, or two of them would push a mailbox to and fro. Costs as
 * much as there are replicas, not mailboxes.
 */
const SURVEY: Prepared = {
  name: 'survey',
  text: `select
    count(*) filter (where not draining)::int as replicas,
    coalesce(max(attended), 0)::int as mailboxes,
    exists (select from mailbox m where ${ATTENDED_AND_FREE}) as free,
    (select md5(string_agg(id || ' ' || attending, ',' order by id)) from replica where died is null) as attended,
    array(select id from mailbox where replica = $1 and wanted is not null and wanted <> $2
      and exists (select from replica r where r.name = wanted and r.died is null and not r.draining)) as away
    from replica where died is null and role = 'runtime'`,
};
/**
 * Owned here, and in the flows of another replica that owns less than its share; with how many such replicas have room
 * for. What was given up and has not been claimed yet counts as theirs.
 */
const TAKEN: Prepared = {
  name: 'surplus-taken',
  text: `with other as (
      select id, $2::int - (select count(*) from mailbox where replica = r.id)::int as room from replica r
        where id <> $1 and died is null and not draining and role = 'runtime')
    select distinct a.mailbox,
      ((select sum(room) from other where room > 0) - (select count(*) from mailbox m where ${FREE}
        and exists (select from attendance f where f.mailbox = m.id and f.replica in (select id from other))))::int as room
      from attendance a
      where a.replica = any (array(select id from other where room > 0))
        and a.mailbox in (select id from mailbox where replica = $1)`,
};

export async function surveyed(
  database: Querying,
  session: string,
  name: string,
): Promise<Survey | undefined> {
  const [survey] = await database.query<Survey & Record<string, unknown>>(SURVEY, [session, name]);
  return survey;
}

export const shareOf = ({ mailboxes, replicas }: Survey): number =>
  Math.ceil(mailboxes / Math.max(1, replicas));

/**
 * Which mailboxes a replica gives up because it owns more than its share. Idle ones, so that no check is ended for
 * balance; but where that has not sufficed for `patienceMs`, others too: a replica that joins gets its share in a
 * bounded time, however busy the mailboxes are. What no other replica would take stays where it is.
 */
export class Surplus {
  readonly #patienceMs: number;
  readonly #monotonic: () => number;
  /** Since when there has been more than the share, ms. */
  #since: number | undefined;

  constructor(patienceMs: number, monotonic: () => number) {
    this.#patienceMs = patienceMs;
    this.#monotonic = monotonic;
  }

  async of(
    held: string[],
    { share, session, isIdle }: { share: number; session: string; isIdle: (mailbox: string) => boolean },
    database: Querying,
  ): Promise<string[]> {
    const count = held.length - share;
    if (count <= 0) {
      this.#since = undefined;
      return [];
    }
    const rows = await database.query<{ mailbox: string; room: number }>(TAKEN, [session, share]);
    const room = rows[0]?.room ?? 0;
    if (room <= 0) {
      this.#since = undefined;
      return [];
    }
    this.#since ??= this.#monotonic();
    const taken = new Set(rows.map(({ mailbox }) => mailbox));
    const movable = held.filter((mailbox) => taken.has(mailbox));
    const idle = movable.filter(isIdle);
    const patient = this.#monotonic() - this.#since < this.#patienceMs;
    const busy = patient ? [] : movable.filter((mailbox) => !isIdle(mailbox));
    return [...idle, ...busy].slice(0, Math.min(count, room));
  }
}

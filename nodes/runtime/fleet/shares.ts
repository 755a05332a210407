import type { Prepared, Querying } from './database';

/** What the fleet looks like to one of its replicas. */
export interface Survey {
  /** Replicas that may own mailboxes, are not drained, and whose flows have some. */
  replicas: number;
  /** Mailboxes of the replica whose flows have the most. */
  mailboxes: number;
  /** Some mailbox of the flows here has no owner. */
  free: boolean;
  /** The dead replicas that mailboxes of the flows here belong to. */
  dead: string[];
  /** Changes whenever the nodes of some replica do. */
  attended: string;
  /** Owned here, and moved by a person to another replica that is there. */
  away: string[];
}

/**
 * True of a mailbox `m` in the flows of the replica of parameter 1. `offset 0` keeps an `exists` with it from being
 * planned as a join: each of them is an index's look at a few rows, where a join reads every mailbox.
 */
export const ATTENDED =
  'exists (select from attendance a where a.replica = $1 and a.mailbox = m.id offset 0)';

/** True of a mailbox `m` that a person moved to a replica which is there, and has it in its flows. */
export const AWAITED = `exists (select from replica r join attendance w on w.replica = r.id and w.mailbox = m.id
        where r.name = m.wanted and r.died is null and not r.draining)`;

/**
 * Every replica computes the same share from the same figures, or two of them would push a mailbox to and fro. Costs as
 * much as there are replicas, not mailboxes.
 */
const SURVEY: Prepared = {
  name: 'survey',
  text: `select
    count(*) filter (where not draining and (attended > 0 or id = $1))::int as replicas,
    coalesce(max(attended), 0)::int as mailboxes,
    exists (select from mailbox m where m.replica is null and ${ATTENDED}) as free,
    array(select id from replica d where died is not null
      and exists (select from mailbox m where m.replica = d.id and ${ATTENDED})) as dead,
    (select md5(string_agg(id || ' ' || attending, ',' order by id)) from replica where died is null) as attended,
    array(select id from mailbox m where replica = $1 and wanted is not null and wanted <> $2
      and ${AWAITED}) as away
    from replica where died is null and role = 'runtime'`,
};
const OF_OTHERS =
  'exists (select from attendance f where f.mailbox = m.id and f.replica in (select id from other) offset 0)';
/** How many mailboxes are offered to the others in one statement, however many there are. */
const MOST_OFFERED = 20_000;
/**
 * For how many mailboxes other replicas have room that own less than their share, and which of those given are in
 * their flows. What was given up and has not been claimed yet counts as theirs.
 */
const TAKEN: Prepared = {
  name: 'surplus-taken',
  text: `with other as (
      select id, $2::int - (select count(*) from mailbox where replica = r.id)::int as room from replica r
        where id <> $1 and died is null and not draining and role = 'runtime'),
    others as (select coalesce(sum(room), 0)
        - (select count(*) from mailbox m where m.replica is null and ${OF_OTHERS})
        - (select count(*) from replica d join mailbox m on m.replica = d.id
          where d.died is not null and ${OF_OTHERS}) as room
      from other where room > 0)
    select others.room::int, array(select m.id from unnest($3::text[]) as m (id)
      where others.room > 0 and exists (select from attendance a where a.mailbox = m.id
        and a.replica in (select id from other where room > 0) offset 0)) as taken
    from others`,
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
  readonly #mostOffered: number;
  /** Since when there has been more than the share, and room for it, ms. */
  #since: number | undefined;
  /** Where in what is owned the next offer begins. */
  #at = 0;

  constructor(patienceMs: number, monotonic: () => number, mostOffered = MOST_OFFERED) {
    this.#patienceMs = patienceMs;
    this.#monotonic = monotonic;
    this.#mostOffered = mostOffered;
  }

  async of(
    held: string[],
    { share, session, isIdle }: { share: number; session: string; isIdle: (mailbox: string) => boolean },
    database: Querying,
  ): Promise<string[]> {
    const count = held.length - share;
    const { room, taken } = count > 0 ? await this.#ask(held, { share, session }, database) : NOBODY;
    if (room <= 0) {
      this.#since = undefined;
      return [];
    }
    this.#since ??= this.#monotonic();
    const patient = this.#monotonic() - this.#since < this.#patienceMs;
    const idle = taken.filter(isIdle);
    const busy = patient ? [] : taken.filter((mailbox) => !isIdle(mailbox));
    const most = Math.min(count, room);
    const surplus = [...idle, ...busy].slice(0, most);
    // What no other replica took is offered again only after everything else was.
    if (surplus.length < most) this.#at += this.#mostOffered;
    return surplus;
  }

  async #ask(
    held: string[],
    { share, session }: { share: number; session: string },
    database: Querying,
  ): Promise<Taken> {
    if (this.#at >= held.length) this.#at = 0;
    const offered = held.slice(this.#at, this.#at + this.#mostOffered);
    const [answer] = await database.query<Taken & Record<string, unknown>>(TAKEN, [session, share, offered]);
    return answer ?? NOBODY;
  }
}

interface Taken {
  room: number;
  taken: string[];
}

const NOBODY: Taken = { room: 0, taken: [] };

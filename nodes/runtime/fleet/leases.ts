import { EventEmitter } from 'node:events';
import { Attendance } from './attendance';
import type { Database, Prepared } from './database';
import type { Membership } from './membership';
import { ATTENDED, AWAITED, Surplus, type Survey, shareOf, surveyed } from './shares';

/** One replica's hold on one mailbox. */
export interface Lease {
  readonly mailbox: string;
  readonly replica: string;
  /** Counts the owners of this mailbox: what an earlier one writes is refused. */
  readonly term: string;
  /** The session that had it before and did not give it back. */
  readonly previous?: string;
}

/** Told where the database says that a lease is over. */
export type Fenced = (lease: Lease) => void;

interface LeaseEvents {
  claimed: [lease: Lease];
  /** Owned no more, and perhaps by another replica already: drop everything at once. */
  lost: [mailbox: string];
  /** To be given back in order, with {@link Leases.release}, when it is idle. */
  wanted: [mailbox: string];
  /** A tick went well. */
  worked: [];
  /** A tick did not: nothing may have been claimed. */
  failed: [error: unknown];
}

/** How many mailboxes are claimed in one statement. */
const CLAIM_AT_ONCE = 1_000;
/** And released: a drained replica may have so many that a single statement would take longer than it may. */
const RELEASE_AT_ONCE = 5_000;

export interface LeaseOptions {
  /** Of this replica. */
  name: string;
  role: 'runtime' | 'editor';
  /** True where a mailbox can be moved without ending a check. */
  isIdle?: (mailbox: string) => boolean;
  /** What no replica took for its share for so long, ms, is taken by any replica that attends it. */
  orphanedMs?: number;
  /** So long, ms, a surplus waits for mailboxes that are idle. */
  patienceMs?: number;
  /** ms of a monotonic clock. */
  monotonic?: () => number;
}

/** By where the mailbox is free from, so that an index names the free ones. */
const claim = (name: string, from: string): Prepared => ({
  name,
  text: `with me as (select id from replica where id = $1 and died is null and not draining for share),
    free as (
      select m.ctid as at from mailbox m where ${from} and ${ATTENDED}
        and (m.wanted is null or m.wanted = $3
          or not ${AWAITED})
        and (not $4 or m.wanted = $3 or coalesce((select died from replica r where r.id = m.replica), m.since)
          <= clock_timestamp() - $5 * interval '1 ms')
      limit $2 for update of m skip locked
    )
    update mailbox set replica = $1, term = term + 1, previous = replica, since = clock_timestamp(),
      wanted = nullif(wanted, $3)
    where ctid = any (array(select at from free)) and exists (select from me)
    returning id, term::text, previous`,
});
export const CLAIM_FREE = claim('claim', 'm.replica is null');
export const CLAIM_OF_DEAD = claim('claim-of-dead', 'm.replica = $6::uuid');
const RELEASE = {
  name: 'release',
  text: `update mailbox m set replica = null, since = clock_timestamp()
    from unnest($1::text[], $2::uuid[], $3::bigint[]) as given (id, replica, term)
    where m.id = given.id and m.replica = given.replica and m.term = given.term`,
};
const FORGET_DEAD = {
  name: 'forget-dead',
  text: `delete from replica r where r.died < clock_timestamp() - interval '1 hour'
    and not exists (select from mailbox where replica = r.id)`,
};
const MINE = { name: 'my-leases', text: 'select id, term::text from mailbox where replica = $1' };

/**
 * Which mailboxes this replica owns. It claims only what its own flow attends; a lease stays where it is until its
 * owner dies, stops or has more than its share.
 */
export class Leases extends EventEmitter<LeaseEvents> {
  readonly #database: Pick<Database, 'query'>;
  readonly #membership: Membership;
  readonly #replica: { name: string; role: 'runtime' | 'editor' };
  readonly #isIdle: (mailbox: string) => boolean;
  readonly #orphanedMs: number;
  readonly #surplus: Surplus;
  readonly #held = new Map<string, Lease>();
  readonly #attendance = new Attendance();
  #session: string | undefined;
  /** Changes whenever the nodes of some replica do; undefined while that is not known. */
  attended: string | undefined;
  /** Leases that are given back in one statement. */
  #giving: { leases: Lease[]; given: Promise<void> } | undefined;
  /** A claim or a release went unanswered: the database may have leases of ours that we do not know. */
  #doubtful = false;
  #working: Promise<void> | undefined;
  #soon = false;
  #stopped = false;

  constructor(
    database: Pick<Database, 'query'>,
    membership: Membership,
    {
      name,
      role,
      isIdle = () => true,
      orphanedMs = 5_000,
      patienceMs = 30_000,
      monotonic = () => performance.now(),
    }: LeaseOptions,
  ) {
    super();
    this.#database = database;
    this.#membership = membership;
    this.#replica = { name, role };
    this.#isIdle = isIdle;
    this.#orphanedMs = orphanedMs;
    this.#surplus = new Surplus(patienceMs, monotonic);
    this.setMaxListeners(0);
    membership.on('lost', () => this.#loseAll());
    membership.on('beat', () => {
      this.tick().catch(() => undefined);
    });
  }

  /** From now on this replica may own the mailbox for the node. */
  attend(mailbox: string, node: string): void {
    this.#attendance.add(mailbox, node);
    this.#tickSoon();
  }

  /** The node wants the mailbox no more. Release it first where that was the last one. */
  unattend(mailbox: string, node: string): void {
    if (this.#attendance.remove(mailbox, node)) this.#tickSoon();
  }

  /** The lease of a mailbox that is owned here, certain or not. */
  lease(mailbox: string): Lease | undefined {
    return this.#held.get(mailbox);
  }

  /** For the others: how many mailboxes the flows here have, and how many of them are owned here. */
  load(): { attended: number; owned: number } {
    return { attended: this.#attendance.size, owned: this.#held.size };
  }

  /** True while the mailbox is owned here for certain. Good for the turn in which it was asked. */
  owns({ mailbox, replica, term }: Lease): boolean {
    return this.#held.get(mailbox)?.term === term && this.#membership.certain(replica);
  }

  /** The database says that another replica has the mailbox. */
  readonly fence: Fenced = ({ mailbox, term }) => {
    if (this.#held.get(mailbox)?.term !== term) return;
    this.#held.delete(mailbox);
    this.#doubtful = true;
    this.emit('lost', mailbox);
  };

  /** Gives a mailbox back: another replica may claim it at once. @throws MailboxError */
  release(lease: Lease): Promise<void> {
    if (this.#held.get(lease.mailbox)?.term === lease.term) this.#held.delete(lease.mailbox);
    if (this.#giving === undefined) {
      const leases: Lease[] = [];
      const given = new Promise(setImmediate).then(() => {
        this.#giving = undefined;
        return this.#giveBack(leases);
      });
      this.#giving = { leases, given };
    }
    this.#giving.leases.push(lease);
    return this.#giving.given;
  }

  /** Compares with what the others have, and claims or gives back. Never two at once. */
  tick(): Promise<void> {
    this.#working ??= this.#work()
      .catch((error) => {
        this.emit('failed', error);
        throw error;
      })
      .finally(() => {
        this.#working = undefined;
      });
    return this.#working;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working?.catch(() => undefined);
  }

  #tickSoon(): void {
    if (this.#soon) return;
    this.#soon = true;
    setImmediate(() => {
      this.#soon = false;
      if (!this.#stopped && this.#membership.certain()) this.tick().catch(() => undefined);
    });
  }

  async #work(): Promise<void> {
    const session = this.#membership.id;
    if (session === undefined || this.#stopped) return;
    if (this.#session !== session) {
      this.#session = session;
      this.attended = undefined;
      this.#attendance.forgetTold();
    }
    await this.#attendance.tell(this.#database, session);
    if (this.#doubtful) await this.#dropUnknown(session);
    const survey = await surveyed(this.#database, session, this.#replica.name);
    if (survey === undefined || this.#stopped) return;
    this.attended = survey.attended;
    const { draining } = this.#membership;
    const share = shareOf(survey);
    for (const mailbox of survey.away) this.emit('wanted', mailbox);
    const held = draining || this.#held.size > share ? [...this.#held.keys()] : [];
    const surplus = draining
      ? held
      : await this.#surplus.of(held, { share, session, isIdle: this.#isIdle }, this.#database);
    for (const mailbox of surplus) this.emit('wanted', mailbox);
    if (!draining && this.#replica.role === 'runtime') await this.#claimAll(session, share, survey);
    await this.#database.query(FORGET_DEAD);
    this.emit('worked');
  }

  async #giveBack(leases: Lease[]): Promise<void> {
    for (let from = 0; from < leases.length; from += RELEASE_AT_ONCE) {
      const some = leases.slice(from, from + RELEASE_AT_ONCE);
      const columns = (['mailbox', 'replica', 'term'] as const).map((name) => some.map((one) => one[name]));
      await this.#certainly(this.#database.query(RELEASE, columns));
    }
  }

  /** Where no answer comes, it is looked at in the next tick. */
  async #certainly<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      this.#doubtful = true;
      throw error;
    }
  }

  async #dropUnknown(session: string): Promise<void> {
    // Before it is asked: a release may fail meanwhile.
    this.#doubtful = false;
    const mine = await this.#certainly(this.#database.query<{ id: string; term: string }>(MINE, [session]));
    const unknown = mine.filter(({ id, term }) => this.#held.get(id)?.term !== term);
    if (unknown.length > 0)
      await this.#giveBack(unknown.map(({ id, term }) => ({ mailbox: id, replica: session, term })));
  }

  async #claimAll(session: string, share: number, { free, dead }: Survey): Promise<void> {
    for (const orphans of [false, true]) {
      if (free) await this.#claim(session, share, orphans);
      for (const replica of dead) await this.#claim(session, share, orphans, replica);
    }
  }

  /** @param dead whose mailboxes; else those that have been given back, or never had an owner */
  async #claim(session: string, share: number, orphans: boolean, dead?: string): Promise<void> {
    for (;;) {
      const room = orphans ? CLAIM_AT_ONCE : Math.min(CLAIM_AT_ONCE, share - this.#held.size);
      if (room <= 0 || this.#stopped) return;
      const values = [session, room, this.#replica.name, orphans, this.#orphanedMs];
      const rows = await this.#certainly(
        this.#database.query<{ id: string; term: string; previous: string | null }>(
          dead === undefined ? CLAIM_FREE : CLAIM_OF_DEAD,
          dead === undefined ? values : [...values, dead],
        ),
      );
      for (const { id, term, previous } of rows)
        this.#take({ mailbox: id, replica: session, term, ...(previous !== null && { previous }) });
      if (rows.length < room) return;
    }
  }

  #take(lease: Lease): void {
    // The session may have been lost while the answer was on its way.
    if (this.#membership.id !== lease.replica || this.#stopped) return;
    this.#held.set(lease.mailbox, lease);
    this.emit('claimed', lease);
  }

  #loseAll(): void {
    const mailboxes = [...this.#held.keys()];
    this.#held.clear();
    for (const mailbox of mailboxes) this.emit('lost', mailbox);
  }
}

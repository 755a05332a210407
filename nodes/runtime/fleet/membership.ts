import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { type Clock, MailboxError } from '../../mailbox';
import type { Database } from './database';

/** How fast a fleet notices that a replica has died. */
export interface Pace {
  /** ms between two beats. */
  beat: number;
  /** A replica that has not beaten for so many ms is dead to the others, by the clock of the database. */
  timeToLive: number;
  /** So many ms sooner a replica stops to trust its own session: what was begun before has gone out by then. */
  margin: number;
}

export const PACE: Pace = { beat: 2_000, timeToLive: 8_000, margin: 1_500 };

/** The clocks by which a session is told to be over. */
export interface Clocks extends Clock {
  /** ms of a monotonic clock. */
  monotonic(): number;
}

interface MembershipEvents {
  /** The session is over: nothing of what was owned under it is owned any more. */
  lost: [];
  /** A beat went well. */
  beat: [];
  /** A beat did not. */
  failed: [error: MailboxError];
}

export interface ReplicaFacts {
  name: string;
  version: string;
  role: 'runtime' | 'editor';
  /** How many mailboxes its flows have, and how many of them it owns. */
  load(): { attended: number; owned: number };
}

/** A session's id changes when it was over: checks of an earlier session must not count as alive. */
export interface Session {
  readonly id: string;
  /** By the monotonic clock, ms. */
  readonly until: number;
  /** By the wall clock, ms since the epoch: the monotonic one stands still while a machine is suspended. */
  readonly untilWall: number;
  /** When the last good beat was sent, by the wall clock: it may have been set back since. */
  readonly sentWall: number;
}

/** Its own earlier session is over: what that owned is free at once. */
const JOIN = {
  name: 'join',
  text: `with before as (update replica set died = clock_timestamp() where id = $7 and died is null)
    insert into replica (id, name, version, role, attended, owned, earlier, draining)
      values ($1, $2, $3, $4, $5, $6, $7, $8)`,
};
/** One that is late is refused even where no other replica has noticed. */
const BEAT = {
  name: 'beat',
  text: `update replica set beat = clock_timestamp(), attended = $3, owned = $4
    where id = $1 and died is null and beat > clock_timestamp() - $2 * interval '1 ms' returning draining`,
};
/** By which the others share the mailboxes. */
const LOAD = { name: 'load', text: 'update replica set attended = $2, owned = $3 where id = $1' };
const LEAVE = { name: 'leave', text: 'update replica set died = clock_timestamp() where id = $1' };
/** A beat that is being written is waited for, and then seen: no row is buried that has just been prolonged. */
const BURY = {
  name: 'bury',
  text: `update replica set died = clock_timestamp()
    where died is null and beat <= clock_timestamp() - $1 * interval '1 ms'`,
};

/**
 * Which history of the database this is: it changes when a standby is promoted, which may not have the last
 * transactions. Empty where the server does not say.
 */
const TIMELINE = {
  name: 'timeline',
  text: 'select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline',
};
/** There is no such function, it is not supported, or not allowed to this role. */
const NO_TIMELINE = ['42883', '0A000', '42501'];

/**
 * One replica's session. The replica is leased, not each mailbox, so that beats cost as much as there are replicas.
 *
 * What is owned under a session is owned for certain only until {@link certain} says otherwise, which happens
 * before any other replica may act: its time counts from when the beat was sent.
 */
export class Membership extends EventEmitter<MembershipEvents> {
  readonly #database: Pick<Database, 'query'>;
  readonly #facts: ReplicaFacts;
  readonly #clock: Clocks;
  readonly #pace: Pace;
  #session: Session | undefined;
  /** Of the present session: terms of another one prove nothing. */
  #timeline = '';
  /** The last session there was. */
  #earlier: string | null = null;
  #timer: unknown;
  #beating: Promise<void> | undefined;
  #over = false;
  /** Set by a person: this replica gives up what it has and claims nothing, in later sessions too. */
  draining = false;

  constructor(database: Pick<Database, 'query'>, facts: ReplicaFacts, clock: Clocks, pace: Pace = PACE) {
    super();
    this.#database = database;
    this.#facts = facts;
    this.#clock = clock;
    this.#pace = pace;
    this.setMaxListeners(0);
  }

  /** The id of the session; undefined while there is none. */
  get id(): string | undefined {
    return this.#session?.id;
  }

  /** True while no other replica can own what this session does. Good for the turn in which it was asked. */
  certain(id = this.#session?.id): boolean {
    const session = this.#session;
    if (session === undefined || session.id !== id) return false;
    const wall = this.#clock.now();
    return (
      this.#clock.monotonic() < session.until &&
      wall < session.untilWall &&
      wall >= session.sentWall - this.#pace.timeToLive
    );
  }

  /** Ends a session that has run out, at once rather than at the next beat. */
  suspect(): void {
    if (this.#session !== undefined && !this.certain()) this.#lose();
  }

  /** Begins to beat. Never rejects: the database may come later. */
  async start(): Promise<void> {
    await this.tick();
  }

  /** Beats at once, joins where there is no session. */
  tick(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = undefined;
      this.#arm();
    });
    return this.#beating;
  }

  /** Tells the others at once, rather than with the next beat, how many mailboxes it has. Never rejects. */
  async tellLoad(): Promise<void> {
    const session = this.#session;
    if (session === undefined || !this.certain()) return;
    const { attended, owned } = this.#facts.load();
    await this.#database.query(LOAD, [session.id, attended, owned]).catch(() => undefined);
  }

  /** Leaves in order: what is still owned is free at once. Never rejects. */
  async stop(): Promise<void> {
    this.#over = true;
    this.#clock.clearTimeout(this.#timer);
    await this.#beating;
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) await this.#database.query(LEAVE, [session.id]).catch(() => undefined);
  }

  #arm(): void {
    if (this.#over) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => {
      this.tick().catch(() => undefined);
    }, this.#pace.beat);
  }

  async #beat(): Promise<void> {
    try {
      // Lost first, so that nothing of an old session is taken for one of the new.
      if (this.#session !== undefined && !this.certain()) this.#lose();
      if (this.#session === undefined) await this.#join();
      else await this.#prolong(this.#session);
      await this.#database.query(BURY, [this.#pace.timeToLive]);
      if (!this.#over) this.emit('beat');
    } catch (error) {
      // The session may have run out while the database was asked.
      if (this.#session !== undefined && !this.certain()) this.#lose();
      this.emit('failed', error instanceof MailboxError ? error : unavailable(error));
    }
  }

  async #join(): Promise<void> {
    const id = randomUUID();
    const sent = this.#stamp();
    const { name, version, role } = this.#facts;
    const { attended, owned } = this.#facts.load();
    const values = [id, name, version, role, attended, owned, this.#earlier, this.draining];
    await this.#database.query(JOIN, values);
    this.#timeline = await this.#readTimeline();
    this.#earlier = id;
    this.#session = { id, ...sent };
  }

  async #prolong(session: Session): Promise<void> {
    const sent = this.#stamp();
    const { attended, owned } = this.#facts.load();
    const values = [session.id, this.#pace.timeToLive, attended, owned];
    const [row] = await this.#database.query<{ draining: boolean }>(BEAT, values);
    if (row === undefined || (await this.#readTimeline()) !== this.#timeline) {
      this.#lose();
      await this.#join();
      return;
    }
    this.draining = row.draining;
    if (this.#session === session) this.#session = { id: session.id, ...sent };
  }

  async #readTimeline(): Promise<string> {
    try {
      const [row] = await this.#database.query<{ timeline: string }>(TIMELINE);
      return row?.timeline ?? '';
    } catch (error) {
      const { code } = ((error as Error).cause ?? error) as { code?: string };
      if (code === undefined || !NO_TIMELINE.includes(code)) throw error;
      return '';
    }
  }

  #stamp(): Omit<Session, 'id'> {
    const sentWall = this.#clock.now();
    const lasts = this.#pace.timeToLive - this.#pace.margin;
    return { until: this.#clock.monotonic() + lasts, untilWall: sentWall + lasts, sentWall };
  }

  #lose(): void {
    this.#session = undefined;
    this.emit('lost');
  }
}

const unavailable = (cause: unknown): MailboxError =>
  new MailboxError('STORE', 'database-unavailable', { facts: { system: (cause as Error).message }, cause });

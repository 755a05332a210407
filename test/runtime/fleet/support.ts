import { Database } from '../../../nodes/runtime/fleet/database';
import { Leases } from '../../../nodes/runtime/fleet/leases';
import { type Clocks, Membership } from '../../../nodes/runtime/fleet/membership';
import type { Postgres } from '../../../servers/postgres';

/** A clock a test sets: timers run when it is moved over them. */
export class TestClock implements Clocks {
  wall = 1_700_000_000_000;
  mono = 1_000;
  #timers = new Map<object, { at: number; run: () => void }>();

  now = (): number => this.wall;
  monotonic = (): number => this.mono;

  setTimeout = (run: () => void, ms: number): unknown => {
    const timer = {};
    this.#timers.set(timer, { at: this.mono + ms, run });
    return timer;
  };

  clearTimeout = (timer: unknown): void => {
    this.#timers.delete(timer as object);
  };

  /** Moves both clocks. */
  pass(ms: number): void {
    this.wall += ms;
    this.mono += ms;
    for (const [timer, { at, run }] of [...this.#timers]) {
      if (at > this.mono) continue;
      this.#timers.delete(timer);
      run();
    }
  }
}

export const openDatabase = (database: string, schema = 'redletter'): Promise<Database> =>
  Database.open({ database, schema, name: 'test', role: 'runtime' });

/** One replica as far as leases go. Nothing beats by itself: `tick()` does, on its own clock. */
export class Replica {
  readonly clock = new TestClock();
  readonly membership: Membership;
  readonly leases: Leases;
  readonly lost: string[] = [];
  busy = new Set<string>();

  constructor(
    readonly database: Database,
    readonly name: string,
    role: 'runtime' | 'editor' = 'runtime',
  ) {
    const load = () => this.leases.load();
    this.membership = new Membership(database, { name, version: '1', role, load }, this.clock);
    this.leases = new Leases(database, this.membership, {
      name,
      role,
      isIdle: (mailbox) => !this.busy.has(mailbox),
      monotonic: this.clock.monotonic,
    });
    this.leases.on('lost', (mailbox) => this.lost.push(mailbox));
    this.leases.on('wanted', (mailbox) => {
      const lease = this.leases.lease(mailbox);
      if (lease) this.releasing.push(this.leases.release(lease));
    });
  }

  readonly releasing: Promise<void>[] = [];

  /** Attends mailboxes with a node each. */
  attend(...mailboxes: string[]): this {
    for (const mailbox of mailboxes) this.leases.attend(mailbox, 'node');
    return this;
  }

  /** One beat, and what comes of it. */
  async tick(): Promise<void> {
    await this.membership.tick();
    await this.leases.tick();
    await Promise.all(this.releasing.splice(0));
  }

  get owned(): string[] {
    return [...this.mailboxes].filter((mailbox) => this.leases.lease(mailbox)).sort();
  }

  mailboxes: string[] = [];

  async stop(): Promise<void> {
    await this.leases.stop();
    await this.membership.stop();
  }
}

/** Lets the database believe that a replica has not beaten for so long. */
export async function silence(postgres: Postgres, url: string, name: string, ms: number): Promise<void> {
  await postgres.query(
    url,
    "update redletter.replica set beat = beat - $2 * interval '1 ms' where name = $1 and died is null",
    [name, ms],
  );
}

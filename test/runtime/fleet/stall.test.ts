import assert from 'node:assert/strict';
import type { MailboxError, MailboxState, Pop3Fields } from '../../../nodes/mailbox';
import { Fleet } from '../../../nodes/runtime/fleet';
import type { RunningMailbox } from '../../../nodes/runtime/running-mailbox';
import { attend } from '../../../servers/attended-mailbox';
import { type ManyMailboxes, startManyMailboxes } from '../../../servers/many-mailboxes';
import { needs } from '../../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { type Relay, startRelay } from '../../../servers/relay';
import { SECRET } from './drill';
import { silence, TestClock } from './support';
import { takeAway, type Without } from './without';

interface Member {
  fleet: Fleet;
  clock: TestClock;
  mailbox: RunningMailbox;
  delivered: Pop3Fields[];
  /** What the node shows, and the reasons of the errors that it reports. */
  states: MailboxState[];
  errors: (string | undefined)[];
  close(): Promise<void>;
}

/** Something that is reached by one side and continued by the other. */
class Gate {
  open: () => void = () => undefined;
  reach: () => void = () => undefined;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
  readonly reached = new Promise<void>((resolve) => {
    this.reach = resolve;
  });

  pass(): Promise<void> {
    this.reach();
    return this.opened;
  }
}

describe('runtime/fleet: a replica that stalls while it owns a mailbox', function () {
  this.timeout(60_000);
  let postgres: Postgres;
  let url: string;
  let relay: Relay;
  let server: ManyMailboxes;
  let members: Member[];
  /** The command of `a` that is not answered before the gate is opened. */
  let at: { command: string; gate: Gate } | undefined;
  /** What `a` waits for before it opens a session. */
  let turn: Gate | undefined;
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
  });
  after(() => postgres?.stop());
  beforeEach(async () => {
    url = await postgres.database();
    relay = await startRelay(postgres.port);
    at = undefined;
    turn = undefined;
    members = [];
    server = await startManyMailboxes({
      before: (command, by) => (by === 'a' && command === at?.command ? at.gate.pass() : undefined),
    });
  });
  afterEach(async () => {
    for (const one of members) await one.close();
    await relay.close();
    await server.close();
  });

  /** A replica in this process; it beats when its clock is moved. Its mailbox is checked when it is asked. */
  const member = (name: string, database: string): Member => {
    const clock = new TestClock();
    const settings = { database, name, role: 'runtime' as const, schema: 'redletter' };
    const fleet = new Fleet({ settings, secret: SECRET, version: '1', clock });
    const delivered: Pop3Fields[] = [];
    const states: MailboxState[] = [];
    const errors: (string | undefined)[] = [];
    const { mailbox, loan } = attend(fleet, {
      name,
      user: 'user',
      port: server.port,
      interval: 0,
      inTurn: async (run) => {
        if (name === 'a') await turn?.pass();
        return run();
      },
      deliver: async ({ pop3 }, assertOwner) => {
        await assertOwner('deliver');
        delivered.push(pop3);
      },
      onState: (state) => states.push(state),
      onError: ({ reason }) => errors.push(reason),
    });
    const close = async (): Promise<void> => {
      await mailbox.stop();
      await loan.giveBack();
      await fleet.close();
    };
    members.push({ fleet, clock, mailbox, delivered, states, errors, close });
    return members.at(-1) as Member;
  };
  const owner = async (): Promise<string | undefined> => {
    const sql = `select r.name from redletter.mailbox m join redletter.replica r on r.id = m.replica
      where r.died is null`;
    return (await postgres.query<{ name: string }>(url, sql).catch(() => []))[0]?.name;
  };
  const owned = async (one: Member, name: string): Promise<void> => {
    const until = Date.now() + 20_000;
    while ((await owner()) !== name) {
      assert.ok(Date.now() < until, `${name} does not own it in time`);
      one.clock.pass(2_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  /** How many lines `a` writes from now on. */
  const countLines = async (): Promise<() => Promise<number | undefined>> => {
    await postgres.query(
      url,
      `create table public.written (by text);
      create function public.note() returns trigger language plpgsql as $$ begin
        insert into public.written values (current_setting('application_name'));
        return new; end $$;
      create trigger note after insert on redletter.line for each row execute function public.note()`,
    );
    const sql = "select count(*)::int as n from public.written where by = 'a'";
    return async () => (await postgres.query<{ n: number }>(url, sql))[0]?.n;
  };

  /** `a` owns the mailbox and has checked it; `b` has the same node and waits. */
  const begin = async (without?: Without): Promise<{ a: Member; b: Member }> => {
    const through = url.replace(String(postgres.port), String(relay.port));
    const a = member('a', `${through}?application_name=a`);
    await owned(a, 'a');
    await a.mailbox.check();
    takeAway(without, a.fleet.connected);
    const b = member('b', url);
    // One that joins later, on a busy machine, would claim what is free for a moment.
    while (b.fleet.connected === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    await b.fleet.connected.membership.tick();
    await b.fleet.connected.leases.tick();
    return { a, b };
  };
  /** To the others it has been silent for too long. */
  const takeOver = async (b: Member): Promise<void> => {
    await silence(postgres, url, 'a', 9_000);
    await owned(b, 'b');
    // The claim is known to the replica when the node is no longer elsewhere.
    await b.mailbox.check();
  };
  /** As after SIGCONT: time has passed, and no timer has run yet. */
  const wakeUp = ({ clock }: Member): void => {
    clock.mono += 10_000;
    clock.wall += 10_000;
  };

  /** Stalls with a mail that it has not delivered yet. */
  const stallBeforeDelivery = async (without?: Without): Promise<number> => {
    const { a, b } = await begin(without);
    server.deliver('user', 'm1');
    at = { command: 'RETR', gate: new Gate() };
    const check = a.mailbox.check().catch(() => undefined);
    await at.gate.reached;
    await takeOver(b);
    assert.deepEqual(
      b.delivered.map(({ uid }) => uid),
      ['m1'],
    );
    wakeUp(a);
    at.gate.open();
    await check;
    return a.delivered.length;
  };

  it('delivers nothing that another one has delivered meanwhile', async () => {
    assert.equal(await stallBeforeDelivery(), 0);
  });

  it('would deliver it a second time without the local deadline', async () => {
    assert.equal(await stallBeforeDelivery('deadline'), 1);
  });

  /** Stalls between DELE and QUIT. */
  const stallBeforeQuit = async (without?: Without): Promise<string[]> => {
    const { a, b } = await begin(without);
    server.deliver('user', 'm1');
    at = { command: 'DELE', gate: new Gate() };
    const check = a.mailbox.check().catch(() => undefined);
    await at.gate.reached;
    await takeOver(b);
    wakeUp(a);
    at.gate.open();
    await check;
    return server.deletions.map(({ by }) => by);
  };

  it('deletes nothing', async () => {
    assert.deepEqual(await stallBeforeQuit(), ['b']);
  });

  it('would delete without the local deadline', async () => {
    assert.deepEqual(await stallBeforeQuit('deadline'), ['b', 'a']);
  });

  /** What it had sent to the database comes there when another replica owns the mailbox. */
  const writeLate = async (without?: Without): Promise<number | undefined> => {
    const { a, b } = await begin(without);
    server.deliver('user', 'm1');
    at = { command: 'UIDL', gate: new Gate() };
    const check = a.mailbox.check().catch(() => undefined);
    await at.gate.reached;
    // On its way to the intents: from here on the network is slow.
    const { waiting, release } = relay.hold();
    at.gate.open();
    await waiting;
    await silence(postgres, url, 'a', 9_000);
    await owned(b, 'b');
    const linesOfA = await countLines();
    // It sends nothing after that: the statement alone counts.
    wakeUp(a);
    release();
    await check;
    return linesOfA();
  };

  it('writes nothing, however late its statement arrives', async () => {
    assert.equal(await writeLate(), 0);
  });

  it('would write into the ledger of another one without the fence', async () => {
    assert.equal(await writeLate('fence'), 1);
  });

  it('cut off from the database it delivers nothing, another one does, and it goes on by itself', async () => {
    const { a, b } = await begin();
    server.deliver('user', 'm1');
    relay.cut();
    await assert.rejects(a.mailbox.check(), (error) => (error as MailboxError).code === 'STORE');
    await takeOver(b);
    assert.deepEqual(
      b.delivered.map(({ uid, redelivered }) => [uid, redelivered]),
      [['m1', false]],
    );
    assert.equal(a.delivered.length, 0);
    assert.deepEqual(
      server.deletions.map(({ by }) => by),
      ['b'],
    );
    wakeUp(a);
    relay.restore();
    server.deliver('user', 'm2');
    await silence(postgres, url, 'b', 9_000);
    await owned(a, 'a');
    await a.mailbox.check();
    assert.deepEqual(
      a.delivered.map(({ uid }) => uid),
      ['m2'],
    );
  });

  it('without the database says so once, opens no session, and goes on by itself', async () => {
    const { a, b } = await begin();
    assert.deepEqual(b.states.at(-1), { is: 'elsewhere' });
    server.deliver('user', 'm1');
    const { sessions } = server;
    const { membership, leases } = a.fleet.connected as NonNullable<Fleet['connected']>;
    const beat = (): Promise<void> => {
      a.clock.pass(2_000);
      return membership.tick();
    };
    relay.sever();
    for (let at = 0; at < 5; at += 1) await beat();
    for (let check = 0; check < 2; check += 1)
      await assert.rejects(
        a.mailbox.check(),
        (error) => (error as MailboxError).reason === 'database-unavailable',
      );
    const state = a.states.at(-1);
    assert.ok(state?.is === 'failed' && state.error.code === 'STORE');
    assert.deepEqual([a.errors, server.sessions], [['database-unavailable'], sessions]);
    relay.restore();
    while (a.fleet.trouble !== undefined) await beat();
    // The last session counts as over when the next one begins.
    await leases.tick();
    await a.mailbox.check();
    assert.deepEqual(
      a.delivered.map(({ uid, redelivered }) => [uid, redelivered]),
      [['m1', false]],
    );
    assert.deepEqual([a.states.at(-1), a.errors.length], [{ is: 'new', count: 1 }, 1]);
  });

  it('that can claim nothing though its heartbeats go well says why, where that lasts', async () => {
    const { b } = await begin();
    const { membership, leases } = b.fleet.connected as NonNullable<Fleet['connected']>;
    const beat = async (): Promise<unknown> => {
      b.clock.pass(2_000);
      await membership.tick();
      await leases.tick().catch(() => undefined);
      return b.states.at(-1)?.is;
    };
    await postgres.query(url, 'alter table redletter.attendance rename to away');
    for (let at = 0; at < 3; at += 1) assert.equal(await beat(), 'elsewhere');
    for (let at = 0; at < 3; at += 1) await beat();
    assert.deepEqual([b.states.at(-1)?.is, b.errors], ['failed', ['database-unavailable']]);
    await postgres.query(url, 'alter table redletter.away rename to attendance');
    assert.equal(await beat(), 'elsewhere');
    assert.equal(b.errors.length, 1);
  });

  it('opens no session once its time is over, though it waited for that and nothing has told it', async () => {
    const { a } = await begin();
    const { sessions } = server;
    turn = new Gate();
    a.mailbox.wake();
    await turn.reached;
    wakeUp(a);
    const before = a.states.length;
    turn.open();
    while (a.states.length === before) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual([a.states.at(-1), server.sessions], [{ is: 'elsewhere' }, sessions]);
  });

  it('asks the database nothing in a check without new mail', async () => {
    const a = member('a', url);
    await owned(a, 'a');
    await a.mailbox.check();
    const { database } = a.fleet.connected as NonNullable<Fleet['connected']>;
    const names: string[] = [];
    for (const method of ['query', 'bulk'] as const) {
      const original = database[method];
      database[method] = (prepared, values) => {
        names.push(prepared.name);
        return original.call(database, prepared, values) as never;
      };
    }
    for (let check = 0; check < 3; check += 1) await a.mailbox.check();
    assert.equal(names.join(), '');
    server.deliver('user', 'm1');
    await a.mailbox.check();
    assert.ok(names.includes('log-append-one-on'));
  });
});

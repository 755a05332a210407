import assert from 'node:assert/strict';
import { MailboxError, type Pop3Fields, systemClock } from '../../../nodes/mailbox';
import { type AccountConfig, bindingOf } from '../../../nodes/oauth2';
import { Accounts } from '../../../nodes/runtime/accounts';
import { Fleet } from '../../../nodes/runtime/fleet';
import type { RunningMailbox } from '../../../nodes/runtime/running-mailbox';
import { attend } from '../../../servers/attended-mailbox';
import { type ManyMailboxes, startManyMailboxes } from '../../../servers/many-mailboxes';
import { needs } from '../../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { startRelay } from '../../../servers/relay';
import { QUICK, SECRET } from './drill';

const NODE = 'node-user';

interface Member {
  name: string;
  fleet: Fleet;
  mailbox: RunningMailbox;
  delivered: Pop3Fields[];
  /** What the node has heard of its acknowledgements. */
  acknowledged: string[];
  /** Closes the node, as Node-RED does before it ends. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

describe('runtime/fleet: what is said to the owner of a mailbox', function () {
  this.timeout(60_000);
  let postgres: Postgres;
  let url: string;
  let server: ManyMailboxes;
  let members: Member[];
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
  });
  after(() => postgres?.stop());
  beforeEach(async () => {
    url = await postgres.database();
    server = await startManyMailboxes();
    members = [];
  });
  afterEach(async () => {
    for (const one of members) await one.close();
    await server.close();
  });

  /** A replica in this process whose flow acknowledges nothing by itself. */
  const member = (name: string, { database = url, interval = 0 } = {}): Member => {
    const fleet = new Fleet({
      settings: { database, name, role: 'runtime', schema: 'redletter' },
      secret: SECRET,
      version: '1',
      clock: systemClock,
      pace: QUICK,
    });
    const delivered: Pop3Fields[] = [];
    const acknowledged: string[] = [];
    const { mailbox, loan } = attend(fleet, {
      name,
      user: 'user',
      port: server.port,
      interval,
      ack: true,
      deliver: async ({ pop3 }, assertOwner) => {
        await assertOwner('deliver');
        delivered.push(pop3);
      },
      onAcknowledged: (delivery, outcome) => acknowledged.push(`${outcome} ${delivery}`),
    });
    const leave = async (): Promise<void> => {
      await mailbox.stop();
      await loan.giveBack();
    };
    const close = async (): Promise<void> => {
      members = members.filter((one) => one !== made);
      await leave();
      await fleet.close();
    };
    const made: Member = { name, fleet, mailbox, delivered, acknowledged, leave, close };
    members.push(made);
    return made;
  };
  const until = async (what: string, so: () => boolean | Promise<boolean>): Promise<void> => {
    for (const end = Date.now() + 20_000; Date.now() < end; ) {
      if (await so()) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.fail(`not in time: ${what}`);
  };
  const owner = async (): Promise<string | undefined> => {
    const rows = await postgres.query<{ name: string }>(
      url,
      'select r.name from redletter.mailbox m join redletter.replica r on r.id = m.replica where r.died is null',
    );
    return rows[0]?.name;
  };
  const count = async (table: string): Promise<number> => {
    const [row] = await postgres.query<{ n: number }>(
      url,
      `select count(*)::int as n from redletter.${table}`,
    );
    return row?.n ?? Number.NaN;
  };
  /** Two replicas; `a` owns the mailbox and has delivered its one mail. */
  const two = async (databaseOfA = url): Promise<{ a: Member; b: Member; delivery: string }> => {
    server.deliver('user', 'm1');
    const a = member('a', { database: databaseOfA });
    await until('a owns it', async () => (await owner().catch(() => undefined)) === 'a');
    await a.mailbox.check();
    await until('the mail was delivered', () => a.delivered.length === 1);
    const b = member('b', { interval: 0.2 });
    await until('b is there', () => b.fleet.connected?.membership.id !== undefined);
    return { a, b, delivery: a.delivered[0]?.delivery ?? '' };
  };

  it('an acknowledgement on another replica counts, also by a replica without the node', async () => {
    const { a, b, delivery } = await two();
    assert.equal(a.mailbox.inFlight, 1);
    assert.equal(await b.mailbox.acknowledge(delivery, 'done'), 'accepted');
    await until('the owner has applied it', () => a.mailbox.inFlight === 0);
    await until('its node has heard of it', () => a.acknowledged[0] === `done ${delivery}`);
    await until('nothing waits any more', async () => (await count('spooled')) + (await count('word')) === 0);
    assert.equal(await b.mailbox.acknowledge(delivery, 'done'), 'unknown');
    assert.equal(await b.fleet.acknowledge('no-such-node', delivery, 'done'), 'unknown');
    // The database is there, and refuses such text.
    for (const none of ['x\0y', `${delivery}\0`, '', 'x'.repeat(1_000_000)])
      assert.equal(await b.fleet.acknowledge(NODE, none, 'done'), 'unknown');
    assert.equal(await b.fleet.acknowledge('no\0node', delivery, 'done'), 'unknown');
    await a.mailbox.check();
    assert.deepEqual(server.left('user'), [], 'deleted, since it was acknowledged');
    assert.deepEqual(
      server.deletions.map(({ by }) => by),
      ['a'],
      'by its owner',
    );

    server.deliver('user', 'm2');
    await a.mailbox.check();
    assert.equal(await b.fleet.acknowledge(NODE, a.delivered[1]?.delivery ?? '', 'keep'), 'accepted');
    await until('the owner has applied it', () => a.mailbox.inFlight === 0);
    await a.mailbox.check();
    assert.deepEqual(server.left('user'), ['m2'], 'kept, as was said');
    assert.deepEqual([a.delivered.length, b.delivered.length], [2, 0]);
  });

  it('an acknowledgement between two owners counts before anything is delivered again', async () => {
    const { a, b, delivery } = await two();
    const drain = (so: boolean) =>
      postgres.query(url, "update redletter.replica set draining = $1 where name = 'b'", [so]);
    await drain(true);
    await until('b claims nothing', () => b.fleet.connected?.membership.draining === true);
    await a.close();
    assert.equal(await owner(), undefined);
    assert.equal(await b.mailbox.acknowledge(delivery, 'done'), 'accepted');
    await drain(false);
    await until('b owns it', async () => (await owner()) === 'b');
    await b.mailbox.check();
    assert.deepEqual(b.delivered, []);
    assert.deepEqual(server.left('user'), []);
    await until('the word was read', async () => (await count('word')) === 0);
  });

  it('a delivery whose owner is gone comes on another replica, marked and counted', async () => {
    const relay = await startRelay(postgres.port);
    const { a, b, delivery } = await two(url.replace(String(postgres.port), String(relay.port)));
    const account: AccountConfig = { provider: 'custom', grant: 'authorization_code', clientId: 'client' };
    const loan = new Accounts(a.fleet.tokens).borrow('account', account);
    await assert.rejects(loan.source.token(), { reason: 'not-signed-in' });
    relay.cut();
    await until('b has delivered it', () => b.delivered.length === 1);
    const [again] = b.delivered;
    assert.deepEqual([again?.attempt, again?.redelivered, again?.uid], [2, true, 'm1']);
    assert.equal(await owner(), 'b');
    // Where nothing can be stored, the flow hears so.
    const unavailable = (error: unknown): boolean => error instanceof MailboxError && error.code === 'STORE';
    await assert.rejects(a.mailbox.acknowledge(delivery, 'done'), unavailable);
    const at = Date.now();
    const tokens = { accessToken: 'access', obtainedAt: at, signedInAt: at, expiresAt: at + 3_600_000 };
    await b.fleet.tokens.store('account', bindingOf(account)).save(tokens);
    relay.restore();
    await until(
      'a is back',
      () => a.fleet.trouble === undefined && a.fleet.connected?.membership.id !== undefined,
    );
    await until(
      'a knows of the sign-in that it has not heard of',
      () => loan.source.state.kind === 'signed-in',
    );
    await loan.giveBack();
    // Said where the mail was first: the first one of any attempt counts.
    assert.equal(await a.mailbox.acknowledge(delivery, 'done'), 'accepted');
    await until('the new owner has applied it', () => b.mailbox.inFlight === 0);
    await b.mailbox.check();
    assert.deepEqual(
      server.deletions.map(({ by }) => by),
      ['b'],
    );
  });

  it('what only the owner can do is refused with the reason elsewhere', async () => {
    const { b } = await two();
    for (const act of [() => b.mailbox.tryAgain('m1'), () => b.mailbox.pause()])
      await assert.rejects(act, { code: 'STORE', reason: 'owned-elsewhere' });
  });

  it('a Node-RED whose last node closes has told so by then: it may be ending', async () => {
    const { a, b } = await two();
    const told = async (): Promise<number[]> =>
      (await b.fleet.standing()).replicas.map(({ attended }) => attended);
    await until('both have told what they have', async () => (await told()).join() === '1,1');
    await a.leave();
    assert.deepEqual(await told(), [0, 1]);
  });

  it('how the fleet is can be asked on each replica', async () => {
    const { a, b } = await two();
    await until('a has told what it owns', async () => (await b.fleet.standing()).replicas[0]?.owned === 1);
    const { replicas, owners } = await b.fleet.standing();
    const told = replicas.map(({ name, role, attended, owned, here }) => ({
      name,
      role,
      attended,
      owned,
      here,
    }));
    assert.deepEqual(told, [
      { name: 'a', role: 'runtime', attended: 1, owned: 1, here: false },
      { name: 'b', role: 'runtime', attended: 1, owned: 0, here: true },
    ]);
    assert.deepEqual([...owners], [[NODE, 'a']]);
    assert.ok(replicas.every(({ ageMs, beatAgoMs }) => ageMs >= 0 && beatAgoMs >= 0 && beatAgoMs < 5_000));

    const ownedBy = (name: string) =>
      until(`${name} owns it`, async () => (await b.fleet.standing()).owners.get(NODE) === name);
    // PostgreSQL refuses a NUL in a text: no such name, rather than a database that is away.
    for (const nobody of ['c', '', 'a\0']) assert.equal(await b.fleet.move(NODE, nobody), false);
    assert.equal(await b.fleet.move('no-such-node', 'b'), false);
    assert.equal(await b.fleet.drain('c', true), false);
    assert.equal(await b.fleet.drain('b\0', true), false);
    assert.equal(await b.fleet.move(NODE, 'b'), true);
    await ownedBy('b');
    assert.equal(await a.fleet.move(NODE, 'b'), true, 'it has it already, and is not bound to keep it');
    const [row] = await postgres.query<{ wanted: string | null }>(
      url,
      'select wanted from redletter.mailbox',
    );
    assert.equal(row?.wanted, null);
    // Asked of any replica, of itself too.
    assert.equal(await b.fleet.drain('b', true), true);
    await ownedBy('a');
    assert.equal(await b.fleet.move(NODE, 'b'), false, 'it is drained');
    assert.equal(await b.fleet.drain('b', false), true);

    await a.close();
    await ownedBy('b');
    assert.equal((await b.fleet.standing()).replicas.length, 1);
  });

  it('a check that is asked for elsewhere runs where the mailbox is, and its summary comes back', async () => {
    const { a, b } = await two();
    server.deliver('user', 'm2');
    const summary = await b.mailbox.check();
    assert.deepEqual([summary.delivered, a.delivered.length, b.delivered.length], [1, 2, 0]);
    await server.close();
    await assert.rejects(
      b.mailbox.check(),
      (error) => error instanceof MailboxError && error.code === 'CONNECT',
    );
    server = await startManyMailboxes();
  });
});

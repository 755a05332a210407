import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Database } from '../../../nodes/runtime/fleet/database';
import { needs } from '../../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { startRelay } from '../../../servers/relay';
import { openDatabase, Replica, silence } from './support';

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `box${String(at).padStart(3, '0')}`);

describe('runtime/fleet: leases', function () {
  this.timeout(60_000);
  let postgres: Postgres;
  let url: string;
  let database: Database;
  let replicas: Replica[];
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
  });
  after(() => postgres?.stop());
  beforeEach(async () => {
    url = await postgres.database();
    database = await openDatabase(url);
    replicas = [];
  });
  afterEach(async () => {
    for (const replica of replicas) await replica.stop();
    await database.close();
  });

  const replica = (name: string, mailboxes: string[], role?: 'runtime' | 'editor'): Replica => {
    const made = new Replica(database, name, role).attend(...mailboxes);
    made.mailboxes = mailboxes;
    replicas.push(made);
    return made;
  };
  const ticks = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at += 1) for (const one of replicas) await one.tick();
  };
  const ownerIn = async (server: Postgres): Promise<string | null | undefined> => {
    const there = url.replace(String(postgres.port), String(server.port));
    const rows = await postgres
      .query<{ replica: string | null }>(there, "select replica from redletter.mailbox where id = 'box'")
      .catch(() => []);
    return rows[0]?.replica;
  };
  const until = async (so: () => Promise<boolean>): Promise<void> => {
    const end = Date.now() + 20_000;
    while (!(await so())) {
      assert.ok(Date.now() < end, 'not in time');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const counts = (): number[] => replicas.map(({ owned }) => owned.length);

  it('are claimed whatever the ID of a node in the flows is', async () => {
    const one = replica('a', ['box', 'other']);
    // Random: a long text that repeats itself is made short in an index.
    for (const node of ['nul\0', randomBytes(10_000).toString('hex')]) one.leases.attend('other', node);
    await ticks(1);
    assert.deepEqual(one.owned, ['box', 'other']);
  });

  it('give one owner to each mailbox, evenly', async () => {
    const mailboxes = names(100);
    for (const name of ['a', 'b', 'c']) replica(name, mailboxes);
    for (const one of replicas) await one.membership.tick();
    await Promise.all(replicas.map((one) => one.leases.tick()));
    await ticks(2);
    const all = replicas.flatMap(({ owned }) => owned);
    assert.deepEqual(all.sort(), mailboxes);
    assert.deepEqual(counts().sort(), [32, 34, 34]);
  });

  it('move to a replica that joins, only what is idle, and stay where they are after that', async () => {
    const mailboxes = names(30);
    const first = replica('a', mailboxes);
    await ticks(2);
    assert.equal(first.owned.length, 30);
    first.busy = new Set(mailboxes.slice(0, 20));
    const second = replica('b', mailboxes);
    await ticks(3);
    assert.equal(first.owned.length + second.owned.length, 30);
    assert.ok(
      mailboxes.slice(0, 20).every((one) => first.owned.includes(one)),
      'a check is not ended for balance',
    );
    first.busy.clear();
    await ticks(3);
    assert.deepEqual(counts(), [15, 15]);
    const before = second.owned;
    await ticks(3);
    assert.deepEqual(second.owned, before);
  });

  it('move to a replica that joins within a bounded time, however busy the mailboxes are', async () => {
    const mailboxes = names(12);
    const first = replica('a', mailboxes);
    await ticks(2);
    first.busy = new Set(mailboxes);
    const second = replica('b', mailboxes);
    await ticks(3);
    assert.deepEqual(counts(), [12, 0], 'idle ones are waited for');
    // Within the session, which is prolonged meanwhile.
    for (let waited = 0; waited < 30_000; waited += 5_000) {
      first.clock.pass(5_000);
      second.clock.pass(5_000);
      await ticks(1);
    }
    await ticks(2);
    assert.deepEqual(counts(), [6, 6]);
  });

  it('stay where they are while no other replica would take them', async () => {
    const [xs, ys] = [names(10).map((name) => `x-${name}`), names(10).map((name) => `y-${name}`)];
    replica('a', xs);
    replica('b', [...ys, ...names(10)]);
    await ticks(2);
    await postgres.query(url, "update redletter.mailbox set since = since - interval '1 minute'");
    await ticks(2);
    assert.deepEqual(counts(), [10, 20]);
    const terms = () => postgres.query(url, 'select id, replica, term from redletter.mailbox order by id');
    const before = await terms();
    await ticks(4);
    assert.deepEqual(await terms(), before);
    // What another one has too, unlike a mailbox that no flow has any more, goes there, and no more than its share.
    await postgres.query(
      url,
      "insert into redletter.mailbox (id) select 'gone' || n from generate_series(1, 9) n",
    );
    replica('c', ys);
    await ticks(6);
    assert.deepEqual(counts(), [10, 13, 7]);
  });

  it('are free at once where a replica stops, and after the time to live where it dies', async () => {
    const mailboxes = names(9);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => replica(name, mailboxes)) as [Replica, Replica, Replica];
    await ticks(3);
    assert.deepEqual(counts(), [3, 3, 3]);
    await a.stop();
    replicas = [b, c];
    await ticks(2);
    assert.equal(b.owned.length + c.owned.length, 9);
    replicas = [c];
    await ticks(2);
    assert.ok(c.owned.length < 9, 'one that has just beaten is alive');
    await silence(postgres, url, 'b', 8_100);
    await c.tick();
    assert.equal(c.owned.length, 9);
    replicas.push(b);
  });

  it('are all taken at once by the others where a replica has no mailboxes any more', async () => {
    const mailboxes = names(20);
    const [first, second] = [replica('a', mailboxes), replica('b', mailboxes)];
    await ticks(4);
    assert.deepEqual(counts(), [10, 10]);
    for (const mailbox of mailboxes) first.leases.unattend(mailbox, 'node');
    const leases = first.owned.flatMap((mailbox) => first.leases.lease(mailbox) ?? []);
    await Promise.all(leases.map((lease) => first.leases.release(lease)));
    await first.membership.tellLoad();
    await second.tick();
    assert.deepEqual(counts(), [0, 20]);
  });

  it('belong to a later term after each change of owner', async () => {
    const [a, b] = [replica('a', ['box']), replica('b', ['box'])];
    replicas = [a];
    await ticks(2);
    const first = a.leases.lease('box');
    assert.ok(first && a.leases.owns(first));
    await silence(postgres, url, 'a', 9_000);
    await b.tick();
    const second = b.leases.lease('box');
    assert.ok(second && Number(second.term) > Number(first.term));
    replicas = [a, b];
    await a.tick();
    assert.deepEqual(a.lost, ['box']);
    assert.ok(!a.leases.owns(first), 'not even after it has joined again');
    assert.ok(b.leases.owns(second));
  });

  it('are certain for less than the time to live, by whichever clock has run further', async () => {
    const a = replica('a', ['box']);
    await ticks(2);
    const lease = a.leases.lease('box');
    assert.ok(lease);
    a.clock.mono += 6_400;
    assert.ok(a.leases.owns(lease));
    a.clock.mono += 200;
    assert.ok(!a.leases.owns(lease), 'a process that was stopped');
    a.clock.mono -= 6_600;
    assert.ok(a.leases.owns(lease));
    a.clock.wall += 6_600;
    assert.ok(!a.leases.owns(lease), 'a machine that was suspended');
    a.clock.wall -= 60_000;
    assert.ok(!a.leases.owns(lease), 'a clock that was set back proves nothing');
  });

  it('expire where the heartbeat comes too late, even before that is noticed', async () => {
    const a = replica('a', ['box']);
    await ticks(2);
    const lease = a.leases.lease('box');
    await silence(postgres, url, 'a', 9_000);
    await a.membership.tick();
    assert.deepEqual(a.lost, ['box']);
    assert.ok(lease && !a.leases.owns(lease));
    await a.tick();
    assert.notEqual(a.leases.lease('box')?.term, lease.term);
    assert.deepEqual(a.owned, ['box'], 'its own earlier session holds nothing back');
  });

  it('go only to a replica whose flows have the mailbox, and never to an editor', async () => {
    const a = replica('a', ['one']);
    const b = replica('b', ['one', 'two', 'three']);
    const editor = replica('c', ['one', 'two', 'three', 'four'], 'editor');
    await ticks(2);
    await postgres.query(url, "update redletter.mailbox set since = since - interval '1 minute'");
    await ticks(2);
    assert.deepEqual(a.owned, ['one']);
    assert.deepEqual(b.owned, ['three', 'two']);
    assert.deepEqual(editor.owned, []);
  });

  it('leave a replica that a person drains, and go where a person moves them', async () => {
    const mailboxes = names(10);
    const [a, b] = [replica('a', mailboxes), replica('b', mailboxes)];
    await ticks(3);
    assert.deepEqual(counts(), [5, 5]);
    const moved = a.owned[0] as string;
    await postgres.query(url, "update redletter.mailbox set wanted = 'b' where id = $1", [moved]);
    await ticks(2);
    assert.ok(b.owned.includes(moved));
    await postgres.query(url, "update redletter.replica set draining = true where name = 'a'");
    await ticks(3);
    assert.deepEqual(counts(), [0, 10]);
  });

  it('are not kept for a replica that a person has named and whose flows lack them by now', async () => {
    const [a, b] = [replica('a', ['box']), replica('b', ['box'])];
    await ticks(1);
    const named = (name: string) => postgres.query(url, 'update redletter.mailbox set wanted = $1', [name]);
    await named('a');
    a.leases.unattend('box', 'node');
    const lease = a.leases.lease('box');
    if (lease) await a.leases.release(lease);
    await ticks(2);
    assert.deepEqual(b.owned, ['box']);
    await named('a');
    await ticks(2);
    assert.deepEqual(b.owned, ['box']);
  });

  it('are given back some at a time, however many a replica has that a person drains', async () => {
    const many = replica('a', names(11_000));
    await ticks(1);
    await postgres.query(url, "update redletter.replica set draining = true where name = 'a'");
    const { query } = database;
    const sizes: number[] = [];
    database.query = (prepared, values = []) => {
      if (prepared.name === 'release') sizes.push((values[0] as string[]).length);
      return query.call(database, prepared, values) as Promise<never[]>;
    };
    await ticks(2);
    database.query = query;
    assert.deepEqual(sizes, [5_000, 5_000, 1_000]);
    assert.equal(many.owned.length, 0);
    const [left] = await postgres.query<{ count: string }>(
      url,
      'select count(*) from redletter.mailbox where replica is not null',
    );
    assert.equal(left?.count, '0');
  });

  it('end with the history of the database that gave them: a promoted standby may lack the last of it', async () => {
    const replication = await startRelay(postgres.port);
    const standby = await postgres.standby(replication.port);
    const relay = await startRelay(postgres.port);
    const through = await openDatabase(url.replace(String(postgres.port), String(relay.port)));
    try {
      const a = new Replica(through, 'a').attend('box');
      await a.tick();
      await a.tick();
      const first = a.leases.lease('box');
      assert.ok(first && a.leases.owns(first));
      await until(async () => (await ownerIn(standby)) === first.replica);
      // From here on the standby sees nothing.
      replication.cut();
      await postgres.query(url, 'create table redletter.lost (one int)');
      await postgres.kill();
      await standby.promote();
      relay.restore(standby.port);
      await until(() =>
        a.membership.tick().then(() => a.membership.id !== first.replica && a.membership.certain()),
      );
      assert.deepEqual(a.lost, ['box']);
      assert.ok(!a.leases.owns(first));
      await a.tick();
      const second = a.leases.lease('box');
      assert.ok(second && a.leases.owns(second) && second.previous === first.replica);
      const lost = await postgres.query(
        url.replace(String(postgres.port), String(standby.port)),
        "select to_regclass('redletter.lost') as there",
      );
      assert.deepEqual(lost, [{ there: null }]);
      await a.stop();
    } finally {
      await through.close();
      await relay.close();
      await replication.close();
      await standby.stop();
      await postgres.start();
    }
  });

  it('that a claim has taken without an answer are given back', async () => {
    const a = replica('a', names(4));
    await ticks(1);
    const { query } = database;
    let claims = 0;
    database.query = async (prepared, values) => {
      const rows = await query.call(database, prepared, values);
      if (prepared.name !== 'claim' || claims++ > 0) return rows as never[];
      throw new Error('the connection dropped');
    };
    a.leases.attend('late', 'node');
    a.mailboxes = [...names(4), 'late'];
    await a.tick().catch(() => undefined);
    database.query = query;
    await ticks(4);
    assert.deepEqual(a.owned, ['box000', 'box001', 'box002', 'box003', 'late']);
  });
});

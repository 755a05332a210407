import assert from 'node:assert/strict';
import { once } from 'node:events';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import type { FlowNode } from '../servers/node-red';
import { folderWithProbe, type HandedOver, handedOver, markedRepeats, seeded } from './probe';
import { ALICE, flows, mail, PASSWORD, pop3In, startWorld, type World } from './world';

/** KILLS=10 for the long run. */
const KILLS = Number(process.env.KILLS ?? 2);
const SEED = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Mails that wait at each mailbox when Node-RED is killed. */
const BACKLOG = 200;

/** A mailbox of its own for each way of handling; `most`: mails that one kill may repeat. */
const ways = [
  { id: 'send-keep', handled: 'send', after: 'keep', most: 1 },
  { id: 'send-delete', handled: 'send', after: 'delete', most: 1 },
  { id: 'ack-keep', handled: 'ack', after: 'keep', most: 10 },
  { id: 'ack-delete', handled: 'ack', after: 'delete', most: 10 },
];
const userOf = ({ id }: { id: string }): string => `${id}@example.test`;
const byPassword = { auth: 'password', account: '' };

describe('a real Node-RED', function () {
  this.timeout(90_000 + KILLS * 60_000);
  let world: World;
  let userDir: string;
  before(needs(dovecotMissing));
  beforeEach(async () => {
    userDir = await folderWithProbe();
    const users = Object.fromEntries([ALICE, ...ways.map(userOf)].map((user) => [user, PASSWORD]));
    world = await startWorld({ version: 4, userDir }, undefined, { users });
  });
  afterEach(() => world?.close());
  const pause = (ms: number): Promise<unknown> => once(AbortSignal.timeout(ms), 'abort');

  it(`killed ${KILLS} times while it fetches in every way: none is lost, every repeat is marked (KILL_SEED=${SEED})`, async () => {
    const random = seeded(SEED);
    const sent = new Map(ways.map(({ id }) => [id, 0]));
    const linesOf = async (id: string): Promise<HandedOver[]> =>
      (await handedOver(userDir)).filter(({ topic }) => topic.startsWith(`${id} `));
    const handedOf = async (id: string): Promise<number> =>
      new Set((await linesOf(id)).map(({ topic }) => topic)).size;
    const send = async (): Promise<void> => {
      for (const way of ways) {
        let count = sent.get(way.id) ?? 0;
        for (const enough = (await handedOf(way.id)) + BACKLOG; count < enough; count += 1)
          await world.dovecot.deliver(userOf(way), mail(`${way.id} ${count}`));
        sent.set(way.id, count);
      }
    };
    await send();
    const nodes: FlowNode[] = ways.map((way) =>
      pop3In(world, {
        ...byPassword,
        ...way,
        credentials: { user: userOf(way), password: PASSWORD },
        wires: [['probe']],
      }),
    );
    const probe = { id: 'probe', type: 'probe', z: 'tab', wires: [['ack']] };
    const ack = { id: 'ack', type: 'pop3 ack', z: 'tab', outcome: 'done', wires: [[]] };
    await world.nodeRed.deploy(flows(world, ...nodes, probe, ack));
    let hit = 0;
    for (let kill = 1; kill <= KILLS; kill += 1) {
      // At a random place of one of the mailboxes, in turn.
      const way = ways[kill % ways.length] ?? assert.fail();
      const place = (await handedOf(way.id)) + 1 + Math.floor((random() * BACKLOG) / 2);
      while ((await handedOf(way.id)) < place) {
        assert.equal(world.nodeRed.ended, false);
        await pause(3);
      }
      await pause(Math.floor(random() * 10) + 1);
      await world.nodeRed.stop('SIGKILL');
      for (const { id } of ways) if ((await handedOf(id)) < (sent.get(id) ?? 0)) hit += 1;
      await send();
      world.nodeRed = await world.nodeRed.restart('SIGKILL');
    }
    const comms = await world.nodeRed.comms();
    for (const { id } of ways) {
      while ((await handedOf(id)) < (sent.get(id) ?? 0))
        await comms.waitForStatus(id, /new|idle|\d/, comms.statuses(id).length);
      // The check that brought the last one also deletes, and the next one finds nothing.
      await comms.waitForStatus(id, /^idle$/, comms.statuses(id).length, 30_000);
    }
    assert.ok(hit >= 2 * KILLS, `only ${hit} mailboxes had mail left when it was killed`);
    for (const way of ways) {
      const lines = await linesOf(way.id);
      const count = sent.get(way.id) ?? 0;
      assert.equal(new Set(lines.map(({ topic }) => topic)).size, count);
      const repeats = markedRepeats(lines);
      assert.ok(repeats <= KILLS * way.most, `${way.id}: ${repeats} repeats for ${KILLS} kills`);
      const left = (await world.dovecot.mails(userOf(way))).length;
      assert.equal(left, way.after === 'delete' ? 0 : count, way.id);
      console.log(
        `      ${way.handled}, ${way.after}: ${count} mails, ${KILLS} kills, 0 lost, ${repeats} came again, all marked`,
      );
    }
    assert.deepEqual(world.sink.received('errors'), []);
  });

  it('that a mail ends each time goes on without it after maxAttempts, and says so once', async () => {
    for (const subject of ['Before', 'Deadly', 'After one', 'After two'])
      await world.dovecot.deliver(ALICE, mail(subject));
    const node = pop3In(world, {
      ...byPassword,
      credentials: { user: ALICE, password: PASSWORD },
      after: 'delete',
      maxAttempts: 2,
      wires: [['probe', 'step']],
    });
    const probe = { id: 'probe', type: 'probe', z: 'tab', wires: [[]] };
    const step: FlowNode = {
      id: 'step',
      type: 'function',
      z: 'tab',
      // A promise without a handler, as flows have them.
      func: `(async () => { if (msg.topic === 'Deadly') throw new Error('meant so'); })();`,
      wires: [[]],
    };
    await world.nodeRed.deploy(flows(world, node, probe, step));
    let deaths = 0;
    for (const until = Date.now() + 60_000; world.sink.received('errors').length === 0; await pause(20)) {
      assert.ok(Date.now() < until, `nothing is set aside; ${deaths} deaths`);
      if (!world.nodeRed.ended) continue;
      deaths += 1;
      assert.ok(deaths <= 2, 'it ends again and again');
      world.nodeRed = await world.nodeRed.restart();
    }
    const { error, pop3, raw } = await world.sink.next('errors');
    assert.equal((error as { code: string }).code, 'POISON');
    assert.match((error as { message: string }).message, /crashed while processing .* \(crashes: 2\)/);
    assert.equal(typeof (pop3 as { uid: string }).uid, 'string');
    assert.equal(raw, undefined);
    const comms = await world.nodeRed.comms();
    while (new Set((await handedOver(userDir)).map(({ topic }) => topic)).size < 4) {
      await comms.waitForStatus('mail', /./, comms.statuses('mail').length, 30_000);
    }
    await comms.waitForStatus('mail', /^idle$/, comms.statuses('mail').length, 30_000);
    assert.equal(deaths, 2);
    assert.deepEqual(
      (await handedOver(userDir)).map(({ topic, attempt }) => `${topic} ${attempt}`),
      ['Before 1', 'Deadly 1', 'Deadly 2', 'After one 3', 'After two 3'],
    );
    const left = (await world.dovecot.mails(ALICE)).map(String);
    assert.deepEqual(
      left.map((text) => /^Subject: (.*)\r$/m.exec(text)?.[1]),
      ['Deadly'],
    );
    assert.equal(world.sink.received('errors').length, 1);
  });
});

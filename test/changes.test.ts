import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Comms } from '../servers/comms';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import type { DeployType, FlowNode } from '../servers/node-red';
import { folderWithProbe, type HandedOver, handedOver, markedRepeats, seeded } from './probe';
import { flows, mail, PASSWORD, pop3In, startWorld, type World } from './world';

const SEED = Number(process.env.CHANGES_SEED ?? Math.floor(Math.random() * 2 ** 31));
const userOf = (name: string): string => `${name}@example.test`;
const NAMES = ['after', 'handled', 'off', 'two', 'sub', 'copy', 'deploys', 'end'];

describe(`what is changed while mail waits (CHANGES_SEED=${SEED})`, function () {
  this.timeout(120_000);
  let world: World;
  let comms: Comms;
  const random = seeded(SEED);
  before(async function () {
    needs(dovecotMissing).call(this);
    const users = Object.fromEntries(NAMES.map((name) => [userOf(name), PASSWORD]));
    world = await startWorld({ version: 4, userDir: await folderWithProbe() }, undefined, { users });
    comms = await world.nodeRed.comms();
  });
  after(() => world?.close());

  /** A node of the mailbox of this name, with a probe that sees what comes from it. */
  const node = (name: string, more: Partial<FlowNode> = {}): FlowNode =>
    pop3In(world, {
      id: name,
      auth: 'password',
      account: '',
      credentials: { user: userOf(name), password: PASSWORD },
      wires: [['probe']],
      ...more,
    });
  const PROBE: FlowNode = { id: 'probe', type: 'probe', z: 'tab', wires: [[]] };
  const ACK: FlowNode = { id: 'ack', type: 'pop3 ack', z: 'tab', outcome: 'done', wires: [[]] };
  const acknowledging = { ...PROBE, wires: [['ack']] };
  const known = new Set<string>();
  const deploy = async (type: DeployType, ...nodes: FlowNode[]): Promise<void> => {
    // A node that comes with its credentials counts as changed.
    const sent = nodes.map(({ credentials, ...rest }) =>
      credentials === undefined || known.has(rest.id) ? rest : { ...rest, credentials },
    );
    for (const { id } of nodes) known.add(id);
    await world.nodeRed.deploy(flows(world, ...sent), type);
  };
  const deliver = async (name: string, ...subjects: string[]): Promise<void> => {
    for (const subject of subjects) await world.dovecot.deliver(userOf(name), mail(`${name} ${subject}`));
  };
  const left = async (name: string): Promise<number> => (await world.dovecot.mails(userOf(name))).length;
  const linesOf = async (name: string): Promise<HandedOver[]> =>
    (await handedOver(world.nodeRed.userDir)).filter(({ topic }) => topic.startsWith(`${name} `));
  /** The deliveries so far, in short; redelivered mail carries a star. */
  const seen = async (name: string): Promise<string> =>
    (await linesOf(name))
      .map(({ topic, redelivered }) => topic.slice(name.length + 1) + (redelivered ? '*' : ''))
      .join(' ');
  /** Settles when it is so; every status of the node is a reason to look. */
  const until = async (id: string, is: () => Promise<boolean>): Promise<void> => {
    while (!(await is())) await comms.waitForStatus(id, /./, comms.statuses(id).length, 60_000);
  };
  /** A whole check that began after this moment. */
  const checked = async (id: string): Promise<void> => {
    const begun = comms.statuses(id).length;
    await comms.waitForStatus(id, /^checking$/, begun, 60_000);
    const since = comms.statuses(id).findIndex(({ text }, at) => at >= begun && text === 'checking');
    await comms.waitForStatus(id, /new|idle/, since, 60_000);
  };

  it('to delete instead of keep: processed mail is deleted, mail in flight stays', async () => {
    await deliver('after', 'one', 'two');
    await deploy('full', node('after'), PROBE);
    await until('after', async () => (await seen('after')) === 'one two');
    await deploy('nodes', node('after', { after: 'delete', handled: 'ack' }), PROBE);
    await until('after', async () => (await left('after')) === 0);
    // Not before: a check of the node as it was could still send it.
    await deliver('after', 'three');
    await until('after', async () => (await seen('after')) === 'one two three');
    await checked('after');
    assert.equal(await left('after'), 1, 'three is with the flow');
    await deploy('nodes', node('after', { after: 'delete', handled: 'ack' }), acknowledging, ACK);
    // It is in flight over a partial deploy that did not change its node: nothing acknowledges what was sent before.
    await checked('after');
    assert.equal(await seen('after'), 'one two three');
    await deploy('full', node('after', { after: 'delete', handled: 'ack' }), acknowledging, ACK);
    await until('after', async () => (await left('after')) === 0);
    assert.equal(await seen('after'), 'one two three three*');
  });

  it('from acknowledged to sent and back: what waited comes, marked, and once', async () => {
    await deliver('handled', 'one', 'two');
    await deploy('full', node('handled', { handled: 'ack' }), PROBE);
    await until('handled', async () => (await seen('handled')) === 'one two');
    await deploy('nodes', node('handled'), PROBE);
    await until('handled', async () => (await seen('handled')) === 'one two one* two*');
    await deploy('flows', node('handled', { handled: 'ack' }), PROBE);
    // Not before: a check of the node as it was could still send it.
    await deliver('handled', 'three');
    await until('handled', async () => (await linesOf('handled')).length === 5);
    await checked('handled');
    assert.equal(await seen('handled'), 'one two one* two* three');
    await world.nodeRed.stop('SIGKILL');
    world.nodeRed = await world.nodeRed.restart('SIGKILL');
    comms = await world.nodeRed.comms();
    await until('handled', async () => (await linesOf('handled')).length === 6);
    assert.equal((await seen('handled')).split(' ').at(-1), 'three*');
  });

  it('switched off and on, the node or its tab: nothing lost, nothing twice', async () => {
    const keeper = node('off', { handled: 'ack' });
    const kept = [keeper, acknowledging, ACK];
    await deliver('off', 'one');
    await deploy('full', ...kept);
    await until('off', async () => (await seen('off')) === 'one');
    await checked('off');
    await deploy('nodes', { ...keeper, d: true }, acknowledging, ACK);
    await deliver('off', 'two');
    await deploy('nodes', ...kept);
    await until('off', async () => (await linesOf('off')).length === 2);
    const withoutTab = flows(world, ...kept).map((one) =>
      one.type === 'tab' ? { ...one, disabled: true } : one,
    );
    await world.nodeRed.deploy(withoutTab, 'flows');
    await deliver('off', 'three');
    await deploy('flows', ...kept);
    await until('off', async () => (await linesOf('off')).length === 3);
    await checked('off');
    assert.equal(await seen('off'), 'one two three');
  });

  it('one of two nodes on a mailbox keeps, the other deletes: each has every mail, none goes before both had it', async () => {
    const slow = { id: 'slow', type: 'function', z: 'tab', func: 'return;', wires: [[]] };
    const other = node('two', { id: 'two-more', handled: 'ack', ackTimeout: 60_000, wires: [['slow']] });
    await deliver('two', 'one', 'two');
    await deploy('full', node('two', { after: 'delete' }), PROBE, other, slow);
    await until('two', async () => (await seen('two')) === 'one two');
    for (let checks = 0; checks < 2; checks += 1) await checked('two');
    assert.equal(await left('two'), 2, 'the flow of the other has them');
    await deploy('full', node('two', { after: 'delete' }), PROBE, { ...other, wires: [['ack']] }, ACK);
    await until('two', async () => (await left('two')) === 0);
    assert.equal(await seen('two'), 'one two');
  });

  it('a node in a subflow: each instance has every mail, over a restart too', async () => {
    const inside = { ...node('sub', { id: 'inside', handled: 'ack', wires: [[]] }), z: 'subflow' };
    const subflow = {
      id: 'subflow',
      type: 'subflow',
      name: 'Mail',
      in: [],
      out: [{ x: 400, y: 40, wires: [{ id: 'inside', port: 0 }] }],
    };
    const instances = ['first', 'second'].map((id) => ({
      id,
      type: 'subflow:subflow',
      z: 'tab',
      wires: [['probe']],
    }));
    await deliver('sub', 'one');
    await deploy('full', subflow, inside, ...instances, acknowledging, ACK);
    const of = async (count: number): Promise<void> => {
      for (const end = Date.now() + 30_000; (await linesOf('sub')).length < count; ) {
        assert.ok(Date.now() < end, await seen('sub'));
        await once(AbortSignal.timeout(50), 'abort');
      }
    };
    await of(2);
    // Acknowledged: the spools are empty before Node-RED is stopped.
    const folder = join(world.nodeRed.userDir, 'redletter');
    const spools = (await readdir(folder)).filter((name) => /^(first|second).*spool$/.test(name));
    assert.equal(spools.length, 2);
    for (const spool of spools)
      while ((await readdir(join(folder, spool))).length > 0) await once(AbortSignal.timeout(20), 'abort');
    world.nodeRed = await world.nodeRed.restart();
    comms = await world.nodeRed.comms();
    await deliver('sub', 'two');
    await of(4);
    assert.equal(await seen('sub'), 'one one two two');
  });

  it('a copy of a node starts with a new record, and the original continues with its own', async () => {
    await deliver('copy', 'one');
    await deploy('full', node('copy'), PROBE);
    await until('copy', async () => (await seen('copy')) === 'one');
    await checked('copy');
    await deploy('nodes', node('copy'), node('copy', { id: 'copied', first: 'new' }), PROBE);
    await comms.waitForStatus('copied', /0 new, 1 ignored/, 0, 30_000);
    await deliver('copy', 'two');
    await until('copied', async () => (await linesOf('copy')).length === 3);
    assert.equal(await seen('copy'), 'one two two');
  });

  it('to a Node-RED that is stopped in the middle of a mail: at once, and it is no attempt', async () => {
    const sockets = new Set<Socket>();
    let stalled: (() => void) | undefined;
    const stalling = createServer((socket) => {
      const onward = connect(world.dovecot.tlsPort, '127.0.0.1');
      let left = stalled === undefined ? Number.POSITIVE_INFINITY : 400_000;
      for (const one of [socket, onward]) {
        sockets.add(one);
        one.on('error', () => undefined).on('close', () => sockets.delete(one));
      }
      onward.on('data', (chunk) => {
        left -= chunk.length;
        if (left >= 0) socket.write(chunk);
        else {
          onward.pause();
          stalled?.();
        }
      });
      onward.on('close', () => socket.destroy());
      socket.on('data', (chunk) => onward.write(chunk)).on('close', () => onward.destroy());
    });
    await new Promise<void>((resolve) => stalling.listen(0, '127.0.0.1', resolve));
    try {
      const silence = new Promise<void>((resolve) => {
        stalled = resolve;
      });
      const { port } = stalling.address() as AddressInfo;
      const reader = node('end', { handled: 'ack', after: 'delete', port, maxAttempts: 1 });
      await deliver('end', 'one');
      await world.dovecot.deliver(
        userOf('end'),
        mail('end large', {}, 'x'.repeat(70).concat('\r\n').repeat(30_000)),
      );
      await deploy('full', reader, PROBE);
      await until('end', async () => (await seen('end')) === 'one');
      await silence;
      const begun = Date.now();
      await world.nodeRed.stop();
      // Node-RED gives its nodes 15 s.
      assert.ok(Date.now() - begun < 5_000, `${Date.now() - begun} ms`);
      stalled = undefined;
      world.nodeRed = await world.nodeRed.restart();
      comms = await world.nodeRed.comms();
      await until('end', async () => (await linesOf('end')).length === 3);
      assert.equal(await seen('end'), 'one one* large');
      assert.equal(await left('end'), 2);
      await deploy('full', reader, acknowledging, ACK);
      await until('end', async () => (await left('end')) === 0);
      assert.deepEqual(world.sink.received('errors'), []);
    } finally {
      stalling.close();
      for (const socket of sockets) socket.destroy();
    }
  });

  it('deployed again and again while a slow flow has mail: none lost, every repeat marked', async () => {
    const count = 60;
    await deliver('deploys', ...Array.from({ length: count }, (_, at) => String(at)));
    const reader = node('deploys', { handled: 'ack', after: 'delete', maxInFlight: 5, ackTimeout: 2 });
    const slowly = (version: number): FlowNode => ({
      id: 'slow',
      type: 'function',
      z: 'tab',
      func: `setTimeout(() => node.send(msg), ${10 + version}); return;`,
      wires: [['ack']],
    });
    const probe = { ...PROBE, wires: [['slow']] };
    await deploy('full', reader, probe, slowly(0), ACK);
    for (let deploys = 1; deploys <= 8; deploys += 1) {
      await once(AbortSignal.timeout(Math.floor(random() * 200)), 'abort');
      const type = (['full', 'nodes', 'flows', 'reload'] as const)[Math.floor(random() * 4)] ?? 'full';
      await deploy(type, reader, probe, slowly(deploys), ACK);
    }
    await until('deploys', async () => (await left('deploys')) === 0);
    const lines = await linesOf('deploys');
    assert.equal(new Set(lines.map(({ topic }) => topic)).size, count);
    assert.ok(markedRepeats(lines) <= 8 * 5);
    assert.deepEqual(world.sink.received('errors'), []);
  });
});

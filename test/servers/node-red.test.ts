import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needs } from '../../servers/needs';
import { type FlowNode, type NodeRed, nodeRed5Missing, startNodeRed } from '../../servers/node-red';
import { type Sink, startSink } from '../../servers/sink';

for (const version of [4, 5] as const) {
  describe(`test/servers/node-red, version ${version}`, function () {
    this.timeout(60_000);
    let nodeRed: NodeRed;
    let sink: Sink;
    let userDir: string;
    before(async function () {
      needs(version === 5 ? nodeRed5Missing : () => undefined).call(this);
      sink = await startSink();
      // What is to be tested here needs none of the package's nodes.
      userDir = await mkdtemp(join(tmpdir(), 'redletter-test-'));
      await mkdir(join(userDir, 'node_modules'));
      nodeRed = await startNodeRed({ version, userDir, env: { GREETING: 'from the environment' } });
    });
    after(async () => {
      await nodeRed?.remove();
      await sink?.close();
      assert.equal(existsSync(userDir), false);
    });

    function flows(): FlowNode[] {
      return [
        { id: 'tab', type: 'tab', label: 'Test' },
        {
          id: 'go',
          type: 'inject',
          z: 'tab',
          wires: [['work']],
          props: [{ p: 'payload' }],
          payload: '',
          payloadType: 'date',
        },
        {
          id: 'work',
          type: 'function',
          z: 'tab',
          func: `
            node.status({ fill: 'green', shape: 'dot', text: 'worked' });
            const greeting = env.get('GREETING');
            for (let number = 1; number <= 20; number += 1) node.send({ number, greeting, raw: Buffer.from([0, 255]) });
            node.error('meant so', { why: 'a test' });`,
          wires: [['messages']],
        },
        { id: 'catch', type: 'catch', z: 'tab', scope: ['work'], wires: [['errors']] },
        ...sink.nodes('messages', 'tab'),
        ...sink.nodes('errors', 'tab'),
      ];
    }

    it('is the version that was asked for', async () => {
      const settings = (await (await nodeRed.admin('settings')).json()) as { version: string };
      assert.equal(settings.version.split('.')[0], String(version));
    });

    it('deploys, injects, and reports every message and error to the test in order', async () => {
      await nodeRed.deploy(flows());
      const comms = await nodeRed.comms();
      await nodeRed.inject('go');
      for (let number = 1; number <= 20; number += 1) {
        const message = await sink.next('messages');
        assert.equal(message.number, number);
        assert.equal(message.greeting, 'from the environment');
        assert.deepEqual(message.raw, Buffer.from([0, 255]));
      }
      const error = await sink.next('errors');
      assert.equal((error.error as { message: string }).message, 'meant so');
      assert.equal((await comms.waitForStatus('work', /worked/)).fill, 'green');
      assert.equal((await nodeRed.getFlows()).length, flows().length);
    });

    it('keeps credentials of a deploy and shows the editor only that they are there', async () => {
      const proxy = { id: 'proxy', type: 'http proxy', name: '', url: 'http://127.0.0.1:1', noproxy: [] };
      await nodeRed.deploy([...flows(), { ...proxy, credentials: { username: 'eve', password: 'canary' } }]);
      await nodeRed.deploy([...flows(), proxy], 'nodes');
      assert.deepEqual(await nodeRed.credentials('http proxy', 'proxy'), {
        username: 'eve',
        has_password: true,
      });
    });

    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      it(`starts again after ${signal} with the same flows, at the same address`, async () => {
        const before = nodeRed;
        nodeRed = await nodeRed.restart(signal);
        assert.ok(before.ended);
        assert.equal(nodeRed.url, before.url);
        const comms = await nodeRed.comms();
        await nodeRed.inject('go');
        assert.equal((await sink.next('messages')).number, 1);
        await comms.waitForStatus('work', /worked/);
        for (let number = 2; number <= 20; number += 1) await sink.next('messages');
      });
    }

    it('does what Restart Flows does', async () => {
      await nodeRed.restartFlows();
      assert.equal((await nodeRed.getFlows()).length, flows().length + 1);
    });

    it('asks for a password where it has users', async () => {
      const users = {
        admin: { password: 'may write', permissions: '*' },
        guest: { password: 'may look', permissions: 'read' },
      };
      nodeRed = await nodeRed.restart('SIGTERM', { users, settings: { httpAdminRoot: '/admin' } });
      assert.match(nodeRed.url, /\/admin\/$/);
      assert.equal((await nodeRed.admin('flows')).status, 401);
      await nodeRed.logIn('guest', 'may look');
      assert.equal((await nodeRed.admin('flows')).status, 200);
      assert.equal((await nodeRed.admin('inject/go', { method: 'POST' })).status, 401);
      await nodeRed.logIn('admin', 'may write');
      const comms = await nodeRed.comms();
      await nodeRed.inject('go');
      await comms.waitForStatus('work', /worked/);
    });

    it('is gone when stopped', async () => {
      await nodeRed.stop();
      await new Promise<void>((resolve, reject) => {
        const socket = connect(nodeRed.port, '127.0.0.1');
        socket.once('error', () => resolve());
        socket.once('connect', () => reject(new Error('Somebody still answers')));
      });
      await rm(userDir, { recursive: true, force: true });
    });
  });
}

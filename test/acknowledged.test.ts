import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import { type FlowNode, nodeRed5Missing } from '../servers/node-red';
import type { Received } from '../servers/sink';
import { ALICE, flows, mail, PASSWORD, pop3In, startWorld, type World } from './world';

const pop3Of = (message: Received): { delivery: string; attempt: number; redelivered: boolean } =>
  message.pop3 as { delivery: string; attempt: number; redelivered: boolean };

for (const version of [4, 5] as const) {
  describe(`acknowledged mail, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let world: World;
    before(async function () {
      needs(dovecotMissing).call(this);
      if (version === 5) needs(nodeRed5Missing).call(this);
      world = await startWorld({ version });
    });
    after(() => world?.close());

    const node = (more: Partial<FlowNode> = {}): FlowNode =>
      pop3In(world, {
        auth: 'password',
        account: '',
        credentials: { user: ALICE, password: PASSWORD },
        handled: 'ack',
        after: 'delete',
        maxInFlight: 2,
        wires: [['step', 'messages']],
        ...more,
      });
    /** A step that fails on one subject; Complete and Catch acknowledge. */
    const flow = (more: Partial<FlowNode> = {}): FlowNode[] => [
      ...flows(world, node(more)).filter(({ id }) => id !== 'catch'),
      {
        id: 'step',
        type: 'function',
        z: 'tab',
        func: `
          if (msg.topic.startsWith('Bad')) throw new Error('meant so');
          if (!msg.topic.startsWith('Silent')) node.done();`,
        wires: [[]],
      },
      { id: 'complete', type: 'complete', z: 'tab', scope: ['step'], wires: [['done']] },
      { id: 'done', type: 'pop3 ack', z: 'tab', outcome: 'done', wires: [['acknowledged']] },
      { id: 'catch-step', type: 'catch', z: 'tab', scope: ['step'], wires: [['failed']] },
      { id: 'failed', type: 'pop3 ack', z: 'tab', outcome: 'failed', wires: [['failures']] },
      { id: 'catch-mail', type: 'catch', z: 'tab', scope: ['mail', 'done', 'failed'], wires: [['errors']] },
      ...['acknowledged', 'failures'].flatMap((tag) => world.sink.nodes(tag, 'tab')),
    ];
    const spooled = async (): Promise<string[]> => {
      const folder = join(world.nodeRed.userDir, 'redletter');
      const spool = (await readdir(folder)).find((name) => name.endsWith('.spool'));
      return spool === undefined ? [] : readdir(join(folder, spool));
    };

    it('deletes a mail only after its acknowledgement through Complete', async () => {
      for (const subject of ['One', 'Two', 'Three', 'Four', 'Five'])
        await world.dovecot.deliver(ALICE, mail(subject));
      await world.nodeRed.deploy(flow());
      const seen = new Set<string>();
      while (seen.size < 5) seen.add(String((await world.sink.next('acknowledged')).topic));
      assert.deepEqual([...seen].sort(), ['Five', 'Four', 'One', 'Three', 'Two']);
      assert.ok(world.sink.received('messages').every((message) => !pop3Of(message).redelivered));
      // The server's part comes with the next check.
      const comms = await world.nodeRed.comms();
      while ((await world.dovecot.mails(ALICE)).length > 0) {
        await comms.waitForStatus('mail', /checking/, comms.statuses('mail').length);
      }
      assert.deepEqual(await spooled(), []);
    });

    it('redelivers an unacknowledged mail from the spool after a kill, marked as redelivered', async () => {
      await world.dovecot.deliver(ALICE, mail('Silent night'));
      const first = await nextAbout('Silent night');
      assert.equal(pop3Of(first).attempt, 1);
      assert.equal((await spooled()).length, 1);
      world.nodeRed = await world.nodeRed.restart('SIGKILL');
      const again = await nextAbout('Silent night');
      assert.deepEqual([pop3Of(again).attempt, pop3Of(again).redelivered], [2, true]);
      assert.notEqual(pop3Of(again).delivery, pop3Of(first).delivery);
      assert.equal((await world.dovecot.mails(ALICE)).length, 1, 'not settled, so not deleted');
      assert.equal(again.payload, first.payload);
    });

    it('redelivers it after a full deploy, and stops downloading at maxInFlight', async () => {
      for (const subject of ['Silent two', 'Silent three']) await world.dovecot.deliver(ALICE, mail(subject));
      await nextAbout('Silent two');
      const comms = await world.nodeRed.comms();
      // The check holds its session, and downloads nothing more until the flow has room.
      await comms.waitForStatus('mail', /^1 \/ 2$/);
      assert.ok(!world.sink.received('messages').some(({ topic }) => topic === 'Silent three'));
      await world.nodeRed.deploy(flow());
      const again = await nextAbout('Silent night');
      assert.equal(pop3Of(again).attempt, 3);
    });

    it('counts a time-out as a failure, and quarantines the mail with its bytes after the last attempt', async () => {
      await world.nodeRed.deploy(flow({ ackTimeout: 1, maxAttempts: 1 }));
      const error = await world.sink.next('errors', 30_000);
      assert.equal((error.error as { code: string }).code, 'POISON');
      assert.ok(Buffer.isBuffer(error.raw) && error.raw.includes('Subject: Silent'));
      for (let left = 2; left > 0; left -= 1) await world.sink.next('errors', 30_000);
      assert.equal((await world.dovecot.mails(ALICE)).length, 3, 'set aside means left on the server');
      // Its bytes go last of all.
      const comms = await world.nodeRed.comms();
      while ((await spooled()).length > 0)
        await comms.waitForStatus('mail', /checking/, comms.statuses('mail').length);
    });

    it('redelivers a mail later after a failure reported through Catch, without a loop', async () => {
      await world.dovecot.deliver(ALICE, mail('Bad luck'));
      await world.nodeRed.deploy(flow({ maxAttempts: 2 }));
      assert.equal((await world.sink.next('failures')).topic, 'Bad luck');
      const again = await nextAbout('Bad luck', 2);
      assert.equal(pop3Of(again).redelivered, true);
      const error = await world.sink.next('errors', 30_000);
      assert.equal((error.error as { code: string }).code, 'POISON');
      await world.sink.next('failures');
      assert.equal(world.sink.received('failures').length, 2);
    });

    /** A backlog, no interval, and a flow that acknowledges in its own way. */
    const backlog = async (name: string, count: number, func: string, more: Partial<FlowNode> = {}) => {
      await world.nodeRed.deploy([
        ...flow({ interval: 0, inputs: 1, maxInFlight: 10, ...more }).map((each) =>
          each.id === 'step' ? { ...each, func } : each,
        ),
        { id: 'go', type: 'inject', z: 'tab', props: [], repeat: '', once: false, wires: [['mail']] },
      ]);
      // Only now: the flow before this one checks every second.
      for (let number = 1; number <= count; number += 1)
        await world.dovecot.deliver(ALICE, mail(`${name} ${number}`));
      const logins = await sessions();
      await world.nodeRed.inject('go');
      return { sessions: async () => (await sessions()) - logins };
    };
    const sessions = async (): Promise<number> =>
      ((await world.dovecot.log()).match(/: Login: /g) ?? []).length;
    const acknowledged = async (name: string, count: number): Promise<void> => {
      const seen = new Set<unknown>();
      while (seen.size < count) {
        const { topic } = await world.sink.next('acknowledged');
        if (String(topic).startsWith(name)) seen.add(topic);
      }
    };
    for (const [name, func, count] of [
      ['Fast', 'node.done();', 60],
      ['Slow', 'setTimeout(() => node.done(), 1000);', 12],
      [
        'Bursty',
        `
          const waiting = context.get('waiting') || [];
          waiting.push(() => node.done());
          context.set('waiting', waiting);
          if (waiting.length === 5) for (const done of waiting.splice(0)) done();`,
        40,
      ],
    ] as const)
      it(`brings a backlog without an interval in one session: ${name.toLowerCase()} flow`, async () => {
        const run = await backlog(name, count, func);
        await acknowledged(name, count);
        assert.equal(await run.sessions(), 1);
      });

    it('brings no more of a backlog than `maxPerCheck`', async () => {
      const run = await backlog('Part', 30, 'node.done();', { maxPerCheck: 10 });
      await acknowledged('Part', 10);
      const comms = await world.nodeRed.comms();
      await comms.waitForStatus('mail', /^10 new/);
      assert.equal(
        world.sink.received('messages').filter(({ topic }) => /^Part/.test(`${topic}`)).length,
        10,
      );
      assert.equal(await run.sessions(), 1);
      for (let rest = 2; rest > 0; rest -= 1) {
        await world.nodeRed.inject('go');
        await acknowledged('Part', 10);
      }
    });

    // Once is enough: it restarts Node-RED.
    const once = version === 5 ? it : () => undefined;
    once('goes on with a backlog after a kill in the middle', async () => {
      const five = `
        const count = (context.get('count') || 0) + 1;
        context.set('count', count);
        if (count <= 5) node.done();`;
      await backlog('Half', 30, five);
      await acknowledged('Half', 5);
      world.nodeRed = await world.nodeRed.restart('SIGKILL');
      await backlog('Half', 0, 'node.done();');
      const topics = () => new Set(world.sink.received('acknowledged').map(({ topic }) => `${topic}`));
      const half = () => [...topics()].filter((topic) => topic.startsWith('Half')).length;
      while (half() < 30) await world.sink.next('acknowledged', 40_000);
    });

    /** The next delivery of a mail, whatever else is delivered meanwhile. */
    async function nextAbout(topic: string, attempt?: number): Promise<Received> {
      for (;;) {
        const message = await world.sink.next('messages', 40_000);
        if (message.topic === topic && (attempt === undefined || pop3Of(message).attempt === attempt))
          return message;
      }
    }
  });
}

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

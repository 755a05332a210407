import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dovecotMissing } from './servers/dovecot';
import { needs } from './servers/needs';
import type { FlowNode } from './servers/node-red';
import { ALICE, flows, mail, PASSWORD, pop3In, startWorld, type World } from './world';

/** KILLS=10 for the long run. */
const KILLS = Number(process.env.KILLS ?? 2);
const MAILS = 1000;
const SEED = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** A node that writes down each hand-over before anything else can happen to it, and acknowledges if asked to. */
const PROBE = `
const { appendFileSync } = require('node:fs');
const { join } = require('node:path');
module.exports = (RED) => {
  RED.nodes.registerType('probe', function (def) {
    RED.nodes.createNode(this, def);
    this.on('input', (msg, send, done) => {
      const { delivery, attempt, redelivered } = msg.pop3;
      const line = JSON.stringify({ topic: msg.topic, delivery, attempt, redelivered });
      appendFileSync(join(RED.settings.userDir, 'handed-over'), line + '\\n');
      send(msg);
      done();
    });
  });
};`;

/** Numbers from 0 up to 1 that are the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe(`a real Node-RED killed ${KILLS} times while it fetches ${MAILS} mails (KILL_SEED=${SEED})`, function () {
  this.timeout(60_000 + KILLS * 60_000);
  const random = seeded(SEED);

  for (const { handled, after: afterwards, most } of [
    { handled: 'send', after: 'delete', most: 1 },
    { handled: 'ack', after: 'keep', most: 10 },
  ]) {
    it(`${handled}, ${afterwards}: none is lost, at most ${most} a kill come again, each of them marked`, async function () {
      needs(dovecotMissing).call(this);
      const userDir = await mkdtemp(join(tmpdir(), 'redletter-kill-'));
      await mkdir(join(userDir, 'nodes'), { recursive: true });
      await writeFile(join(userDir, 'nodes', 'probe.js'), PROBE);
      await writeFile(
        join(userDir, 'nodes', 'probe.html'),
        "<script>RED.nodes.registerType('probe', {defaults: {}})</script>",
      );
      const world: World = await startWorld({ version: 4, userDir });
      try {
        for (let number = 0; number < MAILS; number += 1)
          await world.dovecot.deliver(ALICE, mail(`Mail ${number}`));
        const nodes: FlowNode[] = [
          pop3In(world, {
            auth: 'password',
            account: '',
            credentials: { user: ALICE, password: PASSWORD },
            handled,
            after: afterwards,
            wires: [['probe']],
          }),
          { id: 'probe', type: 'probe', z: 'tab', wires: [['ack']] },
          { id: 'ack', type: 'pop3 ack', z: 'tab', outcome: 'done', wires: [[]] },
        ];
        const lines = async (): Promise<{ topic: string; attempt: number; redelivered: boolean }[]> => {
          const text = await readFile(join(userDir, 'handed-over'), 'utf8').catch(() => '');
          return text
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line));
        };
        const reached = async (count: number): Promise<void> => {
          while ((await lines()).length < count) {
            assert.equal(world.nodeRed.ended, false);
            await once(AbortSignal.timeout(5), 'abort');
          }
        };
        await world.nodeRed.deploy(flows(world, ...nodes));
        for (let kill = 1; kill <= KILLS; kill += 1) {
          // Somewhere in the part of the mailbox that belongs to this kill.
          await reached(Math.floor(((kill - 1 + random()) * (MAILS - 100)) / KILLS) + 1);
          await once(AbortSignal.timeout(Math.floor(random() * 10) + 1), 'abort');
          world.nodeRed = await world.nodeRed.restart('SIGKILL');
        }
        const comms = await world.nodeRed.comms();
        while (new Set((await lines()).map(({ topic }) => topic)).size < MAILS) {
          await comms.waitForStatus('mail', /new|idle|\d/, comms.statuses('mail').length);
        }
        // The check that brought the last one also deletes, and the next one finds nothing.
        await comms.waitForStatus('mail', /^idle$/, comms.statuses('mail').length, 30_000);
        const all = await lines();
        const seen = new Set<string>();
        let repeats = 0;
        for (const { topic, redelivered, attempt } of all) {
          if (seen.has(topic)) {
            repeats += 1;
            assert.ok(redelivered && attempt > 1, `${topic} came again without a mark`);
          }
          seen.add(topic);
        }
        assert.equal(seen.size, MAILS);
        assert.ok(repeats <= KILLS * most, `${repeats} repeats for ${KILLS} kills`);
        assert.equal((await world.dovecot.mails(ALICE)).length, afterwards === 'delete' ? 0 : MAILS);
        console.log(
          `      ${handled}, ${afterwards}: ${KILLS} kills, 0 lost, ${repeats} came again, all marked`,
        );
      } finally {
        await world.close();
      }
    });
  }
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { folderWithProbe, handedOver, markedRepeats, seeded } from './probe';
import { dovecotMissing } from './servers/dovecot';
import { needs } from './servers/needs';
import type { FlowNode } from './servers/node-red';
import { ALICE, flows, mail, PASSWORD, pop3In, startWorld, type World } from './world';

/** KILLS=10 for the long run. */
const KILLS = Number(process.env.KILLS ?? 2);
const MAILS = 1000;
const SEED = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31));

describe(`a real Node-RED killed ${KILLS} times while it fetches ${MAILS} mails (KILL_SEED=${SEED})`, function () {
  this.timeout(60_000 + KILLS * 60_000);
  const random = seeded(SEED);

  for (const { handled, after: afterwards, most } of [
    { handled: 'send', after: 'delete', most: 1 },
    { handled: 'ack', after: 'keep', most: 10 },
  ]) {
    it(`${handled}, ${afterwards}: none is lost, at most ${most} a kill come again, each of them marked`, async function () {
      needs(dovecotMissing).call(this);
      const userDir = await folderWithProbe();
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
        const lines = () => handedOver(userDir);
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
        assert.equal(new Set(all.map(({ topic }) => topic)).size, MAILS);
        const repeats = markedRepeats(all);
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

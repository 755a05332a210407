import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { needs } from '../../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { assertClean, Drill, type Findings, QUICK, randomOf } from './drill';
import type { Without } from './without';

/** More by the environment, on demand: REDLETTER_FLEET_SEEDS=100 REDLETTER_FLEET_BOXES=200. */
const SEEDS = Number(process.env.REDLETTER_FLEET_SEEDS ?? 1);
const FIRST = Number(process.env.REDLETTER_FLEET_FIRST_SEED ?? 1);
/** Without which the findings are printed. */
const WITHOUT = process.env.REDLETTER_FLEET_WITHOUT as Without | undefined;
const BOXES = Number(process.env.REDLETTER_FLEET_BOXES ?? 24);

describe('runtime/fleet: three replicas', function () {
  this.timeout(120_000 + SEEDS * 60_000);
  let postgres: Postgres;
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
  });
  after(() => postgres?.stop());

  /** One is suspended, one is killed, the third is cut off, then the database crashes; mail all the while. */
  const drill = async (seed: number): Promise<Findings> => {
    const random = randomOf(seed);
    const run = await Drill.start(postgres, BOXES, { pace: QUICK, without: WITHOUT });
    try {
      for (const name of ['a', 'b', 'c']) await run.replica(name);
      run.send(BOXES, random);
      await run.settle(20_000);
      let sending = true;
      const mail = (async () => {
        while (sending) {
          run.send(Math.ceil(BOXES / 12), random);
          await pause(60);
        }
      })();
      await pause(300 + random() * 500);
      const names = ['a', 'b', 'c'].sort(() => random() - 0.5);
      const [stopped = '', killed = '', cut = ''] = names;
      // In the middle of deliveries.
      run.send(BOXES * 15, random);
      await pause(700);
      run.signal(stopped, 'SIGSTOP');
      await pause(2.2 * QUICK.timeToLive);
      run.signal(stopped, 'SIGCONT');
      await pause(500 + random() * 1_000);
      await run.kill(killed);
      const at = Date.now();
      await pause(1.5 * QUICK.timeToLive + QUICK.beat * 2);
      const waits = await run.failOver(killed, at);
      assert.ok(waits.length > 0);
      const most = QUICK.timeToLive + 3 * QUICK.beat;
      assert.ok(Math.max(...waits) <= most, `taken over after ${Math.max(...waits)} ms, more than ${most}`);
      run.send(BOXES * 5, random);
      run.cut(cut);
      await pause(2.2 * QUICK.timeToLive);
      run.restore(cut);
      await pause(random() * 1_000);
      await postgres.kill();
      await postgres.start();
      await run.replica(killed);
      await pause(500);
      sending = false;
      await mail;
      await run.settle(90_000);
      return await run.findings();
    } finally {
      await run.stop();
    }
  };

  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    it(`lose nothing, and no stalled one delivers or deletes what is another's (seed ${seed})`, async () => {
      const findings = await drill(seed);
      if (SEEDS > 1 || WITHOUT || process.env.REDLETTER_FLEET_PRINT)
        console.log(`      ${JSON.stringify(findings)}`);
      assertClean(findings);
    });
  }
});

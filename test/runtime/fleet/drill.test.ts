import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { build } from 'esbuild';
import type { Pace } from '../../../nodes/runtime/fleet/membership';
import { needs } from '../../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { Drill, QUICK, randomOf } from './drill';
import { assertClean, type Findings } from './findings';
import { Meeting } from './meeting';
import type { Without } from './without';

/** More by the environment, on demand: REDLETTER_FLEET_SEEDS=100 REDLETTER_FLEET_BOXES=200. */
const SEEDS = Number(process.env.REDLETTER_FLEET_SEEDS ?? 1);
const FIRST = Number(process.env.REDLETTER_FLEET_FIRST_SEED ?? 1);
/** Drills mostly wait for leases to expire: so many go on at the same time, in databases of one server. */
const AT_ONCE = Math.min(SEEDS, Number(process.env.REDLETTER_FLEET_AT_ONCE ?? 4));
/** Without which the findings are printed. */
const WITHOUT = process.env.REDLETTER_FLEET_WITHOUT as Without | undefined;
const BOXES = Number(process.env.REDLETTER_FLEET_BOXES ?? 24);
/** On a machine with much other work, processes are kept waiting for longer than the quick margin. */
const SLOWER = Number(process.env.REDLETTER_FLEET_SLOWER ?? 1);
const PACE: Pace = {
  beat: QUICK.beat * SLOWER,
  timeToLive: QUICK.timeToLive * SLOWER,
  margin: QUICK.margin * SLOWER,
};
/** Mails in the middle of whose delivery something happens. */
const BURST = Math.min(BOXES * 15, 600);

describe('runtime/fleet: three replicas', function () {
  this.timeout(180_000 * SLOWER);
  let postgres: Postgres;
  let folder: string;
  let program: string;
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres({ max_connections: String(60 * AT_ONCE) });
    folder = await mkdtemp(join(tmpdir(), 'redletter-drill-'));
    program = join(folder, 'replica-child.cjs');
    // Started from TypeScript, each replica compiles it by itself, which takes longer than most of what it does then.
    await build({
      entryPoints: [join(__dirname, 'replica-child.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      packages: 'external',
    });
  });
  after(async () => {
    await postgres?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  /** One is suspended, one is killed, the third is cut off, then the database crashes; mail all the while. */
  const drill = async (seed: number, crash: () => Promise<void>): Promise<Findings> => {
    const random = randomOf(seed);
    const run = await Drill.start(postgres, BOXES, { pace: PACE, without: WITHOUT, program });
    let sending = true;
    try {
      for (const name of ['a', 'b', 'c']) await run.replica(name);
      run.send(BOXES, random);
      await run.settle(20_000);
      const mail = (async () => {
        while (sending) {
          run.send(1, random);
          await pause(60 * SLOWER);
        }
      })();
      await pause(300 + random() * 500);
      const names = ['a', 'b', 'c'].sort(() => random() - 0.5);
      const [stopped = '', killed = '', cut = ''] = names;
      // In the middle of deliveries.
      run.send(BURST, random);
      await pause(700);
      run.signal(stopped, 'SIGSTOP');
      await pause(2.2 * PACE.timeToLive);
      run.signal(stopped, 'SIGCONT');
      await pause(500 + random() * 1_000);
      await run.kill(killed);
      const at = Date.now();
      await pause(1.5 * PACE.timeToLive + PACE.beat * 2);
      const waits = await run.failOver(killed, at);
      assert.ok(waits.length > 0);
      const most = PACE.timeToLive + 3 * PACE.beat;
      assert.ok(Math.max(...waits) <= most, `taken over after ${Math.max(...waits)} ms, more than ${most}`);
      run.send(BURST / 3, random);
      // In every other drill the network is slow rather than gone: what was sent arrives after another one has taken over.
      if (seed % 2 === 0) {
        await pause(random() * 200);
        const arrive = run.delay(cut);
        await pause(2.2 * PACE.timeToLive);
        arrive();
      } else {
        run.cut(cut);
        await pause(2.2 * PACE.timeToLive);
        run.restore(cut);
      }
      await pause(random() * 1_000);
      await crash();
      await run.replica(killed);
      await pause(500);
      sending = false;
      await mail;
      await run.settle(90_000);
      const findings = await run.findings();
      if (findings.late > 0) console.log(`      ${seed}: ${run.errors.slice(-5).join(`\n      ${seed}: `)}`);
      return findings;
    } finally {
      sending = false;
      await run.stop();
    }
  };

  /** One server has the databases of all of them: it crashes when each has come to that. */
  const drills = async (seeds: number[]): Promise<void> => {
    const crash = new Meeting(seeds.length, async () => {
      await postgres.kill();
      await postgres.start();
    });
    const ended = await Promise.allSettled(
      seeds.map(async (seed) => {
        const findings = await drill(seed, () => crash.arrive()).finally(() => crash.leave());
        if (SEEDS > 1 || WITHOUT || process.env.REDLETTER_FLEET_PRINT)
          console.log(`      ${seed}: ${JSON.stringify(findings)}`);
        assertClean(findings);
      }),
    );
    const wrong = ended.flatMap((one, at) =>
      one.status === 'rejected' ? [`${seeds[at]}: ${one.reason}`] : [],
    );
    assert.equal(wrong.join('\n'), '');
  };

  for (let seed = FIRST; seed < FIRST + SEEDS; seed += AT_ONCE) {
    const seeds = Array.from({ length: Math.min(AT_ONCE, FIRST + SEEDS - seed) }, (_, at) => seed + at);
    it(`lose nothing, and no stalled one delivers or deletes what is another's (seeds: ${seeds.join(', ')})`, () =>
      drills(seeds));
  }
});

import assert from 'node:assert/strict';
import { assertBounded, isBounded, show } from './bounds';
import { Programs } from './child';
import type { MailCost, MutationCost } from './mail-child';
import { HOSTILE_MAILS } from './mails';

const MUTATIONS = Number(process.env.MUTATIONS ?? 9);
const SEED = Number(process.env.MUTATION_SEED ?? (process.env.MUTATIONS ? Date.now() % 2 ** 31 : 1));
/** Mutations read by one process. */
const TOGETHER = 10;

describe('hostile mail: 100 ms in one go, 10 s in all, 4 times its size and 64 MB', function () {
  this.timeout(150_000);
  let programs: Programs;
  before(() => {
    programs = new Programs('mail-child');
  });
  after(() => programs.remove());

  for (const [name, { problem }] of Object.entries(HOSTILE_MAILS)) {
    it(name, async () => {
      const { size, output, problems, ...cost } = await programs.run<MailCost>('mail-child', name);
      show(name, cost, size, output);
      assertBounded(cost, size);
      // What is over a limit is not left out in silence.
      if (problem) assert.ok(problems.includes(problem), problems.join());
    });
  }

  it('mutations of these (MUTATIONS, MUTATION_SEED)', async function () {
    this.timeout(150_000 + MUTATIONS * 20_000);
    const run = (first: number, count: number) =>
      programs.run<MutationCost[]>('mail-child', 'mutations', String(first), String(count));
    for (let first = SEED; first < SEED + MUTATIONS; first += TOGETHER) {
      for (const { seed, size, ...cost } of await run(first, Math.min(TOGETHER, SEED + MUTATIONS - first))) {
        if (isBounded(cost, size)) continue;
        // By itself, so that nothing of the mails before it counts.
        const [again] = (await run(seed, 1)) as [MutationCost];
        assertBounded(again, size, `MUTATION_SEED=${seed}, ${again.how.join(', ')}: `);
      }
    }
  });
});

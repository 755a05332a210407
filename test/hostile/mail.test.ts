import assert from 'node:assert/strict';
import { assertBounded, isBounded, isFarBelow, show } from './bounds';
import { Programs } from './child';
import type { MailCost, MutationCost } from './mail-child';
import { HOSTILE_MAILS, type HostileMail } from './mails';

const MUTATIONS = Number(process.env.MUTATIONS ?? 9);
const SEED = Number(process.env.MUTATION_SEED ?? (process.env.MUTATIONS ? Date.now() % 2 ** 31 : 1));
/** Mails, or mutations, read by one process. */
const TOGETHER = 10;

/** In a process of its own: what is loaded for the first time counts, or it came near a bound beside others. */
const isAlone = (name: string): boolean => HOSTILE_MAILS[name]?.isFirst === true;

const batches = (names: string[]): string[][] =>
  Array.from({ length: Math.ceil(names.length / TOGETHER) }, (_, at) =>
    names.slice(at * TOGETHER, (at + 1) * TOGETHER),
  );

describe('hostile mail: 100 ms in one go, 10 s in all, 4 times its size and 64 MB', function () {
  this.timeout(420_000);
  let programs: Programs;
  before(() => {
    programs = new Programs('mail-child');
  });
  after(() => programs.remove());

  /** Of the last batch; empty where its process ended early, so that each of its mails is read alone. */
  let measured = new Map<string, MailCost>();
  const names = Object.keys(HOSTILE_MAILS);
  const together = batches(names.filter((name) => !isAlone(name)));

  const costOf = async (name: string): Promise<MailCost> => {
    const batch = together.find((one) => one[0] === name);
    if (batch) {
      const costs = await programs.run<MailCost[]>('mail-child', ...batch).catch(() => []);
      measured = new Map(costs.map((cost, at) => [batch[at] as string, cost]));
    }
    const found = measured.get(name);
    if (found && isFarBelow(found, found.size)) return found;
    const [alone] = await programs.run<MailCost[]>('mail-child', name);
    return alone as MailCost;
  };

  for (const name of [...together.flat(), ...names.filter(isAlone)]) {
    it(name, async () => {
      const { size, output, problems, ...cost } = await costOf(name);
      const { problem } = HOSTILE_MAILS[name] as HostileMail;
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

import assert from 'node:assert/strict';
import { assertBounded } from './bounds';
import { Programs } from './child';
import { HOSTILE_MAILS } from './mails';
import type { Cost } from './meter';

interface MailCost extends Cost {
  size: number;
  problems: string[];
}

describe('hostile mail: 100 ms in one go, 10 s in all, 4 times its size and 64 MB', function () {
  this.timeout(150_000);
  let programs: Programs;
  before(() => {
    programs = new Programs('mail-child');
  });
  after(() => programs.remove());

  for (const [name, { problem }] of Object.entries(HOSTILE_MAILS)) {
    it(name, async () => {
      const { size, problems, ...cost } = await programs.run<MailCost>('mail-child', name);
      assertBounded(cost, size);
      // What is over a limit is not left out in silence.
      if (problem) assert.ok(problems.includes(problem), problems.join());
    });
  }
});

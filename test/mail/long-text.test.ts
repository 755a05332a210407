// A long text is put together from pieces; wherever they meet, it reads as it was written.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { read } from './support';

const KB = 1024;

describe('mail: long texts', () => {
  it('read as they were written, whatever the characters and wherever the pieces meet', async () => {
    const run = fc.tuple(
      // ASCII, Latin-1, beyond it, beyond the first plane, line ends.
      fc.constantFrom('a', 'ü', '€', '漢字', '🎉', 'ł\r\n', '\r\n', 'line\n', 'a\rb', 'c\r\r\n', 'x🎉\r\n'),
      fc.constantFrom(1, 7, 64 * KB, 128 * KB, 400 * KB, 1024 * KB),
      fc.integer({ min: -3, max: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(run, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(16 * KB, 64 * KB, 64 * KB + 1),
        async (runs, size) => {
          const written = runs
            .map(([text, count, more]) => text.repeat(Math.ceil((count + more + 3) / text.length)))
            .join('')
            .concat('end');
          const mail = Buffer.from(`Content-Type: text/plain; charset=utf-8\r\n\r\n${written}`);
          const { payload } = await read(mail, {}, size);
          // Not equal(), which would write both out.
          assert.ok(payload === written.replace(/\r{1,3}\n|\r/g, '\n'), `${payload.length} characters`);
        },
      ),
      { numRuns: 30 },
    );
  }).timeout(60_000);
});

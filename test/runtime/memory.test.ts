import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { startManyMailboxes } from '../../servers/many-mailboxes';
import type { MemoryOrder } from './memory-child';

/** Measured: 6 kB. With an empty Map here and a spread object there it soon was twice as much. */
const MOST_BYTES = 7_500;

describe('runtime: a mailbox that waits for its next check', function () {
  this.timeout(60_000);

  it('keeps few bytes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'redletter-memory-'));
    const server = await startManyMailboxes();
    try {
      const program = join(folder, 'memory-child.cjs');
      // As it is built: what runs TypeScript as it is keeps a name with every function.
      await build({
        entryPoints: [join(__dirname, 'memory-child.ts')],
        outfile: program,
        bundle: true,
        platform: 'node',
        packages: 'external',
      });
      const order: MemoryOrder = { port: server.port, folder, first: 200, more: 400 };
      const env = { ...process.env, NODE_PATH: join(__dirname, '..', '..', 'node_modules') };
      const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(order)], {
        env,
      });
      const bytes = Number(stdout);
      assert.ok(bytes > 1_000 && bytes < MOST_BYTES, `${stdout.trim()} bytes`);
    } finally {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** MB. */
const ALLOWED = 20;

function child(...args: string[]): ChildProcess {
  return fork(join(__dirname, 'memory-child.ts'), args, {
    // V8 sizes its young generation by the modules loaded so far. Fixed, the growth is that of the client alone.
    execArgv: ['--expose-gc', '--min-semi-space-size=4', '--max-semi-space-size=4', '--require', 'tsx/cjs'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

async function reader(role: 'bare' | 'client', port: number): Promise<{ octets: number; growth: number }> {
  const [message] = await once(child(role, String(port)), 'message');
  return message as { octets: number; growth: number };
}

describe('pop3: memory', () => {
  it(`a mail of 500 MB to a slow reader grows the process by at most ${ALLOWED} MB more than a bare socket and one buffer`, async function () {
    this.timeout(120_000);
    const server = child('server');
    try {
      const [{ port }] = (await once(server, 'message')) as [{ port: number }];
      const bare = await reader('bare', port);
      assert.ok(bare.octets >= 500 * 2 ** 20, `${bare.octets} octets`);
      // On a busy machine the garbage collector comes late: the least of three is what the client needs.
      let growth = Number.POSITIVE_INFINITY;
      for (let round = 0; round < 3 && growth > bare.growth + ALLOWED; round += 1) {
        const client = await reader('client', port);
        assert.ok(client.octets >= 500 * 2 ** 20, `${client.octets} octets`);
        growth = Math.min(growth, client.growth);
      }
      console.log(`      bare socket ${bare.growth.toFixed(1)} MB, client ${growth.toFixed(1)} MB`);
      assert.ok(growth <= bare.growth + ALLOWED, `client ${growth} MB, bare socket ${bare.growth} MB`);
    } finally {
      server.kill('SIGKILL');
    }
  });
});

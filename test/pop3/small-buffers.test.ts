import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inNetworkOfItsOwn, needsNetwork } from './own-network';

// Node cannot set the size of a socket's buffers; a network of its own can, for every socket in it.
const SMALL =
  'for buffer in rmem wmem; do echo 4096 4096 4096 > /proc/sys/net/ipv4/tcp_$buffer || exit 1; done';

describe('pop3: a kernel that gives every socket 4 kB', () => {
  before(needsNetwork(SMALL, 'a network of its own with small socket buffers'));

  it('cannot dead-lock with a server that blocks and a reader that stops, and no command waits for room', async function () {
    this.timeout(60_000);
    const child = JSON.stringify(join(__dirname, 'small-buffers-child.ts'));
    const [file, args] = inNetworkOfItsOwn(SMALL, `exec node --require tsx/cjs ${child}`);
    const { stdout } = await promisify(execFile)(file, args, { timeout: 50_000 });
    const { expected, blocked, ...outcome } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(outcome, { octets: expected, deleted: [100, 200, 300, 400], quit: 'ok', waiting: 0 });
    assert.ok((blocked as number) > 50, `the server was never in need of room: ${blocked}`);
  });
});

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Node cannot set the size of a socket's buffers. A network of its own can, for every socket in it: Linux gives one to
 * root, and to anybody where user namespaces are allowed, and needs `ip` to switch its loopback on.
 */
function inNetworkOfItsOwn(command: string): [string, string[]] {
  const small =
    'for buffer in rmem wmem; do echo 4096 4096 4096 > /proc/sys/net/ipv4/tcp_$buffer || exit 1; done';
  const user = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  return ['unshare', [...user, '--net', 'sh', '-c', `ip link set lo up && ${small} && ${command}`]];
}

function networkMissing(): string | undefined {
  try {
    execFileSync(...inNetworkOfItsOwn('true'), { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'a network of their own with small socket buffers (Linux, unshare, ip)';
  }
}

describe('pop3: a kernel that gives every socket 4 kB', () => {
  before(function () {
    // Unlike a program this cannot be brought in: containers mostly forbid it, in CI too.
    const missing = networkMissing();
    if (!missing) return;
    console.log(`    Pending, for want of ${missing}`);
    this.skip();
  });

  it('cannot dead-lock with a server that blocks and a reader that stops, and no command waits for room', async function () {
    this.timeout(60_000);
    const child = JSON.stringify(join(__dirname, 'small-buffers-child.ts'));
    const [file, args] = inNetworkOfItsOwn(`exec node --require tsx/cjs ${child}`);
    const { stdout } = await promisify(execFile)(file, args, { timeout: 50_000 });
    const { expected, blocked, ...outcome } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(outcome, { octets: expected, deleted: [100, 200, 300, 400], quit: 'ok', waiting: 0 });
    assert.ok((blocked as number) > 50, `the server was never in need of room: ${blocked}`);
  });
});

import { execFileSync } from 'node:child_process';

/**
 * A command in a network of its own, with loopback and what `setup` makes of it, and mounts of its own: Linux gives one
 * to root, and to anybody where user namespaces are allowed, and needs `ip` to switch its loopback on.
 */
export function inNetworkOfItsOwn(setup: string, command: string): [string, string[]] {
  const user = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const script = `ip link set lo up && ${setup} && ${command}`;
  return ['unshare', [...user, '--net', '--mount', 'sh', '-c', script]];
}

/**
 * A mocha hook for suites that need such a network. Unlike a program it cannot be brought in: containers mostly forbid
 * it, in CI too, so there is one line that says why the suite is pending.
 */
export function needsNetwork(setup: string, what: string): (this: Mocha.Context) => void {
  return function before() {
    try {
      execFileSync(...inNetworkOfItsOwn(setup, 'true'), { stdio: 'ignore' });
    } catch {
      console.log(`    Pending, for want of ${what} (Linux, root or user namespaces, unshare, ip)`);
      this.skip();
    }
  };
}

// What we are measured against: brought into a folder of its own, or found on the machine. The e-mail node is here
// already, since its flows are taken over.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const PEERS = join(__dirname, '..', 'node_modules', '.cache', 'bench');

/** Installs the peers from npm, once. */
export function installPeers(): void {
  const wanted = { 'node-pop3': '0.11.0', imapflow: '2.10.2' };
  if (Object.keys(wanted).every((name) => existsSync(join(PEERS, 'node_modules', name)))) return;
  mkdirSync(PEERS, { recursive: true });
  writeFileSync(join(PEERS, 'package.json'), JSON.stringify({ private: true, dependencies: wanted }));
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: PEERS,
    stdio: 'inherit',
  });
}

/** The version a program tells of itself, empty where it tells none; undefined where it is not installed. */
export function versionOf(program: string): string | undefined {
  const { error, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return error === undefined ? (/\d+(\.\d+)+/.exec(stdout)?.[0] ?? '') : undefined;
}

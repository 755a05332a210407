/**
 * Runs before the tests (`pretest`) and brings in the servers they need: on Debian as root with apt-get, Node-RED 5,
 * a Node for it and the scorecard with npm. Elsewhere it says in one line what is missing. With everything there it
 * does nothing and asks no network.
 */
import { execFileSync, type StdioOptions } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromiumMissing } from './browser';
import { opensslMissing } from './certificates';
import { dovecotMissing } from './dovecot';
import { nodeRed5Folder, nodeRed5Missing } from './node-red';
import { npmCommand, packed } from './packed';
import { postgresMissing } from './postgres';
import { scorecardFolder, scorecardMissing } from './scorecard';

/** Their own words are worth showing only when something goes wrong. */
const stdio: StdioOptions = ['ignore', 'ignore', 'inherit'];

function main(): void {
  const packages = [
    ...(dovecotMissing() ? ['dovecot-core', 'dovecot-pop3d'] : []),
    ...(opensslMissing() ? ['openssl'] : []),
    ...(chromiumMissing() ? ['chromium'] : []),
    ...(postgresMissing() ? ['postgresql'] : []),
  ];
  if (packages.length > 0 && existsSync('/etc/debian_version') && process.getuid?.() === 0) {
    attempt(`Installing ${packages.join(' ')}`, () => aptGetInstall(packages));
  }
  for (const [what, folder] of [
    ['Node-RED 5', nodeRed5Folder],
    ['the scorecard', scorecardFolder],
  ] as const) {
    if (!isInstalled(folder)) attempt(`Installing ${what} for the tests`, () => install(folder));
  }
  const lacking = [dovecotMissing, chromiumMissing, postgresMissing, nodeRed5Missing, scorecardMissing];
  for (const missing of lacking.map((look) => look())) {
    if (missing) console.log(`The tests lack ${missing}`);
  }
}

/** What cannot be brought in is missing, and the tests that need it say so: pending, or failing with `CI` set. */
function attempt(what: string, action: () => void): void {
  console.log(`${what} …`);
  try {
    action();
  } catch (error) {
    console.log(`${what} did not work: ${(error as Error).message}`);
  }
}

function aptGetInstall(packages: string[]): void {
  // Debian starts a mail server as soon as it is installed. The tests start their own, so that one is not needed.
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    execFileSync('apt-get', ['-q', 'update'], { env, stdio });
    execFileSync('apt-get', ['-q', '-y', '--no-install-recommends', 'install', ...packages], { env, stdio });
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

const lockFile = (folder: string): string => join(folder, 'package-lock.json');
const installedFrom = (folder: string): string => join(folder, 'node_modules', '.installed-from.json');

/** From this very lock file. */
function isInstalled(folder: string): boolean {
  return (
    existsSync(installedFrom(folder)) &&
    readFileSync(installedFrom(folder)).equals(readFileSync(lockFile(folder)))
  );
}

function install(folder: string): void {
  const { command, first } = npmCommand();
  const options = ['--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync(command, [...first, 'ci', ...options], { stdio });
  copyFileSync(lockFile(folder), installedFrom(folder));
}

main();
// Here once, before the tests: each process of theirs would do it again.
void packed();

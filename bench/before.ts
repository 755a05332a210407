// This package as it was: version 0.1.0, built from the history of this repository, to be measured in the same run.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { npmCommand } from '../servers/packed';

/** Its last commit. */
const COMMIT = '776d9ab19764ae45b1f5ba06eb5a4fb7f257b37a';
const ROOT = join(__dirname, '..');

/** Why it cannot be measured here. */
export function beforeMissing(): string | undefined {
  try {
    execFileSync('git', ['cat-file', '-e', `${COMMIT}^{commit}`], { cwd: ROOT, stdio: 'ignore' });
    return undefined;
  } catch {
    return 'the history of this repository is not here (git fetch --unshallow)';
  }
}

export interface Before {
  /** Its folder, built. */
  folder: string;
  /** A `node_modules` that holds it as a user got it. */
  nodeModules: string;
}

/** Builds and installs it, once. Not in this folder: it must not find the packages that are installed here. */
export function before(): Before {
  const home = join(tmpdir(), `redletter-bench-${COMMIT.slice(0, 12)}`);
  const made: Before = { folder: join(home, 'source'), nodeModules: join(home, 'installed', 'node_modules') };
  if (existsSync(home)) return made;
  const making = `${home}.${process.pid}`;
  const [source, installed] = [join(making, 'source'), join(making, 'installed')];
  try {
    mkdirSync(source, { recursive: true });
    mkdirSync(installed);
    const archive = execFileSync('git', ['archive', COMMIT], { cwd: ROOT, maxBuffer: 1 << 28 });
    execFileSync('tar', ['-x', '-C', source], { input: archive });
    // What it is built with has not changed since.
    symlinkSync(join(ROOT, 'node_modules'), join(source, 'node_modules'));
    execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: source, stdio: 'inherit' });
    npm(source, 'pack', '--ignore-scripts', '--pack-destination', installed);
    const tarball = readdirSync(installed).find((name) => name.endsWith('.tgz')) as string;
    writeFileSync(join(installed, 'package.json'), '{ "private": true }\n');
    npm(installed, 'install', '--omit=dev', '--ignore-scripts', '--prefer-offline', join(installed, tarball));
    renameSync(making, home);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    throw error;
  }
  return made;
}

function npm(cwd: string, ...args: string[]): void {
  const { command, first } = npmCommand();
  execFileSync(command, [...first, ...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd });
}

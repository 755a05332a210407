import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(__dirname, '..');

/** The package as a user gets it. */
export interface Packed {
  /** The tarball `npm pack` has made of what was built. */
  tarball: string;
  /** A `node_modules` that holds the package, installed from that tarball, and what it depends on. */
  nodeModules: string;
}

let made: Promise<Packed> | undefined;

/** Packs and installs the package, once a run. `npm test` has built it; otherwise `npm run build` comes first. */
export function packed(): Promise<Packed> {
  made ??= pack();
  return made;
}

async function pack(): Promise<Packed> {
  if (!existsSync(join(root, 'dist', 'nodes'))) throw new Error('Not built yet: npm run build');
  const folder = await mkdtemp(join(tmpdir(), 'redletter-packed-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  // Scripts are left out: the build they would start again rewrites dist/ under the feet of other tests.
  await npm(root, 'pack', '--ignore-scripts', '--pack-destination', folder);
  const name = (await readdir(folder)).find((file) => file.endsWith('.tgz'));
  if (!name) throw new Error('npm pack made no tarball');
  const tarball = join(folder, name);
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  await npm(
    folder,
    'install',
    '--prefix',
    folder,
    '--omit=dev',
    '--ignore-scripts',
    '--prefer-offline',
    tarball,
  );
  return { tarball, nodeModules: join(folder, 'node_modules') };
}

async function npm(cwd: string, ...args: string[]): Promise<void> {
  const { command, first } = npmCommand();
  await run(command, [...first, ...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd });
}

/** The npm that runs this script, where there is one: on Windows there is no program that is called just npm. */
export function npmCommand(): { command: string; first: string[] } {
  const npm = process.env.npm_execpath;
  return npm?.endsWith('js') ? { command: process.execPath, first: [npm] } : { command: 'npm', first: [] };
}

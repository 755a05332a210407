import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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

/** Where the last one is, and what it was made of. */
const noted = join(root, 'node_modules', '.cache', 'redletter-packed.json');

let made: Promise<Packed> | undefined;

/**
 * Packs and installs the package, once a build: processes that run side by side share it. `npm test` has built it;
 * otherwise `npm run build` comes first.
 */
export function packed(): Promise<Packed> {
  made ??= find();
  return made;
}

async function find(): Promise<Packed> {
  if (!existsSync(join(root, 'dist', 'nodes'))) throw new Error('Not built yet: npm run build');
  const digest = await digestOfBuild();
  const last = await readFile(noted, 'utf8').then(
    (text) => JSON.parse(text) as Packed & { digest: string; folder: string },
    () => undefined,
  );
  if (last?.digest === digest && existsSync(last.nodeModules)) return last;
  // Not in this folder: what is installed there must not find the packages that are installed here.
  const folder = await mkdtemp(join(tmpdir(), 'redletter-packed-'));
  const fresh = await pack(folder);
  await mkdir(dirname(noted), { recursive: true });
  await writeFile(`${noted}.${process.pid}`, JSON.stringify({ digest, folder, ...fresh }));
  await rename(`${noted}.${process.pid}`, noted);
  if (last) await rm(last.folder, { recursive: true, force: true });
  return fresh;
}

/** Of everything that `npm pack` may take. */
async function digestOfBuild(): Promise<string> {
  const hash = createHash('sha256');
  for (const part of ['package.json', 'README.md', 'dist/nodes', 'examples', 'resources']) {
    const path = join(root, part);
    const files = statSync(path).isDirectory()
      ? (await readdir(path, { recursive: true, withFileTypes: true }))
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
          .sort()
      : [path];
    for (const file of files)
      hash
        .update(`${file}\0`)
        .update(await readFile(file))
        .update('\0');
  }
  return hash.digest('hex');
}

async function pack(folder: string): Promise<Packed> {
  // Scripts are left out: the build they would start again rewrites dist/ under the feet of other tests.
  await npm(root, 'pack', '--ignore-scripts', '--pack-destination', folder);
  const name = (await readdir(folder)).find((file) => file.endsWith('.tgz'));
  if (!name) throw new Error('npm pack made no tarball');
  const tarball = join(folder, name);
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  const options = ['--prefix', folder, '--omit=dev', '--ignore-scripts', '--prefer-offline'];
  await npm(folder, 'install', ...options, tarball);
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

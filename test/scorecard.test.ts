// The checks of `node-red-dev validate`, which Node-RED's catalog shows beside every package, without the network.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { needs } from '../servers/needs';
import { nodeRed5Folder, nodeRed5Missing } from '../servers/node-red';
import { type Manifest, type Registry, startRegistry } from '../servers/registry';
import { scorecardMissing, scorecardProgram } from '../servers/scorecard';
import { root } from './sources';

const run = promisify(execFile);
const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** Every package in a `node_modules`, and before them those within them, which are never newer. */
function installed(modules: string): Manifest[] {
  return readdirSync(modules, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(?:^|node_modules[\\/])(?:@[^\\/]+[\\/])?[^@\\/][^\\/]*[\\/]package\.json$/.test(path))
    .sort((one, other) => other.split('node_modules').length - one.split('node_modules').length)
    .map((path) => manifestOf(join(modules, path, '..')));
}

/** Types and names that are taken, as the catalog has them. */
const catalogue = {
  modules: [
    { id: 'node-red-node-email', types: ['e-mail', 'e-mail in', 'e-mail mta'] },
    { id: 'node-red-contrib-oauth2', types: ['oauth2'] },
  ],
};

describe('the scorecard of Node-RED’s catalog', function () {
  this.timeout(60_000);
  let registry: Registry;
  let card: Record<string, { test?: boolean; total?: number; versions?: string[]; nodes?: string[] }>;
  let said: string;

  before(async function () {
    needs(nodeRed5Missing, scorecardMissing).call(this);
    const four = manifestOf(join(root, 'node_modules', 'node-red'));
    const five = manifestOf(join(nodeRed5Folder, 'node_modules', 'node-red'));
    registry = await startRegistry(
      [...installed(join(root, 'node_modules')).filter(({ name }) => name !== 'node-red'), four, five],
      { 'node-red': { 'v4-maintenance': four.version } },
      catalogue,
    );
    const folder = await mkdtemp(join(tmpdir(), 'redletter-scorecard-'));
    const file = join(folder, 'scorecard.json');
    await writeFile(join(folder, '.npmrc'), `registry=${registry.url}\n`);
    const { stdout, stderr } = await run(
      process.execPath,
      ['--no-deprecation', scorecardProgram, 'validate', '--path', root, '--output', file],
      {
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          http_proxy: '',
          https_proxy: registry.url,
        },
      },
    );
    said = stdout + stderr;
    card = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
    await rm(folder, { recursive: true, force: true });
  });
  after(() => registry?.close());

  it('ran to its end, and asked what it had to', () => {
    assert.match(said, /Complete/);
    for (const path of ['/catalogue.json', '/node-red', '/mailparser']) {
      assert.ok(registry.asked.includes(path), `${path} of ${registry.asked.join(' ')}`);
    }
    assert.doesNotMatch(said, /could not load|ECONNREFUSED|Unable to parse/);
  });

  const checks: Record<string, string> = {
    P01: 'a licence',
    P03: 'a repository and a place for bugs',
    P04: 'a scoped name',
    P05: 'the keyword',
    P06: 'runs with every current Node-RED',
    P07: 'runs with the oldest Node that Node-RED takes',
    P08: 'a name that nobody else’s is like',
    N01: 'types that nobody else has',
    N02: 'an example of every node',
    D01: 'six dependencies at most',
    D02: 'no dependency known to do harm',
    D03: 'dependencies in their newest version',
  };
  for (const [check, what] of Object.entries(checks)) {
    it(`${check}: ${what}`, () => assert.equal(card[check]?.test, true, said));
  }

  it('has no check that is not listed here', () => {
    assert.deepEqual(Object.keys(card).sort(), [...Object.keys(checks), 'package'].sort());
    assert.deepEqual(card.P06?.versions?.length, 2);
  });
});

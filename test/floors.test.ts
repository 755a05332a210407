// Each room of nodes/ imports only what is below it. Biome checks that (biome.json, noRestrictedImports) with every lint;
// here is whether its rules find what they are there for, and what it cannot say.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { transformSync } from 'esbuild';
import { filesBelow, root } from './sources';

type Override = { includes: string[] };
const biome = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8')) as {
  $schema?: string;
  vcs?: object;
  overrides: Override[];
};
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
};

/** Files in their rooms, a statement each, and whether it may stand there. */
const PLANTED: [folder: string, statement: string, rule: string | undefined][] = [
  ['nodes/base', "export * from '../pop3';", 'noRestrictedImports'],
  ['nodes/pop3', "export * from '../base/clock';", undefined],
  ['nodes/pop3', "export * from '../mail';", 'noRestrictedImports'],
  ['nodes/pop3', "export type * from '../oauth2/tokens';", 'noRestrictedImports'],
  ['nodes/pop3', "export type { NodeAPI } from 'node-red';", 'noRestrictedImports'],
  ['nodes/pop3/sasl', "export * from '../../mail/read';", 'noRestrictedImports'],
  ['nodes/pop3/sasl', "export * from '../error';", undefined],
  ['nodes/pop3/commands', "export * from './mail';", undefined],
  ['nodes/mail', "export * from '../pop3';", 'noRestrictedImports'],
  ['nodes/mail', "export * from '../../test/sources';", 'noRestrictedImports'],
  ['nodes/mail', "export * from 'lodash/fp';", 'noUndeclaredDependencies'],
  ['nodes/mail', "export * from 'mailparser';", undefined],
  ['nodes/mail', "export * from 'node:fs';", undefined],
  ['nodes/mail', 'export const log = RED.log;', 'noRestrictedGlobals'],
  ['nodes/oauth2', "export { type Clock } from '../mailbox';", 'noRestrictedImports'],
  ['nodes/oauth2', "import '../runtime';", 'noRestrictedImports'],
  ['nodes/mailbox', "export * from '../oauth2';", 'noRestrictedImports'],
  ['nodes/mailbox', "export * from '../pop3';", undefined],
  ['nodes/mailbox/delivery', "export * from '../../mail';", undefined],
  ['nodes/mailbox/delivery', "export * from '../../runtime/ledgers';", 'noRestrictedImports'],
  ['nodes/connection-test', "export * from '../runtime';", 'noRestrictedImports'],
  ['nodes/runtime', "export * from '../pop3';", 'noRestrictedImports'],
  ['nodes/runtime', "export const load = () => import('../mail');", 'noRestrictedImports'],
  ['nodes/runtime', "import register = require('../pop3-in');\nregister();", 'noRestrictedImports'],
  ['nodes/runtime', "export * from '../mailbox';", undefined],
  ['nodes/runtime/fleet', "export * from '../../node-red/agent';", 'noRestrictedImports'],
  ['nodes/node-red', "export * from '../admin/guard';", 'noRestrictedImports'],
  [
    'nodes/node-red',
    "import type { NodeAPI } from 'node-red';\nexport const red = {} as NodeAPI;",
    undefined,
  ],
  ['nodes/admin', "export * from '../editor/api';", 'noRestrictedImports'],
  ['nodes/admin', "export * from 'node-red-node-email';", 'noUndeclaredDependencies'],
  ['nodes/editor', "export * from '../pop3-in';", 'noRestrictedImports'],
  ['nodes/editor', "export type * from '../admin/protocol';", undefined],
  ['nodes/editor/form', "export * from '../../oauth2/providers';", undefined],
  ['nodes/editor/form', "export type * from '../../oauth2/tokens';", 'noRestrictedImports'],
  ['nodes/editor/form', "export * from 'node:fs';", 'noRestrictedImports'],
  ['servers', "export * from '../test/world';", 'noRestrictedImports'],
  ['test', "export * from '../demo/start';", 'noRestrictedImports'],
  ['test/mail', "export * from '../../bench/index';", 'noRestrictedImports'],
  ['bench', "export * from '../test/world';", 'noRestrictedImports'],
  ['demo', "export * from '../test/world';", 'noRestrictedImports'],
];

/** What a browser loads of the server's code, besides the types of requests: plain data. */
const PLAIN = [
  'nodes/base/loopback.ts',
  'nodes/node-red/data/counted-status.ts',
  'nodes/node-red/data/defaults.ts',
  'nodes/oauth2/providers.ts',
  'nodes/pop3/sasl/names.ts',
];

/** What is loaded only when it is needed, which no rule of Biome sees. */
const LOADED_LATE = ['./fleet', 'mailparser', 'pg', 'simple-oauth2', 'socks'];

const nodes = filesBelow('nodes', '.ts');

/** A source as it runs, without its types and comments. */
const running = (path: string): string =>
  transformSync(nodes.get(path) ?? assert.fail(`no ${path}`), { loader: 'ts', minifyWhitespace: true }).code;

/** The rules that each planted file breaks, in the house's own configuration. */
function brokenRules(planted: typeof PLANTED): Set<string>[] {
  const house = mkdtempSync(join(tmpdir(), 'redletter-floors-'));
  try {
    const { $schema: _, vcs: __, ...rules } = biome;
    writeFileSync(join(house, 'biome.json'), JSON.stringify(rules));
    writeFileSync(join(house, 'package.json'), JSON.stringify(manifest));
    const files = planted.map(([folder, statement], at) => {
      const path = join(house, folder, `planted${at}.ts`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${statement}\n`);
      return path;
    });
    const cli = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
    const args = ['lint', '--reporter=json', '--max-diagnostics=none', '.'];
    const found = files.map(() => new Set<string>());
    let printed = '';
    try {
      printed = execFileSync(process.execPath, [cli, ...args], {
        cwd: house,
        encoding: 'utf8',
        stdio: 'pipe',
      });
    } catch (error) {
      printed = (error as { stdout: string }).stdout;
    }
    const { diagnostics } = JSON.parse(printed.slice(printed.indexOf('{'))) as {
      diagnostics: { category: string; location: { path: string | { file: string } } }[];
    };
    for (const { category, location } of diagnostics) {
      const path = typeof location.path === 'string' ? location.path : location.path.file;
      const [, at] = /planted(\d+)\.ts$/.exec(path) ?? [];
      if (at !== undefined) found[Number(at)]?.add(category.split('/').at(-1) ?? '');
    }
    return found;
  } finally {
    rmSync(house, { recursive: true });
  }
}

describe('the floors of the house', () => {
  it('every room has its rule in biome.json', () => {
    const rooms = readdirSync(join(root, 'nodes'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'editor')
      .map(({ name }) => `nodes/${name}/**/*.ts`);
    const ruled = biome.overrides.flatMap(({ includes }) => (includes.length === 1 ? includes : []));
    assert.deepEqual(
      rooms.filter((room) => !ruled.includes(room)),
      [],
    );
  });

  it('the rules find every import that goes upwards, and no other', function () {
    this.timeout(60_000);
    const broken = brokenRules(PLANTED);
    PLANTED.forEach(([folder, statement, rule], at) => {
      const watched = [...(broken[at] ?? [])].filter((name) =>
        ['noRestrictedImports', 'noUndeclaredDependencies', 'noRestrictedGlobals'].includes(name),
      );
      const found = rule === undefined ? watched.length === 0 : watched.includes(rule);
      assert.ok(found, `${folder}: ${statement} → ${watched.join(', ') || 'nothing found'}`);
    });
  });

  it('what is loaded late is known, and written out', () => {
    const late = [...nodes.keys()]
      .filter((path) => !path.startsWith('nodes/editor/') && !path.endsWith('.editor.ts'))
      .flatMap((path) => [...running(path).matchAll(/\b(?:require(?:\.resolve)?|import)\(([^)]*)\)/g)])
      .map(([, given = '']) => given);
    assert.deepEqual([...new Set(late)].sort(), LOADED_LATE.map((name) => JSON.stringify(name)).sort());
  });

  it('a browser gets types of requests and plain data, and nothing along with them', () => {
    assert.equal(running('nodes/admin/protocol.ts').trim(), '');
    for (const path of PLAIN) assert.doesNotMatch(running(path), /\bimport\b|\brequire\(/, path);
  });

  it('rest on six dependencies at most, each of them used', () => {
    const names = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    assert.ok(names.length > 0 && names.length <= 6, `${names.length} dependencies`);
    const all = [...nodes.keys()].map(running).join('\n');
    assert.deepEqual(
      names.filter((name) => !new RegExp(`(?:from|require\\(|import\\()\\s?"${name}["/]`).test(all)),
      [],
    );
  });
});

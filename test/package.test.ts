import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { npmCommand, packed } from '../servers/packed';
import { root } from './sources';

const run = promisify(execFile);

/** What a dialog says of its node, as far as it matters here. */
interface Definition {
  category: string;
  color?: string;
  icon?: string;
  inputs?: number;
  outputs?: number;
  defaults: Record<string, { value: unknown; type?: string }>;
  credentials?: Record<string, { type: string }>;
}

interface Example {
  file: string;
  nodes: ({ type: string } & Record<string, unknown>)[];
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  name: string;
  version: string;
  license: string;
  keywords: string[];
  engines: Record<string, string>;
  bin: Record<string, string>;
  'node-red': { version: string; nodes: Record<string, string> };
};
const sets = Object.keys(manifest['node-red'].nodes);
const languages = readdirSync(join(root, 'locales'));

const shipped = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The first inline script of a form, and what it registers when Node-RED's editor runs it. */
function registered(set: string): { script: string; type: string; definition: Definition } {
  const html = shipped(`dist/nodes/${set}.html`);
  const script = /<script type="text\/javascript">\n([\s\S]*?)<\/script>/.exec(html)?.[1];
  assert.ok(script, 'no inline script');
  const found: [string, Definition][] = [];
  const registerType = (type: string, definition: Definition): void => {
    found.push([type, definition]);
  };
  runInNewContext(script, { RED: { nodes: { registerType } } });
  assert.equal(found.length, 1);
  const [type, definition] = found[0] ?? assert.fail();
  return { script, type, definition };
}

function examples(): Example[] {
  return readdirSync(join(root, 'examples'))
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({ file, nodes: JSON.parse(shipped(`examples/${file}`)) as Example['nodes'] }));
}

describe('the package', function () {
  this.timeout(120_000);
  let files: string[];

  before(async () => {
    const { command, first } = npmCommand();
    // Scripts are left out: the build they would start again rewrites dist/ under the feet of other tests.
    const { stdout } = await run(command, [...first, 'pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
    });
    const [tarball] = JSON.parse(stdout) as { files: { path: string }[] }[];
    files = (tarball?.files ?? []).map(({ path }) => path).sort();
  });

  describe('holds what a user needs', () => {
    it('and nothing else', () => {
      const needed = [
        /^(package\.json|README\.md|LICENSE)$/,
        /^examples\/[\w-]+\.json$/,
        // The guides that the dialogs open in the help sidebar.
        /^resources\/guides\/[\w-]+\.md$/,
        /^dist\/nodes\/(?:[\w-]+\/)*[\w-]+\.(?:js|d\.ts)$/,
        /^dist\/nodes\/[\w-]+\.html$/,
        /^dist\/nodes\/icons\/[\w-]+\.(?:svg|png)$/,
        /^dist\/nodes\/locales\/[\w-]+\/[\w-]+\.(?:json|html)$/,
      ];
      assert.deepEqual(
        files.filter((path) => !needed.some((pattern) => pattern.test(path))),
        [],
      );
      assert.deepEqual(
        files.filter((path) => /\.editor\.|\.test\.|\.map$|(?<!\.d)\.ts$/.test(path)),
        [],
      );
    });

    it('with a README, a license and an example', () => {
      for (const path of ['README.md', 'LICENSE', 'package.json']) assert.ok(files.includes(path), path);
      assert.ok(files.some((path) => path.startsWith('examples/')));
    });

    it('with everything of every node', () => {
      const wanted = sets.flatMap((set) => [
        `dist/nodes/${set}.js`,
        `dist/nodes/${set}.html`,
        ...languages.flatMap((language) =>
          ['json', 'html'].map((ending) => `dist/nodes/locales/${language}/${set}.${ending}`),
        ),
      ]);
      assert.deepEqual(
        wanted.filter((path) => !files.includes(path)),
        [],
      );
      for (const [set, file] of Object.entries(manifest['node-red'].nodes)) {
        assert.equal(file, `dist/nodes/${set}.js`);
      }
      const palette = readdirSync(join(root, 'nodes')).filter((name) => name.endsWith('.html'));
      assert.deepEqual(palette.map((name) => basename(name, '.html')).sort(), [...sets].sort());
    });

    it('with every command, made for Node', () => {
      for (const path of Object.values(manifest.bin)) {
        assert.ok(files.includes(path), path);
        assert.match(shipped(path), /^#!\/usr\/bin\/env node\n/);
      }
    });

    it('with every guide', () => {
      for (const guide of readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))) {
        const path = `resources/guides/${guide}`;
        assert.ok(files.includes(path), path);
        assert.equal(shipped(path), shipped(`docs/${guide}`), `${path} is old`);
      }
    });

    it('as built from this source', () => {
      for (const set of sets) {
        const form = shipped(`nodes/${set}.html`).replace(/^ *<!-- include (\S+) -->\n/gm, (_, part) =>
          shipped(`nodes/${part}`),
        );
        assert.ok(shipped(`dist/nodes/${set}.html`).endsWith(form), `${set}.html is old`);
        for (const language of languages) {
          for (const ending of ['json', 'html']) {
            const file = `locales/${language}/${set}.${ending}`;
            assert.equal(shipped(`dist/nodes/${file}`), shipped(file), `${file} is old`);
          }
        }
      }
    });

    it('and says what it runs on', () => {
      assert.equal(manifest.name, '@redletter/node-red-pop3');
      assert.match(manifest.version, /^\d+\.\d+\.\d+$/);
      assert.equal(manifest.license, 'Apache-2.0');
      assert.equal(manifest.engines.node, '>=20');
      assert.equal(manifest['node-red'].version, '>=4.0.0');
      // By this word Node-RED's catalog finds it.
      assert.ok(manifest.keywords.includes('node-red'));
    });
  });

  it('loads as one file, and of its dependencies none before it is needed', async () => {
    const paths = sets.map((set) => join(root, 'dist/nodes', `${set}.js`));
    const script = `for (const path of ${JSON.stringify(paths)}) require(path);
      console.log(Object.keys(require.cache).join('\\n'));`;
    const { stdout } = await run(process.execPath, ['-e', script]);
    const loaded = stdout.trim().split('\n');
    assert.deepEqual(loaded.sort(), [...paths, join(root, 'dist/nodes/together.js')].sort());
  });

  for (const set of sets) {
    describe(`its ${set}`, () => {
      it('registers, in the HTML itself, the type the runtime registers', () => {
        const { script, type } = registered(set);
        // Node-RED's catalog reads it from the text, without running it.
        assert.ok(new RegExp(`RED\\.nodes\\.registerType\\("${type}", \\{`).test(script), 'no literal type');
        assert.ok(shipped(`dist/nodes/${set}.html`).includes(`data-template-name="${type}"`));
        assert.ok(shipped(`dist/nodes/${set}.js`).includes(`require('./together.js')["${set}"]`));
        const runtime = shipped('dist/nodes/together.js');
        assert.ok(
          new RegExp(`registerType\\(\\s*['"]${type}['"]`).test(runtime),
          'the runtime has another type',
        );
      });

      it('says in plain words what it is', () => {
        const { script, definition } = registered(set);
        const text = script.slice(script.indexOf('RED.nodes.registerType('));
        const literal = (name: string, value: unknown): void => {
          assert.notEqual(value, undefined, name);
          assert.ok(text.includes(`    ${name}: ${JSON.stringify(value)},\n`), `${name} is not a literal`);
        };
        literal('category', definition.category);
        for (const name of ['defaults', ...(definition.credentials ? ['credentials'] : [])]) {
          assert.ok(text.includes(`\n    ${name}: {\n`), `${name} is not a literal`);
        }
        if (definition.category === 'config') {
          assert.equal(definition.inputs ?? definition.outputs ?? definition.color, undefined);
        } else {
          literal('color', definition.color);
          literal('icon', definition.icon);
          literal('inputs', definition.inputs);
          literal('outputs', definition.outputs);
          assert.match(definition.color ?? '', /^#[0-9a-f]{6}$/i);
          assert.ok(files.includes(`dist/nodes/icons/${definition.icon}`), 'the icon does not ship');
        }
      });

      it('has a field for every property, and keeps no secret among them', () => {
        const { definition } = registered(set);
        const form = shipped(`dist/nodes/${set}.html`);
        const prefix = definition.category === 'config' ? 'node-config-input-' : 'node-input-';
        for (const [, id] of form.matchAll(new RegExp(`id="${prefix}([\\w-]+)"`, 'g'))) {
          const known = id && (id in definition.defaults || id in (definition.credentials ?? {}));
          assert.ok(known, `the field ${id} is no property`);
        }
        for (const [name, { type }] of Object.entries(definition.credentials ?? {})) {
          assert.ok(!(name in definition.defaults), `${name} would stand in the flow`);
          assert.equal(type, /password|secret|key|token/i.test(name) ? 'password' : 'text', name);
          assert.ok(form.includes(`id="${prefix}${name}"`), `no field for ${name}`);
        }
      });
    });
  }

  describe('its examples', () => {
    it('show every node', () => {
      const shown = new Set(examples().flatMap(({ nodes }) => nodes.map(({ type }) => type)));
      for (const set of sets) {
        const { type, definition } = registered(set);
        if (definition.category !== 'config') assert.ok(shown.has(type), `${type} is in no example`);
      }
    });

    it('can be imported: no foreign nodes, no secrets, no loose wires, no unknown properties', () => {
      const ours = new Map(
        sets.map((set) => registered(set)).map(({ type, definition }) => [type, definition]),
      );
      for (const { file, nodes } of examples()) {
        const ids = new Set(nodes.map(({ id }) => id));
        for (const node of nodes) {
          const where = `${file}: ${node.type} ${node.id}`;
          assert.ok(node.id && node.type, where);
          assert.ok(!('credentials' in node), `${where} has credentials`);
          for (const target of [node.wires ?? []].flat(2))
            assert.ok(ids.has(target), `${where} leads to ${target}`);
          const definition = ours.get(node.type);
          if (definition === undefined) {
            // An example that needs more than Node-RED itself has to say so in its comment node.
            const says = nodes.some(
              ({ type, name }) => type === 'comment' && /node-red-node-email/.test(String(name)),
            );
            const known = CORE.includes(node.type) || (node.type === 'e-mail' && says);
            assert.ok(known, `${where} is a node that may not be installed`);
            continue;
          }
          for (const [name, value] of Object.entries(node)) {
            if (STRUCTURE.includes(name)) continue;
            const property = definition.defaults[name];
            assert.ok(property, `${where} has no property ${name}`);
            if (property.type && value) assert.ok(ids.has(value), `${where}: ${name} is not in the example`);
          }
        }
      }
    });
  });

  describe('installed', () => {
    let modules: string;
    before(async () => {
      modules = (await packed()).nodeModules;
    });

    it('gives its POP3 client to programs, and nothing else of its inside', () => {
      const require = createRequire(join(modules, 'a-program.js'));
      const pop3 = require('@redletter/node-red-pop3/pop3') as Record<string, unknown>;
      assert.equal(typeof pop3.Pop3Client, 'function');
      assert.equal(typeof pop3.Pop3Error, 'function');
      for (const inside of ['', '/oauth2', '/dist/nodes/oauth2/index.js', '/dist/nodes/runtime']) {
        assert.throws(() => require(`@redletter/node-red-pop3${inside}`), {
          code: 'ERR_PACKAGE_PATH_NOT_EXPORTED',
        });
      }
    });

    it('contains the types of its POP3 client', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'redletter-types-'));
      try {
        await symlink(modules, join(folder, 'node_modules'), 'dir');
        await writeFile(
          join(folder, 'tsconfig.json'),
          JSON.stringify({
            compilerOptions: {
              strict: true,
              noEmit: true,
              target: 'es2022',
              module: 'node20',
              types: ['node'],
              typeRoots: [join(root, 'node_modules', '@types')],
            },
            files: ['program.ts'],
          }),
        );
        await writeFile(
          join(folder, 'program.ts'),
          [
            "import { Pop3Client, Pop3Error } from '@redletter/node-red-pop3/pop3';",
            'export async function count(password: string): Promise<number> {',
            "  const client = await Pop3Client.connect({ host: 'pop.example.com', port: 995, security: 'tls' });",
            "  const { messages } = await client.authenticate({ user: 'alice', password });",
            "  if (messages > 1000) throw new Pop3Error('LIMIT', 'too many');",
            '  // @ts-expect-error An attempt without a host is one the compiler refuses.',
            '  await Pop3Client.connect({ port: 995 });',
            '  return messages;',
            '}',
          ].join('\n'),
        );
        const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
        await run(process.execPath, [tsc, '-p', folder]).catch(({ stdout }) => assert.fail(String(stdout)));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });

    it('loads where nothing else is installed', () => {
      for (const set of sets) {
        const file = join(modules, ...manifest.name.split('/'), 'dist', 'nodes', `${set}.js`);
        assert.ok(existsSync(file));
        assert.equal(typeof createRequire(file)(file), 'function');
      }
    });

    it('leaves the libraries for when they are needed, so that Node-RED starts no later for them', async () => {
      const folder = join(modules, ...manifest.name.split('/'), 'dist', 'nodes');
      const program = `
        for (const set of ${JSON.stringify(sets)}) require(${JSON.stringify(folder)} + '/' + set + '.js');
        console.log(Object.keys(require.cache).filter((file) => !file.startsWith(require('node:fs').realpathSync(${JSON.stringify(folder)}))).join(' '));`;
      const { stdout } = await run(process.execPath, ['-e', program]);
      assert.equal(stdout, '\n');
    });
  });
});

/** Properties every node of a flow has. */
const STRUCTURE = ['id', 'type', 'z', 'g', 'x', 'y', 'd', 'l', 'wires', 'info', 'env'];

/** Nodes that are in every Node-RED. */
const CORE = [
  'tab',
  'group',
  'comment',
  'inject',
  'debug',
  'catch',
  'status',
  'complete',
  'link in',
  'link out',
  'link call',
  'function',
  'switch',
  'change',
  'range',
  'template',
  'delay',
  'trigger',
  'split',
  'join',
  'sort',
  'batch',
  'file',
  'file in',
  'http in',
  'http response',
  'http request',
  'json',
  'csv',
  'html',
  'mqtt in',
  'mqtt out',
  'mqtt-broker',
  'tls-config',
  'http proxy',
];

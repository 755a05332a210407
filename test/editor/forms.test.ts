// What HTML and catalogs have to repeat is compared with the one list it comes from.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { hintOf } from '../../nodes/editor/sign-in/hint';
import {
  ACCOUNT_CHOICES,
  ACCOUNT_DEFAULTS,
  ACK_CHOICES,
  ACK_DEFAULTS,
  POP3_IN_CHOICES,
  POP3_IN_DEFAULTS,
  TOKEN_DEFAULTS,
} from '../../nodes/node-red/data/defaults';
import { providers } from '../../nodes/oauth2/providers';
import { filesBelow, formOf, root } from '../sources';

const FORMS: [set: string, prefix: string, defaults: object, choices: Record<string, readonly string[]>][] = [
  ['pop3-in', 'node-input-', POP3_IN_DEFAULTS, POP3_IN_CHOICES],
  ['pop3-ack', 'node-input-', ACK_DEFAULTS, ACK_CHOICES],
  ['oauth2-token', 'node-input-', TOKEN_DEFAULTS, {}],
  ['oauth2-account', 'node-config-input-', ACCOUNT_DEFAULTS, ACCOUNT_CHOICES],
];
/** Credentials have fields too, and no default. */
const CREDENTIALS = ['user', 'password', 'clientId', 'clientSecret', 'privateKey', 'refreshToken'];

describe('the forms', () => {
  for (const [set, prefix, defaults, choices] of FORMS) {
    it(`of ${set} have a field for every property, and for nothing else`, () => {
      const fields = [...formOf(set).matchAll(new RegExp(`id="${prefix}(\\w+)"`, 'g'))].map(
        ([, name]) => name,
      );
      assert.equal(new Set(fields).size, fields.length, 'a field twice');
      assert.deepEqual(
        fields.filter((name) => !CREDENTIALS.includes(String(name))).sort(),
        Object.keys(defaults).sort(),
      );
    });

    it(`of ${set} offer the values that the runtime knows`, () => {
      for (const [name, values] of Object.entries(choices)) {
        const select = new RegExp(`<select id="${prefix}${name}"[^>]*>([\\s\\S]*?)</select>`).exec(
          formOf(set),
        );
        const offered = [...(select?.[1] ?? '').matchAll(/<option value="([^"]*)"/g)].map(
          ([, value]) => value,
        );
        assert.deepEqual(offered, [...values], name);
        assert.equal(
          (defaults as Record<string, unknown>)[name],
          values[0],
          `the first ${name} is the default`,
        );
      }
    });
  }

  it('have a hint for every provider, in every language', async () => {
    const wanted = new Set(Object.values(providers).map(hintOf));
    assert.ok(wanted.size >= 12);
    for (const id of ['qq', 'netease-163', 'netease-126', 'netease-yeah', 'sina']) {
      assert.equal(hintOf(providers[id] ?? assert.fail(id)), 'authorization-code');
    }
    for (const language of await readdir(join(root, 'locales'))) {
      const catalog = JSON.parse(
        await readFile(join(root, 'locales', language, 'oauth2-account.json'), 'utf8'),
      ) as { hint: Record<string, string> };
      for (const id of wanted) assert.ok(catalog.hint[id]?.trim(), `${language}: hint.${id}`);
      assert.match(catalog.hint['authorization-code'] ?? '', /授权码/, language);
    }
  });
});

describe('the browser’s code', function () {
  this.timeout(60_000);

  it('knows nothing of Node', async () => {
    const folder = await mkdtemp(join(root, 'nodes', 'editor', 'planted-'));
    try {
      await writeFile(
        join(folder, 'planted.ts'),
        "import '../form/form';\nexport const where = process.cwd();\nexport const bytes = Buffer.from('');\n",
      );
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      const outcome = await promisify(execFile)(process.execPath, [tsc, '-p', 'nodes/editor/tsconfig.json'], {
        cwd: root,
      }).then(
        () => '',
        ({ stdout }: { stdout: string }) => stdout,
      );
      assert.match(outcome, /Cannot find name 'process'/);
      assert.match(outcome, /Cannot find name 'Buffer'/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('sends requests from one place', () => {
    const senders = [...filesBelow('nodes', '.ts')]
      .filter(([, text]) => /\$\.(ajax|getJSON|post|get)\(|\bfetch\(|XMLHttpRequest/.test(text))
      .map(([path]) => path)
      .filter((path) => path.startsWith('nodes/editor/') || path.endsWith('.editor.ts'));
    assert.deepEqual(senders, ['nodes/editor/api.ts']);
  });

  it('looks texts up in one place', () => {
    const readers = [...filesBelow('nodes/editor', '.ts')]
      .filter(([, text]) => /RED\._\([`'"]@redletter/.test(text))
      .map(([path]) => path);
    assert.deepEqual(readers, ['nodes/editor/i18n.ts']);
  });
});

describe('the palette files', () => {
  it('are at most 150 lines each', () => {
    const long = [...filesBelow('nodes', '.ts'), ...filesBelow('nodes', '.html')]
      .filter(([path]) => path.split('/').length === 2 || path.endsWith('.html'))
      .map(([path, text]) => `${path}: ${text.split('\n').length - 1}`)
      .filter((line) => Number(line.split(': ')[1]) > 150);
    assert.deepEqual(long, []);
  });
});

// The guides say what is there: every status, every file they link to, every heading they point at.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pop3Fields } from '../nodes/mailbox/delivery/pop3-fields';
import { read } from './mail/support';
import { filesBelow, formOf, root } from './sources';

const pages = new Map([
  ...readdirSync(root)
    .filter((name) => name.endsWith('.md'))
    .map((name): [string, string] => [name, readFileSync(join(root, name), 'utf8')]),
  ['bench/README.md', readFileSync(join(root, 'bench', 'README.md'), 'utf8')],
  ...filesBelow('docs', '.md'),
]);

interface Compose {
  services: Record<string, { environment?: Record<string, string>; deploy?: { replicas: number } }>;
}

interface Manifest {
  replicas: number;
  serviceName: string;
  selector: { matchLabels: object };
  template: {
    metadata: { labels: object };
    spec: { containers: { env: { name: string }[]; livenessProbe: object; readinessProbe: object }[] };
  };
}

/** The anchor a heading has on GitHub. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchor(heading));
}

describe('the guides', () => {
  for (const [page, text] of pages) {
    it(`${page} links to nothing that is not there`, () => {
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https:\/\//.test(target)) continue;
        const [path = '', fragment] = target.split('#');
        const file = join(dirname(page), path);
        if (path !== '') assert.ok(existsSync(join(root, file)), `${target}: no such file`);
        if (fragment === undefined) continue;
        const aimed = path === '' ? text : (pages.get(file) ?? '');
        assert.ok(anchorsOf(aimed).includes(fragment), `${target}: no such heading`);
      }
    });
  }

  it('every guide is linked from another page', () => {
    const linked = [...pages].flatMap(([page, text]) =>
      [...text.matchAll(/\]\(([^)\s#]+)/g)].map(([, path = '']) => join(dirname(page), path)),
    );
    for (const page of pages.keys()) {
      if (page !== 'README.md') assert.ok(linked.includes(page), page);
    }
  });

  it('the compose file and the manifests of a fleet are YAML with all that a fleet needs', () => {
    const { loadAll } = require('js-yaml') as { loadAll(text: string): unknown[] };
    const blocks = [...(pages.get('docs/fleet.md') ?? '').matchAll(/^```yaml\n([\s\S]*?)^```$/gm)];
    const parsed = blocks.flatMap(([, yaml = '']) => loadAll(yaml)) as Record<string, unknown>[];
    const of = (kind: string) => parsed.find((one) => one.kind === kind) as { spec: Record<string, unknown> };
    const compose = parsed.find((one) => one.services !== undefined) as unknown as Compose;
    const needed = ['NODE_RED_CREDENTIAL_SECRET', 'REDLETTER_FLEET'];
    const { database, 'node-red': nodeRed } = compose.services;
    assert.deepEqual(Object.keys(nodeRed?.environment ?? {}).sort(), needed);
    const { username, password, pathname } = new URL(nodeRed?.environment?.REDLETTER_FLEET ?? '');
    const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = database?.environment ?? {};
    assert.deepEqual([username, password, pathname], [POSTGRES_USER, POSTGRES_PASSWORD, `/${POSTGRES_DB}`]);
    assert.ok((nodeRed?.deploy?.replicas ?? 0) > 1);

    const set = of('StatefulSet').spec as unknown as Manifest;
    const [container] = set.template.spec.containers;
    assert.deepEqual(container?.env.map(({ name }) => name).sort(), needed);
    assert.ok(container?.livenessProbe && container.readinessProbe);
    assert.ok(set.replicas > 1);
    assert.equal(set.serviceName, (of('Service') as unknown as { metadata: { name: string } }).metadata.name);
    const labels = [set.selector.matchLabels, set.template.metadata.labels, of('Service').spec.selector];
    const budget = of('PodDisruptionBudget').spec as { selector: { matchLabels: object } };
    for (const label of labels) assert.deepEqual(label, budget.selector.matchLabels);
  });

  it('every limit that ARCHITECTURE.md lists is declared in the file it names', () => {
    const limits = pages.get('ARCHITECTURE.md')?.split('\n## Limits')[1]?.split('\n## ')[0] ?? '';
    const rows = [...limits.matchAll(/`(\w+)` in \[[^\]]+\]\(([^)]+)\) \|$/gm)];
    assert.ok(rows.length > 20, `only ${rows.length} limits found`);
    for (const [, name = '', path = ''] of rows) {
      const declaration = new RegExp(`^(?:export )?const ${name}\\b`, 'm');
      assert.match(readFileSync(join(root, path), 'utf8'), declaration, `${name} in ${path}`);
    }
  });

  it('message.md shows the message that its email becomes', async () => {
    const text = pages.get('docs/message.md') ?? '';
    const [eml = '', message = '', pop3 = ''] = [...text.matchAll(/```(?:eml|json)\n([\s\S]*?)```/g)].map(
      ([, block = '']) => block,
    );
    const shown = (value: unknown): unknown => {
      if (Buffer.isBuffer(value)) return `<Buffer, ${value.length} bytes>`;
      if (value instanceof Date) return value.toISOString();
      if (value instanceof Map) return shown(Object.fromEntries(value));
      if (Array.isArray(value)) return value.map(shown);
      if (typeof value !== 'object' || value === null) return value;
      const set = Object.entries(value).filter(([, one]) => one !== undefined);
      return Object.fromEntries(set.map(([key, one]) => [key, shown(one)]));
    };
    assert.deepEqual(shown(await read(eml.replaceAll('\n', '\r\n'))), JSON.parse(message));
    const origin = { node: 'n', user: 'u', host: 'h' };
    const fields = pop3Fields(origin, { key: 'k', uid: 'u', number: 1 }, { bytes: 1, earlier: 0 });
    assert.deepEqual(Object.keys(JSON.parse(pop3)), Object.keys(fields));
  });

  it('the README counts the examples', () => {
    const count = readdirSync(join(root, 'examples')).length;
    const words = ['six', 'seven', 'eight', 'nine', 'ten'];
    assert.ok(pages.get('README.md')?.includes(`contains ${words[count - 6]} flows`), `${count} examples`);
  });

  it('every attack that SECURITY.md lists has the test it names', () => {
    const table = pages.get('SECURITY.md')?.split('\n## Attacks and their tests')[1]?.split('\n## ')[0] ?? '';
    const rows = [...table.matchAll(/\| \[[^\]]+\]\((test\/[^)]+)\): \*(.+)\* \|$/gm)];
    // Head and rule are two more.
    assert.equal(rows.length + 2, table.match(/^\|/gm)?.length);
    for (const [, path = '', title = ''] of rows) {
      // The attack mails are named where they are made.
      const text = [path, 'test/hostile/mails.ts']
        .map((file) => readFileSync(join(root, file), 'utf8'))
        .join();
      assert.ok(text.includes(title), `${path}: ${title}`);
    }
  });

  it('a field of the node is where a guide says it is', () => {
    const { section, label } = JSON.parse(
      readFileSync(join(root, 'locales', 'en-US', 'pop3-in.json'), 'utf8'),
    ) as { section: Record<string, string>; label: Record<string, string> };
    const form = formOf('pop3-in');
    /** The section of the form that contains a field's label; empty: no section, always visible. */
    const sectionOf = (key: string): string => {
      const before = form.slice(0, form.indexOf(`data-i18n="label.${key}"`));
      const within = before.slice(before.lastIndexOf('</details>') + 1);
      return section[/data-i18n="section\.(\w+)"/.exec(within)?.[1] ?? ''] ?? '';
    };
    const says = (page: string, text: string): void => {
      assert.ok(pages.get(`docs/${page}.md`)?.includes(text), `${page}: ${text}`);
    };
    says('google', `*${label.recent}* in the node, under *${sectionOf('recent')}*`);
    says('microsoft-365', `In **mail in (POP3)** enter the shared mailbox's address as *${label.user}*`);
    assert.equal(sectionOf('user'), '');
    says('troubleshooting', `*${sectionOf('mechanism')}* → *${label.mechanism}*`);
    says('from-the-e-mail-node', `| Userid, Password | ${label.user}, ${label.password} |`);
  });

  for (const node of ['pop3-in', 'pop3-ack']) {
    it(`troubleshooting has every status of ${node}`, () => {
      const words = JSON.parse(
        readFileSync(join(root, 'locales', 'en-US', `${node}.json`), 'utf8'),
      ) as object;
      const text = pages.get('docs/troubleshooting.md') ?? '';
      for (const [key, value] of Object.entries(words)) {
        if (typeof value === 'string') assert.ok(text.includes(`\`${value}\``), key);
      }
    });
  }
});

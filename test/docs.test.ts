// The guides say what is there: every status, every file they link to, every heading they point at.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { filesBelow, root } from './sources';

const pages = new Map([
  ['README.md', readFileSync(join(root, 'README.md'), 'utf8')],
  ['bench/README.md', readFileSync(join(root, 'bench', 'README.md'), 'utf8')],
  ...filesBelow('docs', '.md'),
]);

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

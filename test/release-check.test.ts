// A release that is prepared as RELEASING.md describes passes its check; each fault is a line of its own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './sources';

const VERSION = '99.0.0';

describe('the check before a release', function () {
  this.timeout(60_000);
  this.slow(20_000);
  let folder: string;

  const git = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync('git', args, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const edit = (file: string, change: (text: string) => string): void =>
    writeFileSync(join(folder, file), change(readFileSync(join(folder, file), 'utf8')));
  /** The faults that it reports; without the registry `npm audit` cannot tell. */
  function faults(): { faults: string[]; stdout: string; status: number | null } {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/release-check.mjs'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const lines = stderr.split('\n').filter((line) => line !== '');
    return { faults: lines.filter((line) => !line.startsWith('✗ npm audit')), stdout, status };
  }

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'release-check-'));
    const { stdout } = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
    });
    const files = stdout.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
    for (const file of [...files, 'dist']) cpSync(join(root, file), join(folder, file), { recursive: true });
    edit('package.json', (text) => text.replace(/"version": "[^"]+"/, `"version": "${VERSION}"`));
    edit('package-lock.json', (text) => {
      const lock = JSON.parse(text);
      lock.version = VERSION;
      lock.packages[''].version = VERSION;
      return JSON.stringify(lock, undefined, 2);
    });
    edit('CHANGELOG.md', (text) =>
      text
        .replace('## [Unreleased]\n', `## [Unreleased]\n\n## [${VERSION}] - 2099-01-01\n`)
        .replace('\n[Unreleased]: ', `\n[${VERSION}]: https://example.com/\n[Unreleased]: `),
    );
    git('init', '--quiet');
    git('config', 'user.email', 'release@example.com');
    git('config', 'user.name', 'Release');
    git('add', '--all');
    git('commit', '--quiet', '--no-verify', '--message', 'Release');
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('passes with version, changelog and a clean working tree', () => {
    const run = faults();
    assert.deepEqual(run.faults, []);
    if (run.status === 0) assert.match(run.stdout, new RegExp(`Ready to release:\\s+git tag v${VERSION}`));
  });

  it('names a version without an entry, an existing tag, and files that are not committed', () => {
    git('tag', `v${VERSION}`);
    edit('CHANGELOG.md', (text) => text.replace(`## [${VERSION}]`, '## [98.0.0]'));
    const run = faults();
    assert.notEqual(run.status, 0);
    for (const fault of [/tag v99\.0\.0 exists/, /no section "## \[99\.0\.0\]/, /not committed/]) {
      assert.ok(
        run.faults.some((line) => fault.test(line)),
        `${fault} in ${run.faults.join('\n')}`,
      );
    }
  });
});

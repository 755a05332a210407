// Checks what a release promises, before the tag: version, changelog, tarball, dependencies, working tree. Each fault is
// a line; with one or more the exit code is 1. Publishes nothing. See RELEASING.md.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const read = (path) => readFileSync(path, 'utf8');
const manifest = JSON.parse(read('package.json'));
const { version } = manifest;
const faults = [];
const check = (holds, fault) => holds || faults.push(fault);

function output(command, ...args) {
  const { status, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    shell: process.platform === 'win32',
  });
  return status === 0 ? stdout.trim() : undefined;
}

// Version: one number everywhere, not published, not tagged.
check(/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version), `package.json: ${version} is not a semantic version`);
const lock = JSON.parse(read('package-lock.json'));
check(
  lock.version === version && lock.packages[''].version === version,
  'package-lock.json has another version',
);
check(!output('git', 'tag', '--list', `v${version}`), `The tag v${version} exists already`);

// Changelog: a dated section with content for this version, and its link.
const changelog = read('CHANGELOG.md');
const heading = `## [${version}] - `;
const [, section = ''] = changelog.split(heading);
check(/^\d{4}-\d{2}-\d{2}\n/.test(section), `CHANGELOG.md has no section "${heading}<date>"`);
check(/^- /m.test(section.split('\n## ')[0]), `CHANGELOG.md says nothing about ${version}`);
check(changelog.includes(`\n[${version}]: `), `CHANGELOG.md has no link for ${version}`);
const [, unreleased = ''] = /## \[Unreleased\]\n([\s\S]*?)(?=\n## |$)/.exec(changelog) ?? [];
check(!/^- /m.test(unreleased), 'CHANGELOG.md still has unreleased entries');

// Tarball: what package.json names is in it, and nothing of the repository besides.
check(existsSync('dist/nodes'), 'dist/ is missing: npm run build');
const packed = JSON.parse(output('npm', 'pack', '--dry-run', '--json', '--ignore-scripts') ?? '[]')[0];
const files = new Set((packed?.files ?? []).map(({ path }) => path));
for (const path of [
  'README.md',
  'LICENSE',
  ...Object.values(manifest['node-red'].nodes),
  ...Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  ),
]) {
  check(files.has(path.replace(/^\.\//, '')), `The tarball lacks ${path}`);
}
for (const path of files) {
  check(!/(?:^|\/)(?:test|bench|servers|demo)\/|\.test\.|\.map$|\.env/.test(path), `The tarball has ${path}`);
}
check((packed?.unpackedSize ?? 0) < 5_000_000, `The tarball has ${packed?.unpackedSize} bytes`);

// Dependencies: few, and without known faults.
const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
check(dependencies.length <= 6, `${dependencies.length} runtime dependencies`);
check(
  output('npm', 'audit', '--omit=dev', '--audit-level=high') !== undefined,
  'npm audit reports a problem of high severity, or cannot reach the registry',
);

// Provenance: npm accepts it only from the public repository that package.json names, by the release workflow.
check(/^git\+https:\/\/github\.com\//.test(manifest.repository.url), 'repository.url is not on GitHub');
const workflow = existsSync('.github/workflows/release.yml') ? read('.github/workflows/release.yml') : '';
check(/npm publish --provenance/.test(workflow), 'The release workflow does not publish with provenance');
check(/id-token: write/.test(workflow), 'The release workflow may not request an identity token');

// Working tree: the tag names what was tested.
check(output('git', 'status', '--porcelain') === '', 'The working tree has changes that are not committed');

for (const fault of faults) console.error(`✗ ${fault}`);
if (faults.length > 0) process.exitCode = 1;
else {
  console.log(
    `${manifest.name} ${version}: ${files.size} files, ${packed.unpackedSize} bytes. Ready to release:`,
  );
  console.log(`  git tag v${version} && git push origin v${version}`);
}

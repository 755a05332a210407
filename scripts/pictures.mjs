// The pictures of README and guides: taken by the browser tests, so that they show what is there. `npm run pictures`
// builds, runs the tests that take them, and puts the chosen ones into docs/images/.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const tests = ['first-mail', 'account-ways', 'health'].map((name) => `test/editor/${name}.test.ts`);
const chosen = {
  'first-mail-4': 'first-mail',
  'test-4': 'test',
  'device-4': 'device-code',
  'connected-4': 'signed-in',
  'health-revoked-4': 'health',
};

const mocha = join('node_modules', 'mocha', 'bin', 'mocha.js');
const ran = spawnSync(process.execPath, [mocha, ...tests, '--grep', 'Node-RED 4'], {
  cwd: root,
  stdio: 'inherit',
  // Without what the pictures need, there are none.
  env: { ...process.env, CI: 'true' },
});
if (ran.status !== 0) process.exit(ran.status ?? 1);
mkdirSync(join(root, 'docs', 'images'), { recursive: true });
for (const [taken, name] of Object.entries(chosen)) {
  copyFileSync(join(root, '.screenshots', `${taken}.png`), join(root, 'docs', 'images', `${name}.png`));
}

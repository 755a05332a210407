// Type check, linter, and the quick tests: no Dovecot, PostgreSQL, Node-RED, browser or packed package, no long input. A test file belongs here unless it, or what it imports from test/ and servers/, starts one.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));

/** Helpers that start a program. */
const SLOW = /^servers\/(?:dovecot|postgres|node-red|browser|packed|scorecard|child)\.ts$/;
/** Random and large input: half a minute each. */
const LONG = new Set(
  `hostile/mail hostile/servers mail/abort mail/charsets mail/judges mail/hostile mail/long-text mail/oracle
   pop3/abuse pop3/tls-abuse`
    .split(/\s+/)
    .map((name) => `test/${name}.test.ts`),
);
const STARTS_A_PROGRAM = /\b(?:spawn|fork|execFile|execFileSync|spawnSync)\(/;

const slow = new Map();

function isSlow(path) {
  const known = slow.get(path);
  if (known !== undefined) return known;
  slow.set(path, false);
  const text = readFileSync(path, 'utf8');
  const result =
    SLOW.test(path) ||
    (path.endsWith('.test.ts') && STARTS_A_PROGRAM.test(text)) ||
    [...text.matchAll(/from '(\.[^']*)'/g)].some(([, target]) => {
      const file = `${posix.join(posix.dirname(path), target)}.ts`;
      return /^(?:test|servers)\//.test(file) && existsSync(file) && isSlow(file);
    });
  slow.set(path, result);
  return result;
}

const tests = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name.replaceAll('\\', '/')}`)
  .sort();
const fast = tests.filter((path) => !LONG.has(path) && !isSlow(path));

const bin = (name, file) => join('node_modules', name, file);
for (const args of [
  [bin('typescript', 'bin/tsc'), '-p', 'tsconfig.json'],
  [bin('@biomejs/biome', 'bin/biome'), 'check', '.'],
  [bin('mocha', 'bin/mocha.js'), ...(process.argv.length > 2 ? process.argv.slice(2) : []), ...fast],
]) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
console.log(`${fast.length} of ${tests.length} test files; npm test runs all of them.`);

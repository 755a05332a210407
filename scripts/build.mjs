// The one build: types are checked and runtime code emitted by tsc and bundled, each dialog is bundled by esbuild and
// inlined into the HTML that ships. Any type error ends it with a non-zero exit and no half-made dist/.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'dist', 'nodes');
process.chdir(root);
rmSync(join(root, 'dist'), { recursive: true, force: true });

const tsc = spawnSync(
  process.execPath,
  [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
  {
    stdio: 'inherit',
  },
);
if (tsc.status !== 0) {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  process.exit(tsc.status ?? 1);
}

// Node-RED loads one file in place of some 260, which takes it less than half the time. Names are kept for stack traces.
const sets = readdirSync('nodes')
  .filter((name) => name.endsWith('.editor.ts'))
  .map((name) => name.slice(0, -'.editor.ts'.length));
const entries = sets.map((set) => `${JSON.stringify(set)}: require('./${set}.js')`);
await build({
  stdin: { contents: `module.exports = { ${entries.join(', ')} };`, resolveDir: out },
  outfile: join(out, 'together.js'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  packages: 'external',
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
});
for (const set of sets)
  writeFileSync(
    join(out, `${set}.js`),
    `module.exports = require('./together.js')[${JSON.stringify(set)}];\n`,
  );

/** A form may be kept in parts: `<!-- include editor/form/connection.html -->`, a path below `nodes/`. */
const withParts = (html) =>
  html.replace(/^ *<!-- include (\S+) -->\n/gm, (_, path) => readFileSync(join('nodes', path), 'utf8'));

for (const name of sets) {
  const bundle = await build({
    entryPoints: [join('nodes', `${name}.editor.ts`)],
    outdir: out,
    bundle: true,
    format: 'iife',
    target: 'es2020',
    charset: 'utf8',
    legalComments: 'none',
    // Node-RED serves them below the editor's own address.
    external: ['icons/*'],
    write: false,
  });
  const output = (ending) => bundle.outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
  const script = output('.js').replaceAll('</script', '<\\/script');
  const form = withParts(readFileSync(join('nodes', `${name}.html`), 'utf8'));
  mkdirSync(out, { recursive: true });
  writeFileSync(
    join(out, `${name}.html`),
    `<script type="text/javascript">\n${script}</script>\n\n<style>\n${output('.css')}</style>\n\n${form}`,
  );
}

for (const folder of ['icons', 'locales']) {
  if (existsSync(folder)) cpSync(folder, join(out, folder), { recursive: true });
}

// Node-RED serves a package's resources beside its editor, where the help sidebar gets the guides from.
const guides = join('resources', 'guides');
rmSync('resources', { recursive: true, force: true });
mkdirSync(guides, { recursive: true });
for (const file of readdirSync('docs').filter((name) => name.endsWith('.md')))
  cpSync(join('docs', file), join(guides, file));

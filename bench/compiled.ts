// Programs of the bench that measure the package as it is built: `npm run build` comes first. What runs TypeScript as it
// is keeps a name with every function, which doubles the memory of a node.
import { existsSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(__dirname, '..');
const OUT = join(ROOT, 'node_modules', '.cache', 'bench');

/** @returns the file of the program, compiled */
export async function compiled(script: string): Promise<string> {
  if (!existsSync(join(ROOT, 'dist', 'nodes'))) throw new Error('Not built yet: npm run build');
  const outfile = join(OUT, `${basename(script, '.ts')}.cjs`);
  await build({
    entryPoints: [script],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    packages: 'external',
    plugins: [
      {
        name: 'the package as it is built',
        setup: ({ onResolve }) => {
          onResolve({ filter: /\/nodes\// }, ({ path, resolveDir }) => {
            const inside = relative(join(ROOT, 'nodes'), resolve(resolveDir, path));
            return { path: join(ROOT, 'dist', 'nodes', inside), external: true };
          });
        },
      },
    ],
  });
  return outfile;
}

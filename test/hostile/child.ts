// Runs one of the programs of this folder, each attack in a process of its own with a heap of 256 MB.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

const ROOT = join(__dirname, '..', '..');
/** Milliseconds after which a process is ended, however busy the machine: by far more than ten mails take. */
const PATIENCE = 200_000;

export class Programs {
  readonly #folder = mkdtempSync(join(tmpdir(), 'hostile-'));

  constructor(...names: string[]) {
    // Compiled once, so that a process starts in no time and holds nothing but what is measured.
    buildSync({
      entryPoints: names.map((name) => join(__dirname, `${name}.ts`)),
      bundle: true,
      platform: 'node',
      packages: 'external',
      outdir: this.#folder,
    });
  }

  /** What a program measured. Rejects where the process ended before it had told. */
  run<Result>(name: string, ...args: string[]): Promise<Result> {
    return new Promise((resolve, reject) => {
      const child = fork(join(this.#folder, `${name}.js`), [ROOT, ...args], {
        execArgv: ['--max-old-space-size=256', '--expose-gc'],
        env: { ...process.env, NODE_PATH: join(ROOT, 'node_modules') },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
      let said = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-2000);
      });
      let result: Result | undefined;
      child.on('message', (message) => {
        result = message as Result;
      });
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        if (result) resolve(result);
        else reject(new Error(`ended with ${signal ?? code}: ${said}`));
      });
    });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

// What loading the package costs Node-RED: the CPU of loading the four nodes, and of a start with one node in the flows.
// Run after `npm run build`: node --import tsx bench/load.ts
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { before, beforeMissing } from './before';
import { measureStart } from './thousand';

const RUNS = 15;
const SETS = ['pop3-in', 'oauth2-account', 'pop3-ack', 'oauth2-token'];

export interface LoadCost {
  /** CPU of loading the four nodes, ms: the least and the median of the runs. */
  least: number;
  median: number;
  /** The same of version 0.1.0, where the history is here. */
  before?: number;
  beforeMedian?: number;
  files: number;
  beforeFiles?: number;
  /** CPU of Node itself until it runs a program, ms, the least: tells how quick the machine is. */
  node: number;
  /** CPU of a start of Node-RED with one `pop3 in` in its flows, beyond one without this package, ms. */
  oneNode: number;
}

/** In a process of its own: [ms of CPU, files, ms of CPU of Node before]. */
const PROGRAM = `
const start = process.cpuUsage();
for (const file of process.argv.slice(1)) require(file);
const { user, system } = process.cpuUsage(start);
console.log(JSON.stringify([(user + system) / 1000, Object.keys(require.cache).length, (start.user + start.system) / 1000]));
`;

function load(folder: string): [ms: number, files: number, node: number] {
  const files = SETS.map((set) => join(folder, 'dist', 'nodes', `${set}.js`));
  const said = execFileSync(process.execPath, ['-e', PROGRAM, '--', ...files], { encoding: 'utf8' });
  return JSON.parse(said) as [number, number, number];
}

const rounded = (ms: number): number => Math.round(ms * 10) / 10;
const middle = (numbers: number[]): number =>
  rounded(numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number);
const least = (numbers: number[]): number => rounded(Math.min(...numbers));

export async function measureLoad(): Promise<LoadCost> {
  const root = join(__dirname, '..');
  if (!existsSync(join(root, 'dist', 'nodes'))) throw new Error('Not built yet: npm run build');
  const old = beforeMissing() === undefined ? before().folder : undefined;
  const now: number[] = [];
  const then: number[] = [];
  const node: number[] = [];
  let files = 0;
  let beforeFiles = 0;
  for (let run = 0; run < RUNS; run += 1) {
    const [ms, count, own] = load(root);
    now.push(ms);
    node.push(own);
    files = count;
    if (old === undefined) continue;
    const [oldMs, oldCount] = load(old);
    then.push(oldMs);
    beforeFiles = oldCount;
  }
  return {
    least: least(now),
    median: middle(now),
    ...(old && { before: least(then), beforeMedian: middle(then), beforeFiles }),
    files,
    node: least(node),
    oneNode: await measureStart(1, 5),
  };
}

if (require.main === module) void measureLoad().then((cost) => console.table([cost]));

// A ledger that remembers 100,000 mails: how long opening takes, what it keeps in memory, what one mail more costs.
// Run: node --import tsx bench/ledger.ts
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ledger } from '../nodes/mailbox';
import { fileLog } from '../nodes/mailbox/store/file/log';

const MAILS = 100_000;
const ROUNDS = 5;
const MB = 1024 * 1024;
/** As long as Dovecot's and Exchange's are. */
const keys = Array.from({ length: MAILS }, (_, at) => `u${at.toString(16).padStart(8, '0')}5f2b9c1a`);

const heap = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

async function write(file: string, history: 'baseline' | 'processed' | 'compacted'): Promise<void> {
  // A file of this size is compacted by itself; the history is kept here to be measured.
  const ledger = await Ledger.open(
    fileLog(file),
    Date.now,
    history === 'compacted' ? 0 : Number.POSITIVE_INFINITY,
  );
  if (history === 'baseline') await ledger.recordBaseline(keys);
  else {
    await ledger.recordBaseline([]);
    for (let at = 0; at < MAILS; at += 64) {
      const window = keys.slice(at, at + 64);
      await ledger.recordIntents(window);
      await Promise.all(window.map((key) => ledger.markDone(key)));
    }
  }
  await ledger.recordCheck();
  await ledger.close();
}

async function measure(folder: string, history: Parameters<typeof write>[1]): Promise<void> {
  const file = join(folder, `${history}.ledger`);
  await write(file, history);
  const times: number[] = [];
  let kept = 0;
  let note = 0;
  let listing = 0;
  const before = heap();
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now();
    const ledger = await Ledger.open(fileLog(file), Date.now, Number.POSITIVE_INFINITY);
    times.push(performance.now() - began);
    if (round === 0) kept = heap() - before;
    const noted = performance.now();
    for (let at = 0; at < 1000; at += 1) await ledger.markDone(`new-${at}`);
    note = (performance.now() - noted) / 1000;
    const listed = performance.now();
    await ledger.recordListing(new Set(keys));
    listing = performance.now() - listed;
    await ledger.close();
  }
  times.sort((a, b) => a - b);
  const size = (await stat(file)).size;
  console.log(
    `${history.padEnd(10)} ${(size / MB).toFixed(1).padStart(5)} MB on disk · opened in ` +
      `${times[Math.floor(ROUNDS / 2)]?.toFixed(0)} ms (${times.at(-1)?.toFixed(0)} at worst) · ` +
      `${(kept / MB).toFixed(1)} MB of heap · ${(note * 1000).toFixed(0)} µs for a note · ` +
      `${listing.toFixed(0)} ms to compare with a listing`,
  );
}

const HISTORIES = ['baseline', 'processed', 'compacted'] as const;

/** Each history in a process of its own: what one leaves in memory must not be counted with the next. */
async function main(): Promise<void> {
  const chosen = HISTORIES.find((history) => history === process.argv[2]);
  if (chosen === undefined) {
    for (const history of HISTORIES) {
      const run = ['--expose-gc', '--import', 'tsx', __filename, history];
      spawnSync(process.execPath, run, { stdio: 'inherit' });
    }
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'redletter-ledger-'));
  try {
    await measure(folder, chosen);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

void main();

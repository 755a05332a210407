// What one thing costs the process in which it happens, in CPU time and not by the clock, so that a busy machine changes
// nothing: the longest turn of the event loop on the main thread, all threads together, and the most memory.
import { openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { platform } from 'node:os';

export interface Cost {
  /** Milliseconds of CPU of the main thread in the longest turn of the event loop: so long every other flow waited. */
  turn: number;
  /** Milliseconds of CPU of all threads. */
  cpu: number;
  /** Bytes by which the process grew at the most. */
  memory: number;
}

const IS_LINUX = platform() === 'linux';
const place = Buffer.alloc(128);
const schedstat = IS_LINUX ? openSync('/proc/self/schedstat', 'r') : -1;

/** Milliseconds of CPU of the main thread so far; elsewhere than on Linux of all threads, which is more. */
function mainThread(): number {
  if (!IS_LINUX) {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }
  const length = readSync(schedstat, place, 0, place.length, 0);
  return Number.parseInt(place.toString('latin1', 0, length), 10) / 1e6;
}

/** The most memory since {@link forgetMost}. */
function mostMemory(): number {
  if (!IS_LINUX) return process.memoryUsage.rss();
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1024;
}

function forgetMost(): void {
  // Resets the peak (proc(5)).
  if (IS_LINUX) writeFileSync('/proc/self/clear_refs', '5');
}

/** The least memory of the process in front of anything measured: what earlier mails left counts for later ones. */
let least = Number.POSITIVE_INFINITY;

/** Does something and tells what it cost. */
export async function costOf(act: () => Promise<unknown>): Promise<Cost> {
  (globalThis as { gc?: () => void }).gc?.();
  forgetMost();
  let memory = process.memoryUsage.rss();
  least = Math.min(least, memory);
  const base = least;
  let turn = 0;
  let counting = true;
  let began = mainThread();
  const count = (): void => {
    const now = mainThread();
    turn = Math.max(turn, now - began);
    if (!IS_LINUX) memory = Math.max(memory, mostMemory());
    began = now;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const from = process.cpuUsage();
  await act();
  // The last turn ends here.
  await new Promise(setImmediate);
  counting = false;
  count();
  const { user, system } = process.cpuUsage(from);
  memory = Math.max(memory, mostMemory());
  return { turn, cpu: (user + system) / 1000, memory: memory - base };
}

/**
 * A process with mailboxes that wait, to be measured: another one has a heap of its own doings. Its argument is the order
 * as JSON; it prints the bytes that each of the later mailboxes keeps.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../../nodes/mailbox';
import { Ledgers } from '../../nodes/runtime/ledgers';
import { Turns } from '../../nodes/runtime/session-limiter';
import { attend } from '../../servers/attended-mailbox';

export interface MemoryOrder {
  port: number;
  folder: string;
  /** Before anything is measured, so that everything is loaded and compiled; and then. */
  first: number;
  more: number;
}

const { port, folder, first, more } = JSON.parse(process.argv[2] ?? '') as MemoryOrder;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const ledgers = new Ledgers(folder, systemClock);
const turns = new Turns();

/** Resolves when each has been checked. */
function attendMany(from: number, count: number): Promise<void> {
  let left = count;
  return new Promise((resolve) => {
    for (let at = from; at < from + count; at += 1) {
      const user = `user${at}`;
      attend(ledgers, {
        name: 'a',
        user,
        port,
        interval: 300,
        inTurn: (run, signal) => turns.take(user, run, signal),
        deliver: async () => undefined,
        onCheck: () => {
          left -= 1;
          if (left === 0) setImmediate(resolve);
        },
      });
    }
  });
}

/** What the last sessions leave goes in the turns after them: the least of some looks is what is kept. */
async function heap(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 5; look += 1) {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
    await pause(50);
  }
  return least;
}

async function main(): Promise<void> {
  await attendMany(0, first);
  const before = await heap();
  await attendMany(first, more);
  process.stdout.write(`${Math.round(((await heap()) - before) / more)}\n`);
  process.exit(0);
}

void main();

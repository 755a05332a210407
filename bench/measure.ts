// What one run of one client cost, and the middle of several.
import { readFileSync } from 'node:fs';

/** Times in ms, memory in MB. */
export interface Cost {
  wall: number;
  cpu: number;
  /** The greatest resident set of the process while it ran. */
  peak: number;
  /** The longest time the event loop stood still; only where there is one to be looked at. */
  block?: number;
  /** What came out, to see that all did the same: mails, characters of text, bytes of attachments. */
  mails?: number;
  text?: number;
  attached?: number;
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}

export interface Summary extends Cost {
  rounds: number;
  /** The quickest of the rounds, and the one of the least CPU. */
  least: number;
  leastCpu: number;
}

/** The median of each figure on its own. */
export function summary(costs: Cost[]): Summary {
  const of = (key: keyof Cost): number => median(costs.flatMap((cost) => cost[key] ?? []));
  const [first] = costs as [Cost];
  const digits = (value: number): number => Number(value.toPrecision(4));
  const middle: Summary = {
    rounds: costs.length,
    wall: digits(of('wall')),
    least: digits(Math.min(...costs.map(({ wall }) => wall))),
    cpu: digits(of('cpu')),
    leastCpu: digits(Math.min(...costs.map(({ cpu }) => cpu))),
    peak: digits(of('peak')),
  };
  if (first.block !== undefined) middle.block = digits(of('block'));
  for (const key of ['mails', 'text', 'attached'] as const) {
    if (first[key] !== undefined) middle[key] = of(key);
  }
  return middle;
}

/** Clock ticks a second in /proc; Linux has had no other number for decades. */
const TICKS = 100;

/** What Linux says of a running process: CPU in ms and greatest resident set in MB; undefined once it is gone. */
export function look(pid: number): { cpu: number; peak: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    const cpu = ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
    const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
    return Number.isNaN(peak) ? undefined : { cpu, peak };
  } catch {
    return undefined;
  }
}

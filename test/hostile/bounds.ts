import assert from 'node:assert/strict';
import type { Cost } from './meter';

const MB = 1024 * 1024;

/** Milliseconds of CPU in one turn of the event loop: what a person notices in an editor or a dashboard. */
const MOST_TURN = 100;
const MOST_CPU = 10_000;

/** The bounds of what a stranger may cost Node-RED: 100 ms in one go, 10 s in all, 4 times the size and 64 MB. */
export const isBounded = ({ turn, cpu, memory }: Cost, size: number): boolean =>
  turn <= MOST_TURN && cpu <= MOST_CPU && memory <= 4 * size + 64 * MB;

/**
 * At the most half of the bounds of time, so that it matters little what has run before. What earlier mails left in
 * memory counts as this one's.
 */
export const isFarBelow = ({ turn, cpu, memory }: Cost, size: number): boolean =>
  isBounded({ turn: turn * 2, cpu: cpu * 2, memory }, size);

export function assertBounded(cost: Cost, size: number, what = ''): void {
  const { turn, cpu, memory } = cost;
  const found = `${turn.toFixed(0)} ms in one go, ${cpu.toFixed(0)} ms, ${(memory / MB).toFixed(0)} MB for ${(size / MB).toFixed(1)} MB`;
  assert.ok(isBounded(cost, size), what + found);
}

/** With HOSTILE_COSTS set: a row of a table. */
export function show(name: string, { turn, cpu, memory }: Cost, size: number, output = 0): void {
  if (!process.env.HOSTILE_COSTS) return;
  const mb = (bytes: number) => `${(bytes / MB).toFixed(2)} MB`;
  console.log(
    `| ${name} | ${mb(size)} | ${turn.toFixed(0)} ms | ${cpu.toFixed(0)} ms | ${mb(memory)} | ${mb(output)} |`,
  );
}

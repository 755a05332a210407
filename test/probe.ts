import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A node that records each delivery before anything else can happen to it, and acknowledges if asked to. */
const PROBE = `
const { appendFileSync } = require('node:fs');
const { join } = require('node:path');
module.exports = (RED) => {
  RED.nodes.registerType('probe', function (def) {
    RED.nodes.createNode(this, def);
    this.on('input', (msg, send, done) => {
      const { delivery, attempt, redelivered } = msg.pop3;
      const line = JSON.stringify({ topic: msg.topic, delivery, attempt, redelivered });
      appendFileSync(join(RED.settings.userDir, 'handed-over'), line + '\\n');
      send(msg);
      done();
    });
  });
};`;

/** One delivery as the probe saw it. */
export interface HandedOver {
  topic: string;
  delivery: string;
  attempt: number;
  redelivered: boolean;
}

/** A user directory whose Node-RED knows the `probe`. */
export async function folderWithProbe(): Promise<string> {
  const userDir = await mkdtemp(join(tmpdir(), 'redletter-probe-'));
  await mkdir(join(userDir, 'nodes'));
  await writeFile(join(userDir, 'nodes', 'probe.js'), PROBE);
  await writeFile(
    join(userDir, 'nodes', 'probe.html'),
    "<script>RED.nodes.registerType('probe', {defaults: {}})</script>",
  );
  return userDir;
}

/** Everything the probe has been handed, the oldest first. */
export async function handedOver(userDir: string): Promise<HandedOver[]> {
  const text = await readFile(join(userDir, 'handed-over'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** How many mails were redelivered; fails where one of them has no mark. */
export function markedRepeats(all: HandedOver[]): number {
  const seen = new Set<string>();
  for (const { topic, redelivered, attempt } of all) {
    if (seen.has(topic)) assert.ok(redelivered && attempt > 1, `${topic} came again without a mark`);
    seen.add(topic);
  }
  return all.length - seen.size;
}

/** Numbers from 0 up to 1 that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

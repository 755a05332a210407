// The numbers of one version, in a file of its own: each part writes its own and leaves the others.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../package.json';

export const RESULTS = join(__dirname, 'results', `${version}.json`);

export function keep(kind: string, part: string, measured: object): void {
  let all: Record<string, Record<string, object>> = {};
  try {
    all = JSON.parse(readFileSync(RESULTS, 'utf8'));
  } catch {}
  all[kind] = { ...all[kind], [part]: { ...all[kind]?.[part], ...measured } };
  writeFileSync(RESULTS, `${JSON.stringify(all, undefined, 2)}\n`);
}

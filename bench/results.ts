// The numbers of one version, in a file of its own: each part writes its own and leaves the others.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { version } from '../package.json';

const FOLDER = join(__dirname, 'results');
const RESULTS = join(FOLDER, `${version}.json`);

/** By kind and part. */
export type Results = Record<string, Record<string, object>>;

/** What is promised of speed, with what was measured; undefined where it was not. */
export interface Gate {
  name: string;
  most: number;
  measured: number | undefined;
  /** By the quickest round of each: what disturbs a round only ever makes it slower. */
  least?: number | undefined;
  /** It depends on the e-mail node too, which differs from run to run: it is shown, and no comparison fails by it. */
  isShown?: boolean;
}

export function everything(): Results {
  try {
    return JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
  } catch {
    return {};
  }
}

/** Those of this version, else of the one before it: what was committed last. */
export function committed(): Results {
  const [last] = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  if (last === undefined) throw new Error('There are no numbers to compare with');
  return JSON.parse(readFileSync(join(FOLDER, last), 'utf8')) as Results;
}

export function add(all: Results, kind: string, part: string, measured: object): Results {
  return { ...all, [kind]: { ...all[kind], [part]: { ...all[kind]?.[part], ...measured } } };
}

export function keep(all: Results): void {
  mkdirSync(dirname(RESULTS), { recursive: true });
  writeFileSync(RESULTS, `${JSON.stringify(all, undefined, 2)}\n`);
}

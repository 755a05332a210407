import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Translate } from '../nodes/node-red/messages';
import { root } from './sources';

const LOCALES = join(root, 'locales');

/** Every language of the catalogs. */
export const languages: readonly string[] = readdirSync(LOCALES);

const catalogs = new Map<string, unknown>();

/** A text of the catalog of that node type, or the part of it, at `key.of.dots`. */
export function textOf(language: string, set: string, key: string): unknown {
  const file = join(LOCALES, language, `${set}.json`);
  if (!catalogs.has(file)) catalogs.set(file, JSON.parse(readFileSync(file, 'utf8')));
  return key
    .split('.')
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], catalogs.get(file));
}

/** As Node-RED does it: `set:key.of.dots`, `__fact__`, and the key itself where there is nothing. */
export function translator(language: string): Translate {
  return (key, facts) => {
    const [set = '', path = ''] = key.replace('@redletter/node-red-pop3/', '').split(':');
    const found = textOf(language, set, path);
    if (typeof found !== 'string') return path;
    return found.replace(/__(\w+?)__/g, (place, name: string) => String(facts?.[name] ?? place));
  };
}

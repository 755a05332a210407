import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { Translate } from './messages';

/** Where Node-RED keeps what nodes have put into its settings, since 1.2. */
const RUNTIME_FILE = '.config.runtime.json';

/** True where a Node-RED has been in this folder. */
export const isUserDirectory = (folder: string): boolean =>
  ['settings.js', RUNTIME_FILE, 'redletter'].some((name) => existsSync(join(folder, name)));

/** settings.js as Node-RED reads it; empty where there is none. @throws what settings.js throws */
export function settingsFile(file: string): Record<string, unknown> {
  const path = resolve(file);
  return existsSync(path) ? (createRequire(path)(path) as Record<string, unknown>) : {};
}

/**
 * What nodes have put into Node-RED's settings, while no Node-RED runs on the user directory.
 * @throws Error where the file is damaged
 */
export function keptSettings(folder: string): {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
} {
  const file = join(folder, RUNTIME_FILE);
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>) : {};
  return {
    get: (key) => kept[key],
    set(key, value) {
      kept[key] = value;
      const handle = openSync(`${file}.new`, 'w', 0o600);
      writeSync(handle, JSON.stringify(kept, null, 4));
      fsyncSync(handle);
      closeSync(handle);
      renameSync(`${file}.new`, file);
    },
  };
}

/** The catalog in English, for a command that runs without Node-RED. @param folder with a folder for each language */
export const englishFrom =
  (folder: string): Translate =>
  (key, facts = {}) => {
    const [, set = '', path = ''] = /([^/:]+):(.+)$/.exec(key) ?? [];
    const catalog: unknown = JSON.parse(readFileSync(join(folder, 'en-US', `${set}.json`), 'utf8'));
    const text = path
      .split('.')
      .reduce<unknown>((found, name) => (found as Record<string, unknown> | undefined)?.[name], catalog);
    if (typeof text !== 'string') return key;
    return text.replace(/__(\w+)__/g, (_, name: string) => String(facts[name] ?? ''));
  };

import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** 32 random bytes that only their owner may read. */
export interface KeyFile {
  /** Undefined where there is none yet. */
  read(): Buffer | undefined;
  /** False where it cannot be written. */
  write(key: Buffer): boolean;
}

/** The key in the package's own folder: the file `0600`, the folder `0700`, also where it was found wider. */
export function keyFileIn(folder: string): KeyFile {
  const path = join(folder, 'token-vault.key');
  let known: Buffer | undefined;
  return {
    read() {
      if (known !== undefined) return known;
      try {
        const key = readFileSync(path);
        if (key.length !== 32) return undefined;
        chmodSync(path, 0o600);
        chmodSync(folder, 0o700);
        known = key;
      } catch {
        // None yet, or not ours to read: the caller makes another.
      }
      return known;
    },
    write(key) {
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        chmodSync(folder, 0o700);
        const file = openSync(`${path}.new`, 'w', 0o600);
        writeSync(file, key);
        fsyncSync(file);
        closeSync(file);
        renameSync(`${path}.new`, path);
        known = key;
        return true;
      } catch {
        return false;
      }
    },
  };
}

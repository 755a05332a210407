import { resolve } from 'node:path';
import type { NodeAPI } from 'node-red';

/** What a relative folder counts from: as for the file nodes, else the user directory. */
export function baseFolder(RED: NodeAPI): string {
  const { fileWorkingDirectory, userDir } = RED.settings as {
    fileWorkingDirectory?: unknown;
    userDir?: unknown;
  };
  const named = [fileWorkingDirectory, userDir].find((one) => typeof one === 'string' && one !== '');
  return resolve(String(named ?? '.'));
}

import { open, readFile, rename } from 'node:fs/promises';
import type { TokenStore, Tokens } from '../../nodes/oauth2';

/** Tokens in a file, durable the way Node-RED's settings are: written beside it, flushed, renamed. */
export class FileStore implements TokenStore {
  constructor(readonly path: string) {}

  async load(): Promise<Tokens | undefined> {
    const text = await readFile(this.path, 'utf8').catch(() => 'null');
    return JSON.parse(text) ?? undefined;
  }
  async save(tokens: Tokens): Promise<void> {
    const file = await open(`${this.path}.new`, 'w', 0o600);
    await file.writeFile(JSON.stringify(tokens));
    await file.sync();
    await file.close();
    await rename(`${this.path}.new`, this.path);
  }
  async renewing<T>(renew: (stored: Tokens | undefined) => Promise<T>): Promise<T> {
    return renew(await this.load());
  }
  async delete(): Promise<void> {
    await this.save(null as never);
  }
}

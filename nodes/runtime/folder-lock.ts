import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, MailboxError } from '../mailbox';

/** How often the holder shows that it is alive, ms. */
export const BEAT_MS = 2_000;
/** A lock that was not beaten for so long belongs to a process that is gone, ms. */
export const STALE_MS = 10_000;
/** How often a runtime that waits for the folder looks, ms. */
const LOOK_MS = BEAT_MS / 4;

/**
 * Keeps a second runtime out of a folder. The holder is known by a random id, because process numbers repeat in
 * containers, and shows every two seconds that it is alive. A folder on a shared volume is covered too.
 */
export class FolderLock {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #onLost: (why: MailboxError) => void;
  readonly #id = randomUUID();
  readonly #file: string;
  #timer: unknown;
  #beats = 0;
  #lost = false;
  #beating: Promise<void> = Promise.resolve();

  /** @param onLost called once, when another runtime has taken the folder */
  constructor(folder: string, clock: Clock, onLost: (why: MailboxError) => void = () => undefined) {
    this.#folder = folder;
    this.#clock = clock;
    this.#onLost = onLost;
    this.#file = join(folder, 'lock');
  }

  /**
   * Resolves when the folder is ours. A lock left by a process that was killed is taken over once it is stale.
   * @throws MailboxError STORE where another runtime is alive there, or the folder cannot be written
   */
  async acquire(signal: AbortSignal): Promise<void> {
    // Waiting is counted in pauses: a clock that jumps must not make a living holder look dead.
    let waited = 0;
    let still = 0;
    let seen: string | undefined;
    for (;;) {
      signal.throwIfAborted();
      if (await this.#create()) break;
      const text = await this.#read();
      if (text === undefined) {
        await this.#pause(LOOK_MS / 10, signal);
        continue;
      }
      if (text !== seen) {
        if (seen !== undefined && waited > STALE_MS) throw this.#inUse();
        seen = text;
        still = 0;
      }
      // A file that was not touched for long needs only to stand still for longer than one beat.
      const old = await stat(this.#file).then(
        (file) => this.#clock.now() - file.mtimeMs > STALE_MS,
        () => false,
      );
      if (still >= (old ? BEAT_MS * 1.5 : STALE_MS) && (await this.#takeOver(text))) break;
      await this.#pause(LOOK_MS, signal);
      waited += LOOK_MS;
      still += LOOK_MS;
    }
    this.#arm();
  }

  /**
   * Looks whether the folder is still ours: a process that slept has not beaten for as long.
   * @throws MailboxError STORE where another runtime has taken the folder meanwhile
   */
  async check(): Promise<void> {
    if (await this.#isLost()) throw this.#inUse();
  }

  async release(): Promise<void> {
    this.#clock.clearTimeout(this.#timer);
    await this.#beating;
    this.#clock.clearTimeout(this.#timer);
    if (await this.#isOurs()) await rm(this.#file, { force: true });
  }

  async #create(): Promise<boolean> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const handle = await open(this.#file, 'wx', 0o600);
      try {
        await handle.writeFile(this.#text());
      } finally {
        await handle.close();
      }
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST' && (await this.#isFolder())) return false;
      throw this.#unwritable(error);
    }
  }

  /** Undefined where the file has gone meanwhile. */
  async #read(): Promise<string | undefined> {
    try {
      return await readFile(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw this.#unwritable(error);
    }
  }

  /** A file in the folder's place is no lock of anybody. */
  #isFolder(): Promise<boolean> {
    return stat(this.#folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
  }

  #inUse(): MailboxError {
    return new MailboxError('STORE', 'folder-in-use', { facts: { folder: this.#folder } });
  }

  #unwritable(cause: unknown): MailboxError {
    const system = (cause as NodeJS.ErrnoException).code;
    return new MailboxError('STORE', 'folder-unwritable', { facts: { folder: this.#folder, system }, cause });
  }

  async #takeOver(stale: string): Promise<boolean> {
    const temporary = `${this.#file}.${this.#id}`;
    try {
      await writeFile(temporary, this.#text(), { mode: 0o600 });
      if ((await this.#read()) !== stale) {
        await rm(temporary, { force: true });
        return false;
      }
      await rename(temporary, this.#file);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error instanceof MailboxError ? error : this.#unwritable(error);
    }
    // Two may have found it stale at once: the one whose id stands there after a moment has it.
    await this.#pause(BEAT_MS / 8);
    return this.#isOurs();
  }

  #text(): string {
    return `${this.#id} ${this.#beats}\n`;
  }

  async #isOurs(): Promise<boolean> {
    const text = await readFile(this.#file, 'utf8').catch(() => '');
    return text.startsWith(this.#id);
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#beating = this.#beat();
    }, BEAT_MS);
    (this.#timer as Partial<NodeJS.Timeout>)?.unref?.();
  }

  async #isLost(): Promise<boolean> {
    if (this.#lost) return true;
    const text = await readFile(this.#file, 'utf8').catch(() => '');
    if (text === '' || text.startsWith(this.#id)) return false;
    if (!this.#lost) this.#onLost(this.#inUse());
    this.#lost = true;
    return true;
  }

  async #beat(): Promise<void> {
    if (await this.#isLost()) return;
    this.#beats += 1;
    // A disk that is full for a while must not end the process; the next beat tries again.
    await writeFile(this.#file, this.#text(), { mode: 0o600 }).catch(() => undefined);
    this.#arm();
  }

  #pause(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(finish, ms);
      const clock = this.#clock;
      function finish(): void {
        clock.clearTimeout(timer);
        signal?.removeEventListener('abort', finish);
        resolve();
      }
      signal?.addEventListener('abort', finish, { once: true });
    });
  }
}

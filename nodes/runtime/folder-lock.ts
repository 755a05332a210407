import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, MailboxError } from '../mailbox';

/** How often the holder shows that it is alive, ms. */
export const BEAT_MS = 2_000;
/** A lock nobody has beaten for so long belongs to a process that is gone, ms. */
export const STALE_MS = 10_000;

/**
 * Keeps a second runtime out of a folder. The holder is known by a random id, because process numbers repeat in
 * containers, and shows every two seconds that it is alive. A folder on a shared volume is covered too.
 */
export class FolderLock {
  private readonly id = randomUUID();
  private readonly file: string;
  private timer: unknown;
  private beats = 0;
  private lostTo: string | undefined;
  private beating: Promise<void> = Promise.resolve();

  constructor(
    private readonly folder: string,
    private readonly clock: Clock,
  ) {
    this.file = join(folder, 'lock');
  }

  /**
   * Resolves when the folder is ours. A lock left by a process that was killed is taken over once it is stale.
   * @throws MailboxError STORE where another runtime is alive there, or the folder cannot be written
   */
  async acquire(signal: AbortSignal): Promise<void> {
    const began = this.clock.now();
    let seen: string | undefined;
    let seenAt = began;
    for (;;) {
      signal.throwIfAborted();
      if (await this.create()) break;
      const text = await readFile(this.file, 'utf8').catch(() => undefined);
      if (text === undefined) continue;
      const now = this.clock.now();
      if (text !== seen) {
        if (seen !== undefined && now - began > STALE_MS) {
          throw new MailboxError('STORE', 'folder-in-use', { facts: { folder: this.folder } });
        }
        seen = text;
        seenAt = now;
      }
      // A file that has been still for long needs only one more look, so that a clock that jumped is no proof.
      const still = await stat(this.file).then(
        (file) => now - file.mtimeMs > STALE_MS,
        () => false,
      );
      if (now - seenAt >= (still ? BEAT_MS * 1.5 : STALE_MS) && (await this.takeOver(text))) break;
      await this.pause(BEAT_MS / 4, signal);
    }
    this.arm();
  }

  /** @throws MailboxError STORE where another runtime has taken the folder meanwhile */
  check(): void {
    if (this.lostTo !== undefined) {
      throw new MailboxError('STORE', 'folder-in-use', { facts: { folder: this.folder } });
    }
  }

  async release(): Promise<void> {
    this.clock.clearTimeout(this.timer);
    await this.beating;
    this.clock.clearTimeout(this.timer);
    if (await this.isOurs()) await rm(this.file, { force: true });
  }

  private async create(): Promise<boolean> {
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      const handle = await open(this.file, 'wx', 0o600);
      try {
        await handle.writeFile(this.text());
      } finally {
        await handle.close();
      }
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw new MailboxError('STORE', 'folder-unwritable', {
        facts: { folder: this.folder, system: (error as NodeJS.ErrnoException).code },
        cause: error,
      });
    }
  }

  private async takeOver(stale: string): Promise<boolean> {
    const temporary = `${this.file}.${this.id}`;
    await writeFile(temporary, this.text(), { mode: 0o600 });
    if ((await readFile(this.file, 'utf8').catch(() => undefined)) !== stale) {
      await rm(temporary, { force: true });
      return false;
    }
    await rename(temporary, this.file);
    // Two may have found it stale at once: the one whose id stands there after a moment has it.
    await this.pause(BEAT_MS / 8);
    return this.isOurs();
  }

  private text(): string {
    return `${this.id} ${this.beats}\n`;
  }

  private async isOurs(): Promise<boolean> {
    const text = await readFile(this.file, 'utf8').catch(() => '');
    return text.startsWith(this.id);
  }

  private arm(): void {
    this.timer = this.clock.setTimeout(() => {
      this.beating = this.beat();
    }, BEAT_MS);
    (this.timer as Partial<NodeJS.Timeout>)?.unref?.();
  }

  private async beat(): Promise<void> {
    const text = await readFile(this.file, 'utf8').catch(() => undefined);
    if (text !== undefined && text !== '' && !text.startsWith(this.id)) {
      this.lostTo = text;
      return;
    }
    this.beats += 1;
    // A disk that is full for a while must not end the process; the next beat tries again.
    await writeFile(this.file, this.text(), { mode: 0o600 }).catch(() => undefined);
    this.arm();
  }

  private pause(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.setTimeout(finish, ms);
      const { clock } = this;
      function finish(): void {
        clock.clearTimeout(timer);
        signal?.removeEventListener('abort', finish);
        resolve();
      }
      signal?.addEventListener('abort', finish, { once: true });
    });
  }
}

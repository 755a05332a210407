import { type Clock, MailboxError } from '../mailbox';
import { OAuth2Error } from '../oauth2';
import { FolderLock } from './folder-lock';

/**
 * Keeps a second runtime on one user directory from renewing or saving tokens: each of the two would write over the
 * other's, and a refresh token used twice ends the sign-in where the server rotates them.
 */
export class VaultLock {
  readonly #folder: string;
  readonly #clock: Clock;
  #lock: FolderLock | undefined;
  #acquiring: Promise<FolderLock> | undefined;
  #releasing: Promise<void> = Promise.resolve();

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  /** Takes the lock at the first call. @throws OAuth2Error STORE where another runtime has it */
  async assertOwner(): Promise<void> {
    try {
      await this.#releasing;
      this.#acquiring ??= this.#acquire();
      await (await this.#acquiring).check();
    } catch (cause) {
      this.#acquiring = undefined;
      // Where nothing can be written no other runtime keeps anything either: the settings may be elsewhere altogether.
      if (!(cause instanceof MailboxError && cause.reason === 'folder-in-use')) return;
      throw new OAuth2Error('STORE', 'store-in-use', { cause });
    }
  }

  /** When no account is deployed any more; taken again when one is. */
  async release(): Promise<void> {
    const acquiring = this.#acquiring;
    this.#acquiring = undefined;
    this.#releasing = (async () => {
      const lock = await acquiring?.catch(() => undefined);
      await lock?.release().catch(() => undefined);
    })();
    await this.#releasing;
  }

  async #acquire(): Promise<FolderLock> {
    const lock = new FolderLock(this.#folder, this.#clock, () => {
      if (this.#lock === lock) this.#acquiring = undefined;
    });
    await lock.acquire(new AbortController().signal);
    this.#lock = lock;
    return lock;
  }
}

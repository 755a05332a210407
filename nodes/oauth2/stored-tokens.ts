import { OAuth2Error } from './errors';
import { readTokens, type TokenStore, type Tokens } from './tokens';

/**
 * One account's tokens in their store. Saves and deletions happen in the order in which they were asked for. A save
 * that fails does not reject: the tokens are good all the same, and `error` says what a restart would cost.
 */
export class StoredTokens {
  readonly #store: TokenStore;
  /** Names the provider in errors. */
  readonly #provider: () => string;
  #storing: Promise<unknown> = Promise.resolve();
  #error: OAuth2Error | undefined;

  constructor(store: TokenStore, provider: () => string) {
    this.#store = store;
    this.#provider = provider;
  }

  /** Set while the newest tokens are only in memory. */
  get error(): OAuth2Error | undefined {
    return this.#error;
  }

  /** @throws {OAuth2Error} `SIGN_IN_AGAIN` where the store cannot be read just now, or what the store throws itself */
  async load(): Promise<Tokens | undefined> {
    try {
      return readTokens(await this.#store.load());
    } catch (cause) {
      if (cause instanceof OAuth2Error) throw cause;
      throw new OAuth2Error('SIGN_IN_AGAIN', 'store-unreadable', { facts: this.#facts, cause });
    }
  }

  async save(tokens: Tokens): Promise<void> {
    this.#error = await this.#attempt(() => this.#store.save(tokens));
  }

  /** The error, where they could not be deleted. */
  async delete(): Promise<OAuth2Error | undefined> {
    this.#error = await this.#attempt(() => this.#store.delete());
    return this.#error;
  }

  /** `TokenStore.renewing`, with what is stored read. */
  renewing<T>(renew: (stored: Tokens | undefined) => Promise<T>): Promise<T> {
    return this.#store.renewing((stored) => renew(readTokens(stored)));
  }

  /** Settles when everything asked for is written. */
  async settled(): Promise<void> {
    await this.#storing.catch(() => {});
  }

  get #facts(): { provider: string } {
    return { provider: this.#provider() };
  }

  async #attempt(step: () => Promise<void>): Promise<OAuth2Error | undefined> {
    const done = this.#storing.then(step);
    this.#storing = done.catch(() => {});
    try {
      await done;
      return undefined;
    } catch (cause) {
      return cause instanceof OAuth2Error
        ? cause
        : new OAuth2Error('STORE', 'store-failed', { facts: this.#facts, cause });
    }
  }
}

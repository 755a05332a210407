import type { Backoff } from './backoff';
import type { AccountConfig } from './config';
import { asOAuth2Error, OAuth2Error } from './errors';
import { keepsTokens } from './renewal';
import { StoredTokens } from './stored-tokens';
import { sameState, stateOf, type TokenState } from './token-state';
import type { TokenStore, Tokens } from './tokens';

interface HeldTokensOptions {
  config: () => AccountConfig;
  store: TokenStore;
  backoff: Backoff;
  now: () => number;
  /** Hears every change of `state`. */
  onState?: ((state: TokenState) => void) | undefined;
}

/** The tokens of one account as they are now: read once, saved before they are used, and what others see of them. */
export class HeldTokens {
  readonly stored: StoredTokens;
  readonly backoff: Backoff;
  readonly #config: () => AccountConfig;
  readonly #now: () => number;
  readonly #onState: (state: TokenState) => void;

  tokens: Tokens | undefined;
  /** Until a person has signed in. */
  stopped: OAuth2Error | undefined;
  /** Counts sign-ins and sign-outs, so that a renewal that began before one does not undo it. */
  epoch = 0;
  #loaded = false;
  #loading: Promise<void> | undefined;
  #state: TokenState = { kind: 'unknown' };

  constructor({ config, store, backoff, now, onState }: HeldTokensOptions) {
    this.#config = config;
    this.stored = new StoredTokens(store, () => config().provider);
    this.backoff = backoff;
    this.#now = now;
    this.#onState = onState ?? (() => {});
  }

  get state(): TokenState {
    return this.#state;
  }

  /** Takes over the tokens of a sign-in just made, and saves them. Everything that waited for a person resumes. */
  async accept(tokens: Tokens): Promise<void> {
    this.epoch++;
    this.#loaded = true;
    this.tokens = tokens;
    this.stopped = undefined;
    this.backoff.clear();
    await this.save(tokens);
    this.tell();
  }

  /** By tokens that have been saved. */
  replace(tokens: Tokens): void {
    this.tokens = tokens;
    this.backoff.clear();
    this.tell();
  }

  /** The error, where they could not be deleted from the store. */
  async forget(stopped: OAuth2Error | undefined): Promise<OAuth2Error | undefined> {
    this.tokens = undefined;
    this.stopped = stopped;
    const error = await this.stored.delete();
    this.tell();
    return error;
  }

  /** Another owner of the store has saved, or deleted: what is kept there counts. */
  async reload(): Promise<void> {
    if (!keepsTokens(this.#config().grant)) return;
    // What this one is saving may be newer than what is read before that.
    await this.stored.settled();
    const epoch = this.epoch;
    const stored = await this.stored.load();
    if (this.epoch !== epoch || (this.#loaded && stored?.accessToken === this.tokens?.accessToken)) return;
    // A renewal under way must not undo a sign-in or a sign-out; a renewal elsewhere is neither, and stops no sign-out here.
    if (stored?.signedInAt !== this.tokens?.signedInAt) this.epoch++;
    this.#loaded = true;
    this.tokens = stored;
    this.stopped = undefined;
    this.backoff.clear();
    if (stored === undefined && this.#config().grant !== 'refresh_token') this.stopped = this.notSignedIn();
    this.tell();
  }

  async load(): Promise<void> {
    if (this.#loaded) return;
    if (!keepsTokens(this.#config().grant)) {
      this.#loaded = true;
      return;
    }
    this.#loading ??= this.#loadOnce().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
  }

  async #loadOnce(): Promise<void> {
    let tokens: Tokens | undefined;
    try {
      tokens = await this.stored.load();
    } catch (error) {
      // Asked again the next time: what cannot be read now may only be locked.
      const seen = asOAuth2Error(error);
      const kind = seen.code === 'STORE' ? 'waiting' : 'sign-in-again';
      if (!this.#loaded) this.#show({ kind, error: seen });
      throw error;
    }
    // A person signed in while this was being read.
    if (this.#loaded) return;
    this.#loaded = true;
    this.tokens = tokens;
    if (!tokens && this.#config().grant !== 'refresh_token') this.stopped ??= this.notSignedIn();
    this.tell();
  }

  async save(tokens: Tokens): Promise<void> {
    if (!keepsTokens(this.#config().grant)) return;
    await this.stored.save(tokens);
    this.tell();
  }

  notSignedIn(): OAuth2Error {
    return new OAuth2Error('SIGN_IN_AGAIN', 'not-signed-in', {
      facts: { provider: this.#config().provider },
    });
  }

  // What others see

  tell(): void {
    this.#show(
      stateOf({
        tokens: this.tokens,
        stopped: this.stopped,
        waiting: this.backoff.error,
        storeError: this.stored.error,
        renewable: !!this.tokens?.refreshToken || !keepsTokens(this.#config().grant),
        now: this.#now(),
      }),
    );
  }

  #show(state: TokenState): void {
    if (sameState(state, this.#state)) return;
    this.#state = state;
    try {
      this.#onState(state);
    } catch {
      // A listener's mistake must not cost the tokens it was told about.
    }
  }
}

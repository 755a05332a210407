import { untilAborted } from '../base/abort';
import { audienceOf, scopeIn } from './answer';
import { Backoff } from './backoff';
import type { AccountConfig } from './config';
import { asOAuth2Error, OAuth2Error } from './errors';
import { HeldTokens } from './held-tokens';
import type { AgentFor } from './http';
import { keepsTokens } from './renewal';
import { Renewer } from './renewer';
import type { TokenState } from './token-state';
import { isAlive, isFresh, newest, type TokenStore, type Tokens } from './tokens';

const DAY = 86_400_000;

export interface TokenSourceOptions {
  config: AccountConfig;
  store: TokenStore;
  agent?: AgentFor | undefined;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** From 0 up to 1. */
  random?: () => number;
  /** Hears every change of `state`. */
  onState?: (state: TokenState) => void;
  /** Milliseconds for one answer of the sign-in server; for tests. */
  timeoutMs?: number;
}

export interface TokenQuestion {
  /** An access token that a server has just refused. It is renewed once, if it is still the current one. */
  rejected?: string | undefined;
  /** Ends the waiting of this caller; a request under way continues for the others. */
  signal?: AbortSignal | undefined;
}

export interface AccessToken {
  accessToken: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  /** Space-separated, where the server said what it granted, or the token does. */
  scope?: string;
  /** The resource a JWT names. Unverified: to be shown and for nothing else. */
  audience?: string;
}

export interface RevocationResult {
  revoked: boolean;
  /** Why not; absent also where the provider has no revocation endpoint. */
  error?: OAuth2Error;
}

/**
 * One account's access token, kept alive. Ask for it each time one is needed; never keep it.
 *
 * All who use an account share one source, since two renewals side by side make a server that rotates refresh tokens
 * take them for stolen. At most one request is under way at any time, and none is sent before the pause after a
 * failure is over. A renewal that has been sent is never broken off.
 *
 * New tokens are saved before they are used. If saving fails, they are used all the same: the old refresh token may be
 * void already, so holding back the new one would save nothing. `state.storeError` then says what a restart would
 * cost, and saving is tried again at each question.
 */
export class TokenSource {
  readonly #renewer: Renewer;
  readonly #held: HeldTokens;
  readonly #now: () => number;
  #renewing: Promise<Tokens> | undefined;
  #trying: Promise<void> | undefined;

  constructor({ config, store, agent, now, random, onState, timeoutMs }: TokenSourceOptions) {
    this.#now = now ?? Date.now;
    this.#renewer = new Renewer({ config, agent, now: this.#now, timeoutMs });
    const backoff = new Backoff(this.#now, random ?? Math.random);
    this.#held = new HeldTokens({ config: () => this.#config, store, backoff, now: this.#now, onState });
  }

  get #config(): AccountConfig {
    return this.#renewer.config;
  }

  get state(): TokenState {
    return this.#held.state;
  }

  /**
   * An access token that should do for the next five minutes at least, or for a fifth of its life.
   *
   * While renewing fails for reasons that may pass, the old token is given out for as long as it lives.
   * @throws {OAuth2Error} `SIGN_IN_AGAIN` until {@link accept}; `CONFIG`, `TEMPORARY` or `TLS` with `retryAfterMs`,
   * the same one until that time is over.
   * @throws the signal's reason
   */
  async token({ rejected, signal }: TokenQuestion = {}): Promise<AccessToken> {
    signal?.throwIfAborted();
    const asked = this.#current(rejected);
    const held = await (signal ? untilAborted(asked, signal) : asked);
    const { accessToken, expiresAt, scope = scopeIn(accessToken) } = held;
    const audience = audienceOf(accessToken);
    return { accessToken, expiresAt, ...(scope && { scope }), ...(audience && { audience }) };
  }

  /** Takes over the tokens of a sign-in just made, and saves them. Everything that waited for a person resumes. */
  async accept(tokens: Tokens): Promise<void> {
    await this.#held.accept(tokens);
  }

  /**
   * Has the tokens revoked (RFC 7009), then forgets them, even if the server could not be told. A renewal under
   * way is waited for, so that it is the newest refresh token that becomes void.
   */
  async revoke(): Promise<RevocationResult> {
    const epoch = ++this.#held.epoch;
    // Where no person signs in there is nothing to stop for: the next question simply asks again.
    const stopped = keepsTokens(this.#config.grant) ? this.#held.notSignedIn() : undefined;
    this.#held.stopped = stopped;
    await this.#held.load().catch(() => {});
    await this.#trying?.catch(() => {});
    await this.#renewing?.catch(() => {});
    const tokens = this.#held.tokens;
    let result: RevocationResult = { revoked: false };
    if (tokens) {
      try {
        result = { revoked: await this.#renewer.revoke(tokens) };
      } catch (error) {
        result = { revoked: false, error: asOAuth2Error(error) };
      }
    }
    // A person has signed in again in the meantime: those tokens are not the ones to forget.
    if (this.#held.epoch !== epoch) return result;
    const error = await this.#held.forget(stopped);
    return error ? { ...result, error } : result;
  }

  /**
   * Takes over a changed configuration of the same account; the caller has made sure that `bindingOf` is the same.
   * What was refused is tried again at once.
   */
  configure(config: AccountConfig, agent?: AgentFor): void {
    this.#renewer.configure(config, agent);
    this.#held.backoff.clear();
    if (!keepsTokens(config.grant)) this.#held.tokens = undefined;
    this.#held.tell();
  }

  /**
   * Renews by a configuration of the same account that is not in use yet, such as one with another secret in a dialog. It
   * waits for a renewal under way, as a renewal waits for it. What the server gives is kept; what it refuses is told to
   * the caller, and nothing changes here. Where no one is signed in there is nothing to try.
   * @throws {OAuth2Error}
   */
  async tryOut(config: AccountConfig, agent?: AgentFor): Promise<void> {
    await this.#held.load();
    for (;;) {
      const underWay = this.#trying ?? this.#renewing;
      if (underWay === undefined) break;
      await underWay.catch(() => {});
    }
    if (!this.#held.tokens?.refreshToken && config.grant !== 'refresh_token') return;
    const waiting = this.#held.backoff.error;
    if (waiting?.retryable) throw waiting;
    this.#trying = this.#tryAndSave(config, agent).finally(() => {
      this.#trying = undefined;
    });
    await this.#trying;
  }

  /** Ends the pause after a refused configuration, because it was changed elsewhere. */
  retry(): void {
    if (this.#held.backoff.error && !this.#held.backoff.error.retryable) this.#held.backoff.clear();
  }

  /**
   * Renews tokens that were not requested for a week, before the server takes them for abandoned. To be called about daily.
   * @throws {OAuth2Error} as {@link token} does
   */
  async keepAlive(): Promise<void> {
    if (!keepsTokens(this.#config.grant)) return;
    await this.#held.load();
    const tokens = this.#held.tokens;
    if (!tokens?.refreshToken || this.#held.stopped || this.#now() - tokens.obtainedAt < 7 * DAY) return;
    const waiting = this.#held.backoff.error;
    if (waiting) throw waiting;
    await this.#renew();
  }

  /** Settles when no renewal is under way: the process may then end without losing what a server has just answered. */
  async settled(): Promise<void> {
    await this.#trying?.catch(() => {});
    await this.#renewing?.catch(() => {});
    await this.#held.stored.settled();
  }

  // Reuse

  async #current(rejected: string | undefined): Promise<Tokens> {
    await this.#held.load();
    if (this.#held.stopped) throw this.#held.stopped;
    const held = this.#held.tokens;
    if (held && held.accessToken !== rejected && isFresh(held, this.#now())) {
      if (this.#held.stored.error) await this.#held.save(held);
      return held;
    }
    const usable = () => held && held.accessToken !== rejected && isAlive(held, this.#now());
    const waiting = this.#held.backoff.error;
    if (waiting) {
      if (held && usable() && waiting.retryable) return held;
      throw waiting;
    }
    try {
      return await this.#renew();
    } catch (error) {
      if (held && usable() && error instanceof OAuth2Error && error.retryable) return held;
      throw error;
    }
  }

  // Single flight

  #renew(): Promise<Tokens> {
    this.#renewing ??= (this.#trying ? this.#afterTrying(this.#trying) : this.#renewAndSave()).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** What was tried out may have brought what is wanted; how it failed is no matter here. */
  async #afterTrying(trying: Promise<void>): Promise<Tokens> {
    const before = this.#held.tokens;
    await trying.catch(() => {});
    return this.#held.tokens !== undefined && this.#held.tokens !== before
      ? this.#held.tokens
      : this.#renewAndSave();
  }

  // Saved before used

  async #renewAndSave(): Promise<Tokens> {
    const epoch = this.#held.epoch;
    const old = this.#held.tokens;
    let fresh: Tokens;
    try {
      fresh = await this.#held.stored.renewing((stored) => this.#renewOnce(stored, old));
    } catch (error) {
      if (this.#held.epoch !== epoch && this.#held.tokens && !this.#held.stopped) return this.#held.tokens;
      throw this.#fail(asOAuth2Error(error), old);
    }
    // A person signed in meanwhile: theirs is the newer sign-in. (A sign-out waits for this one.)
    if (this.#held.epoch !== epoch && this.#held.tokens !== old && this.#held.tokens)
      return this.#held.tokens;
    this.#held.replace(fresh);
    return fresh;
  }

  /** Under the store's lock. What another owner of the store has renewed meanwhile is good for this one too. */
  async #renewOnce(stored: Tokens | undefined, old: Tokens | undefined): Promise<Tokens> {
    const epoch = this.#held.epoch;
    const newer = newest(old, stored);
    if (newer !== undefined && newer !== old && isFresh(newer, this.#now())) return newer;
    const fresh = await this.#renewer.obtain(newer);
    // A sign-in made meanwhile has been saved already, and must not be saved over.
    if (this.#held.epoch === epoch || this.#held.tokens === old) await this.#held.save(fresh);
    return fresh;
  }

  /** Another owner of the store has saved, or deleted: what is kept there counts. */
  async reload(): Promise<void> {
    await this.#held.reload();
  }

  async #tryAndSave(config: AccountConfig, agent: AgentFor | undefined): Promise<void> {
    const epoch = this.#held.epoch;
    const old = this.#held.tokens;
    let fresh: Tokens;
    try {
      fresh = await this.#held.stored.renewing(async (stored) => {
        const tokens = await this.#renewer.obtainBy(config, agent, newest(old, stored));
        await this.#held.save(tokens);
        return tokens;
      });
    } catch (error) {
      throw this.#renewer.explain(asOAuth2Error(error), old);
    }
    // A person signed in meanwhile: theirs is the newer sign-in. (A sign-out waits for this one.)
    if (this.#held.epoch !== epoch && this.#held.tokens !== old) return;
    this.#held.stopped = undefined;
    this.#held.replace(fresh);
  }

  #fail(error: OAuth2Error, tokens: Tokens | undefined): OAuth2Error {
    if (error.code === 'SIGN_IN_AGAIN') {
      this.#held.stopped = this.#renewer.explain(error, tokens);
      this.#held.tell();
      return this.#held.stopped;
    }
    this.#held.backoff.extend(error);
    const waiting = this.#held.backoff.error ?? error;
    this.#held.tell();
    return waiting;
  }
}

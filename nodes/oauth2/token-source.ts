import { audienceOf } from './answer';
import { Pause } from './backoff';
import type { AccountConfig } from './config';
import { type Endpoints, providerOf, resolveEndpoints } from './endpoints';
import { OAuth2Error } from './errors';
import type { AgentFor } from './http';
import { keepsTokens, type RenewalContext, renewals } from './renewal';
import { revokeToken } from './revocation';
import {
  isAlive,
  isFresh,
  newest,
  readTokens,
  renewed,
  signedIn,
  type TokenStore,
  type Tokens,
} from './tokens';

const DAY = 86_400_000;

/** How an account stands. Free of secrets. Times are milliseconds since the epoch. */
export interface TokenState {
  /**
   * - `unknown` nobody has asked yet
   * - `signed-out` nobody has signed in
   * - `signed-in` all is well
   * - `waiting` the sign-in server cannot be reached or used just now; `error` says why, `retryAt` until when
   * - `refused` the sign-in server objects to the configuration; tried again at `retryAt`
   * - `sign-in-again` a person is needed
   */
  kind: 'unknown' | 'signed-out' | 'signed-in' | 'waiting' | 'refused' | 'sign-in-again';
  error?: OAuth2Error;
  retryAt?: number;
  /** Set while the newest tokens are only in memory, because they cannot be saved: a restart would lose them. */
  storeError?: OAuth2Error;
  signedInAt?: number;
  /** When the access token was given out. */
  obtainedAt?: number;
  /** When the access token runs out. */
  expiresAt?: number;
  /** False: when the access token has run out, somebody has to sign in again. */
  renewable?: boolean;
  /** When somebody has to sign in again, whatever happens; absent: nobody knows of an end. */
  endsAt?: number;
  /** The mail address the sign-in server named. A label only. */
  label?: string;
  /** What was granted, where the server said so. */
  scope?: string;
}

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
  /** Ends the waiting of this caller; a request under way goes on for the others. */
  signal?: AbortSignal | undefined;
}

export interface AccessToken {
  accessToken: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  /** Space-separated, where the server said what it granted. */
  scope?: string;
  /** For which resource a token that is a JWT was issued. Unverified: to be shown and for nothing else. */
  audience?: string;
}

export interface RevocationResult {
  /** Whether the server has said that the tokens are void. */
  revoked: boolean;
  /** Why not; absent also where the provider has nowhere to revoke at. */
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
  readonly #store: TokenStore;
  readonly #now: () => number;
  readonly #pause: Pause;
  readonly #onState: (state: TokenState) => void;
  readonly #timeoutMs: number | undefined;
  #config: AccountConfig;
  #agent: AgentFor | undefined;
  #endpoints: { found: Endpoints; at: number } | undefined;

  #tokens: Tokens | undefined;
  #loaded = false;
  #loading: Promise<void> | undefined;
  #renewing: Promise<Tokens> | undefined;
  #trying: Promise<void> | undefined;
  /** Saves and deletions, in the order in which they were asked for. */
  #storing: Promise<unknown> = Promise.resolve();
  /** Counts sign-ins and sign-outs, so that a renewal that began before one does not undo it. */
  #epoch = 0;
  #stopped: OAuth2Error | undefined;
  #storeError: OAuth2Error | undefined;
  #state: TokenState = { kind: 'unknown' };

  constructor({ config, store, agent, now, random, onState, timeoutMs }: TokenSourceOptions) {
    this.#config = config;
    this.#store = store;
    this.#agent = agent;
    this.#now = now ?? Date.now;
    this.#pause = new Pause(this.#now, random ?? Math.random);
    this.#onState = onState ?? (() => {});
    this.#timeoutMs = timeoutMs;
  }

  get state(): TokenState {
    return this.#state;
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
    const { accessToken, expiresAt, scope } = await unlessAborted(this.#current(rejected), signal);
    const audience = audienceOf(accessToken);
    return { accessToken, expiresAt, ...(scope && { scope }), ...(audience && { audience }) };
  }

  /** Takes over the tokens of a sign-in just made, and saves them. Everything that waited for a person goes on. */
  async accept(tokens: Tokens): Promise<void> {
    this.#epoch++;
    this.#loaded = true;
    this.#tokens = tokens;
    this.#stopped = undefined;
    this.#pause.clear();
    await this.#save(tokens);
    this.#tell();
  }

  /**
   * Has the tokens declared void (RFC 7009), then forgets them, even if the server could not be told. A renewal under
   * way is waited for, so that it is the newest refresh token that becomes void.
   */
  async revoke(): Promise<RevocationResult> {
    const epoch = ++this.#epoch;
    // Where no person signs in there is nothing to stop for: the next question simply asks anew.
    const stopped = keepsTokens(this.#config.grant)
      ? new OAuth2Error('SIGN_IN_AGAIN', 'not-signed-in', { facts: { provider: this.#config.provider } })
      : undefined;
    this.#stopped = stopped;
    await this.#load().catch(() => {});
    await this.#trying?.catch(() => {});
    await this.#renewing?.catch(() => {});
    const tokens = this.#tokens;
    let result: RevocationResult = { revoked: false };
    if (tokens) {
      try {
        result = { revoked: await revokeToken(this.#context(await this.#resolve()), tokens) };
      } catch (error) {
        result = { revoked: false, error: asOAuth2Error(error) };
      }
    }
    // Somebody has signed in again in the meantime: those tokens are not the ones to forget.
    if (this.#epoch !== epoch) return result;
    this.#tokens = undefined;
    this.#stopped = stopped;
    this.#storeError = undefined;
    try {
      await this.#inOrder(() => this.#store.delete());
    } catch (cause) {
      const facts = { provider: this.#config.provider };
      this.#storeError = new OAuth2Error('STORE', 'store-failed', { facts, cause });
      result = { ...result, error: this.#storeError };
    }
    this.#tell();
    return result;
  }

  /**
   * Takes over a changed configuration of the same account; the caller has made sure that `bindingOf` is the same.
   * What was refused is tried again at once.
   */
  configure(config: AccountConfig, agent?: AgentFor): void {
    this.#config = config;
    this.#agent = agent;
    this.#endpoints = undefined;
    this.#pause.clear();
    if (!keepsTokens(config.grant)) this.#tokens = undefined;
    this.#tell();
  }

  /**
   * Renews by a configuration of the same account that is not in use yet, such as one with another secret in a dialog. It
   * waits for a renewal under way, as a renewal waits for it. What the server gives is kept; what it refuses is told to
   * the caller, and nothing changes here. Where nobody has signed in there is nothing to try.
   * @throws {OAuth2Error}
   */
  async tryOut(config: AccountConfig, agent?: AgentFor): Promise<void> {
    await this.#load();
    for (;;) {
      const underWay = this.#trying ?? this.#renewing;
      if (underWay === undefined) break;
      await underWay.catch(() => {});
    }
    if (!this.#tokens?.refreshToken && config.grant !== 'refresh_token') return;
    const waiting = this.#pause.error;
    if (waiting?.retryable) throw waiting;
    this.#trying = this.#tryAndSave(config, agent).finally(() => {
      this.#trying = undefined;
    });
    await this.#trying;
  }

  /** Ends the pause after a refused configuration, because somebody has done something about it elsewhere. */
  retry(): void {
    if (this.#pause.error && !this.#pause.error.retryable) this.#pause.clear();
  }

  /**
   * Renews tokens nobody has asked for in a week, before the server takes them for abandoned. To be called about daily.
   * @throws {OAuth2Error} as {@link token} does
   */
  async keepAlive(): Promise<void> {
    if (!keepsTokens(this.#config.grant)) return;
    await this.#load();
    const tokens = this.#tokens;
    if (!tokens?.refreshToken || this.#stopped || this.#now() - tokens.obtainedAt < 7 * DAY) return;
    const waiting = this.#pause.error;
    if (waiting) throw waiting;
    await this.#renew();
  }

  /** Settles when no renewal is under way: the process may then end without losing what a server has just answered. */
  async settled(): Promise<void> {
    await this.#trying?.catch(() => {});
    await this.#renewing?.catch(() => {});
    await this.#storing.catch(() => {});
  }

  // Reuse

  async #current(rejected: string | undefined): Promise<Tokens> {
    await this.#load();
    if (this.#stopped) throw this.#stopped;
    const held = this.#tokens;
    if (held && held.accessToken !== rejected && isFresh(held, this.#now())) {
      if (this.#storeError) await this.#save(held);
      return held;
    }
    const usable = () => held && held.accessToken !== rejected && isAlive(held, this.#now());
    const waiting = this.#pause.error;
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
    const before = this.#tokens;
    await trying.catch(() => {});
    return this.#tokens !== undefined && this.#tokens !== before ? this.#tokens : this.#renewAndSave();
  }

  // Saved before used

  async #renewAndSave(): Promise<Tokens> {
    const epoch = this.#epoch;
    const old = this.#tokens;
    let fresh: Tokens;
    try {
      fresh = await this.#store.renewing((stored) => this.#renewOnce(readTokens(stored), old));
    } catch (error) {
      if (this.#epoch !== epoch && this.#tokens && !this.#stopped) return this.#tokens;
      throw this.#fail(asOAuth2Error(error), old);
    }
    // Somebody signed in meanwhile: theirs is the newer sign-in. (Somebody signing out waits for this one.)
    if (this.#epoch !== epoch && this.#tokens !== old && this.#tokens) return this.#tokens;
    this.#tokens = fresh;
    this.#pause.clear();
    this.#tell();
    return fresh;
  }

  /** Under the store's lock. What another owner of the store has renewed meanwhile is good for this one too. */
  async #renewOnce(stored: Tokens | undefined, old: Tokens | undefined): Promise<Tokens> {
    const epoch = this.#epoch;
    const newer = newest(old, stored);
    if (newer !== undefined && newer !== old && isFresh(newer, this.#now())) return newer;
    const fresh = await this.#obtain(this.#context(await this.#resolve()), newer);
    // A sign-in made meanwhile has been saved already, and must not be saved over.
    if (this.#epoch === epoch || this.#tokens === old) await this.#save(fresh);
    return fresh;
  }

  /** Another owner of the store has saved, or deleted: what is kept there counts. */
  async reload(): Promise<void> {
    const stored = readTokens(await this.#store.load());
    if (stored?.accessToken === this.#tokens?.accessToken) return;
    this.#loaded = true;
    this.#tokens = stored;
    this.#stopped = undefined;
    this.#pause.clear();
    if (stored === undefined && this.#config.grant !== 'refresh_token') {
      const facts = { provider: this.#config.provider };
      this.#stopped = new OAuth2Error('SIGN_IN_AGAIN', 'not-signed-in', { facts });
    }
    this.#tell();
  }

  async #tryAndSave(config: AccountConfig, agent: AgentFor | undefined): Promise<void> {
    const epoch = this.#epoch;
    const old = this.#tokens;
    let fresh: Tokens;
    try {
      const endpoints = await resolveEndpoints(config, { agent, timeoutMs: this.#timeoutMs });
      fresh = await this.#store.renewing(async (stored) => {
        const tokens = await this.#obtain(
          { ...this.#context(endpoints), config, agent },
          newest(old, readTokens(stored)),
        );
        await this.#save(tokens);
        return tokens;
      });
    } catch (error) {
      throw this.#explain(asOAuth2Error(error), old);
    }
    // Somebody signed in meanwhile: theirs is the newer sign-in. (Somebody signing out waits for this one.)
    if (this.#epoch !== epoch && this.#tokens !== old) return;
    this.#tokens = fresh;
    this.#stopped = undefined;
    this.#pause.clear();
    this.#tell();
  }

  async #obtain(context: RenewalContext, old: Tokens | undefined): Promise<Tokens> {
    const { grant, refreshToken } = context.config;
    const given = old?.refreshToken ?? (grant === 'refresh_token' ? refreshToken : undefined);
    const answer = await renewals[grant](context, given);
    return old ? renewed(answer, old) : signedIn({ ...(given && { refreshToken: given }), ...answer });
  }

  #fail(error: OAuth2Error, tokens: Tokens | undefined): OAuth2Error {
    if (error.code === 'SIGN_IN_AGAIN') {
      this.#stopped = this.#explain(error, tokens);
      this.#tell();
      return this.#stopped;
    }
    this.#pause.extend(error);
    const waiting = this.#pause.error ?? error;
    this.#tell();
    return waiting;
  }

  /** What ended it. A sign-in at Google that ends after just a week points to a consent screen left in testing. */
  #explain(error: OAuth2Error, tokens: Tokens | undefined): OAuth2Error {
    // Nobody signs in to such an account: another refresh token has to be given.
    if (this.#config.grant === 'refresh_token' && isRefusedToken(error))
      return new OAuth2Error('SIGN_IN_AGAIN', 'refresh-token-refused', { facts: error.facts });
    const age = tokens ? this.#now() - tokens.signedInAt : 0;
    const weekly = providerOf(this.#config).quirks.testingDiesWeekly && age > 6.5 * DAY && age < 9 * DAY;
    if (!weekly || !error.says('invalid_grant')) return error;
    return new OAuth2Error('SIGN_IN_AGAIN', 'google-testing-weekly', { facts: error.facts });
  }

  // Keeping

  async #load(): Promise<void> {
    if (this.#loaded) return;
    if (!keepsTokens(this.#config.grant)) {
      this.#loaded = true;
      return;
    }
    this.#loading ??= this.#loadOnce().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
  }

  async #loadOnce(): Promise<void> {
    const facts = { provider: this.#config.provider };
    let tokens: Tokens | undefined;
    try {
      tokens = readTokens(await this.#store.load());
    } catch (cause) {
      // Asked again the next time: what cannot be read now may only be locked.
      const error = new OAuth2Error('SIGN_IN_AGAIN', 'store-unreadable', { facts, cause });
      if (!this.#loaded) this.#show({ kind: 'sign-in-again', error });
      throw error;
    }
    // Somebody signed in while this was being read.
    if (this.#loaded) return;
    this.#loaded = true;
    this.#tokens = tokens;
    if (!tokens && this.#config.grant !== 'refresh_token') {
      this.#stopped ??= new OAuth2Error('SIGN_IN_AGAIN', 'not-signed-in', { facts });
    }
    this.#tell();
  }

  async #save(tokens: Tokens): Promise<void> {
    if (!keepsTokens(this.#config.grant)) return;
    try {
      await this.#inOrder(() => this.#store.save(tokens));
      this.#storeError = undefined;
    } catch (cause) {
      this.#storeError = new OAuth2Error('STORE', 'store-failed', {
        facts: { provider: this.#config.provider },
        cause,
      });
    }
    this.#tell();
  }

  #inOrder<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#storing.then(step);
    this.#storing = done.catch(() => {});
    return done;
  }

  // What others see

  #tell(): void {
    const tokens = this.#tokens;
    const waiting = this.#pause.error;
    const renewable = !!tokens?.refreshToken || !keepsTokens(this.#config.grant);
    const endsAt = renewable ? tokens?.refreshExpiresAt : tokens?.expiresAt;
    this.#show({
      kind: this.#stopped
        ? this.#stopped.reason === 'not-signed-in'
          ? 'signed-out'
          : 'sign-in-again'
        : waiting
          ? waiting.retryable
            ? 'waiting'
            : 'refused'
          : tokens
            ? 'signed-in'
            : 'unknown',
      ...(this.#stopped ? { error: this.#stopped } : waiting && { error: waiting }),
      ...(!this.#stopped &&
        waiting?.retryAfterMs !== undefined && { retryAt: this.#now() + waiting.retryAfterMs }),
      ...(this.#storeError && { storeError: this.#storeError }),
      ...(endsAt !== undefined && { endsAt }),
      ...(tokens && {
        signedInAt: tokens.signedInAt,
        obtainedAt: tokens.obtainedAt,
        expiresAt: tokens.expiresAt,
        renewable,
        ...(tokens.label && { label: tokens.label }),
        ...(tokens.scope && { scope: tokens.scope }),
      }),
    });
  }

  #show(state: TokenState): void {
    if (fingerprint(state) === fingerprint(this.#state)) return;
    this.#state = state;
    try {
      this.#onState(state);
    } catch {
      // A listener's mistake must not cost the tokens it was told about.
    }
  }

  /** What discovery has found is looked up again after a day, and used further where that fails. */
  async #resolve(): Promise<Endpoints> {
    const known = this.#endpoints;
    const now = this.#now();
    if (known && now >= known.at && now - known.at < DAY) return known.found;
    try {
      const found = await resolveEndpoints(this.#config, { agent: this.#agent, timeoutMs: this.#timeoutMs });
      this.#endpoints = { found, at: now };
      return found;
    } catch (error) {
      if (!known || !(error instanceof OAuth2Error && error.retryable)) throw error;
      return known.found;
    }
  }

  #context(endpoints: Endpoints): RenewalContext {
    return {
      config: this.#config,
      endpoints,
      agent: this.#agent,
      now: this.#now,
      timeoutMs: this.#timeoutMs,
    };
  }
}

/** Whether it is the refresh token itself that was refused. */
const isRefusedToken = (error: OAuth2Error): boolean =>
  error.says('invalid_grant') || error.reason === 'refresh-token-other-client';

/** Two states are the same when nobody could tell them apart; how long a wait still takes does not count. */
function fingerprint({ error, storeError, ...rest }: TokenState): string {
  return JSON.stringify([rest, error?.reason, storeError?.reason]);
}

function asOAuth2Error(error: unknown): OAuth2Error {
  return error instanceof OAuth2Error ? error : new OAuth2Error('TEMPORARY', 'unreachable', { cause: error });
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

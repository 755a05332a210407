import { randomBytes } from 'node:crypto';
import { type AccountConfig, bindingOf } from './config';
import { OAuth2Error } from './errors';
import type { Tokens } from './tokens';

/** Milliseconds from the start to the end of a sign-in, unless the server allows less. */
export const SIGN_IN_MS = 600_000;

/** How many sign-ins are remembered, running and ended together. */
const MOST = 100;

/** How many of them for one account; a new one ends the oldest. */
const MOST_PER_ACCOUNT = 5;

/** Who signs in to what. */
export interface SignInRequest {
  /** The account's id, told again when the sign-in is over. */
  account: string;
  /** Who started it; only they may ask, paste or cancel. Empty where there is no login. */
  adminUser: string;
  config: AccountConfig;
}

/** How a sign-in stands. */
export interface SignInOutcome {
  id: string;
  account: string;
  state: 'waiting' | 'signed-in' | 'failed';
  /** Milliseconds since the epoch; then a sign-in still waiting has failed. */
  expiresAt: number;
  /** Why it failed. */
  error?: OAuth2Error;
  /** The mail address the sign-in server named. A label only. */
  label?: string;
  /** Whether there is a refresh token; without one a person has to sign in again each time. */
  renewable?: boolean;
}

/** A sign-in that has succeeded. */
export interface SignedIn {
  id: string;
  account: string;
  adminUser: string;
  /** The configuration signed in with, which need not be the deployed one. */
  config: AccountConfig;
  /** `bindingOf(config)`. */
  binding: string;
  tokens: Tokens;
}

/** Names a sign-in, and who asks about it. */
export interface SignInQuestion {
  id: string;
  account: string;
  adminUser: string;
}

interface SignIn {
  outcome: SignInOutcome;
  request: SignInRequest;
}

/** What a room of sign-ins is told when it is made. */
export interface SignInsOptions {
  /** Takes the tokens; the sign-in has succeeded when this resolves. */
  onSignedIn: (signedIn: SignedIn) => Promise<void> | void;
  /** Hears of the end of each sign-in. */
  onOutcome?: ((outcome: SignInOutcome) => void) | undefined;
  /** Milliseconds since the epoch. */
  now?: (() => number) | undefined;
}

/** Sign-ins under way, and for a while those that have ended. In memory only, and bounded in number and time. */
export class SignIns<T extends SignIn> {
  readonly #onSignedIn: SignInsOptions['onSignedIn'];
  readonly #onOutcome: (outcome: SignInOutcome) => void;
  readonly #now: () => number;
  /** By id, the oldest first. */
  readonly #all = new Map<string, T>();

  constructor({ onSignedIn, onOutcome, now }: SignInsOptions) {
    this.#onSignedIn = onSignedIn;
    this.#onOutcome = onOutcome ?? (() => {});
    this.#now = now ?? Date.now;
  }

  /** Makes room where there are too many, by ending the oldest. */
  add(signIn: T): void {
    this.#expire();
    const others = [...this.#all.values()];
    const { account } = signIn.request;
    this.#drop(
      others.filter(({ request }) => request.account === account),
      MOST_PER_ACCOUNT,
    );
    this.#drop([...this.#all.values()], MOST);
    this.#all.set(signIn.outcome.id, signIn);
  }

  /** The sign-in of that id if it is still waiting. */
  waiting(id: string): T | undefined {
    this.#expire();
    const signIn = this.#all.get(id);
    return signIn?.outcome.state === 'waiting' ? signIn : undefined;
  }

  /** How a sign-in stands; undefined where it is not known, or belongs to another user. */
  outcome({ id, account, adminUser }: SignInQuestion): SignInOutcome | undefined {
    this.#expire();
    const signIn = this.#all.get(id);
    return signIn?.request.account === account && signIn.request.adminUser === adminUser
      ? signIn.outcome
      : undefined;
  }

  /** Ends a sign-in before its time. */
  cancel(question: SignInQuestion): void {
    const signIn = this.outcome(question) && this.waiting(question.id);
    if (signIn) this.end(signIn, new OAuth2Error('DECLINED', 'sign-in-cancelled'));
  }

  /**
   * Ends a sign-in by what `ask` brings: tokens, which are passed on, or an error. Undefined is no end: not yet.
   * Never rejects.
   */
  async settle(signIn: T, ask: () => Promise<Tokens | undefined>): Promise<void> {
    const { id } = signIn.outcome;
    try {
      const tokens = await ask();
      // Ended while the answer was on its way: tokens that are not needed any more are not kept.
      if (!tokens || !this.waiting(id)) return;
      const { account, adminUser, config } = signIn.request;
      await this.#onSignedIn({ id, account, adminUser, config, binding: bindingOf(config), tokens });
      this.end(signIn, undefined, tokens);
    } catch (error) {
      const unkept = () => new OAuth2Error('STORE', 'store-failed', { cause: error });
      this.end(signIn, error instanceof OAuth2Error ? error : unkept());
    }
  }

  /** Ends a sign-in: with an error, or with tokens. The first end counts. */
  end(signIn: T, error: OAuth2Error | undefined, tokens?: Tokens): void {
    if (signIn.outcome.state !== 'waiting') return;
    signIn.outcome = {
      ...signIn.outcome,
      state: error ? 'failed' : 'signed-in',
      ...(error && { error }),
      ...(tokens && { renewable: !!tokens.refreshToken }),
      ...(tokens?.label && { label: tokens.label }),
    };
    // The client's secret is of no more use here.
    const { provider, grant } = signIn.request.config;
    signIn.request = { ...signIn.request, config: { provider, grant } };
    try {
      this.#onOutcome(signIn.outcome);
    } catch {
      // A listener's mistake changes nothing about how the sign-in went.
    }
  }

  #drop(candidates: T[], most: number): void {
    for (const signIn of candidates.slice(0, Math.max(0, candidates.length - most + 1))) {
      this.end(signIn, new OAuth2Error('DECLINED', 'sign-in-superseded'));
      this.#all.delete(signIn.outcome.id);
    }
  }

  /** Ends what is too old, and forgets what was to end a sign-in's length ago. */
  #expire(): void {
    const now = this.#now();
    for (const [id, signIn] of this.#all) {
      const { expiresAt } = signIn.outcome;
      if (now >= expiresAt) this.end(signIn, new OAuth2Error('DECLINED', 'sign-in-expired-here'));
      if (now >= expiresAt + SIGN_IN_MS) this.#all.delete(id);
    }
  }
}

/** Random bytes as text that needs no escaping anywhere. */
export function randomText(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}

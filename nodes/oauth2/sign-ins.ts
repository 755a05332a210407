import { randomBytes } from 'node:crypto';
import { type AccountConfig, bindingOf } from './config';
import { OAuth2Error } from './errors';
import { MemorySignInStore, type SignInEnd, type SignInStore, type StoredSignIn } from './sign-in-store';
import type { Tokens } from './tokens';

export { SIGN_IN_MS } from './sign-in-store';

/** Who signs in to what. */
export interface SignInRequest {
  /** The account's id, told again when the sign-in is over. */
  account: string;
  /** Who started it; only they may ask, paste or cancel. Empty where there is no login. */
  adminUser: string;
  config: AccountConfig;
  /** Through what the server is reached: ids of configuration nodes, plain JSON. */
  route?: Record<string, unknown>;
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

/** What a room of sign-ins is told when it is made. */
export interface SignInsOptions {
  /** Takes the tokens; the sign-in has succeeded when this resolves. */
  onSignedIn: (signedIn: SignedIn) => Promise<void> | void;
  /** Hears of the end of each sign-in. */
  onOutcome?: ((outcome: SignInOutcome) => void) | undefined;
  /** Where sign-ins are kept. Default: in this process. */
  store?: SignInStore | undefined;
  /** Milliseconds since the epoch. */
  now?: (() => number) | undefined;
}

/** The common part of all sign-ins: who may ask about one, how it expires, and how it ends. */
export class SignIns {
  readonly store: SignInStore;
  readonly #onSignedIn: SignInsOptions['onSignedIn'];
  readonly #onOutcome: ((outcome: SignInOutcome) => void)[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;

  constructor({ onSignedIn, onOutcome, store, now }: SignInsOptions) {
    this.#onSignedIn = onSignedIn;
    this.#onOutcome = onOutcome ? [onOutcome] : [];
    this.now = now ?? Date.now;
    this.store = store ?? new MemorySignInStore(this.now);
  }

  /** Tells the end of each sign-in. */
  onOutcome(listener: (outcome: SignInOutcome) => void): void {
    this.#onOutcome.push(listener);
  }

  /** Makes room where there are too many, by ending the oldest. */
  async add(signIn: StoredSignIn): Promise<void> {
    for (const removed of await this.store.add(signIn)) {
      if (removed.state !== 'waiting') continue;
      this.#tell(outcomeOf({ ...removed, ...failedBy(new OAuth2Error('DECLINED', 'sign-in-superseded')) }));
    }
  }

  /** The sign-in of that id if it is still waiting. */
  async waiting(id: string): Promise<StoredSignIn | undefined> {
    const signIn = await this.#current(id);
    return signIn?.state === 'waiting' ? signIn : undefined;
  }

  /** How a sign-in stands; undefined where it is not known, or belongs to another user. */
  async outcome({ id, account, adminUser }: SignInQuestion): Promise<SignInOutcome | undefined> {
    const signIn = await this.#current(id);
    return signIn?.account === account && signIn.adminUser === adminUser ? outcomeOf(signIn) : undefined;
  }

  /** Ends a sign-in before its time. */
  async cancel(question: SignInQuestion): Promise<void> {
    if ((await this.outcome(question))?.state !== 'waiting') return;
    await this.#end(question.id, failedBy(new OAuth2Error('DECLINED', 'sign-in-cancelled')));
  }

  /**
   * Ends a sign-in by what `ask` brings: tokens, which are accepted, or an error. Undefined is no end: not yet.
   * Never rejects for what `ask` throws.
   */
  async settle(
    signIn: Pick<StoredSignIn, 'id' | 'account' | 'adminUser'> & { config: AccountConfig },
    ask: () => Promise<Tokens | undefined>,
  ): Promise<void> {
    const { id, account, adminUser, config } = signIn;
    try {
      const tokens = await ask();
      // Ended while the answer was on its way: its tokens are not kept.
      if (!tokens || !(await this.waiting(id))) return;
      await this.#onSignedIn({ id, account, adminUser, config, binding: bindingOf(config), tokens });
      await this.#end(id, {
        state: 'signed-in',
        renewable: !!tokens.refreshToken,
        ...(tokens.label && { label: tokens.label }),
      });
    } catch (error) {
      const unkept = () => new OAuth2Error('STORE', 'store-failed', { cause: error });
      await this.#end(id, failedBy(error instanceof OAuth2Error ? error : unkept()));
    }
  }

  async #current(id: string): Promise<StoredSignIn | undefined> {
    const signIn = await this.store.get(id);
    if (signIn?.state !== 'waiting' || this.now() < signIn.expiresAt) return signIn;
    await this.#end(id, failedBy(new OAuth2Error('DECLINED', 'sign-in-expired-here')));
    return this.store.get(id);
  }

  async #end(id: string, end: SignInEnd): Promise<void> {
    const ended = await this.store.end(id, end);
    if (ended) this.#tell(outcomeOf(ended));
  }

  #tell(outcome: SignInOutcome): void {
    for (const listener of this.#onOutcome) {
      try {
        listener(outcome);
      } catch {
        // A listener's mistake changes nothing about how the sign-in went.
      }
    }
  }
}

function outcomeOf({ id, account, state, expiresAt, error, label, renewable }: StoredSignIn): SignInOutcome {
  return {
    id,
    account,
    state,
    expiresAt,
    ...(error && { error: new OAuth2Error(error.code, error.reason, { facts: error.facts }) }),
    ...(label && { label }),
    ...(renewable !== undefined && { renewable }),
  };
}

function failedBy({ code, reason, facts }: OAuth2Error): SignInEnd {
  return { state: 'failed', error: { code, reason, facts } };
}

/** Random bytes as text that needs no escaping anywhere. */
export function randomText(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}

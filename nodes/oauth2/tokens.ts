import type { TokenAnswer } from './answer';

/** One sign-in's tokens, as they are kept. Times are milliseconds since the epoch, by our own clock. */
export interface Tokens {
  accessToken: string;
  expiresAt: number;
  obtainedAt: number;
  /** When the person signed in; renewals do not change it. */
  signedInAt: number;
  /** Absent: cannot be renewed. */
  refreshToken?: string;
  /** When the refresh token finally expires, where the server has said so. */
  refreshExpiresAt?: number;
  /** What was granted, space-separated; absent: what was asked for. */
  scope?: string;
  /** The mail address the id_token named: a label only. */
  label?: string;
}

/**
 * Where the tokens of one account are kept: this Node-RED's settings, or a database that many Node-REDs share. Whatever
 * rejects is an `OAuth2Error` `STORE`, or becomes one.
 */
export interface TokenStore {
  /** Undefined where nothing is kept. */
  load(): Promise<Tokens | undefined>;
  /** Has to be durable when it resolves. */
  save(tokens: Tokens): Promise<void>;
  delete(): Promise<void>;
  /**
   * Runs a renewal while no other owner of the store runs one: two of them with one refresh token make a server that
   * rotates them end the sign-in. `stored` is read under the lock: another owner may have renewed meanwhile. `renew`
   * saves what it obtains before it resolves; the lock outlasts the longest request.
   * @throws where the lock cannot be had; `renew` has not run then
   */
  renewing<T>(renew: (stored: Tokens | undefined) => Promise<T>): Promise<T>;
  /** Calls back when another owner has saved or deleted; returns how to stop. Absent: there is no other owner. */
  watch?(changed: () => void): () => void;
}

/** The newer of two, whichever is there. */
export function newest(one: Tokens | undefined, other: Tokens | undefined): Tokens | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.obtainedAt > one.obtainedAt ? other : one;
}

/** The tokens of a fresh sign-in. */
export function signedIn(answer: TokenAnswer): Tokens {
  return { ...answer, signedInAt: answer.obtainedAt };
}

/** The tokens after a renewal: what the answer leaves out stays as it was (RFC 6749 section 6). */
export function renewed(answer: TokenAnswer, old: Tokens): Tokens {
  return { ...old, ...answer, signedInAt: old.signedInAt };
}

/**
 * Whether the access token will do for now. It is renewed when less than 300 s or a fifth of its life is left,
 * whichever is less; and when the clock stands before the moment it came, since then the remaining time is unknown.
 */
export function isFresh(tokens: Tokens, now: number): boolean {
  const life = tokens.expiresAt - tokens.obtainedAt;
  return isAlive(tokens, now) && tokens.expiresAt - now > Math.min(300_000, life * 0.2);
}

/** Whether the access token has not run out, as far as the clock can tell. */
export function isAlive(tokens: Tokens, now: number): boolean {
  return now < tokens.expiresAt && now >= tokens.obtainedAt - 1000;
}

/** What a store gives back may be anything: another version's, or damaged. Undefined where it is of no use. */
export function readTokens(kept: unknown): Tokens | undefined {
  if (typeof kept !== 'object' || kept === null) return undefined;
  const { accessToken, expiresAt, obtainedAt, signedInAt, refreshToken, refreshExpiresAt, scope, label } =
    kept as Record<string, unknown>;
  if (typeof accessToken !== 'string' || accessToken === '') return undefined;
  const time = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
  return {
    accessToken,
    expiresAt: time(expiresAt),
    obtainedAt: time(obtainedAt),
    signedInAt: time(signedInAt),
    ...(typeof refreshToken === 'string' && refreshToken && { refreshToken }),
    ...(time(refreshExpiresAt) > 0 && { refreshExpiresAt: time(refreshExpiresAt) }),
    ...(typeof scope === 'string' && { scope }),
    ...(typeof label === 'string' && { label }),
  };
}

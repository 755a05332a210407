import type { OAuth2Error } from './errors';
import type { Tokens } from './tokens';

/** The state of an account. Free of secrets. Times are milliseconds since the epoch. */
export interface TokenState {
  /**
   * - `unknown` no token has been asked for yet
   * - `signed-out` no one is signed in
   * - `signed-in` all is well
   * - `waiting` the sign-in server cannot be reached or used just now; `error` says why, `retryAt` until when
   * - `refused` the sign-in server rejects the configuration; retried at `retryAt`
   * - `sign-in-again` a person has to sign in
   */
  kind: 'unknown' | 'signed-out' | 'signed-in' | 'waiting' | 'refused' | 'sign-in-again';
  error?: OAuth2Error;
  retryAt?: number;
  /** Set while the newest tokens are only in memory, because they cannot be saved: a restart would lose them. */
  storeError?: OAuth2Error;
  signedInAt?: number;
  /** When the access token was issued. */
  obtainedAt?: number;
  /** When the access token expires. */
  expiresAt?: number;
  /** False: when the access token has expired, a person has to sign in again. */
  renewable?: boolean;
  /** When a person has to sign in again, whatever happens; absent: not known. */
  endsAt?: number;
  /** The mail address the sign-in server named. A label only. */
  label?: string;
  /** What was granted, where the server said so. */
  scope?: string;
}

/** What a state is made of. */
export interface StateParts {
  tokens: Tokens | undefined;
  /** Set until a person has signed in. */
  stopped: OAuth2Error | undefined;
  /** The failure whose backoff is running. */
  waiting: OAuth2Error | undefined;
  storeError: OAuth2Error | undefined;
  renewable: boolean;
  now: number;
}

export function stateOf({ tokens, stopped, waiting, storeError, renewable, now }: StateParts): TokenState {
  // Where a person has to sign in, the tokens are worth nothing, however long they would have been valid.
  const valid = stopped ? undefined : tokens;
  const endsAt = renewable ? valid?.refreshExpiresAt : valid?.expiresAt;
  const error = stopped ?? waiting;
  return {
    kind: kindOf({ tokens, stopped, waiting }),
    ...(error && { error }),
    ...(!stopped && waiting?.retryAfterMs !== undefined && { retryAt: now + waiting.retryAfterMs }),
    ...(storeError && { storeError }),
    ...(endsAt !== undefined && { endsAt }),
    ...(tokens && {
      signedInAt: tokens.signedInAt,
      ...(valid && { obtainedAt: valid.obtainedAt, expiresAt: valid.expiresAt, renewable }),
      ...(tokens.label && { label: tokens.label }),
      ...(tokens.scope && { scope: tokens.scope }),
    }),
  };
}

function kindOf({
  tokens,
  stopped,
  waiting,
}: Pick<StateParts, 'tokens' | 'stopped' | 'waiting'>): TokenState['kind'] {
  if (stopped) return stopped.reason === 'not-signed-in' ? 'signed-out' : 'sign-in-again';
  if (waiting) return waiting.retryable ? 'waiting' : 'refused';
  return tokens ? 'signed-in' : 'unknown';
}

/** Whether a reader could tell two states apart; how long a wait still takes does not count. */
export const sameState = (one: TokenState, other: TokenState): boolean =>
  fingerprint(one) === fingerprint(other);

function fingerprint({ error, storeError, ...rest }: TokenState): string {
  return JSON.stringify([rest, error?.reason, storeError?.reason]);
}

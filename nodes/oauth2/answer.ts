import { OAuth2Error, type OAuth2Facts } from './errors';

/** What a token endpoint has given, checked and in our own units. */
export interface TokenAnswer {
  accessToken: string;
  /** Milliseconds since the epoch, by our own clock. */
  expiresAt: number;
  /** Milliseconds since the epoch, by our own clock. */
  obtainedAt: number;
  /** Absent: the one used for this request stays valid. */
  refreshToken?: string;
  /** When the refresh token expires, by our own clock, where the server says so (Google, for one). */
  refreshExpiresAt?: number;
  /** Space-separated; absent: what was asked for (RFC 6749 section 5.1). */
  scope?: string;
  /** The mail address named by the id_token. Unverified: good as a label and for nothing else. */
  label?: string;
}

/** Seconds a token is taken to live when the server does not say. */
const ASSUMED_LIFE = 3600;

/** Seconds; what claims to live longer is renewed all the same. */
const LONGEST_LIFE = 366 * 86_400;

/**
 * Reads the answer of a token endpoint (RFC 6749 section 5.1), which may be anything.
 * @throws {OAuth2Error} `TEMPORARY` when it is not such an answer, `CONFIG` when the token is of a kind that cannot
 * be used for mail.
 */
export function readAnswer(answer: unknown, now: number, facts: OAuth2Facts = {}): TokenAnswer {
  const own = (key: string): unknown =>
    typeof answer === 'object' && answer !== null && Object.hasOwn(answer, key)
      ? (answer as Record<string, unknown>)[key]
      : undefined;
  const accessToken = own('access_token');
  if (accessToken === undefined && own('id_token') !== undefined) {
    throw new OAuth2Error('CONFIG', 'id-token-only', { facts });
  }
  // A control character would break out of the line a token is sent in.
  if (!isToken(accessToken)) {
    throw new OAuth2Error('TEMPORARY', 'answer-malformed', { facts: { ...facts, detail: 'access_token' } });
  }
  const type = own('token_type');
  if (typeof type === 'string' && !/^bearer$/i.test(type.trim())) {
    throw new OAuth2Error('CONFIG', 'token-type', {
      facts: { ...facts, detail: type.replace(/\W/g, '').slice(0, 20) },
    });
  }
  const refreshToken = own('refresh_token');
  const refreshLife = lifeOf(own('refresh_token_expires_in'), undefined);
  const scope = own('scope');
  const label = labelOf(own('id_token'));
  return {
    accessToken,
    obtainedAt: now,
    expiresAt: now + lifeOf(own('expires_in'), ASSUMED_LIFE) * 1000,
    ...(isToken(refreshToken) && { refreshToken }),
    ...(refreshLife !== undefined && { refreshExpiresAt: now + refreshLife * 1000 }),
    ...(typeof scope === 'string' && scope && { scope }),
    ...(Array.isArray(scope) && { scope: scope.filter((word) => typeof word === 'string').join(' ') }),
    ...(label && { label }),
  };
}

/** 1*VSCHAR of RFC 6749 appendix A, of any length. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x20-\x7e]+$/.test(value);
}

/** Seconds. Some servers send text, some nothing, some 0 for "forever". */
function lifeOf<T extends number | undefined>(expiresIn: unknown, otherwise: T): number | T {
  const text = typeof expiresIn === 'string' && /^\s*\d+(\.\d*)?\s*$/.test(expiresIn);
  const seconds = typeof expiresIn === 'number' || text ? Number(expiresIn) : Number.NaN;
  return seconds >= 1 ? Math.min(seconds, LONGEST_LIFE) : otherwise;
}

/** The `aud` of a JWT (RFC 7519 section 4.1.3), if it is printable. Unverified. */
export function audienceOf(token: string): string | undefined {
  const { aud } = claimsOf(token);
  const [first] = [aud].flat() as unknown[];
  return typeof first === 'string' && /^[\x21-\x7e]{1,200}$/.test(first) ? first : undefined;
}

/** The permissions a JWT names, for a server that leaves them out of its answer: Microsoft's `scp`, else RFC 9068. */
export function scopeIn(token: string): string | undefined {
  const { scp, scope } = claimsOf(token);
  const named = [scp ?? scope]
    .flat()
    .filter((word) => typeof word === 'string' && word !== '')
    .join(' ');
  return /^[\x21-\x7e][\x20-\x7e]{0,999}$/.test(named) ? named : undefined;
}

/** What a JWT says of itself; nothing where it is none. */
function claimsOf(token: unknown): Record<string, unknown> {
  try {
    const [, payload = ''] = typeof token === 'string' ? token.split('.', 3) : [];
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function labelOf(idToken: unknown): string | undefined {
  const { email, preferred_username, upn, sub } = claimsOf(idToken);
  return [email, preferred_username, upn, sub].find(
    (name): name is string =>
      typeof name === 'string' && /^[^\p{C}\s<>"@]+@[^\p{C}\s<>"@]+$/u.test(name) && name.length < 255,
  );
}

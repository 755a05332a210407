import { redact } from './redact';

/**
 * What a caller can do about it.
 *
 * - `SIGN_IN_AGAIN` only a person can help, by signing in
 * - `DECLINED` this one sign-in came to nothing; start another
 * - `CONFIG` the account or the application's registration has to be changed
 * - `TEMPORARY` retry later, nothing is lost
 * - `TLS` the server could not prove who it is; nothing was sent
 * - `STORE` the tokens cannot be kept
 */
export type OAuth2ErrorCode = 'SIGN_IN_AGAIN' | 'DECLINED' | 'CONFIG' | 'TEMPORARY' | 'TLS' | 'STORE';

/** Why, as the key of a sentence for people. */
export type OAuth2Reason =
  // a person has to sign in
  | 'not-signed-in'
  | 'sign-in-expired'
  | 'sign-in-revoked'
  | 'password-changed'
  | 'google-testing-weekly'
  | 'single-page-app'
  | 'person-needed'
  | 'consent-needed'
  | 'policy-blocked'
  | 'google-reauthentication'
  | 'refresh-token-other-client'
  | 'user-disabled'
  | 'device-unknown'
  | 'device-disabled'
  | 'no-refresh-token'
  | 'store-unreadable'
  // this sign-in came to nothing
  | 'declined'
  | 'code-used-or-expired'
  | 'scope-not-granted'
  | 'sign-in-unknown'
  | 'sign-in-expired-here'
  | 'sign-in-cancelled'
  | 'sign-in-superseded'
  | 'other-person'
  | 'embedded-browser'
  | 'issuer-mismatch'
  | 'answer-incomplete'
  | 'paste-empty'
  | 'paste-code-missing'
  | 'paste-state-missing'
  | 'paste-not-the-answer'
  // to be changed in the account or the registration
  | 'provider-unknown'
  | 'provider-needs-password'
  | 'grant-unsupported'
  | 'client-id-missing'
  | 'registration-refused'
  | 'client-unknown'
  | 'client-not-in-tenant'
  | 'client-id-refused'
  | 'client-is-public'
  | 'client-disabled'
  | 'client-not-allowed'
  | 'client-refused'
  | 'client-assertion-refused'
  | 'secret-missing'
  | 'secret-wrong'
  | 'secret-expired'
  | 'secret-malformed'
  | 'secret-not-allowed'
  | 'client-not-public'
  | 'app-denied'
  | 'app-blocked'
  | 'enterprise-application-missing'
  | 'permission-missing'
  | 'service-not-enabled'
  | 'google-admin-policy'
  | 'google-org-internal'
  | 'service-account-unknown'
  | 'service-account-key-refused'
  | 'user-not-assigned'
  | 'user-not-in-tenant'
  | 'private-key-missing'
  | 'private-key-malformed'
  | 'clock-wrong'
  | 'user-missing'
  | 'user-unknown'
  | 'delegation-missing'
  | 'account-kind'
  | 'tenant-malformed'
  | 'tenant-not-in-cloud'
  | 'tenant-unknown'
  | 'tenant-needed'
  | 'tenant-single'
  | 'tenant-consumers'
  | 'tenant-not-consumers'
  | 'tenant-mismatch'
  | 'client-not-for-consumers'
  | 'cloud-mismatch'
  | 'redirect-uri-missing'
  | 'redirect-uri-malformed'
  | 'redirect-uri-insecure'
  | 'redirect-uri-path'
  | 'redirect-uri-mismatch'
  | 'scope-refused'
  | 'scope-two-resources'
  | 'admin-consent-needed'
  | 'refresh-token-missing'
  | 'refresh-token-refused'
  | 'token-url-missing'
  | 'authorization-url-missing'
  | 'device-url-missing'
  | 'device-url-insecure'
  | 'endpoint-malformed'
  | 'endpoint-insecure'
  | 'issuer-malformed'
  | 'issuer-not-found'
  | 'issuer-wrong'
  | 'issuer-unnamed'
  | 'token-type'
  | 'redirected'
  | 'redirected-discovered'
  | 'issuer-redirected'
  | 'id-token-only'
  | 'tls-not-deployed'
  | 'proxy-not-deployed'
  | 'request-refused'
  // later
  | 'database-unavailable'
  | 'unreachable'
  | 'host-not-found'
  | 'proxy-failed'
  | 'timeout'
  | 'too-large'
  | 'server-busy'
  | 'server-error'
  | 'not-json'
  | 'redirected-on-the-way'
  | 'answer-malformed'
  // TLS
  | 'certificate-untrusted'
  | 'certificate-inspected'
  | 'certificate-inspected-unseen'
  | 'certificate-expired'
  | 'certificate-name'
  | 'tls-failed'
  // keeping the tokens
  | 'store-failed'
  | 'store-in-use';

/** What a sentence for people may name. Never a secret. */
export interface OAuth2Facts {
  provider?: string;
  /** The host that was asked. */
  host?: string;
  /** The address in question, without its query. */
  uri?: string;
  /** HTTP status. */
  status?: number;
  /** The `error` of RFC 6749 section 5.2 or 4.1.2.1. */
  error?: string;
  /** Microsoft's number, as in AADSTS7000222. */
  aadsts?: number;
  /** The server's own words, redacted and cut. */
  description?: string;
  /** The same, where the sentence is no more than a guess at them and they are to be shown beside it. */
  said?: string;
  /** The system's code for a failed connection, such as `ECONNREFUSED`, or what the database of a fleet says. */
  network?: string;
  /** The proxy that failed, as `host:port`, or what names it where its address is none. */
  proxy?: string;
  /** What is missing, such as `code`, or what was expected. */
  detail?: string;
}

export interface OAuth2ErrorOptions {
  facts?: OAuth2Facts;
  /** Milliseconds. */
  retryAfterMs?: number;
  cause?: unknown;
  /** The server's `error` to the letter, for `says`; it may hold anything and is never shown. */
  word?: string | undefined;
}

/**
 * The one error of this room. Neither its message nor anything reachable from it holds a token, a code or a
 * secret: `cause` keeps only the name, code and redacted message of what it was made from.
 */
export class OAuth2Error extends Error {
  override readonly name = 'OAuth2Error';
  readonly code: OAuth2ErrorCode;
  readonly reason: OAuth2Reason;
  readonly facts: OAuth2Facts;
  /** The same request may succeed later with nothing changed. */
  readonly retryable: boolean;
  /** Milliseconds; not before. */
  readonly retryAfterMs?: number;
  readonly #word: string | undefined;

  constructor(code: OAuth2ErrorCode, reason: OAuth2Reason, options: OAuth2ErrorOptions = {}) {
    const { facts = {}, retryAfterMs, cause, word } = options;
    const { description, network, detail } = facts;
    const words = description ?? network ?? detail;
    super(words ? `${reason} (${words})` : reason);
    this.code = code;
    this.reason = reason;
    this.facts = facts;
    this.retryable = code === 'TEMPORARY' || code === 'TLS' || code === 'STORE';
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
    if (cause !== undefined) this.cause = bare(cause);
    this.#word = word;
  }

  /** Whether the server's `error` was this one; compared before anything was redacted. */
  says(word: string): boolean {
    return this.#word === word;
  }

  /** The same error with what was found out about it afterward. */
  with(facts: OAuth2Facts): OAuth2Error {
    const { code, reason, retryAfterMs, cause } = this;
    const options = { facts: { ...this.facts, ...facts }, cause, word: this.#word };
    return new OAuth2Error(code, reason, retryAfterMs === undefined ? options : { ...options, retryAfterMs });
  }

  /** The same error, to be tried again after so many milliseconds. */
  after(retryAfterMs: number): OAuth2Error {
    const { code, reason, facts, cause } = this;
    return new OAuth2Error(code, reason, { facts, retryAfterMs, cause, word: this.#word });
  }
}

/** What was thrown may be anything. */
export function asOAuth2Error(error: unknown): OAuth2Error {
  return error instanceof OAuth2Error ? error : new OAuth2Error('TEMPORARY', 'unreachable', { cause: error });
}

/** A stranger's error may carry the whole request; only its name, code and message are kept. */
function bare(cause: unknown): Error {
  const original = cause instanceof Error ? cause : new Error(String(cause));
  const copy = new Error(redact(original.message));
  copy.name = original.name;
  delete copy.stack;
  const code = (original as NodeJS.ErrnoException).code;
  return typeof code === 'string' ? Object.assign(copy, { code }) : copy;
}

/** Milliseconds of a Retry-After header (RFC 9110 section 10.2.3), at most an hour. */
export function retryAfter(header: string | string[] | undefined, now: number): number | undefined {
  if (typeof header !== 'string') return undefined;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, 3_600_000) : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

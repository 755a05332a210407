import { redact } from './redact';

/**
 * What a caller can do about it.
 *
 * - `SIGN_IN_AGAIN` only a person can help, by signing in
 * - `DECLINED` this one sign-in came to nothing; start another
 * - `CONFIG` the account or the application's registration has to be changed
 * - `TEMPORARY` come again later, nothing is lost
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
  | 'user-disabled'
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
  | 'client-disabled'
  | 'client-not-allowed'
  | 'client-refused'
  | 'client-assertion-refused'
  | 'secret-missing'
  | 'secret-wrong'
  | 'secret-expired'
  | 'secret-malformed'
  | 'private-key-missing'
  | 'private-key-malformed'
  | 'clock-wrong'
  | 'user-missing'
  | 'user-unknown'
  | 'delegation-missing'
  | 'account-kind'
  | 'tenant-malformed'
  | 'tenant-unknown'
  | 'tenant-needed'
  | 'tenant-single'
  | 'tenant-consumers'
  | 'redirect-uri-missing'
  | 'redirect-uri-malformed'
  | 'redirect-uri-insecure'
  | 'redirect-uri-path'
  | 'redirect-uri-mismatch'
  | 'scope-refused'
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
  | 'token-type'
  | 'request-refused'
  // later
  | 'unreachable'
  | 'host-not-found'
  | 'proxy-failed'
  | 'timeout'
  | 'too-large'
  | 'server-busy'
  | 'server-error'
  | 'not-json'
  | 'answer-malformed'
  // TLS
  | 'certificate-untrusted'
  | 'certificate-expired'
  | 'certificate-name'
  | 'tls-failed'
  // keeping the tokens
  | 'store-failed';

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
  /** The system's code for a failed connection, such as `ECONNREFUSED`. */
  network?: string;
  /** What is missing, such as `code`, or what was expected. */
  detail?: string;
}

export interface OAuth2ErrorOptions {
  facts?: OAuth2Facts;
  /** Milliseconds. */
  retryAfterMs?: number;
  cause?: unknown;
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

  constructor(code: OAuth2ErrorCode, reason: OAuth2Reason, options: OAuth2ErrorOptions = {}) {
    const { facts = {}, retryAfterMs, cause } = options;
    const words = facts.description ?? facts.network ?? facts.detail;
    super(words ? `${reason} (${words})` : reason);
    this.code = code;
    this.reason = reason;
    this.facts = facts;
    this.retryable = code === 'TEMPORARY' || code === 'TLS' || code === 'STORE';
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
    if (cause !== undefined) this.cause = bare(cause);
  }

  /** The same error, to be tried again after so many milliseconds. */
  after(retryAfterMs: number): OAuth2Error {
    return new OAuth2Error(this.code, this.reason, { facts: this.facts, retryAfterMs, cause: this.cause });
  }
}

/** A stranger's error may carry the whole request; only its name, code and message go on. */
function bare(cause: unknown): Error {
  const original = cause instanceof Error ? cause : new Error(String(cause));
  const copy = new Error(redact(original.message));
  copy.name = original.name;
  delete copy.stack;
  const code = (original as NodeJS.ErrnoException).code;
  return typeof code === 'string' ? Object.assign(copy, { code }) : copy;
}

/** At which step the server said it, since the same word means different things. */
export type Step = 'authorize' | 'code' | 'refresh' | 'device' | 'client' | 'revoke';

interface Known {
  code: OAuth2ErrorCode;
  reason: OAuth2Reason;
  /** All that are given have to fit. */
  error?: string | readonly string[];
  aadsts?: readonly number[];
  provider?: string;
  step?: readonly Step[];
  says?: RegExp;
}

const REFRESH: readonly Step[] = ['refresh'];
const CODE: readonly Step[] = ['code'];

/**
 * What servers say, and what it means: the first row that fits. Microsoft's numbers and Google's sentences pick the
 * hint; what to do follows from `error`, whose rows stand at the end. (Numbers: Microsoft Entra authentication and
 * authorization error codes; words: RFC 6749 sections 4.1.2.1 and 5.2, RFC 8628 section 3.5, OpenID Connect Core
 * section 3.1.2.6.)
 */
const known: readonly Known[] = [
  // What passes by itself
  { error: ['temporarily_unavailable', 'rate_limit_exceeded'], code: 'TEMPORARY', reason: 'server-busy' },
  { error: ['server_error', 'internal_failure'], code: 'TEMPORARY', reason: 'server-error' },
  { aadsts: [50196, 90033, 90055], code: 'TEMPORARY', reason: 'server-busy' },
  { aadsts: [90012, 90024, 90036, 700005], code: 'TEMPORARY', reason: 'server-error' },
  { error: 'slow_down', code: 'TEMPORARY', reason: 'server-busy' },

  // The registration of the application
  { aadsts: [7000215], code: 'CONFIG', reason: 'secret-wrong' },
  { aadsts: [7000222], code: 'CONFIG', reason: 'secret-expired' },
  { aadsts: [7000218], code: 'CONFIG', reason: 'secret-missing' },
  { aadsts: [700025], code: 'CONFIG', reason: 'client-not-allowed' },
  { aadsts: [700024], code: 'CONFIG', reason: 'clock-wrong' },
  { aadsts: [700021, 700023, 700027, 700030], code: 'CONFIG', reason: 'client-assertion-refused' },
  { aadsts: [7000112, 7000114], code: 'CONFIG', reason: 'client-disabled' },
  { aadsts: [700016, 700038, 90013], code: 'CONFIG', reason: 'client-unknown' },
  { aadsts: [50020, 50034, 500208], code: 'CONFIG', reason: 'account-kind' },
  { aadsts: [50194], code: 'CONFIG', reason: 'tenant-single' },
  { aadsts: [9002331, 9002332, 9002346], code: 'CONFIG', reason: 'tenant-consumers' },
  { aadsts: [90002, 90023, 900021, 900023], code: 'CONFIG', reason: 'tenant-unknown' },
  { aadsts: [50011, 500112, 900971], code: 'CONFIG', reason: 'redirect-uri-mismatch' },
  { aadsts: [9002325, 9002327, 900561], code: 'CONFIG', reason: 'single-page-app' },
  { aadsts: [28002, 28003, 70011, 650053, 650057, 500011], code: 'CONFIG', reason: 'scope-refused' },
  { aadsts: [90094, 90095, 90093], code: 'CONFIG', reason: 'admin-consent-needed' },
  { error: 'redirect_uri_mismatch', code: 'CONFIG', reason: 'redirect-uri-mismatch' },
  { error: 'invalid_request', says: /redirect_uri/i, code: 'CONFIG', reason: 'redirect-uri-mismatch' },
  { error: 'invalid_request', says: /client_secret is missing/i, code: 'CONFIG', reason: 'secret-missing' },
  { error: 'invalid_client', says: /client was not found/i, code: 'CONFIG', reason: 'client-unknown' },
  { error: ['deleted_client', 'disabled_client'], code: 'CONFIG', reason: 'client-disabled' },
  { error: 'admin_policy_enforced', code: 'CONFIG', reason: 'admin-consent-needed' },
  { error: 'org_internal', code: 'CONFIG', reason: 'account-kind' },

  // Google's service accounts
  {
    provider: 'google',
    step: ['client'],
    error: 'unauthorized_client',
    code: 'CONFIG',
    reason: 'delegation-missing',
  },
  {
    provider: 'google',
    step: ['client'],
    says: /reasonable timeframe/i,
    code: 'CONFIG',
    reason: 'clock-wrong',
  },
  {
    provider: 'google',
    step: ['client'],
    says: /JWT signature/i,
    code: 'CONFIG',
    reason: 'private-key-malformed',
  },
  {
    provider: 'google',
    step: ['client'],
    says: /account not found/i,
    code: 'CONFIG',
    reason: 'client-unknown',
  },
  { provider: 'google', step: ['client'], says: /email or user id/i, code: 'CONFIG', reason: 'user-unknown' },

  // The sign-in is over
  { step: REFRESH, aadsts: [50173], code: 'SIGN_IN_AGAIN', reason: 'password-changed' },
  { step: REFRESH, aadsts: [700082, 70008, 70043], code: 'SIGN_IN_AGAIN', reason: 'sign-in-expired' },
  { step: REFRESH, aadsts: [700084], code: 'SIGN_IN_AGAIN', reason: 'single-page-app' },
  { step: REFRESH, aadsts: [65001, 65004], code: 'SIGN_IN_AGAIN', reason: 'consent-needed' },
  {
    step: REFRESH,
    aadsts: [50076, 50079, 50074, 50072, 53003],
    code: 'SIGN_IN_AGAIN',
    reason: 'person-needed',
  },
  { step: REFRESH, aadsts: [50057], code: 'SIGN_IN_AGAIN', reason: 'user-disabled' },
  { step: REFRESH, error: 'consent_required', code: 'SIGN_IN_AGAIN', reason: 'consent-needed' },
  {
    step: REFRESH,
    error: ['interaction_required', 'login_required', 'account_selection_required', 'access_denied'],
    code: 'SIGN_IN_AGAIN',
    reason: 'person-needed',
  },
  {
    step: REFRESH,
    error: 'invalid_grant',
    says: /revoked/i,
    code: 'SIGN_IN_AGAIN',
    reason: 'sign-in-revoked',
  },
  { step: REFRESH, error: 'invalid_grant', code: 'SIGN_IN_AGAIN', reason: 'sign-in-expired' },

  // This sign-in came to nothing
  { aadsts: [65004], code: 'DECLINED', reason: 'declined' },
  { aadsts: [65001], code: 'DECLINED', reason: 'consent-needed' },
  { aadsts: [50076, 50079, 50074, 50072, 53003], code: 'DECLINED', reason: 'person-needed' },
  { error: ['access_denied', 'authorization_declined'], code: 'DECLINED', reason: 'declined' },
  {
    error: ['expired_token', 'code_expired', 'bad_verification_code'],
    code: 'DECLINED',
    reason: 'code-used-or-expired',
  },
  { error: 'consent_required', code: 'DECLINED', reason: 'consent-needed' },
  {
    error: ['interaction_required', 'login_required', 'account_selection_required'],
    code: 'DECLINED',
    reason: 'person-needed',
  },
  { step: CODE, error: 'invalid_grant', code: 'DECLINED', reason: 'code-used-or-expired' },
  { step: ['device'], error: 'invalid_grant', code: 'DECLINED', reason: 'code-used-or-expired' },

  // And what is left, by its word alone
  { error: 'invalid_client', code: 'CONFIG', reason: 'client-refused' },
  { error: 'unauthorized_client', code: 'CONFIG', reason: 'client-not-allowed' },
  { error: 'unsupported_grant_type', code: 'CONFIG', reason: 'grant-unsupported' },
  { error: 'unsupported_response_type', code: 'CONFIG', reason: 'grant-unsupported' },
  { error: ['invalid_scope', 'invalid_resource', 'invalid_target'], code: 'CONFIG', reason: 'scope-refused' },
];

/** What is known of an answer that says no. */
export interface Refusal {
  step: Step;
  provider: string;
  host?: string;
  /** HTTP status, where it came over HTTP from the server. */
  status?: number;
  /** The parsed body or the query: anything at all. */
  answer: unknown;
  /** Milliseconds, from Retry-After. */
  retryAfterMs?: number;
  /** To be struck out of the server's words. */
  secrets?: readonly (string | undefined)[];
}

/** Makes the error of a server's refusal. */
export function refused({
  step,
  provider,
  host,
  status,
  answer,
  retryAfterMs,
  secrets,
}: Refusal): OAuth2Error {
  const said: Record<string, unknown> = isRecord(answer) ? answer : {};
  // Some servers answer { error: { code | type, message } } in the manner of their other interfaces.
  const inner: Record<string, unknown> = isRecord(said.error) ? said.error : {};
  const error = text(said.error) ?? text(inner.code) ?? text(inner.type) ?? text(inner.status);
  const description = text(said.error_description) ?? text(inner.message);
  const aadsts = numberOf(said.error_codes, description);
  const facts: OAuth2Facts = {
    provider,
    ...(host && { host }),
    ...(status && { status }),
    ...(error && { error: redact(error, secrets).slice(0, 64) }),
    ...(aadsts && { aadsts }),
    ...(description && { description: redact(description, secrets) }),
  };
  const options = { facts, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  // Whatever the body says: a server that answers so is not able to judge the request just now.
  if (status === 429 || status === 408) return new OAuth2Error('TEMPORARY', 'server-busy', options);
  if (status !== undefined && status >= 500) return new OAuth2Error('TEMPORARY', 'server-error', options);
  if (!error) return new OAuth2Error('TEMPORARY', 'answer-malformed', options);
  const row = known.find(
    (row) =>
      (row.error === undefined ||
        (Array.isArray(row.error) ? row.error.includes(error) : row.error === error)) &&
      (row.aadsts === undefined || (aadsts !== undefined && row.aadsts.includes(aadsts))) &&
      (row.provider === undefined || row.provider === provider) &&
      (row.step === undefined || row.step.includes(step)) &&
      (row.says === undefined || row.says.test(description ?? '')),
  );
  if (!row) return new OAuth2Error('CONFIG', 'request-refused', options);
  // Google does not tell a wrong secret from an unknown client but by these words.
  if (row.reason === 'client-refused' && provider === 'google')
    return new OAuth2Error('CONFIG', 'secret-wrong', options);
  return new OAuth2Error(row.code, row.reason, options);
}

/** Makes the error of a connection that failed. */
export function failed(cause: unknown, facts: OAuth2Facts): OAuth2Error {
  const code = codeOf(cause);
  const options = { facts: code ? { ...facts, network: code } : facts, cause };
  switch (code) {
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return new OAuth2Error('TLS', 'certificate-expired', options);
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return new OAuth2Error('TLS', 'certificate-name', options);
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_UNTRUSTED':
    case 'CERT_REVOKED':
    case 'CERT_REJECTED':
      return new OAuth2Error('TLS', 'certificate-untrusted', options);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new OAuth2Error('TEMPORARY', 'host-not-found', options);
    case 'EPROXY':
      return new OAuth2Error('TEMPORARY', 'proxy-failed', options);
    case 'ETIMEDOUT':
    case 'ESOCKETTIMEDOUT':
      return new OAuth2Error('TEMPORARY', 'timeout', options);
  }
  if (code && /^(EPROTO$|ERR_SSL_|ERR_TLS_)/.test(code)) return new OAuth2Error('TLS', 'tls-failed', options);
  return new OAuth2Error('TEMPORARY', 'unreachable', options);
}

/** The first system code found on the way down the causes. */
function codeOf(cause: unknown): string | undefined {
  for (let at: unknown = cause, depth = 0; isRecord(at) && depth < 5; depth++) {
    if (typeof at.code === 'string') return at.code;
    // Node tries IPv6 and IPv4 and gives one error for both.
    at = at.cause ?? at.data ?? (Array.isArray(at.errors) ? at.errors[0] : undefined);
  }
  return undefined;
}

/** Milliseconds of a Retry-After header (RFC 9110 section 10.2.3), at most an hour. */
export function retryAfter(header: string | string[] | undefined, now: number): number | undefined {
  if (typeof header !== 'string') return undefined;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, 3_600_000) : undefined;
}

function numberOf(codes: unknown, description: string | undefined): number | undefined {
  if (Array.isArray(codes) && Number.isSafeInteger(codes[0])) return codes[0];
  const match = /AADSTS(\d{4,8})\b/.exec(description ?? '');
  return match ? Number(match[1]) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

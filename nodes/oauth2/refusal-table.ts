import type { OAuth2ErrorCode, OAuth2Reason } from './errors';
import type { Grant } from './grant';

/** At which step the server refused, since the same word means different things. `client`: no person takes part. */
export type Step = 'authorize' | 'code' | 'refresh' | 'device' | 'client' | 'revoke';

export interface Row {
  code: OAuth2ErrorCode;
  reason: OAuth2Reason;
  /** All that are given have to fit. */
  error?: string | readonly string[];
  aadsts?: readonly number[];
  provider?: string;
  step?: readonly Step[];
  grant?: readonly Grant[];
  /** Looked for in the server's description. */
  says?: RegExp;
}

const REFRESH: readonly Step[] = ['refresh'];
const APP: readonly Step[] = ['client'];
const PERSON: readonly Step[] = ['authorize', 'code', 'device'];
/** A person takes part, whose next sign-in may go otherwise. */
const SIGN_IN: readonly Step[] = [...PERSON, ...REFRESH];

/** Conditional access: device, location, application protection. Another sign-in changes nothing. */
const POLICY = [
  50097, 50129, 50155, 53000, 53001, 53002, 53003, 53009, 53011, 530002, 530003, 530004, 530032, 530034,
  530036,
];
/** A second factor is missing or too old: a person can give it. */
const MFA = [50072, 50074, 50076, 50078, 50079, 50158];

/** The password has expired: the sign-in page asks for a new one. */
const PASSWORD_EXPIRED = [50055, 50144];

/**
 * What servers refuse with, and what it means: the first row that fits. Microsoft's numbers and Google's sentences pick
 * the hint; what to do follows from `error`, whose rows stand at the end. Numbers: Microsoft Entra authentication and
 * authorization error codes (learn.microsoft.com/entra/identity-platform/reference-error-codes). Words: RFC 6749
 * sections 4.1.2.1 and 5.2, RFC 8628 section 3.5, OpenID Connect Core section 3.1.2.6.
 */
export const refusals: readonly Row[] = [
  // Temporary
  { error: ['temporarily_unavailable', 'rate_limit_exceeded'], code: 'TEMPORARY', reason: 'server-busy' },
  { error: ['server_error', 'internal_failure'], code: 'TEMPORARY', reason: 'server-error' },
  { aadsts: [50196, 90033, 90055], code: 'TEMPORARY', reason: 'server-busy' },
  { aadsts: [90012, 90024, 90036], code: 'TEMPORARY', reason: 'server-error' },
  { error: 'slow_down', code: 'TEMPORARY', reason: 'server-busy' },

  // The registration of the application
  { aadsts: [7000215], code: 'CONFIG', reason: 'secret-wrong' },
  { aadsts: [7000222], code: 'CONFIG', reason: 'secret-expired' },
  { aadsts: [7000218], grant: ['device_code'], code: 'CONFIG', reason: 'client-not-public' },
  { aadsts: [7000218], code: 'CONFIG', reason: 'secret-missing' },
  { aadsts: [70002], says: /mobile|public client/i, code: 'CONFIG', reason: 'client-not-public' },
  { says: /not enabled for consumers/i, code: 'CONFIG', reason: 'client-not-for-consumers' },
  { aadsts: [700025], code: 'CONFIG', reason: 'secret-not-allowed' },
  // Personal accounts use the number of a malformed request for it.
  { aadsts: [90023], says: /public client|client secret/i, code: 'CONFIG', reason: 'secret-not-allowed' },
  { provider: 'microsoft', aadsts: [90023], code: 'CONFIG', reason: 'secret-not-allowed' },
  { aadsts: [700024], code: 'CONFIG', reason: 'clock-wrong' },
  { aadsts: [700021, 700023, 700027, 700030], code: 'CONFIG', reason: 'client-assertion-refused' },
  { aadsts: [7000112, 7000114], code: 'CONFIG', reason: 'client-disabled' },
  { aadsts: [7000229], code: 'CONFIG', reason: 'enterprise-application-missing' },
  { aadsts: [700016, 700011, 700038, 90013], code: 'CONFIG', reason: 'client-unknown' },
  { aadsts: [50020, 50034], code: 'CONFIG', reason: 'user-not-in-tenant' },
  { step: SIGN_IN, aadsts: [500208], code: 'CONFIG', reason: 'account-kind' },
  { aadsts: [50105], code: 'CONFIG', reason: 'user-not-assigned' },
  { aadsts: [50194], code: 'CONFIG', reason: 'tenant-single' },
  { aadsts: [50059], code: 'CONFIG', reason: 'tenant-needed' },
  { aadsts: [9002331, 9002346], code: 'CONFIG', reason: 'tenant-consumers' },
  { aadsts: [9002332], code: 'CONFIG', reason: 'tenant-not-consumers' },
  { step: SIGN_IN, aadsts: [700005], code: 'CONFIG', reason: 'tenant-mismatch' },
  {
    step: SIGN_IN,
    aadsts: [900382, 900432, 90072],
    says: /cloud/i,
    code: 'CONFIG',
    reason: 'cloud-mismatch',
  },
  { step: SIGN_IN, aadsts: [900382, 900432], code: 'CONFIG', reason: 'cloud-mismatch' },
  { aadsts: [90002, 900021, 900023], code: 'CONFIG', reason: 'tenant-unknown' },
  { aadsts: [50011, 500112, 900971], code: 'CONFIG', reason: 'redirect-uri-mismatch' },
  { step: SIGN_IN, aadsts: [9002325, 9002327, 900561], code: 'CONFIG', reason: 'single-page-app' },
  { aadsts: [28000, 700022], code: 'CONFIG', reason: 'scope-two-resources' },
  { aadsts: [650056, 650057], code: 'CONFIG', reason: 'permission-missing' },
  { aadsts: [28002, 28003, 70011, 650053, 500011], code: 'CONFIG', reason: 'scope-refused' },
  { step: SIGN_IN, aadsts: [90094, 90095, 90093], code: 'CONFIG', reason: 'admin-consent-needed' },
  { error: 'redirect_uri_mismatch', code: 'CONFIG', reason: 'redirect-uri-mismatch' },
  { error: 'invalid_request', says: /redirect_uri/i, code: 'CONFIG', reason: 'redirect-uri-mismatch' },
  { error: 'invalid_request', says: /client_secret is missing/i, code: 'CONFIG', reason: 'secret-missing' },
  { error: 'invalid_client', says: /client was not found/i, code: 'CONFIG', reason: 'client-unknown' },
  { error: ['deleted_client', 'disabled_client'], code: 'CONFIG', reason: 'client-disabled' },
  { error: 'admin_policy_enforced', code: 'CONFIG', reason: 'google-admin-policy' },
  { step: SIGN_IN, error: 'org_internal', code: 'CONFIG', reason: 'account-kind' },
  { step: SIGN_IN, error: 'disallowed_useragent', code: 'DECLINED', reason: 'embedded-browser' },

  // Google's service accounts
  {
    provider: 'google',
    step: APP,
    error: ['unauthorized_client', 'access_denied'],
    code: 'CONFIG',
    reason: 'delegation-missing',
  },
  { provider: 'google', step: APP, says: /reasonable timeframe/i, code: 'CONFIG', reason: 'clock-wrong' },
  { provider: 'google', step: APP, says: /JWT signature/i, code: 'CONFIG', reason: 'private-key-malformed' },
  { provider: 'google', step: APP, says: /account not found/i, code: 'CONFIG', reason: 'client-unknown' },
  { provider: 'google', step: APP, says: /email or user id/i, code: 'CONFIG', reason: 'user-unknown' },

  // The application itself, with no person who could sign in: asked again by itself until an administrator has acted
  { step: APP, aadsts: [...POLICY, ...MFA], code: 'CONFIG', reason: 'app-blocked' },
  { step: APP, error: ['interaction_required', 'login_required'], code: 'CONFIG', reason: 'app-blocked' },
  { step: APP, aadsts: [65001, 65004, 90093, 90094, 90095], code: 'CONFIG', reason: 'app-denied' },
  { step: APP, error: 'org_internal', code: 'CONFIG', reason: 'app-denied' },
  {
    step: APP,
    error: ['access_denied', 'consent_required', 'account_selection_required', 'authorization_declined'],
    code: 'CONFIG',
    reason: 'app-denied',
  },

  // The sign-in has ended
  { step: REFRESH, aadsts: [50173], code: 'SIGN_IN_AGAIN', reason: 'password-changed' },
  {
    step: REFRESH,
    aadsts: [700082, 700081, 70000, 70008, 70043, 50089, 50132, 50133],
    code: 'SIGN_IN_AGAIN',
    reason: 'sign-in-expired',
  },
  { step: REFRESH, aadsts: [700084], code: 'SIGN_IN_AGAIN', reason: 'single-page-app' },
  { step: REFRESH, aadsts: [65001, 65004], code: 'SIGN_IN_AGAIN', reason: 'consent-needed' },
  { step: REFRESH, aadsts: POLICY, code: 'SIGN_IN_AGAIN', reason: 'policy-blocked' },
  { step: REFRESH, aadsts: PASSWORD_EXPIRED, code: 'SIGN_IN_AGAIN', reason: 'person-needed' },
  { step: REFRESH, aadsts: MFA, code: 'SIGN_IN_AGAIN', reason: 'person-needed' },
  { step: REFRESH, aadsts: [50057], code: 'SIGN_IN_AGAIN', reason: 'user-disabled' },
  { step: REFRESH, error: 'consent_required', code: 'SIGN_IN_AGAIN', reason: 'consent-needed' },
  {
    step: REFRESH,
    error: ['interaction_required', 'login_required', 'account_selection_required', 'access_denied'],
    code: 'SIGN_IN_AGAIN',
    reason: 'person-needed',
  },
  {
    provider: 'google',
    step: REFRESH,
    error: 'unauthorized_client',
    code: 'SIGN_IN_AGAIN',
    reason: 'refresh-token-other-client',
  },
  {
    step: REFRESH,
    error: 'invalid_grant',
    says: /\brapt\b|invalid_rapt/i,
    code: 'SIGN_IN_AGAIN',
    reason: 'google-reauthentication',
  },
  {
    step: REFRESH,
    error: 'invalid_grant',
    says: /revoked/i,
    code: 'SIGN_IN_AGAIN',
    reason: 'sign-in-revoked',
  },
  { step: REFRESH, error: 'invalid_grant', code: 'SIGN_IN_AGAIN', reason: 'sign-in-expired' },

  // This one sign-in failed
  { step: PERSON, aadsts: [65004], code: 'DECLINED', reason: 'declined' },
  { step: PERSON, aadsts: [65001], code: 'DECLINED', reason: 'consent-needed' },
  { step: PERSON, aadsts: POLICY, code: 'DECLINED', reason: 'policy-blocked' },
  { step: PERSON, aadsts: PASSWORD_EXPIRED, code: 'DECLINED', reason: 'person-needed' },
  {
    step: ['code', 'device'],
    aadsts: [54005, 70000, 70008, 50089, 70019, 70020],
    code: 'DECLINED',
    reason: 'code-used-or-expired',
  },
  { step: PERSON, aadsts: MFA, code: 'DECLINED', reason: 'person-needed' },
  { step: PERSON, aadsts: [50057], code: 'DECLINED', reason: 'user-disabled' },
  {
    step: PERSON,
    error: ['access_denied', 'authorization_declined'],
    code: 'DECLINED',
    reason: 'declined',
  },
  {
    step: PERSON,
    error: ['expired_token', 'code_expired', 'bad_verification_code'],
    code: 'DECLINED',
    reason: 'code-used-or-expired',
  },
  { step: PERSON, error: 'consent_required', code: 'DECLINED', reason: 'consent-needed' },
  {
    step: PERSON,
    error: ['interaction_required', 'login_required', 'account_selection_required'],
    code: 'DECLINED',
    reason: 'person-needed',
  },
  { step: ['code', 'device'], error: 'invalid_grant', code: 'DECLINED', reason: 'code-used-or-expired' },

  // What is left, by its word alone
  // Google does not tell a wrong secret from an unknown client but by the sentence looked for above.
  { provider: 'google', error: 'invalid_client', code: 'CONFIG', reason: 'secret-wrong' },
  { error: 'invalid_client', code: 'CONFIG', reason: 'client-refused' },
  { error: 'unauthorized_client', code: 'CONFIG', reason: 'client-not-allowed' },
  {
    error: ['unsupported_grant_type', 'unsupported_response_type'],
    code: 'CONFIG',
    reason: 'grant-unsupported',
  },
  { error: ['invalid_scope', 'invalid_resource', 'invalid_target'], code: 'CONFIG', reason: 'scope-refused' },
];

// Longer than 300 lines because it is one table: a row for each refusal.
import type { OAuth2ErrorCode, OAuth2Reason } from './errors';
import type { Grant } from './grant';

/** At which step the server refused, since the same word means different things. `client`: no person takes part. */
export type Step = 'authorize' | 'code' | 'refresh' | 'device' | 'client' | 'revoke';

/** How the application proves itself; `never`: the provider gives its applications no secret. */
export type Proof = 'secret' | 'key' | 'none' | 'never';

export interface Row {
  code: OAuth2ErrorCode;
  reason: OAuth2Reason;
  /** All that are given have to fit. */
  error?: string | readonly string[];
  aadsts?: readonly number[];
  provider?: string;
  /** Microsoft's worldwide cloud only: the national ones have no personal accounts. */
  isWorldwide?: true;
  step?: readonly Step[];
  grant?: readonly Grant[];
  /** Fits also where it is not known. */
  proof?: readonly Proof[];
  /** Looked for in the server's description. */
  says?: RegExp;
}

const REFRESH: readonly Step[] = ['refresh'];
const APP: readonly Step[] = ['client'];
const PERSON: readonly Step[] = ['authorize', 'code', 'device'];
/** A person takes part, whose next sign-in may go otherwise. */
const SIGN_IN: readonly Step[] = [...PERSON, ...REFRESH];
/** Only the authorization request and the exchange of its code name a redirect URI. */
const REDIRECT: readonly Step[] = ['authorize', 'code'];
const ASKING: readonly Step[] = [...SIGN_IN, ...APP];

/** Conditional access: device, location, application protection. Another sign-in changes nothing. */
const POLICY = [
  50005, 50097, 50129, 50131, 50155, 53000, 53001, 53002, 53003, 53009, 53011, 530002, 530003, 530004, 530032,
  530034,
];
/** A second factor is missing or too old, or the person has to be asked: a person can give it. */
const MFA = [50072, 50074, 50076, 50078, 50079, 50085, 50125, 50158, 53004, 700020];

/** The password has expired or has to be changed: the sign-in page asks for a new one. */
const PASSWORD_EXPIRED = [50055, 50135, 50144];

/** What ends the refresh token itself. */
const REVOKED = [50132, 50133, 50173];
const EXPIRED = [700082, 700081, 70000, 70008, 70043, 50089];

/** No number, but words that tell of a policy or a permission: starting again changes nothing. */
const FORBIDDEN =
  /\bpolic(y|ies)\b|conditional access|administrator|not (been )?(assigned|authorized|allowed|permitted)|\b(disabled|deactivated|suspended|locked|blocked)\b/i;

/** What a server says where the person declined; in other words, or another language, it may have been a policy. */
const NOT_BY_PERSON =
  /^(?!.*(den(y|ied)|declin|cancel|reject|refus|consent|grant|accept|user|owner)).*\p{L}/isu;

/** Keycloak's error where RFC 6749 section 5.2 has `invalid_client`. */
const INVALID_CLIENT = /invalid client\b|client secret/i;

type Condition = Omit<Row, 'code' | 'reason'>;
const rowOf =
  (code: OAuth2ErrorCode) =>
  (reason: OAuth2Reason, condition: Condition): Row => ({ code, reason, ...condition });
const temporary = rowOf('TEMPORARY');
const config = rowOf('CONFIG');
const again = rowOf('SIGN_IN_AGAIN');
const declined = rowOf('DECLINED');

/**
 * What servers refuse with, and what it means: the first row that fits. Microsoft's numbers and Google's sentences pick
 * the hint; what to do follows from `error`, whose rows stand at the end. Numbers: Microsoft Entra authentication and
 * authorization error codes (learn.microsoft.com/entra/identity-platform/reference-error-codes, November 2026); what is
 * not in that list (500113 and 7000229, for two) by the words its servers send with it, as others have published them.
 * Words: RFC 6749 sections 4.1.2.1 and 5.2, RFC 8628 section 3.5, OpenID Connect Core section 3.1.2.6.
 */
export const refusals: readonly Row[] = [
  // Temporary
  temporary('server-busy', { error: ['temporarily_unavailable', 'rate_limit_exceeded'] }),
  temporary('server-error', { error: ['server_error', 'internal_failure'] }),
  temporary('server-busy', { aadsts: [50088, 50196, 90006, 90033, 90055, 90090] }),
  temporary('server-error', { aadsts: [50033, 50087, 70012, 90012, 90024, 90036] }),
  temporary('server-busy', { error: 'slow_down' }),

  // The registration of the application
  config('secret-wrong', { aadsts: [7000215], proof: ['secret'] }),
  config('secret-wrong', { aadsts: [70002], proof: ['secret'], says: /client_secret/i }),
  config('secret-expired', { aadsts: [7000222], proof: ['secret'] }),
  config('client-not-public', { aadsts: [7000218], grant: ['device_code'] }),
  config('secret-missing', { aadsts: [7000218], proof: ['none'] }),
  config('client-not-public', { step: ['device'], aadsts: [70002], says: /mobile|public client/i }),
  config('client-not-for-consumers', {
    isWorldwide: true,
    step: SIGN_IN,
    says: /not enabled for consumers/i,
  }),
  // Without its proof an application cannot act by itself.
  config('client-is-public', { step: APP, aadsts: [700025] }),
  config('secret-not-allowed', { step: SIGN_IN, aadsts: [700025], proof: ['secret', 'key'] }),
  // Personal accounts use the number of a malformed request for it.
  config('secret-not-allowed', {
    step: SIGN_IN,
    aadsts: [90023],
    proof: ['secret', 'key'],
    says: /public client|client secret/i,
  }),
  config('secret-not-allowed', {
    provider: 'microsoft',
    step: SIGN_IN,
    aadsts: [90023],
    proof: ['secret', 'key'],
  }),
  config('clock-wrong', { aadsts: [700024], proof: ['key'] }),
  // Microsoft's list has this number for a scope, its servers also for the audience of an assertion.
  config('client-assertion-refused', { aadsts: [700023], proof: ['key'], says: /assertion/i }),
  config('client-assertion-refused', { aadsts: [700027], proof: ['key'] }),
  config('client-disabled', { aadsts: [7000112] }),
  config('client-disabled', { aadsts: [70001], says: /disabled/i }),
  config('enterprise-application-missing', { aadsts: [7000229] }),
  config('client-not-in-tenant', { provider: 'microsoft', aadsts: [700016, 700011, 70001] }),
  config('client-unknown', { aadsts: [700016, 700011, 700038, 70001] }),
  config('app-denied', { step: APP, aadsts: [50105, 501051] }),
  config('user-not-assigned', { step: SIGN_IN, aadsts: [50105] }),
  config('service-not-enabled', { aadsts: [650052] }),
  // The kind of account and its tenant
  config('cloud-mismatch', { provider: 'microsoft', step: PERSON, aadsts: [90072], says: /cloud/i }),
  config('user-not-in-tenant', {
    provider: 'microsoft',
    step: SIGN_IN,
    aadsts: [50014, 50020, 50034, 51004, 90072],
  }),
  config('account-kind', { step: PERSON, aadsts: [500208] }),
  config('tenant-single', { provider: 'microsoft', step: SIGN_IN, aadsts: [50194] }),
  config('tenant-needed', { provider: 'microsoft', step: ASKING, aadsts: [50059, 90019, 9001023] }),
  config('tenant-consumers', { isWorldwide: true, step: SIGN_IN, aadsts: [9002331, 9002346] }),
  config('tenant-not-consumers', { isWorldwide: true, step: SIGN_IN, aadsts: [9002332] }),
  config('tenant-mismatch', { provider: 'microsoft', step: ['code'], aadsts: [700005] }),
  config('cloud-mismatch', { provider: 'microsoft', step: PERSON, aadsts: [900382, 900432, 90038] }),
  config('tenant-unknown', { provider: 'microsoft', aadsts: [90002, 900021, 900023, 50128] }),
  // Redirect URI, scope and consent
  config('redirect-uri-mismatch', { step: REDIRECT, aadsts: [50011, 500113, 70004, 900971] }),
  config('single-page-app', { step: PERSON, aadsts: [9002325, 9002327] }),
  config('scope-two-resources', { step: ASKING, aadsts: [28000, 700022] }),
  config('permission-missing', { step: ASKING, aadsts: [650056, 650057, 65005] }),
  config('scope-refused', { step: ASKING, aadsts: [28002, 28003, 70011, 650053, 500011] }),
  config('scope-refused', { step: ASKING, aadsts: [700023], says: /scope/i }),
  config('admin-consent-needed', { step: PERSON, aadsts: [90094, 90095, 90093] }),
  config('redirect-uri-mismatch', { step: REDIRECT, error: 'redirect_uri_mismatch' }),
  config('redirect-uri-mismatch', {
    step: REDIRECT,
    error: ['invalid_request', 'invalid_grant'],
    says: /redirect_uri/i,
  }),
  config('secret-missing', { error: 'invalid_request', proof: ['none'], says: /client_secret is missing/i }),
  config('client-unknown', { error: 'invalid_client', says: /client was not found/i }),
  config('client-disabled', { error: ['deleted_client', 'disabled_client'] }),
  config('google-admin-policy', { provider: 'google', step: ASKING, error: 'admin_policy_enforced' }),
  config('google-org-internal', { provider: 'google', step: PERSON, error: 'org_internal' }),
  declined('embedded-browser', { provider: 'google', step: ['authorize'], error: 'disallowed_useragent' }),

  // Google's service accounts
  config('delegation-missing', {
    provider: 'google',
    step: APP,
    error: ['unauthorized_client', 'access_denied'],
  }),
  config('clock-wrong', { provider: 'google', step: APP, says: /reasonable timeframe/i }),
  config('service-account-key-refused', { provider: 'google', step: APP, says: /JWT signature/i }),
  config('service-account-unknown', { provider: 'google', step: APP, says: /account not found/i }),
  config('user-unknown', { provider: 'google', step: APP, says: /email or user id/i }),

  // The application itself, with no person who could sign in: asked again by itself until an administrator has acted
  config('app-blocked', { step: APP, aadsts: [...POLICY, ...MFA] }),
  config('app-blocked', { step: APP, error: ['interaction_required', 'login_required'] }),
  config('app-denied', { step: APP, aadsts: [65001, 65004, 90093, 90094, 90095] }),
  config('app-denied', {
    step: APP,
    error: ['access_denied', 'consent_required', 'account_selection_required', 'authorization_declined'],
  }),

  // A policy, for every person alike
  again('policy-blocked', { step: REFRESH, aadsts: POLICY }),
  declined('policy-blocked', { step: PERSON, aadsts: POLICY }),
  declined('request-refused', {
    step: PERSON,
    error: ['access_denied', 'invalid_grant', 'interaction_required'],
    says: FORBIDDEN,
  }),

  // A refresh token that was given: no person signs in to such an account
  again('refresh-token-refused', {
    grant: ['refresh_token'],
    step: REFRESH,
    aadsts: [...REVOKED, ...EXPIRED, ...MFA, ...PASSWORD_EXPIRED, 700084, 65001, 65004],
  }),
  again('request-refused', {
    grant: ['refresh_token'],
    step: REFRESH,
    aadsts: [50057, 90093, 90094, 90095, 135011, 700003],
  }),
  again('request-refused', {
    grant: ['refresh_token'],
    step: REFRESH,
    error: ['access_denied', 'interaction_required', 'invalid_grant'],
    says: FORBIDDEN,
  }),
  again('refresh-token-refused', {
    grant: ['refresh_token'],
    step: REFRESH,
    error: [
      'invalid_grant',
      'interaction_required',
      'login_required',
      'consent_required',
      'account_selection_required',
      'access_denied',
    ],
  }),
  again('refresh-token-refused', {
    grant: ['refresh_token'],
    provider: 'google',
    step: REFRESH,
    error: 'unauthorized_client',
  }),

  // The sign-in has ended
  again('password-changed', { step: REFRESH, aadsts: REVOKED }),
  again('sign-in-expired', { step: REFRESH, aadsts: EXPIRED }),
  again('single-page-app', { step: REFRESH, aadsts: [700084] }),
  again('consent-needed', { step: REFRESH, aadsts: [65001, 65004] }),
  config('admin-consent-needed', { step: REFRESH, aadsts: [90093, 90094, 90095] }),
  again('person-needed', { step: REFRESH, aadsts: [...PASSWORD_EXPIRED, ...MFA] }),
  again('user-disabled', { step: REFRESH, aadsts: [50057] }),
  again('device-unknown', { step: REFRESH, aadsts: [700003] }),
  again('device-disabled', { step: REFRESH, aadsts: [135011] }),
  again('consent-needed', { step: REFRESH, error: 'consent_required' }),
  // Microsoft's `suberror`
  again('consent-needed', { step: REFRESH, error: 'invalid_grant', says: /^consent_required\b/ }),
  again('google-reauthentication', {
    provider: 'google',
    step: REFRESH,
    error: 'invalid_grant',
    says: /\brapt\b|invalid_rapt/i,
  }),
  again('request-refused', {
    step: REFRESH,
    error: ['access_denied', 'interaction_required', 'invalid_grant'],
    says: FORBIDDEN,
  }),
  again('person-needed', {
    step: REFRESH,
    error: ['interaction_required', 'login_required', 'account_selection_required', 'access_denied'],
  }),
  again('refresh-token-other-client', { provider: 'google', step: REFRESH, error: 'unauthorized_client' }),
  // "Expired or revoked" (Google) is either.
  again('sign-in-revoked', { step: REFRESH, error: 'invalid_grant', says: /^(?!.*expired).*revoked/is }),
  again('sign-in-expired', { step: REFRESH, error: 'invalid_grant' }),

  // This one sign-in failed
  declined('declined', { step: PERSON, error: 'authorization_declined' }),
  declined('declined', { step: PERSON, aadsts: [65004] }),
  declined('consent-needed', { step: PERSON, aadsts: [65001] }),
  declined('person-needed', { step: PERSON, aadsts: PASSWORD_EXPIRED }),
  declined('code-used-or-expired', {
    step: ['code', 'device'],
    aadsts: [54005, 70000, 70008, 50089, 70018, 70019, 70020, 90120],
  }),
  declined('person-needed', { step: PERSON, aadsts: MFA }),
  declined('user-disabled', { step: PERSON, aadsts: [50057] }),
  declined('device-unknown', { step: PERSON, aadsts: [700003] }),
  declined('device-disabled', { step: PERSON, aadsts: [135011] }),
  declined('request-refused', { step: PERSON, error: 'access_denied', says: NOT_BY_PERSON }),
  declined('declined', { step: PERSON, error: 'access_denied' }),
  declined('code-used-or-expired', {
    step: PERSON,
    error: ['expired_token', 'code_expired', 'bad_verification_code'],
  }),
  declined('consent-needed', { step: PERSON, error: 'consent_required' }),
  declined('consent-needed', { step: PERSON, error: 'invalid_grant', says: /^consent_required\b/ }),
  declined('person-needed', {
    step: PERSON,
    error: ['interaction_required', 'login_required', 'account_selection_required'],
  }),
  declined('code-used-or-expired', { step: ['code', 'device'], error: 'invalid_grant' }),

  // What is left, by its word alone
  // Google does not tell a wrong secret from an unknown client but by the sentence looked for above.
  config('secret-wrong', { provider: 'google', proof: ['secret'], error: 'invalid_client' }),
  config('client-refused', { proof: ['secret'], error: 'invalid_client' }),
  config('client-assertion-refused', { proof: ['key'], step: SIGN_IN, error: 'invalid_client' }),
  config('client-id-refused', { proof: ['none'], error: 'invalid_client' }),
  config('client-unknown', { proof: ['never'], error: 'invalid_client' }),
  config('client-refused', { proof: ['secret'], error: 'unauthorized_client', says: INVALID_CLIENT }),
  config('client-assertion-refused', {
    proof: ['key'],
    step: SIGN_IN,
    error: 'unauthorized_client',
    says: INVALID_CLIENT,
  }),
  config('secret-missing', {
    proof: ['none'],
    error: 'unauthorized_client',
    says: /client secret not provided/i,
  }),
  config('client-id-refused', { proof: ['none'], error: 'unauthorized_client', says: INVALID_CLIENT }),
  config('client-not-allowed', { step: ASKING, error: 'unauthorized_client' }),
  config('grant-unsupported', {
    step: ASKING,
    error: ['unsupported_grant_type', 'unsupported_response_type'],
  }),
  config('scope-refused', { step: ASKING, error: ['invalid_scope', 'invalid_resource', 'invalid_target'] }),
];

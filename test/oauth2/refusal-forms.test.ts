// The forms in which servers refuse, each through a real exchange, and the sentence that a person reads of it.
import assert from 'node:assert/strict';
import { accountSentence } from '../../nodes/node-red/messages';
import { type AccountConfig, OAuth2Error } from '../../nodes/oauth2';
import { identify } from '../../nodes/oauth2/client-authentication';
import { resolveEndpoints } from '../../nodes/oauth2/endpoints';
import type { Step } from '../../nodes/oauth2/refusal-table';
import { requestTokens } from '../../nodes/oauth2/token-request';
import { type ScriptedAnswer, startTokenEndpoint, type TokenEndpoint } from '../../servers/token-endpoint';
import { translator } from '../translator';

const translate = translator('en-US');

const json = (status: number, body: object): ScriptedAnswer => ({ status, body });
const form = (status: number, body: string): ScriptedAnswer => ({
  status,
  body,
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
});

type Case = [
  title: string,
  answer: ScriptedAnswer,
  step: Step,
  code: OAuth2Error['code'],
  sentence: RegExp,
  account?: Partial<AccountConfig>,
];
const cases: Case[] = [
  [
    'the code in capitals',
    json(400, { error: 'INVALID_GRANT' }),
    'refresh',
    'SIGN_IN_AGAIN',
    /expired or was revoked/,
  ],
  [
    'the code with spaces',
    json(400, { error: 'Invalid Grant' }),
    'refresh',
    'SIGN_IN_AGAIN',
    /expired or was revoked/,
  ],
  ['the code with hyphens', json(400, { error: 'invalid-scope' }), 'code', 'CONFIG', /rejected the scope/],
  [
    'words behind the code',
    json(400, { error: 'invalid_grant: Session not active' }),
    'refresh',
    'SIGN_IN_AGAIN',
    /expired or was revoked/,
  ],
  [
    'a vague code with words of its own: the words too',
    json(400, {
      error: 'invalid_grant',
      error_description: 'PKCE verification failed: Invalid code verifier',
    }),
    'code',
    'DECLINED',
    /PKCE verification failed/,
  ],
  [
    'a redirect URI refused as a grant (Keycloak)',
    json(400, { error: 'invalid_grant', error_description: 'Incorrect redirect_uri' }),
    'code',
    'CONFIG',
    /Register exactly this address: https:\/\/red\.example/,
  ],
  [
    'the sentence of RFC 6749 about every grant accuses no redirect URI (Doorkeeper)',
    json(400, {
      error: 'invalid_grant',
      error_description:
        'The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.',
    }),
    'code',
    'DECLINED',
    /already used or has expired.*does not match the redirection URI/,
  ],
  [
    'a policy without a number: no new start',
    json(403, { error: 'access_denied', error_description: 'Policy evaluation failed for this request.' }),
    'code',
    'DECLINED',
    /^The provider rejected the request: access_denied Policy evaluation failed/,
  ],
  [
    'a user who is not assigned, without a number (Okta)',
    json(400, {
      error: 'access_denied',
      error_description: 'User is not assigned to the client application.',
    }),
    'code',
    'DECLINED',
    /^The provider rejected the request: access_denied User is not assigned/,
  ],
  [
    'a description in Japanese',
    json(400, { error: 'not_allowed', error_description: 'このユーザーには許可されていません。' }),
    'code',
    'CONFIG',
    /not_allowed このユーザーには許可されていません。/,
  ],
  [
    'an unknown number, in Japanese, at a word that is known',
    json(401, { error: 'invalid_client', error_description: 'AADSTS7000999: アプリケーションが無効です。' }),
    'code',
    'CONFIG',
    /^The provider rejected the request: invalid_client AADSTS7000999: アプリケーションが無効です。/,
  ],
  [
    'a number in lower case',
    json(400, { error: 'invalid_grant', error_description: 'aadsts50105: The user is not assigned.' }),
    'code',
    'CONFIG',
    /not assigned to the application/,
    { clientSecret: 'canary-secret' },
  ],
  [
    'a number only in the address of its page',
    json(401, {
      error: 'invalid_client',
      error_uri: 'https://login.microsoftonline.com/error?code=7000222',
    }),
    'refresh',
    'CONFIG',
    /client secret has expired/,
    { clientSecret: 'canary-secret' },
  ],
  [
    'two numbers: the one that says more',
    json(400, {
      error: 'invalid_grant',
      error_description: 'AADSTS70002: Error validating credentials. AADSTS135011: Device is disabled.',
      error_codes: [70002, 135011],
    }),
    'refresh',
    'SIGN_IN_AGAIN',
    /device.*is disabled in the organization \(AADSTS135011\)/,
  ],
  [
    'an error within an error',
    json(403, { error: { code: 403, status: 'PERMISSION_DENIED', message: 'The caller may not do this.' } }),
    'code',
    'CONFIG',
    /PERMISSION_DENIED The caller may not do this/,
  ],
  [
    'OAuth’s own fields within an error',
    json(400, { error: { error: 'invalid_scope', error_description: 'mail is unknown' } }),
    'code',
    'CONFIG',
    /rejected the scope.*mail is unknown/,
  ],
  [
    'a list of errors (Fitbit)',
    json(401, { errors: [{ errorType: 'invalid_client', message: 'Client unknown' }], success: false }),
    'code',
    'CONFIG',
    /rejected the client ID\..*Client unknown/,
  ],
  [
    'Okta’s own form',
    json(401, { errorCode: 'invalid_client', errorSummary: 'Client authentication failed.' }),
    'code',
    'CONFIG',
    /rejected the client ID and client secret.*Client authentication failed/,
    { clientSecret: 'canary-secret' },
  ],
  [
    'Apigee’s own form',
    json(401, {
      fault: { faultstring: 'Invalid client', detail: { errorcode: 'oauth.v2.InvalidClientIdentifier' } },
    }),
    'code',
    'CONFIG',
    /oauth\.v2\.InvalidClientIdentifier Invalid client/,
  ],
  [
    'RFC 9457: title and detail',
    json(403, { type: 'about:blank', title: 'Forbidden', detail: 'No seat is left.', status: 403 }),
    'code',
    'TEMPORARY',
    /rejected the request: {2}?.*No seat is left/,
  ],
  [
    'a gateway’s message',
    json(403, { message: 'Forbidden by rule 12' }),
    'code',
    'TEMPORARY',
    /Forbidden by rule 12/,
  ],
  [
    'FastAPI',
    json(401, { detail: 'Could not validate credentials' }),
    'code',
    'TEMPORARY',
    /Could not validate credentials/,
  ],
  [
    'a sentence in the place of the code',
    json(400, { error: `The client may not use this grant. ${'It was not enabled. '.repeat(5)}` }),
    'code',
    'TEMPORARY',
    /The client may not use this grant/,
  ],
  [
    'a form',
    form(400, 'error=invalid_grant&error_description=Code+was+already+redeemed'),
    'code',
    'DECLINED',
    /already used or has expired.*Code was already redeemed/,
  ],
  [
    'a form with status 200 (GitHub)',
    form(200, 'error=bad_verification_code&error_description=The+code+passed+is+incorrect+or+expired.'),
    'code',
    'DECLINED',
    /already used or has expired.*incorrect or expired/,
  ],
  [
    'status 200 with an error',
    json(200, { error: 'invalid_scope', error_description: 'No such scope.' }),
    'code',
    'CONFIG',
    /rejected the scope.*No such scope/,
  ],
  [
    'status 200 with ok: false (Slack)',
    json(200, { ok: false, error: 'invalid_code' }),
    'code',
    'CONFIG',
    /invalid_code/,
  ],
  [
    'status 200 with a message',
    json(200, { success: false, message: 'The application is locked.' }),
    'code',
    'TEMPORARY',
    /The application is locked/,
  ],
  ['status 200 with {}', json(200, {}), 'code', 'TEMPORARY', /not valid\. Check the address, then try again/],
  [
    'a byte order mark',
    { status: 400, body: '\ufeff{"error":"unauthorized_client","error_description":"Not for code."}' },
    'code',
    'CONFIG',
    /may not use this sign-in method.*Not for code/,
  ],
  [
    'a page of HTML',
    { status: 400, body: '<html><h1>Bad</h1>' },
    'code',
    'TEMPORARY',
    /\(HTTP 400\).*a proxy intercepts/,
  ],
  [
    'a page of HTML with status 200',
    { status: 200, body: '<html>Log in' },
    'code',
    'TEMPORARY',
    /\(HTTP 200\)/,
  ],
  ['an empty 401', { status: 401, body: '' }, 'code', 'TEMPORARY', /\(HTTP 401\)/],
  ['an empty 404', { status: 404, body: '' }, 'refresh', 'TEMPORARY', /\(HTTP 404\)/],
  [
    'a network that wants a login first',
    { status: 511, body: '<html>Wi-Fi' },
    'refresh',
    'TEMPORARY',
    /\(HTTP 511\).*a proxy intercepts/,
  ],
  [
    '5xx with JSON: what it says',
    json(500, { error: 'server_error', error_description: 'Backend 12 is down' }),
    'code',
    'TEMPORARY',
    /internal error\. Try again in a few minutes\..*server_error: Backend 12 is down/,
  ],
  [
    '503 with a refusal is waited for, and shown',
    json(503, { error: 'invalid_grant', error_description: 'Maintenance.' }),
    'refresh',
    'TEMPORARY',
    /retries automatically.*invalid_grant: Maintenance/,
  ],
  [
    '429 without a body',
    { status: 429, body: '' },
    'code',
    'TEMPORARY',
    /is busy\. Try again in a few minutes/,
  ],
  [
    'a public client without a secret is asked for none it cannot have',
    json(401, { error: 'invalid_client' }),
    'code',
    'CONFIG',
    /^The provider rejected the client ID\. .*If the registration has a client secret/,
  ],
  [
    'words with nothing in them are left out',
    json(401, { error: 'invalid_client', error_description: 'Unauthorized' }),
    'code',
    'CONFIG',
    /enter that as well\.$/,
  ],
  [
    'consent is missing below a vague code (Microsoft’s suberror)',
    json(400, {
      error: 'invalid_grant',
      suberror: 'consent_required',
      error_description: 'Consent, please.',
    }),
    'refresh',
    'SIGN_IN_AGAIN',
    /consent to read the mail is missing/,
  ],
  [
    'a given refresh token that a policy blocks is not told to be renewed',
    json(400, { error: 'invalid_grant', error_description: 'AADSTS53003: Blocked.', error_codes: [53003] }),
    'refresh',
    'SIGN_IN_AGAIN',
    /conditional access.*AADSTS53003.*does not help/,
    { grant: 'refresh_token' },
  ],
  [
    'a given refresh token that wants a person asks for another token, not for a sign-in',
    json(400, {
      error: 'interaction_required',
      error_description: 'AADSTS50076: MFA.',
      error_codes: [50076],
    }),
    'refresh',
    'SIGN_IN_AGAIN',
    /rejected this refresh token\. Obtain a new one/,
    { grant: 'refresh_token' },
  ],
  [
    'an application of its own that is denied',
    json(403, { error: 'access_denied', error_description: 'Ask the owner.' }),
    'client',
    'CONFIG',
    /administrator must grant.*Ask the owner/,
    { grant: 'client_credentials', clientSecret: 'canary-secret' },
  ],
  [
    'a wrong secret as Keycloak calls it: the secret, not the sign-in method',
    json(401, {
      error: 'unauthorized_client',
      error_description: 'Invalid client or Invalid client credentials',
    }),
    'code',
    'CONFIG',
    /rejected the client ID and client secret/,
    { clientSecret: 'canary-secret' },
  ],
  [
    'the same of a public client',
    json(401, { error: 'unauthorized_client', error_description: 'Client secret not provided in request' }),
    'code',
    'CONFIG',
    /requires a client secret/,
  ],
  [
    'a method that is not allowed stays one (Keycloak)',
    json(401, {
      error: 'unauthorized_client',
      error_description: 'Client not enabled to retrieve service account',
    }),
    'client',
    'CONFIG',
    /may not use this sign-in method/,
    { grant: 'client_credentials', clientSecret: 'canary-secret' },
  ],
  [
    'a device code that was declined, whatever number is beside it',
    json(400, {
      error: 'authorization_declined',
      error_description: 'AADSTS70000: The user declined.',
      error_codes: [70000],
    }),
    'device',
    'DECLINED',
    /^The provider rejected the request: authorization_declined .*The user declined/,
    { grant: 'device_code' },
  ],
  ...['Zugriff durch Richtlinie verweigert', 'Доступ запрещен', '访问被拒绝'].map(
    (words): Case => [
      `denied for a reason that is not understood, its words and no cure: ${words}`,
      json(400, { error: 'access_denied', error_description: words }),
      'code',
      'DECLINED',
      new RegExp(`^The provider rejected the request: access_denied ${words}$`),
    ],
  ),
  [
    'denied by the person',
    json(400, { error: 'access_denied', error_description: 'The end user denied the request.' }),
    'device',
    'DECLINED',
    /sign-in was declined/,
    { grant: 'device_code' },
  ],
  ...['User disabled', 'Account disabled', 'The account is locked.'].map(
    (words): Case => [
      `no new start, which would not help: ${words}`,
      json(400, { error: 'invalid_grant', error_description: words }),
      'code',
      'DECLINED',
      new RegExp(`^The provider rejected the request: invalid_grant ${words}$`),
    ],
  ),
  [
    'a code in numbers, and words in a place of their own (WeChat, DingTalk)',
    json(200, { errcode: 40029, errmsg: 'invalid code' }),
    'code',
    'TEMPORARY',
    /invalid code/,
  ],
  [
    'a code that expired at the device is no authorization code',
    json(400, { error: 'expired_token' }),
    'device',
    'DECLINED',
    /^The code of the sign-in was already used or has expired/,
    { grant: 'device_code' },
  ],
];

describe('the forms of a refusal, and what a person reads', () => {
  let endpoint: TokenEndpoint;
  before(async () => {
    endpoint = await startTokenEndpoint();
  });
  after(() => endpoint.close());

  for (const [title, answer, step, code, sentence, account = {}] of cases) {
    it(title, async () => {
      const config: AccountConfig = {
        provider: 'custom',
        grant: 'authorization_code',
        tokenUrl: endpoint.url,
        clientId: 'client',
        user: 'alice@example.test',
        ...account,
      };
      const endpoints = await resolveEndpoints(config);
      endpoint.answer(answer);
      const error = await requestTokens({
        config,
        endpoints,
        step,
        identification: identify(config, endpoints, Date.now()),
        parameters: { grant_type: 'any', code: 'canary-code' },
        redirectUri: 'https://red.example.test/callback',
        now: Date.now,
      }).then(
        () => assert.fail('accepted'),
        (error: unknown) => error,
      );
      assert.ok(error instanceof OAuth2Error);
      const told =
        accountSentence(error, translate, step === 'code' ? 'dialog' : 'running') ??
        assert.fail(error.reason);
      assert.match(told, sentence);
      assert.equal(error.code, code, told);
      assert.doesNotMatch(told, /__|canary/);
    });
  }
});

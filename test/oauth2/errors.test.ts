import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { cureOf } from '../../nodes/oauth2/cures';
import { OAuth2Error } from '../../nodes/oauth2/errors';
import { redact } from '../../nodes/oauth2/redact';
import { refusals, type Step } from '../../nodes/oauth2/refusal-table';
import { judgedBy, refused } from '../../nodes/oauth2/refusals';
import { google, microsoft, type ScriptedAnswer } from '../../servers/token-endpoint';
import { root } from '../sources';
import { seen } from './support';

function said(
  { status = 200, body }: ScriptedAnswer,
  step: Step = 'refresh',
  provider = 'custom',
): OAuth2Error {
  return refused({ step, provider, status, answer: body });
}

function error(word: string, description?: string): ScriptedAnswer {
  return { status: 400, body: { error: word, ...(description && { error_description: description }) } };
}

const sentences: Record<string, string> = JSON.parse(
  readFileSync(join(root, 'locales/en-US/oauth2-account.json'), 'utf8'),
).errors;
const anyRefusal = fc.record({
  word: fc.constantFrom('new_error', 'invalid_request', ...refusals.flatMap(({ error }) => error ?? [])),
  number: fc.constantFrom(undefined, ...refusals.flatMap(({ aadsts }) => aadsts ?? [])),
  description: fc.constantFrom('', 'The client is not enabled for consumers.', 'Public client.', 'Revoked.'),
});

describe('oauth2/errors', () => {
  const cases: [ScriptedAnswer, Step, string, string, string][] = [
    // The sign-in has ended
    [error('invalid_grant'), 'refresh', 'custom', 'SIGN_IN_AGAIN', 'sign-in-expired'],
    [google.revoked, 'refresh', 'google', 'SIGN_IN_AGAIN', 'sign-in-expired'],
    [
      error('invalid_grant', 'The token was revoked.'),
      'refresh',
      'custom',
      'SIGN_IN_AGAIN',
      'sign-in-revoked',
    ],
    [google.badRequest, 'refresh', 'google', 'SIGN_IN_AGAIN', 'sign-in-expired'],
    [microsoft('invalid_grant', 50173), 'refresh', 'microsoft', 'SIGN_IN_AGAIN', 'password-changed'],
    [microsoft('invalid_grant', 700082), 'refresh', 'microsoft', 'SIGN_IN_AGAIN', 'sign-in-expired'],
    [microsoft('invalid_grant', 70008), 'refresh', 'microsoft', 'SIGN_IN_AGAIN', 'sign-in-expired'],
    [microsoft('invalid_grant', 70043), 'refresh', 'microsoft', 'SIGN_IN_AGAIN', 'sign-in-expired'],
    [microsoft('invalid_grant', 700084), 'refresh', 'microsoft', 'SIGN_IN_AGAIN', 'single-page-app'],
    [microsoft('invalid_grant', 50076), 'refresh', 'microsoft', 'SIGN_IN_AGAIN', 'person-needed'],
    [microsoft('interaction_required', 50079), 'refresh', 'microsoft', 'SIGN_IN_AGAIN', 'person-needed'],
    [microsoft('interaction_required', 53003), 'refresh', 'microsoft', 'SIGN_IN_AGAIN', 'policy-blocked'],
    [microsoft('invalid_grant', 65001), 'refresh', 'microsoft', 'SIGN_IN_AGAIN', 'consent-needed'],
    [error('interaction_required'), 'refresh', 'custom', 'SIGN_IN_AGAIN', 'person-needed'],
    [error('login_required'), 'refresh', 'custom', 'SIGN_IN_AGAIN', 'person-needed'],
    // This sign-in came to nothing
    [error('invalid_grant'), 'code', 'custom', 'DECLINED', 'code-used-or-expired'],
    [google.badRequest, 'code', 'google', 'DECLINED', 'code-used-or-expired'],
    [microsoft('invalid_grant', 54005), 'code', 'microsoft', 'DECLINED', 'code-used-or-expired'],
    [error('access_denied'), 'authorize', 'custom', 'DECLINED', 'declined'],
    [error('authorization_declined'), 'device', 'microsoft', 'DECLINED', 'declined'],
    [error('bad_verification_code'), 'device', 'microsoft', 'DECLINED', 'code-used-or-expired'],
    [error('expired_token'), 'device', 'custom', 'DECLINED', 'code-used-or-expired'],
    [microsoft('interaction_required', 50076), 'code', 'microsoft', 'DECLINED', 'person-needed'],
    // The configuration
    [
      microsoft('invalid_client', 7000215, 'Invalid client secret.', 401),
      'refresh',
      'microsoft',
      'CONFIG',
      'secret-wrong',
    ],
    [
      microsoft('invalid_client', 7000222, 'Expired.', 401),
      'refresh',
      'microsoft',
      'CONFIG',
      'secret-expired',
    ],
    [microsoft('invalid_client', 7000218, 'Missing.', 401), 'code', 'microsoft', 'CONFIG', 'secret-missing'],
    [microsoft('unauthorized_client', 700016), 'code', 'microsoft', 'CONFIG', 'client-not-in-tenant'],
    [microsoft('invalid_grant', 50020), 'code', 'microsoft', 'CONFIG', 'user-not-in-tenant'],
    [microsoft('invalid_request', 50194), 'code', 'microsoft', 'CONFIG', 'tenant-single'],
    [microsoft('invalid_request', 9002332), 'code', 'microsoft', 'CONFIG', 'tenant-not-consumers'],
    [microsoft('invalid_request', 90002), 'code', 'microsoft', 'CONFIG', 'tenant-unknown'],
    [microsoft('invalid_request', 50011), 'authorize', 'microsoft', 'CONFIG', 'redirect-uri-mismatch'],
    [microsoft('invalid_scope', 70011), 'code', 'microsoft', 'CONFIG', 'scope-refused'],
    [microsoft('invalid_resource', 650057), 'code', 'microsoft', 'CONFIG', 'permission-missing'],
    [microsoft('invalid_request', 28003), 'code', 'microsoft', 'CONFIG', 'scope-refused'],
    [microsoft('access_denied', 90094), 'authorize', 'microsoft', 'CONFIG', 'admin-consent-needed'],
    [microsoft('access_denied', 90095), 'authorize', 'microsoft', 'CONFIG', 'admin-consent-needed'],
    [google.secretWrong, 'refresh', 'google', 'CONFIG', 'secret-wrong'],
    [google.secretMissing, 'code', 'google', 'CONFIG', 'secret-missing'],
    [google.clientUnknown, 'code', 'google', 'CONFIG', 'client-unknown'],
    [google.clientDeleted, 'refresh', 'google', 'CONFIG', 'client-disabled'],
    [google.redirectUri, 'code', 'google', 'CONFIG', 'redirect-uri-mismatch'],
    [google.scope, 'code', 'google', 'CONFIG', 'scope-refused'],
    [google.adminPolicy, 'authorize', 'google', 'CONFIG', 'google-admin-policy'],
    [google.delegation, 'client', 'google', 'CONFIG', 'delegation-missing'],
    [google.clock, 'client', 'google', 'CONFIG', 'clock-wrong'],
    [google.signature, 'client', 'google', 'CONFIG', 'service-account-key-refused'],
    [google.user, 'client', 'google', 'CONFIG', 'user-unknown'],
    [error('invalid_client'), 'refresh', 'custom', 'CONFIG', 'client-refused'],
    [error('unauthorized_client'), 'refresh', 'custom', 'CONFIG', 'client-not-allowed'],
    [error('unsupported_grant_type'), 'refresh', 'custom', 'CONFIG', 'grant-unsupported'],
    [error('invalid_request', 'Missing redirect_uri'), 'code', 'custom', 'CONFIG', 'redirect-uri-mismatch'],
    [error('something_new'), 'refresh', 'custom', 'CONFIG', 'request-refused'],
    // By step, grant and kind of account
    [microsoft('unauthorized_client', 9002331), 'code', 'microsoft', 'CONFIG', 'tenant-consumers'],
    [microsoft('invalid_request', 90023), 'code', 'microsoft', 'CONFIG', 'secret-not-allowed'],
    [
      microsoft('invalid_client', 700025, 'Public.', 401),
      'code',
      'microsoft',
      'CONFIG',
      'secret-not-allowed',
    ],
    [
      microsoft('invalid_client', 7000229, 'No principal.', 401),
      'client',
      'microsoft',
      'CONFIG',
      'enterprise-application-missing',
    ],
    [microsoft('unauthorized_client', 700011), 'code', 'microsoft', 'CONFIG', 'client-not-in-tenant'],
    [
      microsoft('invalid_client', 70002, 'The client must be marked as mobile.'),
      'device',
      'microsoft',
      'CONFIG',
      'client-not-public',
    ],
    [
      error('unauthorized_client', 'The client does not exist or is not enabled for consumers.'),
      'code',
      'microsoft',
      'CONFIG',
      'client-not-for-consumers',
    ],
    [microsoft('invalid_client', 650056), 'authorize', 'microsoft', 'CONFIG', 'permission-missing'],
    [microsoft('invalid_grant', 53000), 'code', 'microsoft', 'DECLINED', 'policy-blocked'],
    [microsoft('invalid_grant', 530032), 'code', 'microsoft', 'DECLINED', 'policy-blocked'],
    [microsoft('access_denied', 53003), 'authorize', 'microsoft', 'DECLINED', 'policy-blocked'],
    [microsoft('access_denied', 50105), 'authorize', 'microsoft', 'CONFIG', 'user-not-assigned'],
    [microsoft('invalid_grant', 50105), 'code', 'microsoft', 'CONFIG', 'user-not-assigned'],
    [microsoft('invalid_grant', 700005), 'code', 'microsoft', 'CONFIG', 'tenant-mismatch'],
    [microsoft('invalid_request', 50059), 'device', 'microsoft', 'CONFIG', 'tenant-needed'],
    [microsoft('invalid_request', 28000), 'authorize', 'microsoft', 'CONFIG', 'scope-two-resources'],
    [microsoft('invalid_request', 700022), 'code', 'microsoft', 'CONFIG', 'scope-two-resources'],
    [microsoft('invalid_request', 900382), 'code', 'microsoft', 'CONFIG', 'cloud-mismatch'],
    [microsoft('invalid_grant', 50078), 'refresh', 'microsoft', 'SIGN_IN_AGAIN', 'person-needed'],
    [microsoft('invalid_grant', 50133), 'refresh', 'microsoft', 'SIGN_IN_AGAIN', 'password-changed'],
    [microsoft('invalid_grant', 50034), 'code', 'microsoft', 'CONFIG', 'user-not-in-tenant'],
    [microsoft('interaction_required', 50076), 'client', 'microsoft', 'CONFIG', 'app-blocked'],
    [microsoft('invalid_grant', 53003), 'client', 'microsoft', 'CONFIG', 'app-blocked'],
    [microsoft('invalid_grant', 65001), 'client', 'microsoft', 'CONFIG', 'app-denied'],
    [error('access_denied'), 'client', 'custom', 'CONFIG', 'app-denied'],
    [error('access_denied'), 'client', 'google', 'CONFIG', 'delegation-missing'],
    [error('unauthorized_client'), 'refresh', 'google', 'SIGN_IN_AGAIN', 'refresh-token-other-client'],
    [
      { status: 400, body: { error: 'invalid_grant', error_subtype: 'invalid_rapt' } },
      'refresh',
      'google',
      'SIGN_IN_AGAIN',
      'google-reauthentication',
    ],
    [error('org_internal'), 'authorize', 'google', 'CONFIG', 'google-org-internal'],
    [error('disallowed_useragent'), 'authorize', 'google', 'DECLINED', 'embedded-browser'],
    // Later
    [google.busy, 'refresh', 'google', 'TEMPORARY', 'server-busy'],
    [google.internal, 'refresh', 'google', 'TEMPORARY', 'server-error'],
    [error('temporarily_unavailable'), 'refresh', 'custom', 'TEMPORARY', 'server-busy'],
    [error('server_error'), 'authorize', 'custom', 'TEMPORARY', 'server-error'],
    [microsoft('invalid_grant', 50196), 'refresh', 'microsoft', 'TEMPORARY', 'server-busy'],
    [{ status: 503, body: { error: 'invalid_grant' } }, 'refresh', 'custom', 'TEMPORARY', 'server-error'],
    [{ status: 429, body: { error: 'invalid_client' } }, 'refresh', 'custom', 'TEMPORARY', 'server-busy'],
    [{ status: 400, body: { message: 'no' } }, 'refresh', 'custom', 'TEMPORARY', 'request-refused'],
    [{ status: 400, body: { no: 1 } }, 'refresh', 'custom', 'TEMPORARY', 'answer-malformed'],
  ];
  for (const [answer, step, provider, code, reason] of cases) {
    const { error: word, error_codes: [number] = [] } = answer.body as {
      error?: string;
      error_codes?: number[];
    };
    it(`${provider} says ${[word ?? 'nothing', number].join(' ').trim()} at ${step}: ${reason}`, () => {
      const { code: is, reason: why, retryable } = said(answer, step, provider);
      assert.deepEqual([is, why, retryable], [code, reason, code === 'TEMPORARY']);
    });
  }

  it('knows the device code by its grant: a missing secret is a flow that is not allowed', () => {
    const answer = microsoft('invalid_client', 7000218, 'Missing.', 401);
    const { reason } = refused({
      step: 'device',
      provider: 'microsoft',
      grant: 'device_code',
      status: 401,
      answer: answer.body,
    });
    assert.equal(reason, 'client-not-public');
  });

  it('an application without a person is never stopped permanently, whatever the refusal', () => {
    fc.assert(
      fc.property(anyRefusal, ({ word, number, description }) => {
        const answer = { error: word, error_codes: [number], error_description: description };
        const { code } = refused({ step: 'client', provider: 'microsoft', status: 400, answer });
        assert.ok(code === 'CONFIG' || code === 'TEMPORARY', `${word} ${number}: ${code}`);
      }),
    );
  });

  it('compares before it redacts: a short secret breaks no device polling', () => {
    const said = refused({
      step: 'device',
      provider: 'custom',
      status: 400,
      answer: { error: 'authorization_pending' },
      secrets: ['pending', 'authorization'],
    });
    assert.ok(said.says('authorization_pending'));
  });

  it('an unknown refusal shows the server’s own words, without secrets and the person’s address', () => {
    const config = { provider: 'custom', grant: 'authorization_code', user: 'alice@example.test' } as const;
    const { facts, reason } = refused({
      step: 'code',
      ...judgedBy({ ...config, clientSecret: 'canary-secret' }),
      status: 400,
      answer: {
        error: 'not_allowed',
        error_description: 'Offline access is not allowed for alice@example.test (canary-secret).',
      },
    });
    assert.equal(reason, 'request-refused');
    assert.equal(facts.error, 'not_allowed');
    assert.equal(facts.description, 'Offline access is not allowed for […] ([…]).');
    assert.match(sentences['request-refused'] ?? '', /__error__ __description__/);
  });

  it('every refusal names who can change it, and the provider’s page for that', () => {
    for (const { code, reason } of refusals) {
      const cure = cureOf({ reason, facts: { provider: 'custom' } });
      const isKnown = code !== 'TEMPORARY' && reason !== 'request-refused';
      assert.equal(cure !== undefined, isKnown, `${code} ${reason}`);
    }
    const cured = (answer: ScriptedAnswer, provider: string) => cureOf(said(answer, 'code', provider));
    assert.deepEqual(cured(microsoft('invalid_client', 7000222, 'expired'), 'microsoft')?.who, 'owner');
    assert.match(
      cured(microsoft('invalid_client', 7000222, 'expired'), 'microsoft-us')?.link ?? '',
      /entra\.microsoft\.us/,
    );
    assert.equal(cured(microsoft('access_denied', 53003, 'Blocked.'), 'microsoft')?.who, 'administrator');
    assert.match(
      cured(microsoft('invalid_grant', 50034, 'No such user.'), 'microsoft')?.link ?? '',
      /code=50034$/,
    );
    assert.match(cured(error('admin_policy_enforced'), 'google')?.link ?? '', /admin\.google\.com/);
    assert.equal(cured(error('temporarily_unavailable'), 'google'), undefined);
    for (const language of readdirSync(join(root, 'locales'))) {
      const { who } = JSON.parse(
        readFileSync(join(root, 'locales', language, 'oauth2-account.json'), 'utf8'),
      );
      assert.deepEqual(Object.keys(who).sort(), ['administrator', 'open', 'owner', 'you'], language);
    }
  });

  it('the guides name each number of Microsoft’s that has a row, who can change it, and no other', () => {
    const guide = readFileSync(join(root, 'docs/microsoft-365.md'), 'utf8');
    const documented = new Map<number, Set<string>>();
    for (const [, numbers = '', who = ''] of guide.matchAll(
      /^\| ((?:\d{5,7}(?:, )?)+) \|.*\| ([^|]+) \|$/gm,
    )) {
      for (const number of numbers.split(', ')) {
        assert.ok(!documented.has(Number(number)), `${number} stands twice`);
        documented.set(Number(number), new Set(who.split(' or ')));
      }
    }
    const names = { you: 'you', administrator: 'administrator', owner: 'application owner' };
    const table = new Map<number, Set<string>>();
    for (const { aadsts = [], reason } of refusals) {
      if (reason === 'request-refused') continue;
      const cure = cureOf({ reason, facts: {} });
      for (const number of aadsts) {
        const who = table.get(number) ?? new Set();
        table.set(number, who.add(cure ? names[cure.who] : 'Node-RED'));
      }
    }
    const sorted = (map: Map<number, Set<string>>) =>
      [...map].sort(([a], [b]) => a - b).map(([number, who]) => `${number}: ${[...who].sort().join(', ')}`);
    assert.deepEqual(sorted(documented), sorted(table));
  });

  it('Google’s guide names each refusal of Google’s that has a row of its own', () => {
    const guide = readFileSync(join(root, 'docs/google.md'), 'utf8');
    for (const word of [
      'redirect_uri_mismatch',
      'admin_policy_enforced',
      'org_internal',
      'disallowed_useragent',
      'invalid_rapt',
      'deleted_client',
      'unauthorized_client',
    ])
      assert.match(guide, new RegExp(`\\*${word}\\*`), word);
  });

  it('reads Microsoft’s number from the words where there is no list', () => {
    const { facts, reason } = said(
      error('invalid_client', 'AADSTS7000222: The provided client secret keys are expired.'),
    );
    assert.equal(facts.aadsts, 7000222);
    assert.equal(reason, 'secret-expired');
  });

  it('tells the server’s word, number and words', () => {
    const { facts, message } = said(
      microsoft('invalid_client', 7000215, 'Invalid client secret provided.', 401),
    );
    assert.equal(facts.error, 'invalid_client');
    assert.equal(facts.status, 401);
    assert.match(
      facts.description ?? '',
      /^AADSTS7000215: Invalid client secret provided\. Trace ID: 5f7a2f6e-/,
    );
    assert.match(message, /^secret-wrong \(AADSTS7000215/);
  });

  it('reads the error whatever its case, and numbers that are written as text', () => {
    for (const word of ['INVALID_GRANT', ' Invalid_Grant ']) {
      assert.equal(said(error(word)).reason, 'sign-in-expired');
      assert.ok(said(error(word)).says('invalid_grant'));
    }
    const codes = { error: 'invalid_grant', error_description: 'No.', error_codes: ['53003'] };
    assert.equal(said({ status: 400, body: codes }, 'code', 'microsoft').reason, 'policy-blocked');
  });

  it('a number without a row is not guessed at: the words of the server are shown', () => {
    for (const [word, number, step, code] of [
      ['invalid_grant', 501481, 'code', 'DECLINED'],
      ['invalid_grant', 50053, 'refresh', 'SIGN_IN_AGAIN'],
      ['access_denied', 50126, 'authorize', 'DECLINED'],
    ] as const) {
      const refusal = said(microsoft(word, number, 'Words of the server.'), step, 'microsoft');
      assert.deepEqual([refusal.code, refusal.reason], [code, 'request-refused'], `${number}`);
      assert.match(refusal.facts.description ?? '', /Words of the server/);
    }
    assert.equal(
      said(microsoft('invalid_grant', 54005, 'Redeemed.'), 'code', 'microsoft').reason,
      'code-used-or-expired',
    );
    assert.equal(
      said(microsoft('invalid_grant', 50055, 'Expired.'), 'refresh', 'microsoft').reason,
      'person-needed',
    );
  });

  it('any value in place of the error is accepted', () => {
    for (const answer of [
      null,
      undefined,
      5,
      'no',
      [],
      { error: 5 },
      { error: null },
      { error: {} },
      { error: [] },
    ]) {
      assert.equal(
        refused({ step: 'refresh', provider: 'custom', status: 400, answer }).reason,
        'answer-malformed',
      );
    }
    const nested = { error: { code: 403, status: 'PERMISSION_DENIED', message: 'no' } };
    const { facts } = refused({ step: 'refresh', provider: 'google', status: 403, answer: nested });
    assert.deepEqual([facts.error, facts.description], ['PERMISSION_DENIED', 'no']);
  });

  describe('nothing secret gets out (S9)', () => {
    const secret = 'canary +/=&"secret>>>???';

    it('in whatever form the server repeats it', () => {
      const forms = [
        secret,
        encodeURIComponent(secret),
        new URLSearchParams({ s: secret }).toString(),
        Buffer.from(secret).toString('base64'),
        Buffer.from(secret).toString('base64url'),
        'eyJhbGciOiJub25lIn0.eyJjYW5hcnkiOjF9.c2ln',
        'ya29.canary-access',
        '1//canary-refresh',
        'GOCSPX-canary',
        'canary0123456789'.repeat(4),
      ];
      for (const form of forms) {
        const error = refused({
          step: 'refresh',
          provider: 'custom',
          status: 400,
          answer: { error: form, error_description: `said: ${form}`, error_codes: [5] },
          secrets: [secret],
        });
        assert.doesNotMatch(seen(error), /canary|Y2FuYXJ5|eyJ/, form);
      }
    });

    it('of an error it was made from, only name, code and cleaned message are kept', () => {
      const cause = Object.assign(new Error('connect ya29.canary'), {
        code: 'ECONNRESET',
        config: { headers: { authorization: 'canary' } },
        cause: new Error('canary'),
      });
      const made = new OAuth2Error('TEMPORARY', 'unreachable', { cause });
      assert.doesNotMatch(seen(made), /canary/);
      assert.equal((made.cause as NodeJS.ErrnoException).code, 'ECONNRESET');
      assert.doesNotMatch(seen(made.after(5)), /canary/);
    });

    it('words are cut, and cannot move the cursor or the direction of writing', () => {
      const clean = redact(`a\u001b[31m\r\nb\u202ec\u0000${' long'.repeat(200)}`);
      assert.doesNotMatch(clean, /[\p{Cc}\p{Cf}]/u);
      assert.equal(clean.length, 300);
    });

    it('what a person needs stays', () => {
      const words =
        "AADSTS50011: The redirect URI 'http://localhost:1880/redletter/oauth2-account/callback' does not match";
      assert.equal(redact(words), words);
    });
  });
});

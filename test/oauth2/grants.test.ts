import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  verify,
  X509Certificate,
} from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AccountConfig, OAuth2Error, TokenSource } from '../../nodes/oauth2';
import { loopbackCertificate, opensslMissing } from '../../servers/certificates';
import { needs } from '../../servers/needs';
import { clients, startProvider, type TestProvider } from '../../servers/oidc';
import { google, startTokenEndpoint, type TokenEndpoint, tokens } from '../../servers/token-endpoint';
import { accountAt, Clock, MemoryStore, seen } from './support';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const MINUTE = 60_000;

const keys = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
};

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function parts(jwt: string) {
  const [header = '', payload = '', signature = ''] = jwt.split('.');
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
  return {
    header: read(header),
    payload: read(payload),
    input: Buffer.from(`${header}.${payload}`),
    signature: Buffer.from(signature, 'base64url'),
  };
}

describe('oauth2/grants without a person', () => {
  let provider: TestProvider;
  let clock: Clock;
  let store: MemoryStore;

  before(async () => {
    const registered = Object.entries(keys).map(([alg, { publicKey }]) => ({
      client_id: `with-${alg}`,
      token_endpoint_auth_method: 'private_key_jwt' as const,
      jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig' }] },
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
    }));
    provider = await startProvider({ clients: registered });
  });
  after(() => provider.close());
  beforeEach(() => {
    clock = new Clock();
    store = new MemoryStore();
  });

  const { id: clientId, secret: clientSecret } = clients.confidential;
  const application = (changes: Partial<AccountConfig> = {}) =>
    accountAt(provider.issuer, {
      grant: 'client_credentials',
      scope: 'mail.pop',
      clientId,
      clientSecret,
      ...changes,
    });

  describe('client credentials', () => {
    it('by secret, in the body and in the header', async () => {
      for (const clientAuth of ['body', 'header'] as const) {
        const source = new TokenSource({ config: application({ clientAuth }), store });
        assert.ok((await source.token()).accessToken);
        assert.equal(provider.tokenRequests.at(-1)?.parameters.get('scope'), 'mail.pop');
      }
    });

    for (const [alg, { privateKey }] of Object.entries(keys)) {
      it(`by a key of its own (${alg}), with a clock ten minutes off either way (S15)`, async () => {
        for (const minutes of [-10, 0, 10]) {
          const config = application({
            clientId: `with-${alg}`,
            clientAuth: 'private_key_jwt',
            privateKey: pem(privateKey),
          });
          const now = () => Date.now() + minutes * MINUTE;
          assert.ok((await new TokenSource({ config, store, now }).token()).accessToken);
          const { header, payload } = parts(
            provider.tokenRequests.at(-1)?.parameters.get('client_assertion') ?? '',
          );
          assert.equal(header.alg, alg);
          assert.deepEqual(
            [payload.iss, payload.sub, payload.aud],
            [config.clientId, config.clientId, provider.issuer],
          );
        }
      });
    }

    it('no assertion is used twice', async () => {
      const config = application({
        clientId: 'with-ES256',
        clientAuth: 'private_key_jwt',
        privateKey: pem(keys.ES256.privateKey),
      });
      const source = new TokenSource({ config, store });
      const { accessToken } = await source.token();
      await source.token({ rejected: accessToken });
      const ids = provider.tokenRequests
        .slice(-2)
        .map(({ parameters }) => parts(parameters.get('client_assertion') ?? '').payload.jti);
      assert.equal(new Set(ids).size, 2);
    });

    it('asks once for many, again when it has run out, and keeps nothing', async () => {
      const states: string[] = [];
      const onState = ({ kind }: { kind: string }) => states.push(kind);
      const source = new TokenSource({ config: application(), store, now: clock.now, onState });
      const before = provider.count();
      await Promise.all(Array.from({ length: 20 }, () => source.token()));
      assert.equal(provider.count(), before + 1);
      clock.pass(60 * MINUTE);
      await source.token();
      assert.equal(provider.count(), before + 2);
      assert.equal(store.saves.length, 0);
      assert.deepEqual(states, ['signed-in', 'signed-in']);
      assert.equal(source.state.renewable, true);
    });

    it('signing out revokes the authorization: the next request asks for consent again', async () => {
      const source = new TokenSource({ config: application(), store });
      const { accessToken } = await source.token();
      assert.equal((await source.revoke()).revoked, true);
      assert.notEqual((await source.token()).accessToken, accessToken);
    });

    it('what is missing is said before anything is sent', async () => {
      const before = provider.count();
      for (const [changes, reason] of [
        [{ clientSecret: '' }, 'secret-missing'],
        [{ clientAuth: 'private_key_jwt' }, 'private-key-missing'],
        [{ clientAuth: 'private_key_jwt', privateKey: 'canary' }, 'private-key-malformed'],
        [
          { clientAuth: 'private_key_jwt', privateKey: '{"private_key":5,"canary":1}' },
          'private-key-malformed',
        ],
        [{ clientAuth: 'private_key_jwt', privateKey: '{canary' }, 'private-key-malformed'],
        [{ provider: 'microsoft' }, 'tenant-needed'],
        [{ provider: 'microsoft', tenant: 'organizations' }, 'tenant-needed'],
      ] as const) {
        const error = await caught(new TokenSource({ config: application(changes), store }).token());
        assert.deepEqual([error.code, error.reason], ['CONFIG', reason]);
        assert.doesNotMatch(seen(error), /canary/);
      }
      assert.equal(provider.count(), before);
    });
  });

  describe('at Microsoft, by certificate', () => {
    before(needs(opensslMissing));
    let endpoint: TokenEndpoint;
    beforeEach(async () => {
      endpoint = await startTokenEndpoint(tokens());
    });
    afterEach(() => endpoint.close());

    it('PS256, the certificate’s thumbprint, the tenant’s token endpoint, and the scope for applications', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'redletter-certificate-'));
      const out = ['-keyout', join(folder, 'key'), '-out', join(folder, 'crt')];
      execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=app', ...out], {
        stdio: 'pipe',
      });
      const certificate = readFileSync(join(folder, 'crt'), 'utf8');
      const privateKey = readFileSync(join(folder, 'key'), 'utf8') + certificate;
      rmSync(folder, { recursive: true });
      const tenant = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490';
      const config = application({
        provider: 'microsoft',
        tenant,
        scope: '',
        clientId: 'app',
        clientAuth: 'private_key_jwt',
        privateKey,
      });
      await new TokenSource({ config, store, agent: () => endpoint.agent, now: clock.now }).token();
      const { form, path } = endpoint.requests[0] ?? assert.fail();
      const { client_assertion = '', ...rest } = Object.fromEntries(form);
      assert.equal(path, `/${tenant}/oauth2/v2.0/token`);
      assert.deepEqual(rest, {
        grant_type: 'client_credentials',
        scope: 'https://outlook.office365.com/.default',
        client_id: 'app',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
      const { header, payload, input, signature } = parts(client_assertion);
      const x509 = new X509Certificate(certificate);
      const thumbprint = createHash('sha256').update(x509.raw).digest('base64url');
      assert.deepEqual(header, { alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint });
      assert.equal(payload.aud, `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`);
      const key = { key: x509.publicKey, padding: 6, saltLength: 32 };
      assert.ok(verify('sha256', input, key, signature));
    });

    it('a certificate that belongs to another key is refused here, not there', async () => {
      const { cert } = loopbackCertificate();
      const config = application({
        clientAuth: 'private_key_jwt',
        privateKey: pem(keys.RS256.privateKey) + cert,
      });
      await assert.rejects(new TokenSource({ config, store }).token(), { reason: 'private-key-malformed' });
    });
  });

  describe('service account', () => {
    let endpoint: TokenEndpoint;
    beforeEach(async () => {
      endpoint = await startTokenEndpoint(tokens());
    });
    afterEach(() => endpoint.close());

    const file = {
      type: 'service_account',
      client_email: 'robot@project.iam.gserviceaccount.com',
      private_key_id: 'key-17',
      private_key: pem(keys.RS256.privateKey),
      // Nothing is sent to an address that was written into the file.
      token_uri: 'https://evil.example.com/token',
    };
    const robot = (changes: Partial<AccountConfig> = {}): AccountConfig => ({
      provider: 'google',
      grant: 'service_account',
      user: 'alice@example.com',
      privateKey: JSON.stringify(file, null, 2),
      ...changes,
    });
    const source = (config: AccountConfig) =>
      new TokenSource({ config, store, agent: () => endpoint.agent, now: clock.now });

    it('sends Google an assertion for the mailbox, and nothing else', async () => {
      await source(robot()).token();
      const { headers, form } = endpoint.requests[0] ?? assert.fail();
      assert.equal(headers.host, 'oauth2.googleapis.com');
      assert.deepEqual([...form.keys()].sort(), ['assertion', 'grant_type']);
      assert.equal(form.get('grant_type'), JWT_BEARER);
      const { header, payload, input, signature } = parts(form.get('assertion') ?? '');
      assert.deepEqual(header, { alg: 'RS256', typ: 'JWT', kid: 'key-17' });
      const { jti, iat, nbf, exp, ...claims } = payload;
      assert.deepEqual(claims, {
        iss: file.client_email,
        sub: 'alice@example.com',
        aud: 'https://oauth2.googleapis.com/token',
        scope: 'https://mail.google.com/',
      });
      assert.ok(exp - iat <= 3600 && iat === nbf && jti);
      assert.ok(
        verify(
          'sha256',
          input,
          createPublicKey(keys.RS256.publicKey.export({ type: 'spki', format: 'pem' })),
          signature,
        ),
      );
      assert.equal(store.saves.length, 0);
    });

    it('takes a key whose line breaks got lost on the way', async () => {
      const key = pem(keys.RS256.privateKey);
      for (const privateKey of [
        key,
        key.replaceAll('\n', '\\n'),
        key.replaceAll('\n', ' '),
        key.replaceAll('\n', '\r\n'),
        JSON.stringify({ ...file, private_key: key.replaceAll('\n', '\\n') }),
      ]) {
        await source(robot({ privateKey, clientId: file.client_email })).token();
      }
      assert.equal(endpoint.requests.length, 5);
    });

    it('says what is missing', async () => {
      for (const [changes, reason] of [
        [{ privateKey: '' }, 'private-key-missing'],
        [{ user: '' }, 'user-missing'],
        [{ privateKey: file.private_key }, 'client-id-missing'],
      ] as const) {
        await assert.rejects(source(robot(changes)).token(), { code: 'CONFIG', reason });
      }
      assert.equal(endpoint.requests.length, 0);
    });

    it('knows Google’s own words', async () => {
      for (const [answer, reason] of [
        [google.delegation, 'delegation-missing'],
        [google.clock, 'clock-wrong'],
        [google.signature, 'service-account-key-refused'],
        [google.user, 'user-unknown'],
      ] as const) {
        endpoint.answer(answer);
        const error = await caught(source(robot()).token());
        assert.deepEqual([error.code, error.reason], ['CONFIG', reason]);
        assert.doesNotMatch(seen(error), /PRIVATE KEY|eyJ/);
      }
    });

    it('asks again by itself after a refusal, and works once the administrator has granted it', async () => {
      const ended = [
        {
          status: 403,
          body: { error: 'access_denied', error_description: 'Requested client is not authorized.' },
        },
        { status: 400, body: { error: 'interaction_required' } },
        { status: 400, body: { error: 'invalid_grant', error_description: 'Token has been revoked.' } },
        google.delegation,
      ];
      for (const refusal of ended) {
        endpoint.answer(refusal);
        const one = source(robot());
        const error = await caught(one.token());
        assert.equal(error.code, 'CONFIG');
        const before = endpoint.requests.length;
        clock.pass(7 * 60 * MINUTE);
        await caught(one.token());
        assert.equal(endpoint.requests.length, before + 1, 'asked again');
        clock.pass(48 * 60 * MINUTE);
        endpoint.answer({ body: { access_token: 'granted', token_type: 'Bearer', expires_in: 3600 } });
        assert.equal((await one.token()).accessToken, 'granted');
        assert.equal(one.state.kind, 'signed-in');
      }
    });

    it('works with a real server that knows the grant', async () => {
      const asked: unknown[] = [];
      provider.provider.registerGrantType(
        JWT_BEARER,
        async (context) => {
          const { client, params } = context.oidc;
          const { payload, input, signature } = parts(String(params?.assertion));
          assert.ok(verify('sha256', input, keys.RS256.publicKey, signature));
          asked.push(payload.sub, payload.aud, client?.clientId);
          context.body = { access_token: 'for-the-robot', token_type: 'Bearer', expires_in: 60 };
        },
        ['assertion'],
      );
      const client = await provider.provider.Client.find(clients.native.id);
      Object.assign(client ?? assert.fail(), { grantTypes: [...(client?.grantTypes ?? []), JWT_BEARER] });
      const config = { ...robot(), ...accountAt(provider.issuer, { grant: 'service_account' }) };
      assert.equal((await new TokenSource({ config, store }).token()).accessToken, 'for-the-robot');
      assert.deepEqual(asked, ['alice@example.com', provider.tokenUrl, clients.native.id]);
    });
  });
});

async function caught(promise: Promise<unknown>): Promise<OAuth2Error> {
  const error = await promise.then(
    () => assert.fail('nothing was thrown'),
    (error) => error,
  );
  assert.ok(error instanceof OAuth2Error, String(error?.stack));
  return error;
}

import assert from 'node:assert/strict';
import { OAuth2Error, registerClient } from '../../nodes/oauth2';
import { startProvider, type TestProvider } from '../../servers/oidc';
import { type ScriptedAnswer, startTokenEndpoint, type TokenEndpoint } from '../../servers/token-endpoint';
import { accountAt, startCallbackHost } from './support';

describe('oauth2/registration (RFC 7591)', () => {
  it('registers a public client at a real server, which then signs in', async () => {
    const provider: TestProvider = await startProvider();
    const host = await startCallbackHost();
    try {
      const config = accountAt(provider.issuer, { clientId: '' });
      const clientId = await registerClient({ config, redirectUri: host.redirectUri });
      assert.ok(clientId);
      const client = await provider.provider.Client.find(clientId);
      assert.equal(client?.tokenEndpointAuthMethod, 'none');
      assert.deepEqual(client?.redirectUris, [host.redirectUri]);
      const tokens = await host.signIn({ ...config, clientId });
      assert.ok(tokens.refreshToken);
      assert.equal(provider.tokenRequests[0]?.secretIn, 'nowhere');
    } finally {
      await Promise.all([provider.close(), host.close()]);
    }
  });

  describe('at a server that says something else', () => {
    let endpoint: TokenEndpoint;
    const redirectUri = 'http://localhost:1880/redletter/oauth2-account/callback';
    const issuer = (): string => endpoint.url.replace('/token', '');
    const metadata = (more: object = {}): ScriptedAnswer => ({
      body: {
        issuer: issuer(),
        authorization_endpoint: `${issuer()}/authorize`,
        token_endpoint: endpoint.url,
        registration_endpoint: `${issuer()}/register`,
        ...more,
      },
    });
    const register = (redirect = redirectUri) =>
      registerClient({ config: accountAt(issuer(), { clientId: '' }), redirectUri: redirect });
    beforeEach(async () => {
      endpoint = await startTokenEndpoint();
    });
    afterEach(() => endpoint.close());

    it('asks for a public client, native on loopback and web on https', async () => {
      for (const [redirect, type] of [
        [redirectUri, 'native'],
        ['https://red.example.com/redletter/oauth2-account/callback', 'web'],
      ] as const) {
        endpoint.answer(metadata(), { status: 201, body: { client_id: 'mine', client_secret: '' } });
        assert.equal(await register(redirect), 'mine');
        const asked = JSON.parse(endpoint.requests.at(-1)?.body ?? '{}') as Record<string, unknown>;
        assert.equal(endpoint.requests.at(-1)?.headers['content-type'], 'application/json');
        assert.equal(asked.application_type, type);
        assert.equal(asked.token_endpoint_auth_method, 'none');
        assert.deepEqual(asked.redirect_uris, [redirect]);
      }
    });

    it('where nothing is offered, nothing is asked', async () => {
      endpoint.answer(metadata({ registration_endpoint: undefined }));
      assert.equal(await register(), undefined);
      assert.equal(endpoint.requests.length, 1);
    });

    it('a refusal is told in the server’s words, an odd answer is no client', async () => {
      for (const [answer, code] of [
        [
          { status: 400, body: { error: 'invalid_redirect_uri', error_description: 'No loopback here' } },
          'CONFIG',
        ],
        [{ status: 401, body: { error: 'invalid_token' } }, 'CONFIG'],
        [
          { status: 201, body: { client_id: 'x', token_endpoint_auth_method: 'client_secret_basic' } },
          'CONFIG',
        ],
        [{ status: 201, body: { client_id: 'a\nb' } }, 'CONFIG'],
        [{ status: 200, body: '<html>' }, 'CONFIG'],
        [{ status: 503, body: '' }, 'TEMPORARY'],
      ] as const) {
        endpoint.answer(metadata(), answer);
        const error = await register().then(
          () => assert.fail('taken'),
          (error) => error,
        );
        assert.ok(error instanceof OAuth2Error);
        assert.equal(error.code, code, JSON.stringify(answer));
        assert.ok(error.facts.description);
      }
    });

    it('one that has moved says where to, and is not sent on (S10)', async () => {
      endpoint.answer(metadata(), { status: 307, headers: { location: 'https://moved.example.com/r?x=1' } });
      await assert.rejects(register(), (error) => {
        assert.ok(error instanceof OAuth2Error);
        const { uri, detail } = error.facts;
        assert.deepEqual(
          [error.reason, uri, detail],
          ['redirected-discovered', 'https://moved.example.com/r', `${issuer()}/register`],
        );
        return true;
      });
    });

    it('no registration is sent to where no secret may go (S3, S10)', async () => {
      endpoint.answer(metadata({ registration_endpoint: 'http://evil.example.com/register' }));
      await assert.rejects(register(), { code: 'CONFIG', reason: 'endpoint-insecure' });
      await assert.rejects(register('http://192.168.1.2:1880/redletter/oauth2-account/callback'), {
        reason: 'redirect-uri-insecure',
      });
    });
  });
});

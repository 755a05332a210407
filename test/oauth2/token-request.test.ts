import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createTlsServer, Agent as TlsAgent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import type { AccountConfig } from '../../nodes/oauth2';
import { identify } from '../../nodes/oauth2/client-authentication';
import { resolveEndpoints } from '../../nodes/oauth2/endpoints';
import { OAuth2Error } from '../../nodes/oauth2/errors';
import { requestTokens, type TokenRequest } from '../../nodes/oauth2/token-request';
import { loopbackCertificate, opensslMissing } from '../../servers/certificates';
import { needs } from '../../servers/needs';
import { startTokenEndpoint, type TokenEndpoint, tokens } from '../../servers/token-endpoint';
import { Clock, seen } from './support';

const SECRET = 'canary-secret/+=&%';

describe('oauth2/token-request', () => {
  let endpoint: TokenEndpoint;
  const clock = new Clock();

  beforeEach(async () => {
    endpoint = await startTokenEndpoint(tokens());
  });
  afterEach(() => endpoint.close());

  async function refresh(changes: Partial<AccountConfig> = {}, more: Partial<TokenRequest> = {}) {
    const config: AccountConfig = {
      provider: 'custom',
      grant: 'authorization_code',
      tokenUrl: endpoint.url,
      clientId: 'client',
      clientSecret: SECRET,
      ...changes,
    };
    const endpoints = await resolveEndpoints(config);
    return requestTokens({
      config,
      endpoints,
      step: 'refresh',
      identification: identify(config, endpoints, clock.now()),
      parameters: { grant_type: 'refresh_token', refresh_token: 'canary-refresh' },
      now: clock.now,
      ...more,
    });
  }

  it('sends the grant, its parameters and the client in the body', async () => {
    await refresh();
    const [request] = endpoint.requests;
    assert.equal(request?.method, 'POST');
    assert.equal(request?.headers['content-type'], 'application/x-www-form-urlencoded');
    assert.equal(request?.headers.authorization, undefined);
    assert.deepEqual(Object.fromEntries(request?.form ?? []), {
      grant_type: 'refresh_token',
      refresh_token: 'canary-refresh',
      client_id: 'client',
      client_secret: SECRET,
    });
  });

  it('sends the client in the header, both parts form-encoded (RFC 6749 section 2.3.1)', async () => {
    await refresh({ clientAuth: 'header', clientId: 'client:1' });
    const [request] = endpoint.requests;
    const basic = Buffer.from(
      request?.headers.authorization?.slice('Basic '.length) ?? '',
      'base64',
    ).toString();
    assert.equal(basic, 'client%3A1:canary-secret%2F%2B%3D%26%25');
    assert.equal(request?.form.has('client_secret'), false);
  });

  describe('faults of simple-oauth2 that must not show', () => {
    it('a public client sends its id alone, and no empty secret', async () => {
      for (const clientAuth of ['body', 'header'] as const) await refresh({ clientSecret: '', clientAuth });
      for (const { body, headers } of endpoint.requests) {
        assert.equal(body, 'grant_type=refresh_token&refresh_token=canary-refresh&client_id=client');
        assert.equal(headers.authorization, undefined);
      }
    });

    it('an answer without a refresh token gives none, so that the old one stays', async () => {
      assert.equal('refreshToken' in (await refresh()), false);
    });

    it('a token without expires_in runs out after an hour', async () => {
      endpoint.answer(tokens({ expires_in: undefined }));
      assert.equal((await refresh()).expiresAt, clock.now() + 3_600_000);
    });

    it('the path of the token endpoint is kept, with its query', async () => {
      await refresh({ tokenUrl: `${endpoint.url}/of/tenant?policy=mail` });
      assert.equal(endpoint.requests[0]?.path, '/token/of/tenant?policy=mail');
    });

    it('a path that begins with two slashes is no other host', async () => {
      await refresh({ tokenUrl: `http://127.0.0.1:${endpoint.port}//example.com/token` });
      assert.equal(endpoint.requests[0]?.path, '//example.com/token');
    });

    it('an agent is used itself, not copied', async () => {
      // The agent of the scripted endpoint keeps its state in private fields, which a copy would not have.
      await refresh({ provider: 'google' }, { agent: () => endpoint.agent });
      assert.equal(endpoint.requests[0]?.headers.host, 'oauth2.googleapis.com');
      assert.equal(endpoint.requests[0]?.path, '/token');
    });

    it('a server that never answers is given up', async () => {
      endpoint.answer({ instead: 'silence' });
      await assert.rejects(refresh({}, { timeoutMs: 50 }), { code: 'TEMPORARY', reason: 'timeout' });
    });

    it('a server that never finishes its answer is given up, and its connection closed', async () => {
      endpoint.answer({ instead: 'trickle' });
      await assert.rejects(refresh({}, { timeoutMs: 50 }), { code: 'TEMPORARY', reason: 'timeout' });
      while ((await endpoint.connections()) > 0) await new Promise(setImmediate);
    });

    it('fifteen seconds are for the whole of it (S10)', async () => {
      const pause = new Promise((resolve) => setTimeout(resolve, 700));
      endpoint.answer({ instead: 'trickle', after: pause });
      const begun = performance.now();
      await assert.rejects(refresh({}, { timeoutMs: 800 }), { code: 'TEMPORARY', reason: 'timeout' });
      assert.ok(performance.now() - begun < 1400);
      while ((await endpoint.connections()) > 0) await new Promise(setImmediate);
    });

    it('an answer without end is given up after 256 kB', async () => {
      endpoint.answer({ instead: 'flood' });
      await assert.rejects(refresh(), { code: 'TEMPORARY', reason: 'too-large' });
      endpoint.answer(tokens({ access_token: 'a'.repeat(300_000) }));
      await assert.rejects(refresh(), { code: 'TEMPORARY', reason: 'too-large' });
    });

    it('a token of more than 8 kB is none too many', async () => {
      endpoint.answer(tokens({ access_token: 'a'.repeat(20_000) }));
      assert.equal((await refresh()).accessToken.length, 20_000);
    });

    it('redirects are not followed', async () => {
      const elsewhere = await startTokenEndpoint(tokens());
      for (const status of [301, 302, 303, 307, 308]) {
        endpoint.answer({ status, headers: { location: elsewhere.url } });
        await assert.rejects(refresh(), (error: OAuth2Error) => {
          assert.deepEqual([error.code, error.reason], ['CONFIG', 'redirected']);
          assert.equal(error.facts.uri, elsewhere.url);
          assert.equal(error.facts.detail, endpoint.url);
          return true;
        });
      }
      assert.equal(elsewhere.requests.length, 0);
      // No address to be entered: one that is no redirect, or that no browser opens.
      for (const headers of [{}, { location: 'javascript:alert(1)' }] as Record<string, string>[]) {
        endpoint.answer({ status: 304, headers });
        await assert.rejects(refresh(), { code: 'TEMPORARY', reason: 'not-json' });
      }
      endpoint.answer({ status: 302, headers: { location: 'https://portal.example.net/?x=1' } });
      await assert.rejects(refresh({ provider: 'google' }, { agent: () => endpoint.agent }), (error) => {
        assert.ok(error instanceof OAuth2Error);
        const { uri } = error.facts;
        assert.deepEqual([error.reason, uri], ['redirected-on-the-way', 'https://portal.example.net/']);
        return error.retryable;
      });
      await elsewhere.close();
    });

    it('a byte order mark and a form are read; an ID token alone is told as that', async () => {
      for (const body of [
        '\ufeff{"access_token":"access"}',
        'access_token=access&expires_in=60&scope=mail+x',
      ]) {
        endpoint.answer({ body, headers: { 'content-type': 'text/plain' } });
        assert.equal((await refresh()).accessToken, 'access', body);
      }
      endpoint.answer({ status: 400, body: 'error=invalid_grant&error_description=Gone', headers: {} });
      await assert.rejects(refresh(), { code: 'SIGN_IN_AGAIN', reason: 'sign-in-expired' });
      endpoint.answer({ body: { id_token: 'a.b.c' } });
      await assert.rejects(refresh(), { code: 'CONFIG', reason: 'id-token-only' });
    });

    it('JSON with another content type is read', async () => {
      endpoint.answer({ ...tokens(), headers: { 'content-type': 'text/plain' } });
      assert.equal((await refresh()).accessToken, 'access');
    });

    it('JSON that is no object is not an answer', async () => {
      for (const body of [
        'null',
        '[]',
        '"access"',
        '17',
        'true',
        '{}',
        '',
        '{"__proto__":{"access_token":"a"}}',
      ]) {
        endpoint.answer({ body });
        await assert.rejects(refresh(), { code: 'TEMPORARY' }, body);
      }
    });

    it('an error with status 200 is an error', async () => {
      endpoint.answer({ body: { error: 'invalid_grant' } });
      await assert.rejects(refresh(), { code: 'SIGN_IN_AGAIN' });
    });

    it('a secret it would not take is named by no error', async () => {
      const error = await caught(refresh({ clientSecret: 'canary-sécret' }));
      assert.equal(error.reason, 'secret-malformed');
      assert.doesNotMatch(seen(error), /canary/);
      assert.equal(endpoint.requests.length, 0);
    });

    it('no error shows the secret, the refresh token or the request, at any depth (S9)', async () => {
      const says = `Refused ${SECRET} ${encodeURIComponent(SECRET)} ${Buffer.from(`client:${SECRET}`).toString('base64')} canary-refresh`;
      const answers = [
        { status: 400, body: { error: 'invalid_client', error_description: says } },
        { status: 400, body: { error: says } },
        { status: 401, body: `<html>${says}` },
        { status: 503, body: { error: says, error_description: says } },
        { body: says },
        { body: { access_token: 'a\u0001b', canary: says } },
        { instead: 'hang-up' as const },
        { instead: 'trickle' as const },
        { instead: 'flood' as const },
      ];
      for (const answer of answers) {
        endpoint.answer(answer);
        for (const clientAuth of ['body', 'header'] as const) {
          const error = await caught(refresh({ clientAuth }, { timeoutMs: 50 }));
          assert.ok(error instanceof OAuth2Error);
          assert.doesNotMatch(seen(error), /canary|Y2FuYXJ5|authorization|wreck/i, seen(error));
        }
      }
    });

    it('no error shows the Authorization header, however short', async () => {
      const credentials = Buffer.from('client:hush').toString('base64');
      endpoint.answer({
        status: 401,
        body: { error: 'invalid_client', error_description: `Basic ${credentials}?` },
      });
      const error = await caught(refresh({ clientAuth: 'header', clientSecret: 'hush' }));
      assert.equal(error.facts.description, 'Basic […]?');
    });

    it('DEBUG=* shows neither the secret nor the tokens', async function () {
      this.timeout(30_000);
      const program = `
        const { requestTokens } = require('./nodes/oauth2/token-request');
        const config = { provider: 'custom', grant: 'authorization_code', clientId: 'client', clientSecret: 'canary-secret' };
        const identification = { in: process.argv[2], first: ['client_id', 'client'], second: ['client_secret', 'canary-secret'] };
        requestTokens({
          config, identification, step: 'refresh', endpoints: { token: new URL(process.argv[1]), issuerPromised: false },
          parameters: { grant_type: 'refresh_token', refresh_token: 'canary-refresh' }, now: Date.now,
        }).then((answer) => {
          require('debug')('simple-oauth2:client')('still heard');
          console.log(answer.accessToken);
        });`;
      for (const place of ['body', 'header']) {
        const { stdout, stderr } = await promisify(execFile)(
          process.execPath,
          ['--require', 'tsx/cjs', '-e', program, endpoint.url, place],
          { env: { ...process.env, DEBUG: '*' } },
        );
        assert.equal(stdout, 'access\n');
        assert.doesNotMatch(stderr, /canary|Y2FuYXJ5|Y2xpZW50/, stderr);
        assert.match(stderr, /still heard/);
      }
      assert.equal(endpoint.requests[0]?.form.get('client_secret'), 'canary-secret');
    });
  });

  it('a connection that fails is temporary, and says how', async () => {
    const { url } = endpoint;
    await endpoint.close();
    const error = await caught(refresh({ tokenUrl: url }));
    assert.deepEqual(
      { code: error.code, reason: error.reason, network: error.facts.network, retryable: error.retryable },
      { code: 'TEMPORARY', reason: 'unreachable', network: 'ECONNREFUSED', retryable: true },
    );
    await assert.rejects(refresh({ tokenUrl: 'https://nowhere.invalid/token' }), {
      reason: 'host-not-found',
    });
    endpoint = await startTokenEndpoint({ instead: 'hang-up' });
    await assert.rejects(refresh(), { code: 'TEMPORARY', reason: 'unreachable' });
  });

  it('what a busy or broken server says is temporary, whatever it says', async () => {
    for (const [status, reason] of [
      [429, 'server-busy'],
      [408, 'server-busy'],
      [500, 'server-error'],
      [503, 'server-error'],
    ] as const) {
      for (const body of ['<html>', '', { error: 'invalid_grant' }]) {
        endpoint.answer({ status, body, headers: { 'retry-after': '7' } });
        const error = await caught(refresh());
        assert.deepEqual([error.code, error.reason, error.retryAfterMs], ['TEMPORARY', reason, 7000]);
      }
    }
    for (const body of ['<html>', '', { message: 'no' }, '"no"']) {
      endpoint.answer({ status: 403, body });
      assert.equal((await caught(refresh())).code, 'TEMPORARY');
    }
  });

  describe('with TLS', () => {
    before(needs(opensslMissing));

    async function overTls<T>(use: (url: string, ca: string, asked: () => number) => Promise<T>): Promise<T> {
      const { cert, key, ca } = loopbackCertificate();
      let count = 0;
      const server = createTlsServer({ cert, key }, (_request, response) => {
        count++;
        response.setHeader('content-type', 'application/json').end('{"access_token":"over TLS"}');
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      try {
        return await use(
          `https://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
          ca,
          () => count,
        );
      } finally {
        server.close();
        server.closeAllConnections();
      }
    }

    it('a private certificate authority goes in the agent', () =>
      overTls(async (tokenUrl, ca) => {
        const agent = new TlsAgent({ ca });
        assert.equal((await refresh({ tokenUrl }, { agent: () => agent })).accessToken, 'over TLS');
      }));

    it('a certificate that is not trusted stops the request before a secret is sent', () =>
      overTls(async (tokenUrl, _ca, asked) => {
        const error = await caught(refresh({ tokenUrl }));
        assert.deepEqual([error.code, error.reason, error.retryable], ['TLS', 'certificate-untrusted', true]);
        assert.equal(asked(), 0);
      }));

    it('at a public provider it was made on the way: its issuer is named, and nothing is sent', () =>
      overTls(async (tokenUrl, _ca, asked) => {
        const port = Number(new URL(tokenUrl).port);
        for (const [looks, reason] of [
          [true, 'certificate-inspected'],
          // One that verifies whatever it is asked for shows nothing.
          [false, 'certificate-inspected-unseen'],
        ] as const) {
          class Inspected extends TlsAgent {
            override createConnection(options: object) {
              const { rejectUnauthorized } = options as { rejectUnauthorized?: boolean };
              const look = looks && rejectUnauthorized === false;
              return connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: !look });
            }
          }
          const error = await caught(refresh({ provider: 'google' }, { agent: () => new Inspected() }));
          assert.deepEqual(
            [error.code, error.reason, error.facts.host],
            ['TLS', reason, 'oauth2.googleapis.com'],
          );
          assert.equal(error.facts.detail !== undefined, looks);
          if (looks) assert.equal(error.facts.detail, issuerOf(loopbackCertificate().cert));
        }
        assert.equal(asked(), 0);
      }));

    it('a certificate for another name stops everything before a secret is sent', () =>
      overTls(async (tokenUrl, ca, asked) => {
        const agent = new TlsAgent({ ca, servername: 'mail.example.com' });
        const error = await caught(refresh({ tokenUrl }, { agent: () => agent }));
        assert.deepEqual([error.code, error.reason], ['TLS', 'certificate-name']);
        assert.equal(asked(), 0);
      }));

    it('a plain server where TLS was expected is a TLS error', async () => {
      const error = await caught(refresh({ tokenUrl: endpoint.url.replace('http:', 'https:') }));
      assert.deepEqual([error.code, error.reason], ['TLS', 'tls-failed']);
    });
  });
});

function issuerOf(cert: string): string | undefined {
  const { issuer } = new X509Certificate(cert);
  const [, organization = /^CN=(.*)$/m.exec(issuer)?.[1]] = /^O=(.*)$/m.exec(issuer) ?? [];
  return organization;
}

async function caught(promise: Promise<unknown>): Promise<OAuth2Error> {
  const error = await promise.then(
    () => assert.fail('nothing was thrown'),
    (error) => error,
  );
  assert.ok(error instanceof OAuth2Error, String(error?.stack));
  return error;
}

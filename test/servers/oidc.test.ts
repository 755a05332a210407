import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CookieJar, clients, consent, scope, startProvider, type TestProvider } from '../../servers/oidc';

const redirectUri = 'http://localhost:4711/redletter/oauth2-account/callback';

/** The answer of the token endpoint, or of introspection. */
type Answer = Record<string, unknown> & { status: number };

async function post(url: string, form: Record<string, string>, basic?: string): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams(form),
    headers: basic ? { authorization: `Basic ${Buffer.from(basic).toString('base64')}` } : {},
  });
  const body = (await response.text()) || '{}';
  return { status: response.status, ...(body.startsWith('{') ? JSON.parse(body) : { body }) };
}

function authorizationRequest(provider: TestProvider, clientId: string) {
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(provider.authorizationUrl);
  url.search = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope,
    state: 'state-of-mine',
    prompt: 'consent',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString();
  return { url, verifier };
}

async function signIn(provider: TestProvider, login = 'alice@example.test'): Promise<Answer> {
  const { url, verifier } = authorizationRequest(provider, clients.native.id);
  const { redirect } = await consent(url, { login });
  return post(provider.tokenUrl, {
    grant_type: 'authorization_code',
    client_id: clients.native.id,
    code: redirect.searchParams.get('code') ?? '',
    redirect_uri: redirectUri,
    code_verifier: verifier,
  });
}

function refresh(provider: TestProvider, refreshToken: unknown): Promise<Answer> {
  return post(provider.tokenUrl, {
    grant_type: 'refresh_token',
    client_id: clients.native.id,
    refresh_token: String(refreshToken),
  });
}

async function introspect(provider: TestProvider, token: unknown): Promise<Answer> {
  const url = new URL(provider.introspectionUrl);
  const basic = `${url.username}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return post(url.href, { token: String(token) }, basic);
}

describe('servers/oidc', () => {
  let provider: TestProvider;
  beforeEach(async () => {
    provider = await startProvider();
  });
  afterEach(() => provider.close());

  it('signs in by login and consent and hands out tokens that name the mailbox', async () => {
    const { url } = authorizationRequest(provider, clients.native.id);
    const { redirect, page } = await consent(url, { login: 'alice@example.test' });
    assert.equal(`${redirect.origin}${redirect.pathname}`, redirectUri);
    assert.equal(redirect.searchParams.get('state'), 'state-of-mine');
    assert.equal(redirect.searchParams.get('iss'), provider.issuer);
    assert.equal(page, undefined);

    const tokens = await signIn(provider);
    assert.equal(tokens.status, 200);
    assert.equal(tokens.expires_in, 3600);
    const introspected = await introspect(provider, tokens.access_token);
    assert.equal(introspected.active, true);
    assert.equal(introspected.email, 'alice@example.test');
    assert.match(String(introspected.scope), /\bmail\.pop\b/);
  });

  it('insists on the PKCE verifier', async () => {
    const { url } = authorizationRequest(provider, clients.native.id);
    const { redirect } = await consent(url, { login: 'alice@example.test' });
    const answer = await post(provider.tokenUrl, {
      grant_type: 'authorization_code',
      client_id: clients.native.id,
      code: redirect.searchParams.get('code') ?? '',
      redirect_uri: redirectUri,
      code_verifier: randomBytes(32).toString('base64url'),
    });
    assert.deepEqual([answer.status, answer.error], [400, 'invalid_grant']);
  });

  for (const way of ['body', 'header'] as const) {
    it(`takes a client secret in the ${way}, and tells that it stood there`, async () => {
      const { id, secret } = clients.confidential;
      const { url, verifier } = authorizationRequest(provider, id);
      const { redirect } = await consent(url, { login: 'alice@example.test' });
      const form = {
        grant_type: 'authorization_code',
        code: redirect.searchParams.get('code') ?? '',
        redirect_uri: redirectUri,
        code_verifier: verifier,
      };
      const send = (word: string) =>
        way === 'body'
          ? post(provider.tokenUrl, { ...form, client_id: id, client_secret: word })
          : post(provider.tokenUrl, form, `${id}:${encodeURIComponent(word)}`);
      assert.equal((await send('guessed')).status, 401);
      assert.equal((await send(secret)).status, 200);
      assert.equal(provider.tokenRequests.at(-1)?.secretIn, way);
    });
  }

  it('comes back with access_denied when the person cancels', async () => {
    const { url } = authorizationRequest(provider, clients.native.id);
    const { redirect } = await consent(url, { login: 'alice@example.test', answer: 'deny' });
    assert.equal(redirect.searchParams.get('error'), 'access_denied');
    assert.equal(redirect.searchParams.get('code'), null);
  });

  it('goes back to the callback, with its cookie, when the sign-in began at the callback’s own origin', async () => {
    const { url } = authorizationRequest(provider, clients.native.id);
    const seen: (string | undefined)[] = [];
    const site = createServer((request, response) => {
      if (request.url === '/begin?ticket=1') {
        response.writeHead(302, {
          location: url.href,
          'set-cookie': 'ticket=stub; Path=/redletter/oauth2-account/callback; HttpOnly; SameSite=Lax',
        });
        response.end();
      } else {
        seen.push(request.headers.cookie);
        response.end('Done');
      }
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    try {
      const origin = `http://localhost:${(site.address() as AddressInfo).port}`;
      url.searchParams.set('redirect_uri', `${origin}/redletter/oauth2-account/callback`);
      const jar = new CookieJar();
      const { redirect, page } = await consent(`${origin}/begin?ticket=1`, {
        login: 'alice@example.test',
        jar,
      });
      assert.equal(redirect.origin, origin);
      assert.deepEqual(page && { status: page.status, html: page.html }, { status: 200, html: 'Done' });
      assert.deepEqual(seen, ['ticket=stub']);
      assert.equal(jar.header(new URL(`${origin}/redletter`)), '');
      assert.equal(
        jar.header(new URL('http://127.0.0.1/redletter/oauth2-account/callback')).includes('ticket'),
        false,
      );
    } finally {
      site.close();
    }
  });

  it('rotates refresh tokens: the old one, used again, kills the new one too', async () => {
    const first = await signIn(provider);
    const second = await refresh(provider, first.refresh_token);
    assert.equal(second.status, 200);
    assert.notEqual(second.refresh_token, first.refresh_token);
    assert.equal((await refresh(provider, first.refresh_token)).error, 'invalid_grant');
    assert.equal((await refresh(provider, second.refresh_token)).error, 'invalid_grant');
    assert.deepEqual(
      provider.tokenRequests.map(({ grantType, status }) => [grantType, status]),
      [
        ['authorization_code', 200],
        ['refresh_token', 200],
        ['refresh_token', 400],
        ['refresh_token', 400],
      ],
    );
    assert.equal(provider.count('refresh_token'), 3);
  });

  it('hands out access tokens that end after a second when told so', async () => {
    const short = await startProvider({ accessTokenTtl: 1 });
    try {
      const tokens = await signIn(short);
      assert.equal(tokens.expires_in, 1);
      const until = Date.now() + 5000;
      while ((await introspect(short, tokens.access_token)).active) assert.ok(Date.now() < until);
    } finally {
      await short.close();
    }
  });

  it('answers client credentials, without a mailbox in them', async () => {
    const { id, secret } = clients.confidential;
    const answer = await post(provider.tokenUrl, {
      grant_type: 'client_credentials',
      client_id: id,
      client_secret: secret,
      scope: 'mail.pop',
    });
    assert.equal(answer.status, 200);
    assert.equal((await introspect(provider, answer.access_token)).email, undefined);
  });

  it('answers the device grant with authorization_pending until a person signs in', async () => {
    const device = await post(provider.deviceUrl, { client_id: clients.native.id, scope });
    assert.equal(device.status, 200);
    const answer = await post(provider.tokenUrl, {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: clients.native.id,
      device_code: String(device.device_code),
    });
    assert.equal(answer.error, 'authorization_pending');
  });

  it('ends everything with revokeAll', async () => {
    const tokens = await signIn(provider);
    await provider.revokeAll();
    assert.equal((await introspect(provider, tokens.access_token)).active, false);
    assert.equal((await refresh(provider, tokens.refresh_token)).error, 'invalid_grant');
    assert.equal((await signIn(provider)).status, 200);
  });

  describe('faults of the token endpoint', () => {
    it('answers 503 as often as told', async () => {
      const { refresh_token } = await signIn(provider);
      provider.fault({
        grantType: 'refresh_token',
        status: 503,
        headers: { 'retry-after': '7' },
        times: 2,
      });
      assert.equal((await refresh(provider, refresh_token)).status, 503);
      assert.equal((await refresh(provider, refresh_token)).status, 503);
      assert.equal((await refresh(provider, refresh_token)).status, 200);
    });

    it('answers an OAuth error until cleared', async () => {
      const { refresh_token } = await signIn(provider);
      const clear = provider.fault({ error: 'invalid_grant' });
      const refused = await refresh(provider, refresh_token);
      assert.deepEqual([refused.status, refused.error], [400, 'invalid_grant']);
      clear();
      assert.equal((await refresh(provider, refresh_token)).status, 200);
    });

    it('leaves out the refresh token', async () => {
      provider.fault({ omitRefreshToken: true, times: 1 });
      const without = await signIn(provider);
      assert.equal(without.status, 200);
      assert.equal('refresh_token' in without, false);
      assert.equal('refresh_token' in (await signIn(provider)), true);
    });

    it('closes the connection without an answer', async () => {
      provider.fault({ hangUp: 'before', times: 1 });
      await assert.rejects(refresh(provider, 'whatever'));
    });

    it('closes the connection after it has rotated the token', async () => {
      const { refresh_token } = await signIn(provider);
      provider.fault({ hangUp: 'after', grantType: 'refresh_token', times: 1 });
      await assert.rejects(refresh(provider, refresh_token));
      assert.equal((await refresh(provider, refresh_token)).error, 'invalid_grant');
    });

    for (const when of ['before', 'after'] as const) {
      it(`holds a request ${when} the provider has seen it, until released`, async () => {
        const { refresh_token } = await signIn(provider);
        const hold = provider.hold(when, 'refresh_token');
        let answered = false;
        const seen = provider.nextTokenRequest('refresh_token');
        const answer = refresh(provider, refresh_token).then((result) => {
          answered = true;
          return result;
        });
        await hold.arrived;
        // Whether the provider has rotated the token by now is what tells before from after.
        const { RefreshToken } = provider.provider;
        const consumed = (await RefreshToken.find(String(refresh_token)))?.consumed;
        assert.equal(Boolean(consumed), when === 'after');
        assert.equal(answered, false);
        hold.release();
        assert.equal((await answer).status, 200);
        assert.equal((await seen).status, 200);
      });
    }
  });
});

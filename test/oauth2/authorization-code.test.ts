import assert from 'node:assert/strict';
import {
  type AccountConfig,
  type AgentFor,
  bindingOf,
  MemorySignInStore,
  OAuth2Error,
  type SignInOutcome,
  TokenSource,
} from '../../nodes/oauth2';
import {
  CookieJar,
  clients,
  consent as consentAt,
  startProvider,
  type TestProvider,
} from '../../servers/oidc';
import { google, startTokenEndpoint, type TokenEndpoint, tokens } from '../../servers/token-endpoint';
import { accountAt, Clock, MemoryStore, seen, startCallbackHost, texts } from './support';

const MINUTE = 60_000;

describe('oauth2/authorization code', () => {
  describe('with a real sign-in server', () => {
    let provider: TestProvider;
    let host: Awaited<ReturnType<typeof startCallbackHost>>;
    let config: AccountConfig;

    before(async () => {
      provider = await startProvider();
    });
    after(() => provider.close());
    beforeEach(async () => {
      host = await startCallbackHost();
      config = accountAt(provider.issuer);
    });
    afterEach(() => host.close());

    it('signs in, and gives tokens that can be renewed', async () => {
      const { id, beginUrl, expiresAt } = await host.start(config);
      assert.equal((await host.signIns.outcome({ id, ...host.person }))?.state, 'waiting');
      const { page } = await consentAt(beginUrl, { login: 'alice@example.com' });
      assert.equal(page?.status, 200);
      assert.match(page?.html ?? '', /Done, you can close this\./);
      assert.deepEqual(await host.signIns.outcome({ id, ...host.person }), {
        id,
        account: 'account-1',
        state: 'signed-in',
        expiresAt,
        label: 'alice@example.com',
        renewable: true,
      });
      const [signedIn = assert.fail()] = host.signedIn;
      assert.deepEqual(
        {
          account: signedIn.account,
          adminUser: signedIn.adminUser,
          config: signedIn.config,
          binding: signedIn.binding,
        },
        { ...host.person, config, binding: bindingOf(config) },
      );
      const source = new TokenSource({ config, store: new MemoryStore() });
      await source.accept(signedIn.tokens);
      const { accessToken } = await source.token();
      assert.notEqual((await source.token({ rejected: accessToken })).accessToken, accessToken);
    });

    it('signs in as an application with a secret, sent in the body or in the header', async () => {
      for (const clientAuth of ['body', 'header'] as const) {
        const { id: clientId, secret: clientSecret } = clients.confidential;
        await host.signIn({ ...config, clientId, clientSecret, clientAuth });
      }
      assert.equal(host.signedIn.length, 2);
    });

    it('signs in with addresses given by hand', async () => {
      const { authorizationUrl, tokenUrl } = provider;
      await host.signIn({ ...config, issuer: '', authorizationUrl, tokenUrl });
    });

    it('signs in by the pasted address, without a cookie', async () => {
      const redirectUri = host.redirectUri.replace('127.0.0.1', 'localhost');
      const { id, beginUrl } = await host.start(config, { redirectUri, callbackUrl: host.redirectUri });
      assert.ok(beginUrl.startsWith(host.redirectUri.replace('callback', 'begin')));
      const { redirect } = await consentAt(beginUrl, { login: 'alice@example.com' });
      assert.equal(redirect.origin + redirect.pathname, redirectUri);
      const outcome = await host.byCode.paste({ ...host.person, text: redirect.href });
      assert.equal(outcome.state, 'signed-in');
      assert.equal(outcome.id, id);
    });

    it('signs in when the host is edited in the address bar', async () => {
      const redirectUri = host.redirectUri.replace('127.0.0.1', 'localhost');
      const { beginUrl } = await host.start(config, { redirectUri, callbackUrl: host.redirectUri });
      const jar = new CookieJar();
      const { redirect } = await consentAt(beginUrl, { login: 'alice@example.com', jar });
      redirect.hostname = '127.0.0.1';
      const answer = await fetch(redirect, { headers: { cookie: jar.header(redirect) } });
      assert.equal(answer.status, 200);
      assert.equal(host.signedIn.length, 1);
    });

    it('a person who declines is told so, and nothing is taken', async () => {
      const { id, beginUrl } = await host.start(config);
      const { page } = await consentAt(beginUrl, { login: 'alice@example.com', answer: 'deny' });
      assert.equal(page?.status, 400);
      assert.match(page?.html ?? '', /That did not work/);
      const outcome = await host.signIns.outcome({ id, ...host.person });
      assert.deepEqual(
        [outcome?.state, outcome?.error?.code, outcome?.error?.reason],
        ['failed', 'DECLINED', 'declined'],
      );
      assert.equal(host.signedIn.length, 0);
    });

    it('PKCE S256 always, and only the token endpoint sees the verifier (S2)', async () => {
      const { beginUrl } = await host.start(config);
      const { location, cookie, text } = await begin(beginUrl);
      assert.equal(location.searchParams.get('code_challenge_method'), 'S256');
      assert.match(location.searchParams.get('code_challenge') ?? '', /^[\w-]{43}$/);
      const before = provider.tokenRequests.length;
      await host.signIn(config);
      const verifier = provider.tokenRequests[before]?.parameters.get('code_verifier') ?? '';
      assert.match(verifier, /^[\w-]{43}$/);
      assert.doesNotMatch(
        location.href + cookie + text + host.requests.join() + seen(host.byCode),
        new RegExp(verifier),
      );
    });

    it('an answer of another issuer is refused before the code is sent anywhere (S4)', async () => {
      for (const change of [
        (url: URL) => url.searchParams.set('iss', 'https://evil.example.com'),
        // This server promises `iss`, so an answer without it is not its own.
        (url: URL) => url.searchParams.delete('iss'),
      ]) {
        const redirectUri = host.redirectUri.replace('127.0.0.1', 'localhost');
        const { beginUrl } = await host.start(config, { redirectUri, callbackUrl: host.redirectUri });
        const { redirect } = await consentAt(beginUrl, { login: 'alice@example.com' });
        change(redirect);
        const before = provider.count();
        const { state, error } = await host.byCode.paste({ ...host.person, text: redirect.href });
        assert.deepEqual([state, error?.code, error?.reason], ['failed', 'DECLINED', 'issuer-mismatch']);
        assert.equal(provider.count(), before);
      }
    });

    it('a code that was used up says so', async () => {
      const forget = provider.fault({ grantType: 'authorization_code', error: 'invalid_grant' });
      const { id, beginUrl } = await host.start(config);
      await consentAt(beginUrl, { login: 'alice@example.com' });
      forget();
      const { error } = (await host.signIns.outcome({ id, ...host.person })) ?? {};
      assert.deepEqual([error?.code, error?.reason], ['DECLINED', 'code-used-or-expired']);
    });
  });

  describe('the answer must belong to the sign-in (S1)', () => {
    let clock: Clock;
    let endpoint: TokenEndpoint;
    let host: Awaited<ReturnType<typeof startCallbackHost>>;
    let outcomes: SignInOutcome[];
    let through: AgentFor | undefined;

    beforeEach(async () => {
      clock = new Clock();
      outcomes = [];
      endpoint = await startTokenEndpoint(
        tokens({ refresh_token: 'canary-refresh', access_token: 'canary-access' }),
      );
      through = undefined;
      host = await startCallbackHost({
        now: clock.now,
        onOutcome: (outcome) => outcomes.push(outcome),
        agentOf: () => through,
      });
    });
    afterEach(async () => {
      await host.close();
      await endpoint.close();
    });

    function config(changes: Partial<AccountConfig> = {}): AccountConfig {
      return {
        provider: 'custom',
        grant: 'authorization_code',
        authorizationUrl: 'https://login.example.com/authorize?policy=mail',
        tokenUrl: endpoint.url,
        clientId: 'client',
        clientSecret: 'canary-secret',
        scope: 'mail',
        ...changes,
      };
    }

    /** Up to the point where the person would be back with a code. */
    async function begun(changes: Partial<AccountConfig> = {}, start: Parameters<typeof host.start>[1] = {}) {
      const started = await host.start(config(changes), start);
      const { location, cookie } = await begin(started.beginUrl);
      const state = location.searchParams.get('state') ?? '';
      const crumb = cookie.split(';')[0] ?? '';
      const query = new URLSearchParams({ code: 'canary-code', state });
      const outcome = () => host.signIns.outcome({ id: started.id, ...host.person });
      return { ...started, location, cookie, crumb, state, query, outcome };
    }

    it('the right answer from the right browser is taken', async () => {
      const { query, crumb, outcome } = await begun();
      const reply = await host.byCode.callback({ query: `?${query}`, cookies: `a=b; ${crumb}; c=d` });
      assert.equal(reply.status, 200);
      assert.equal((await outcome())?.state, 'signed-in');
      const form = Object.fromEntries(endpoint.requests[0]?.form ?? []);
      assert.equal(form.code, 'canary-code');
      assert.equal(form.redirect_uri, host.redirectUri);
      assert.equal(form.grant_type, 'authorization_code');
    });

    it('the query may come as an object, as express has it', async () => {
      const { query, crumb, outcome } = await begun();
      await host.byCode.callback({ query: Object.fromEntries(query), cookies: crumb });
      assert.equal((await outcome())?.state, 'signed-in');
    });

    it('the state has 128 bits and more, and is another each time', async () => {
      const states = new Set<string>();
      for (let times = 0; times < 5; times += 1) states.add((await begun()).state.split('.')[1] ?? '');
      assert.equal(states.size, 5);
      for (const state of states) assert.ok(Buffer.from(state, 'base64url').length >= 16);
    });

    it('the same answer again is refused (replay)', async () => {
      const { query, crumb } = await begun();
      await host.byCode.callback({ query, cookies: crumb });
      assert.equal((await host.byCode.callback({ query, cookies: crumb })).status, 400);
      await assert.rejects(host.byCode.paste({ ...host.person, text: `?${query}` }), {
        reason: 'sign-in-unknown',
      });
      assert.equal(endpoint.requests.length, 1);
      assert.equal(host.signedIn.length, 1);
    });

    it('the same answer at the same time is taken once', async () => {
      const { query, crumb } = await begun();
      const replies = await Promise.all([1, 2, 3].map(() => host.byCode.callback({ query, cookies: crumb })));
      assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 400, 400]);
      assert.equal(endpoint.requests.length, 1);
    });

    it('an answer in another browser is refused, and the right one still taken', async () => {
      const { query, crumb, outcome } = await begun();
      const other = await begun();
      for (const cookies of [undefined, '', 'a=b', `${crumb}x`, crumb.replace(/=.*/, '='), other.crumb]) {
        assert.equal((await host.byCode.callback({ query, cookies })).status, 400, cookies);
      }
      assert.equal(endpoint.requests.length, 0);
      assert.equal((await outcome())?.state, 'waiting');
      assert.equal((await host.byCode.callback({ query, cookies: crumb })).status, 200);
    });

    it('a state that was changed or invented is refused', async () => {
      const { state, crumb } = await begun();
      const other = await begun();
      const mixed = `${state.split('.')[0]}.${other.state.split('.')[1]}`;
      for (const wrong of [
        '',
        'x',
        `${state}x`,
        state.slice(0, -1),
        mixed,
        `${state.split('.')[0]}.`,
        state.split('.')[1],
      ]) {
        const reply = await host.byCode.callback({ query: { code: 'c', state: wrong }, cookies: crumb });
        assert.equal(reply.status, 400, wrong);
      }
      assert.equal((await host.byCode.callback({ query: { code: 'c' }, cookies: crumb })).status, 400);
      assert.equal((await host.byCode.callback({ query: undefined, cookies: crumb })).status, 400);
      assert.equal(endpoint.requests.length, 0);
    });

    it('an answer after ten minutes is refused', async () => {
      const { query, crumb, outcome } = await begun();
      clock.pass(10 * MINUTE);
      assert.equal((await host.byCode.callback({ query, cookies: crumb })).status, 400);
      assert.deepEqual(
        [(await outcome())?.state, (await outcome())?.error?.reason],
        ['failed', 'sign-in-expired-here'],
      );
      assert.equal(endpoint.requests.length, 0);
    });

    it('begin, callback and outcome may reach other processes that share the store', async () => {
      const store = new MemorySignInStore();
      const hosts = await Promise.all(
        [1, 2, 3].map(() => startCallbackHost({ store, agentOf: () => undefined })),
      );
      const [one = assert.fail(), two = assert.fail(), three = assert.fail()] = hosts;
      const { id, beginUrl } = await one.start(config(), { route: { proxy: 'proxy-1' } });
      const ticket = new URL(beginUrl).searchParams.get('ticket');
      const { headers } = await two.byCode.begin({ ticket });
      const state = new URL(headers.location ?? '').searchParams.get('state') ?? '';
      const cookies = headers['set-cookie']?.split(';')[0];
      const query = { code: 'canary-code', state };
      const replies = await Promise.all(hosts.map(({ byCode }) => byCode.callback({ query, cookies })));
      assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 400, 400]);
      assert.equal((await three.signIns.outcome({ id, ...three.person }))?.state, 'signed-in');
      assert.equal(hosts.flatMap(({ signedIn }) => signedIn).length, 1);
      assert.equal(endpoint.requests.length, 1);
      for (const { close } of hosts) await close();
    });

    it('an answer after a restart is refused', async () => {
      const { query, crumb } = await begun();
      const afterwards = await startCallbackHost();
      assert.equal((await afterwards.byCode.callback({ query, cookies: crumb })).status, 400);
      await afterwards.close();
    });

    it('an answer after cancelling is refused', async () => {
      const { id, query, crumb, outcome } = await begun();
      await host.signIns.cancel({ ...host.person, id, adminUser: 'somebody else' });
      assert.equal((await outcome())?.state, 'waiting');
      await host.signIns.cancel({ ...host.person, id });
      assert.equal((await host.byCode.callback({ query, cookies: crumb })).status, 400);
      assert.equal((await outcome())?.error?.reason, 'sign-in-cancelled');
      assert.deepEqual(
        outcomes.map(({ state }) => state),
        ['failed'],
      );
    });

    it('tokens that come after cancelling are not taken', async () => {
      let release: () => void = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      endpoint.answer({ ...tokens(), after: held });
      const { id, query, crumb, outcome } = await begun();
      const coming = host.byCode.callback({ query, cookies: crumb });
      await endpoint.nextRequest();
      await host.signIns.cancel({ ...host.person, id });
      release();
      assert.equal((await coming).status, 400);
      assert.equal((await outcome())?.error?.reason, 'sign-in-cancelled');
      assert.equal(host.signedIn.length, 0);
    });

    it('the ticket is good once and for a minute', async () => {
      const { beginUrl } = await host.start(config());
      await begin(beginUrl);
      assert.equal((await fetch(beginUrl, { redirect: 'manual' })).status, 400);
      const late = await host.start(config());
      clock.pass(MINUTE);
      assert.equal((await fetch(late.beginUrl, { redirect: 'manual' })).status, 400);
      for (const ticket of [undefined, '', 'x', '.', ['a'], `${late.id}.`, `${late.id}.x`]) {
        assert.equal((await host.byCode.begin({ ticket })).status, 400);
      }
    });

    it('the cookie lives on the callback’s host and path, for ten minutes, for this sign-in alone', async () => {
      const one = await begun();
      const two = await begun();
      const [pair = '', ...attributes] = one.cookie.split('; ');
      assert.deepEqual(attributes, [
        'Path=/redletter/oauth2-account/callback',
        'Max-Age=600',
        'HttpOnly',
        'SameSite=Lax',
      ]);
      assert.notEqual(pair.split('=')[0], two.crumb.split('=')[0]);
      assert.equal(new URL(one.beginUrl).origin, new URL(host.redirectUri).origin);
    });

    it('the cookie is Secure on https, and its path that of the browser behind a reverse proxy', async () => {
      const redirectUri = 'https://red.example.com/home/admin/redletter/oauth2-account/callback';
      const { beginUrl } = await host.start(config(), { redirectUri });
      assert.match(
        beginUrl,
        /^https:\/\/red\.example\.com\/home\/admin\/redletter\/oauth2-account\/begin\?ticket=[\w.-]+$/,
      );
      const { headers } = await host.byCode.begin({ ticket: new URL(beginUrl).searchParams.get('ticket') });
      assert.match(headers['set-cookie'] ?? '', /; Secure$/);
      assert.match(headers['set-cookie'] ?? '', /Path=\/home\/admin\/redletter\/oauth2-account\/callback;/);
    });

    it('pasting is for the person and the account that started it', async () => {
      const { query, outcome } = await begun();
      const text = `?${query}`;
      await assert.rejects(host.byCode.paste({ ...host.person, adminUser: 'mallory', text }), {
        reason: 'other-person',
      });
      await assert.rejects(host.byCode.paste({ ...host.person, account: 'account-2', text }), {
        reason: 'sign-in-unknown',
      });
      assert.equal((await outcome())?.state, 'waiting');
      assert.equal((await host.byCode.paste({ ...host.person, text })).state, 'signed-in');
    });

    it('a paste that is of no use leaves the sign-in waiting', async () => {
      const { outcome, location } = await begun();
      await assert.rejects(host.byCode.paste({ ...host.person, text: ' ' }), { reason: 'paste-empty' });
      await assert.rejects(host.byCode.paste({ ...host.person, text: location.href }), {
        reason: 'paste-not-the-answer',
      });
      assert.equal((await outcome())?.state, 'waiting');
    });

    it('the state of a sign-in is visible to the person who started it only', async () => {
      const { id } = await begun();
      assert.equal(await host.signIns.outcome({ ...host.person, id, adminUser: 'mallory' }), undefined);
      assert.equal(await host.signIns.outcome({ ...host.person, id, account: 'account-2' }), undefined);
      assert.equal(await host.signIns.outcome({ ...host.person, id: 'constructor' }), undefined);
    });

    it('sign-ins are bounded in number; the oldest gives way', async () => {
      const first = await begun();
      for (let times = 0; times < 5; times += 1) await begun();
      assert.equal((await host.byCode.callback({ query: first.query, cookies: first.crumb })).status, 400);
      assert.equal(outcomes[0]?.error?.reason, 'sign-in-superseded');
      const mine = await begun();
      for (let times = 0; times < 99; times += 1)
        await host.start(config(), { account: `account-${times + 10}` });
      assert.equal((await mine.outcome())?.state, 'waiting');
      await host.start(config(), { account: 'one more' });
      assert.equal((await host.signIns.outcome({ ...host.person, id: mine.id }))?.state, undefined);
      assert.equal((await host.byCode.callback({ query: mine.query, cookies: mine.crumb })).status, 400);
    });

    it('what the dialog does afterwards does not change a sign-in under way', async () => {
      const given = config();
      const { beginUrl } = await host.start(given);
      given.tokenUrl = 'https://evil.example.com/token';
      given.clientId = 'other';
      const { location, cookie } = await begin(beginUrl);
      await host.byCode.callback({
        query: { code: 'c', state: location.searchParams.get('state') },
        cookies: cookie.split(';')[0],
      });
      assert.equal(endpoint.requests[0]?.form.get('client_id'), 'client');
    });

    describe('what the window shows', () => {
      it('an error answer needs a valid state and cookie too (S5)', async () => {
        const { query, crumb, outcome } = await begun();
        query.delete('code');
        query.set('error', 'access_denied');
        const forged = new URLSearchParams({ error: 'access_denied', state: 'x.y' });
        await host.byCode.callback({ query: forged, cookies: crumb });
        await host.byCode.callback({ query, cookies: undefined });
        assert.equal((await outcome())?.state, 'waiting');
        await host.byCode.callback({ query, cookies: crumb });
        assert.equal((await outcome())?.error?.reason, 'declined');
      });

      it('the page runs no script, allows no frame, is not cached and sends no referrer (S5)', async () => {
        const good = await begun();
        const done = await host.byCode.callback({ query: good.query, cookies: good.crumb });
        const unknown = await host.byCode.callback({ query: good.query, cookies: good.crumb });
        const bad = await begun();
        const failed = await host.byCode.callback({
          query: { error: 'x', state: bad.state },
          cookies: bad.crumb,
        });
        const sent = await host.byCode.begin({
          ticket: new URL((await host.start(config())).beginUrl).searchParams.get('ticket'),
        });
        for (const { headers } of [done, unknown, failed, sent]) {
          assert.match(
            headers['content-security-policy'] ?? '',
            /^default-src 'none'; .*frame-ancestors 'none'/,
          );
          assert.doesNotMatch(headers['content-security-policy'] ?? '', /unsafe|https?:|\*/);
          assert.equal(headers['cache-control'], 'no-store');
          assert.equal(headers['referrer-policy'], 'no-referrer');
          assert.equal(headers['x-content-type-options'], 'nosniff');
        }
        assert.match(done.headers['content-security-policy'] ?? '', /script-src 'sha256-/);
        for (const { body, headers } of [unknown, failed]) {
          assert.doesNotMatch(body, /<script/);
          assert.doesNotMatch(headers['content-security-policy'] ?? '', /script-src/);
        }
      });

      it('every text is escaped, the server’s words and our own (S5)', async () => {
        const evil = `"><script>alert('1')</script>&`;
        const { query, crumb } = await begun(
          {},
          { texts: { ...texts, lang: evil, title: evil, failed: evil } },
        );
        query.delete('code');
        query.set('error', 'server_error');
        query.set('error_description', evil);
        const { body } = await host.byCode.callback({ query, cookies: crumb });
        assert.doesNotMatch(body, /<script|'1'/);
        assert.equal(body.split('&#60;script&#62;').length, 5);
      });

      it('the texts are those of the person who started it', async () => {
        const { query, crumb } = await begun({}, { texts: { ...texts, lang: 'de', done: 'Fertig.' } });
        const { body } = await host.byCode.callback({ query, cookies: crumb });
        assert.match(body, /<html lang="de">.*<p>Fertig\.<\/p>/);
      });

      it('the callback never sends the browser anywhere (S6)', async () => {
        for (const extra of ['redirect_uri', 'redirect', 'next', 'url', 'target', 'return_to']) {
          const { query, crumb } = await begun();
          query.set(extra, 'https://evil.example.com/');
          for (const cookies of [undefined, crumb]) {
            const reply = await host.byCode.callback({ query, cookies });
            assert.ok(reply.status === 200 || reply.status === 400);
            assert.equal(reply.headers.location, undefined);
            assert.doesNotMatch(reply.body, /evil/);
          }
        }
      });
    });

    it('the authorization request says what it must, and keeps the address’s own query', async () => {
      const { location, state } = await begun({ user: ' alice@example.com ' });
      const { code_challenge, ...rest } = Object.fromEntries(location.searchParams);
      assert.equal(location.origin + location.pathname, 'https://login.example.com/authorize');
      assert.deepEqual(rest, {
        policy: 'mail',
        response_type: 'code',
        client_id: 'client',
        redirect_uri: host.redirectUri,
        scope: 'mail',
        state,
        code_challenge_method: 'S256',
        prompt: 'consent',
        login_hint: 'alice@example.com',
      });
      assert.match(code_challenge ?? '', /^[\w-]{43}$/);
      assert.doesNotMatch(location.href, /canary/);
    });

    it('Google is asked for a refresh token, Microsoft at the tenant', async () => {
      const at = (url: URL) => url.origin + url.pathname;
      const atGoogle = (await begun({ provider: 'google', scope: '' })).location;
      assert.equal(at(atGoogle), 'https://accounts.google.com/o/oauth2/v2/auth');
      assert.equal(atGoogle.searchParams.get('access_type'), 'offline');
      assert.equal(atGoogle.searchParams.get('prompt'), 'consent');
      assert.equal(atGoogle.searchParams.get('scope'), 'https://mail.google.com/');
      const atMicrosoft = (await begun({ provider: 'microsoft', tenant: 'consumers', scope: '' })).location;
      assert.equal(at(atMicrosoft), 'https://login.microsoftonline.com/consumers/oauth2/v2.0/authorize');
      assert.match(atMicrosoft.searchParams.get('scope') ?? '', / offline_access$/);
    });

    it('after another person has signed in, the provider is asked to let this one choose', async () => {
      for (const [overrides, prompt] of [
        [{ provider: 'google', scope: '' }, 'select_account consent'],
        [{ provider: 'microsoft', scope: '' }, 'select_account'],
        [{ provider: 'microsoft-us', scope: '' }, 'select_account'],
        [{ provider: 'fastmail', scope: '' }, 'login'],
        [{}, 'login consent'],
        [{ prompt: '' }, 'login'],
        [{ prompt: 'none' }, 'login'],
        [{ prompt: 'login' }, 'login'],
        [
          { authorizationUrl: 'https://login.example.com/authorize?prompt=select_account' },
          'login select_account',
        ],
      ] as const) {
        const { location } = await begun(overrides, { anotherPerson: true });
        assert.deepEqual(location.searchParams.getAll('prompt'), [prompt], JSON.stringify(overrides));
      }
      assert.equal((await begun()).location.searchParams.get('prompt'), 'consent');
    });

    it('a permission that was unticked at Google is missed at once', async () => {
      through = () => endpoint.agent;
      for (const [granted, state] of [
        ['openid', 'failed'],
        ['https://mail.google.com/', 'signed-in'],
        [undefined, 'signed-in'],
      ] as const) {
        endpoint.answer(tokens({ scope: granted }));
        const { query, crumb, outcome } = await begun({ provider: 'google', scope: '' });
        await host.byCode.callback({ query, cookies: crumb });
        assert.equal((await outcome())?.state, state);
        if (state === 'failed') assert.equal((await outcome())?.error?.reason, 'scope-not-granted');
      }
    });

    it('a parameter given twice is refused (RFC 6749 section 3.1)', async () => {
      const { query, crumb, outcome } = await begun();
      query.append('code', 'another');
      await host.byCode.callback({ query, cookies: crumb });
      assert.equal((await outcome())?.error?.reason, 'answer-incomplete');
      const two = await begun();
      const reply = await host.byCode.callback({
        query: { code: 'c', state: [two.state, two.state] },
        cookies: two.crumb,
      });
      assert.equal(reply.status, 400);
      assert.equal(endpoint.requests.length, 0);
    });

    it('tokens that are unusable are a failure with a reason', async () => {
      const failing = await startCallbackHost({
        onSignedIn: () => Promise.reject(new Error('disk full')),
      });
      const { id, beginUrl } = await failing.start(config());
      const { location, cookie } = await begin(beginUrl);
      const state = location.searchParams.get('state');
      const reply = await failing.byCode.callback({
        query: { code: 'c', state },
        cookies: cookie.split(';')[0],
      });
      assert.equal(reply.status, 400);
      assert.equal((await failing.signIns.outcome({ id, ...failing.person }))?.error?.code, 'STORE');
      await failing.close();
    });

    it('a configuration that cannot work is refused before anything starts', async () => {
      for (const [changes, reason] of [
        [{ clientId: ' ' }, 'client-id-missing'],
        [{ provider: 'google', clientSecret: '' }, 'secret-missing'],
        [{ authorizationUrl: '' }, 'authorization-url-missing'],
        [{ tokenUrl: '' }, 'token-url-missing'],
        [{ tokenUrl: 'http://login.example.com/token' }, 'endpoint-insecure'],
        [{ provider: 'nobody' }, 'provider-unknown'],
        [{ provider: 'constructor' }, 'provider-unknown'],
      ] as const) {
        await assert.rejects(host.start(config(changes)), { code: 'CONFIG', reason });
      }
    });

    it('the redirect URI is exact, ours, and https or loopback (S3)', async () => {
      const path = '/redletter/oauth2-account/callback';
      for (const [redirectUri, reason] of [
        ['', 'redirect-uri-missing'],
        ['here', 'redirect-uri-malformed'],
        [`http://localhost@evil.example.com${path}`, 'redirect-uri-malformed'],
        [`http://user:password@localhost${path}`, 'redirect-uri-malformed'],
        [`http://localhost${path}?next=x`, 'redirect-uri-malformed'],
        [`http://localhost${path}#x`, 'redirect-uri-malformed'],
        [`http://LOCALHOST${path}`, 'redirect-uri-malformed'],
        [`http://localhost/x/..${path}`, 'redirect-uri-malformed'],
        [`http://localhost\\@evil.example.com${path}`, 'redirect-uri-malformed'],
        [`http://192.168.1.5:1880${path}`, 'redirect-uri-insecure'],
        [`http://localhost.evil.example.com${path}`, 'redirect-uri-insecure'],
        [`http://127.0.0.1.evil.example.com${path}`, 'redirect-uri-insecure'],
        [`ftp://localhost${path}`, 'redirect-uri-insecure'],
        ['http://localhost:1880/', 'redirect-uri-path'],
        ['http://localhost:1880/callback', 'redirect-uri-path'],
        [`http://localhost:1880${path}/more`, 'redirect-uri-path'],
      ] as const) {
        await assert.rejects(host.start(config(), { redirectUri }), { code: 'CONFIG', reason }, redirectUri);
      }
      for (const redirectUri of [
        `http://localhost:1880${path}`,
        `http://127.0.0.1:1880${path}`,
        `http://[::1]:1880${path}`,
        `https://red.example.com/admin${path}`,
      ]) {
        const { location } = await begunAt(redirectUri);
        assert.equal(location.searchParams.get('redirect_uri'), redirectUri);
      }
    });

    async function begunAt(redirectUri: string) {
      const { beginUrl } = await host.start(config(), { redirectUri });
      const { headers } = await host.byCode.begin({ ticket: new URL(beginUrl).searchParams.get('ticket') });
      return { location: new URL(headers.location ?? '') };
    }

    it('secrets, codes and tokens are in nothing that is shown (S8)', async () => {
      const good = await begun();
      const replies = [await host.byCode.callback({ query: good.query, cookies: good.crumb })];
      endpoint.answer({
        status: 400,
        body: { error: 'invalid_client', error_description: 'canary-code canary-secret' },
      });
      const bad = await begun();
      replies.push(await host.byCode.callback({ query: bad.query, cookies: bad.crumb }));
      endpoint.answer(google.redirectUri);
      const pasted = await begun();
      await host.byCode.paste({ ...host.person, text: `?${pasted.query}` });
      const waiting = await begun();
      host.signedIn.length = 0;
      const all = [
        replies,
        outcomes,
        host.byCode,
        waiting.outcome(),
        waiting.beginUrl,
        waiting.location.href,
      ];
      assert.doesNotMatch(all.map(seen).join('\n') + JSON.stringify([replies, outcomes]), /canary/);
    });

    it('an error of the exchange is known by its reason', async () => {
      endpoint.answer(google.redirectUri);
      const { query, crumb, outcome } = await begun();
      await host.byCode.callback({ query, cookies: crumb });
      assert.ok((await outcome())?.error instanceof OAuth2Error);
      assert.equal((await outcome())?.error?.reason, 'redirect-uri-mismatch');
    });
  });
});

async function begin(beginUrl: string) {
  const answer = await fetch(beginUrl, { redirect: 'manual' });
  assert.equal(answer.status, 302);
  return {
    location: new URL(answer.headers.get('location') ?? ''),
    cookie: answer.headers.get('set-cookie') ?? '',
    text: await answer.text(),
  };
}

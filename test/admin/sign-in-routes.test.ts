import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { loopbackCertificate, opensslMissing } from '../../servers/certificates';
import { dovecotMissing } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { type FlowNode, type NodeRed, nodeRed5Missing, startNodeRed } from '../../servers/node-red';
import { freePorts } from '../../servers/ports';
import { microsoft, startTokenEndpoint, type TokenEndpoint, tokens } from '../../servers/token-endpoint';
import { ALICE, account, dialog, flows, mail, pop3In, signIn, startWorld } from '../world';

const BASE = 'redletter/oauth2-account';
const SECRET = 'canary-client-secret';
const GIVEN = 'canary-given-refresh';
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
/** A line of the key, which no JSON writes in another way. */
const [, KEY_LINE = ''] = KEY.split('\n');
const USERS = {
  admin: { password: 'admin-password', permissions: '*' },
  guest: { password: 'guest-password', permissions: 'read' },
};

interface Answered {
  status: number;
  headers: Headers;
  text: string;
  json: Record<string, unknown>;
}

/** A Node-RED with an account whose sign-in server is scripted, and everything its routes have ever answered. */
class Routes {
  readonly said: string[] = [];

  constructor(
    readonly nodeRed: NodeRed,
    readonly endpoint: TokenEndpoint,
  ) {}

  /** The account, by hand: authorization and token endpoint at the scripted server. */
  account(more: Record<string, unknown> = {}, credentials: object = {}): FlowNode {
    const { endpoint } = this;
    return {
      id: 'account',
      type: 'oauth2-account',
      name: '',
      provider: 'custom',
      grant: 'authorization_code',
      tenant: '',
      issuer: '',
      authorizationUrl: endpoint.url.replace('token', 'authorize'),
      tokenUrl: endpoint.url,
      deviceUrl: endpoint.url.replace('token', 'device'),
      revocationUrl: endpoint.url.replace('token', 'revoke'),
      scope: 'mail.pop',
      clientAuth: 'body',
      redirectUri: '',
      tls: '',
      credentials: {
        user: ALICE,
        clientId: 'client-one',
        clientSecret: SECRET,
        privateKey: KEY,
        refreshToken: GIVEN,
        ...credentials,
      },
      ...more,
    };
  }

  get redirectUri(): string {
    return new URL(`${BASE}/callback`, this.nodeRed.url).href;
  }

  async read(response: Promise<Response>): Promise<Answered> {
    const { status, headers, ...answer } = await response.then(async (got) => ({
      status: got.status,
      headers: got.headers,
      text: await got.text(),
    }));
    this.said.push(answer.text);
    const json = headers.get('content-type')?.includes('json') ? JSON.parse(answer.text) : {};
    return { status, headers, text: answer.text, json };
  }

  post(route: string, json: unknown, headers: Record<string, string> = {}): Promise<Answered> {
    return this.read(this.nodeRed.admin(`${BASE}/account/${route}`, { json, headers }));
  }

  /** As the dialog does it; a secret that is stored is not in the dialog. */
  start(node: FlowNode, more: object = {}): Promise<Answered> {
    return this.post('sign-in', { ...unsaid(node), redirectUri: this.redirectUri, ...more });
  }

  get(url: string | URL, cookie?: string): Promise<Answered> {
    return this.read(fetch(url, { redirect: 'manual', ...(cookie && { headers: { cookie } }) }));
  }

  callback(parameters: Record<string, string>, cookie?: string): Promise<Answered> {
    return this.get(`${this.redirectUri}?${new URLSearchParams(parameters)}`, cookie);
  }

  /** Started, and the window has been at `begin`: what the sign-in server would be asked, and the window's cookie. */
  async begun(node: FlowNode): Promise<{ id: string; state: string; cookie: string; request: URL }> {
    const started = await this.start(node);
    assert.equal(started.status, 200, started.text);
    const answer = await this.get(String(started.json.url));
    assert.equal(answer.status, 302, answer.text);
    const request = new URL(answer.headers.get('location') ?? '');
    const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
    return { id: String(started.json.id), state: request.searchParams.get('state') ?? '', cookie, request };
  }

  /** From the click to the tokens. */
  async signIn(node: FlowNode, code = 'canary-code'): Promise<Answered> {
    const { state, cookie } = await this.begun(node);
    return this.callback({ code, state }, cookie);
  }
}

/** What the dialog posts while the secret is stored: it has never been told it. */
function unsaid(node: FlowNode): { properties: object; credentials: object } {
  const { properties, credentials } = dialog(node);
  const {
    clientSecret: _,
    privateKey: __,
    refreshToken: ___,
    ...rest
  } = credentials as Record<string, unknown>;
  return { properties, credentials: rest };
}

for (const version of [4, 5] as const) {
  describe(`the routes of the sign-in, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let routes: Routes;
    let other: TokenEndpoint;
    before(async function () {
      if (version === 5) needs(nodeRed5Missing).call(this);
      needs(opensslMissing).call(this);
      const endpoint = await startTokenEndpoint(
        tokens({ access_token: 'canary-access', refresh_token: 'canary-refresh' }),
      );
      other = await startTokenEndpoint(
        tokens({ access_token: 'canary-other', refresh_token: 'canary-other-refresh' }),
      );
      const env = { REDIRECT: `http://localhost:4711/${BASE}/callback` };
      routes = new Routes(await startNodeRed({ version, users: USERS, env }), endpoint);
      await routes.nodeRed.logIn('admin', USERS.admin.password);
      await routes.nodeRed.deploy([routes.account()]);
    });
    after(async () => {
      await routes?.nodeRed.remove();
      await Promise.all([routes?.endpoint.close(), other?.close()]);
    });

    const dead = async (
      answer: Promise<Answered>,
      outcome: 'unknown' | 'failed' | 'paste' = 'unknown',
    ): Promise<Answered> => {
      const page = await answer;
      assert.equal(page.status, 400);
      assert.match(page.text, new RegExp(`data-outcome="${outcome}"`));
      return page;
    };

    describe('who may (S7)', () => {
      const all = ['sign-in', 'paste', 'status', 'sign-out', 'cancel', 'mailbox', 'scopes'];

      it('refuses requests without a login, and those with read permission only', async () => {
        const guest = await fetch(new URL('auth/token', routes.nodeRed.url), {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            client_id: 'node-red-admin',
            grant_type: 'password',
            scope: '',
            username: 'guest',
            password: USERS.guest.password,
          }),
        });
        const { access_token } = (await guest.json()) as { access_token: string };
        for (const authorization of ['', 'Bearer wrong', `Bearer ${access_token}`]) {
          for (const route of all) {
            const { status } = await routes.post(route, unsaid(routes.account()), { authorization });
            assert.ok(status === 401 || status === 403, `${route} ${authorization.slice(0, 9)}: ${status}`);
          }
        }
      });

      it("refuses another site's page, a form, and a GET", async () => {
        for (const route of all) {
          for (const site of ['cross-site', 'same-site', 'none']) {
            const answer = await routes.post(route, unsaid(routes.account()), { 'sec-fetch-site': site });
            assert.equal(answer.status, 403, `${route} ${site}`);
          }
          for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
            const form = await routes.read(
              routes.nodeRed.admin(`${BASE}/account/${route}`, {
                method: 'POST',
                headers: { 'content-type': type },
                body: JSON.stringify(unsaid(routes.account())),
              }),
            );
            assert.equal(form.status, 403, `${route} ${type}`);
          }
          const got = await routes.read(routes.nodeRed.admin(`${BASE}/account/${route}`));
          assert.equal(got.status, 404, route);
        }
        const own = await routes.post('status', unsaid(routes.account()), {
          'sec-fetch-site': 'same-origin',
        });
        assert.equal(own.status, 200);
        assert.equal(own.headers.get('cache-control'), 'no-store');
        assert.equal(own.json.state, 'signed-out');
      });

      it('answers nonsense with a sentence, and goes on', async () => {
        for (const json of [
          {},
          [],
          { properties: null },
          { properties: 'x', credentials: [1] },
          { properties: { provider: '__proto__' } },
        ]) {
          for (const route of all) {
            const { status, json: answer } = await routes.post(route, json);
            assert.ok(status === 200 || status === 400, `${route} ${JSON.stringify(json)}: ${status}`);
            if (status === 400) assert.ok(String(answer.message).length > 20, route);
          }
        }
        assert.equal(routes.nodeRed.ended, false);
      });
    });

    describe('where it may lead (S2, S3, S6)', () => {
      it('asks with S256, and never tells the verifier (S2)', async () => {
        const { request, state } = await routes.begun(routes.account());
        const asked = Object.fromEntries(request.searchParams);
        assert.equal(asked.code_challenge_method, 'S256');
        assert.equal(asked.code_challenge?.length, 43);
        assert.ok(Buffer.from(state.split('.')[1] ?? '', 'base64url').length >= 16);
        assert.equal(asked.redirect_uri, routes.redirectUri);
        assert.equal('code_verifier' in asked, false);
      });

      it('takes no redirect URI but https or loopback, and ours', async () => {
        const { port } = routes.nodeRed;
        for (const redirectUri of [
          '',
          'not an address',
          `http://localhost@evil.example:${port}/${BASE}/callback`,
          `http://localhost.evil.example:${port}/${BASE}/callback`,
          `http://192.168.1.20:${port}/${BASE}/callback`,
          `https://evil.example/${BASE}/callback?next=1`,
          `https://evil.example/${BASE}/callback#x`,
          'https://evil.example/elsewhere',
          `javascript:alert(1)//${BASE}/callback`,
          'file:///redletter/oauth2-account/callback',
        ]) {
          const answer = await routes.start(routes.account(), { redirectUri });
          assert.equal(answer.status, 400, redirectUri);
          assert.equal(answer.json.code, 'CONFIG', redirectUri);
          assert.ok(String(answer.json.message).length > 20);
        }
        for (const callbackUrl of [
          'javascript:x//callback',
          `http://u:p@127.0.0.1/${BASE}/callback`,
          'http://h/x',
        ]) {
          const answer = await routes.start(routes.account(), { callbackUrl });
          assert.equal(answer.status, 400, callbackUrl);
        }
      });

      it('takes a redirect URI from the environment', async () => {
        const registered = `http://localhost:4711/${BASE}/callback`;
        const redirectUri = `$\{REDIRECT}`;
        const { json, text } = await routes.start(routes.account({ redirectUri }), { redirectUri });
        assert.equal(text.includes('error'), false, text);
        assert.match(String(json.url), /^http:\/\/localhost:4711\/redletter\/oauth2-account\/begin\?ticket=/);
        const asked = await routes.get(
          String(json.url).replace('localhost:4711', `127.0.0.1:${routes.nodeRed.port}`),
        );
        const location = new URL(asked.headers.get('location') ?? '');
        assert.equal(location.searchParams.get('redirect_uri'), registered);
      });

      it('trusts whom the chosen TLS settings trust, and sends nothing to others', async () => {
        const { key, cert, ca } = loopbackCertificate();
        const asked: string[] = [];
        const server = createServer({ key, cert }, (request, response) => {
          asked.push(request.url ?? '');
          response.setHeader('content-type', 'application/json');
          response.end('{"access_token":"canary-tls","refresh_token":"canary-tls","token_type":"Bearer"}');
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        try {
          const file = join(routes.nodeRed.userDir, 'ca.pem');
          await writeFile(file, ca);
          const tls = {
            id: 'tls',
            type: 'tls-config',
            name: '',
            ca: file,
            cert: '',
            key: '',
            verifyservercert: true,
          };
          await routes.nodeRed.deploy([routes.account(), tls], 'nodes');
          const tokenUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
          assert.equal((await routes.signIn(routes.account({ tokenUrl }))).status, 400);
          assert.deepEqual(asked, []);
          const page = await routes.signIn(routes.account({ tokenUrl, tls: 'tls' }));
          assert.equal(page.status, 200, routes.said.at(-1));
          assert.deepEqual(asked, ['/token']);
        } finally {
          server.close();
          server.closeAllConnections();
        }
      });

      it('never sends the callback on to anywhere', async () => {
        const { state, cookie } = await routes.begun(routes.account());
        const page = await routes.callback(
          {
            code: 'canary-code',
            state,
            redirect_uri: 'https://evil.example/',
            next: 'https://evil.example/',
            url: 'https://evil.example/',
          },
          cookie,
        );
        assert.equal(page.status, 200);
        assert.equal(page.headers.get('location'), null);
        assert.doesNotMatch(page.text, /evil/);
      });
    });

    describe('one browser, one use (S1, S5)', () => {
      it("gives the window a cookie of its own, for the callback's path and nothing else", async () => {
        const started = await routes.start(routes.account());
        const answer = await routes.get(String(started.json.url));
        const [crumb = '', ...attributes] = (answer.headers.get('set-cookie') ?? '').split('; ');
        assert.match(crumb, /^redletter-sign-in-[\w-]+=[\w-]{43}$/);
        assert.deepEqual(attributes, [`Path=/${BASE}/callback`, 'Max-Age=600', 'HttpOnly', 'SameSite=Lax']);
        assert.equal(answer.headers.get('cache-control'), 'no-store');
        assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
      });

      it('takes a ticket once', async () => {
        const started = await routes.start(routes.account());
        assert.equal((await routes.get(String(started.json.url))).status, 302);
        const again = await dead(routes.get(String(started.json.url)));
        assert.equal(again.headers.get('set-cookie'), null);
        for (const wrong of ['', '?ticket=', '?ticket=a.b', '?ticket=__proto__.x', '?ticket=a&ticket=b']) {
          await dead(routes.get(new URL(`${BASE}/begin${wrong}`, routes.nodeRed.url)));
        }
      });

      it('refuses another browser, takes the right one, and refuses the replay', async () => {
        const { state, cookie } = await routes.begun(routes.account());
        const stranger = await routes.begun(routes.account());
        const asked = routes.endpoint.requests.length;
        await dead(routes.callback({ code: 'shown-code', state }), 'paste');
        await dead(routes.callback({ code: 'shown-code', state }, stranger.cookie), 'paste');
        await dead(routes.callback({ code: 'shown-code', state }, `${cookie}x`), 'paste');
        assert.equal(routes.endpoint.requests.length, asked, 'no code was sent anywhere');
        assert.equal((await routes.callback({ code: 'canary-code', state }, cookie)).status, 200);
        assert.equal(routes.endpoint.requests.length, asked + 1);
        await dead(routes.callback({ code: 'canary-code', state }, cookie));
        assert.equal(routes.endpoint.requests.length, asked + 1);
      });

      it('refuses what has no state or a made-up one, errors too', async () => {
        const { id, cookie } = await routes.begun(routes.account());
        for (const parameters of [
          {},
          { code: 'c' },
          { error: 'access_denied' },
          { code: 'c', state: '' },
          { code: 'c', state: `${id}.` },
          { code: 'c', state: `${id}.${'A'.repeat(43)}` },
          { error: 'access_denied', error_description: '<script>alert(1)</script>', state: 'x.y' },
        ] as Record<string, string>[]) {
          const page = await dead(routes.callback(parameters, cookie));
          assert.doesNotMatch(page.text, /alert/);
        }
      });

      it("escapes the sign-in server's words, on a page that can do nothing", async () => {
        const { id, state, cookie } = await routes.begun(routes.account());
        const page = await dead(
          routes.callback(
            {
              error: 'server_error',
              error_description: '<img src=x onerror=alert(1)>"\'&<script>alert(2)</script>',
              state,
            },
            cookie,
          ),
          'failed',
        );
        assert.doesNotMatch(page.text, /<img|<script/);
        assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'none'/);
        assert.match(page.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
        assert.equal(page.headers.get('cache-control'), 'no-store');
        assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
        assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
        assert.match(page.headers.get('content-type') ?? '', /^text\/html; charset=utf-8$/);
        const { json } = await routes.post('status', { ...unsaid(routes.account()), signIn: id });
        assert.equal((json.signIn as { state: string }).state, 'failed');
      });

      it("takes the dialog's words for the window as text only", async () => {
        const texts = { lang: '"><b>', title: '</title><b>', done: '<b>x</b>', failed: 1, unknown: 'u' };
        const started = await routes.start(routes.account(), { texts });
        const answer = await routes.get(String(started.json.url));
        const state = new URL(answer.headers.get('location') ?? '').searchParams.get('state') ?? '';
        const page = await routes.callback(
          { code: 'canary-code', state },
          answer.headers.get('set-cookie')?.split(';')[0],
        );
        assert.equal(page.status, 200);
        assert.doesNotMatch(page.text, /<b>/);
      });

      it('takes a pasted address from the person who started it, for that account, once', async () => {
        const { state } = await routes.begun(routes.account());
        const text = `${routes.redirectUri}?code=canary-code&state=${encodeURIComponent(state)}`;
        const elsewhere = await routes.read(
          routes.nodeRed.admin(`${BASE}/another/paste`, { json: { text } }),
        );
        assert.equal(elsewhere.status, 400);
        const half = await routes.post('paste', { text: 'https://localhost/?code=1' });
        assert.match(String(half.json.message), /contains no state/);
        const answer = await routes.post('paste', { text });
        assert.equal(answer.json.state, 'signed-in', answer.text);
        assert.equal((await routes.post('paste', { text })).status, 400);
      });
    });

    describe('a stored secret goes only where it was deployed for (S7)', () => {
      const secrets = (endpoint: TokenEndpoint, since: number): string[] =>
        endpoint.requests
          .slice(since)
          .filter(({ body, headers }) => {
            const basic = Buffer.from(headers.authorization?.split(' ')[1] ?? '', 'base64').toString();
            return `${body} ${basic}`.includes(SECRET);
          })
          .map(({ path }) => path);

      it('goes there when nothing was changed', async () => {
        const since = routes.endpoint.requests.length;
        assert.equal((await routes.signIn(routes.account())).status, 200);
        assert.deepEqual(secrets(routes.endpoint, since), ['/token']);
      });

      it('goes neither to another endpoint or issuer nor out for another client', async () => {
        const at = (path: string): string => other.url.replace('/token', path);
        const discovery = {
          issuer: at(''),
          authorization_endpoint: at('/authorize'),
          token_endpoint: at('/token'),
        };
        const changes: [string, FlowNode][] = [
          ['token endpoint', routes.account({ tokenUrl: other.url })],
          [
            'token endpoint, secret in the header',
            routes.account({ tokenUrl: other.url, clientAuth: 'header' }),
          ],
          ['revocation endpoint', routes.account({ revocationUrl: at('/revoke') })],
          ['client', routes.account({}, { clientId: 'client-two' })],
          ['issuer', routes.account({ issuer: at('') })],
        ];
        for (const [what, node] of changes) {
          const since = [routes.endpoint.requests.length, other.requests.length] as const;
          if (what === 'issuer') other.answer({ body: discovery }, tokens({ access_token: 'canary-other' }));
          const page = await routes.signIn(node);
          assert.equal(page.status, 200, `${what}: ${page.text}`);
          assert.ok(
            routes.endpoint.requests.length + other.requests.length > since[0] + since[1],
            `${what}: the code was sent`,
          );
          assert.deepEqual(secrets(other, since[1]), [], what);
          assert.deepEqual(secrets(routes.endpoint, since[0]), [], what);
          await routes.post('sign-out', unsaid(node));
          assert.deepEqual(secrets(other, since[1]), [], `${what}, signing out`);
        }
      });

      it('is not used where the field has been emptied, and goes out as typed where it was typed', async () => {
        const emptied = unsaid(routes.account());
        const since = routes.endpoint.requests.length;
        for (const clientSecret of ['', 'typed-secret']) {
          const started = await routes.post('sign-in', {
            properties: emptied.properties,
            credentials: { ...emptied.credentials, clientSecret },
            redirectUri: routes.redirectUri,
          });
          const answer = await routes.get(String(started.json.url));
          const state = new URL(answer.headers.get('location') ?? '').searchParams.get('state') ?? '';
          await routes.callback(
            { code: 'canary-code', state },
            answer.headers.get('set-cookie')?.split(';')[0],
          );
        }
        const [first, second] = routes.endpoint.requests.slice(since);
        assert.equal(first?.form.has('client_secret'), false);
        assert.equal(second?.form.get('client_secret'), 'typed-secret');
      });

      it('a sign-in before Deploy does not touch the running tokens', async () => {
        await routes.signIn(routes.account());
        const before = (await routes.post('status', unsaid(routes.account()))).json;
        assert.equal(before.state, 'signed-in');
        other.answer(tokens({ access_token: 'canary-other' }));
        await routes.signIn(routes.account({ tokenUrl: other.url }));
        assert.deepEqual((await routes.post('status', unsaid(routes.account()))).json, before);
      });
    });

    describe('the other grants', () => {
      const given = tokens({ access_token: 'canary-access', refresh_token: 'canary-refresh' });
      const code = (more: object = {}) => ({
        body: {
          device_code: 'canary-device-code',
          user_code: 'WDJB-MJHT',
          verification_uri: 'https://login.example.com/device',
          verification_uri_complete: 'https://login.example.com/device?code=WDJB-MJHT',
          expires_in: 600,
          interval: 0.02,
          ...more,
        },
      });
      const pending = { status: 400, body: { error: 'authorization_pending' } };
      afterEach(() => routes.endpoint.answer(given));

      it('by device code: tells the code and the page, and never what it asks with (S8, S17)', async () => {
        await routes.nodeRed.logIn('guest', USERS.guest.password);
        const comms = await routes.nodeRed.comms();
        await routes.nodeRed.logIn('admin', USERS.admin.password);
        const node = routes.account({ grant: 'device_code' });
        routes.endpoint.answer(code(), pending, pending, given);
        const { status, json, text } = await routes.post('sign-in', unsaid(node));
        assert.equal(status, 200, text);
        const { id, lastsMs, ...shown } = json;
        assert.deepEqual(shown, {
          userCode: 'WDJB-MJHT',
          verificationUri: 'https://login.example.com/device',
          verificationUriComplete: 'https://login.example.com/device?code=WDJB-MJHT',
        });
        assert.ok(Number(lastsMs) > 590_000 && Number(lastsMs) <= 600_000);
        await comms.waitFor(`${BASE}/account`);
        const after = await routes.post('status', { ...unsaid(node), signIn: id });
        assert.deepEqual((after.json.signIn as { state: string }).state, 'signed-in');
        assert.equal(after.json.state, 'signed-in');
        assert.deepEqual(comms.of(`${BASE}/account`), [{ state: 'signed-in' }]);
        await routes.post('sign-out', unsaid(node));
      });

      it('by device code: cancelling ends the asking, and only who began may', async () => {
        const node = routes.account({ grant: 'device_code' });
        routes.endpoint.answer(code(), pending);
        const { json } = await routes.post('sign-in', unsaid(node));
        await routes.endpoint.nextRequest();
        const wrong = await routes.read(
          routes.nodeRed.admin(`${BASE}/another/cancel`, { json: { signIn: json.id } }),
        );
        assert.equal(wrong.status, 200);
        const still = await routes.post('status', { ...unsaid(node), signIn: json.id });
        assert.equal((still.json.signIn as { state: string }).state, 'waiting');
        await routes.post('cancel', { signIn: json.id });
        const asked = routes.endpoint.requests.length;
        const ended = await routes.post('status', { ...unsaid(node), signIn: json.id });
        assert.equal((ended.json.signIn as { reason: string }).reason, 'sign-in-cancelled');
        await new Promise((resolve) => setTimeout(resolve, 100));
        assert.ok(routes.endpoint.requests.length <= asked + 1, 'a question under way, and no other');
      });

      it('without a person: the stored secret, key and refresh token go out as deployed', async () => {
        for (const [more, field] of [
          [{ grant: 'client_credentials' }, 'client_secret'],
          [{ grant: 'client_credentials', clientAuth: 'private_key_jwt' }, 'client_assertion'],
          [{ grant: 'service_account' }, 'assertion'],
          [{ grant: 'refresh_token' }, 'refresh_token'],
        ] as const) {
          const asked = routes.endpoint.nextRequest();
          const { status, json, text } = await routes.post('sign-in', unsaid(routes.account(more)));
          assert.equal(status, 200, text);
          assert.deepEqual(json, { state: 'signed-in' });
          const { form, path } = await asked;
          assert.equal(path, '/token');
          assert.ok(form.get(field), JSON.stringify(more));
          if (field === 'refresh_token') assert.equal(form.get(field), GIVEN);
        }
      });

      it('without a person: no stored secret goes to another endpoint or out for another client (S7)', async () => {
        const since = other.requests.length;
        const at = (path: string): string => other.url.replace('/token', path);
        for (const grant of ['client_credentials', 'service_account', 'refresh_token', 'device_code']) {
          for (const clientAuth of ['body', 'header', 'private_key_jwt']) {
            const before = routes.endpoint.requests.length;
            for (const [more, credentials] of [
              [{ tokenUrl: other.url }, {}],
              [{ deviceUrl: at('/device') }, {}],
              [{ issuer: at('') }, {}],
              [{}, { clientId: 'client-two' }],
              [{ tls: 'another' }, {}],
              [{ proxy: 'another' }, {}],
            ]) {
              const node = routes.account({ grant, clientAuth, ...more }, credentials);
              await routes.post('sign-in', unsaid(node));
            }
            const seen = [...other.requests.slice(since), ...routes.endpoint.requests.slice(before)];
            for (const { form, headers } of seen) {
              for (const name of ['client_secret', 'client_assertion', 'assertion', 'refresh_token']) {
                assert.equal(form.get(name), null, `${grant} ${clientAuth} ${name}`);
              }
              assert.equal(headers.authorization, undefined);
            }
          }
        }
      });

      it('without a person: says in words what is wrong', async () => {
        for (const [more, credentials, answer, words] of [
          [{ grant: 'client_credentials' }, { clientSecret: '' }, given, /requires a client secret/],
          [{ grant: 'service_account' }, { privateKey: 'canary' }, given, /private key is not valid/],
          [{ grant: 'refresh_token' }, { refreshToken: '' }, given, /refresh token is missing/],
          [
            { grant: 'refresh_token' },
            { refreshToken: 'canary-dead' },
            { status: 400, body: { error: 'invalid_grant' } },
            /rejected this refresh token/,
          ],
          [
            { grant: 'client_credentials' },
            {},
            microsoft('invalid_client', 7000222),
            /client secret has expired/,
          ],
          [{ grant: 'client_credentials' }, {}, { status: 503, body: 'away' }, /internal error/],
        ] as const) {
          routes.endpoint.answer(answer);
          const { properties, credentials: stored } = unsaid(routes.account(more));
          const body = { properties, credentials: { ...stored, ...credentials } };
          const { status, json } = await routes.post('sign-in', body);
          assert.equal(status, 400);
          assert.match(String(json.message), words);
        }
      });

      it('without a person: what was typed is judged, and not what is deployed', async () => {
        for (const grant of ['client_credentials', 'refresh_token']) {
          const node = routes.account({ grant });
          await routes.nodeRed.deploy([node]);
          routes.endpoint.answer(given);
          assert.equal((await routes.post('sign-in', unsaid(node))).status, 200);
          routes.endpoint.answer({ status: 401, body: { error: 'invalid_client' } });
          const { properties, credentials } = unsaid(node);
          const typed = { ...credentials, clientSecret: 'mistyped' };
          const { status, json } = await routes.post('sign-in', { properties, credentials: typed });
          assert.equal(status, 400, grant);
          assert.match(String(json.message), /secret/, grant);
          routes.endpoint.answer(given);
          // What runs is as it was.
          const { json: running } = await routes.post('status', unsaid(node));
          assert.equal(running.state, grant === 'refresh_token' ? 'signed-in' : running.state);
          assert.notEqual(running.state, 'refused', grant);
        }
        await routes.nodeRed.deploy([routes.account()]);
      });

      it('a token goes to no mail server but a deployed one, unless it was just signed in for (S7)', async () => {
        const [port = 1] = await freePorts(1);
        const mailbox = { host: 'localhost', port, security: 'none' };
        for (const grant of ['authorization_code', 'client_credentials', 'refresh_token']) {
          const node = routes.account({ grant });
          const { json } = await routes.post('mailbox', { ...unsaid(node), mailbox });
          assert.deepEqual(json, {}, grant);
          const made = await routes.post('mailbox', { ...unsaid(node), mailbox, signIn: 'made-up' });
          assert.deepEqual(made.json, {}, grant);
        }
        const typed = routes.account({ grant: 'client_credentials' });
        const { json } = await routes.post('mailbox', { ...dialog(typed), mailbox });
        assert.equal(json.catalogue, 'pop3-in');
        assert.equal(json.reason, 'refused');
      });
    });

    describe('what is told to whom (S7, S8, S19)', () => {
      it('shows readers a status word only', async () => {
        await routes.nodeRed.logIn('guest', USERS.guest.password);
        const comms = await routes.nodeRed.comms();
        await routes.nodeRed.logIn('admin', USERS.admin.password);
        await routes.signIn(routes.account());
        const { state, cookie } = await routes.begun(routes.account());
        await routes.callback({ error: 'access_denied', state }, cookie);
        await comms.waitFor(`${BASE}/account`, (data) => (data as { state: string }).state === 'failed');
        await routes.post('sign-out', unsaid(routes.account()));
        await comms.waitFor(`${BASE}/account`, (data) => (data as { state: string }).state === 'signed-out');
        const told = comms.published.filter(({ topic }) => topic.startsWith(BASE));
        assert.deepEqual(
          told.map(({ topic, data }) => [topic, data]),
          ['signed-in', 'failed', 'signed-out'].map((word) => [`${BASE}/account`, { state: word }]),
        );
        assert.doesNotMatch(JSON.stringify(comms.published), /alice|canary/);
      });

      it('signs out: the server is told, and then it is forgotten, though the server refuses (S18)', async () => {
        for (const [status, revoked] of [
          [200, true],
          [503, false],
        ] as const) {
          await routes.signIn(routes.account());
          const since = routes.endpoint.requests.length;
          routes.endpoint.answer({ status, body: {} });
          const answer = await routes.post('sign-out', unsaid(routes.account()));
          routes.endpoint.answer(tokens({ access_token: 'canary-access', refresh_token: 'canary-refresh' }));
          assert.equal(answer.json.revoked, revoked);
          assert.equal(answer.json.reason, revoked ? undefined : 'server-error');
          const [told] = routes.endpoint.requests.slice(since);
          assert.equal(told?.path, '/revoke');
          assert.equal(told?.form.get('token'), 'canary-refresh');
          assert.equal((await routes.post('status', unsaid(routes.account()))).json.state, 'signed-out');
        }
      });

      it('says when a sign-in will not last, because there is nothing to renew it with', async () => {
        routes.endpoint.answer(tokens({ access_token: 'canary-access' }));
        await routes.signIn(routes.account());
        const { json } = await routes.post('status', unsaid(routes.account()));
        routes.endpoint.answer(tokens({ access_token: 'canary-access', refresh_token: 'canary-refresh' }));
        assert.equal(json.state, 'signed-in');
        assert.equal(json.renewable, false);
        assert.match(String(json.message), /offline_access/);
        await routes.post('sign-out', unsaid(routes.account()));
      });

      it('shows no secret in any answer, log or file (S8, S19)', async () => {
        const shown = await routes.nodeRed.credentials('oauth2-account', 'account');
        assert.deepEqual(shown, {
          user: ALICE,
          clientId: 'client-one',
          has_clientSecret: true,
          has_privateKey: true,
          has_refreshToken: true,
        });
        await routes.signIn(routes.account());
        const places: Record<string, string> = {
          answers: routes.said.join('\n'),
          log: routes.nodeRed.logs.join('\n'),
          flows: JSON.stringify(await routes.nodeRed.getFlows()),
        };
        for (const name of ['flows.json', 'flows_cred.json', '.config.runtime.json']) {
          places[name] = await readFile(join(routes.nodeRed.userDir, name), 'utf8').catch(() => '');
        }
        assert.ok(places['.config.runtime.json']?.includes('redletterOauth2'));
        const verifiers = routes.endpoint.requests.map(({ form }) => form.get('code_verifier'));
        assert.ok(verifiers.filter(Boolean).length > 3);
        for (const [place, text] of Object.entries(places)) {
          assert.doesNotMatch(text, /canary/, place);
          assert.ok(!text.includes(KEY_LINE), place);
          for (const verifier of verifiers) assert.ok(!verifier || !text.includes(verifier), place);
        }
      });
    });

    describe('afterwards', () => {
      it('knows no sign-in any more after a restart', async () => {
        await routes.signIn(routes.account());
        const { id, state, cookie } = await routes.begun(routes.account());
        const fresh = await routes.start(routes.account());
        const nodeRed = await routes.nodeRed.restart();
        await nodeRed.logIn('admin', USERS.admin.password);
        routes = new Routes(nodeRed, routes.endpoint);
        const asked = routes.endpoint.requests.length;
        await dead(routes.callback({ code: 'canary-code', state }, cookie));
        await dead(routes.get(String(fresh.json.url)));
        assert.equal((await routes.post('paste', { text: `code=canary-code&state=${state}` })).status, 400);
        const { json } = await routes.post('status', { ...unsaid(routes.account()), signIn: id });
        assert.equal(json.signIn, undefined);
        assert.equal(json.state, 'signed-in', 'what was signed in to before is still there');
        assert.equal(routes.endpoint.requests.length, asked);
      });
    });
  });

  describe(`an editor of another shape, Node-RED ${version}`, function () {
    this.timeout(60_000);
    before(function () {
      needs(dovecotMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
    });

    it('without adminAuth: works under another admin root, and still refuses other sites', async () => {
      const endpoint = await startTokenEndpoint(tokens({ refresh_token: 'refresh' }));
      const nodeRed = await startNodeRed({ version, settings: { httpAdminRoot: '/admin' } });
      try {
        const routes = new Routes(nodeRed, endpoint);
        await nodeRed.deploy([routes.account()]);
        assert.match(routes.redirectUri, /\/admin\/redletter\/oauth2-account\/callback$/);
        const { request } = await routes.begun(routes.account());
        assert.equal(request.searchParams.get('redirect_uri'), routes.redirectUri);
        assert.equal((await routes.signIn(routes.account())).status, 200);
        assert.equal((await routes.post('status', unsaid(routes.account()))).json.state, 'signed-in');
        for (const route of ['sign-in', 'sign-out', 'status', 'paste']) {
          const refused = await routes.post(route, unsaid(routes.account()), {
            'sec-fetch-site': 'cross-site',
          });
          assert.equal(refused.status, 403);
        }
        const outside = await fetch(new URL(`/${BASE}/begin`, nodeRed.url));
        assert.equal(outside.status, 404);
      } finally {
        await nodeRed.remove();
        await endpoint.close();
      }
    });

    it('no editor at all: what was signed in to goes on', async () => {
      const world = await startWorld({ version }, { accessTokenTtl: 3 });
      try {
        await world.nodeRed.deploy(flows(world, account(world), pop3In(world)));
        await signIn(world);
        await world.dovecot.deliver(ALICE, mail('With an editor'));
        assert.equal((await world.sink.next('messages')).topic, 'With an editor');
        world.nodeRed = await world.nodeRed.restart('SIGTERM', { settings: { httpAdminRoot: false } });
        await world.dovecot.deliver(ALICE, mail('Without one'));
        assert.equal((await world.sink.next('messages')).topic, 'Without one');
        const gone = await fetch(
          new URL(`/${BASE}/callback`, `http://127.0.0.1:${world.nodeRed.port}`),
        ).catch(() => undefined);
        assert.notEqual(gone?.status, 400);
        assert.equal(
          world.sink
            .received('errors')
            .filter(({ error }) => (error as { code: string }).code !== 'SIGN_IN_AGAIN').length,
          0,
        );
      } finally {
        await world.close();
      }
    });
  });
}

import assert from 'node:assert/strict';
import {
  type AccountConfig,
  type DeviceCodeOptions,
  DeviceCodeSignIn,
  OAuth2Error,
  type SignedIn,
  type SignInOutcome,
  SignIns,
  type SignInsOptions,
  TokenSource,
} from '../../nodes/oauth2';
import { CookieJar, startProvider } from '../../servers/oidc';
import {
  type ScriptedAnswer,
  startTokenEndpoint,
  type TokenEndpoint,
  tokens,
} from '../../servers/token-endpoint';
import { accountAt, Clock, MemoryStore, seen } from './support';

const person = { account: 'account-1', adminUser: 'admin' };

describe('oauth2/device code', () => {
  let clock: Clock;
  let endpoint: TokenEndpoint;
  let room: DeviceCodeSignIn;
  let signIns: SignIns;
  let signedIn: SignedIn[];
  let waits: number[];
  let ended: Promise<SignInOutcome>;

  const device = (changes: Record<string, unknown> = {}): ScriptedAnswer => ({
    body: {
      device_code: 'canary-device-code',
      user_code: 'WDJB-MJHT',
      verification_uri: 'https://login.example.com/device',
      verification_uri_complete: 'https://login.example.com/device?code=WDJB-MJHT',
      expires_in: 900,
      interval: 5,
      ...changes,
    },
  });
  const no = (error: string): ScriptedAnswer => ({ status: 400, body: { error } });
  const given = tokens({ access_token: 'canary-access', refresh_token: 'canary-refresh' });

  beforeEach(async () => {
    clock = new Clock();
    endpoint = await startTokenEndpoint();
    make();
  });
  afterEach(() => endpoint.close());

  function make({
    wait,
    ...options
  }: Partial<SignInsOptions> & Pick<Partial<DeviceCodeOptions>, 'wait'> = {}): void {
    signedIn = [];
    waits = [];
    ended = new Promise((resolve) => {
      signIns = new SignIns({
        onSignedIn: (one) => void signedIn.push(one),
        onOutcome: resolve,
        now: clock.now,
        ...options,
      });
      room = new DeviceCodeSignIn({
        signIns,
        wait:
          wait ??
          (async (ms) => {
            waits.push(ms);
            clock.pass(ms);
          }),
      });
    });
  }

  function config(changes: Partial<AccountConfig> = {}): AccountConfig {
    return {
      provider: 'custom',
      grant: 'device_code',
      deviceUrl: `http://127.0.0.1:${endpoint.port}/device`,
      tokenUrl: endpoint.url,
      clientId: 'client',
      scope: 'mail',
      ...changes,
    };
  }
  const start = (changes: Partial<AccountConfig> = {}) => room.start({ ...person, config: config(changes) });

  it('shows what the person needs, and asks until there are tokens', async () => {
    endpoint.answer(device(), no('authorization_pending'), no('authorization_pending'), given);
    const started = await start();
    const { id, ...shown } = started;
    assert.deepEqual(shown, {
      userCode: 'WDJB-MJHT',
      verificationUri: 'https://login.example.com/device',
      verificationUriComplete: 'https://login.example.com/device?code=WDJB-MJHT',
      expiresAt: Date.UTC(2026, 0, 1) + 900_000,
    });
    assert.equal((await ended).state, 'signed-in');
    assert.deepEqual(waits, [5000, 5000, 5000]);
    assert.deepEqual(Object.fromEntries(endpoint.requests[0]?.form ?? []), {
      client_id: 'client',
      scope: 'mail',
    });
    assert.deepEqual(Object.fromEntries(endpoint.requests[1]?.form ?? []), {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: 'canary-device-code',
      client_id: 'client',
    });
    assert.equal(signedIn[0]?.tokens.refreshToken, 'canary-refresh');
    assert.deepEqual((await signIns.outcome({ id, ...person }))?.renewable, true);
    assert.doesNotMatch(seen([started, room, await signIns.outcome({ id, ...person })]), /canary/);
  });

  it('a real sign-in server, and a person’s way through its pages', async () => {
    const provider = await startProvider();
    make({ now: Date.now, wait: () => new Promise(setImmediate) });
    const account = accountAt(provider.issuer, { grant: 'device_code' });
    const { verificationUriComplete } = await room.start({ ...person, config: account });
    await walk(verificationUriComplete ?? assert.fail());
    assert.equal((await ended).state, 'signed-in');
    const source = new TokenSource({ config: account, store: new MemoryStore() });
    await source.accept(signedIn[0]?.tokens ?? assert.fail());
    const { accessToken } = await source.token();
    assert.notEqual((await source.token({ rejected: accessToken })).accessToken, accessToken);
    await provider.close();
  });

  it('slow_down asks five seconds less often, each time (RFC 8628 section 3.5)', async () => {
    endpoint.answer(device(), no('slow_down'), no('slow_down'), no('authorization_pending'), given);
    await start();
    await ended;
    assert.deepEqual(waits, [5000, 10_000, 15_000, 15_000]);
  });

  it('a server that is away is asked half as often, and the sign-in goes on', async () => {
    const away: ScriptedAnswer[] = [{ status: 503 }, { instead: 'hang-up' }, { body: '<html>' }];
    endpoint.answer(
      device({ interval: 3 }),
      ...away,
      { status: 429, headers: { 'retry-after': '50' } },
      given,
    );
    await start();
    assert.equal((await ended).state, 'signed-in');
    assert.deepEqual(waits, [3000, 6000, 12_000, 24_000, 50_000]);
  });

  it('without an interval it is five seconds, and never more than a minute', async () => {
    endpoint.answer(device({ interval: undefined }), given);
    await start();
    await ended;
    assert.deepEqual(waits, [5000]);
    make();
    endpoint.answer(device({ interval: 86_400 }), given);
    await start();
    await ended;
    assert.deepEqual(waits, [60_000]);
  });

  for (const [error, reason] of [
    ['access_denied', 'declined'],
    ['authorization_declined', 'declined'],
    ['expired_token', 'code-used-or-expired'],
    ['bad_verification_code', 'code-used-or-expired'],
    ['code_expired', 'code-used-or-expired'],
    ['invalid_grant', 'code-used-or-expired'],
  ] as const) {
    it(`${error} ends it: ${reason}`, async () => {
      endpoint.answer(device(), no(error));
      await start();
      const { state, error: why } = await ended;
      assert.deepEqual([state, why?.code, why?.reason], ['failed', 'DECLINED', reason]);
      assert.equal(endpoint.requests.length, 2);
    });
  }

  it('time runs out', async () => {
    endpoint.answer(device({ expires_in: 12 }), no('authorization_pending'));
    await start();
    assert.equal((await ended).error?.reason, 'sign-in-expired-here');
    assert.deepEqual(waits, [5000, 5000, 5000]);
    assert.equal(endpoint.requests.length, 3);
  });

  it('can be cancelled, which ends the asking', async () => {
    let waiting: () => void = () => {};
    const asleep = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    let woken: () => void = () => {};
    const awake = new Promise<void>((resolve) => {
      woken = resolve;
    });
    make({
      wait: (_ms, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason);
            woken();
          });
          waiting();
        }),
    });
    endpoint.answer(device(), given);
    const { id } = await start();
    await asleep;
    await signIns.cancel({ id, ...person, adminUser: 'mallory' });
    assert.equal((await signIns.outcome({ id, ...person }))?.state, 'waiting');
    await signIns.cancel({ id, ...person });
    assert.equal((await ended).error?.reason, 'sign-in-cancelled');
    await awake;
    assert.equal(await signIns.outcome({ id, ...person, adminUser: 'mallory' }), undefined);
    assert.equal(endpoint.requests.length, 1);
  });

  it('tokens that come after cancelling are not taken', async () => {
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    endpoint.answer(device(), { ...given, after: held });
    const { id } = await start();
    await endpoint.nextRequest();
    await signIns.cancel({ id, ...person });
    release();
    await ended;
    while ((await endpoint.connections()) > 0) await new Promise(setImmediate);
    await new Promise(setImmediate);
    assert.equal(signedIn.length, 0);
  });

  it('Microsoft: the tenant’s address, no link with the code in it', async () => {
    const verification_uri = 'https://microsoft.com/devicelogin';
    endpoint.answer(
      device({ verification_uri, verification_uri_complete: undefined, message: 'To sign in …' }),
      given,
    );
    const agent = () => endpoint.agent;
    const account = config({ provider: 'microsoft', tenant: 'organizations', scope: '' });
    const { verificationUri, verificationUriComplete } = await room.start({
      ...person,
      config: account,
      agent,
    });
    assert.equal(verificationUri, verification_uri);
    assert.equal(verificationUriComplete, undefined);
    await ended;
    assert.equal(endpoint.requests[0]?.path, '/organizations/oauth2/v2.0/devicecode');
    assert.match(endpoint.requests[0]?.form.get('scope') ?? '', /POP\.AccessAsUser\.All offline_access$/);
  });

  describe('the address a person is sent to (S17)', () => {
    it('is https or loopback, without a user in it', async () => {
      for (const verification_uri of [
        'http://login.example.com/device',
        'javascript:alert(1)',
        'data:text/html,x',
        'file:///etc/passwd',
        'https://login.example.com@evil.example.com/',
        '/device',
        5,
        undefined,
      ]) {
        endpoint.answer(device({ verification_uri }));
        await assert.rejects(
          start(),
          { code: 'CONFIG', reason: 'device-url-insecure' },
          String(verification_uri),
        );
      }
      endpoint.answer(
        device({ verification_uri: undefined, verification_url: 'https://www.google.com/device' }),
        given,
      );
      assert.equal((await start()).verificationUri, 'https://www.google.com/device');
      await ended;
    });

    it('is the one shown: a link with the code in it that leads elsewhere is left out', async () => {
      for (const address of ['https://evil.example.com/?code=WDJB', 'javascript:alert(1)', 5]) {
        make();
        endpoint.answer(device({ verification_uri_complete: address }), given);
        assert.equal((await start()).verificationUriComplete, undefined);
        await ended;
      }
    });

    it('the code is short and printable', async () => {
      for (const user_code of ['', 'A\u202eB', 'A\nB', 'A'.repeat(65), 5, undefined]) {
        endpoint.answer(device({ user_code }));
        await assert.rejects(start(), { code: 'TEMPORARY', reason: 'answer-malformed' });
      }
    });
  });

  it('what keeps it from starting is said at once', async () => {
    for (const [answer, code, reason] of [
      [no('invalid_client'), 'CONFIG', 'client-refused'],
      [
        { status: 401, body: { error: 'invalid_client', error_codes: [7000218] } },
        'CONFIG',
        'client-not-public',
      ],
      [no('invalid_scope'), 'CONFIG', 'scope-refused'],
      [{ status: 503, body: '<html>' }, 'TEMPORARY', 'server-error'],
      [{ body: '<html>' }, 'TEMPORARY', 'not-json'],
      [{ status: 404, body: '' }, 'TEMPORARY', 'not-json'],
      [{ status: 400, body: 'error=invalid_scope' }, 'CONFIG', 'scope-refused'],
      [{ body: { message: 'No.' } }, 'TEMPORARY', 'request-refused'],
      [{ status: 302, headers: { location: 'https://evil.example.com/' } }, 'CONFIG', 'redirected'],
      [{ instead: 'hang-up' }, 'TEMPORARY', 'unreachable'],
    ] as const) {
      endpoint.answer(answer);
      await assert.rejects(start({ clientSecret: 'canary' }), { code, reason });
    }
    await assert.rejects(start({ deviceUrl: '' }), { reason: 'device-url-missing' });
    await assert.rejects(start({ clientId: '' }), { reason: 'client-id-missing' });
    await assert.rejects(start({ provider: 'google', clientSecret: 'x' }), { reason: 'device-url-missing' });
  });

  it('tokens that are unusable are a failure with a reason', async () => {
    make({ onSignedIn: () => Promise.reject(new Error('disk full')) });
    endpoint.answer(device(), given);
    await start();
    assert.equal((await ended).error?.code, 'STORE');
  });

  it('no error shows a secret (S9)', async () => {
    const says = 'canary-device-code canary-secret';
    endpoint.answer(device(), { status: 400, body: { error: 'invalid_client', error_description: says } });
    await start({ clientSecret: 'canary-secret' });
    const { error } = await ended;
    assert.ok(error instanceof OAuth2Error);
    assert.doesNotMatch(seen(error), /canary/);
    endpoint.answer({ status: 401, body: { error: 'invalid_client', error_description: `wrong: ${says}` } });
    const refused = await start({ clientSecret: 'canary-secret' }).catch((error) => error);
    assert.equal(refused.facts.description, 'wrong: canary-device-code […]');
    assert.doesNotMatch(seen(refused), /canary-secret/);
  });
});

/** The person's part: open the page, confirm the code, sign in, consent. */
async function walk(address: string): Promise<void> {
  const jar = new CookieJar();
  let at = new URL(address);
  let form: URLSearchParams | undefined;
  for (let step = 0; step < 20; step += 1) {
    const response = await fetch(at, {
      redirect: 'manual',
      headers: { cookie: jar.header(at) },
      ...(form && { method: 'POST', body: form }),
    });
    jar.store(at, response.headers.getSetCookie());
    form = undefined;
    const location = response.headers.get('location');
    if (location) {
      at = new URL(location, at);
      continue;
    }
    const html = await response.text();
    const action = /<form[^>]*action="([^"]+)"/.exec(html)?.[1];
    if (!action) {
      assert.match(html, /Sign-in Success/);
      return;
    }
    form = new URLSearchParams();
    for (const [, name = '', value = ''] of html.matchAll(
      /<input type="hidden" name="([^"]+)" value="([^"]*)"/g,
    )) {
      form.set(name, value);
    }
    if (html.includes('name="login"')) {
      form.set('login', 'alice@example.com');
      form.set('password', 'any');
    }
    at = new URL(action.replaceAll('&amp;', '&'), at);
  }
  assert.fail('still not signed in');
}

import assert from 'node:assert/strict';
import {
  OAuth2Error,
  TokenSource,
  type TokenSourceOptions,
  type TokenState,
  type Tokens,
} from '../../nodes/oauth2';
import {
  google,
  microsoft,
  startTokenEndpoint,
  type TokenEndpoint,
  tokens,
} from '../../servers/token-endpoint';
import { Clock, MemoryStore, seen } from './support';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('oauth2/token source', () => {
  let endpoint: TokenEndpoint;
  let clock: Clock;
  let store: MemoryStore;
  let states: TokenState[];

  beforeEach(async () => {
    clock = new Clock();
    endpoint = await startTokenEndpoint(answer(2), answer(3), answer(4), answer(5));
    store = new MemoryStore(held());
    states = [];
  });
  afterEach(() => endpoint.close());

  /** What is kept at the beginning: an hour of life, just obtained. */
  function held(changes: Partial<Tokens> = {}): Tokens {
    const now = clock.now();
    const times = { obtainedAt: now, signedInAt: now, expiresAt: now + HOUR };
    return { accessToken: 'access-1', refreshToken: 'refresh-1', ...times, ...changes };
  }

  function answer(number: number, changes: Record<string, unknown> = {}) {
    return tokens({ access_token: `access-${number}`, refresh_token: `refresh-${number}`, ...changes });
  }

  function source(
    config: Partial<TokenSourceOptions['config']> = {},
    options: Partial<TokenSourceOptions> = {},
  ): TokenSource {
    return new TokenSource({
      config: {
        provider: 'custom',
        grant: 'authorization_code',
        tokenUrl: endpoint.url,
        revocationUrl: `http://127.0.0.1:${endpoint.port}/revoke`,
        clientId: 'client',
        clientSecret: 'canary-secret',
        ...config,
      },
      store,
      agent: (url) => (url.protocol === 'https:' ? endpoint.agent : undefined),
      now: clock.now,
      random: () => 0.5,
      onState: (state) => states.push(state),
      ...options,
    });
  }

  const asked = () => endpoint.requests.filter(({ form }) => form.has('grant_type')).length;
  const kinds = () => states.map(({ kind }) => kind);

  describe('trying out what is not in use yet', () => {
    const typed = (one: Partial<TokenSourceOptions['config']>) =>
      ({
        provider: 'custom',
        grant: 'authorization_code',
        tokenUrl: endpoint.url,
        clientId: 'client',
        ...one,
      }) as const;

    it('asks by it, though a kept token is fresh; a refusal goes to the caller, and nothing else changes', async () => {
      const one = source();
      await one.token();
      const before = one.state;
      endpoint.answer({ status: 401, body: { error: 'invalid_client' } });
      await assert.rejects(one.tryOut(typed({ clientSecret: 'wrong' })), { code: 'CONFIG' });
      assert.equal(endpoint.requests.at(-1)?.form.get('client_secret'), 'wrong');
      assert.deepEqual(one.state, before);
      assert.equal((await one.token()).accessToken, 'access-1');
    });

    it('keeps what the server gives: the old refresh token may be void by now', async () => {
      const one = source();
      await one.tryOut(typed({ clientSecret: 'another' }));
      assert.equal(endpoint.requests.at(-1)?.form.get('client_secret'), 'another');
      assert.equal((await one.token()).accessToken, 'access-2');
      assert.equal(store.tokens?.refreshToken, 'refresh-2');
    });

    it('is never beside a renewal, and a renewal has what it brought', async () => {
      const one = source();
      clock.pass(59 * MINUTE);
      const [, { accessToken }] = await Promise.all([
        one.tryOut(typed({ clientSecret: 'new' })),
        one.token(),
      ]);
      await one.tryOut(typed({ clientSecret: 'new' }));
      assert.deepEqual(
        endpoint.requests.map(({ form }) => form.get('refresh_token')),
        ['refresh-1', 'refresh-2'],
      );
      assert.equal(accessToken, 'access-2');
    });

    it('resumes after a refused token, and sends no request without a sign-in', async () => {
      const one = source({ grant: 'refresh_token', refreshToken: 'given' });
      endpoint.answer({ status: 400, body: { error: 'invalid_grant' } });
      clock.pass(59 * MINUTE);
      await assert.rejects(one.token({ rejected: 'access-1' }), { code: 'SIGN_IN_AGAIN' });
      endpoint.answer(answer(7));
      await one.tryOut(typed({ grant: 'refresh_token', refreshToken: 'given' }));
      assert.equal(one.state.kind, 'signed-in');
      store = new MemoryStore();
      const asked = endpoint.requests.length;
      const other = source();
      await other.tryOut(typed({ clientSecret: 'new' }));
      assert.equal(endpoint.requests.length, asked);
      assert.equal(other.state.kind, 'signed-out');
    });
  });

  describe('reuse', () => {
    it('gives the kept token while it is fresh, without asking anybody', async () => {
      const one = source();
      assert.deepEqual(await one.token(), { accessToken: 'access-1', expiresAt: clock.now() + HOUR });
      clock.pass(55 * MINUTE - 1);
      assert.equal((await one.token()).accessToken, 'access-1');
      assert.equal(asked(), 0);
    });

    it('renews when less than 300 seconds are left', async () => {
      const one = source();
      clock.pass(55 * MINUTE);
      assert.equal((await one.token()).accessToken, 'access-2');
    });

    it('renews when less than a fifth of a short life is left', async () => {
      store = new MemoryStore(held({ expiresAt: clock.now() + 10 * SECOND }));
      const one = source();
      clock.pass(7.9 * SECOND);
      assert.equal((await one.token()).accessToken, 'access-1');
      clock.pass(0.1 * SECOND);
      assert.equal((await one.token()).accessToken, 'access-2');
    });

    it('renews a rejected token once, however many say so', async () => {
      const one = source();
      const first = await Promise.all(Array.from({ length: 20 }, () => one.token({ rejected: 'access-1' })));
      assert.ok(first.every(({ accessToken }) => accessToken === 'access-2'));
      assert.equal((await one.token({ rejected: 'access-1' })).accessToken, 'access-2');
      assert.equal(asked(), 1);
    });

    it('does not give a rejected token, not even when it cannot be renewed', async () => {
      endpoint.answer({ status: 503 });
      await assert.rejects(source().token({ rejected: 'access-1' }), { code: 'TEMPORARY' });
    });
  });

  describe('single flight (S12)', () => {
    it('twenty callers, one request', async () => {
      clock.pass(HOUR);
      const one = source();
      const all = await Promise.all(Array.from({ length: 20 }, () => one.token()));
      assert.ok(all.every(({ accessToken }) => accessToken === 'access-2'));
      assert.equal(asked(), 1);
    });

    it('a caller who goes away does not break off the request of the others (S13)', async () => {
      clock.pass(HOUR);
      const arrival = deferred();
      endpoint.answer({ ...answer(2), after: arrival.promise });
      const one = source();
      const leave = new AbortController();
      const leaving = one.token({ signal: leave.signal });
      const staying = one.token();
      await endpoint.nextRequest();
      leave.abort(new Error('deployed'));
      await assert.rejects(leaving, { message: 'deployed' });
      arrival.resolve();
      assert.equal((await staying).accessToken, 'access-2');
      assert.equal(asked(), 1);
    });

    it('a request goes on and is saved when all callers have gone away (S13)', async () => {
      clock.pass(HOUR);
      const arrival = deferred();
      const saved = deferred();
      endpoint.answer({ ...answer(2), after: arrival.promise });
      store.before = async () => saved.resolve();
      const one = source();
      const leave = new AbortController();
      const leaving = one.token({ signal: leave.signal });
      await endpoint.nextRequest();
      leave.abort();
      await assert.rejects(leaving, { name: 'AbortError' });
      arrival.resolve();
      await saved.promise;
      assert.equal((await one.token()).accessToken, 'access-2');
      assert.equal(store.tokens?.refreshToken, 'refresh-2');
      assert.equal(asked(), 1);
    });

    it('a caller who has already gone away asks nothing', async () => {
      clock.pass(HOUR);
      await assert.rejects(source().token({ signal: AbortSignal.abort() }), { name: 'AbortError' });
      assert.equal(asked(), 0);
    });
  });

  describe('saved before used', () => {
    it('no caller gets the new token before it is saved', async () => {
      clock.pass(HOUR);
      const saving = deferred();
      const begun = deferred();
      store.before = () => {
        begun.resolve();
        return saving.promise;
      };
      const one = source();
      let given = false;
      const waiting = one.token().then(() => {
        given = true;
      });
      await begun.promise;
      await new Promise(setImmediate);
      assert.equal(given, false);
      saving.resolve();
      await waiting;
      assert.equal(store.tokens?.refreshToken, 'refresh-2');
    });

    it('an answer without a refresh token keeps the old one, and the rest that it leaves out', async () => {
      store = new MemoryStore(held({ scope: 'mail', label: 'alice@example.com', signedInAt: 17 }));
      endpoint.answer(tokens({ access_token: 'access-2' }), tokens({ access_token: 'access-3' }));
      const one = source();
      for (const number of [2, 3]) {
        clock.pass(HOUR);
        assert.equal((await one.token()).accessToken, `access-${number}`);
      }
      assert.deepEqual(store.tokens, {
        accessToken: 'access-3',
        refreshToken: 'refresh-1',
        scope: 'mail',
        label: 'alice@example.com',
        signedInAt: 17,
        obtainedAt: clock.now(),
        expiresAt: clock.now() + HOUR,
      });
      assert.deepEqual(
        endpoint.requests.map(({ form }) => form.get('refresh_token')),
        ['refresh-1', 'refresh-1'],
      );
    });

    it('a store that takes nothing is told of, and the new token used all the same', async () => {
      clock.pass(HOUR);
      store.broken = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      const one = source();
      assert.equal((await one.token()).accessToken, 'access-2');
      assert.equal(one.state.kind, 'signed-in');
      assert.equal(one.state.storeError?.code, 'STORE');
      const { cause } = one.state.storeError as { cause?: unknown };
      assert.equal((cause as NodeJS.ErrnoException).code, 'ENOSPC');
      // Later renewals go on from the newest one.
      clock.pass(HOUR);
      assert.equal((await one.token()).accessToken, 'access-3');
      assert.equal(endpoint.requests[1]?.form.get('refresh_token'), 'refresh-2');
      // And as soon as there is room, it is saved.
      store.broken = undefined;
      await one.token();
      assert.equal(store.tokens?.refreshToken, 'refresh-3');
      assert.equal(one.state.storeError, undefined);
      assert.equal(asked(), 2);
    });

    it('a store that cannot be read is asked again, and nothing crashes (S13)', async () => {
      const load = store.load;
      store.load = () => Promise.reject(new Error('locked'));
      const one = source();
      await assert.rejects(one.token(), { code: 'SIGN_IN_AGAIN', reason: 'store-unreadable' });
      assert.deepEqual(kinds(), ['sign-in-again']);
      store.load = load;
      assert.equal((await one.token()).accessToken, 'access-1');
      assert.deepEqual(kinds(), ['sign-in-again', 'signed-in']);
    });

    it('a corrupt store means: sign in (S13)', async () => {
      for (const text of ['null', '17', '"tokens"', '[]', '{}', '{"accessToken":5}', '{"accessToken":""}']) {
        store.text = text;
        await assert.rejects(source().token(), { code: 'SIGN_IN_AGAIN', reason: 'not-signed-in' }, text);
      }
      store.text = '{"accessToken":"a","expiresAt":"soon","refreshToken":"refresh-1"}';
      assert.equal((await source().token()).accessToken, 'access-2');
    });
  });

  describe('a person is needed', () => {
    it('reports a missing sign-in', async () => {
      store = new MemoryStore();
      const one = source();
      await assert.rejects(one.token(), { code: 'SIGN_IN_AGAIN', reason: 'not-signed-in', retryable: false });
      assert.equal(one.state.kind, 'signed-out');
      await one.accept(held());
      assert.equal((await one.token()).accessToken, 'access-1');
      assert.equal(store.tokens?.refreshToken, 'refresh-1');
      assert.deepEqual(kinds(), ['signed-out', 'signed-in']);
    });

    it('stops at invalid_grant: no request and no other error until the next sign-in', async () => {
      clock.pass(HOUR);
      endpoint.answer(google.revoked, answer(9));
      const one = source();
      const refused = { code: 'SIGN_IN_AGAIN', reason: 'sign-in-expired' };
      await Promise.all(Array.from({ length: 5 }, () => assert.rejects(one.token(), refused)));
      clock.pass(DAY);
      await assert.rejects(one.token(), refused);
      await assert.rejects(one.token({ rejected: 'access-1' }), refused);
      await one.keepAlive();
      assert.equal(asked(), 1);
      assert.deepEqual(kinds(), ['signed-in', 'sign-in-again']);
      // What is left of a token that is worth nothing is not told.
      assert.deepEqual(
        [one.state.expiresAt, one.state.endsAt, one.state.renewable],
        [undefined, undefined, undefined],
      );
      await one.accept(held({ accessToken: 'access-8' }));
      assert.equal((await one.token()).accessToken, 'access-8');
      assert.deepEqual(kinds(), ['signed-in', 'sign-in-again', 'signed-in']);
    });

    it('guesses a consent screen left in testing when a sign-in at Google ends after a week', async () => {
      for (const [age, answer, reason] of [
        [7 * DAY, google.revoked, 'google-testing-weekly'],
        [7.5 * DAY, google.badRequest, 'google-testing-weekly'],
        [3 * DAY, google.revoked, 'sign-in-expired'],
        [180 * DAY, google.revoked, 'sign-in-expired'],
      ] as const) {
        store = new MemoryStore(held({ signedInAt: clock.now() - age, expiresAt: clock.now() }));
        endpoint.answer(answer);
        await assert.rejects(source({ provider: 'google' }).token(), { code: 'SIGN_IN_AGAIN', reason });
      }
    });

    it('uses a token that cannot be renewed for as long as it lives, and says that it will end', async () => {
      store = new MemoryStore(held({ refreshToken: undefined }));
      const one = source();
      assert.equal((await one.token()).accessToken, 'access-1');
      assert.equal(one.state.renewable, false);
      assert.equal(one.state.expiresAt, clock.now() + HOUR);
      clock.pass(HOUR);
      await assert.rejects(one.token(), { code: 'SIGN_IN_AGAIN', reason: 'no-refresh-token' });
      assert.equal(asked(), 0);
    });

    it('a sign-in during a renewal is not undone by it', async () => {
      for (const late of [answer(2), google.revoked, { status: 503 }]) {
        store = new MemoryStore(held({ expiresAt: clock.now() }));
        const arrival = deferred();
        endpoint.answer({ ...late, after: arrival.promise });
        const one = source();
        const waiting = one.token();
        await endpoint.nextRequest();
        await one.accept(held({ accessToken: 'access-9', refreshToken: 'refresh-9' }));
        arrival.resolve();
        assert.equal((await waiting).accessToken, 'access-9');
        assert.equal((await one.token()).accessToken, 'access-9');
        assert.equal(store.tokens?.refreshToken, 'refresh-9');
        assert.equal(one.state.kind, 'signed-in');
      }
    });

    it('a sign-in while a renewal is being saved has the last word', async () => {
      clock.pass(HOUR);
      const saving = deferred();
      const begun = deferred();
      store.before = () => {
        begun.resolve();
        return saving.promise;
      };
      const one = source();
      const waiting = one.token();
      await begun.promise;
      const accepted = one.accept(held({ accessToken: 'access-9', refreshToken: 'refresh-9' }));
      saving.resolve();
      await accepted;
      assert.equal((await waiting).accessToken, 'access-9');
      assert.equal(store.tokens?.refreshToken, 'refresh-9');
    });
  });

  describe('the sign-in server is away', () => {
    it('the old token is given for as long as it lives', async () => {
      endpoint.answer({ status: 503 });
      clock.pass(56 * MINUTE);
      const one = source();
      assert.equal((await one.token()).accessToken, 'access-1');
      assert.equal((await one.token()).accessToken, 'access-1');
      assert.equal(asked(), 1);
      assert.equal(one.state.kind, 'waiting');
      clock.pass(4 * MINUTE);
      await assert.rejects(one.token(), { code: 'TEMPORARY' });
      assert.equal(asked(), 2);
    });

    it('asks after 2 s, doubling to 5 minutes, and not before', async () => {
      clock.pass(HOUR);
      endpoint.answer({ status: 503 });
      const one = source();
      for (const seconds of [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
        const before = asked();
        const error = await caught(one.token());
        assert.equal(asked(), before + 1);
        assert.equal(error.retryAfterMs, seconds * SECOND);
        clock.pass(seconds * SECOND - 1);
        assert.equal((await caught(one.token())).retryAfterMs, 1);
        assert.equal(asked(), before + 1);
        clock.pass(1);
      }
      endpoint.answer(answer(2));
      assert.equal((await one.token()).accessToken, 'access-2');
      // The next failure begins from the beginning.
      clock.pass(HOUR);
      endpoint.answer({ status: 503 });
      assert.equal((await caught(one.token())).retryAfterMs, 2 * SECOND);
    });

    it('the pause varies by a fifth either way', async () => {
      for (const [random, milliseconds] of [
        [0, 1600],
        [0.999999, 2400],
      ] as const) {
        store = new MemoryStore(held({ expiresAt: clock.now() }));
        endpoint.answer({ status: 503 });
        const { retryAfterMs = 0 } = await caught(source({}, { random: () => random }).token());
        assert.ok(Math.abs(retryAfterMs - milliseconds) < 1, String(retryAfterMs));
      }
    });

    it('the server may ask for a longer pause', async () => {
      clock.pass(HOUR);
      endpoint.answer({ status: 429, headers: { 'retry-after': '120' } });
      const one = source();
      assert.equal((await caught(one.token())).retryAfterMs, 120 * SECOND);
      clock.pass(119 * SECOND);
      await caught(one.token());
      assert.equal(asked(), 1);
    });

    it('an hour of it brings no loss, no lock-out and no storm', async () => {
      clock.pass(HOUR);
      endpoint.answer({ status: 503, body: '<html>' });
      const one = source({}, { random: Math.random });
      for (let second = 0; second < 3600; second += 1) {
        await assert.rejects(one.token(), { code: 'TEMPORARY' });
        clock.pass(SECOND);
      }
      assert.ok(asked() >= 15 && asked() <= 25, String(asked()));
      assert.equal(store.tokens?.refreshToken, 'refresh-1');
      endpoint.answer(answer(2));
      clock.pass(6 * MINUTE);
      assert.equal((await one.token()).accessToken, 'access-2');
      assert.equal(states.at(-1)?.kind, 'signed-in');
    });

    it('a clock set back does not make the pause longer (S15)', async () => {
      clock.pass(HOUR);
      endpoint.answer({ status: 503 }, answer(2));
      const one = source();
      await caught(one.token());
      clock.pass(-2 * HOUR);
      assert.equal((await one.token()).accessToken, 'access-2');
    });

    it('a change of state is told once', async () => {
      clock.pass(HOUR);
      endpoint.answer({ status: 503 }, { status: 503 }, answer(2));
      const one = source();
      for (let times = 0; times < 10; times += 1) await caught(one.token());
      assert.deepEqual(kinds(), ['signed-in', 'waiting']);
      assert.equal(states[1]?.retryAt, clock.now() + 2 * SECOND);
    });
  });

  describe('the configuration is refused', () => {
    it('asks again after 15 minutes, doubling to 6 hours', async () => {
      clock.pass(HOUR);
      endpoint.answer(
        microsoft('invalid_client', 7000222, 'The provided client secret keys are expired.', 401),
      );
      const one = source();
      for (const minutes of [15, 30, 60, 120, 240, 360, 360]) {
        const error = await caught(one.token());
        assert.deepEqual([error.code, error.reason], ['CONFIG', 'secret-expired']);
        assert.equal(error.retryAfterMs, minutes * MINUTE);
        clock.pass(minutes * MINUTE);
      }
      assert.equal(one.state.kind, 'refused');
    });

    it('reports it even before the token expires', async () => {
      clock.pass(56 * MINUTE);
      endpoint.answer(google.secretWrong);
      const one = source();
      for (let times = 0; times < 3; times += 1) assert.equal((await caught(one.token())).code, 'CONFIG');
      assert.equal(asked(), 1);
    });

    it('asks again at once when told that something was done about it', async () => {
      clock.pass(HOUR);
      endpoint.answer(google.secretWrong, google.secretWrong, answer(2));
      const one = source();
      await caught(one.token());
      await caught(one.token());
      assert.equal(asked(), 1);
      one.retry();
      await caught(one.token());
      assert.equal(asked(), 2);
      one.configure({
        provider: 'custom',
        grant: 'authorization_code',
        tokenUrl: endpoint.url,
        clientId: 'client',
      });
      assert.equal((await one.token()).accessToken, 'access-2');
      assert.equal(endpoint.requests[2]?.form.has('client_secret'), false);
    });

    it('being told so does not shorten the pause of a busy server', async () => {
      clock.pass(HOUR);
      endpoint.answer({ status: 503 });
      const one = source();
      await caught(one.token());
      one.retry();
      await caught(one.token());
      assert.equal(asked(), 1);
    });
  });

  describe('discovery', () => {
    const issuer = () => `http://127.0.0.1:${endpoint.port}`;
    const metadata = (path: string) => ({ body: { issuer: issuer(), token_endpoint: issuer() + path } });
    const paths = () => endpoint.requests.map(({ path }) => path);

    it('is done once a day, and goes with what it knew while the issuer is away', async () => {
      const one = source({ tokenUrl: '', issuer: issuer() });
      endpoint.answer(
        metadata('/one'),
        answer(2),
        answer(3),
        metadata('/two'),
        answer(4),
        { status: 503 },
        answer(5),
      );
      clock.pass(HOUR);
      await one.token();
      clock.pass(HOUR);
      await one.token();
      clock.pass(DAY);
      await one.token();
      clock.pass(DAY);
      await one.token();
      const document = '/.well-known/openid-configuration';
      assert.deepEqual(paths(), [document, '/one', '/one', document, '/two', document, '/two']);
    });

    it('that fails is a matter of waiting', async () => {
      endpoint.answer({ status: 503 }, metadata('/one'), answer(2));
      const one = source({ tokenUrl: '', issuer: issuer() });
      clock.pass(HOUR);
      assert.equal((await caught(one.token())).retryAfterMs, 2 * SECOND);
      clock.pass(2 * SECOND);
      assert.equal((await one.token()).accessToken, 'access-2');
    });
  });

  describe('clocks (S15)', () => {
    it('the time a token runs out is told by our own clock, however wrong', async () => {
      clock.pass(-10 * MINUTE);
      store = new MemoryStore();
      const one = source();
      await one.accept(held({ expiresAt: clock.now() }));
      assert.equal((await one.token()).expiresAt, clock.now() + HOUR);
    });

    it('a clock set forward by ten minutes renews early, once', async () => {
      const one = source();
      await one.token();
      clock.pass(56 * MINUTE);
      assert.equal((await one.token()).accessToken, 'access-2');
      assert.equal((await one.token()).accessToken, 'access-2');
    });

    it('a clock set back by ten minutes renews, since the remaining time is unknown', async () => {
      const one = source();
      await one.token();
      clock.pass(-10 * MINUTE);
      assert.equal((await one.token()).accessToken, 'access-2');
      assert.equal((await one.token()).accessToken, 'access-2');
    });
  });

  describe('idle accounts', () => {
    it('are renewed when a week has passed, and not before', async () => {
      const one = source();
      clock.pass(7 * DAY - 1);
      await one.keepAlive();
      assert.equal(asked(), 0);
      clock.pass(1);
      await one.keepAlive();
      await one.keepAlive();
      assert.equal(asked(), 1);
      assert.equal(store.tokens?.refreshToken, 'refresh-2');
    });

    it('sends no request without a sign-in', async () => {
      store = new MemoryStore();
      await source().keepAlive();
      assert.equal(asked(), 0);
    });
  });

  describe('sign-out (S18)', () => {
    it('revokes the refresh token, then forgets', async () => {
      const one = source();
      await one.token();
      endpoint.answer({ status: 200, body: '' });
      assert.deepEqual(await one.revoke(), { revoked: true });
      const [{ path, form } = assert.fail()] = endpoint.requests;
      assert.equal(path, '/revoke');
      assert.deepEqual(Object.fromEntries(form), {
        token: 'refresh-1',
        token_type_hint: 'refresh_token',
        client_id: 'client',
        client_secret: 'canary-secret',
      });
      assert.equal(store.tokens, undefined);
      assert.equal(one.state.kind, 'signed-out');
      await assert.rejects(one.token(), { reason: 'not-signed-in' });
    });

    it('identifies the client in the header where that is asked for', async () => {
      endpoint.answer({ status: 200 });
      await source({ clientAuth: 'header', clientId: 'a:b', clientSecret: 'p q*' }).revoke();
      const { headers, form } = endpoint.requests[0] ?? assert.fail();
      const credentials = Buffer.from(headers.authorization?.slice(6) ?? '', 'base64').toString();
      assert.equal(credentials, 'a%3Ab:p+q*');
      assert.deepEqual([...form.keys()], ['token', 'token_type_hint']);
    });

    it('forgets even if revoking fails, and says why', async () => {
      for (const [answer, code] of [
        [{ status: 503, body: '<html>' }, 'TEMPORARY'],
        [{ instead: 'hang-up' }, 'TEMPORARY'],
        [{ instead: 'silence' }, 'TEMPORARY'],
        [google.secretWrong, 'CONFIG'],
      ] as const) {
        store = new MemoryStore(held());
        endpoint.answer(answer);
        const one = source({}, { timeoutMs: 50 });
        const { revoked, error } = await one.revoke();
        assert.deepEqual([revoked, error?.code], [false, code]);
        assert.equal(store.tokens, undefined);
        assert.doesNotMatch(seen(error), /canary|refresh-1/);
      }
    });

    it('a token that was void already is as good as revoked', async () => {
      endpoint.answer({
        status: 400,
        body: { error: 'invalid_token', error_description: 'Token expired or revoked' },
      });
      assert.deepEqual(await source().revoke(), { revoked: true });
    });

    it('forgets where the provider has nowhere to revoke at', async () => {
      assert.deepEqual(await source({ revocationUrl: '' }).revoke(), { revoked: false });
      assert.equal(endpoint.requests.length, 0);
      assert.equal(store.tokens, undefined);
    });

    it('waits for a renewal under way, and revokes the newest refresh token', async () => {
      clock.pass(HOUR);
      const arrival = deferred();
      endpoint.answer({ ...answer(2), after: arrival.promise }, { status: 200 });
      const one = source();
      const waiting = one.token();
      await endpoint.nextRequest();
      const revoking = one.revoke();
      await assert.rejects(one.token(), { reason: 'not-signed-in' });
      arrival.resolve();
      await waiting;
      assert.deepEqual(await revoking, { revoked: true });
      assert.equal(endpoint.requests[1]?.form.get('token'), 'refresh-2');
      assert.equal(store.tokens, undefined);
    });

    it('does not forget a sign-in that was made meanwhile', async () => {
      const arrival = deferred();
      endpoint.answer({ status: 200, after: arrival.promise });
      const one = source();
      const revoking = one.revoke();
      await endpoint.nextRequest();
      await one.accept(held({ accessToken: 'access-9' }));
      arrival.resolve();
      await revoking;
      assert.equal((await one.token()).accessToken, 'access-9');
      assert.equal(store.tokens?.accessToken, 'access-9');
    });

    it('forgets what another owner of the store has renewed meanwhile', async () => {
      const arrival = deferred();
      endpoint.answer({ status: 200, after: arrival.promise });
      const one = source();
      const revoking = one.revoke();
      await endpoint.nextRequest();
      await store.save(held({ accessToken: 'access-9' }));
      await one.reload();
      arrival.resolve();
      await revoking;
      assert.equal(store.tokens, undefined);
      await assert.rejects(one.token(), { reason: 'not-signed-in' });
    });

    it('says when the store would not forget', async () => {
      endpoint.answer({ status: 200 });
      store.broken = new Error('read-only');
      const one = source();
      const { revoked, error } = await one.revoke();
      assert.deepEqual([revoked, error?.code], [true, 'STORE']);
      await assert.rejects(one.token(), { reason: 'not-signed-in' });
    });
  });

  describe('providers', () => {
    it('Microsoft gets the scope again, others do not', async () => {
      for (const [provider, scope] of [
        ['microsoft', 'https://outlook.office.com/POP.AccessAsUser.All offline_access'],
        ['google', null],
        ['custom', null],
      ] as const) {
        store = new MemoryStore(held({ expiresAt: clock.now() }));
        endpoint.answer(answer(2));
        await source({ provider }).token();
        assert.equal(endpoint.requests.at(-1)?.form.get('scope'), scope);
      }
    });

    it('Microsoft is asked at the account’s tenant', async () => {
      clock.pass(HOUR);
      await source({ provider: 'microsoft', tenant: 'example.onmicrosoft.com' }).token();
      assert.equal(endpoint.requests[0]?.headers.host, 'login.microsoftonline.com');
      assert.equal(endpoint.requests[0]?.path, '/example.onmicrosoft.com/oauth2/v2.0/token');
    });
  });

  it('starts from a refresh token that was given, and goes on from what comes of it', async () => {
    store = new MemoryStore();
    const one = source({ grant: 'refresh_token', refreshToken: 'canary-given' });
    assert.equal((await one.token()).accessToken, 'access-2');
    assert.equal(endpoint.requests[0]?.form.get('refresh_token'), 'canary-given');
    assert.equal(store.tokens?.refreshToken, 'refresh-2');
    clock.pass(HOUR);
    await source({ grant: 'refresh_token', refreshToken: 'canary-given' }).token();
    assert.equal(endpoint.requests[1]?.form.get('refresh_token'), 'refresh-2');
    assert.equal(one.state.renewable, true);
  });

  it('a given refresh token that is not replaced stays in use', async () => {
    store = new MemoryStore();
    endpoint.answer(tokens());
    await source({ grant: 'refresh_token', refreshToken: 'canary-given' }).token();
    assert.equal(store.tokens?.refreshToken, 'canary-given');
  });

  it('a listener’s mistake costs nothing', async () => {
    clock.pass(HOUR);
    const one = source(
      {},
      {
        onState() {
          throw new Error('listener');
        },
      },
    );
    assert.equal((await one.token()).accessToken, 'access-2');
  });

  it('shows no token and no secret, however it is looked at (S8)', async () => {
    store = new MemoryStore(held({ accessToken: 'canary-access', refreshToken: 'canary-refresh' }));
    endpoint.answer(
      answer(2, { access_token: 'canary-access-2', refresh_token: 'canary-refresh-2' }),
      google.revoked,
    );
    const one = source();
    await one.token();
    clock.pass(HOUR);
    await one.token();
    assert.doesNotMatch(seen(one.state) + seen(states) + JSON.stringify(one.state), /canary/);
    store.text = undefined;
    store.saves = [];
    assert.doesNotMatch(seen(one), /canary/);
    clock.pass(HOUR);
    assert.doesNotMatch(seen(await caught(one.token())), /canary/);
    assert.doesNotMatch(seen(states), /canary/);
  });
});

function deferred() {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

async function caught(promise: Promise<unknown>): Promise<OAuth2Error> {
  const error = await promise.then(
    () => assert.fail('nothing was thrown'),
    (error) => error,
  );
  assert.ok(error instanceof OAuth2Error, String(error?.stack));
  return error;
}

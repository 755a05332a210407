import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { type AccountNode, accountConfig } from '../nodes/node-red/account';
import { bindingOf } from '../nodes/oauth2';
import type { FlowNode } from '../servers/node-red';
import { google, startTokenEndpoint, type TokenEndpoint, tokens } from '../servers/token-endpoint';
import { customAccount, failOnUnhandledRejections, Palette } from './palette';
import { ALICE } from './world';

const SECRET = 'canary-client-secret';
const HOUR = 3_600_000;

describe('oauth2-account', () => {
  let palette: Palette;
  let endpoint: TokenEndpoint;
  beforeEach(async () => {
    palette = await Palette.open();
    endpoint = await startTokenEndpoint(
      tokens({ access_token: 'canary-renewed', refresh_token: 'canary-next' }),
    );
  });
  afterEach(async () => {
    await palette.close();
    await endpoint.close();
  });
  failOnUnhandledRejections();

  const account = (more: Partial<FlowNode> = {}): FlowNode => customAccount(endpoint.url, more);
  const node = (): AccountNode => palette.node<AccountNode>('account');
  /** As a sign-in in the dialog ends. */
  const signIn = (flow = account(), expiresAt = Date.now() + HOUR): Promise<void> =>
    palette.runtime.accounts.signedIn({
      account: 'account',
      binding: bindingOf(accountConfig(flow as never, flow.credentials as never)),
      tokens: {
        accessToken: 'canary-access',
        refreshToken: 'canary-refresh',
        expiresAt,
        obtainedAt: Date.now(),
        signedInAt: Date.now(),
      },
    });

  it('rejects with SIGN_IN_AGAIN before the first sign-in, without a request', async () => {
    await palette.load([account()]);
    for (const question of [undefined, {}, { rejected: 'x' }]) {
      await assert.rejects(node().token(question), { code: 'SIGN_IN_AGAIN' });
    }
    assert.equal(node().state.kind, 'signed-out');
    assert.equal(endpoint.requests.length, 0);
  });

  it('gives the access token and when it runs out, and nothing more', async () => {
    await palette.load([account()]);
    const expiresAt = Date.now() + HOUR;
    await signIn(account(), expiresAt);
    assert.deepEqual(await node().token(), { accessToken: 'canary-access', expiresAt });
    assert.equal(endpoint.requests.length, 0);
  });

  it('renews once for a rejected token, however many ask', async () => {
    await palette.load([account()]);
    await signIn();
    const given = await Promise.all([1, 2, 3].map(() => node().token({ rejected: 'canary-access' })));
    assert.deepEqual(
      given.map(({ accessToken }) => accessToken),
      ['canary-renewed', 'canary-renewed', 'canary-renewed'],
    );
    assert.equal((await node().token({ rejected: 'canary-access' })).accessToken, 'canary-renewed');
    assert.equal(endpoint.requests.length, 1);
    assert.equal(endpoint.requests[0]?.form.get('client_secret'), SECRET);
  });

  it('notifies listeners until they unsubscribe or it is closed', async () => {
    await palette.load([account()]);
    const heard: string[] = [];
    const stop = node().listen(({ kind }) => heard.push(kind));
    await assert.rejects(node().token());
    await signIn();
    stop();
    endpoint.answer(google.revoked);
    await assert.rejects(node().token({ rejected: 'canary-access' }), { code: 'SIGN_IN_AGAIN' });
    assert.deepEqual(heard, ['signed-out', 'signed-in']);
  });

  it('is signed in again after the flows were restarted, and with a secret or scope that was changed', async () => {
    await palette.load([account()]);
    await signIn();
    await palette.unload();
    const changed = account({
      scope: 'mail.pop more',
      credentials: { user: ALICE, clientId: 'client', clientSecret: 'another' },
    });
    await palette.load([changed]);
    assert.equal((await node().token()).accessToken, 'canary-access');
    await node().token({ rejected: 'canary-access' });
    assert.equal(endpoint.requests[0]?.form.get('client_secret'), 'another');
  });

  it('is not signed in for another client, user or endpoint', async () => {
    await palette.load([account()]);
    await signIn();
    for (const change of [
      { credentials: { user: ALICE, clientId: 'another' } },
      { credentials: { user: 'eve@example.test', clientId: 'client' } },
      { tokenUrl: `${endpoint.url}2` },
    ]) {
      await palette.unload();
      await palette.load([account(change)]);
      await assert.rejects(node().token(), { code: 'SIGN_IN_AGAIN' }, JSON.stringify(change));
    }
    assert.equal(endpoint.requests.length, 0, 'no token was sent anywhere');
  });

  it('keeps running where nothing can be stored, and says so', async () => {
    const set = (): never => {
      throw new Error('Settings not available');
    };
    await palette.load([account()], { set });
    await assert.rejects(signIn(), { code: 'STORE' });
    assert.equal((await node().token()).accessToken, 'canary-access');
    assert.deepEqual(
      palette.warnings('account').map((warning) => /store-failed/.test(String(warning))),
      [true],
    );
  });

  it('warns once of a sign-in that ends within a day and cannot be renewed', async () => {
    await palette.load([account()]);
    const flow = account();
    const tokens = { accessToken: 'canary-access', obtainedAt: Date.now(), signedInAt: Date.now() };
    const binding = bindingOf(accountConfig(flow as never, flow.credentials as never));
    for (let time = 0; time < 2; time += 1) {
      await palette.runtime.accounts.signedIn({
        account: 'account',
        binding,
        tokens: { ...tokens, expiresAt: tokens.obtainedAt + HOUR },
      });
    }
    const said = palette.warnings('account').map(String);
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', /warning\.unrenewable/);
  });

  it('a renewal that has been sent outlives the node that asked, and closing does not wait forever', async () => {
    await palette.load([account()]);
    await signIn();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    endpoint.answer({ ...tokens({ access_token: 'canary-late' }), after: held });
    const asked = endpoint.nextRequest();
    const token = node().token({ rejected: 'canary-access' });
    await asked;
    const closing = palette.unload();
    const started = performance.now();
    setTimeout(release, 200);
    await closing;
    const took = performance.now() - started;
    assert.ok(took > 150 && took < 3_500, `${took} ms: it waits for the answer`);
    assert.equal((await token).accessToken, 'canary-late');
    await palette.load([account()]);
    assert.equal((await node().token()).accessToken, 'canary-late');
    assert.equal(endpoint.requests.length, 1);
  });

  it('shows no secret, at any depth, in what it is and what it throws (S9)', async () => {
    await palette.load([account()]);
    await signIn(account(), Date.now() - 1);
    const seen: unknown[] = [];
    node().listen((state) => seen.push(state));
    for (const answer of [
      google.secretWrong,
      google.internal,
      google.revoked,
      { instead: 'hang-up' } as const,
    ]) {
      endpoint.answer(answer);
      await node()
        .token({ rejected: 'canary-access' })
        .catch((error) => seen.push(error));
    }
    seen.push(node().state);
    assert.ok(seen.length > 4);
    assert.doesNotMatch(inspect(seen, { depth: Infinity, showHidden: true, getters: true }), /canary/);
    assert.doesNotMatch(JSON.stringify(seen), /canary/);
  });
});

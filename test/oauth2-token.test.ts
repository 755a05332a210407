import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Node } from 'node-red';
import { accountConfig } from '../nodes/node-red/account';
import { bindingOf } from '../nodes/oauth2';
import { dovecotMissing } from '../servers/dovecot';
import { introspect } from '../servers/introspection';
import { needs } from '../servers/needs';
import { type FlowNode, nodeRed5Missing } from '../servers/node-red';
import type { Received } from '../servers/sink';
import { google, startTokenEndpoint, type TokenEndpoint, tokens } from '../servers/token-endpoint';
import { customAccount, failOnUnhandledRejections, Palette } from './palette';
import { ALICE, account, flows, signIn, startWorld, type World } from './world';

const HOUR = 3_600_000;
const token = (more: Partial<FlowNode> = {}): FlowNode => ({
  id: 'token',
  type: 'oauth2 token',
  z: 'tab',
  name: '',
  account: 'account',
  property: 'token',
  wires: [['messages']],
  ...more,
});

describe('oauth2 token', () => {
  let palette: Palette;
  let endpoint: TokenEndpoint;
  beforeEach(async () => {
    palette = await Palette.open();
    endpoint = await startTokenEndpoint(tokens({ access_token: 'canary-renewed' }));
  });
  afterEach(async () => {
    await palette.close();
    await endpoint.close();
  });
  failOnUnhandledRejections();

  const box = (): FlowNode => customAccount(endpoint.url);
  const load = (...nodes: FlowNode[]): Promise<void> =>
    palette.load([
      { id: 'tab', type: 'tab' },
      box(),
      ...nodes,
      { id: 'catch', type: 'catch', z: 'tab', scope: null, wires: [['caught']] },
      {
        id: 'complete',
        type: 'complete',
        z: 'tab',
        scope: nodes.map(({ id }) => id),
        wires: [['completed']],
      },
      ...['messages', 'caught', 'completed'].map((id) => ({ id, type: 'kept', z: 'tab', wires: [] })),
    ]);
  const signedIn = (expiresAt = Date.now() + HOUR): Promise<void> =>
    palette.runtime.accounts.signedIn({
      account: 'account',
      binding: bindingOf(accountConfig(box() as never, box().credentials as never)),
      tokens: {
        accessToken: 'canary-access',
        refreshToken: 'canary-refresh',
        expiresAt,
        obtainedAt: Date.now(),
        signedInAt: Date.now(),
      },
    });
  const send = (message: object, id = 'token'): void => palette.node<Node>(id).receive(message as never);
  const caught = async (): Promise<{ code: string; message: string }> =>
    (await palette.outbox('caught').next()).error as { code: string; message: string };

  it('puts the access token into the message, and leaves the rest as it came', async () => {
    await load(token());
    await signedIn();
    send({ _msgid: 'mine', payload: { a: 1 }, topic: 'Hello', headers: { x: 'y' } });
    assert.deepEqual(await palette.outbox('messages').next(), {
      _msgid: 'mine',
      payload: { a: 1 },
      topic: 'Hello',
      headers: { x: 'y' },
      token: 'canary-access',
    });
    assert.equal((await palette.outbox('completed').next())._msgid, 'mine');
    assert.deepEqual(palette.statuses('token').at(-1), {});
    assert.equal(endpoint.requests.length, 0, 'a token that is fresh is not renewed');
  });

  for (const [property, message, expected] of [
    ['', {}, { token: 'canary-access' }],
    [' access ', {}, { access: 'canary-access' }],
    ['msg.token', {}, { token: 'canary-access' }],
    ['headers.authorization', {}, { headers: { authorization: 'canary-access' } }],
    ['headers.authorization', { headers: { x: 1 } }, { headers: { x: 1, authorization: 'canary-access' } }],
    ['token', { token: 'an old one' }, { token: 'canary-access' }],
  ] as const) {
    it(`puts it at "${property}" of ${JSON.stringify(message)}`, async () => {
      await load(token({ property }));
      await signedIn();
      send({ _msgid: 'mine', ...message });
      assert.deepEqual(await palette.outbox('messages').next(), { _msgid: 'mine', ...expected });
    });
  }

  for (const [property, message] of [
    ['payload.token', { payload: 'text' }],
    ['payload.token', { payload: null }],
    ['a..b', {}],
    ['a[', {}],
  ] as const) {
    it(`says CONFIG where "${property}" has no room in ${JSON.stringify(message)}`, async () => {
      await load(token({ property }));
      await signedIn();
      send(message);
      assert.equal((await caught()).code, 'CONFIG');
      assert.equal(palette.outbox('messages').messages.length, 0);
      assert.equal(palette.outbox('completed').messages.length, 0);
    });
  }

  it('says CONFIG without an account, in its status too', async () => {
    await load(token({ account: '' }), token({ id: 'other', account: 'gone' }));
    for (const id of ['token', 'other']) {
      assert.deepEqual(palette.statuses(id), [{ fill: 'red', shape: 'ring', text: 'no account' }]);
      send({}, id);
      assert.equal((await caught()).code, 'CONFIG');
    }
  });

  it('reports SIGN_IN_AGAIN until a person signs in, and then resumes at once', async () => {
    await load(token());
    send({});
    assert.equal((await caught()).code, 'SIGN_IN_AGAIN');
    assert.deepEqual(palette.statuses('token').at(-1), { fill: 'red', shape: 'ring', text: 'not signed in' });
    await signedIn();
    assert.deepEqual(palette.statuses('token').at(-1), {});
    send({});
    assert.equal((await palette.outbox('messages').next()).token, 'canary-access');
  });

  it('shows "sign in again" on every node of the account when one has found out', async () => {
    await load(token(), token({ id: 'other' }));
    await signedIn(Date.now() - 1);
    endpoint.answer(google.revoked);
    send({});
    assert.equal((await caught()).code, 'SIGN_IN_AGAIN');
    for (const id of ['token', 'other']) {
      assert.deepEqual(palette.statuses(id).at(-1), { fill: 'red', shape: 'ring', text: 'sign in again' });
    }
    await signedIn();
    for (const id of ['token', 'other']) assert.deepEqual(palette.statuses(id).at(-1), {});
  });

  it('says what else is wrong: the sign-in server away, the client refused', async () => {
    await load(token());
    await signedIn(Date.now() - 1);
    endpoint.answer({ instead: 'hang-up' });
    send({});
    assert.equal((await caught()).code, 'CONNECT');
    assert.equal(palette.statuses('token').at(-1)?.text, 'sign-in unavailable');
    await signedIn(Date.now() - 1);
    endpoint.answer(google.secretWrong);
    send({});
    assert.equal((await caught()).code, 'CONFIG');
    assert.equal(palette.statuses('token').at(-1)?.text, 'check account');
  });

  it('asks once for twenty messages at two nodes', async () => {
    await load(token(), token({ id: 'other' }));
    await signedIn(Date.now() - 1);
    for (let number = 0; number < 10; number += 1) for (const id of ['token', 'other']) send({}, id);
    for (let number = 0; number < 20; number += 1) {
      assert.equal((await palette.outbox('messages').next()).token, 'canary-renewed');
    }
    assert.equal(endpoint.requests.length, 1);
  });

  it('shows no secret, at any depth, in its errors and statuses (S9)', async () => {
    await load(token());
    await signedIn(Date.now() - 1);
    const seen: unknown[] = [];
    for (const answer of [google.revoked, google.secretWrong, google.internal]) {
      endpoint.answer(answer);
      send({});
      seen.push(await palette.outbox('caught').next());
      await signedIn(Date.now() - 1);
    }
    seen.push(palette.errors('token'), palette.statuses('token'), palette.warnings('token'));
    assert.equal(palette.errors('token').length, 3);
    assert.doesNotMatch(inspect(seen, { depth: 12, showHidden: true, getters: true }), /canary/);
  });
});

for (const version of [4, 5] as const) {
  describe(`oauth2 token, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let world: World;
    before(async function () {
      needs(dovecotMissing).call(this);
      if (version === 5) needs(nodeRed5Missing).call(this);
      world = await startWorld({ version, settings: { credentialSecret: 'canary-credential-secret' } });
    });
    after(() => world?.close());

    const nodes = (more: Partial<FlowNode> = {}): FlowNode[] =>
      flows(world, account(world), token(more), {
        id: 'go',
        type: 'inject',
        z: 'tab',
        props: [{ p: 'payload' }],
        payload: 'hello',
        payloadType: 'str',
        wires: [['token']],
      });

    it('tells a Catch node who has to do what, and the editor the same in two words', async () => {
      await world.nodeRed.deploy(nodes());
      const comms = await world.nodeRed.comms();
      await world.nodeRed.inject('go');
      const { error, payload } = await world.sink.next('errors');
      const { code, message } = error as Record<string, string>;
      assert.equal(code, 'SIGN_IN_AGAIN');
      assert.match(message ?? '', /Not signed in on this Node-RED/);
      assert.equal(payload, 'hello');
      const status = await comms.waitForStatus('token', /./);
      assert.deepEqual(status, { fill: 'red', shape: 'ring', text: 'not signed in' });
    });

    it('adds a token that the sign-in server accepts, and stores it in the message only (S8)', async () => {
      const comms = await world.nodeRed.comms();
      await signIn(world);
      await comms.waitForStatus('token', ({ text }) => !text, comms.statuses('token').length - 1);
      const given = new Set<string>();
      // They live three seconds: soon the next one is another.
      while (given.size < 2) {
        await world.nodeRed.inject('go');
        const message = await world.sink.next('messages');
        assert.deepEqual(Object.keys(message).sort(), ['_msgid', 'payload', 'token']);
        if (!given.has(String(message.token))) {
          const { active, email } = await introspect(world.provider.introspectionUrl, String(message.token));
          assert.deepEqual([active, email], [true, ALICE]);
        }
        given.add(String(message.token));
      }
      const kept = (await readdir(world.nodeRed.userDir)).filter((name) => /json/.test(name));
      assert.ok(kept.includes('flows.json') && kept.includes('.config.runtime.json'), kept.join());
      const files = kept.map((name) => readFile(join(world.nodeRed.userDir, name), 'utf8'));
      const seen = [
        ...(await Promise.all(files)),
        JSON.stringify(await world.nodeRed.getFlows()),
        JSON.stringify(comms.published),
        ...world.nodeRed.logs,
      ].join('\n');
      for (const one of given) assert.ok(one.length > 20 && !seen.includes(one));
    });

    it('loses no message when it is deployed again during a renewal', async () => {
      const held = world.provider.hold('before', 'refresh_token');
      // What was got last is still good for a moment.
      let coming: Promise<Received> | undefined;
      for (let waiting = false; !waiting; ) {
        await world.nodeRed.inject('go');
        coming = world.sink.next('messages');
        waiting = await Promise.race([held.arrived.then(() => true), coming.then(() => false)]);
      }
      const changed = nodes({ name: 'another name' }).map(({ credentials: _, ...node }) => node as FlowNode);
      await world.nodeRed.deploy(changed, 'nodes');
      held.release();
      assert.equal((await coming)?.payload, 'hello');
    });
  });
}

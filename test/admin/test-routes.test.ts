import assert from 'node:assert/strict';
import type { Report } from '../../nodes/connection-test';
import type { Comms } from '../../servers/comms';
import { dovecotMissing } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { ScriptedPop3 } from '../../servers/scripted-pop3';
import {
  ALICE,
  account,
  dialog,
  flows,
  mail,
  PASSWORD,
  pop3In,
  signIn,
  startWorld,
  type World,
} from '../world';
import { CHANGING_ROUTES, READING_ROUTES } from './routes';

const BASE = 'redletter/pop3-in/mail';
const USERS = {
  admin: { password: 'admin-password', permissions: '*' },
  guest: { password: 'guest-password', permissions: 'read' },
};
const ROUTES = ['test', 'test-report', 'test-cancel', 'preview', 'send', 'find'];

interface Answered {
  status: number;
  text: string;
  json: Record<string, unknown>;
}

describe('the routes of the connection test and the preview', function () {
  this.timeout(60_000);
  let world: World;
  /** What every open editor hears. */
  let news: Comms;
  before(async function () {
    needs(dovecotMissing).call(this);
    world = await startWorld(
      { version: 4, users: USERS, env: { MAIL_USER: ALICE } },
      { accessTokenTtl: 600 },
    );
    await world.nodeRed.logIn('admin', USERS.admin.password);
    news = await world.nodeRed.comms();
    await world.dovecot.deliver(ALICE, mail('First'));
    await world.dovecot.deliver(ALICE, mail('Second'));
  });
  after(() => world?.close());

  async function post(route: string, json: unknown, headers: Record<string, string> = {}): Promise<Answered> {
    const answer = await world.nodeRed.admin(`${BASE}/${route}`, { json, headers });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json');
    return { status: answer.status, text, json: isJson ? JSON.parse(text) : {} };
  }

  /** By password; what is not deployed checks nothing by itself. */
  const byPassword = (more: object = {}) =>
    pop3In(world, {
      auth: 'password',
      account: '',
      service: 'custom',
      interval: 0,
      credentials: { user: ALICE, password: PASSWORD },
      ...more,
    });

  /** A TLS and a proxy node that another node uses; Node-RED creates none without a reference. */
  const otherRoute = () => [
    {
      id: 'lax',
      type: 'tls-config',
      name: '',
      cert: '',
      key: '',
      ca: '',
      servername: '',
      verifyservercert: false,
    },
    { id: 'detour', type: 'http proxy', name: '', url: 'http://127.0.0.1:9', noproxy: [] },
    byPassword({ id: 'other', tls: 'lax', proxy: 'detour' }),
  ];

  /** Starts a test as the dialog does, and waits until it is over. */
  async function tested(body: object): Promise<Report> {
    const started = await post('test', body);
    assert.equal(started.status, 200, started.text);
    const { test } = started.json;
    for (;;) {
      const { json, status, text } = await post('test-report', { test });
      assert.equal(status, 200, text);
      const report = json.report as Report | null;
      if (report !== null && report.outcome !== 'running') {
        return report;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  it('are for those who may edit, from the editor itself, by JSON', async () => {
    const guest = await world.nodeRed.logIn('guest', USERS.guest.password);
    await world.nodeRed.logIn('admin', USERS.admin.password);
    for (const route of ROUTES) {
      for (const authorization of ['', 'Bearer wrong', `Bearer ${guest}`]) {
        const { status } = await post(route, {}, { authorization });
        assert.ok(status === 401 || status === 403, `${route}: ${status}`);
      }
      for (const site of ['cross-site', 'same-site', 'none']) {
        assert.equal((await post(route, {}, { 'sec-fetch-site': site })).status, 403, route);
      }
      const form = await world.nodeRed.admin(`${BASE}/${route}`, {
        method: 'POST',
        headers: { 'content-type': 'text/plain' },
        body: '{}',
      });
      assert.equal(form.status, 403, route);
      assert.equal((await world.nodeRed.admin(`${BASE}/${route}`)).status, 404, route);
    }
  });

  it('and every other one are closed without a login, and closed to readers what changes something', async () => {
    const guest = await world.nodeRed.logIn('guest', USERS.guest.password);
    await world.nodeRed.logIn('admin', USERS.admin.password);
    const asked = async (path: string, json: object | undefined, authorization: string) =>
      (await world.nodeRed.admin(path, { ...(json && { json }), headers: { authorization } })).status;
    for (const path of CHANGING_ROUTES) {
      for (const authorization of ['', 'Bearer wrong', `Bearer ${guest}`]) {
        const status = await asked(path, {}, authorization);
        assert.ok(status === 401 || status === 403, `${path}: ${status}`);
      }
    }
    for (const path of READING_ROUTES) {
      for (const authorization of ['', 'Bearer wrong'])
        assert.equal(await asked(path, undefined, authorization), 401);
      assert.equal(await asked(path, undefined, `Bearer ${guest}`), 200, path);
    }
  });

  it('answer nonsense with a sentence, and go on', async () => {
    const object = { toString: 1 };
    for (const json of [
      ...[{}, [], { properties: null }, { properties: 'x', credentials: [1] }, { test: {} }],
      { key: object, address: object, test: object, properties: object, credentials: object },
    ]) {
      for (const route of ['test', 'test-report', 'test-cancel', 'preview', 'send', 'find']) {
        const { status, json: answer, text } = await post(route, json);
        assert.ok(status === 200 || status === 400, `${route} ${JSON.stringify(json)}: ${status} ${text}`);
        if (status === 400) assert.ok(String(answer.message).length > 15, text);
      }
    }
    assert.equal(world.nodeRed.ended, false);
  });

  it('name what is not deployed yet', async () => {
    const draft = dialog(pop3In(world));
    assert.equal((await post('test', draft)).json.reason, 'account-not-deployed');
    assert.equal((await post('test', dialog(byPassword()))).json.reason, 'tls-not-deployed');
    assert.equal((await post('send', { key: 'x' })).json.reason, 'node-not-deployed');
  });

  it('test an account that is only in the editor yet, from the sign-in on', async () => {
    await world.nodeRed.deploy(flows(world));
    const fresh = account(world, { id: 'fresh' });
    const draft = { ...dialog(pop3In(world, { account: 'fresh' })), account: dialog(fresh) };
    const before = await tested(draft);
    assert.equal(
      before.steps.find(({ state }) => state === 'failed')?.failure?.reason,
      'account/not-signed-in',
    );
    await signIn(world, fresh);
    const report = await tested(draft);
    assert.equal(report.outcome, 'ok', JSON.stringify(report));
    for (const account of [[], 'x', { properties: 'x', credentials: [1] }]) {
      const { status } = await post('test', { ...dialog(pop3In(world, { account: 'fresh' })), account });
      assert.ok(status === 200 || status === 400);
    }
  });

  it('test the values in the dialog, and publish only the result of each step', async () => {
    await world.nodeRed.deploy(flows(world));
    const report = await tested(dialog(byPassword()));
    assert.equal(report.outcome, 'ok', JSON.stringify(report));
    const environment = await tested(
      dialog(byPassword({ credentials: { user: '$' + '{MAIL_USER}', password: PASSWORD } })),
    );
    assert.equal(environment.outcome, 'ok', JSON.stringify(environment));
    const none = await post('test', dialog(byPassword({ credentials: { user: ALICE } })));
    assert.equal(none.json.reason, 'password-missing');
    const unset = dialog(byPassword({ host: '$' + '{OF_THE_INSTANCE}' }));
    assert.equal((await post('test', unset)).json.reason, 'environment-missing');
    const inTemplate = await post('test', { ...unset, template: true });
    assert.equal(inTemplate.json.reason, 'environment-of-instance');
    assert.match(String(inTemplate.json.message), /OF_THE_INSTANCE has no value: each instance/);
  });

  it('return the report to the client that started the test', async () => {
    const { json } = await post('test', dialog(byPassword()));
    const other = await world.nodeRed.admin('redletter/pop3-in/other/test-report', { json });
    assert.equal(other.status, 400);
    assert.equal(((await other.json()) as { reason: string }).reason, 'test-gone');
  });

  it('use a stored password only with the server and user it was stored for (S7)', async () => {
    const thief = await new ScriptedPop3({}).listen();
    try {
      await world.nodeRed.deploy(flows(world, byPassword(), ...otherRoute()));
      // What the dialog posts while the password is stored: it has never been told it.
      const unsaid = (more: object, user = ALICE) => dialog(byPassword({ ...more, credentials: { user } }));
      assert.equal((await tested(unsaid({}))).outcome, 'ok');
      for (const [more, user] of [
        [{ port: world.dovecot.port, security: 'starttls' }, ALICE],
        [{ allowPlaintext: true }, ALICE],
        [{ tls: 'lax' }, ALICE],
        [{ proxy: 'detour' }, ALICE],
        [{ host: '127.0.0.1' }, ALICE],
        [{ host: '127.0.0.1', port: thief.port, security: 'none' }, ALICE],
        [{ port: thief.port, security: 'none' }, ALICE],
        [{ service: 'gmx', host: '' }, ALICE],
        [{}, 'bob@example.test'],
      ] as const) {
        for (const route of ['test', 'preview']) {
          const { json } = await post(route, unsaid(more, user));
          assert.equal(json.reason, 'password-again', `${route} ${JSON.stringify(more)}`);
        }
      }
      assert.deepEqual(thief.received, []);
    } finally {
      await thief.close();
    }
  });

  it('test an account that is signed in, without showing its token', async () => {
    await world.nodeRed.deploy(flows(world, account(world), pop3In(world, { interval: 0 })));
    const draft = dialog(pop3In(world));
    const before = await tested(draft);
    assert.equal(before.outcome, 'failed');
    const refused = before.steps.find(({ step }) => step === 'token');
    assert.equal(refused?.failure?.reason, 'account/not-signed-in');
    await signIn(world);
    const report = await tested(draft);
    assert.equal(report.outcome, 'ok', JSON.stringify(report));
    const left = report.steps.find(({ step }) => step === 'token')?.facts as { left: number };
    assert.ok(left.left > 300 && left.left <= 600);
    assert.doesNotMatch(JSON.stringify(report), /eyJ|Bearer [^*]/);
  });

  it('send a token only where a deployed node sends it anyway (S7)', async () => {
    const thief = await new ScriptedPop3({}).listen();
    try {
      await world.nodeRed.deploy(
        flows(world, account(world), pop3In(world, { interval: 0 }), ...otherRoute()),
      );
      await signIn(world);
      assert.equal((await tested(dialog(pop3In(world)))).outcome, 'ok');
      const there = { account: dialog(account(world)) };
      assert.equal((await tested({ ...dialog(pop3In(world)), ...there })).outcome, 'ok');
      for (const more of [
        { host: '127.0.0.1' },
        { host: '127.0.0.1', port: thief.port, security: 'none' },
        { tls: 'lax' },
        { tls: '' },
        { proxy: 'detour' },
      ]) {
        for (const route of ['test', 'preview']) {
          for (const account of [{}, there]) {
            const { json } = await post(route, { ...dialog(pop3In(world, more)), ...account });
            assert.equal(json.reason, 'token-server', `${route} ${JSON.stringify(more)}`);
          }
        }
      }
      const moved = { account: dialog(account(world, { proxy: 'detour' })) };
      const { json } = await post('test', { ...dialog(pop3In(world)), ...moved });
      assert.equal(json.reason, 'account-rerouted');
      assert.deepEqual(thief.received, []);
    } finally {
      await thief.close();
    }
  });

  it('preview, and send one through the deployed flow without a note', async () => {
    await world.nodeRed.deploy(flows(world, byPassword({ first: 'all' })));
    const preview = await post('preview', dialog(byPassword()));
    const { mails } = preview.json as { mails: { key: string; subject: string }[] };
    assert.deepEqual(
      mails.map(({ subject }) => subject),
      ['Second', 'First'],
    );
    const sent = await post('send', { key: mails[1]?.key });
    assert.equal(sent.status, 200, sent.text);
    const message = await world.sink.next('messages');
    assert.equal(message.topic, 'First');
    assert.equal((message.pop3 as { redelivered: boolean }).redelivered, true);
    // A check knows nothing of it: both mails are new, the first one is no repeat of what was noted.
    await world.nodeRed.deploy(flows(world, byPassword({ first: 'all', after: 'delete', interval: 300 })));
    const arrived = [await world.sink.next('messages'), await world.sink.next('messages')];
    assert.deepEqual(
      arrived.map(({ topic, pop3 }) => [topic, (pop3 as { redelivered: boolean }).redelivered]),
      [
        ['First', false],
        ['Second', false],
      ],
    );
    assert.equal((await post('send', { key: 'ugone' })).json.reason, 'mail-gone');
  });

  it('answer nonsense about a running mailbox with an error, and Node-RED goes on', async () => {
    for (const first of [{ toString: 1 }, [], null, '', 'constructor']) {
      const { status, text } = await post('restart', { first });
      assert.ok(status === 400 || status === 404 || status === 500, `${JSON.stringify(first)}: ${status}`);
      assert.ok(text.includes('message'), text);
    }
    const health = await world.nodeRed.admin('redletter/health?open[toString]=1');
    assert.equal(health.status, 200);
    assert.equal(world.nodeRed.ended, false);
  });

  it('tell open editors no more than a step and how it went', async () => {
    const told = news.of('redletter/pop3-in/mail');
    assert.ok(told.length > 20);
    for (const one of told) assert.deepEqual(Object.keys(one as object).sort(), ['state', 'step', 'test']);
    assert.doesNotMatch(JSON.stringify(told), new RegExp(`${ALICE}|${PASSWORD}|localhost|Dovecot`));
  });
});

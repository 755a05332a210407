import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import { accountConfig } from '../nodes/node-red/account';
import { bindingOf } from '../nodes/oauth2';
import type { FlowNode } from '../servers/node-red';
import { type ScriptedOptions, type ScriptedPop3, startScripted } from '../servers/scripted-pop3';
import { startTokenEndpoint, type TokenEndpoint, tokens } from '../servers/token-endpoint';
import { failOnUnhandledRejections, Palette } from './palette';
import { ALICE, mail, PASSWORD } from './world';

/** A `pop3 in` as the form saves it, by password. */
const pop3In = (server: { port: number }, more: Partial<FlowNode> = {}): FlowNode => ({
  id: 'mail',
  type: 'pop3 in',
  z: 'tab',
  name: '',
  service: 'custom',
  host: '127.0.0.1',
  port: server.port,
  security: 'none',
  tls: '',
  auth: 'password',
  account: '',
  mechanism: 'auto',
  allowPlaintext: false,
  interval: 300,
  inputs: 0,
  outputs: 1,
  first: 'all',
  after: 'keep',
  summary: false,
  wires: [['first']],
  credentials: { user: ALICE, password: PASSWORD },
  ...more,
});

const kept = (id: string): FlowNode => ({ id, type: 'kept', z: 'tab', wires: [] });
const TAB: FlowNode = { id: 'tab', type: 'tab' };
const CATCH: FlowNode = { id: 'catch', type: 'catch', z: 'tab', scope: null, wires: [['caught']] };
const COMPLETE: FlowNode = {
  id: 'complete',
  type: 'complete',
  z: 'tab',
  scope: ['mail'],
  wires: [['completed']],
};

/** Asked by messages only, with both outputs. */
const ASKED = { interval: 0, inputs: 1, outputs: 2, summary: true, wires: [['first'], ['second']] };

/** What the server sees shows in no event of the node. */
async function until(reached: () => boolean): Promise<void> {
  const late = Date.now() + 5_000;
  while (!reached()) {
    assert.ok(Date.now() < late, 'in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('pop3 in', () => {
  let palette: Palette;
  let server: ScriptedPop3;
  const servers: { close(): Promise<void> }[] = [];
  beforeEach(async () => {
    palette = await Palette.open();
  });
  afterEach(async () => {
    await palette.close();
    await Promise.all(servers.splice(0).map((one) => one.close()));
  });
  failOnUnhandledRejections();

  const serve = async (options: ScriptedOptions = {}): Promise<ScriptedPop3> => {
    server = await startScripted({
      mails: [mail('One'), mail('Two')],
      allow: (user, secret) => user === ALICE && secret === PASSWORD,
      ...options,
    });
    servers.push(server);
    return server;
  };
  const load = (...nodes: FlowNode[]): Promise<void> =>
    palette.load([TAB, ...nodes, CATCH, COMPLETE, ...['first', 'second', 'caught', 'completed'].map(kept)]);
  const trigger = (more: object = {}): void =>
    palette.node<Node>('mail').receive({ payload: 'go', ...more } as never);

  describe('what comes out', () => {
    it('is the message of the contract, and nothing else', async () => {
      const hostile = mail(
        'Hello',
        {
          Cc: 'carol@example.test',
          Bcc: 'dave@example.test',
          'Reply-To': 'reply@example.test',
          References: '<a@x> <b@x>',
          'In-Reply-To': '<a@x>',
          Priority: 'urgent',
          'X-Priority': '1',
          Filename: '/etc/passwd',
          Envelope: 'x',
          Plaintext: 'x',
          Description: 'x',
          Title: 'x',
          Headers: 'x',
          Payload: 'not this',
          _msgid: 'not this',
          req: 'x',
          res: 'x',
        },
        'Text.',
      );
      await load(pop3In(await serve({ mails: [hostile] })));
      const message = await palette.outbox('first').next();
      assert.deepEqual(Object.keys(message).sort(), [
        '_msgid',
        'attachments',
        'date',
        'from',
        'header',
        'mail',
        'payload',
        'pop3',
        'topic',
      ]);
      assert.equal(message.topic, 'Hello');
      assert.equal(String(message.payload).trim(), 'Text.');
      assert.equal(message.from, 'bob@example.test');
      assert.deepEqual(message.date, new Date('2026-11-02T09:00:00Z'));
      assert.deepEqual(message.attachments, []);
      assert.equal((message.header as Record<string, unknown>).subject, 'Hello');
      const { to, replyTo, messageId, problems, autoSubmitted, truncated } = message.mail as Record<
        string,
        unknown
      >;
      assert.deepEqual(to, [{ name: 'Alice', address: ALICE }]);
      assert.deepEqual(replyTo, [{ name: '', address: 'reply@example.test' }]);
      assert.equal(messageId, '<Hello@example.test>');
      assert.deepEqual(problems, []);
      assert.equal(truncated, false);
      assert.ok(!autoSubmitted);
      const { delivery, check, size, ...pop3 } = message.pop3 as Record<string, unknown>;
      assert.deepEqual(pop3, {
        node: 'mail',
        uid: 'uid-1',
        number: 1,
        user: ALICE,
        host: '127.0.0.1',
        attempt: 1,
        redelivered: false,
      });
      assert.ok(typeof delivery === 'string' && typeof check === 'string' && delivery !== check);
      assert.equal(size, Buffer.byteLength(hostile));
      assert.notEqual(message._msgid, 'not this');
    });

    it('comes in the order of the server, each in a delivery of its own', async () => {
      await load(pop3In(await serve()));
      const messages = [await palette.outbox('first').next(), await palette.outbox('first').next()];
      assert.deepEqual(
        messages.map(({ topic }) => topic),
        ['One', 'Two'],
      );
      const [one, two] = messages.map(({ pop3 }) => pop3 as Record<string, unknown>);
      assert.notEqual(one?.delivery, two?.delivery);
      assert.equal(one?.check, two?.check);
      assert.notEqual(messages[0]?._msgid, messages[1]?._msgid);
    });

    it('comes once: not again after the flows were restarted', async () => {
      const flow = pop3In(await serve());
      await load(flow);
      await palette.waitForStatus('mail', /^2 new/);
      await palette.unload();
      server.mails.push(Buffer.from(mail('Three')));
      await load(flow);
      assert.equal((await palette.outbox('first').next()).topic, 'Three');
      await palette.waitForStatus('mail', /^1 new$/);
      assert.equal(palette.outbox('first').messages.length, 1);
    });

    it('leaves the mail that is there, and says how much', async () => {
      await load(pop3In(await serve(), { first: 'new' }));
      assert.match((await palette.waitForStatus('mail', /\b2\b/)).text, /0.*2/);
      assert.equal(palette.outbox('first').messages.length, 0);
      assert.equal(server.received.includes('RETR 1'), false);
    });

    it('is deleted from the server only when that was chosen', async () => {
      await load(pop3In(await serve(), { after: 'delete' }));
      await palette.outbox('first').next();
      await palette.waitForStatus('mail', /2/);
      await until(() => server.mails.length === 0);
      assert.equal(server.mails.length, 0);
    });
  });

  describe('a message that comes in', () => {
    it('starts a check, and goes on to the second output with how it went', async () => {
      await load(pop3In(await serve(), ASKED));
      assert.deepEqual(palette.statuses('mail'), [{ fill: 'grey', shape: 'ring', text: 'idle' }]);
      assert.deepEqual(server.received, []);
      const response = { answer: 'of http in' };
      trigger({ _msgid: 'mine', res: response, to: 'somebody' });
      const told = await palette.outbox('second').next();
      assert.equal(told._msgid, 'mine');
      assert.equal(told.res, response);
      const { ms, bytes, ...summary } = told.payload as Record<string, number>;
      assert.deepEqual(summary, {
        found: 2,
        fetched: 2,
        delivered: 2,
        redelivered: 0,
        deleted: 0,
        skipped: 0,
        failed: 0,
      });
      assert.ok(Number(bytes) > 100 && Number(ms) >= 0);
      assert.equal((await palette.outbox('completed').next())._msgid, 'mine');
      for (const message of palette.outbox('first').messages) {
        assert.notEqual(message._msgid, 'mine');
        assert.equal('res' in message || 'to' in message, false, 'nothing of the trigger is in a mail');
      }
      assert.equal(palette.outbox('second').messages.length, 1);
    });

    it('several at once are each answered', async () => {
      await load(pop3In(await serve(), ASKED));
      for (const _msgid of ['a', 'b', 'c']) trigger({ _msgid });
      const ids = [];
      for (let count = 0; count < 3; count += 1) ids.push((await palette.outbox('second').next())._msgid);
      assert.deepEqual(ids, ['a', 'b', 'c']);
      assert.equal(palette.outbox('first').messages.length, 2);
    });

    it('that comes to nothing is one error, with that message', async () => {
      await load(pop3In(await serve({ allow: () => false }), ASKED));
      trigger({ _msgid: 'mine', http: 'kept' });
      const caught = await palette.outbox('caught').next();
      assert.equal(caught.http, 'kept');
      assert.equal((caught.error as { code: string }).code, 'AUTH');
      await palette.waitForStatus('mail', /wrong password/);
      assert.equal(palette.outbox('caught').messages.length, 1);
      assert.equal(palette.outbox('second').messages.length, 0);
      assert.equal(palette.outbox('completed').messages.length, 0);
    });
  });

  describe('the second output', () => {
    it('tells of a check that came by itself', async () => {
      await load(pop3In(await serve(), { summary: true, outputs: 2, wires: [['first'], ['second']] }));
      const told = await palette.outbox('second').next();
      assert.deepEqual(Object.keys(told).sort(), ['_msgid', 'payload']);
      assert.equal((told.payload as { delivered: number }).delivered, 2);
    });

    it('is not there unless it was asked for', async () => {
      await load(pop3In(await serve(), { ...ASKED, outputs: 1, summary: false, wires: [['first']] }));
      trigger();
      await palette.outbox('completed').next();
      assert.equal(palette.outbox('first').messages.length, 2);
    });
  });

  describe('status and errors', () => {
    it('shows a check from its beginning to its end', async () => {
      await load(pop3In(await serve(), ASKED));
      trigger();
      await palette.outbox('second').next();
      trigger();
      await palette.outbox('second').next();
      const texts = palette.statuses('mail').map(({ fill, shape, text }) => `${fill} ${shape} ${text}`);
      assert.deepEqual(texts.slice(0, 5), [
        'grey ring idle',
        'yellow ring checking',
        'blue dot 0 / 2',
        'blue dot 1 / 2',
        'blue dot 2 / 2',
      ]);
      assert.match(texts[5] ?? '', /^green dot .*2/);
      assert.deepEqual(texts.slice(6), ['yellow ring checking', 'grey ring idle']);
      assert.deepEqual(palette.errors('mail'), []);
    });

    for (const [what, more, status, code] of [
      ['no account', { auth: 'oauth2', account: '' }, 'no account', 'CONFIG'],
      ['an account that is none', { auth: 'oauth2', account: 'first' }, 'no account', 'CONFIG'],
      ['no server', { host: '' }, 'no server', 'CONFIG'],
      ['no user', { credentials: { password: PASSWORD } }, 'no user', 'CONFIG'],
      ['no password', { credentials: { user: ALICE } }, 'no password', 'CONFIG'],
      ['a wrong password', { credentials: { user: ALICE, password: 'canary' } }, 'wrong password', 'AUTH'],
    ] as [string, Partial<FlowNode>, string, string][]) {
      it(`${what}: "${status}", and one error`, async () => {
        await load(pop3In(await serve(), more));
        const shown = await palette.waitForStatus('mail', new RegExp(`^${status}$`));
        assert.deepEqual(shown, { fill: 'red', shape: 'ring', text: status });
        const [told, ...others] = palette.errors('mail');
        assert.deepEqual(others, []);
        assert.equal(told?.error.code, code);
        assert.deepEqual(told?.message, {});
        const caught = await palette.outbox('caught').next();
        assert.equal((caught.error as { code: string }).code, code);
        assert.doesNotMatch(JSON.stringify(caught), /canary/);
      });
    }

    it('a host that is not this machine gets no password without TLS', async () => {
      await load(pop3In(await serve(), { host: 'mail.example.invalid' }));
      await palette.waitForStatus('mail', /TLS required|host not found|DNS unavailable/);
      assert.deepEqual(server.received, []);
    });
  });

  describe('closing', () => {
    const silent = new Promise<undefined>(() => undefined);
    const places: [string, ScriptedOptions, string | undefined][] = [
      ['before the greeting', { greeting: '' }, undefined],
      ...['CAPA', 'USER', 'PASS', 'STAT', 'UIDL', 'RETR', 'QUIT'].map(
        (word): [string, ScriptedOptions, string] => [
          `in ${word}`,
          { commands: { [word]: () => silent }, capabilities: ['USER', 'UIDL', 'TOP'] },
          word,
        ],
      ),
      [
        'in the middle of a mail',
        { commands: { RETR: () => '+OK\r\nSubject: half\r\n\r\nThe first line\r\n' } },
        'RETR',
      ],
    ];
    for (const [place, options, word] of places) {
      it(`is done within a second: ${place}`, async () => {
        await load(pop3In(await serve(options), ASKED));
        const { sessions } = server;
        trigger({ _msgid: 'mine' });
        await palette.waitForStatus('mail', /checking/);
        const reached = (): boolean =>
          word === undefined ? sessions.length > 0 : server.received.some((line) => line.startsWith(word));
        await until(reached);
        const started = performance.now();
        await palette.node<Node>('mail').close(false);
        const took = performance.now() - started;
        assert.ok(took < 1000, `${took} ms`);
        assert.deepEqual(palette.outbox('caught').messages, []);
        // A QUIT that deletes nothing is left to its own time limit; nothing waits for it.
        if (word !== 'QUIT') await until(() => server.connections === 0);
      });
    }

    it('says nothing more afterwards, and no check comes any more', async () => {
      await load(pop3In(await serve(), { ...ASKED, interval: 1 }));
      await palette.outbox('second').next();
      const { length } = palette.statuses('mail');
      await palette.node<Node>('mail').close(false);
      const seen = server.sessions.length;
      trigger();
      await new Promise((resolve) => setTimeout(resolve, 1_300));
      assert.equal(server.sessions.length, seen);
      assert.equal(palette.statuses('mail').length, length);
    });
  });

  it('Node-RED survives a server that closes the connection at any point', async () => {
    const answers: [string, ScriptedOptions][] = ['CAPA', 'USER', 'PASS', 'STAT', 'UIDL', 'RETR', 'QUIT'].map(
      (word) => [
        word,
        {
          commands: {
            [word]: (_, session) => {
              session.socket.destroy();
              return undefined;
            },
          },
        },
      ],
    );
    const nodes: FlowNode[] = [];
    for (const [word, options] of answers) {
      nodes.push(pop3In(await serve(options), { ...ASKED, id: word, wires: [[], ['caught']] }));
    }
    await load(...nodes);
    for (const [word] of answers) palette.node<Node>(word).receive({ _msgid: word } as never);
    const told = [];
    for (const _ of answers) told.push((await palette.outbox('caught').next())._msgid);
    assert.deepEqual(told.sort(), answers.map(([word]) => word).sort());
  });

  describe('with an account', () => {
    let endpoint: TokenEndpoint;
    const byAccount = (id: string, more: Partial<FlowNode> = {}): FlowNode =>
      pop3In(server, {
        id,
        auth: 'oauth2',
        account: 'account',
        credentials: {},
        wires: [[`${id}-out`]],
        ...more,
      });
    const account = (): FlowNode => ({
      id: 'account',
      type: 'oauth2-account',
      provider: 'custom',
      grant: 'authorization_code',
      authorizationUrl: endpoint.url,
      tokenUrl: endpoint.url,
      clientAuth: 'body',
      credentials: { user: ALICE, clientId: 'client' },
    });
    const signIn = async (accessToken = 'first', expiresAt = Date.now() + 3_600_000): Promise<void> => {
      const config = accountConfig(account() as never, account().credentials as never);
      await palette.runtime.accounts.signedIn({
        account: 'account',
        binding: bindingOf(config),
        tokens: {
          accessToken,
          expiresAt,
          obtainedAt: Date.now(),
          signedInAt: Date.now(),
          refreshToken: 'refresh',
        },
      });
    };
    /** Signed in before the flows start. */
    const signedIn = async (...given: Parameters<typeof signIn>): Promise<void> => {
      await palette.load([account()]);
      await signIn(...given);
      await palette.unload();
    };
    beforeEach(async () => {
      endpoint = await startTokenEndpoint(tokens({ access_token: 'renewed' }));
      servers.push(endpoint);
      await serve({
        capabilities: ['UIDL', 'TOP', 'SASL XOAUTH2 OAUTHBEARER'],
        allow: (user, token) => user === ALICE && ['first', 'renewed'].includes(token),
      });
    });

    it('waits for a person, and goes on by itself as soon as they have signed in', async () => {
      await load(account(), byAccount('mail'), kept('mail-out'));
      await palette.waitForStatus('mail', /^not signed in$/);
      assert.deepEqual(
        palette.errors('mail').map(({ error }) => error.code),
        ['SIGN_IN_AGAIN'],
      );
      assert.deepEqual(server.received, [], 'nobody is asked without a token');
      await signIn();
      assert.equal((await palette.outbox('mail-out').next()).topic, 'One');
    });

    it('resumes at once after a refused login too, when another person signs in', async () => {
      await signedIn('of somebody else');
      endpoint.answer(tokens({ access_token: 'of somebody else, renewed' }));
      await load(account(), byAccount('mail'), kept('mail-out'));
      await palette.waitForStatus('mail', /^mailbox refused$/);
      await signIn('first');
      assert.equal((await palette.outbox('mail-out').next()).topic, 'One');
    });

    it('two share one sign-in: one renewal, and each gets every mail', async () => {
      await signedIn('first', Date.now() - 1);
      await load(account(), byAccount('mail'), byAccount('other'), kept('mail-out'), kept('other-out'));
      for (const id of ['mail-out', 'other-out']) {
        assert.equal((await palette.outbox(id).next()).topic, 'One');
        assert.equal((await palette.outbox(id).next()).topic, 'Two');
      }
      assert.equal(endpoint.requests.length, 1);
      assert.equal(endpoint.requests[0]?.form.get('refresh_token'), 'refresh');
    });

    it('what two want is deleted only when both have had it', async () => {
      await signedIn();
      await load(
        account(),
        byAccount('mail', { after: 'delete', ...ASKED, wires: [['mail-out'], ['second']] }),
        byAccount('other', { ...ASKED, wires: [['other-out'], ['second']] }),
        kept('mail-out'),
        kept('other-out'),
      );
      trigger();
      await palette.outbox('second').next();
      assert.equal(server.mails.length, 2, 'the other has not had it');
      palette.node<Node>('other').receive({} as never);
      await palette.outbox('second').next();
      trigger();
      const { payload } = await palette.outbox('second').next();
      assert.equal((payload as { deleted: number }).deleted, 2);
      assert.equal(server.mails.length, 0);
    });

    it('a token the server refuses is renewed once, in the same check', async () => {
      await signedIn('stale');
      await load(account(), byAccount('mail'), kept('mail-out'));
      assert.equal((await palette.outbox('mail-out').next()).topic, 'One');
      assert.equal(endpoint.requests.length, 1);
      assert.deepEqual(palette.errors('mail'), []);
    });
  });
});

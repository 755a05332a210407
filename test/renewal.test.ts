import assert from 'node:assert/strict';
import { accountConfig } from '../nodes/node-red/account';
import { bindingOf } from '../nodes/oauth2';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import type { FlowNode } from '../servers/node-red';
import { startScripted } from '../servers/scripted-pop3';
import { startTokenEndpoint, tokens } from '../servers/token-endpoint';
import { Palette } from './palette';
import { ALICE, account, flows, mail, pop3In, signIn, startWorld, type World } from './world';

const BOB = 'bob@example.test';

/** As a user types it into a field. */
const variable = (name: string): string => `$\{${name}}`;

describe('tokens of more than 8 kB', () => {
  it('are saved, renewed and handed to the mail server whole', async () => {
    const long = (name: string): string => name.padEnd(12_000, `${name}.`);
    const endpoint = await startTokenEndpoint(
      tokens({ access_token: long('second'), refresh_token: long('refresh-2') }),
    );
    const allowed = new Set([long('first')]);
    const server = await startScripted({
      mails: [mail('One')],
      capabilities: ['UIDL', 'TOP', 'RESP-CODES', 'SASL XOAUTH2'],
      allow: (user, secret) => user === ALICE && allowed.has(secret),
    });
    const palette = await Palette.open();
    try {
      const box: FlowNode = {
        id: 'account',
        type: 'oauth2-account',
        provider: 'custom',
        grant: 'authorization_code',
        authorizationUrl: endpoint.url,
        tokenUrl: endpoint.url,
        credentials: { user: ALICE, clientId: 'client' },
      };
      const flow: FlowNode[] = [
        { id: 'tab', type: 'tab' },
        box,
        {
          ...{ id: 'mail', type: 'pop3 in', z: 'tab', auth: 'oauth2', account: 'account', first: 'all' },
          ...{ host: '127.0.0.1', port: server.port, security: 'none', interval: 300, wires: [['kept']] },
        },
        { id: 'kept', type: 'kept', z: 'tab', wires: [] },
      ];
      const now = Date.now();
      await palette.load(flow);
      await palette.runtime.accounts.signedIn({
        account: 'account',
        binding: bindingOf(accountConfig(box as never, box.credentials as never)),
        tokens: {
          accessToken: long('first'),
          refreshToken: long('refresh-1'),
          expiresAt: now + 3_600_000,
          obtainedAt: now,
          signedInAt: now,
        },
      });
      assert.equal((await palette.outbox('kept').next()).topic, 'One');

      // Refused, renewed, and taken, all in one session, after a restart of the flows.
      allowed.clear();
      allowed.add(long('second'));
      server.mails.push(Buffer.from(mail('Two')));
      await palette.unload();
      await palette.load(flow);
      // The flows were stopped in the very moment of the first: it may be redelivered, marked.
      let again = await palette.outbox('kept').next();
      if (again.topic === 'One') again = await palette.outbox('kept').next();
      assert.equal(again.topic, 'Two');
      assert.equal(endpoint.requests[0]?.form.get('refresh_token'), long('refresh-1'));
      assert.equal(endpoint.requests.length, 1);
      // RFC 2449 section 4: a command is at most 255 bytes long; a token goes on a line of its own (RFC 5034 section 4).
      const lines = server.received.filter((line) => line.startsWith('AUTH '));
      assert.ok(lines.length === 3 && lines.every((line) => line === 'AUTH XOAUTH2'), lines.join());
    } finally {
      await palette.close();
      await Promise.all([endpoint.close(), server.close()]);
    }
  });
});

describe('a subflow, used for two people', function () {
  this.timeout(60_000);
  let world: World;
  before(async function () {
    needs(dovecotMissing).call(this);
    world = await startWorld({ version: 4 });
  });
  after(() => world?.close());

  const people = [
    ['alice', ALICE],
    ['bob', BOB],
  ] as const;
  /** What is in the subflow, and the setting that makes the two instances differ. */
  const twice = (inside: FlowNode[], setting: (who: string, user: string) => object): FlowNode[] => [
    ...flows(world, {
      id: 'sub',
      type: 'subflow',
      name: 'A mailbox',
      in: [],
      out: [{ x: 400, y: 60, wires: [{ id: 'mail', port: 0 }] }],
      env: [],
    }),
    ...inside,
    ...people.flatMap(([who, user]) => [
      { id: who, type: 'subflow:sub', z: 'tab', env: [setting(who, user)], wires: [[`mail of ${who}`]] },
      ...world.sink.nodes(`mail of ${who}`, 'tab'),
    ]),
  ];
  const comes = async (subject: string): Promise<void> => {
    for (const [who, user] of people) {
      await world.dovecot.deliver(user, mail(`${subject} for ${who}`));
      const { topic, pop3 } = await world.sink.next(`mail of ${who}`);
      assert.deepEqual([topic, (pop3 as { user: string }).user], [`${subject} for ${who}`, user]);
    }
  };
  /** Until both have been renewed, more than once: they live three seconds. */
  const renewed = async (): Promise<void> => {
    const count = world.provider.count('refresh_token') + 3;
    while (world.provider.count('refresh_token') < count)
      await world.provider.nextTokenRequest('refresh_token');
  };

  it('with its account inside: each instance is signed in for itself, and stays so', async () => {
    const inside = (user: string) =>
      account(world, { z: 'sub', credentials: { ...account(world).credentials, user } });
    // A person types the address into the dialog; the deployed value names its source.
    for (const [, user] of people) await signIn(world, inside(user), user);
    const flow = twice(
      [inside(variable('MAILBOX')), pop3In(world, { z: 'sub', wires: [[]] })],
      (_, user) => ({
        name: 'MAILBOX',
        type: 'str',
        value: user,
      }),
    );
    await world.nodeRed.deploy(flow);
    await comes('First');
    await renewed();
    await comes('Renewed');
    world.nodeRed = await world.nodeRed.restart();
    await comes('Restarted');
    await world.nodeRed.deploy(flow);
    await comes('Deployed anew');
    assert.deepEqual(world.sink.received('errors'), []);
  });

  it('with an account outside chosen by each instance', async () => {
    const of = (who: string, user: string) =>
      account(world, {
        id: who === 'alice' ? 'account-a' : 'account-b',
        credentials: { ...account(world).credentials, user },
      });
    const flow = twice([pop3In(world, { z: 'sub', account: variable('ACCOUNT'), wires: [[]] })], (who) => ({
      name: 'ACCOUNT',
      type: 'conf-type',
      value: who === 'alice' ? 'account-a' : 'account-b',
    }));
    await world.nodeRed.deploy([...flow, ...people.map(([who, user]) => of(who, user))]);
    for (const [who, user] of people) await signIn(world, of(who, user), user);
    await comes('Outside');
  });
});

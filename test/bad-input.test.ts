import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { Comms } from '../servers/comms';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import { type FlowNode, nodeRed5Missing } from '../servers/node-red';
import { freePorts } from '../servers/ports';
import { ALICE, account, flows, PASSWORD, pop3In, signIn, startWorld, type World } from './world';

interface Case {
  /** What is wrong. */
  name: string;
  node: (world: World) => Partial<FlowNode>;
  status: string;
  code: string;
  /** A refused login is not tried again for a quarter of an hour; everything else is within seconds. */
  comesAgain?: false;
}

const byPassword = { auth: 'password', account: '', credentials: { user: ALICE, password: PASSWORD } };

for (const version of [4, 5] as const) {
  describe(`bad input, Node-RED ${version}`, function () {
    this.timeout(90_000);
    let world: World;
    let comms: Comms;
    let closedPort: number;
    const servers: Server[] = [];

    const cases: Case[] = [
      {
        name: 'wrong host',
        node: () => ({ ...byPassword, host: 'no-such-host.invalid' }),
        status: 'host not found',
        code: 'CONNECT',
      },
      {
        name: 'wrong port',
        node: () => ({ ...byPassword, port: closedPort }),
        status: 'connection refused',
        code: 'CONNECT',
      },
      {
        name: 'plain port with TLS',
        node: ({ dovecot }) => ({ ...byPassword, port: dovecot.port }),
        status: 'port without TLS',
        code: 'TLS',
      },
      {
        name: 'TLS port without TLS',
        node: ({ dovecot }) => ({
          ...byPassword,
          port: dovecot.tlsPort,
          security: 'starttls',
          connectTimeout: 5,
        }),
        status: 'port requires TLS',
        code: 'TIMEOUT',
      },
      {
        name: 'certificate nobody trusts',
        node: () => ({ ...byPassword, tls: '' }),
        status: 'untrusted certificate',
        code: 'TLS',
      },
      {
        name: 'wrong password',
        node: () => ({ ...byPassword, credentials: { user: ALICE, password: 'canary-wrong' } }),
        status: 'wrong password',
        code: 'AUTH',
        comesAgain: false,
      },
      {
        name: "token of another user's sign-in",
        node: () => ({ credentials: { user: 'mallory@example.test' } }),
        status: 'mailbox refused',
        code: 'AUTH',
        comesAgain: false,
      },
      { name: 'no account', node: () => ({ account: '' }), status: 'no account', code: 'CONFIG' },
      { name: 'no server', node: () => ({ ...byPassword, host: '' }), status: 'no server', code: 'CONFIG' },
      {
        name: 'no password',
        node: () => ({ ...byPassword, credentials: { user: ALICE } }),
        status: 'no password',
        code: 'CONFIG',
      },
      {
        name: 'account nobody has signed in to',
        node: () => ({ account: 'empty-account' }),
        status: 'not signed in',
        code: 'SIGN_IN_AGAIN',
        comesAgain: false,
      },
      {
        name: 'server that never answers',
        node: () => ({ ...byPassword, port: portOf(0), security: 'none' }),
        status: 'no response',
        code: 'TIMEOUT',
      },
      {
        name: 'server that hangs up',
        node: () => ({ ...byPassword, port: portOf(1), security: 'none' }),
        status: 'connection lost',
        code: 'CONNECT',
      },
      {
        name: 'server that is none',
        node: () => ({ ...byPassword, port: portOf(2), security: 'none' }),
        status: 'not a POP3 server',
        code: 'PROTOCOL',
      },
    ];
    const portOf = (index: number): number => (servers[index] as Server & { port: number }).port;
    const id = (index: number): string => `case-${index}`;

    before(async function () {
      needs(dovecotMissing).call(this);
      if (version === 5) needs(nodeRed5Missing).call(this);
      world = await startWorld({ version }, { accessTokenTtl: 600 });
      [closedPort = 1] = await freePorts(1);
      const open = new Set<{ destroy(): void }>();
      for (const greet of [
        () => undefined,
        (socket: { destroy(): void }) => socket.destroy(),
        (socket: { write(text: string): void }) => socket.write('220 mail.example.test ESMTP\r\n'),
      ]) {
        const server = createServer((socket) => {
          open.add(socket);
          socket.on('error', () => undefined).on('close', () => open.delete(socket));
          greet(socket);
        });
        server.on('close', () => {
          for (const socket of open) socket.destroy();
        });
        await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
        servers.push(Object.assign(server, { port: (server.address() as AddressInfo).port }));
      }
      await signIn(world);
      // Open before the deploy: it hears every status from the first on.
      comms = await world.nodeRed.comms();
      const empty = account(world, {
        id: 'empty-account',
        credentials: { user: 'eve@example.test', clientId: 'x' },
      });
      await world.nodeRed.deploy(
        flows(
          world,
          account(world),
          empty,
          ...cases.map(({ node }, index) => pop3In(world, { id: id(index), ...node(world) })),
        ),
      );
    });
    after(async () => {
      for (const server of servers) server.close().emit('close');
      await world?.close();
    });

    for (const [index, { name, status, code, comesAgain }] of cases.entries()) {
      it(`${name}: ${code}, "${status}", one error, and the next check comes`, async () => {
        const shown = await comms.waitForStatus(id(index), ({ fill }) => fill === 'red', 0, 45_000);
        assert.deepEqual(shown, { fill: 'red', shape: 'ring', text: status });
        if (comesAgain !== false) {
          const isRed = comms.statuses(id(index)).findIndex(({ fill }) => fill === 'red');
          await comms.waitForStatus(id(index), /checking/, isRed, 45_000);
        }
        const mine = (): Record<string, unknown>[] =>
          world.sink
            .received('errors')
            .map((message) => message.error as Record<string, unknown>)
            .filter((error) => (error.source as { id: string }).id === id(index));
        while (mine().length === 0) await world.sink.next('errors');
        assert.equal(mine().length, 1);
        const [error] = mine();
        assert.equal(error?.code, code);
        const sentence = String(error?.message);
        assert.ok(
          sentence.length > 20 && !sentence.includes('__') && !sentence.includes('undefined'),
          sentence,
        );
        assert.ok(
          !JSON.stringify(error).includes('canary-wrong') && !JSON.stringify(error).includes(PASSWORD),
        );
      });
    }

    it('has ended nothing', () => {
      assert.equal(world.nodeRed.ended, false);
      assert.equal(world.sink.received('messages').length, 0);
    });
  });
}

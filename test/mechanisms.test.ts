import assert from 'node:assert/strict';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import { type FlowNode, nodeRed5Missing } from '../servers/node-red';
import { ALICE, account, flows, mail, PASSWORD, pop3In, signIn, startWorld, type World } from './world';

const password = { auth: 'password', account: '', credentials: { user: ALICE, password: PASSWORD } };

for (const version of [4, 5] as const) {
  describe(`every way into a real Dovecot, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let world: World;
    before(async function () {
      needs(dovecotMissing, ...(version === 5 ? [nodeRed5Missing] : [])).call(this);
      world = await startWorld({ version });
    });
    after(() => world?.close());

    const ways: Record<string, (world: World) => Partial<FlowNode>> = {
      'XOAUTH2 over TLS': () => ({ mechanism: 'XOAUTH2' }),
      'OAUTHBEARER over TLS': () => ({ mechanism: 'OAUTHBEARER' }),
      'OAUTHBEARER after STLS': ({ dovecot }) => ({
        mechanism: 'OAUTHBEARER',
        security: 'starttls',
        port: dovecot.port,
      }),
      'PLAIN over TLS': () => ({ ...password, mechanism: 'PLAIN' }),
      'LOGIN over TLS': () => ({ ...password, mechanism: 'LOGIN' }),
      'USER and PASS after STLS': ({ dovecot }) => ({
        ...password,
        mechanism: 'USER',
        security: 'starttls',
        port: dovecot.port,
      }),
    };

    it(`delivers the mail by ${Object.keys(ways).join(', ')}`, async () => {
      await world.dovecot.deliver(ALICE, mail('By every way'));
      await signIn(world);
      const nodes = Object.values(ways).map((way, index) =>
        pop3In(world, { id: `way-${index}`, ...way(world) }),
      );
      await world.nodeRed.deploy(flows(world, account(world), ...nodes));
      const arrived = new Set<string>();
      while (arrived.size < nodes.length) {
        const { topic, pop3 } = await world.sink.next('messages');
        assert.equal(topic, 'By every way');
        arrived.add((pop3 as { node: string }).node);
      }
      assert.equal(world.sink.received('messages').length, nodes.length);
      assert.equal(world.sink.received('errors').length, 0);
    });
  });
}

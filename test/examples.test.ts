import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dovecotMissing } from './servers/dovecot';
import { needs } from './servers/needs';
import type { FlowNode } from './servers/node-red';
import { ALICE, account, mail, pop3In, signIn, startWorld, type World } from './world';

const folder = join(__dirname, '..', 'examples');

describe('the examples', function () {
  this.timeout(60_000);
  let world: World;
  before(async function () {
    needs(dovecotMissing).call(this);
    world = await startWorld({ version: 4 });
    world.nodeRed = await world.nodeRed.restart('SIGTERM', { env: { NODE_EXTRA_CA_CERTS: world.ca } });
  });
  after(() => world?.close());

  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
    it(`${file} imports as it stands, and runs once somebody has signed in`, async () => {
      const example = JSON.parse(readFileSync(join(folder, file), 'utf8')) as FlowNode[];
      const node = example.find(({ type }) => type === 'pop3 in') as FlowNode;
      const comms = await world.nodeRed.comms();
      await world.nodeRed.deploy(example);
      await comms.waitForStatus(node.id, /not signed in|no user/);

      // What a user changes in the two dialogs: whose account it is, and here, where there is no Google, the server.
      const { credentials, provider, issuer, scope } = account(world);
      const { host, port, interval } = pop3In(world);
      const mine = example.map((one) => {
        if (one.type === 'oauth2-account') return { ...one, credentials, provider, issuer, scope };
        return one.type === 'pop3 in' ? { ...one, host, port, interval } : one;
      }) as FlowNode[];
      await world.nodeRed.deploy(mine);
      await signIn(
        world,
        mine.find(({ type }) => type === 'oauth2-account'),
      );
      await comms.waitForStatus(node.id, /0 new|idle/);
      const before = comms.statuses(node.id).length;
      await world.dovecot.deliver(ALICE, mail(`For ${file}`));
      await comms.waitForStatus(node.id, /^1 new$/, before);
      const red = comms
        .statuses(node.id)
        .slice(before)
        .filter(({ fill }) => fill === 'red');
      assert.deepEqual(red, []);
    });
  }
});

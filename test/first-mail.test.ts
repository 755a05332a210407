import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import { nodeRed5Missing } from '../servers/node-red';
import { clients } from '../servers/oidc';
import {
  ALICE,
  account,
  flows,
  mail,
  PASSWORD,
  pop3In,
  quietlySaved,
  signIn,
  startWorld,
  type World,
} from './world';

/** As a user types it into a field. */
const variable = (name: string): string => `$\{${name}}`;

for (const version of [4, 5] as const) {
  describe(`from sign-in to a mail in a flow, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let world: World;
    before(async function () {
      needs(dovecotMissing).call(this);
      if (version === 5) needs(nodeRed5Missing).call(this);
      world = await startWorld({ version, settings: { credentialSecret: 'canary-credential-secret' } });
    });
    after(() => world?.close());

    it('reports the missing sign-in as a status and as one error', async () => {
      await world.nodeRed.deploy(flows(world, account(world), pop3In(world)));
      const comms = await world.nodeRed.comms();
      const status = await comms.waitForStatus('mail', /not signed in/);
      assert.deepEqual(status, { fill: 'red', shape: 'ring', text: 'not signed in' });
      const error = (await world.sink.next('errors')).error as Record<string, unknown>;
      assert.equal(error.code, 'SIGN_IN_AGAIN');
    });

    it('delivers an existing mail right after the sign-in, without a deploy', async () => {
      await world.dovecot.deliver(ALICE, mail('First'));
      await signIn(world);
      const message = await world.sink.next('messages');
      assert.equal(message.topic, 'First');
      assert.equal(message.from, 'bob@example.test');
      assert.equal(String(message.payload).trim(), 'Hello.');
      assert.equal(message.date, '2026-11-02T09:00:00.000Z');
      assert.equal('html' in message, false);
      assert.deepEqual(message.attachments, []);
      const pop3 = message.pop3 as Record<string, unknown>;
      assert.deepEqual(
        {
          ...pop3,
          delivery: typeof pop3.delivery,
          uid: typeof pop3.uid,
          check: typeof pop3.check,
          size: Number(pop3.size) > 100,
        },
        {
          node: 'mail',
          delivery: 'string',
          uid: 'string',
          number: 1,
          size: true,
          user: ALICE,
          host: 'localhost',
          attempt: 1,
          redelivered: false,
          check: 'string',
        },
      );
      for (const name of ['to', 'cc', 'bcc', 'replyTo', 'headers', 'references', 'filename', 'description']) {
        assert.equal(name in message, false, name);
      }
    });

    it('delivers each new mail, with access tokens that expire after three seconds', async () => {
      const before = world.provider.count('refresh_token');
      for (const subject of ['Second', 'Third']) {
        await world.dovecot.deliver(ALICE, mail(subject));
        assert.equal((await world.sink.next('messages')).topic, subject);
        await world.provider.nextTokenRequest('refresh_token');
      }
      assert.ok(world.provider.count('refresh_token') > before);
    });

    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      it(`resumes after ${signal}: without a sign-in, and without duplicates`, async () => {
        const at = Date.now();
        await world.provider.nextTokenRequest('refresh_token');
        const release = await quietlySaved(world, at);
        await world.nodeRed.stop(signal);
        release();
        await world.dovecot.deliver(ALICE, mail(`While away by ${signal}`));
        world.nodeRed = await world.nodeRed.restart(signal);
        const message = await world.sink.next('messages');
        assert.equal(message.topic, `While away by ${signal}`);
        assert.equal((message.pop3 as { redelivered: boolean }).redelivered, false);
      });
    }

    it('goes on after SIGTERM in the very moment a renewal has been answered', async () => {
      await world.provider.nextTokenRequest('refresh_token');
      await world.nodeRed.stop('SIGTERM');
      world.nodeRed = await world.nodeRed.restart();
      await world.dovecot.deliver(ALICE, mail('After the close call'));
      assert.equal((await world.sink.next('messages')).topic, 'After the close call');
    });

    it('goes on after Restart Flows, and after a full deploy in the middle of a renewal', async () => {
      await world.nodeRed.restartFlows();
      await world.dovecot.deliver(ALICE, mail('After Restart Flows'));
      assert.equal((await world.sink.next('messages')).topic, 'After Restart Flows');

      const held = world.provider.hold('after', 'refresh_token');
      await held.arrived;
      await world.nodeRed.deploy(flows(world, account(world), pop3In(world)));
      held.release();
      await world.dovecot.deliver(ALICE, mail('After the deploy'));
      assert.equal((await world.sink.next('messages')).topic, 'After the deploy');
      assert.equal(world.sink.received('errors').length, 1, 'only the one from the beginning');
    });

    it('says "sign in again" when the sign-in is revoked, once, and resumes by itself after it', async () => {
      const comms = await world.nodeRed.comms();
      await world.provider.revokeAll();
      await comms.waitForStatus('mail', /^sign in again$/);
      assert.equal(((await world.sink.next('errors')).error as { code: string }).code, 'SIGN_IN_AGAIN');
      await world.dovecot.deliver(ALICE, mail('After signing in again'));
      await signIn(world);
      assert.equal((await world.sink.next('messages')).topic, 'After signing in again');
      assert.equal(world.sink.received('errors').length, 2);
    });

    it('takes client id and user from the environment', async () => {
      const fromEnvironment = account(world, {
        id: 'env-account',
        credentials: {
          user: variable('MAILBOX'),
          clientId: variable('CLIENT'),
          clientSecret: variable('SECRET'),
        },
      });
      const { confidential } = clients;
      world.nodeRed = await world.nodeRed.restart('SIGTERM', {
        env: { MAILBOX: ALICE, CLIENT: confidential.id, SECRET: confidential.secret },
      });
      await world.nodeRed.deploy(
        flows(world, fromEnvironment, pop3In(world, { id: 'env-mail', account: 'env-account' })),
      );
      const at = Date.now();
      await signIn(world, fromEnvironment);
      assert.equal(
        (await world.sink.next('messages')).topic,
        'First',
        'a node of its own has a record of its own',
      );
      const release = await quietlySaved(world, at);
      await world.nodeRed.stop('SIGKILL');
      release();
      world.nodeRed = await world.nodeRed.restart('SIGKILL');
      for (let last = ''; last !== 'Fresh'; ) {
        if (last === 'After signing in again') await world.dovecot.deliver(ALICE, mail('Fresh'));
        last = String((await world.sink.next('messages')).topic);
      }
    });

    it('keeps every secret out of files, answers and logs', async () => {
      const secrets = [clients.confidential.secret, PASSWORD];
      const { provider } = world;
      for (const { parameters } of provider.tokenRequests) {
        for (const name of ['code', 'code_verifier', 'refresh_token']) {
          const value = parameters.get(name);
          if (value) secrets.push(value);
        }
      }
      assert.ok(secrets.length > 6);
      const places: Record<string, string> = { log: world.nodeRed.logs.join('\n') };
      for (const file of (
        await readdir(world.nodeRed.userDir, { recursive: true, withFileTypes: true })
      ).filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))) {
        places[file.name] = await readFile(join(file.parentPath, file.name), 'utf8');
      }
      places.flows = JSON.stringify(await world.nodeRed.getFlows());
      places.credentials = JSON.stringify(await world.nodeRed.credentials('oauth2-account', 'env-account'));
      places.messages = JSON.stringify([world.sink.received('messages'), world.sink.received('errors')]);
      assert.ok(Object.keys(places).some((name) => name.endsWith('.ledger')));
      assert.ok('.config.runtime.json' in places || '.config.json' in places, Object.keys(places).join());
      for (const [place, text] of Object.entries(places)) {
        for (const secret of secrets)
          assert.ok(!text.includes(secret), `${place} holds ${secret.slice(0, 4)}…`);
      }
    });
  });
}

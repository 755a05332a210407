import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import { accountAt, startCallbackHost } from './oauth2/support';
import { ALICE, account, flows, mail, pop3In, startWorld, type World } from './world';

/** As a user types it into a field. */
const variable = (name: string): string => `$\{${name}}`;

describe('a Node-RED without an editor, begun with a refresh token from the environment', function () {
  this.timeout(60_000);
  let world: World;
  let env: Record<string, string>;
  before(async function () {
    needs(dovecotMissing).call(this);
    world = await startWorld({ version: 4, settings: { credentialSecret: 'a secret' } });
    const host = await startCallbackHost();
    const { refreshToken } = await host.signIn(accountAt(world.provider.issuer, { user: ALICE }));
    await host.close();
    env = { MAILBOX: ALICE, REFRESH_TOKEN: refreshToken ?? assert.fail('no refresh token') };
    // What a fleet is given: flows that name the variables, and no value of them.
    const { clientId } = account(world).credentials as { clientId: string };
    const credentials = { user: variable('MAILBOX'), clientId, refreshToken: variable('REFRESH_TOKEN') };
    await world.nodeRed.deploy(
      flows(world, account(world, { grant: 'refresh_token', credentials }), pop3In(world)),
    );
  });
  after(() => world?.close());

  const starts = async (settings: object): Promise<void> => {
    world.nodeRed = await world.nodeRed.restart('SIGTERM', {
      env,
      settings: { credentialSecret: 'a secret', ...settings },
    });
  };
  const comes = async (subject: string): Promise<void> => {
    await world.dovecot.deliver(ALICE, mail(subject));
    assert.equal((await world.sink.next('messages')).topic, subject);
  };

  it('delivers mail and renews tokens without a person signing in', async () => {
    await starts({ httpAdminRoot: false });
    assert.equal((await world.nodeRed.admin('flows')).status, 404, 'there is nothing to log in to');
    await comes('First');
    await world.provider.nextTokenRequest('refresh_token');
    await comes('Renewed');
  });

  it('goes on from the newest token after a restart: the one of the environment is spent by then', async () => {
    const at = world.provider.count('refresh_token');
    await starts({ httpAdminRoot: false });
    await comes('After a restart');
    await starts({ disableEditor: true });
    await comes('With routes, but no editor');
    await world.provider.nextTokenRequest('refresh_token');
    const requests = world.provider.tokenRequests.slice(at);
    assert.ok(requests.length > 0 && requests.every(({ status }) => status === 200));
    assert.ok(requests.every(({ parameters }) => parameters.get('refresh_token') !== env.REFRESH_TOKEN));
    const errors = world.sink.received('errors').map(({ error }) => (error as { code: string }).code);
    // Before it had its environment.
    assert.ok(errors.length <= 1 && errors.every((code) => code === 'CONFIG'), errors.join());
  });

  it('keeps the token out of every file and log (S8)', async () => {
    const names = (await readdir(world.nodeRed.userDir)).filter((name) => /json/.test(name));
    assert.ok(names.includes('flows_cred.json') && names.includes('.config.runtime.json'), names.join());
    const files = names.map((name) => readFile(join(world.nodeRed.userDir, name), 'utf8'));
    const seen = [...(await Promise.all(files)), ...world.nodeRed.logs].join('\n');
    const given = new Set(
      world.provider.tokenRequests.flatMap(({ parameters }) => parameters.get('refresh_token') ?? []),
    );
    assert.ok(given.size > 1 && given.has(env.REFRESH_TOKEN ?? ''));
    for (const token of given) assert.ok(!seen.includes(token));
  });
});

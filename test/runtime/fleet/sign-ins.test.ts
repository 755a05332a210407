import assert from 'node:assert/strict';
import { DeviceCodeSignIn, OAuth2Error, SignIns } from '../../../nodes/oauth2';
import type { Database } from '../../../nodes/runtime/fleet/database';
import { FleetSignIns, SIGN_INS } from '../../../nodes/runtime/fleet/sign-ins';
import { needs } from '../../../servers/needs';
import { consent as consentAt, startProvider } from '../../../servers/oidc';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { startTokenEndpoint, tokens } from '../../../servers/token-endpoint';
import { signInStoreContract, waitingSignIn } from '../../oauth2/sign-in-store-contract';
import { accountAt, Clock, startCallbackHost } from '../../oauth2/support';
import { SECRET } from './drill';
import { openDatabase } from './support';

describe('runtime/fleet: sign-ins', function () {
  this.timeout(60_000);
  let postgres: Postgres;
  let url: string;
  let databases: Database[];
  let clock: Clock;
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
    url = await postgres.database();
    databases = [await openDatabase(url), await openDatabase(url), await openDatabase(url)];
    await postgres.query(url, "insert into redletter.fleet (secret) values ('s')");
    for (const database of databases) await database.listen(SIGN_INS);
  });
  after(async () => {
    for (const database of databases ?? []) await database.close();
    await postgres?.stop();
  });
  beforeEach(async () => {
    clock = new Clock();
    await postgres.query(url, 'delete from redletter.sign_in');
  });

  /** Those of one replica. */
  const storeAt = (replica: number, secret = SECRET, now = clock.now): FleetSignIns => {
    const database = databases[replica % databases.length] as Database;
    return new FleetSignIns(() => Promise.resolve(database), secret, now, database);
  };

  describe('obey the contract', () => {
    let replica = 0;
    signInStoreContract(
      () => storeAt(replica++),
      () => clock,
    );
  });

  it('are sealed, waiting and ended: the database shows no secret and no address', async () => {
    const store = storeAt(0);
    await store.add(waitingSignIn('a', clock.now()));
    await store.add(waitingSignIn('b', clock.now()));
    await store.end('b', { state: 'signed-in', label: 'canary@example.com', renewable: true });
    const rows = await postgres.query(url, 'select * from redletter.sign_in');
    assert.equal(rows.length, 2);
    assert.doesNotMatch(JSON.stringify(rows), /canary|ticket of|state of/);
    assert.equal((await storeAt(1).get('b'))?.label, 'canary@example.com');
    const other = storeAt(1, 'another secret');
    await assert.rejects(other.get('a'), (error) => error instanceof OAuth2Error && error.code === 'STORE');
    await postgres.query(
      url,
      "update redletter.sign_in set sealed = (select sealed from redletter.sign_in where id = 'a'), ended = null where id = 'b'",
    );
    await assert.rejects(store.get('b'), OAuth2Error, 'what belongs to another sign-in opens nowhere else');
  });

  it('a consent that began on one replica returns to another, and a third knows the outcome', async () => {
    const provider = await startProvider();
    const hosts = await Promise.all(
      [0, 1, 2].map((at) => startCallbackHost({ store: storeAt(at, SECRET, Date.now) })),
    );
    const [one = assert.fail(), two = assert.fail(), three = assert.fail()] = hosts;
    try {
      const { id, beginUrl } = await one.start(accountAt(provider.issuer), { redirectUri: two.redirectUri });
      const { page } = await consentAt(beginUrl, { login: 'alice@example.com' });
      assert.equal(page?.status, 200);
      assert.deepEqual([one.requests.length, two.signedIn.length, one.signedIn.length], [0, 1, 0]);
      const outcome = await three.signIns.outcome({ id, ...three.person });
      assert.deepEqual([outcome?.state, outcome?.label], ['signed-in', 'alice@example.com']);
    } finally {
      for (const { close } of hosts) await close();
      await provider.close();
    }
  });

  it('a device code is polled by one replica, and may be asked about and cancelled on each', async () => {
    const endpoint = await startTokenEndpoint();
    const code = {
      device_code: 'd',
      user_code: 'WDJB',
      verification_uri: 'https://login.example.com/device',
      interval: 5,
    };
    const pending = { status: 400, body: { error: 'authorization_pending' } };
    const signedIn: number[] = [];
    // Each wait ends when the test says so.
    let waits: (() => void)[] = [];
    const wait = () => new Promise<void>((resolve) => waits.push(resolve));
    const [a = assert.fail(), b = assert.fail()] = [0, 1].map(
      (at) => new SignIns({ store: storeAt(at, SECRET, Date.now), onSignedIn: () => void signedIn.push(at) }),
    );
    const byDevice = new DeviceCodeSignIn({ signIns: a, wait });
    const person = { account: 'account-1', adminUser: 'admin' };
    const config = {
      provider: 'custom',
      grant: 'device_code',
      deviceUrl: `http://127.0.0.1:${endpoint.port}/device`,
      tokenUrl: endpoint.url,
      clientId: 'client',
      scope: 'mail',
    } as const;
    const waiting = async (): Promise<void> => {
      while (waits.length === 0) await new Promise(setImmediate);
    };
    const again = async (): Promise<void> => {
      await waiting();
      for (const resolve of waits.splice(0)) resolve();
    };
    try {
      endpoint.answer({ body: code }, pending, tokens({ access_token: 'at', refresh_token: 'rt' }));
      const { id } = await byDevice.start({ ...person, config });
      assert.equal((await b.outcome({ id, ...person }))?.state, 'waiting');
      await again();
      await again();
      while ((await b.outcome({ id, ...person }))?.state === 'waiting') await new Promise(setImmediate);
      assert.equal((await b.outcome({ id, ...person }))?.state, 'signed-in');
      assert.deepEqual(
        [signedIn, endpoint.requests.length],
        [[0], 3],
        'one asked for the code and for its tokens',
      );

      endpoint.answer({ body: code }, pending);
      waits = [];
      const second = await byDevice.start({ ...person, config });
      await waiting();
      await b.cancel({ id: second.id, ...person });
      await again();
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal((await a.outcome({ id: second.id, ...person }))?.error?.reason, 'sign-in-cancelled');
      assert.deepEqual([waits.length, endpoint.requests.length], [0, 4], 'it is not asked for any more');
    } finally {
      await endpoint.close();
    }
  });

  it('the end of a sign-in is heard on the other replicas, by account and state only', async () => {
    const [here, there] = [storeAt(0), storeAt(1)];
    const heard: string[] = [];
    const stops = [here, there].map((store, at) =>
      store.watch((account, state) => void heard.push(`${at} ${account} ${state}`)),
    );
    await here.add(waitingSignIn('a', clock.now()));
    await here.end('a', { state: 'signed-in', label: 'canary' });
    // The same connection hears the next one after it.
    await here.add(waitingSignIn('b', clock.now(), 'account-2'));
    await here.end('b', { state: 'failed' });
    const until = Date.now() + 10_000;
    while (heard.length < 2 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(heard, ['1 account-1 signed-in', '1 account-2 failed']);
    for (const stop of stops) stop();
  });

  it('text of a stranger that cannot be an id is not looked for', async () => {
    for (const id of ['\0', 'a\0', '\ud800', 'x'.repeat(100_000), "'; --"])
      for (const found of [storeAt(0).get(id), storeAt(0).take(id, 'state')])
        assert.equal(await found, undefined);
  });

  it('a database that is away is an error with a code, not an answer', async () => {
    const store = new FleetSignIns(
      () => Promise.reject(new Error('away')),
      SECRET,
      clock.now,
      databases[0] as Database,
    );
    for (const failing of [store.get('a'), store.take('a', 'state'), store.add(waitingSignIn('a', 0))])
      await assert.rejects(failing, (error) => error instanceof OAuth2Error && error.code === 'STORE');
  });
});

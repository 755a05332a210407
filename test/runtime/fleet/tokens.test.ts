import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { MailboxError } from '../../../nodes/mailbox';
import { type AccountConfig, bindingOf, type TokenStore, type Tokens } from '../../../nodes/oauth2';
import { Accounts } from '../../../nodes/runtime/accounts';
import type { Database } from '../../../nodes/runtime/fleet/database';
import { FleetTokens, TOKENS } from '../../../nodes/runtime/fleet/tokens';
import { needs } from '../../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { tokens as granted, startTokenEndpoint } from '../../../servers/token-endpoint';
import { tokenStoreContract } from '../../oauth2/token-store-contract';
import { SECRET } from './drill';
import type { RenewalOrders } from './renewal-child';
import { openDatabase } from './support';

/** More by the environment, on demand: REDLETTER_FLEET_RENEWALS=1000. */
const RENEWALS = Number(process.env.REDLETTER_FLEET_RENEWALS ?? 150);

const tokens = (refreshToken: string, obtainedAt = 1): Tokens => ({
  accessToken: `access ${refreshToken}`,
  refreshToken,
  obtainedAt,
  expiresAt: obtainedAt + 1000,
  signedInAt: 1,
});

describe('runtime/fleet: tokens', function () {
  this.timeout(60_000 + RENEWALS * 100);
  let postgres: Postgres;
  let url: string;
  let databases: Database[];
  let accounts = 0;
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
    url = await postgres.database();
    // One after the other makes the schema; the rest find it.
    databases = [await openDatabase(url), await openDatabase(url), await openDatabase(url)];
    for (const database of databases) await database.listen(TOKENS);
  });
  after(async () => {
    for (const database of databases ?? []) await database.close();
    await postgres?.stop();
  });
  const storeAt = (replica: number, node: string, secret = SECRET): TokenStore => {
    const database = databases[replica % databases.length] as Database;
    return new FleetTokens(() => Promise.resolve(database), secret, database).store(node, 'binding');
  };

  describe('obey the contract', () => {
    let replica = 0;
    beforeEach(() => {
      accounts += 1;
    });
    tokenStoreContract(() => {
      replica += 1;
      return storeAt(replica, `account${accounts}`);
    });
  });

  it('are sealed: neither the database nor another secret or account shows them', async () => {
    await storeAt(0, 'sealed').save(tokens('a very secret refresh token'));
    const [row] = await postgres.query<{ sealed: string }>(
      url,
      "select sealed from redletter.token where node = 'sealed'",
    );
    assert.ok(row && !Buffer.from(row.sealed, 'base64').includes('secret'));
    assert.equal(await storeAt(1, 'sealed', 'another secret').load(), undefined);
    await postgres.query(
      url,
      "insert into redletter.token (node, slot, sealed) select 'copy', slot, sealed from redletter.token where node = 'sealed'",
    );
    assert.equal(await storeAt(1, 'copy').load(), undefined);
  });

  it(`are renewed ${RENEWALS} times by three replicas at once, each refresh token used once`, async () => {
    const spent = new Set<string>();
    await storeAt(0, 'rotating').save(tokens('0'));
    let twice = 0;
    /** A server that rotates: a refresh token that comes twice would end the sign-in. */
    const renew = (store: TokenStore): Promise<void> =>
      store.renewing(async (stored) => {
        const refreshToken = stored?.refreshToken ?? '';
        if (spent.has(refreshToken)) twice += 1;
        spent.add(refreshToken);
        await new Promise(setImmediate);
        await store.save(tokens(String(Number(refreshToken) + 1)));
      });
    const each = Math.ceil(RENEWALS / 3);
    await Promise.all(
      [0, 1, 2].map(async (replica) => {
        const store = storeAt(replica, 'rotating');
        for (let at = 0; at < each; at += 1) await renew(store);
      }),
    );
    assert.equal(twice, 0);
    assert.equal((await storeAt(0, 'rotating').load())?.refreshToken, String(3 * each));
  });

  it(`are renewed ${RENEWALS} times by three processes, one at a time`, async () => {
    let present = 0;
    let asking = 0;
    const wrong: string[] = [];
    // A server that rotates, and ends the sign-in where a refresh token comes twice.
    const server = createServer(async (request, response) => {
      asking += 1;
      if (asking > 1) wrong.push('two at once');
      const given = await text(request);
      if (given !== String(present)) wrong.push(`${given} instead of ${present}`);
      present += 1;
      await new Promise(setImmediate);
      asking -= 1;
      response.writeHead(wrong.length === 0 ? 200 : 400).end(String(present));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await storeAt(0, 'processes').save(tokens('0'));
      const renewals = Math.ceil(RENEWALS / 3);
      const { port } = server.address() as AddressInfo;
      const orders: RenewalOrders = {
        database: url,
        server: `http://127.0.0.1:${port}/`,
        node: 'processes',
        renewals,
      };
      const script = join(__dirname, 'renewal-child.ts');
      const args = ['--import', 'tsx', script, JSON.stringify(orders)];
      await Promise.all([1, 2, 3].map(() => promisify(execFile)(process.execPath, args)));
      assert.deepEqual(wrong, []);
      assert.equal((await storeAt(0, 'processes').load())?.refreshToken, String(3 * renewals));
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('that a stalled renewal brings late replace nothing', async () => {
    const [stalled, other] = [storeAt(0, 'stalled'), storeAt(1, 'stalled')];
    await stalled.save(tokens('old'));
    await assert.rejects(
      stalled.renewing(async () => {
        await postgres.query(
          url,
          "update redletter.token set renewing_until = now() - interval '1 s' where node = 'stalled'",
        );
        await other.renewing(() => other.save(tokens('new')));
        await stalled.save(tokens('late'));
      }),
      /another Node-RED/,
    );
    assert.equal((await other.load())?.refreshToken, 'new');
  });

  it('of a fresh sign-in win over a renewal under way', async () => {
    const [renewing, person] = [storeAt(0, 'person'), storeAt(1, 'person')];
    await renewing.save(tokens('old'));
    await assert.rejects(
      renewing.renewing(async () => {
        await person.save(tokens('signed in'));
        await renewing.save(tokens('renewed'));
      }),
      /another Node-RED/,
    );
    assert.equal((await person.load())?.refreshToken, 'signed in');
  });

  it('tell the other replicas when they change', async () => {
    const [one, other] = [storeAt(0, 'watched'), storeAt(1, 'watched')];
    const heard = new Promise<void>((resolve) => {
      other.watch?.(resolve);
    });
    await new Promise(setImmediate);
    await one.save(tokens('new'));
    await heard;
  });

  it('are renewed as soon as the database is there again, however often they were asked for meanwhile', async () => {
    const endpoint = await startTokenEndpoint(granted({ access_token: 'renewed' }));
    const { url: tokenUrl } = endpoint;
    const config: AccountConfig = {
      provider: 'custom',
      grant: 'authorization_code',
      clientId: 'client',
      tokenUrl,
    };
    let away = false;
    const database = async (): Promise<Database> => {
      if (away)
        throw new MailboxError('STORE', 'database-unavailable', { facts: { system: 'ECONNREFUSED' } });
      return databases[0] as Database;
    };
    const fleetTokens = new FleetTokens(database, SECRET, databases[0] as Database);
    const { source, giveBack } = new Accounts(fleetTokens).borrow('outage', config);
    try {
      await fleetTokens.store('outage', bindingOf(config)).save(tokens('expired'));
      await source.reload();
      away = true;
      // True of what happened: no sign-in server was asked, and a person need not sign in again.
      const said = { code: 'STORE', reason: 'database-unavailable', retryable: true };
      for (let asked = 0; asked < 3; asked += 1) await assert.rejects(source.token(), said);
      const unread = new Accounts(fleetTokens).borrow('outage', config);
      await assert.rejects(unread.source.token(), { ...said, facts: { network: 'ECONNREFUSED' } });
      assert.equal(unread.source.state.kind, 'waiting');
      await unread.giveBack();
      away = false;
      assert.equal((await source.token()).accessToken, 'renewed');
    } finally {
      await giveBack();
      await endpoint.close();
    }
  });

  it('of a sign-in or a sign-out reach the account on every replica', async () => {
    const config: AccountConfig = { provider: 'custom', grant: 'authorization_code', clientId: 'client' };
    const accountsAt = (replica: number): Accounts => {
      const database = databases[replica] as Database;
      return new Accounts(new FleetTokens(() => Promise.resolve(database), SECRET, database));
    };
    const [here, there] = [accountsAt(0), accountsAt(1)];
    const [mine, theirs] = [here.borrow('account', config), there.borrow('account', config)];
    await assert.rejects(theirs.source.token(), { reason: 'not-signed-in' });
    const stands = (kind: string): Promise<void> =>
      new Promise((resolve) => theirs.listen((state) => state.kind === kind && resolve()));
    const signedIn = stands('signed-in');
    const fresh = { ...tokens('person'), obtainedAt: Date.now(), expiresAt: Date.now() + 3_600_000 };
    await here.signedIn({ account: 'account', binding: bindingOf(config), tokens: fresh });
    await signedIn;
    assert.equal((await theirs.source.token()).accessToken, 'access person');
    const signedOut = stands('signed-out');
    await mine.source.revoke();
    await signedOut;
    await assert.rejects(theirs.source.token(), { reason: 'not-signed-in' });
    // Without tokens that are kept, there is nothing to learn from the others.
    const service = there.borrow('service', { ...config, grant: 'client_credentials' });
    await service.source.reload();
    assert.equal(service.source.state.kind, 'unknown');
    for (const loan of [mine, theirs, service]) await loan.giveBack();
  });
});

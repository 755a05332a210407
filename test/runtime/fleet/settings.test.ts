import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { Ledger, MailboxError, systemClock } from '../../../nodes/mailbox';
import { fleetSettings } from '../../../nodes/runtime/fleet';
import { Database } from '../../../nodes/runtime/fleet/database';
import { Fleet } from '../../../nodes/runtime/fleet/fleet';
import { databaseLog } from '../../../nodes/runtime/fleet/lines';
import { STEPS } from '../../../nodes/runtime/fleet/schema';
import { DatabaseSpool } from '../../../nodes/runtime/fleet/spool';
import { openLedgerRoom } from '../../../nodes/runtime/ledger-room';
import { needs } from '../../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { waitingSignIn } from '../../oauth2/sign-in-store-contract';
import { seen } from '../../oauth2/support';
import { QUICK, SECRET } from './drill';
import { openDatabase, Replica } from './support';

const URL_OF_DATABASE = 'postgres://user:canary@db.example.com/mail';
const asError =
  (code: string, reason: string, facts: Record<string, unknown> = {}) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof MailboxError);
    assert.deepEqual([error.code, error.reason], [code, reason]);
    for (const [name, fact] of Object.entries(facts)) assert.equal(error.facts[name], fact);
    assert.doesNotMatch(seen(error), /canary/);
    return true;
  };

describe('runtime/fleet: settings', () => {
  it('are an address, an object, or an environment variable where settings.js has none', () => {
    const made = {
      database: URL_OF_DATABASE,
      name: hostname().slice(0, 64),
      role: 'runtime',
      schema: 'redletter',
    };
    assert.deepEqual(fleetSettings(URL_OF_DATABASE, undefined), made);
    assert.deepEqual(fleetSettings({ database: URL_OF_DATABASE }, 'postgres://other'), made);
    for (const nothing of [undefined, null, ''])
      assert.deepEqual(fleetSettings(nothing, URL_OF_DATABASE), made);
    assert.deepEqual(fleetSettings({ role: 'editor' }, URL_OF_DATABASE), { ...made, role: 'editor' });
    const chosen = { database: { host: 'db', ssl: true }, name: 'mail-1', role: 'editor', schema: 'mail' };
    assert.deepEqual(fleetSettings(chosen, undefined), chosen);
  });

  it('switch nothing on where there are none, and load nothing then', async () => {
    for (const nothing of [undefined, null, '', false]) {
      assert.equal(fleetSettings(nothing, undefined), undefined);
      assert.equal(fleetSettings(nothing, ''), undefined);
    }
    const script = `
      const { openLedgerRoom } = require('./room.js');
      const room = openLedgerRoom({ folder: '.', clock: {}, settings: { get() {}, set() {} } });
      console.log(room.fleet === undefined, Object.keys(require.cache).some((file) => /fleet/.test(file)));`;
    assert.equal((await alone(script, { REDLETTER_FLEET: '' })).trim(), 'true false');
  });

  it('that say nothing usable are CONFIG, with the property and without its value', () => {
    const wrong: [unknown, string][] = [
      [{}, 'database'],
      [{ database: '' }, 'database'],
      [7, 'database'],
      [{ database: 7 }, 'database'],
      [true, 'database'],
      ['canary', 'database'],
      ['mysql://user:canary@db.example.com/mail', 'database'],
      [{ database: URL_OF_DATABASE, name: '' }, 'name'],
      [{ database: URL_OF_DATABASE, name: 'canary\0' }, 'name'],
      [{ database: URL_OF_DATABASE, name: 'x'.repeat(65) }, 'name'],
      [{ database: URL_OF_DATABASE, role: 'canary' }, 'role'],
      [{ database: URL_OF_DATABASE, schema: 'canary"; drop' }, 'schema'],
      [{ database: URL_OF_DATABASE, schema: 'Canary' }, 'schema'],
      [{ database: URL_OF_DATABASE, schema: 'pg_canary' }, 'schema'],
      [{ database: URL_OF_DATABASE, schema: 's'.repeat(56) }, 'schema'],
    ];
    for (const [setting, property] of wrong)
      assert.throws(
        () => fleetSettings(setting, undefined),
        asError('CONFIG', 'fleet-setting-wrong', { property }),
      );
  });

  it('wrong ones leave no mailbox to be checked without its fleet', async () => {
    const settings = { get: () => undefined, set: () => Promise.resolve() };
    const room = openLedgerRoom({ folder: tmpdir(), clock: systemClock, settings, fleet: { database: 7 } });
    const loan = room.ledgers.attend('node', 'box');
    await assert.rejects(loan.open(new AbortController().signal), asError('CONFIG', 'fleet-setting-wrong'));
    assert.equal(loan.mayDelete('mail'), false);
  });

  it('without the driver are CONFIG that names the command', async () => {
    const script = `
      const { Database } = require('./database.js');
      Database.open({ database: '${URL_OF_DATABASE}', schema: 'redletter', name: 'a', role: 'runtime' })
        .catch(({ code, reason, facts }) => console.log(JSON.stringify({ code, reason, facts })));`;
    assert.deepEqual(JSON.parse(await alone(script)), {
      code: 'CONFIG',
      reason: 'fleet-driver-missing',
      facts: { command: 'npm install pg' },
    });
  });

  /** Runs a script beside the bundled rooms in a folder where no package is installed. */
  async function alone(script: string, env: Record<string, string> = {}): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'redletter-alone-'));
    const room = join(__dirname, '..', '..', '..', 'nodes', 'runtime');
    try {
      await build({
        entryPoints: { database: join(room, 'fleet', 'database.ts'), room: join(room, 'ledger-room.ts') },
        outdir: folder,
        bundle: true,
        platform: 'node',
        external: ['pg', './fleet'],
        logLevel: 'silent',
      });
      const { NODE_PATH: _, ...rest } = process.env;
      const options = { cwd: folder, env: { ...rest, ...env } };
      return (await promisify(execFile)(process.execPath, ['-e', script], options)).stdout;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
});

describe('runtime/fleet: the database that is named', function () {
  this.timeout(60_000);
  let postgres: Postgres;
  let url: string;
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
  });
  after(() => postgres?.stop());
  beforeEach(async () => {
    url = await postgres.database();
  });
  const as = (user: string): string => url.replace('postgres@', `${user}@`);

  it('is never told with its password, whatever is wrong with it', async () => {
    const { host } = new URL(url);
    const cases: [string, string, string][] = [
      ['postgres://user:canary@127.0.0.1:1/mail', 'STORE', 'database-unavailable'],
      ['postgres://user:canary@127.0.0.1:not-a-port/mail', 'CONFIG', 'fleet-setting-wrong'],
      [`postgres://nobody-like-that:canary@${host}/mail`, 'CONFIG', 'fleet-database-refused'],
      [`postgres://postgres:canary@${host}/no_such_database`, 'CONFIG', 'fleet-database-refused'],
      ['postgres://user:canary@host.invalid/mail?sslmode=require', 'STORE', 'database-unavailable'],
    ];
    for (const [address, code, reason] of cases)
      await assert.rejects(openDatabase(address), asError(code, reason), address);
  });

  it('says in its own words why it refuses a connection', async () => {
    const facts = { system: '3D000: database "no_such_database" does not exist' };
    const { host } = new URL(url);
    await assert.rejects(
      openDatabase(`postgres://postgres@${host}/no_such_database`),
      asError('CONFIG', 'fleet-database-refused', facts),
    );
  });

  it('holds the fleet in a schema of any name that is allowed, and replicas hear each other there', async () => {
    for (const schema of ['user', 's'.repeat(55)]) {
      const database = await openDatabase(url, schema);
      try {
        await database.listen('sign_in');
        const heard = once(database, 'notice');
        await database.notify('sign_in', 'a text');
        assert.deepEqual(await heard, ['sign_in', 'a text']);
      } finally {
        await database.close();
      }
    }
  });

  it('of a newer version is refused, with both versions, and stays as it is', async () => {
    await (await openDatabase(url)).close();
    await postgres.query(url, 'update redletter.schema_version set version = 99');
    const facts = { schema: 'redletter', version: 99 };
    await assert.rejects(openDatabase(url), asError('CONFIG', 'fleet-schema-newer', facts));
    const left = await postgres.query(url, 'select version from redletter.schema_version');
    assert.deepEqual(left, [{ version: 99 }]);
  });

  it('needs no more rights than the guide says: a schema of its own', async () => {
    await postgres.query(url, 'create role least login');
    await postgres.query(url, 'create role stranger login');
    await assert.rejects(openDatabase(as('least')), asError('CONFIG', 'fleet-database-refused'));
    await postgres.query(url, 'create schema redletter authorization least');
    const database = await openDatabase(as('least'));
    const again = await openDatabase(as('least'));
    try {
      const replica = new Replica(database, 'a').attend('box');
      replica.mailboxes = ['box'];
      await replica.tick();
      await replica.tick();
      assert.deepEqual(replica.owned, ['box']);
      const lease = replica.leases.lease('box') ?? assert.fail();
      const ledger = await Ledger.open(databaseLog(again, lease, 'node', () => undefined));
      await ledger.recordBaseline(['u1']);
      await ledger.close();
      const spool = await DatabaseSpool.open(database, lease, 'node', () => undefined);
      async function* body(): AsyncIterable<Buffer> {
        yield Buffer.from('Subject: a\r\n\r\n');
      }
      const facts = () => ({ whole: true });
      await spool.put({ number: 1, uid: 'a', key: 'ua', ambiguous: false }, body(), facts);
      await spool.remove('ua');
      await replica.stop();
      await assert.rejects(openDatabase(as('stranger')), asError('CONFIG', 'fleet-database-refused'));
    } finally {
      await database.close();
      await again.close();
    }
    // Everything else of a replica: secret, notices, tokens, sign-ins, words.
    const fleet = new Fleet({
      settings: { database: as('least'), name: 'b', role: 'runtime', schema: 'redletter' },
      secret: SECRET,
      version: '1',
      clock: systemClock,
      pace: QUICK,
    });
    const store = fleet.tokens.store('account', 'binding');
    await store.save({ accessToken: 'a', obtainedAt: 1, expiresAt: 2, signedInAt: 1 });
    assert.equal((await store.load())?.accessToken, 'a');
    await fleet.signIns.add(waitingSignIn('a', Date.now()));
    assert.ok(await fleet.signIns.take('a', 'state'));
    assert.equal(await fleet.acknowledge('node', 'no-such-delivery', 'done'), 'unknown');
    assert.equal(fleet.trouble, undefined);
    await fleet.close();
    const outside = await postgres.query(
      url,
      "select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname = 'public'",
    );
    assert.deepEqual(outside, [], 'nothing is made outside the schema');
  });

  it('of another credentialSecret is refused', async () => {
    const member = (secret: string | undefined) =>
      new Fleet({
        settings: { database: url, name: 'a', role: 'runtime', schema: 'redletter' },
        secret,
        version: '1',
        clock: systemClock,
        pace: QUICK,
      });
    const troubleOf = async (secret: string | undefined): Promise<MailboxError | undefined> => {
      const fleet = member(secret);
      await fleet.tokens
        .store('a', 'b')
        .load()
        .catch(() => undefined);
      const { trouble } = fleet;
      await fleet.close();
      return trouble;
    };
    assert.equal(await troubleOf('one canary'), undefined);
    assert.ok(asError('CONFIG', 'fleet-secret-different')(await troubleOf('another canary')));
    assert.ok(asError('CONFIG', 'fleet-secret-missing')(await troubleOf(undefined)));
    const [row] = await postgres.query<{ secret: string }>(url, 'select secret from redletter.fleet');
    assert.doesNotMatch(row?.secret ?? '', /canary/);
  });

  it('is upgraded while an older replica runs, which goes on and is refused at its next start', async () => {
    const older = await openDatabase(url);
    const replica = new Replica(older, 'older').attend('box');
    replica.mailboxes = ['box'];
    await replica.tick();
    await replica.tick();
    const steps = STEPS as string[];
    const known = steps.length;
    // As a later version has it.
    steps.push('alter table mailbox add column later text');
    try {
      await (await openDatabase(url)).close();
    } finally {
      steps.pop();
    }
    await replica.tick();
    assert.deepEqual(replica.owned, ['box']);
    const lease = replica.leases.lease('box') ?? assert.fail();
    const ledger = await Ledger.open(databaseLog(older, lease, 'node', () => undefined));
    await ledger.recordBaseline(['u1']);
    await ledger.close();
    const facts = { schema: 'redletter', version: known + 1, known };
    await assert.rejects(openDatabase(url), asError('CONFIG', 'fleet-schema-newer', facts));
    await replica.stop();
    await older.close();
  });

  it('is upgraded by several replicas that start at once, one of them', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => openDatabase(url)));
    for (const database of all) await database.close();
    const [row] = await postgres.query(url, 'select count(*)::int as n from redletter.schema_version');
    assert.deepEqual(row, { n: 1 });
    assert.ok(all.every((database) => database instanceof Database));
  });
});

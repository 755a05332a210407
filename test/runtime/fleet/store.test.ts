import assert from 'node:assert/strict';
import { Ledger, MailboxError } from '../../../nodes/mailbox';
import type { Database } from '../../../nodes/runtime/fleet/database';
import type { Lease } from '../../../nodes/runtime/fleet/leases';
import { databaseLog } from '../../../nodes/runtime/fleet/lines';
import { DatabaseSpool } from '../../../nodes/runtime/fleet/spool';
import { needs } from '../../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { logContract } from '../../mailbox/store/log-contract';
import { spoolContract } from '../../mailbox/store/spool-contract';
import { openDatabase } from './support';

const OWNER = '11111111-1111-4111-8111-111111111111';
const OTHER = '22222222-2222-4222-8222-222222222222';

describe('runtime/fleet: ledger and spool', function () {
  this.timeout(60_000);
  let postgres: Postgres;
  let url: string;
  let database: Database;
  let boxes = 0;
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
    url = await postgres.database();
    database = await openDatabase(url);
  });
  after(async () => {
    await database?.close();
    await postgres?.stop();
  });

  /** A mailbox of its own, owned. */
  const newLease = async (): Promise<Lease> => {
    boxes += 1;
    const mailbox = `box${boxes}`;
    await postgres.query(url, 'insert into redletter.mailbox (id, replica, term) values ($1, $2, 7)', [
      mailbox,
      OWNER,
    ]);
    return { mailbox, replica: OWNER, term: '7' };
  };
  /** Another replica takes it. */
  const take = (lease: Lease): Promise<unknown> =>
    postgres.query(url, 'update redletter.mailbox set replica = $2, term = term + 1 where id = $1', [
      lease.mailbox,
      OTHER,
    ]);

  describe('the log', () => {
    logContract(async () => {
      const lease = await newLease();
      return {
        open: databaseLog(database, lease, 'node', () => undefined),
        breakDown: async () => {
          await postgres.query(url, 'alter table redletter.line rename to away');
          return async () => {
            await postgres.query(url, 'alter table redletter.away rename to line');
          };
        },
      };
    });

    it('takes nothing from an earlier owner, and says so once', async () => {
      const lease = await newLease();
      let fenced = 0;
      const ledger = await Ledger.open(
        databaseLog(database, lease, 'node', () => {
          fenced += 1;
        }),
      );
      await ledger.recordBaseline(['old']);
      await ledger.recordIntents(['mail']);
      await take(lease);
      const elsewhere = (error: unknown): boolean =>
        error instanceof MailboxError && error.reason === 'owned-elsewhere';
      await assert.rejects(ledger.recordIntents(['other']), elsewhere);
      await assert.rejects(ledger.markDone('mail'), elsewhere);
      await ledger.close();
      assert.equal(fenced, 1);
      const next = await Ledger.open(
        databaseLog(database, { ...lease, replica: OTHER, term: '8' }, 'node', () => undefined),
      );
      assert.deepEqual([next.openDelivery('mail')?.deliveries, next.openDelivery('other')], [1, undefined]);
      assert.deepEqual(next.interrupted, ['mail']);
      await next.close();
    });

    it('has an intent after a power failure of the database, and is written to again after it', async () => {
      const lease = await newLease();
      const open = () => Ledger.open(databaseLog(database, lease, 'node', () => undefined));
      const ledger = await open();
      await ledger.recordBaseline([]);
      const keys = Array.from({ length: 64 }, (_, at) => `u${at}`);
      await ledger.recordIntents(keys);
      await Promise.all(keys.slice(0, 10).map((key) => ledger.markDone(key)));
      await postgres.kill();
      await assert.rejects(
        ledger.recordIntents(['never']),
        (error) => (error as MailboxError).reason === 'database-unavailable',
      );
      await assert.rejects(ledger.markDone('u10'));
      await postgres.start();
      await ledger.markDone('u11');
      await ledger.close();
      const again = await open();
      for (const key of keys) assert.ok(again.isKnown(key) || again.openDelivery(key)?.deliveries === 1, key);
      assert.ok(again.isKnown('u10') && again.isKnown('u11') && again.openDelivery('never') === undefined);
      await again.close();
    });

    it('reads lines in the order in which they were given, however many there are', async () => {
      const lease = await newLease();
      const lines: number[] = [];
      const open = () =>
        databaseLog(
          database,
          lease,
          'node',
          () => undefined,
        )<{ at: number }>({
          format: 'numbers',
          version: 1,
          apply: ({ at }) => lines.push(at),
          snapshot: () => ({ at: -1 }),
          isSnapshot: ({ at }) => at < 0,
        });
      const log = await open();
      // More than two pages.
      const all = Array.from({ length: 2_300 }, (_, at) => at);
      await Promise.all(all.map((at) => log.atOnce({ at })));
      await log.close();
      lines.length = 0;
      await (await open()).close();
      assert.deepEqual(lines, all);
    });

    it('writes a line once, though the answer was lost', async () => {
      const lease = await newLease();
      let lose = false;
      const flaky = {
        name: 'flaky',
        bulk: database.bulk.bind(database),
        query: (async (prepared, values) => {
          const rows = await database.query(prepared, values);
          if (!lose) return rows;
          lose = false;
          throw new MailboxError('STORE', 'database-unavailable');
        }) as Database['query'],
      };
      const ledger = await Ledger.open(databaseLog(flaky, lease, 'node', () => undefined));
      await ledger.recordIntents(['a']);
      await ledger.recordIntents(['a']);
      lose = true;
      await assert.rejects(ledger.withdrawIntents(['a']));
      await ledger.close();
      const next = await Ledger.open(databaseLog(database, lease, 'node', () => undefined));
      assert.equal(next.openDelivery('a')?.deliveries, 1, 'taken back once');
      await next.close();
    });
  });

  describe('the spool', () => {
    spoolContract(async () => {
      const lease = await newLease();
      return {
        open: () => DatabaseSpool.open(database, lease, 'node', () => undefined),
        loseBytes: async () => {
          await postgres.query(url, 'delete from redletter.chunk where mailbox = $1', [lease.mailbox]);
        },
      };
    });

    async function* zeros(bytes: number): AsyncIterable<Buffer> {
      for (let at = 0; at < bytes; at += 60_000) yield Buffer.alloc(Math.min(60_000, bytes - at));
    }
    const mail = (uid: string) => ({ number: 1, uid, key: `u${uid}`, ambiguous: false });
    const whole = () => ({ whole: true });

    it('lists mails in the order in which they came, however many there are', async () => {
      const lease = await newLease();
      const open = () => DatabaseSpool.open(database, lease, 'node', () => undefined);
      const spool = await open();
      // Counted from a number of one digit fewer.
      await postgres.query(url, "select setval('redletter.put', 99996)");
      const keys = Array.from({ length: 6 }, (_, at) => `u${at}`);
      for (const key of keys)
        await spool.put(
          { number: 1, uid: key, key, ambiguous: false },
          (async function* () {
            yield Buffer.from(key);
          })(),
          () => ({ whole: true }),
        );
      assert.deepEqual(
        (await open()).all().map(({ key }) => key),
        keys,
      );
    });

    it('refuses more than it may hold, and keeps nothing of that mail', async () => {
      const lease = await newLease();
      const spool = await DatabaseSpool.open(database, lease, 'node', () => undefined, 1_000_000);
      await spool.put(mail('a'), zeros(700_000), whole);
      await assert.rejects(spool.put(mail('b'), zeros(700_000), whole), /spool-full/);
      assert.equal(spool.size, 1);
      const again = await DatabaseSpool.open(database, lease, 'node', () => undefined);
      const rows = await postgres.query(url, 'select distinct name from redletter.chunk where mailbox = $1', [
        lease.mailbox,
      ]);
      assert.deepEqual([again.size, rows.length], [1, 1], 'the half of it was cleaned up');
    });

    it('takes and removes nothing for an earlier owner', async () => {
      const lease = await newLease();
      const spool = await DatabaseSpool.open(database, lease, 'node', () => undefined);
      await spool.put(mail('a'), zeros(10), whole);
      await take(lease);
      await assert.rejects(spool.put(mail('b'), zeros(10), whole), /owned-elsewhere/);
      await assert.rejects(spool.remove('ua'), /owned-elsewhere/);
      const next = await DatabaseSpool.open(
        database,
        { ...lease, replica: OTHER, term: '8' },
        'node',
        () => undefined,
      );
      assert.deepEqual(
        next.all().map(({ uid }) => uid),
        ['a'],
      );
    });
  });
});

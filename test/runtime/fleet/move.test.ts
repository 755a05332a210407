import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSpool, fileLog, Ledger, MailboxError, systemClock } from '../../../nodes/mailbox';
import type { Database } from '../../../nodes/runtime/fleet/database';
import { databaseLog } from '../../../nodes/runtime/fleet/lines';
import { LocalLedgers } from '../../../nodes/runtime/fleet/move';
import { DatabaseSpool } from '../../../nodes/runtime/fleet/spool';
import { Ledgers } from '../../../nodes/runtime/ledgers';
import { fileOf } from '../../../nodes/runtime/mailbox-name';
import { needs } from '../../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { openDatabase } from './support';

const OWNER = '11111111-1111-4111-8111-111111111111';

describe('runtime/fleet: ledgers kept in files before', function () {
  this.timeout(60_000);
  let postgres: Postgres;
  let database: Database;
  let folder: string;
  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
    const url = await postgres.database();
    database = await openDatabase(url);
    await postgres.query(url, "insert into redletter.mailbox (id, replica, term) values ('box', $1, 1)", [
      OWNER,
    ]);
    folder = await mkdtemp(join(tmpdir(), 'redletter-move-'));
  });
  after(async () => {
    await database?.close();
    await postgres?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  it('come into the database mail by mail, once, and without the fleet nothing starts again', async () => {
    const lease = { mailbox: 'box', replica: OWNER, term: '1' };
    const old = await Ledger.open(fileLog(fileOf(folder, 'node', 'box', 'ledger')));
    await old.recordBaseline(['u1', 'u2']);
    await old.recordIntents(['u3', 'u4']);
    await old.markDone('u3');
    await old.close();
    const mails = await FileSpool.open(fileOf(folder, 'node', 'box', 'spool'));
    async function* body(): AsyncIterable<Buffer> {
      yield Buffer.from('Subject: four\r\n\r\nhello\r\n');
    }
    await mails.put({ number: 4, uid: '4', key: 'u4', ambiguous: false }, body(), () => ({
      whole: true,
      fingerprint: 'f',
      listedBytes: 99,
      incomplete: true,
    }));
    await mails.sync();

    const log = databaseLog(database, lease, 'node', () => undefined);
    const openSpool = () => DatabaseSpool.open(database, lease, 'node', () => undefined);
    const local = new LocalLedgers(folder, systemClock);
    const { signal } = new AbortController();
    await local.bringIn('node', 'box', log, openSpool, signal);
    await local.bringIn('node', 'box', log, openSpool, signal);

    const ledger = await Ledger.open(log);
    assert.ok(ledger.hasBaseline);
    assert.deepEqual(
      ['u1', 'u2', 'u3', 'u4', 'u5'].map((key) => ledger.state(key)),
      ['baseline', 'baseline', 'processed', undefined, undefined],
    );
    assert.equal(ledger.openDelivery('u4')?.deliveries, 1, 'the next delivery is marked');
    await ledger.close();
    const spool = await openSpool();
    assert.deepEqual(
      spool.all(),
      (await FileSpool.open(`${fileOf(folder, 'node', 'box', 'spool')}.moved`)).all(),
    );
    assert.deepEqual((await readdir(folder)).sort(), ['node-box.ledger.moved', 'node-box.spool.moved']);

    const alone = new Ledgers(folder, systemClock).attend('node', 'box');
    await assert.rejects(
      alone.open(signal),
      (error) => error instanceof MailboxError && error.code === 'CONFIG' && error.reason === 'ledger-moved',
    );
    await alone.giveBack();
  });
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, FileSpool, fileLog, Ledger, MailboxError } from '../../../nodes/mailbox';
import { LedgerState } from '../../../nodes/mailbox/store/ledger-state';
import { spooledBytes } from '../../../nodes/mailbox/store/spool';
import { keptSettings } from '../../../nodes/node-red/user-directory';
import { Database } from '../../../nodes/runtime/fleet/database';
import { Inbox } from '../../../nodes/runtime/fleet/inbox';
import {
  exportFiles,
  FleetRunning,
  importFiles,
  type TransferOptions,
} from '../../../nodes/runtime/fleet/transfer';
import { FolderLock } from '../../../nodes/runtime/folder-lock';
import { fileOf, storedNode } from '../../../nodes/runtime/mailbox-name';
import { TokenVault } from '../../../nodes/runtime/token-vault';
import { endChild, startChild } from '../../../servers/child';
import { needs } from '../../../servers/needs';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { Replica } from './support';

/** Interrupted at each so many statements; 1 on demand. */
const EVERY = Number(process.env.REDLETTER_FLEET_EVERY ?? 9);
const SECRET = 'a secret of the whole fleet';
/** As an old Node-RED named nodes, and as a new one does. */
const NODES = ['1a2b3c4d.5e6f', 'f00dcafe12345678'];
const BOX = '0123456789abcdef';
const BINDING = '{"provider":"custom","user":"ada@example.test"}';
const TOKENS = { accessToken: 'at', refreshToken: 'rt', expiresAt: 2e12, obtainedAt: 1e12, signedInAt: 1e12 };

/** Waits that take seconds in life, such as for a lock that was left behind, take a hundredth. */
const quick: Clock = {
  now: Date.now,
  setTimeout: (run, ms) => setTimeout(run, ms / 100),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Everything that a user directory remembers, as a value. */
async function rememberedIn(userDir: string): Promise<object> {
  const folder = join(userDir, 'redletter');
  const ledgers: Record<string, object> = {};
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.ledger'))) {
    const state = new LedgerState();
    const log = await fileLog(join(folder, file))({
      format: 'redletter-ledger',
      version: 1,
      apply: (record) => state.apply(record as never),
      snapshot: () => state.snapshot() as never,
      isSnapshot: (record) => (record as { is?: string }).is === 'snapshot',
    });
    await log.abandon();
    const spool = await FileSpool.open(join(folder, file.replace(/ledger$/, 'spool')));
    const mails = spool
      .all()
      .map(async (mail) => ({ ...mail, raw: sha256(await spooledBytes(spool, mail.key)) }));
    ledgers[file] = { ...state.snapshot(), mails: await Promise.all(mails) };
  }
  const vault = new TokenVault({ settings: keptSettings(userDir), secret: SECRET });
  return { ledgers, tokens: vault.all() };
}

/** Two nodes on one mailbox, mail in every state a ledger has, and an account. */
async function fill(userDir: string): Promise<void> {
  const folder = join(userDir, 'redletter');
  await mkdir(folder, { recursive: true });
  for (const [at, node] of NODES.entries()) {
    const ledger = await Ledger.open(fileLog(fileOf(folder, node, BOX, 'ledger')), () => 1_700_000_000_000);
    await ledger.recordBaseline(['u1', 'u2']);
    await ledger.recordIntents(['u3', 'u4', 'u5', 'u6']);
    await ledger.markDone('u3', 'processed', { fingerprint: 'print', bytes: 12 });
    await ledger.markDone('u5', 'quarantined');
    await ledger.recordPause(at === 1);
    await ledger.rest();
    // As a crash leaves it: u4 and u6 are under way.
    await ledger.abandon();
    const spool = await FileSpool.open(fileOf(folder, node, BOX, 'spool'));
    for (const key of ['u4', 'u6']) {
      const body = (async function* (): AsyncIterable<Buffer> {
        yield Buffer.from(`Subject: ${key}\r\n\r\n`);
        yield Buffer.alloc(300_000, key);
      })();
      const facts = { whole: true, fingerprint: key, listedBytes: 99 };
      await spool.put(
        { number: Number(key.slice(1)), uid: key.slice(1), key, ambiguous: false },
        body,
        () => facts,
      );
    }
  }
  await writeFile(
    join(userDir, 'settings.js'),
    `module.exports = { credentialSecret: ${JSON.stringify(SECRET)} };\n`,
  );
  const vault = new TokenVault({ settings: keptSettings(userDir), secret: SECRET });
  await vault.store('account', BINDING).save(TOKENS);
}

describe('runtime/fleet: import and export', function () {
  this.timeout(EVERY === 1 ? 900_000 : 60_000);
  let postgres: Postgres;
  let url: string;
  let root: string;
  let original: object;
  let folders = 0;
  let schemas = 0;

  before(async function () {
    needs(postgresMissing).call(this);
    postgres = await startPostgres();
    url = await postgres.database();
    root = await mkdtemp(join(tmpdir(), 'redletter-transfer-'));
    await fill(join(root, 'original'));
    original = await rememberedIn(join(root, 'original'));
  });
  after(async () => {
    await postgres?.stop();
    if (root) await rm(root, { recursive: true, force: true });
  });

  const copyOf = async (other: string): Promise<string> => {
    folders += 1;
    const userDir = join(root, `copy${folders}`);
    await cp(other, userDir, { recursive: true });
    return userDir;
  };
  const copy = () => copyOf(join(root, 'original'));
  const empty = async (): Promise<string> => {
    folders += 1;
    const userDir = join(root, `empty${folders}`);
    await mkdir(userDir);
    return userDir;
  };
  /** A fleet of its own. */
  const newSchema = (): string => {
    schemas += 1;
    return `fleet${schemas}`;
  };
  const optionsOf = (userDir: string, schema: string): TransferOptions => ({
    fleet: { database: url, schema, name: 'test', role: 'runtime' },
    secret: SECRET,
    folder: join(userDir, 'redletter'),
    settings: keptSettings(userDir),
    clock: quick,
  });

  /** A command that was killed has run out, as it has after eight seconds. */
  const buried = async (schema: string): Promise<void> => {
    await postgres.query(url, `update ${schema}.replica set died = clock_timestamp() where died is null`);
  };

  it('there and back, everything is as it was, however often it is asked for', async () => {
    const [from, to, schema] = [await copy(), await empty(), newSchema()];
    const counted = { ledgers: 2, waiting: 4, accounts: 1, unreadable: 0 };
    assert.deepEqual(await importFiles(optionsOf(from, schema)), counted);
    const nothing = { ledgers: 0, waiting: 0, accounts: 0, unreadable: 0 };
    assert.deepEqual(await importFiles(optionsOf(from, schema)), nothing);
    assert.deepEqual(await rememberedIn(from), { ledgers: {}, tokens: { kept: [], unreadable: 0 } });
    const left = await readdir(join(from, 'redletter'));
    assert.ok(
      left.every((name) => name.endsWith('.moved') || name === 'tokens'),
      left.join(),
    );

    // Into another folder, then once more in the one it came from.
    assert.deepEqual(await exportFiles(optionsOf(to, schema)), counted);
    assert.deepEqual(await exportFiles(optionsOf(to, schema)), nothing);
    assert.deepEqual(await rememberedIn(to), original);
    await importFiles(optionsOf(to, schema));
    await exportFiles(optionsOf(from, schema));
    assert.deepEqual(await rememberedIn(from), original);
    assert.ok((await readdir(join(from, 'redletter'))).every((name) => !name.endsWith('.moved')));
    for (const table of ['log', 'line', 'spooled', 'chunk'])
      assert.deepEqual(await postgres.query(url, `select * from ${schema}.${table}`), [], table);
  });

  it('interrupted at any statement and repeated, nothing is lost and nothing comes twice', async () => {
    const { query, bulk } = Database.prototype;
    let left = Number.POSITIVE_INFINITY;
    for (const [name, method] of [
      ['query', query],
      ['bulk', bulk],
    ] as const)
      Database.prototype[name] = async function counted(prepared, values) {
        left -= 1;
        if (left === 0) throw new MailboxError('STORE', 'database-unavailable');
        const rows = await method.call(this, prepared, values);
        // The statement was carried out, and its answer was lost.
        if (left === -1) throw new MailboxError('STORE', 'database-unavailable');
        return rows as never;
      };
    /** Runs it whole after it was interrupted at this statement; false where it has fewer. */
    const interrupted = async (run: () => Promise<unknown>, at: number): Promise<boolean> => {
      left = at;
      const failed = await run().then(
        () => false,
        () => true,
      );
      left = Number.POSITIVE_INFINITY;
      await buried(schema);
      await run();
      return failed;
    };
    const schema = newSchema();
    try {
      for (let at = 2, more = true; more; at += EVERY) {
        const [from, to] = [await copy(), await empty()];
        more = await interrupted(() => importFiles(optionsOf(from, schema)), at);
        more = (await interrupted(() => exportFiles(optionsOf(to, schema)), at)) || more;
        assert.deepEqual(await rememberedIn(to), original, `statement ${at}`);
      }
    } finally {
      Object.assign(Database.prototype, { query, bulk });
    }
  });

  it('killed in the middle and repeated, everything is there', async () => {
    const [from, to, schema] = [await copy(), await empty(), newSchema()];
    const script = join(__dirname, '..', '..', '..', 'nodes', 'redletter-fleet.ts');
    const args = ['import', '--user-dir', from, '--database', url, '--schema', schema];
    const command = startChild(process.execPath, ['--import', 'tsx', script, ...args], { stdio: 'pipe' });
    const [said] = await once(command.stdout as NodeJS.ReadableStream, 'data');
    await endChild(command, 'SIGKILL');
    assert.match(
      String(said),
      /^node \w+, mailbox \w+: 6 emails remembered, 2 waiting for acknowledgement\n$/,
    );
    assert.ok(existsSync(join(from, 'redletter', 'lock')), 'it was not killed in the middle');
    // A busy machine may kill it only after the second ledger, too.
    const left = (await readdir(join(from, 'redletter'))).filter((name) => name.endsWith('.ledger')).length;
    assert.ok(left < NODES.length, 'it was killed before it had moved anything');
    await buried(schema);
    assert.equal((await importFiles(optionsOf(from, schema))).ledgers, left);
    await exportFiles(optionsOf(to, schema));
    assert.deepEqual(await rememberedIn(to), original);
  });

  it('says what is wrong with its settings or options, and what to do', async () => {
    const from = await copy();
    const script = join(__dirname, '..', '..', '..', 'nodes', 'redletter-fleet.ts');
    const { REDLETTER_FLEET: _, ...env } = process.env;
    const cases: [settings: string, options: string[], said: RegExp][] = [
      ["throw new Error('my own error')", [], /settings\.js cannot be read: my own error\. Correct it/],
      [
        'module.exports = () => ({})',
        [],
        /settings\.js does not export an object with settings\. Correct it/,
      ],
      ['module.exports = null', [], /settings\.js does not export an object with settings\. Correct it/],
      ["module.exports = { credentialSecret: 'x' }", [], /No database is set\. Name it with --database\./],
      [
        "module.exports = { credentialSecret: 'x', redletter: { fleet: false } }",
        [],
        /No database is set\. Name it with --database\./,
      ],
      [
        "module.exports = { credentialSecret: 'x' }",
        ['--database', url, '--schema', 'A b'],
        /The schema of the fleet is not valid\. Correct redletter\.fleet\.schema in the settings file or the options/,
      ],
      [
        "module.exports = { credentialSecret: 'x' }",
        ['--database', 'postgres://user:canary@127.0.0.1:1/mail'],
        /The database 127\.0\.0\.1:1\/mail is not available \(ECONNREFUSED\)\. Run the command again when it responds\./,
      ],
    ];
    for (const [settings, options, said] of cases) {
      await writeFile(join(from, 'settings.js'), settings);
      const command = startChild(
        process.execPath,
        ['--import', 'tsx', script, 'import', '--user-dir', from, ...options],
        { stdio: 'pipe', env },
      );
      let told = '';
      command.stderr?.on('data', (bytes: Buffer) => {
        told += bytes;
      });
      const [code] = await once(command, 'close');
      assert.match(told, said);
      assert.doesNotMatch(told, /canary/);
      assert.ok(code > 0);
    }
    assert.deepEqual(await rememberedIn(from), original);
  });

  it('is refused while a Node-RED uses the folder, or is in the fleet', async () => {
    const [from, schema] = [await copy(), newSchema()];
    const options = optionsOf(from, schema);
    for (const folder of [options.folder, join(options.folder, 'tokens')]) {
      const lock = new FolderLock(folder, quick);
      await lock.acquire(new AbortController().signal);
      const inUse = (error: unknown): boolean =>
        error instanceof MailboxError && error.reason === 'folder-in-use';
      await assert.rejects(importFiles(options), inUse);
      await assert.rejects(exportFiles(options), inUse);
      await lock.release();
    }
    const database = await Database.open(options.fleet);
    const replica = new Replica(database, 'mail-1');
    await replica.tick();
    const running = (error: unknown): boolean =>
      error instanceof FleetRunning && error.names.join() === 'mail-1';
    await assert.rejects(importFiles(options), running);
    await assert.rejects(exportFiles(options), running);
    await replica.stop();
    await database.close();
    assert.deepEqual(await rememberedIn(from), original);
  });

  it('merges with what the database has: processed in either is processed', async () => {
    const [one, other, to, schema] = [await copy(), await copy(), await empty(), newSchema()];
    const node = NODES[0] as string;
    const ledger = await Ledger.open(fileLog(fileOf(join(other, 'redletter'), node, BOX, 'ledger')));
    await ledger.markDone('u4');
    await ledger.recordIntents(['u7']);
    await ledger.close();
    const again = [await copyOf(other), await copyOf(one)];
    // The other way round the mail of the first is in the database when the second comes.
    for (const froms of [[one, other], again]) {
      for (const userDir of froms) await importFiles(optionsOf(userDir, schema));
      await exportFiles(optionsOf(to, schema));
      const merged = await Ledger.open(fileLog(fileOf(join(to, 'redletter'), node, BOX, 'ledger')));
      const states = ['u1', 'u3', 'u4', 'u5', 'u6', 'u7'].map((key) => merged.state(key));
      assert.deepEqual(states, ['baseline', 'processed', 'processed', 'quarantined', undefined, undefined]);
      assert.deepEqual(
        ['u4', 'u6', 'u7'].map((key) => merged.openDelivery(key)?.deliveries),
        [undefined, 1, 1],
      );
      await merged.abandon();
      await rm(join(to, 'redletter'), { recursive: true });
    }
  });

  it('applies acknowledgements that no owner has read', async () => {
    const [from, to, schema] = [await copy(), await empty(), newSchema()];
    await importFiles(optionsOf(from, schema));
    const database = await Database.open(optionsOf(from, schema).fleet);
    const folder = join(root, 'original', 'redletter');
    const [node = ''] = NODES;
    const [mail] = (await readdir(fileOf(folder, node, BOX, 'spool'))).sort();
    assert.equal(await new Inbox(database).acknowledge(node, `${mail}-x`, 'done'), 'accepted');
    await database.close();
    await exportFiles(optionsOf(to, schema));
    const spool = await FileSpool.open(fileOf(join(to, 'redletter'), node, BOX, 'spool'));
    assert.equal(spool.size, 1);
    const ledger = await Ledger.open(fileLog(fileOf(join(to, 'redletter'), node, BOX, 'ledger')));
    const key = ['u4', 'u6'].find((one) => one !== spool.all()[0]?.key) as string;
    assert.equal(ledger.state(key), 'processed');
    assert.equal(storedNode(node), '1a2b3c4d_5e6f');
    await ledger.abandon();
  });
});

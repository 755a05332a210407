import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MailboxError, type MailboxParts } from '../../nodes/mailbox';
import { KnownMailboxes } from '../../nodes/runtime/known-mailboxes';
import { Ledgers } from '../../nodes/runtime/ledgers';
import { mailboxId } from '../../nodes/runtime/mailbox-name';
import { cleanUp, newFolder, TestClock } from '../../servers/mailbox-checker';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the ledgers of a runtime', () => {
  const { signal } = new AbortController();
  let folder: string;
  let clock: TestClock;
  let ledgers: Ledgers;
  const loans: { giveBack(): Promise<void> }[] = [];
  const attend = (node: string, mailbox = 'm'): ReturnType<Ledgers['attend']> => {
    const loan = ledgers.attend(node, mailbox);
    loans.push(loan);
    return loan;
  };
  beforeEach(async () => {
    folder = join(await newFolder(), 'redletter');
    clock = new TestClock();
    ledgers = new Ledgers(folder, clock);
  });
  afterEach(async () => {
    for (const loan of loans.splice(0)) await loan.giveBack();
    assert.deepEqual(clock.waits, [], 'a timer is left');
  });
  after(cleanUp);

  it('are one for each node and mailbox, in a locked folder', async () => {
    const same = [attend('a'), attend('a')];
    const [first, second] = await Promise.all(same.map((loan) => loan.open(signal)));
    assert.equal(first, second, 'an old instance and a new one of a node');
    assert.notEqual(await attend('b').open(signal), first);
    assert.notEqual(await attend('a', 'another').open(signal), first);
    assert.deepEqual((await readdir(folder)).sort(), [
      'a-another.ledger',
      'a-m.ledger',
      'b-m.ledger',
      'lock',
    ]);
  });

  it('have names that any file system takes', async () => {
    await attend('../../etc/passwd').open(signal);
    assert.deepEqual((await readdir(folder)).sort(), ['______etc_passwd-m.ledger', 'lock']);
  });

  it('stay open until the last of their nodes is gone, and let the folder go then', async () => {
    const [old, young] = [attend('a'), attend('a')];
    const ledger = await old.open(signal);
    await old.giveBack();
    await old.giveBack();
    await ledger.markDone('x');
    await young.giveBack();
    await assert.rejects(ledger.markDone('y'), { code: 'STORE' });
    assert.deepEqual(await readdir(folder), ['a-m.ledger']);
  });

  it('are closed before they are opened again, in either order', async () => {
    const other = attend('other');
    await other.open(signal);
    for (let round = 0; round < 20; round += 1) {
      const old = attend('a');
      const ledger = await old.open(signal);
      // Still on their way to the disk when the node is closed.
      const notes = [
        ledger.markDone(`${round}-1`),
        ledger.recordFailure(`${round}-2`, 1000),
        ledger.recordCheck(),
      ];
      const closing = old.giveBack();
      const young = attend('a');
      const again = await young.open(signal);
      assert.notEqual(again, ledger);
      assert.ok(again.isKnown(`${round}-1`), `${round}`);
      assert.equal(again.openDelivery(`${round}-2`)?.failures, 1);
      await Promise.all([...notes, closing]);
      await again.markDone(`${round}-3`);
      await young.giveBack();
    }
    const last = await attend('a').open(signal);
    for (let round = 0; round < 20; round += 1) assert.ok(last.isKnown(`${round}-3`));
  });

  it('are written to the end before they are opened again', async () => {
    const old = attend('a');
    const ledger = await old.open(signal);
    // So long that it takes its time: read half-way, it would be cut off.
    const long = 'x'.repeat(32 * 1024 * 1024);
    const note = ledger.markDone(long);
    const closing = old.giveBack();
    const again = await attend('a').open(signal);
    await Promise.all([note, closing]);
    assert.ok(again.isKnown(long));
  });

  it('keep the folder over a deploy that closes everything and opens it again at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const old = [attend('a'), attend('b')];
      for (const loan of old) await loan.open(signal);
      const closing = Promise.all(old.map((loan) => loan.giveBack()));
      const young = attend('a');
      const opening = young.open(signal);
      await closing;
      await opening;
      assert.ok((await readdir(folder)).includes('lock'));
      await young.giveBack();
      assert.equal((await readdir(folder)).includes('lock'), false);
    }
  });

  it('taken by another runtime are closed, and read again when the folder is free', async () => {
    const loan = attend('a');
    const ledger = await loan.open(signal);
    await ledger.markDone('before');
    const lock = join(folder, 'lock');
    await writeFile(lock, 'another 1\n');
    clock.advance(2_000);
    while (
      await ledger.markDone('x').then(
        () => true,
        () => false,
      )
    )
      await turn();
    let refused: unknown;
    loan.open(signal).catch((error) => {
      refused = error;
    });
    for (let looks = 0; refused === undefined; looks += 1) {
      if (looks % 4 === 0) await writeFile(lock, `another ${looks}\n`);
      while (refused === undefined && clock.waits.length === 0) await turn();
      clock.advance(500);
    }
    assert.deepEqual(
      [(refused as MailboxError).code, (refused as MailboxError).reason],
      ['STORE', 'folder-in-use'],
    );
    // What the other has noted meanwhile counts.
    await appendFile(join(folder, 'a-m.ledger'), '{"is":"done","at":1,"key":"of the other"}\n');
    await rm(lock);
    const again = await loan.open(signal);
    assert.notEqual(again, ledger);
    assert.ok(again.isKnown('before') && again.isKnown('of the other'));
    await again.markDone('after');
  });

  describe('deleting', () => {
    it('waits for every other node on the mailbox, and for no other', async () => {
      const [a, b] = [attend('a'), attend('b')];
      const elsewhere = attend('c', 'another');
      const ledgerOfA = await a.open(signal);
      await elsewhere.open(signal);
      await ledgerOfA.markDone('x');
      assert.equal(a.mayDelete('x'), false, 'b has not had its say');
      const ledgerOfB = await b.open(signal);
      assert.equal(a.mayDelete('x'), false, 'b has not had the mail');
      await ledgerOfB.recordIntents(['x']);
      assert.equal(a.mayDelete('x'), false, 'b is at it');
      await ledgerOfB.markDone('x');
      assert.equal(a.mayDelete('x'), true);
      await ledgerOfB.recordListing(new Set(['y']));
      assert.equal(a.mayDelete('x'), false, 'what b may find under that unique-id can be another mail');
      await ledgerOfB.recordListing(new Set(['x']));
      assert.equal(a.mayDelete('x'), true);
      assert.equal(a.mayDelete('y'), false);
      await b.giveBack();
      assert.equal(a.mayDelete('y'), true, 'nobody else wants anything');
    });

    it('leaves what another has had in part only, not what it never wanted', async () => {
      const [a, b] = [attend('a'), attend('b')];
      await a.open(signal);
      const ledger = await b.open(signal);
      await ledger.recordBaseline(['old']);
      await ledger.markDone('in part', 'kept');
      await ledger.markDone('poisoned', 'quarantined');
      assert.equal(a.mayDelete('in part'), false);
      assert.equal(a.mayDelete('poisoned'), false);
      assert.equal(a.mayDelete('old'), true);
    });
  });

  it('that cannot be opened are tried again', async () => {
    await mkdir(join(folder, 'a-m.ledger'), { recursive: true });
    const loan = attend('a');
    await assert.rejects(loan.open(signal), { code: 'STORE', reason: 'ledger-unwritable' });
    ledgers = new Ledgers(join(folder, 'elsewhere'), clock);
    await attend('a').open(signal);
  });

  it('in a folder that cannot be: STORE, again and again, and nothing unhandled', async () => {
    await writeFile(folder, 'a file');
    const loan = attend('a');
    for (let round = 0; round < 3; round += 1) {
      await assert.rejects(loan.open(signal), { code: 'STORE', reason: 'folder-unwritable' });
    }
    // One that closes while all wait for the folder must not leave an unhandled rejection.
    const unhandled: unknown[] = [];
    const note = (error: unknown): unknown => unhandled.push(error);
    process.on('unhandledRejection', note);
    const leaving = new AbortController();
    const opening = loan.open(leaving.signal);
    leaving.abort(new Error('deploy'));
    await assert.rejects(opening);
    for (let turns = 0; turns < 20; turns += 1) await turn();
    process.removeListener('unhandledRejection', note);
    assert.deepEqual(unhandled, []);
  });

  it('in a folder of another runtime: the one who leaves does not wait, and nothing goes on waiting', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'lock'), 'another 1\n');
    const loan = attend('a');
    const leaving = new AbortController();
    const opening = loan.open(leaving.signal);
    while (clock.waits.length === 0) await turn();
    leaving.abort(new Error('deploy'));
    await assert.rejects(opening, /deploy/);
    await loan.giveBack();
    assert.deepEqual(clock.waits, []);
    assert.deepEqual(await readdir(folder), ['lock']);
  });

  it('belong to mailboxes by host and user, in any case of the host', () => {
    const box = { host: 'pop.example.test', port: 995, user: 'alice' };
    assert.equal(mailboxId({ ...box, host: 'POP.Example.test' }), mailboxId(box));
    assert.notEqual(mailboxId({ ...box, user: 'bob' }), mailboxId(box));
    assert.notEqual(mailboxId({ ...box, host: 'pop.example.org' }), mailboxId(box));
    assert.match(mailboxId(box), /^[0-9a-f]{16}$/);
  });

  it('do not wait for a node that has never logged in, which is told once; nor for a mail it knows as another', async () => {
    const errors: string[] = [];
    const a = attend('a');
    const b = attend('b');
    const partsOf = (loan: typeof a, login: () => Promise<never>): MailboxParts =>
      ({
        settings: { interval: 0 },
        clock,
        ledger: loan.open,
        open: login,
        onError: (error: MailboxError) => errors.push(error.reason),
      }) as never;
    const ofA = await a.open(signal);
    await ofA.recordBaseline([]);
    await ofA.markDone('x', 'processed', { fingerprint: 'one' });
    a.run(partsOf(a, () => Promise.reject(new Error('not asked'))));
    const ofB = await b.open(signal);
    assert.equal(a.mayDelete('x'), false, 'it may be logging in just now');
    const refused = new MailboxError('AUTH', 'wrong-password');
    const running = b.run({
      ...partsOf(b, () => Promise.reject(refused)),
      settings: { interval: 0 },
      spool: b.spool,
      onState: () => undefined,
      onQuarantined: () => undefined,
      onSummary: () => undefined,
      inTurn: (run: () => unknown) => run(),
      clock,
      random: () => 0.5,
    } as never);
    await assert.rejects(running.check(), { reason: 'wrong-password' });
    await running.stop();
    assert.equal(a.mayDelete('x'), true);
    assert.equal(a.mayDelete('x'), true);
    assert.deepEqual(errors, ['other-node-not-logged-in']);
    await ofB.recordBaseline([]);
    assert.equal(a.mayDelete('x'), false, 'it has logged in since');
    await ofB.markDone('x', 'processed', { fingerprint: 'two' });
    assert.equal(a.mayDelete('x'), false, 'it knows another mail by that unique ID');
    await ofB.markDone('x', 'processed', { fingerprint: 'one' });
    assert.equal(a.mayDelete('x'), true);
  });

  it('that have gone while the settings remember them are told once', async () => {
    const kept = new Map<string, unknown>();
    const settings = {
      get: (key: string) => kept.get(key),
      set: (key: string, value: unknown) => void kept.set(key, value),
    };
    const errors: unknown[] = [];
    const life = async (): Promise<void> => {
      ledgers = new Ledgers(folder, clock, new KnownMailboxes(settings));
      const loan = ledgers.attend('a', 'm');
      const running = loan.run({
        settings: { interval: 0 },
        ledger: loan.open,
        spool: loan.spool,
        open: () => Promise.reject(new MailboxError('CONNECT', 'hung-up')),
        inTurn: (run: () => unknown) => run(),
        onState: () => undefined,
        onError: (error: MailboxError) => errors.push([error.code, error.reason]),
        onQuarantined: () => undefined,
        onSummary: () => undefined,
        clock,
        random: () => 0.5,
      } as never);
      for (let checks = 0; checks < 2; checks += 1) {
        await assert.rejects(running.check());
        const ledger = await loan.open(signal);
        if (!ledger.hasBaseline && errors.length === 0) await ledger.recordBaseline([]);
      }
      await running.stop();
      await loan.giveBack();
    };
    await life();
    assert.deepEqual(errors, [], 'a new one is no news');
    await rm(folder, { recursive: true });
    await life();
    assert.deepEqual(errors, [['STORE', 'ledger-missing']]);
  });
});

import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { recordCrash } from '../../nodes/mailbox/failures';
import {
  Box,
  Checker,
  cleanUp,
  HOUR,
  lettered,
  mailOf,
  newFolder,
  openLedger,
} from '../../servers/mailbox-checker';

describe('a mail that ends the process', () => {
  let box: Box;
  afterEach(() => box.close());
  after(cleanUp);

  /** Runs a check in a process that ends the moment the flow has this mail; what the next process makes of it. */
  async function endsAt(node: Checker, uid: string): Promise<Checker> {
    const left = join(await newFolder(), 'left.ledger');
    let ended = false;
    node.onDeliver = async ({ pop3 }) => {
      if (pop3.uid !== uid) return;
      await copyFile(node.ledger.name, left);
      ended = true;
      node.stop.abort(new Error('the end'));
    };
    await node.check(box).catch((error) => assert.ok(ended, error));
    assert.ok(ended, `${uid} was not handed over; ${node.uids} were`);
    return nextProcess(node, left);
  }

  async function nextProcess(node: Checker, file: string): Promise<Checker> {
    const next = new Checker(await openLedger(file, node.clock.now), node.clock, node.settings);
    await recordCrash(next.ledger, 'one', node.clock.now());
    return next;
  }

  it('is quarantined after its attempts, reported once and left on the server; the others are delivered', async () => {
    box = await Box.start(lettered('abcde'));
    let node = await Checker.begun({ maxAttempts: 4, after: 'delete' });
    node = await endsAt(node, 'c');
    assert.equal(node.ledger.openDelivery('uc')?.crashes, 1);
    node = await endsAt(node, 'c');
    assert.equal(node.uids, '', 'once is a power failure: it comes again at once, and first');
    await node.check(box);
    assert.equal(node.uids, 'd* e*', 'twice, and the others go first');
    node.clock.advance(HOUR);
    node = await endsAt(await node.restarted(), 'c');
    box.holds(lettered('cfg'));
    node.clock.advance(HOUR);
    node = await endsAt(node, 'c');
    assert.equal(node.ledger.openDelivery('uc')?.crashes, 4);
    const { summary } = await node.check(box);
    assert.equal(node.uids, 'f* g*');
    assert.equal(summary.failed, 1);
    assert.deepEqual(
      node.quarantined.map(({ error, pop3 }) => [error.code, error.reason, error.facts.attempts, pop3.uid]),
      [['POISON', 'mail-ends-process', 4, 'c']],
    );
    node.clock.advance(24 * HOUR);
    node = await node.restarted();
    await node.check(box);
    assert.deepEqual([node.uids, node.quarantined.length], ['', 0]);
    assert.deepEqual(box.uids, ['c']);
  });

  it('is not a mail that was processed before it, failed before it or comes after it', async () => {
    const refused = (argument: string): boolean => argument === '2';
    box = await Box.start(lettered('abcde'), {
      commands: {
        RETR: (argument, session) =>
          refused(argument) ? '-ERR no such luck\r\n' : box.server.usual('RETR', argument, session),
      },
    });
    const node = await endsAt(await Checker.begun(), 'd');
    const crashes = ['ua', 'ub', 'uc', 'ud', 'ue'].map((key) => node.ledger.openDelivery(key)?.crashes ?? 0);
    assert.deepEqual(crashes, [0, 0, 0, 1, 0]);
    assert.equal(node.ledger.openDelivery('ub')?.failures, 1);
  });

  it('is not a mail whose size was met only on the way and that waits for its headers', async () => {
    const large = `${mailOf('large')}${'x'.repeat(5000)}\r\n`;
    box = await Box.start([...lettered('a'), { uid: 'large', mail: large }, ...lettered('bc')], {
      // LIST understates at some servers.
      commands: { LIST: () => '+OK\r\n1 100\r\n2 100\r\n3 100\r\n4 100\r\n.\r\n' },
    });
    const node = await Checker.begun({ maxSize: 2000 });
    const capped: Pick<Box, 'open'> = { open: (signal) => box.open(signal, 2000) };
    const left = join(await newFolder(), 'left.ledger');
    node.onDeliver = async ({ pop3 }) => {
      if (pop3.uid === 'b') await copyFile(node.ledger.name, left);
    };
    await node.check(capped);
    assert.equal(node.uids, 'a b c large');
    const next = await nextProcess(node, left);
    assert.equal(next.ledger.openDelivery('ub')?.crashes, 1);
    assert.equal(next.ledger.openDelivery('ularge'), undefined);
  });

  it('is not one that was with the flow when the process was ended in an orderly way', async () => {
    box = await Box.start();
    const node = await Checker.begun();
    await node.ledger.recordIntents(['ua']);
    const next = await node.restarted();
    assert.deepEqual(next.ledger.interrupted, []);
    await recordCrash(next.ledger, 'one', 0);
    assert.equal(next.ledger.openDelivery('ua')?.crashes, 0);
  });

  it('is counted once, however often the next processes begin and do nothing', async () => {
    box = await Box.start(lettered('ab'));
    let node = await endsAt(await Checker.begun(), 'a');
    for (let life = 0; life < 3; life += 1) {
      const left = join(await newFolder(), 'left.ledger');
      await copyFile(node.ledger.name, left);
      node = await nextProcess(node, left);
    }
    assert.equal(node.ledger.openDelivery('ua')?.crashes, 1);
  });

  it('with the flow together with others makes all of them suspect, and counts for none', async () => {
    box = await Box.start();
    const node = await Checker.begun();
    for (const key of ['ua', 'ub', 'uc']) await node.ledger.recordIntents([key]);
    await node.ledger.markDone('ub');
    const left = join(await newFolder(), 'left.ledger');
    await copyFile(node.ledger.name, left);
    const ledger = await openLedger(left, node.clock.now);
    assert.deepEqual(ledger.interrupted, ['ua', 'uc']);
    await recordCrash(ledger, 'any', node.clock.now());
    for (const key of ['ua', 'uc']) {
      const { crashes, suspected, retryAt } = ledger.openDelivery(key) ?? assert.fail();
      assert.deepEqual([crashes, suspected, retryAt], [0, true, 0]);
    }
    await ledger.recordIntents(['ua']);
    assert.equal(ledger.openDelivery('ua')?.deliveries, 2);
  });
});

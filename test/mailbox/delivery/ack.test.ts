import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MailboxError } from '../../../nodes/mailbox';
import { AckDelivery } from '../../../nodes/mailbox/delivery/ack';
import type { DeliveredMail, Pop3Fields } from '../../../nodes/mailbox/delivery/pop3-fields';
import { NetworkMail } from '../../../nodes/mailbox/delivery/received-mail';
import { recordCrash } from '../../../nodes/mailbox/failures';
import { soleOwner } from '../../../nodes/mailbox/ownership';
import { FileSpool } from '../../../nodes/mailbox/store/file/spool';
import type { Ledger } from '../../../nodes/mailbox/store/ledger';
import {
  brokenMail,
  cleanUp,
  HOUR,
  mailOf,
  newFolder,
  openLedger,
  TestClock,
} from '../../../servers/mailbox-checker';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function* bytesOf(text: string): AsyncIterable<Buffer> {
  yield Buffer.from(text);
}

/** A process with its flow. */
class Process {
  readonly delivered: DeliveredMail[] = [];
  readonly quarantined: { error: MailboxError; pop3: Pop3Fields; raw: Buffer | undefined }[] = [];
  rooms = 0;

  private constructor(
    readonly folder: string,
    readonly clock: TestClock,
    readonly ledger: Ledger,
    readonly spool: FileSpool,
    readonly delivery: AckDelivery,
  ) {}

  static async start(folder: string, clock = new TestClock(), maxAttempts = 5): Promise<Process> {
    const ledger = await openLedger(join(folder, 'a.ledger'), clock.now);
    const spool = await FileSpool.open(join(folder, 'a.spool'));
    await recordCrash(ledger, 'any', clock.now());
    const heard: { process?: Process } = {};
    const delivery = new AckDelivery({
      ledger,
      spool,
      clock,
      reading: { content: 'parsed', attachments: 'buffer' },
      origin: { node: 'n1', user: 'alice', host: 'localhost' },
      settings: { ackTimeout: 600, maxAttempts, maxInFlight: 3 },
      deliver: async (mail) => {
        heard.process?.delivered.push(mail);
      },
      assertOwner: soleOwner,
      onRoom: () => {
        if (heard.process) heard.process.rooms += 1;
      },
      onQuarantined: (error, pop3, raw) => heard.process?.quarantined.push({ error, pop3, raw }),
      onError: (error) => assert.fail(String(error)),
    });
    const process = new Process(folder, clock, ledger, spool, delivery);
    heard.process = process;
    return process;
  }

  /** Ends as by a power failure; the next one begins. */
  async killed(maxAttempts?: number): Promise<Process> {
    this.delivery.stop();
    await this.ledger.abandon();
    return Process.start(this.folder, this.clock, maxAttempts);
  }

  take(letters: string): Promise<unknown> {
    return [...letters].reduce<Promise<unknown>>(
      (before, uid) =>
        before.then(() =>
          this.delivery.deliver(
            { number: 1, uid, key: `u${uid}`, ambiguous: false },
            new NetworkMail(bytesOf(mailOf(uid)), true, false),
          ),
        ),
      Promise.resolve(),
    );
  }

  /** What was delivered; redelivered mail carries a star. */
  get uids(): string {
    return this.delivered.map(({ pop3 }) => pop3.uid + (pop3.redelivered ? '*' : '')).join(' ');
  }

  /** What was reported of mails that are nowhere any more. */
  get lost(): string[][] {
    return this.quarantined.map(({ error, pop3 }) => [error.code, error.reason, pop3.uid]);
  }

  settle(uid: string, outcome: 'done' | 'failed' = 'done'): ReturnType<AckDelivery['acknowledge']> {
    const mail = this.delivered.findLast(({ pop3 }) => pop3.uid === uid);
    return this.delivery.acknowledge(mail?.pop3.delivery ?? '', outcome);
  }
}

describe('delivering mail that has to be acknowledged', () => {
  let flow: Process;
  beforeEach(async () => {
    flow = await Process.start(await newFolder());
    await flow.ledger.recordBaseline([]);
  });
  afterEach(() => {
    flow.delivery.stop();
    assert.deepEqual(flow.clock.waits, [], 'a timer is left');
  });
  after(cleanUp);

  it('limits the mails in flight, and frees a place per acknowledgement', async () => {
    await flow.take('abc');
    assert.deepEqual([flow.delivery.room(), flow.delivery.inFlight, flow.delivery.holds('ua')], [0, 3, true]);
    assert.equal(await flow.settle('b'), 'accepted');
    assert.deepEqual([flow.delivery.room(), flow.rooms], [1, 1]);
    assert.equal(flow.ledger.state('ub'), 'processed');
    assert.equal((await readdir(join(flow.folder, 'a.spool'))).length, 2);
  });

  it('knows its deliveries: any `done` acknowledges once, `failed` only the current one, unknown ones are ignored', async () => {
    await flow.take('a');
    const first = flow.delivered[0]?.pop3.delivery ?? '';
    assert.equal(await flow.settle('a', 'failed'), 'accepted');
    assert.equal(flow.ledger.openDelivery('ua')?.failures, 1);
    flow.clock.advance(HOUR);
    assert.equal(await flow.delivery.redeliver(), 1);
    assert.equal(flow.uids, 'a a*');
    assert.equal(await flow.delivery.acknowledge(first, 'failed'), 'late');
    assert.equal(await flow.delivery.acknowledge(first, 'done'), 'accepted');
    assert.equal(await flow.settle('a'), 'unknown');
    assert.equal(await flow.delivery.acknowledge('nonsense', 'done'), 'unknown');
  });

  it('counts a time-out as a failure, and quarantines the mail with its bytes after the last attempt', async () => {
    flow.delivery.stop();
    flow = await flow.killed(2);
    await flow.take('a');
    flow.clock.advance(600_000);
    await turn();
    assert.equal(flow.ledger.openDelivery('ua')?.failures, 1);
    flow.clock.advance(HOUR);
    await flow.delivery.redeliver();
    await flow.settle('a', 'failed');
    const [aside] = flow.quarantined;
    assert.deepEqual([aside?.error.code, aside?.error.facts.attempts], ['POISON', 2]);
    assert.equal(String(aside?.raw), mailOf('a'));
    assert.deepEqual([flow.ledger.state('ua'), flow.spool.size], ['quarantined', 0]);
  });

  it('reports a mail that a person has retried and that fails again, as one that was delivered before', async () => {
    flow.delivery.stop();
    flow = await flow.killed(1);
    await flow.take('a');
    await flow.settle('a', 'failed');
    for (const asked of [false, true]) {
      await flow.ledger.retry('ua', { asked });
      await flow.take('a');
      await flow.settle('a', 'failed');
    }
    assert.deepEqual(
      flow.quarantined.map(({ error, pop3 }) => [error.code, error.reason, pop3.redelivered]),
      [
        ['POISON', 'mail-set-aside', false],
        ['POISON', 'mail-failed-again', true],
      ],
    );
    assert.equal(flow.uids, 'a a* a*');
  });

  it('after a crash hands the suspects over one at a time: the one that ends the process again is known', async () => {
    await flow.take('abc');
    flow = await flow.killed();
    for (const key of ['ua', 'ub', 'uc']) assert.equal(flow.ledger.openDelivery(key)?.crashes, 0);
    await flow.delivery.redeliver();
    assert.equal(flow.delivered.length, 1, 'alone');
    assert.equal(flow.delivery.room(), 0, 'and nothing is fetched meanwhile');
    const [first] = flow.delivered;
    flow = await flow.killed();
    assert.equal(flow.ledger.openDelivery(`u${first?.pop3.uid}`)?.crashes, 1);
    assert.deepEqual(
      ['ua', 'ub', 'uc'].map((key) => flow.ledger.openDelivery(key)?.crashes).sort(),
      [0, 0, 1],
    );
  });

  it('lets the next one go when the flow is done with a suspect, or has had it for a while and lives', async () => {
    await flow.take('abc');
    flow = await flow.killed();
    await flow.delivery.redeliver();
    const [first] = flow.delivered;
    assert.equal(await flow.settle(first?.pop3.uid ?? ''), 'accepted');
    await flow.delivery.redeliver();
    assert.equal(flow.delivered.length, 2);
    flow.clock.advance(10_000);
    await turn();
    assert.ok(flow.delivery.room() > 0);
    await flow.delivery.redeliver();
    assert.equal(flow.delivered.length, 3);
    // The second is still with the flow, and has shown that it is harmless.
    const [, second, third] = flow.delivered;
    flow = await flow.killed();
    assert.equal(flow.ledger.openDelivery(`u${second?.pop3.uid}`)?.crashes, 0);
    assert.equal(flow.ledger.openDelivery(`u${third?.pop3.uid}`)?.crashes, 1);
  });

  it('counts no orderly stop, whatever the flow had', async () => {
    await flow.take('abc');
    flow.delivery.stop();
    await flow.ledger.close();
    flow = await Process.start(flow.folder, flow.clock);
    assert.equal(await flow.delivery.redeliver(), 3);
    for (const key of ['ua', 'ub', 'uc']) assert.equal(flow.ledger.openDelivery(key)?.suspected, false);
  });

  it('counts a mail that ends the process while it is read', async () => {
    await flow.take('a');
    flow = await flow.killed();
    const read = flow.spool.read.bind(flow.spool);
    const intents: unknown[] = [];
    flow.spool.read = (key) => {
      intents.push(flow.ledger.openDelivery(key)?.deliveries);
      return read(key);
    };
    await flow.delivery.redeliver();
    assert.deepEqual(intents, [2], 'noted before it is read');
  });

  it('reads a large mail that cannot be parsed twice from the spool, and a small one once', async () => {
    const read = flow.spool.read.bind(flow.spool);
    const reads: string[] = [];
    flow.spool.read = (key) => {
      reads.push(key);
      return read(key);
    };
    const broken = { number: 1, uid: 'x', key: 'ux', ambiguous: false };
    await flow.delivery.deliver(broken, new NetworkMail(bytesOf(brokenMail('x')), true, false));
    await flow.take('a');
    assert.deepEqual(reads, ['ux', 'ux', 'ua']);
    const [message] = flow.delivered;
    assert.equal(message?.mail.problems[0]?.code, 'NOT_PARSED');
    assert.equal(message?.raw?.toString(), brokenMail('x'));
    assert.equal(flow.uids, 'x a');
    assert.deepEqual([await flow.settle('x'), flow.ledger.state('ux')], ['accepted', 'processed']);
  });

  it('keeps a mail in the spool whose bytes are gone when they are read again', async () => {
    const read = flow.spool.read.bind(flow.spool);
    flow.spool.read = (key) => {
      flow.spool.read = () => {
        throw new MailboxError('STORE', 'spooled-mail-gone');
      };
      return read(key);
    };
    const broken = { number: 1, uid: 'x', key: 'ux', ambiguous: false };
    await assert.rejects(
      flow.delivery.deliver(broken, new NetworkMail(bytesOf(brokenMail('x')), true, false)),
      { code: 'STORE' },
    );
    assert.equal(flow.uids, '');
    flow.spool.read = read;
    await flow.delivery.redeliver();
    assert.equal(flow.uids, 'x');
  });

  it('downloads a mail again when its spooled bytes were removed, and reports it once where it cannot', async () => {
    await flow.take('ab');
    flow.delivery.stop();
    flow = await flow.killed();
    await rm(join(flow.folder, 'a.spool'), { recursive: true });
    assert.equal(await flow.delivery.redeliver(), 0);
    assert.deepEqual([flow.delivery.holds('ua'), flow.delivery.holds('ub')], [false, false]);
    await flow.delivery.recordListing(new Set(['ua']));
    await flow.delivery.recordListing(new Set(['ua']));
    assert.deepEqual(flow.lost, [['STORE', 'spooled-mail-gone', 'b']]);
    await flow.take('a');
    assert.equal(flow.uids, 'a*');
    assert.equal(await flow.settle('a'), 'accepted');
  });

  it('reports once what was removed while the process was away, and takes it where it turns up again', async () => {
    await flow.take('abc');
    assert.equal(await flow.settle('c'), 'accepted');
    flow.delivery.stop();
    await flow.ledger.close();
    await rm(join(flow.folder, 'a.spool'), { recursive: true });
    flow = await Process.start(flow.folder, flow.clock);
    assert.equal(await flow.delivery.redeliver(), 0);
    await flow.delivery.recordListing(new Set(['ub']));
    assert.deepEqual(flow.lost, [['STORE', 'spooled-mail-gone', 'a']]);
    flow.delivery.stop();
    await flow.ledger.close();
    flow = await Process.start(flow.folder, flow.clock);
    await flow.delivery.recordListing(new Set(['ub']));
    assert.deepEqual(flow.lost, [], 'said before');
    assert.equal(flow.delivery.holds('ua'), false);
    await flow.take('a');
    assert.equal(flow.uids, 'a*');
    await flow.delivery.recordListing(new Set(['ub']));
    assert.deepEqual(flow.lost, [], 'it is here');
  });

  it('keeps or deletes by the word of the flow, and never what did not come whole', async () => {
    await flow.take('ab');
    const headers = { number: 1, uid: 'h', key: 'uh', ambiguous: false };
    await flow.delivery.deliver(headers, new NetworkMail(bytesOf(mailOf('h')), false, false));
    const [a, b, h] = flow.delivered.map(({ pop3 }) => pop3.delivery);
    assert.equal(await flow.delivery.acknowledge(a ?? '', 'keep'), 'accepted');
    assert.equal(await flow.delivery.acknowledge(b ?? '', 'delete'), 'accepted');
    assert.equal(await flow.delivery.acknowledge(h ?? '', 'delete'), 'accepted');
    flow = await flow.killed();
    assert.deepEqual(
      ['ua', 'ub', 'uh'].map((key) => [flow.ledger.state(key), flow.ledger.deletionRequested(key)]),
      [
        ['kept', false],
        ['processed', true],
        ['kept', false],
      ],
    );
  });

  it('records apart from its ID only what waited while the server gave other IDs', async () => {
    await flow.take('a');
    flow.ledger.renumbered.remember(flow.delivery.held());
    // A check begins while its bytes are being removed.
    const remove = flow.spool.remove.bind(flow.spool);
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    let settled: Promise<unknown> = Promise.resolve();
    await new Promise<void>((begun) => {
      flow.spool.remove = async (key) => {
        flow.spool.remove = remove;
        begun();
        await held;
        await remove(key);
      };
      settled = flow.settle('a');
    });
    assert.equal(await flow.delivery.redeliver(), 0);
    go();
    assert.equal(await settled, 'accepted');
    assert.equal(flow.uids, 'a');
    assert.equal(flow.ledger.isKnown('ua'), false, 'another mail may have its ID by now');
    // It is listed under this ID and is redelivered, since it cannot be looked at: once, and not at each check.
    await flow.take('a');
    assert.equal(await flow.settle('a'), 'accepted');
    assert.equal(flow.ledger.state('ua'), 'processed');
  });

  it('has everything on the disk before the session ends', async () => {
    let synced = 0;
    flow.spool.sync = async () => {
      synced += 1;
    };
    await flow.take('a');
    await flow.delivery.finish();
    assert.equal(synced, 1);
  });

  it('never makes a mail wait longer for its next attempt than it can have been meant to', async () => {
    const years = 20 * 365 * 24 * HOUR;
    flow.clock.jump(years);
    await flow.take('a');
    await flow.settle('a', 'failed');
    flow.clock.jump(-years);
    flow.clock.advance(60_000);
    assert.ok(flow.rooms > 0, 'nobody is told that it can go');
    assert.equal(await flow.delivery.redeliver(), 1);
    assert.equal(flow.uids, 'a a*');
  });

  it('reports a quarantined mail also where the process ended before the report was delivered', async () => {
    await flow.take('a');
    // The note is in the file, the bytes are still in the spool.
    await flow.ledger.markDone('ua', 'quarantined');
    flow = await flow.killed();
    for (let times = 0; times < 2; times += 1) await flow.delivery.redeliver();
    assert.deepEqual(
      flow.quarantined.map(({ error, pop3, raw }) => [error.code, pop3.uid, String(raw)]),
      [['POISON', 'a', mailOf('a')]],
    );
    assert.equal(flow.spool.size, 0);
    assert.equal(flow.uids, '');
  });
});

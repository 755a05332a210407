import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MailboxError } from '../../../nodes/mailbox';
import { noteCrash } from '../../../nodes/mailbox/attempts';
import { AckHandOver } from '../../../nodes/mailbox/delivery/ack';
import type { DeliveredMail, Pop3Fields } from '../../../nodes/mailbox/delivery/pop3-fields';
import { FileSpool } from '../../../nodes/mailbox/store/file/spool';
import type { Ledger } from '../../../nodes/mailbox/store/ledger';
import { brokenMail, cleanUp, HOUR, mailOf, newFolder, openLedger, TestClock } from '../support';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function* bytesOf(text: string): AsyncIterable<Buffer> {
  yield Buffer.from(text);
}

/** A process with its flow. */
class Process {
  readonly delivered: DeliveredMail[] = [];
  readonly setAside: { error: MailboxError; pop3: Pop3Fields; raw: Buffer | undefined }[] = [];
  rooms = 0;

  private constructor(
    readonly folder: string,
    readonly clock: TestClock,
    readonly ledger: Ledger,
    readonly spool: FileSpool,
    readonly handOver: AckHandOver,
  ) {}

  static async start(folder: string, clock = new TestClock(), maxAttempts = 5): Promise<Process> {
    const ledger = await openLedger(join(folder, 'a.ledger'), clock.now);
    const spool = await FileSpool.open(join(folder, 'a.spool'));
    await noteCrash(ledger, 'any', clock.now());
    const heard: { process?: Process } = {};
    const handOver = new AckHandOver({
      ledger,
      spool,
      clock,
      reading: { content: 'parsed', attachments: 'buffer' },
      origin: { node: 'n1', user: 'alice', host: 'localhost' },
      settings: { ackTimeout: 600, maxAttempts, maxInFlight: 3 },
      deliver: async (mail) => {
        heard.process?.delivered.push(mail);
      },
      onRoom: () => {
        if (heard.process) heard.process.rooms += 1;
      },
      onSetAside: (error, pop3, raw) => heard.process?.setAside.push({ error, pop3, raw }),
      onError: (error) => assert.fail(String(error)),
    });
    const process = new Process(folder, clock, ledger, spool, handOver);
    heard.process = process;
    return process;
  }

  /** Ends as by a power failure; the next one begins. */
  async killed(maxAttempts?: number): Promise<Process> {
    this.handOver.stop();
    await this.ledger.abandon();
    return Process.start(this.folder, this.clock, maxAttempts);
  }

  take(letters: string): Promise<unknown> {
    return [...letters].reduce<Promise<unknown>>(
      (before, uid) =>
        before.then(() =>
          this.handOver.take(
            { number: 1, uid, key: `u${uid}`, ambiguous: false },
            bytesOf(mailOf(uid)),
            true,
          ),
        ),
      Promise.resolve(),
    );
  }

  /** What was handed over; repeats carry a star. */
  get uids(): string {
    return this.delivered.map(({ pop3 }) => pop3.uid + (pop3.redelivered ? '*' : '')).join(' ');
  }

  /** What was reported of mails that are nowhere any more. */
  get lost(): string[][] {
    return this.setAside.map(({ error, pop3 }) => [error.code, error.reason, pop3.uid]);
  }

  settle(uid: string, outcome: 'done' | 'failed' = 'done'): ReturnType<AckHandOver['settle']> {
    const mail = this.delivered.findLast(({ pop3 }) => pop3.uid === uid);
    return this.handOver.settle(mail?.pop3.delivery ?? '', outcome);
  }
}

describe('handing over what has to be acknowledged', () => {
  let flow: Process;
  beforeEach(async () => {
    flow = await Process.start(await newFolder());
    await flow.ledger.setBaseline([]);
  });
  afterEach(() => {
    flow.handOver.stop();
    assert.deepEqual(flow.clock.waits, [], 'a timer is left');
  });
  after(cleanUp);

  it('has room for so many, and gets it back as they are settled', async () => {
    await flow.take('abc');
    assert.deepEqual([flow.handOver.room(), flow.handOver.inFlight, flow.handOver.has('ua')], [0, 3, true]);
    assert.equal(await flow.settle('b'), 'settled');
    assert.deepEqual([flow.handOver.room(), flow.rooms], [1, 1]);
    assert.equal(flow.ledger.state('ub'), 'handled');
    assert.equal((await readdir(join(flow.folder, 'a.spool'))).length, 2);
  });

  it('knows its deliveries: any `done` settles once, `failed` only the present one, others are nobody’s', async () => {
    await flow.take('a');
    const first = flow.delivered[0]?.pop3.delivery ?? '';
    assert.equal(await flow.settle('a', 'failed'), 'settled');
    assert.equal(flow.ledger.openDelivery('ua')?.failures, 1);
    flow.clock.advance(HOUR);
    assert.equal(await flow.handOver.again(), 1);
    assert.equal(flow.uids, 'a a*');
    assert.equal(await flow.handOver.settle(first, 'failed'), 'late');
    assert.equal(await flow.handOver.settle(first, 'done'), 'settled');
    assert.equal(await flow.settle('a'), 'unknown');
    assert.equal(await flow.handOver.settle('nonsense', 'done'), 'unknown');
  });

  it('takes silence for a failure after its time, and sets aside with the bytes after the last attempt', async () => {
    flow.handOver.stop();
    flow = await flow.killed(2);
    await flow.take('a');
    flow.clock.advance(600_000);
    await turn();
    assert.equal(flow.ledger.openDelivery('ua')?.failures, 1);
    flow.clock.advance(HOUR);
    await flow.handOver.again();
    await flow.settle('a', 'failed');
    const [aside] = flow.setAside;
    assert.deepEqual([aside?.error.code, aside?.error.facts.attempts], ['POISON', 2]);
    assert.equal(String(aside?.raw), mailOf('a'));
    assert.deepEqual([flow.ledger.state('ua'), flow.spool.size], ['set-aside', 0]);
  });

  it('after a crash hands the suspects over one at a time: the one that ends the process again is known', async () => {
    await flow.take('abc');
    flow = await flow.killed();
    for (const key of ['ua', 'ub', 'uc']) assert.equal(flow.ledger.openDelivery(key)?.crashes, 0);
    await flow.handOver.again();
    assert.equal(flow.delivered.length, 1, 'alone');
    assert.equal(flow.handOver.room(), 0, 'and nothing is fetched meanwhile');
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
    await flow.handOver.again();
    const [first] = flow.delivered;
    assert.equal(await flow.settle(first?.pop3.uid ?? ''), 'settled');
    await flow.handOver.again();
    assert.equal(flow.delivered.length, 2);
    flow.clock.advance(10_000);
    await turn();
    assert.ok(flow.handOver.room() > 0);
    await flow.handOver.again();
    assert.equal(flow.delivered.length, 3);
    // The second is still with the flow, and has shown that it is harmless.
    const [, second, third] = flow.delivered;
    flow = await flow.killed();
    assert.equal(flow.ledger.openDelivery(`u${second?.pop3.uid}`)?.crashes, 0);
    assert.equal(flow.ledger.openDelivery(`u${third?.pop3.uid}`)?.crashes, 1);
  });

  it('counts no orderly stop, whatever the flow had', async () => {
    await flow.take('abc');
    flow.handOver.stop();
    await flow.ledger.close();
    flow = await Process.start(flow.folder, flow.clock);
    assert.equal(await flow.handOver.again(), 3);
    for (const key of ['ua', 'ub', 'uc']) assert.equal(flow.ledger.openDelivery(key)?.suspected, false);
  });

  it('counts a mail that ends the process while it is read', async () => {
    await flow.take('a');
    flow = await flow.killed();
    const read = flow.spool.read.bind(flow.spool);
    const intents: unknown[] = [];
    flow.spool.read = (key) => {
      intents.push(flow.ledger.openDelivery(key)?.handedOver);
      return read(key);
    };
    await flow.handOver.again();
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
    await flow.handOver.take(broken, bytesOf(brokenMail('x')), true);
    await flow.take('a');
    assert.deepEqual(reads, ['ux', 'ux', 'ua']);
    const [message] = flow.delivered;
    assert.equal(message?.mail.problems[0]?.code, 'NOT_PARSED');
    assert.equal(message?.raw?.toString(), brokenMail('x'));
    assert.equal(flow.uids, 'x a');
    assert.deepEqual([await flow.settle('x'), flow.ledger.state('ux')], ['settled', 'handled']);
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
    await assert.rejects(flow.handOver.take(broken, bytesOf(brokenMail('x')), true), { code: 'STORE' });
    assert.equal(flow.uids, '');
    flow.spool.read = read;
    await flow.handOver.again();
    assert.equal(flow.uids, 'x');
  });

  it('lets a mail whose bytes somebody removed be fetched again, and reports it once where it cannot be', async () => {
    await flow.take('ab');
    flow.handOver.stop();
    flow = await flow.killed();
    await rm(join(flow.folder, 'a.spool'), { recursive: true });
    assert.equal(await flow.handOver.again(), 0);
    assert.deepEqual([flow.handOver.has('ua'), flow.handOver.has('ub')], [false, false]);
    await flow.handOver.listed(new Set(['ua']));
    await flow.handOver.listed(new Set(['ua']));
    assert.deepEqual(flow.lost, [['STORE', 'spooled-mail-gone', 'b']]);
    await flow.take('a');
    assert.equal(flow.uids, 'a*');
    assert.equal(await flow.settle('a'), 'settled');
  });

  it('reports once what was removed while the process was away, and takes it where it turns up again', async () => {
    await flow.take('abc');
    assert.equal(await flow.settle('c'), 'settled');
    flow.handOver.stop();
    await flow.ledger.close();
    await rm(join(flow.folder, 'a.spool'), { recursive: true });
    flow = await Process.start(flow.folder, flow.clock);
    assert.equal(await flow.handOver.again(), 0);
    await flow.handOver.listed(new Set(['ub']));
    assert.deepEqual(flow.lost, [['STORE', 'spooled-mail-gone', 'a']]);
    flow.handOver.stop();
    await flow.ledger.close();
    flow = await Process.start(flow.folder, flow.clock);
    await flow.handOver.listed(new Set(['ub']));
    assert.deepEqual(flow.lost, [], 'said before');
    assert.equal(flow.handOver.has('ua'), false);
    await flow.take('a');
    assert.equal(flow.uids, 'a*');
    await flow.handOver.listed(new Set(['ub']));
    assert.deepEqual(flow.lost, [], 'it is here');
  });

  it('has everything on the disk before the session ends', async () => {
    let synced = 0;
    flow.spool.sync = async () => {
      synced += 1;
    };
    await flow.take('a');
    await flow.handOver.end();
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
    assert.equal(await flow.handOver.again(), 1);
    assert.equal(flow.uids, 'a a*');
  });

  it('tells of a mail that was set aside also where the process ended before anybody can have heard', async () => {
    await flow.take('a');
    // The note is in the file, the bytes are still in the spool.
    await flow.ledger.done('ua', 'set-aside');
    flow = await flow.killed();
    for (let times = 0; times < 2; times += 1) await flow.handOver.again();
    assert.deepEqual(
      flow.setAside.map(({ error, pop3, raw }) => [error.code, pop3.uid, String(raw)]),
      [['POISON', 'a', mailOf('a')]],
    );
    assert.equal(flow.spool.size, 0);
    assert.equal(flow.uids, '');
  });
});

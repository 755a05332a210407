import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Mailbox } from '../../nodes/mailbox';
import { fileLog } from '../../nodes/mailbox/store/file/log';
import { FileSpool } from '../../nodes/mailbox/store/file/spool';
import { Ledger } from '../../nodes/mailbox/store/ledger';
import { Box, cleanUp, mailOf, newFolder, TestClock } from '../../servers/mailbox-checker';
import { mailboxParts } from '../../servers/mailbox-parts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A backlog, a flow, and the sessions between them. */
class Backlog {
  readonly clock = new TestClock();
  readonly uids: string[] = [];
  readonly flow: string[] = [];
  /** Subjects, with a star where the mail may be a duplicate. */
  readonly topics: string[] = [];
  mailbox!: Mailbox;
  /** Whether another mailbox waits for the place of this session. */
  isWanted = false;
  /** Called with each delivery. */
  onDelivered: (delivery: string) => void = () => undefined;

  private constructor(
    readonly box: Box,
    readonly folder: string,
  ) {}

  static async start(
    count: number,
    more: { interval?: number; maxPerCheck?: number } = {},
  ): Promise<Backlog> {
    const box = await Box.start(
      Array.from({ length: count }, (_, i) => ({ uid: `m${i}`, mail: mailOf(`m${i}`) })),
    );
    const backlog = new Backlog(box, await newFolder());
    backlog.deploy(more);
    return backlog;
  }

  deploy({ interval = 0, maxPerCheck = 0 }: { interval?: number; maxPerCheck?: number }): void {
    const { clock, folder } = this;
    const ledger = Ledger.open(fileLog(join(folder, 'a.ledger')), clock.now);
    this.mailbox = new Mailbox(
      mailboxParts({
        settings: { interval, maxPerCheck },
        ack: { ackTimeout: 600, maxAttempts: 5, maxInFlight: 10 },
        ledger: () => ledger,
        spool: () => FileSpool.open(join(folder, 'a.spool')),
        open: (signal) => this.box.open(signal),
        inTurn: (run) => run({ isWanted: () => this.isWanted }),
        deliver: async ({ topic, pop3 }) => {
          this.topics.push(topic + (pop3.redelivered ? '*' : ''));
          this.uids.push(pop3.uid ?? '');
          this.flow.push(pop3.delivery);
          this.onDelivered(pop3.delivery);
        },
        onError: (error) => assert.fail(String(error)),
        onQuarantined: (error) => assert.fail(String(error)),
        clock,
      }),
    );
    this.stopped = async () => {
      await this.mailbox.stop();
      await (await ledger).close();
    };
  }

  stopped: () => Promise<void> = async () => undefined;

  async close(): Promise<void> {
    await this.stopped();
    assert.deepEqual(this.clock.waits, [], 'a stopped mailbox leaves no timer');
    await this.box.close();
  }

  acknowledge(delivery: string): void {
    void this.mailbox.acknowledge(delivery, 'done');
  }

  /** Resolves when so many mails have been delivered; `step` runs in each turn until then. */
  async delivered(count: number, step: () => void = () => undefined): Promise<void> {
    while (this.uids.length < count) {
      await turn();
      step();
    }
  }

  get sessions(): string[][] {
    return this.box.server.sessions.map(({ received }) => received);
  }

  retrievals(session: number): number {
    return (this.sessions[session] ?? []).filter((line) => line.startsWith('RETR')).length;
  }
}

describe('a backlog that has to be acknowledged', function () {
  this.timeout(30_000);
  let backlog: Backlog;
  afterEach(() => backlog.close());
  after(cleanUp);

  it('reaches a fast flow in one session, also without an interval', async () => {
    backlog = await Backlog.start(200);
    backlog.onDelivered = (delivery) => backlog.acknowledge(delivery);
    const summary = await backlog.mailbox.check();
    assert.deepEqual([summary.delivered, new Set(backlog.uids).size], [200, 200]);
    assert.equal(backlog.sessions.length, 1);
  });

  it('waits for a slow flow in the session, and sends NOOP meanwhile', async () => {
    backlog = await Backlog.start(25);
    const check = backlog.mailbox.check();
    await backlog.delivered(10);
    // Half of the places free lead to the next round; one does not.
    const { clock } = backlog;
    while (!clock.waits.includes(20_000)) await turn();
    clock.advance(20_000);
    while (backlog.box.said('NOOP').length === 0) await turn();
    for (const delivery of backlog.flow.splice(0, 5)) backlog.acknowledge(delivery);
    await backlog.delivered(15);
    await backlog.delivered(25, () => {
      for (const delivery of backlog.flow.splice(0)) backlog.acknowledge(delivery);
    });
    assert.equal((await check).delivered, 25);
    assert.equal(backlog.sessions.length, 1);
  });

  it('records a mail whose message number another one has by the time of the acknowledgement', async () => {
    backlog = await Backlog.start(0);
    const { box, mailbox, flow, topics } = backlog;
    const numbered = (letters: string) =>
      Array.from(letters, (letter, at) => ({ uid: String(at + 1), mail: mailOf(letter) }));
    box.holds(numbered('abcdef'));
    await mailbox.check();
    const [, , late] = flow;
    for (const delivery of flow) if (delivery !== late) await mailbox.acknowledge(delivery, 'done');
    // Another program deletes the first one: each other mail has the number of the one before it.
    box.holds(numbered('bcdef'));
    await mailbox.check();
    await mailbox.acknowledge(late as string, 'done');
    for (const letters of ['bcdef', 'cdefg', 'defgh']) {
      box.holds(numbered(letters));
      await mailbox.check();
      for (const delivery of flow.splice(0)) await mailbox.acknowledge(delivery, 'done');
    }
    assert.equal(topics.join(' '), 'a b c d e f g h');
  });

  it('ends the session of a flow that stops, and begins again when the flow goes on', async () => {
    backlog = await Backlog.start(20);
    const check = backlog.mailbox.check();
    await backlog.delivered(10);
    const { clock } = backlog;
    while (!clock.waits.includes(20_000)) await turn();
    clock.advance(20_000);
    while (!clock.waits.includes(10_000)) await turn();
    clock.advance(10_000);
    assert.equal((await check).delivered, 10);
    for (const delivery of backlog.flow.splice(0)) backlog.acknowledge(delivery);
    await backlog.delivered(20);
    assert.deepEqual([backlog.retrievals(0), backlog.retrievals(1), backlog.sessions.length], [10, 10, 2]);
  });

  for (const [name, ms] of [
    ['put back', -60 * 60_000],
    ['put forward', 60 * 60_000],
  ] as const) {
    it(`waits as long in the session where the clock is ${name} by an hour`, async () => {
      backlog = await Backlog.start(20, { interval: 300 });
      const { clock } = backlog;
      const check = backlog.mailbox.check();
      await backlog.delivered(10);
      while (!clock.waits.includes(20_000)) await turn();
      clock.jump(ms);
      clock.advance(20_000);
      while (!clock.waits.includes(10_000)) await turn();
      clock.advance(10_000);
      const summary = await check;
      assert.deepEqual([summary.delivered, summary.ms], [10, 30_000]);
      assert.equal(backlog.box.said('NOOP').length, 2);
      const next = (backlog.mailbox.nextCheckAt ?? 0) - clock.now();
      assert.equal(next, 270_000, 'the interval, less what the check took');
    });
  }

  it('ends the session as soon as another mailbox waits for a place, and goes on later', async () => {
    backlog = await Backlog.start(20);
    const { clock } = backlog;
    backlog.isWanted = true;
    assert.equal((await backlog.mailbox.check()).delivered, 10);
    assert.deepEqual(clock.waits.includes(20_000), false);
    for (const delivery of backlog.flow.splice(0)) backlog.acknowledge(delivery);
    await backlog.delivered(20);
    assert.deepEqual([backlog.retrievals(0), backlog.retrievals(1)], [10, 10]);
  });

  it('opens no session at the interval while the flow has room for nothing', async () => {
    backlog = await Backlog.start(20, { interval: 60 });
    const { clock } = backlog;
    backlog.mailbox.start();
    await backlog.delivered(10);
    while (!clock.waits.includes(20_000)) await turn();
    clock.advance(20_000);
    while (!clock.waits.includes(10_000)) await turn();
    clock.advance(10_000);
    while (backlog.mailbox.nextCheckAt === undefined) await turn();
    clock.advance(60_000);
    await turn();
    assert.equal(backlog.sessions.length, 1);
    assert.ok(backlog.mailbox.nextCheckAt !== undefined, 'the next check is arranged');
  });

  it('brings no more than `maxPerCheck`, in however many sessions', async () => {
    backlog = await Backlog.start(40, { maxPerCheck: 15 });
    backlog.onDelivered = (delivery) => backlog.acknowledge(delivery);
    assert.equal((await backlog.mailbox.check()).delivered, 15);
    for (let i = 0; i < 20; i += 1) await turn();
    assert.deepEqual([backlog.uids.length, backlog.sessions.length], [15, 1]);
    assert.equal((await backlog.mailbox.check()).delivered, 15);
  });

  it('goes on after a restart in the middle, each mail once processed', async () => {
    backlog = await Backlog.start(60);
    backlog.onDelivered = (delivery) => {
      if (backlog.uids.length <= 25) backlog.acknowledge(delivery);
    };
    const check = backlog.mailbox.check().catch(() => undefined);
    await backlog.delivered(30);
    await backlog.stopped();
    await check;
    backlog.deploy({});
    backlog.onDelivered = (delivery) => backlog.acknowledge(delivery);
    await backlog.mailbox.check();
    assert.equal(new Set(backlog.uids).size, 60);
    assert.equal(backlog.sessions.length, 2);
  });
});

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MailboxError, type MailboxParts, type MailboxState, soleOwner } from '../../nodes/mailbox';
import type { DeliveredMail, Pop3Fields } from '../../nodes/mailbox/delivery/pop3-fields';
import { Health } from '../../nodes/runtime/health';
import { COUNTED_HOURS } from '../../nodes/runtime/hours';
import { QuarantineNames } from '../../nodes/runtime/quarantine-names';
import type { WatchedMailbox } from '../../nodes/runtime/watched-mailbox';
import { HOUR, MINUTE, TestClock } from '../../servers/mailbox-checker';

const name = { id: 'mail', node: 'mail', name: 'Orders', host: 'pop.example.com', user: 'alice@example.com' };
const refused = new MailboxError('AUTH', 'wrong-password');

/** What a mailbox shows of itself. */
const mailbox = () => ({
  inFlight: 0,
  unacknowledged: 0,
  quarantined: [] as string[],
  nextCheckAt: undefined as number | undefined,
  isPaused: false,
  firstCheck: undefined,
  wake: () => undefined,
  pause: async () => undefined,
  resume: async () => undefined,
  restart: async () => undefined,
  tryAgain: async () => true,
});

describe('the health of the mailboxes', () => {
  let clock: TestClock;
  let health: Health;
  let told: number;

  beforeEach(() => {
    clock = new TestClock();
    health = new Health(clock);
    told = 0;
    health.listen(() => {
      told += 1;
    });
  });

  /** A mailbox under observation, and what its node hears of it. */
  function attend(ack = false, id = 'mail') {
    const heard: string[] = [];
    const watched: WatchedMailbox = health.attend({ ...name, id });
    const parts = watched.hearing({
      ...(ack && { ack: { ackTimeout: 600, maxAttempts: 5, maxInFlight: 10 } }),
      deliver: async ({ topic }: DeliveredMail) => {
        heard.push(`mail ${topic}`);
      },
      onState: (state: MailboxState) => heard.push(state.is),
      onError: (error: MailboxError) => heard.push(`error ${error.code}`),
      onQuarantined: (_: MailboxError, { uid }: Pop3Fields) => heard.push(`aside ${uid}`),
    } as Pick<
      MailboxParts,
      'ack' | 'deliver' | 'onState' | 'onError' | 'onQuarantined' | 'onStillQuarantined' | 'onChange'
    >);
    const shown = mailbox();
    watched.begin(shown);
    return { watched, parts, heard, shown };
  }
  const mail = (uid: string, topic = uid) => ({ topic, pop3: { uid } }) as DeliveredMail;
  const only = () => health.mailboxes[0] ?? assert.fail('nobody is there');

  it('changes nothing of what the node hears', async () => {
    const { parts, heard } = attend(true);
    parts.onState({ is: 'checking' });
    await parts.deliver(mail('a'), soleOwner);
    parts.onError(refused);
    parts.onQuarantined(refused, { uid: 'a' } as Pop3Fields);
    parts.onChange?.();
    assert.deepEqual(heard, ['checking', 'mail a', 'error AUTH', 'aside a']);
  });

  it('knows the state, and when it was checked: not when it only begins to wait', () => {
    const { parts, shown } = attend();
    parts.onState({ is: 'idle' });
    assert.deepEqual([only().state.is, only().checkedAt], ['idle', undefined]);
    parts.onState({ is: 'checking' });
    parts.onState({ is: 'progress', done: 0, total: 1 });
    clock.advance(MINUTE);
    parts.onState({ is: 'new', count: 1 });
    shown.nextCheckAt = clock.now() + HOUR;
    clock.advance(MINUTE);
    assert.equal(only().checkedAt, clock.now() - MINUTE);
    assert.equal(only().nextCheckAt, clock.now() + HOUR - MINUTE);
  });

  it('remembers the last failure, and says when it is over', () => {
    const { parts } = attend();
    parts.onState({ is: 'checking' });
    parts.onState({ is: 'failed', error: refused });
    const { at } = only().failure ?? assert.fail();
    assert.deepEqual(only().failure, { error: refused, at, over: false });
    parts.onState({ is: 'checking' });
    assert.equal(only().failure?.over, false, 'nobody knows yet');
    clock.advance(HOUR);
    parts.onState({ is: 'idle' });
    assert.deepEqual(only().failure, { error: refused, at, over: true });
  });

  it('counts mails by the hour, for a day', async () => {
    const { parts } = attend();
    await parts.deliver(mail('a'), soleOwner);
    await parts.deliver(mail('b'), soleOwner);
    clock.advance(2 * HOUR);
    await parts.deliver(mail('c'), soleOwner);
    const counted = (): string => only().hours.join('');
    assert.equal(counted(), `${'0'.repeat(COUNTED_HOURS - 3)}201`);
    clock.advance(21 * HOUR);
    assert.equal(counted(), `201${'0'.repeat(COUNTED_HOURS - 3)}`);
    clock.advance(2 * HOUR);
    assert.equal(counted(), `1${'0'.repeat(COUNTED_HOURS - 1)}`);
    const nothing = '0'.repeat(COUNTED_HOURS);
    clock.jump(-48 * HOUR);
    assert.equal(counted(), nothing, 'hours to come are no hours of mail');
    clock.jump(48 * HOUR);
    assert.equal(counted(), nothing, 'and are forgotten');
    await parts.deliver(mail('d'), soleOwner);
    clock.advance(30 * HOUR);
    assert.equal(counted(), nothing);
    clock.jump(-20 * HOUR);
    assert.equal(counted(), nothing, 'what is too old is forgotten too');
  });

  it('counts redelivered mails among all of them, and apart', async () => {
    const { parts } = attend();
    const again = { topic: 'b', pop3: { uid: 'b', redelivered: true } } as DeliveredMail;
    for (const one of [mail('a'), again, mail('c')]) await parts.deliver(one, soleOwner);
    assert.deepEqual([only().hours.at(-1), only().redeliveredHours.at(-1)], [3, 1]);
  });

  it('does not count what could not be delivered', async () => {
    const watched = health.attend(name);
    const parts = watched.hearing({
      deliver: (_: DeliveredMail): Promise<void> => Promise.reject(new Error('no')),
      onState: () => undefined,
      onError: () => undefined,
      onQuarantined: () => undefined,
    });
    watched.begin(mailbox());
    await assert.rejects(parts.deliver(mail('a')));
    assert.equal(
      only().hours.reduce((sum, count) => sum + count),
      0,
    );
  });

  it('names quarantined mail by its subject, where it was delivered', async () => {
    const { parts, shown } = attend(true);
    await parts.deliver(mail('a', 'Order 17'), soleOwner);
    shown.quarantined = ['before', 'a'];
    parts.onQuarantined(refused, { uid: 'a' } as Pop3Fields);
    assert.deepEqual(only().quarantined, [
      { uid: 'before' },
      { uid: 'a', subject: 'Order 17', at: clock.now() },
    ]);
    shown.quarantined = ['before'];
    assert.deepEqual(only().quarantined, [{ uid: 'before' }], 'tried again');
  });

  it('says when a quarantined mail was last retried, though that is no new error', async () => {
    const { parts, shown } = attend(true);
    shown.quarantined = ['a'];
    parts.onQuarantined(refused, { uid: 'a' } as Pop3Fields);
    const before = clock.now();
    clock.advance(24 * HOUR);
    parts.onStillQuarantined?.('a');
    assert.deepEqual(only().quarantined, [{ uid: 'a', at: before + 24 * HOUR }]);
  });

  describe('after a restart', () => {
    let folder: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'health-'));
    });
    afterEach(() => rm(folder, { recursive: true }));
    const file = (): string => join(folder, 'redletter', 'quarantine.json');
    const begin = (): void => {
      health = new Health(clock, true, new QuarantineNames(file()));
    };

    it('still names quarantined mail, for the owner of the files only', async () => {
      begin();
      const { parts } = attend(true);
      await parts.deliver(mail('a', 'Order 17'), soleOwner);
      parts.onQuarantined(refused, { uid: 'a' } as Pop3Fields);
      const at = clock.now();
      assert.equal((await stat(file())).mode & 0o777, 0o600);
      begin();
      const { shown } = attend(true);
      shown.quarantined = ['a'];
      assert.deepEqual(only().quarantined, [{ uid: 'a', subject: 'Order 17', at }]);
    });

    it('knows nothing of a mailbox that is gone', async () => {
      begin();
      const { parts, watched } = attend(true);
      await parts.deliver(mail('a', 'Order 17'), soleOwner);
      parts.onQuarantined(refused, { uid: 'a' } as Pop3Fields);
      watched.end();
      health.sweep();
      assert.equal(await readFile(file(), 'utf8'), '[]');
    });

    it('starts empty where the file is damaged', async () => {
      await mkdir(join(folder, 'redletter'));
      for (const damaged of ['{', '{}', '[[1]]', 'null']) {
        await writeFile(file(), damaged);
        begin();
        const { shown } = attend(true);
        shown.quarantined = ['a'];
        assert.deepEqual(only().quarantined, [{ uid: 'a' }], damaged);
      }
    });
  });

  it('names a quarantined mail that was never delivered by its bytes', async () => {
    const { parts, shown } = attend();
    shown.quarantined = ['a'];
    const raw = Buffer.from('Subject: =?utf-8?Q?B=C3=A4r?=\r\nFrom: Bob <bob@example.com>\r\n\r\nHello');
    parts.onQuarantined(refused, { uid: 'a' } as Pop3Fields, raw);
    while (only().quarantined[0]?.subject === undefined) await new Promise(setImmediate);
    assert.deepEqual(only().quarantined, [
      { uid: 'a', subject: 'Bär', from: 'bob@example.com', at: clock.now() },
    ]);
  });

  it('keeps no subject and no sender where that is switched off', async () => {
    health = new Health(clock, false);
    const { parts, shown } = attend(true);
    await parts.deliver(mail('a', 'Order 17'), soleOwner);
    shown.quarantined = ['a'];
    parts.onQuarantined(refused, { uid: 'a' } as Pop3Fields, Buffer.from('Subject: Order 17\r\n\r\n'));
    await new Promise(setImmediate);
    assert.deepEqual(only().mails, []);
    assert.deepEqual(only().quarantined, [{ uid: 'a', at: clock.now() }]);
  });

  it('does not remember without end', async () => {
    const { parts, shown } = attend(true);
    for (let count = 0; count < 150; count += 1) {
      await parts.deliver(mail(`${count}`, `Subject ${count}`), soleOwner);
    }
    for (const uid of ['0', '149']) parts.onQuarantined(refused, { uid } as Pop3Fields);
    shown.quarantined = ['0', '149'];
    assert.deepEqual(
      only().quarantined.map(({ subject }) => subject),
      [undefined, 'Subject 149'],
    );
  });

  it('keeps its counts over a deploy, and forgets a node that is gone', async () => {
    const { watched, parts } = attend();
    await parts.deliver(mail('a'), soleOwner);
    watched.end();
    assert.deepEqual(health.mailboxes, []);
    assert.equal(health.mailbox('mail'), undefined);
    const after = attend();
    health.sweep();
    assert.equal(only().hours.at(-1), 1);
    after.watched.end();
    health.sweep();
    attend();
    assert.equal(only().hours.at(-1), 0);
  });

  it('is told the moment it changes, and then once a second at most', () => {
    const { parts } = attend();
    assert.equal(told, 1);
    clock.advance(1000);
    assert.equal(told, 2, 'it has begun to be watched meanwhile');
    clock.advance(10_000);
    assert.equal(told, 2, 'nothing has changed');
    for (let count = 0; count < 100; count += 1) parts.onState({ is: 'progress', done: count, total: 100 });
    assert.equal(told, 3);
    clock.advance(999);
    assert.equal(told, 3);
    clock.advance(1);
    assert.equal(told, 4);
    clock.advance(10_000);
    assert.equal(told, 4);
    assert.deepEqual(clock.waits, [], 'and no timer goes on');
  });

  it('costs nothing without a viewer', () => {
    health = new Health(clock);
    attend();
    assert.deepEqual(clock.waits, []);
  });
});

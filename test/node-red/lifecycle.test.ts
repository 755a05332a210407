import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeAPI } from 'node-red';
import { MailboxError, type MailboxParts, soleOwner } from '../../nodes/mailbox';
import type { DeliveredMail, Pop3Fields } from '../../nodes/mailbox/delivery/pop3-fields';
import { onceStarted, runtimeOf } from '../../nodes/node-red/lifecycle';

describe('what waits for the flows to be started', () => {
  const started = (events: EventEmitter) => events.emit('flows:started');
  const ran: number[] = [];
  const heard = new EventEmitter();
  const wait = (events: EventEmitter, from: number, to: number) => {
    const callOff: (() => void)[] = [];
    for (let at = from; at < to; at += 1) {
      const run = () => heard.emit(`ran ${ran.push(at)}`);
      callOff.push(onceStarted({ events } as unknown as Parameters<typeof onceStarted>[0], run));
    }
    return callOff;
  };
  beforeEach(() => {
    ran.length = 0;
  });

  it('begins at once where there is little of it, and only once', () => {
    const events = new EventEmitter();
    wait(events, 0, 5);
    assert.deepEqual(ran, []);
    started(events);
    assert.deepEqual(ran, [0, 1, 2, 3, 4]);
    started(events);
    assert.equal(ran.length, 5);
  });

  it('is spread over time where there is a lot of it, and all of it comes about', async () => {
    const events = new EventEmitter();
    wait(events, 0, 20);
    started(events);
    assert.equal(ran.length, 16);
    await once(heard, 'ran 20');
    assert.deepEqual(ran, [...Array(20).keys()]);
  });

  it('can be canceled, before the start and while it is queued', async () => {
    const events = new EventEmitter();
    const callOff = wait(events, 0, 20);
    callOff[3]?.();
    started(events);
    callOff[18]?.();
    await once(heard, 'ran 18');
    assert.deepEqual(
      ran,
      [...Array(20).keys()].filter((at) => at !== 3 && at !== 18),
    );
  });

  it('waits for its own start, even while the ones before it are still at it', async () => {
    const events = new EventEmitter();
    wait(events, 0, 18);
    started(events);
    wait(events, 18, 20);
    await once(heard, 'ran 18');
    assert.equal(ran.includes(18), false);
    started(events);
    assert.equal(ran.length, 20);
    // With an empty queue the next ones begin at once again.
    wait(events, 20, 21);
    started(events);
    assert.equal(ran.length, 21);
  });
});

describe('redletter.keepMails in settings.js', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'redletter-keep-mails-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  for (const [setting, expected] of [
    [{ keepMails: false }, []],
    [{ keepMails: true }, ['Order 17']],
    [{}, ['Order 17']],
    [null, ['Order 17']],
    [undefined, ['Order 17']],
  ] as const) {
    it(`${JSON.stringify(setting)}: the Mail tab lists ${expected.length} of one mail`, async () => {
      const settings = {
        userDir: folder,
        get: () => undefined,
        set: async () => undefined,
        redletter: setting,
      };
      const RED = { settings, events: new EventEmitter() } as unknown as NodeAPI;
      const { health } = runtimeOf(RED);
      const watched = health.attend({
        id: 'mail',
        node: 'mail',
        name: 'Mail',
        host: 'pop.example',
        user: 'a',
      });
      const parts = watched.hearing({
        deliver: async () => undefined,
        onState: () => undefined,
        onError: () => undefined,
        onQuarantined: () => undefined,
      } as unknown as MailboxParts);
      watched.begin({ quarantined: ['b'] } as unknown as Parameters<typeof watched.begin>[0]);
      const mail = { topic: 'Order 17', pop3: { uid: 'a' } } as DeliveredMail;
      await parts.deliver(mail, soleOwner);
      parts.onQuarantined(new MailboxError('POISON', 'mail-set-aside'), { uid: 'b' } as Pop3Fields);
      const [shown] = health.mailboxes;
      assert.deepEqual(
        shown?.mails.map(({ subject }) => subject),
        expected,
      );
      if (setting?.keepMails === false) assert.deepEqual(await readdir(folder), []);
    });
  }
});

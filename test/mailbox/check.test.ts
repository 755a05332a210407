import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { copyFile, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSession } from '../../nodes/mailbox';
import { fileLog, type OpenFile } from '../../nodes/mailbox/store/file/log';
import { Ledger } from '../../nodes/mailbox/store/ledger';
import { type Dovecot, dovecotMissing, startDovecot } from '../../servers/dovecot';
import {
  BEGINNING,
  Box,
  type BoxedMail,
  brokenMail,
  Checker,
  cleanUp,
  DAY,
  HOUR,
  lettered,
  MINUTE,
  mailOf,
  newFolder,
  TestClock,
} from '../../servers/mailbox-checker';
import { needs } from '../../servers/needs';
import type { ScriptedOptions } from '../../servers/scripted-pop3';

const TWENTY = 'abcdefghijklmnopqrst';
const capitals = (mails: BoxedMail[]): BoxedMail[] =>
  mails.map(({ uid, mail }) => ({ uid: uid.toUpperCase(), mail }));
const REFUSED = '-ERR no such luck\r\n';

describe('one check of a mailbox', () => {
  let box: Box;
  const start = async (mails: BoxedMail[] | string = [], options?: ScriptedOptions): Promise<void> => {
    box = await Box.start(typeof mails === 'string' ? lettered(mails) : mails, options);
  };
  /** A server where one command fares badly, for as long as `trouble.with` says so. */
  const troubled = async (
    letters: string,
    word: string,
    badly: (argument: string, session: Parameters<Box['server']['usual']>[2]) => string | undefined,
  ): Promise<{ with: (argument: string) => boolean }> => {
    const trouble = { with: (_: string): boolean => true };
    await start(letters, {
      commands: {
        [word]: (argument, session) =>
          trouble.with(argument) ? badly(argument, session) : box.server.usual(word, argument, session),
      },
    });
    return trouble;
  };
  afterEach(() => box.close());
  after(cleanUp);

  describe('the first', () => {
    it('leaves what is there, and takes everything from then on', async () => {
      await start('abc');
      const node = await Checker.make();
      const { ignored, summary } = await node.check(box);
      assert.equal(ignored, 3);
      assert.deepEqual([summary.found, summary.delivered], [3, 0]);
      box.holds(lettered('abcde'));
      const second = await node.check(box);
      assert.equal(second.ignored, undefined);
      assert.equal(node.uids, 'd e');
      await node.check(box);
      assert.equal(node.uids, 'd e');
    });

    it('takes all, in the order of the server', async () => {
      await start('cab');
      const node = await Checker.make({ first: 'all' });
      await node.check(box);
      assert.equal(node.uids, 'c a b');
    });

    it('delivers mail received since a date', async () => {
      await start([
        { uid: 'old', mail: mailOf('old', Date.UTC(2026, 9, 1)) },
        { uid: 'young', mail: mailOf('young', Date.UTC(2026, 9, 3)) },
        { uid: 'undated', mail: 'Subject: undated\r\n\r\nWho knows.\r\n' },
        { uid: 'older', mail: mailOf('older', Date.UTC(2025, 9, 3)) },
      ]);
      const node = await Checker.make({ first: '2026-10-02' });
      await node.check(box);
      assert.equal(node.uids, 'young undated');
      assert.equal(node.ledger.state('uold'), 'baseline');
    });

    it('delivers mail received since a date, and nothing older, from a server without TOP', async () => {
      await start(
        [
          { uid: 'old', mail: mailOf('old', Date.UTC(2026, 9, 1)) },
          { uid: 'young', mail: mailOf('young', Date.UTC(2026, 9, 3)) },
        ],
        { capabilities: ['USER', 'UIDL'], commands: { TOP: () => REFUSED } },
      );
      const node = await Checker.make({ first: '2026-10-02', after: 'delete' });
      await node.check(box);
      await node.check(box);
      assert.equal(node.uids, 'young');
      assert.deepEqual(box.uids, ['old']);
    });

    it('with a date that is none: CONFIG, and no baseline', async () => {
      await start('a');
      const node = await Checker.make({ first: 'yesterday' });
      await assert.rejects(node.check(box), { code: 'CONFIG', reason: 'first-not-a-date' });
      assert.equal(node.ledger.hasBaseline, false);
    });

    it('is the first again until its baseline stands', async () => {
      const trouble = await troubled('abc', 'UIDL', () => '-ERR [SYS/TEMP] later\r\n');
      let node = await Checker.make();
      await assert.rejects(node.check(box), { code: 'SYS_TEMP' });
      assert.equal(node.ledger.hasBaseline, false);
      box.holds(lettered('abcd'));
      trouble.with = () => false;
      node = await node.restarted();
      assert.equal((await node.check(box)).ignored, 4);
      assert.equal(node.uids, '');
    });

    it('with a line that drops while dates are asked for: no baseline', async () => {
      const trouble = await troubled('abc', 'TOP', (_, session) => {
        session.socket.destroy();
        return undefined;
      });
      trouble.with = (argument) => argument.startsWith('3 ');
      const node = await Checker.make({ first: '2026-01-01' });
      await assert.rejects(node.check(box), { code: 'CONNECT' });
      assert.equal(node.ledger.hasBaseline, false);
      assert.equal(node.uids, '');
    });

    const many = (count: number): BoxedMail[] =>
      Array.from({ length: count }, (_, at) => ({ uid: `g${at}`, mail: mailOf(`g${at}`) }));

    it('at Google with 200 mails: CONFIG with the hint, and no baseline', async () => {
      await start(many(200));
      const node = await Checker.make({ service: 'google' });
      await assert.rejects(node.check(box), { code: 'CONFIG', reason: 'gmail-lists-old-mail' });
      assert.equal(node.ledger.hasBaseline, false);
      assert.equal(node.ledger.isKnown('ug1'), false);
      box.holds(many(199));
      await node.check(box);
      assert.equal(node.ledger.hasBaseline, true);
    });
  });

  describe('never again', () => {
    it('after a restart', async () => {
      await start('abc');
      const node = await Checker.begun();
      await node.check(box);
      const again = await node.restarted();
      const { summary } = await again.check(box);
      assert.equal(node.uids, 'a b c');
      assert.equal(again.uids, '');
      assert.equal(summary.found, 3);
    });

    it('after an empty listing, or a short one', async () => {
      await start(TWENTY);
      const node = await Checker.begun();
      await node.check(box);
      for (const letters of ['', TWENTY, 'b', TWENTY, TWENTY.slice(5)]) {
        box.holds(lettered(letters));
        node.clock.advance(HOUR);
        await node.check(box);
      }
      assert.equal(node.delivered.length, 20);
    });

    it('after a mailbox was renumbered: dates decide', async () => {
      await start(TWENTY);
      const node = await Checker.make({ first: 'all' });
      await node.check(box);
      node.clock.advance(3 * HOUR);
      await node.check(box);
      node.clock.advance(HOUR);
      const fresh = { uid: 'FRESH', mail: mailOf('fresh', node.clock.now() - MINUTE) };
      const undated = { uid: 'UNDATED', mail: 'Subject: who knows\r\n\r\n.\r\n' };
      box.holds([...capitals(lettered(TWENTY)), fresh, undated]);
      node.delivered.length = 0;
      await node.check(box);
      assert.equal(node.uids, 'FRESH UNDATED');
      const again = await node.restarted();
      await again.check(box);
      assert.equal(again.uids, '');
    });

    it('but what a check had left for the next one is not old, though everything else has vanished', async () => {
      await start(TWENTY);
      const node = await Checker.make({ first: 'all', maxPerCheck: 12 });
      await node.check(box);
      node.clock.advance(3 * HOUR);
      // Another client deleted what was delivered.
      box.holds(lettered(TWENTY.slice(12), BEGINNING - DAY));
      await node.check(box);
      assert.equal(node.uids, [...TWENTY].join(' '));
    });

    it('but what the process has deleted, and not noted before it ended, is no sign of it', async () => {
      await start(TWENTY);
      const node = await Checker.make({ first: 'all' });
      await node.check(box);
      node.clock.advance(3 * HOUR);
      node.settings.after = 'delete';
      box.holds([...'UVW'].map((uid) => ({ uid, mail: mailOf(uid, BEGINNING - DAY) })));
      node.delivered.length = 0;
      await node.check(box);
      assert.equal(node.uids, 'U V W');
    });

    it('but what is new in a mailbox of few is new, whatever its date', async () => {
      await start('abcdefghi');
      const node = await Checker.begun();
      await node.check(box);
      node.clock.advance(HOUR);
      box.holds(capitals(lettered('xyz', BEGINNING - 30 * DAY)));
      await node.check(box);
      assert.equal(node.uids, 'a b c d e f g h i X Y Z');
    });

    it('and what we have deleted ourselves is no sign of a renumbered mailbox', async () => {
      await start(TWENTY);
      const node = await Checker.begun({ after: 'delete' });
      await node.check(box);
      assert.deepEqual(box.uids, []);
      node.clock.advance(HOUR);
      // A server whose clock is behind, a draft that was moved here: it has only just come.
      box.holds([{ uid: 'new', mail: mailOf('new', BEGINNING - DAY) }]);
      node.delivered.length = 0;
      await node.check(box);
      assert.equal(node.uids, 'new');
    });

    it('and what Google hides after it was fetched is none either', async () => {
      await start(lettered(TWENTY, BEGINNING - 9 * DAY));
      const node = await Checker.begun({ service: 'google' });
      await node.check(box);
      node.clock.advance(MINUTE);
      box.holds(capitals(lettered(TWENTY, BEGINNING - 8 * DAY)));
      await node.check(box);
      assert.equal(node.delivered.length, 40);
    });

    it('and a clock that is set back makes nothing old', async () => {
      await start(TWENTY);
      const node = await Checker.begun();
      await node.check(box);
      node.clock.jump(-30 * DAY);
      const mail = mailOf('new', node.clock.now() - MINUTE);
      box.holds([{ uid: 'NEW', mail }]);
      node.delivered.length = 0;
      await node.check(box);
      assert.equal(node.uids, 'NEW');
    });

    it('but a unique ID that was given to another mail brings that one, unmarked, for it is another', async () => {
      await start('abc');
      const node = await Checker.make();
      await node.check(box);
      box.holds(lettered('abcde'));
      await node.check(box);
      node.clock.advance(MINUTE);
      box.holds(lettered('e'));
      await node.check(box);
      node.clock.advance(MINUTE);
      const other = mailOf('other', node.clock.now());
      // One from before the first check and one that was handled; the rest is what it was.
      box.holds([...lettered('b'), { uid: 'a', mail: other }, { uid: 'd', mail: other }, ...lettered('e')]);
      const { summary } = await node.check(box);
      assert.equal(node.uids, 'd e a d');
      assert.deepEqual([summary.delivered, summary.redelivered], [2, 0]);
      assert.deepEqual(
        box.said('TOP'),
        ['TOP 1 0', 'TOP 2 0', 'TOP 3 0', 'TOP 4 0'],
        'of what came back, and a sample',
      );
      const again = await node.restarted();
      await again.check(box);
      assert.equal(again.uids, '');
      assert.equal(box.said('TOP').length, 1, 'a sample');
    });

    it('also where we have deleted the first ourselves, and the server numbers its mails', async () => {
      await start([{ uid: '1', mail: mailOf('first') }]);
      const node = await Checker.begun({ after: 'delete' });
      for (const subject of ['first', 'second', 'third']) {
        box.holds([{ uid: '1', mail: mailOf(subject, node.clock.now()) }]);
        node.clock.advance(MINUTE);
        await node.check(box);
        assert.deepEqual(box.uids, []);
        node.clock.advance(MINUTE);
      }
      assert.deepEqual(
        node.delivered.map(({ topic }) => topic),
        ['first', 'second', 'third'],
      );
      // A server that says +OK and keeps the mail: nothing new is in that.
      box.holds([{ uid: '1', mail: mailOf('third', node.clock.now() - 2 * MINUTE) }]);
      await node.check(box);
      assert.equal(node.delivered.length, 3);
    });

    it('equal unique IDs are different mails, and each is delivered once', async () => {
      await start([
        { uid: 'x', mail: mailOf('1') },
        { uid: 'x', mail: mailOf('2') },
      ]);
      const node = await Checker.begun();
      await node.check(box);
      assert.deepEqual(
        node.delivered.map(({ topic }) => topic),
        ['1', '2'],
      );
      box.holds([1, 2, 3].map((at) => ({ uid: 'x', mail: mailOf(`${at}`) })));
      await node.check(box);
      assert.deepEqual(
        node.delivered.map(({ topic }) => topic),
        ['1', '2', '3'],
      );
    });

    it('without UIDL: a mail is its header', async () => {
      await start('abc', {
        capabilities: ['USER', 'TOP'],
        commands: { UIDL: () => '-ERR unknown command\r\n' },
      });
      const node = await Checker.begun({ after: 'delete' });
      await node.check(box);
      assert.equal(box.uids.length, 0);
      box.holds(lettered('bcd'));
      await node.check(box);
      assert.deepEqual(
        node.delivered.map(({ topic }) => topic),
        ['a', 'b', 'c', 'd'],
      );
    });
  });

  describe('the delivery', () => {
    it('has an intent on the disk before it, and the mail before noted', async () => {
      await start(Array.from({ length: 150 }, (_, at) => ({ uid: `m${at}`, mail: mailOf(`m${at}`) })));
      const node = await Checker.begun();
      const crashed = join(await newFolder(), 'crashed.ledger');
      node.onDeliver = async ({ pop3 }) => {
        // What a process would find that ended at this very moment.
        await copyFile(node.ledger.name, crashed);
        const ledger = await Ledger.open(fileLog(crashed), node.clock.now);
        assert.equal(ledger.openDelivery(`u${pop3.uid}`)?.deliveries, 1, pop3.uid);
        for (let before = 1; before < pop3.number; before += 1) {
          assert.equal(ledger.state(`um${before - 1}`), 'processed', `${before} before ${pop3.number}`);
        }
        await ledger.close();
      };
      await node.check(box);
      assert.equal(node.delivered.length, 150);
      const lines = (await readFile(node.ledger.name, 'utf8')).split('\n');
      assert.equal(lines.filter((line) => line.includes('"intend"')).length, 3, 'a window at a time');
      assert.equal(new Set(node.delivered.map(({ pop3 }) => pop3.delivery)).size, 150);
    });

    it('waits until the mail before is noted, however slow the disk', async () => {
      await start('abcdef');
      const node = await Checker.begun();
      const noted = new Set<string>();
      const done = node.ledger.markDone.bind(node.ledger);
      node.ledger.markDone = async (key, state) => {
        for (let turns = 0; turns < 50; turns += 1) await new Promise((resolve) => setImmediate(resolve));
        await done(key, state);
        noted.add(key);
      };
      node.onDeliver = () => assert.equal(noted.size, node.delivered.length - 1);
      await node.check(box);
      assert.equal(noted.size, 6, 'and the check until the last one is');
    });

    it('finds the mail before in the file, also where the disk is too slow for Node-RED to wait for it', async () => {
      let queued = 0;
      const slow: OpenFile = async (path, flags, mode) => {
        const handle = await open(path, flags, mode);
        return new Proxy(handle, {
          get: (target, property) => {
            // One such line, written at once, is a long enough wait for a check.
            if (property === 'fd') for (const until = performance.now() + 60; performance.now() < until; );
            const value = Reflect.get(target, property) as unknown;
            if (typeof value !== 'function') return value;
            return async (...given: unknown[]) => {
              for (let turns = 0; turns < 50; turns += 1) await new Promise(setImmediate);
              if (property === 'appendFile' && String(given[0]).includes('"done"')) queued += 1;
              return value.apply(target, given);
            };
          },
        });
      };
      await start('abcdef');
      const clock = new TestClock();
      const ledger = await Ledger.open(fileLog(join(await newFolder(), 'a.ledger'), slow), clock.now);
      await ledger.recordBaseline([]);
      const node = new Checker(ledger, clock);
      const noted: number[] = [];
      node.onDeliver = () => {
        noted.push((readFileSync(ledger.name, 'utf8').match(/"done"/g) ?? []).length);
      };
      await node.check(box);
      assert.deepEqual(noted, [0, 1, 2, 3, 4, 5]);
      assert.equal(queued, 5, 'after the first that was slow');
      await ledger.close();
    });

    it('after a crash in the middle of it: again, marked, and counted', async () => {
      await start('abc');
      const node = await Checker.begun();
      await node.ledger.recordIntents(['ub']);
      const { summary } = await node.check(box);
      assert.equal(node.uids, 'a b* c');
      assert.deepEqual(
        node.delivered.map(({ pop3 }) => pop3.attempt),
        [1, 2, 1],
      );
      assert.deepEqual([summary.delivered, summary.redelivered], [3, 1]);
    });

    it('with a ledger that cannot be written: STORE, and nothing is delivered or deleted', async () => {
      await start('abc');
      const node = await Checker.begun({ after: 'delete' });
      await node.ledger.close();
      await assert.rejects(node.check(box), { code: 'STORE' });
      assert.equal(node.uids, '');
      assert.deepEqual(box.uids, ['a', 'b', 'c']);
      assert.deepEqual(box.said('DELE'), []);
    });

    it('given up in the middle: nothing of it stays noted, and nothing is marked afterwards', async () => {
      await start('abcdef');
      const node = await Checker.begun({ after: 'delete' });
      node.onDeliver = ({ pop3 }) => {
        if (pop3.uid === 'b') node.stop.abort(new Error('deploy'));
      };
      await assert.rejects(node.check(box));
      assert.equal(node.uids, 'a b', 'what was handed over is handed over');
      const again = await node.restarted();
      for (const key of ['uc', 'ud', 'ue', 'uf']) assert.equal(again.ledger.openDelivery(key), undefined);
      assert.deepEqual(box.uids.join(''), 'abcdef');
      await again.check(box);
      assert.equal(again.uids, 'c d e f');
    });

    it('of a mail whose line drops: nothing half is delivered, and it comes unmarked the next time', async () => {
      const trouble = await troubled('abcd', 'RETR', (_, session) => {
        session.socket.end(`+OK\r\n${mailOf('c').slice(0, -30)}`);
        return undefined;
      });
      trouble.with = (argument) => argument === '3';
      const node = await Checker.begun({ after: 'delete' });
      await assert.rejects(node.check(box), { code: 'CONNECT' });
      assert.equal(node.uids, 'a b');
      assert.equal(node.ledger.openDelivery('uc')?.deliveries, 0);
      trouble.with = () => false;
      node.clock.advance(MINUTE);
      const again = await node.restarted();
      await again.check(box);
      assert.equal(again.uids, 'c d');
    });

    it('asks for sizes only where something may be new', async () => {
      const checker = await Checker.begun({ maxSize: 1_000_000 });
      box = await Box.start(lettered('ab'));
      await checker.check(box);
      assert.deepEqual(box.said('LIST'), ['LIST']);
      assert.equal(checker.uids, 'a b');
      await checker.check(box);
      assert.deepEqual(box.said('LIST'), []);
    });

    it('leaves nothing marked by RETR at the server', async () => {
      await start('ab');
      const node = await Checker.begun();
      await node.check(box);
      assert.deepEqual(box.said('R'), ['RETR 1', 'RETR 2', 'RSET']);
      await node.check(box);
      assert.deepEqual(box.said('R'), [], 'nothing was fetched');
    });
  });

  it('of headers only, from a server without TOP: they come with the rest, but not of what is too large', async () => {
    const large = mailOf('large') + 'x'.repeat(5000);
    await start([...lettered('ab'), { uid: 'large', mail: large }], { commands: { TOP: () => REFUSED } });
    const node = await Checker.begun({ content: 'headers', maxSize: 2000, after: 'delete' });
    await node.check(box);
    assert.equal(node.uids, 'a b');
    assert.equal(node.delivered[0]?.payload, '');
    assert.deepEqual(box.said('RETR'), ['RETR 1', 'RETR 2']);
    assert.equal(box.uids.length, 3, 'all of them are kept');
  });

  describe('a mail that cannot be had', () => {
    it('fails alone, is retried at growing intervals, and is quarantined once at the end', async () => {
      const trouble = await troubled('abc', 'RETR', () => REFUSED);
      trouble.with = (argument) => argument === '2';
      const node = await Checker.begun({ after: 'delete', maxAttempts: 3 });
      const { summary } = await node.check(box);
      assert.equal(node.uids, 'a c');
      assert.deepEqual([summary.delivered, summary.failed, summary.deleted], [2, 1, 2]);
      trouble.with = () => true;
      const waits: number[] = [];
      for (let failures = 1; failures < 3; failures += 1) {
        const retryAt = node.ledger.openDelivery('ub')?.retryAt ?? assert.fail();
        waits.push(retryAt - node.clock.now());
        node.clock.advance(retryAt - node.clock.now() - 1000);
        await node.check(box);
        assert.deepEqual(box.said('RETR'), [], 'not before its time');
        node.clock.advance(1000);
        assert.equal(node.quarantined.length, 0);
        await node.check(box);
        assert.deepEqual(box.said('RETR'), ['RETR 1']);
      }
      assert.ok((waits[0] ?? 0) >= 10_000 && (waits[1] ?? 0) >= 2 * (waits[0] ?? 0), waits.join());
      const [poisoned] = node.quarantined;
      assert.equal(poisoned?.error.code, 'POISON');
      assert.equal(poisoned?.pop3.uid, 'b');
      for (let round = 0; round < 3; round += 1) {
        node.clock.advance(DAY);
        await node.check(box);
        assert.deepEqual([...box.said('RETR'), ...box.said('DELE')], ['RETR 1'], 'once more each day');
      }
      assert.equal(node.quarantined.length, 1);
      assert.deepEqual(box.uids, ['b'], 'it stays on the server');
    });

    it('quarantined, is redelivered when a person retries it, marked as redelivered', async () => {
      const trouble = await troubled('ab', 'RETR', () => REFUSED);
      trouble.with = (argument) => argument === '1';
      const node = await Checker.begun({ maxAttempts: 1 });
      await node.check(box);
      assert.deepEqual(node.ledger.quarantined, ['ua']);
      trouble.with = () => false;
      const again = await node.restarted();
      assert.deepEqual(again.ledger.quarantined, ['ua'], 'also after a restart');
      await again.ledger.retry('ub', { asked: true });
      await again.ledger.retry('ua', { asked: true });
      await again.check(box);
      assert.equal(again.uids, 'a*');
      assert.deepEqual(again.ledger.quarantined, []);
    });

    it('quarantined, fails again: told when a person asked for the retry, no new error when it was the daily one', async () => {
      const trouble = await troubled('ab', 'RETR', () => REFUSED);
      trouble.with = (argument) => argument === '1';
      let node = await Checker.begun({ maxAttempts: 3 });
      for (let attempt = 0; attempt < 3; attempt += 1) {
        await node.check(box);
        node.clock.advance(HOUR);
      }
      assert.deepEqual([node.quarantined.length, node.stillQuarantined], [1, []]);
      node.clock.advance(DAY);
      await node.check(box);
      assert.deepEqual([node.quarantined.length, node.stillQuarantined], [1, ['a']]);
      for (let retries = 1; retries <= 2; retries += 1) {
        await node.ledger.retry('ua', { asked: true });
        // Also where Node-RED is restarted in between.
        if (retries === 2) node = await node.restarted();
        const before = node.quarantined.length;
        await node.check(box);
        assert.deepEqual(node.ledger.quarantined, ['ua'], 'one attempt');
        const told = node.quarantined.slice(before);
        assert.deepEqual(
          told.map(({ error, pop3 }) => [error.code, error.reason, pop3.uid, pop3.redelivered]),
          [['POISON', 'mail-failed-again', 'a', true]],
        );
        await node.check(box);
        assert.equal(node.quarantined.length, before + 1, 'once');
      }
      node.clock.advance(DAY);
      await node.check(box);
      assert.equal(node.stillQuarantined.length, 1, 'of the restarted node: the daily retry goes on');
    });

    it('though it ends every session, holds up the others for a while only', async () => {
      const trouble = await troubled('abc', 'RETR', (_, session) => {
        session.socket.destroy();
        return undefined;
      });
      trouble.with = (argument) => argument === '1';
      const node = await Checker.begun({ maxAttempts: 3 });
      for (let round = 0; round < 8; round += 1) {
        await node.check(box).catch((error) => assert.equal(error.code, 'CONNECT'));
        node.clock.advance(DAY);
      }
      assert.equal(node.uids, 'b c');
      assert.equal(node.quarantined.length, 1);
      assert.equal(node.ledger.state('ua'), 'quarantined');
    });

    it('healed before its last attempt, is delivered, unmarked', async () => {
      const trouble = await troubled('ab', 'RETR', () => REFUSED);
      trouble.with = (argument) => argument === '1';
      const node = await Checker.begun();
      await node.check(box);
      trouble.with = () => false;
      node.clock.advance(DAY);
      await node.check(box);
      assert.equal(node.uids, 'b a');
    });
  });

  describe('a large mail that cannot be parsed', () => {
    const withBroken = (letters: string): BoxedMail[] =>
      lettered(letters).map(({ uid, mail }) =>
        uid === 'x' || uid === 'y' ? { uid, mail: brokenMail(uid) } : { uid, mail },
      );
    const isRaw = ({ mail, raw, pop3 }: Checker['delivered'][number]): boolean =>
      mail.problems[0]?.code === 'NOT_PARSED' && raw?.toString() === brokenMail(pop3.uid);

    it('is fetched again for its bytes, behind the others, and deleted as they are; no other is', async () => {
      await start(withBroken('axbyc'));
      const node = await Checker.begun({ after: 'delete' });
      const { summary } = await node.check(box);
      assert.equal(node.uids, 'a b c x y');
      assert.deepEqual(node.delivered.map(isRaw), [false, false, false, true, true]);
      assert.equal(box.said('RETR').join(), 'RETR 1,RETR 2,RETR 3,RETR 4,RETR 5,RETR 2,RETR 4');
      const { delivered, fetched, failed, redelivered, deleted } = summary;
      assert.deepEqual([delivered, fetched, failed, redelivered, deleted], [5, 5, 0, 0, 5]);
      assert.deepEqual(box.uids, []);
    });

    it('refused the second time, is an ordinary failure; the next time its bytes are kept at once', async () => {
      let asked = 0;
      await start(withBroken('ax'), {
        commands: {
          RETR: (argument, session) =>
            argument === '2' && ++asked === 2 ? REFUSED : box.server.usual('RETR', argument, session),
        },
      });
      const node = await Checker.begun({ after: 'delete' });
      const { summary } = await node.check(box);
      assert.equal(node.uids, 'a');
      assert.deepEqual([summary.delivered, summary.failed, summary.deleted], [1, 1, 1]);
      assert.equal(node.ledger.openDelivery('ux')?.failures, 1);
      node.clock.advance(DAY);
      await node.check(box);
      assert.equal(node.uids, 'a x');
      assert.ok(node.delivered[1] && isRaw(node.delivered[1]));
      assert.deepEqual(box.said('RETR'), ['RETR 1']);
      assert.deepEqual(box.uids, []);
    });

    it('whose connection drops the second time: nothing was delivered, and it is delivered unmarked', async () => {
      let asked = 0;
      await start(withBroken('ax'), {
        commands: {
          RETR: (argument, session) => {
            if (argument !== '2' || ++asked !== 2) return box.server.usual('RETR', argument, session);
            session.socket.write(`+OK\r\n${brokenMail('x').slice(0, 1_500_000)}`, () =>
              session.socket.destroy(),
            );
            return undefined;
          },
        },
      });
      const node = await Checker.begun({ after: 'delete' });
      await assert.rejects(node.check(box), { code: 'CONNECT' });
      assert.equal(node.uids, 'a');
      assert.deepEqual(box.uids, ['a', 'x'], 'nothing is deleted');
      const again = await node.restarted();
      await again.check(box);
      assert.equal(again.uids, 'x');
      assert.ok(again.delivered[0] && isRaw(again.delivered[0]));
      assert.deepEqual(box.uids, []);
    });

    it('found too large only the second time, comes as its headers', async () => {
      const mail = brokenMail('x');
      let asked = 0;
      await start([{ uid: 'x', mail }], {
        commands: {
          RETR: (argument, session) =>
            ++asked === 2 ? `+OK\r\n${mail}${mail}.\r\n` : box.server.usual('RETR', argument, session),
        },
      });
      const node = await Checker.begun({ after: 'delete' });
      await node.check({ open: (signal) => box.open(signal, 3_000_000) });
      assert.deepEqual(
        node.delivered.map(({ mail }) => [mail.subject, mail.truncated]),
        [['x', true]],
      );
      assert.deepEqual(box.uids, ['x']);
    });
  });

  describe('deleting', () => {
    it('processed mail, not mail from before the first check', async () => {
      await start('abc');
      const node = await Checker.make({ after: 'delete' });
      await node.check(box);
      box.holds(lettered('abcde'));
      const { summary } = await node.check(box);
      assert.deepEqual(box.uids, ['a', 'b', 'c']);
      assert.equal(summary.deleted, 2);
    });

    it('nothing with `keep`', async () => {
      await start('ab');
      await (await Checker.begun()).check(box);
      assert.deepEqual(box.said('DELE'), []);
    });

    it('nothing that others on the mailbox still want', async () => {
      await start('abc');
      const node = await Checker.begun({ after: 'delete' });
      node.mayDelete = (key) => key === 'ub';
      assert.equal((await node.check(box)).summary.deleted, 1);
      assert.deepEqual(box.uids, ['a', 'c']);
      node.mayDelete = () => true;
      await node.check(box);
      assert.deepEqual(box.uids, []);
    });

    it('nothing of which it is not certain which one it is', async () => {
      await start(['x', 'y', 'x'].map((uid, at) => ({ uid, mail: mailOf(`${at}`) })));
      const node = await Checker.begun({ after: 'delete' });
      assert.equal((await node.check(box)).summary.deleted, 1);
      assert.deepEqual(box.uids, ['x', 'x']);
    });

    it('nothing of which only the headers were taken', async () => {
      await start('ab');
      const node = await Checker.begun({ after: 'delete', content: 'headers' });
      assert.equal((await node.check(box)).summary.delivered, 2);
      assert.deepEqual(box.said('DELE'), []);
      assert.equal(node.ledger.state('ua'), 'kept');
    });

    it('nothing too large that was skipped, or shortened', async () => {
      for (const oversize of ['skip', 'headers'] as const) {
        await start([
          ...lettered('a'),
          { uid: 'large', mail: `${mailOf('large')}${'x'.repeat(5000)}\r\n` },
          ...lettered('b'),
        ]);
        const node = await Checker.begun({ after: 'delete', maxSize: 2000, oversize });
        const { summary } = await node.check(box);
        assert.deepEqual(box.uids, ['large']);
        assert.equal(summary.skipped, oversize === 'skip' ? 1 : 0);
        assert.deepEqual(node.uids.split(' ').sort(), oversize === 'skip' ? ['a', 'b'] : ['a', 'b', 'large']);
        await node.check(box);
        assert.deepEqual(box.said('RETR'), []);
        if (oversize === 'skip') await box.close();
      }
    });

    it('some days after processing', async () => {
      await start('a');
      const node = await Checker.begun({ after: 'expire', keepDays: 3 });
      await node.check(box);
      node.clock.advance(DAY);
      box.holds(lettered('ab'));
      await node.check(box);
      node.clock.advance(2 * DAY - 2000);
      await node.check(box);
      assert.deepEqual(box.uids, ['a', 'b']);
      node.clock.advance(2000);
      assert.equal((await node.check(box)).summary.deleted, 1);
      assert.deepEqual(box.uids, ['b']);
    });

    it('is counted only when QUIT was answered, and repeated the next time', async () => {
      const answers: Record<string, string | undefined> = {
        'not answered': undefined,
        refused: '-ERR some were not deleted\r\n',
      };
      for (const [what, answer] of Object.entries(answers)) {
        const trouble = await troubled('ab', 'QUIT', () => answer);
        const node = await Checker.begun({ after: 'delete' });
        const { summary } = await node.check(box);
        assert.deepEqual([summary.delivered, summary.deleted], [2, 0], what);
        assert.equal(summary.unconfirmed, answer === undefined ? 2 : undefined, what);
        trouble.with = () => false;
        const second = await node.check(box);
        assert.deepEqual([second.summary.delivered, second.summary.deleted], [0, 2], what);
        assert.equal(second.summary.unconfirmed, undefined);
        assert.deepEqual(box.said('DELE'), ['DELE 1', 'DELE 2']);
        if (what === 'not answered') await box.close();
      }
    });

    it('refused for one, goes on with the others, and tries that one again', async () => {
      const trouble = await troubled('abc', 'DELE', () => REFUSED);
      trouble.with = (argument) => argument === '2';
      const node = await Checker.begun({ after: 'delete' });
      assert.equal((await node.check(box)).summary.deleted, 2);
      assert.deepEqual(node.uids, 'a b c');
      trouble.with = () => false;
      assert.equal((await node.check(box)).summary.deleted, 1);
    });

    it('never comes before the delivery is recorded', async () => {
      await start('abc');
      const node = await Checker.begun({ after: 'delete' });
      node.onDeliver = () => assert.deepEqual(box.said('DELE'), []);
      await node.check(box);
      assert.equal(node.delivered.length, 3);
      const again = await node.restarted();
      for (const key of ['ua', 'ub', 'uc']) assert.equal(again.ledger.state(key), 'processed');
    });
  });

  it('takes so many at a time and the rest the next times', async () => {
    await start('abcde');
    const node = await Checker.begun({ maxPerCheck: 2 });
    for (const uids of ['a b', 'a b c d', 'a b c d e', 'a b c d e']) {
      await node.check(box);
      assert.equal(node.uids, uids);
    }
  });
});

describe('checks of a real mailbox', function () {
  this.timeout(60_000);
  let dovecot: Dovecot;
  before(async function () {
    needs(dovecotMissing).call(this);
    const users = Object.fromEntries(
      ['alice', 'keep', 'delete'].map((name) => [`${name}@example.test`, password]),
    );
    dovecot = await startDovecot({ users });
  });
  after(async () => {
    await dovecot?.stop();
    await cleanUp();
  });

  const password = 'correct horse';
  const alice = 'alice@example.test';
  const realBox = (user: string): Pick<Box, 'open'> => ({
    open: (signal) =>
      openSession(
        { host: '127.0.0.1', port: dovecot.tlsPort, security: 'tls', tls: { ca: dovecot.ca } },
        { user, password, mechanism: 'auto' },
        signal,
      ),
  });
  const real = realBox(alice);

  it('deliver each mail once, in order, and delete processed mail and nothing else', async () => {
    await dovecot.deliver(alice, mailOf('before'));
    const node = await Checker.make({ after: 'delete' });
    await node.check(real);
    for (let at = 0; at < 100; at += 1) await dovecot.deliver(alice, mailOf(`mail-${at}`));
    node.onDeliver = ({ topic }) => {
      if (topic === 'mail-40') node.stop.abort();
    };
    await assert.rejects(node.check(real));
    assert.equal((await dovecot.mails(alice)).length, 101, 'an unfinished session deletes nothing');
    const again = await node.restarted();
    const { summary } = await again.check(real);
    assert.deepEqual(
      [...node.delivered, ...again.delivered].map(({ topic }) => topic),
      Array.from({ length: 100 }, (_, at) => `mail-${at}`),
    );
    assert.equal(
      again.delivered.some(({ pop3 }) => pop3.redelivered),
      false,
    );
    assert.equal(summary.deleted, 100);
    assert.deepEqual((await dovecot.mails(alice)).map(String), [mailOf('before')]);
  });

  it('deliver a large mail that cannot be parsed raw, while others are in flight, kept or deleted', async () => {
    for (const after of ['keep', 'delete'] as const) {
      const bob = `${after}@example.test`;
      await dovecot.deliver(bob, brokenMail('broken'));
      for (let at = 0; at < 20; at += 1) await dovecot.deliver(bob, mailOf(`mail-${at}`));
      const node = await Checker.begun({ after });
      const { summary } = await node.check(realBox(bob));
      assert.deepEqual(
        node.delivered.map(({ topic }) => topic),
        [...Array.from({ length: 20 }, (_, at) => `mail-${at}`), 'broken'],
      );
      const broken = node.delivered[20];
      assert.equal(broken?.mail.problems[0]?.code, 'NOT_PARSED');
      assert.equal(broken?.raw?.toString(), brokenMail('broken'));
      assert.deepEqual([summary.delivered, summary.failed, summary.redelivered], [21, 0, 0]);
      assert.equal((await dovecot.mails(bob)).length, after === 'keep' ? 21 : 0);
    }
  });
});

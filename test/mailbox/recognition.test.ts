import assert from 'node:assert/strict';
import { MailboxError } from '../../nodes/mailbox';
import { fingerprintOf } from '../../nodes/mailbox/fingerprint';
import {
  Box,
  type BoxedMail,
  Checker,
  cleanUp,
  DAY,
  lettered,
  MINUTE,
  mailOf,
} from '../../servers/mailbox-checker';

/** A server whose unique IDs are message numbers. */
const numbered = (letters: string, arrived?: number): BoxedMail[] =>
  lettered(letters, arrived).map(({ mail }, at) => ({ uid: String(at + 1), mail }));

/** A mail each: its letter, and a number that makes its unique ID another one. */
const named = (names: string): BoxedMail[] =>
  names.split(' ').map((uid) => ({ uid, mail: mailOf(uid.charAt(0)) }));

const topics = ({ delivered }: Checker): string =>
  delivered.map(({ topic, pop3 }) => topic + (pop3.redelivered ? '*' : '')).join(' ');

describe('recognizing mail', () => {
  let box: Box;
  afterEach(() => box.close());
  after(cleanUp);

  for (const count of [3, 300]) {
    it(`in a renumbered mailbox of ${count}, with mail of the future, and none is delivered again`, async () => {
      const mails = Array.from({ length: count }, (_, at) => ({
        uid: `old${at}`,
        mail: mailOf(`m${at}`, Date.UTC(2033, 1, 1)),
      }));
      for (const first of ['new', 'all']) {
        box = await Box.start(mails);
        const node = await Checker.make({ first });
        await node.check(box);
        node.clock.advance(MINUTE);
        box.holds([
          ...mails.map(({ mail }, at) => ({ uid: `other${at}`, mail })),
          { uid: 'fresh', mail: mailOf('fresh', 0) },
        ]);
        node.delivered.length = 0;
        const again = await node.restarted();
        await again.check(box);
        assert.equal(topics(again), 'fresh', first);
        await again.check(box);
        assert.equal(topics(again), 'fresh', first);
        if (first === 'new') await box.close();
      }
    });
  }

  it('where IDs are message numbers and others delete: each mail once', async () => {
    box = await Box.start(numbered('abcd'));
    const node = await Checker.begun();
    await node.check(box);
    // All of them have the same size, so that sizes tell nothing.
    for (const letters of ['bcd', 'bcde', 'cef', 'efgh', 'hi']) {
      box.holds(numbered(letters));
      node.clock.advance(MINUTE);
      await node.check(box);
    }
    assert.equal(topics(node), 'a b c d e f g h i');
  });

  it('where the server refuses to show the mail that has the ID of a known one: a repeat is marked', async () => {
    let refused = '';
    box = await Box.start(numbered('abc'), {
      capabilities: ['USER', 'UIDL'],
      commands: {
        TOP: () => '-ERR unknown command\r\n',
        RETR: (argument, session) =>
          argument === refused ? '-ERR not this one\r\n' : box.server.usual('RETR', argument, session),
      },
    });
    const node = await Checker.begun();
    await node.check(box);
    box.holds([]);
    await node.check(box);
    box.holds(numbered('bcd'));
    refused = '3';
    await node.check(box);
    assert.equal(topics(node), 'a b c c*');
    refused = '';
    node.clock.advance(MINUTE);
    await node.check(box);
    node.clock.advance(MINUTE);
    await node.check(box);
    assert.equal(topics(node), 'a b c c* d');
  });

  for (const { before, after, expected } of [
    { before: numbered('abc'), after: numbered('xabc'), expected: 'a b c x c*' },
    // Not one of the known mails is found again.
    { before: named('a1'), after: named('a2 x3'), expected: 'a x a*' },
  ]) {
    it(`where a session ended at the header of a known mail under a new ID: the repeat is marked: ${expected}`, async () => {
      let endsAt = '';
      box = await Box.start(before, {
        capabilities: ['USER', 'UIDL'],
        commands: {
          TOP: () => '-ERR unknown command\r\n',
          RETR: (argument, session) => {
            if (argument !== endsAt) return box.server.usual('RETR', argument, session);
            endsAt = '';
            session.socket.destroy();
            return undefined;
          },
        },
      });
      const node = await Checker.begun();
      await node.check(box);
      box.holds(after);
      endsAt = String(after.findIndex(({ mail }) => mail === before.at(-1)?.mail) + 1);
      await assert.rejects(node.check(box));
      for (let checks = 0; checks < 3; checks += 1) {
        node.clock.advance(MINUTE);
        await node.check(box);
      }
      assert.deepEqual(topics(node).split(' ').sort(), expected.split(' ').sort());
    });
  }

  for (const [way, uids] of [
    ['under an ID of its own', ['1', 'b']],
    ['under its message number', ['1', '1']],
  ] as const) {
    it(`where another program deletes a mail, and one of the same headers and another size is listed ${way}: marked`, async () => {
      box = await Box.start([{ uid: uids[0], mail: mailOf('a') }]);
      const node = await Checker.begun();
      await node.check(box);
      box.holds([{ uid: uids[1], mail: `${mailOf('a')}The copy of a list.\r\n` }]);
      await node.check(box);
      await node.check(box);
      assert.equal(topics(node), 'a a*');
    });
  }

  it('in a renumbered mailbox whose server counts bytes in another way now', async () => {
    box = await Box.start(lettered('abcd'));
    const node = await Checker.begun();
    await node.check(box);
    box.holds('abcd'.split('').map((uid) => ({ uid: uid.toUpperCase(), mail: `${mailOf(uid)}\r\n` })));
    await node.check(box);
    assert.equal(topics(node), 'a b c d');
  });

  it('where a mail was replaced under its ID, by its size at once', async () => {
    box = await Box.start(lettered('abc'));
    const node = await Checker.begun();
    await node.check(box);
    box.holds([...lettered('a'), { uid: 'b', mail: mailOf('another') }, ...lettered('c')]);
    await node.check(box);
    assert.equal(topics(node), 'a b c another');
    await node.check(box);
    assert.equal(topics(node), 'a b c another');
  });

  it('where the other mail has the same size, by a sample, within some checks', async () => {
    box = await Box.start(lettered('abcdefgh'));
    const node = await Checker.begun();
    await node.check(box);
    box.holds(lettered('abcdefgh').map((one) => (one.uid === 'c' ? { uid: 'c', mail: mailOf('x') } : one)));
    for (let checks = 0; checks < 60 && node.delivered.length < 9; checks += 1) {
      node.clock.advance(5 * MINUTE);
      await node.check(box);
    }
    assert.equal(topics(node), 'a b c d e f g h x');
  });

  it('after a listing that was empty or short once, also in a mailbox renumbered meanwhile', async () => {
    box = await Box.start(lettered('abcd'));
    const node = await Checker.begun();
    await node.check(box);
    for (const letters of ['', 'a', 'abcd']) {
      box.holds(lettered(letters));
      node.clock.advance(MINUTE);
      await node.check(box);
    }
    box.holds([]);
    await node.check(box);
    box.holds(lettered('abcd').map(({ uid, mail }) => ({ uid: uid.toUpperCase(), mail })));
    await node.check(box);
    assert.equal(topics(node), 'a b c d');
  });

  it('asks for sizes only where STAT does not say that everything is as it was', async () => {
    box = await Box.start(lettered('abc'));
    const node = await Checker.begun();
    await node.check(box);
    await node.check(box);
    assert.deepEqual(box.said('LIST'), []);
    assert.equal(box.said('TOP').length, 1, 'a sample');
  });

  for (const [what, mail, after] of [
    ['and delivers it again, marked', mailOf('b'), 'b*'],
    ['and delivers another under its ID', mailOf('x'), 'x*'],
  ] as const)
    it(`survives a mail that was gone, and at whose TOP the server ends the session, ${what}`, async () => {
      box = await Box.start(lettered('abc'), {
        commands: {
          TOP: (argument, session) => {
            if (!argument.startsWith('2 ')) return box.server.usual('TOP', argument, session);
            session.socket.destroy();
            return undefined;
          },
        },
      });
      const node = await Checker.begun();
      await node.check(box);
      box.holds([]);
      await node.check(box);
      // Both have the same size.
      box.holds(lettered('abcd').map((boxed) => (boxed.uid === 'b' ? { uid: 'b', mail } : boxed)));
      await assert.rejects(node.check(box), { code: 'CONNECT' });
      for (let checks = 0; checks < 3; checks += 1) await node.check(box);
      assert.equal(topics(node), `a b c d ${after}`);
    });

  it('by what no server rewrites', () => {
    const header = mailOf('a').split('\r\n\r\n')[0] ?? '';
    const print = fingerprintOf(header);
    assert.equal(fingerprintOf(`Status: RO\r\nX-UID: 7\r\n${header}`), print, 'notes of an mbox server');
    assert.equal(fingerprintOf(header.replace('Subject: a', 'Subject:\r\n\ta')), print, 'folded anew');
    assert.equal(fingerprintOf(`Received: by c.example.test\r\n${header}`), print, 'moved to another server');
    assert.notEqual(fingerprintOf(header.replace('Subject: a', 'Subject: b')), print);
    const nameless = header.replace(/Message-ID:.*\r\n/, '');
    assert.match(fingerprintOf(nameless), /^~/, 'without Message-ID the size counts as well');
  });
});

describe('before DELE', () => {
  let box: Box;
  afterEach(() => box.close());
  after(cleanUp);

  it('a mail is compared in this session, and another under its ID is delivered first', async () => {
    box = await Box.start(lettered('ab'));
    const node = await Checker.begun({ after: 'delete' });
    node.mayDelete = () => false;
    await node.check(box);
    node.mayDelete = () => true;
    box.holds([{ uid: 'a', mail: mailOf('x') }, ...lettered('b')]);
    await node.check(box);
    assert.equal(topics(node), 'a b x');
    assert.deepEqual(box.uids, [], 'all of it delivered by then');
  });

  it('a mail that may be cut is kept, told to the flow and reported once', async () => {
    const half = mailOf('half').replace('This is half.', 'before\r\n.\r\nafter the lone dot');
    box = await Box.start([{ uid: 'half', mail: half }, ...lettered('ab')], {
      commands: {
        RETR: (argument, session) =>
          argument === '1' && box.uids[0] === 'half'
            ? `+OK\r\n${half}.\r\n`
            : box.server.usual('RETR', argument, session),
      },
    });
    const node = await Checker.begun({ after: 'delete' });
    await assert.rejects(node.check(box), { code: 'PROTOCOL' });
    for (let checks = 0; checks < 3; checks += 1) {
      node.clock.advance(DAY);
      await node.check(box);
    }
    assert.equal(topics(node), 'half a b');
    assert.equal(node.delivered[0]?.mail.problems[0]?.code, 'INCOMPLETE');
    assert.deepEqual(box.uids, ['half']);
    assert.deepEqual(
      node.incomplete.map(([key]) => key),
      ['uhalf'],
    );
  });

  it('a mail that ends the session is remembered though each deletion renumbers, and there is no TOP', async () => {
    const half = (subject: string): string =>
      mailOf(subject).replace('This is', `before\r\n.\r\nafter the dot of`);
    const refused = (): string => '-ERR unknown command\r\n';
    box = await Box.start(
      [...'abcdef'].map((letter) => ({ uid: '', mail: mailOf(letter) })),
      {
        capabilities: ['USER', 'UIDL'],
        commands: {
          TOP: refused,
          UIDL: () => `+OK\r\n${box.uids.map((_, at) => `${at + 1} ${at + 1}\r\n`).join('')}.\r\n`,
          RETR: (number) => `+OK\r\n${box.server.mails[Number(number) - 1]}.\r\n`,
          QUIT: (_, session) => {
            const left = box.server.mails.filter((_mail, at) => !session.deleted.has(at + 1));
            box.holds(left.map((mail) => ({ uid: '', mail })));
            return '+OK\r\n';
          },
        },
      },
    );
    for (const at of [1, 3]) box.server.mails[at] = Buffer.from(half(`half${at}`));
    const node = await Checker.begun({ after: 'delete', maxPerCheck: 1 });
    node.mayDelete = () => node.delivered.length > 1;
    let failed = 0;
    for (let checks = 0; checks < 12; checks += 1) {
      node.clock.advance(MINUTE);
      await node.check(box).catch(() => {
        failed += 1;
      });
    }
    // What cannot be looked at may be another mail after a deletion, though it has the same size.
    assert.equal(topics(node), 'a half1 c half1* half3* e* f*');
    assert.equal(box.server.mails.length, 2, 'what came whole is deleted, and nothing else');
    assert.equal(failed, 5, 'one to find out, and one for each delivery of such a mail');
  });

  it('a mail that came empty though LIST says otherwise is kept', async () => {
    box = await Box.start(lettered('a'), { commands: { RETR: () => '+OK\r\n.\r\n' } });
    const node = await Checker.begun({ after: 'delete' });
    await node.check(box);
    assert.equal(node.ledger.state('ua'), 'kept');
    assert.deepEqual(box.uids, ['a']);
  });

  it('other ways of counting are no sign of a cut mail', async () => {
    const dots = `${mailOf('dots')}.one\r\n.two\r\n.three\r\n.four\r\n`;
    box = await Box.start([{ uid: 'dots', mail: dots }], {
      commands: {
        // With the dots that are added for the transfer, as some count.
        LIST: () => `+OK\r\n1 ${dots.length + 4}\r\n.\r\n`,
      },
    });
    const node = await Checker.begun({ after: 'delete' });
    await node.check(box);
    assert.deepEqual([node.incomplete, box.uids], [[], []]);
  });

  it('nor are the estimates of Exchange, unless nothing comes at all', async () => {
    let empty = false;
    box = await Box.start(lettered('a'), {
      greeting: '+OK The Microsoft Exchange POP3 service is ready. [TABPADEANQBQ]',
      commands: {
        LIST: () => '+OK\r\n1 4711\r\n.\r\n',
        // Exchange names no size in its answer either.
        RETR: () => (empty ? '+OK\r\n.\r\n' : `+OK\r\n${mailOf('a')}.\r\n`),
      },
    });
    const node = await Checker.begun({ after: 'delete' });
    await node.check(box);
    assert.deepEqual([topics(node), node.incomplete, box.uids], ['a', [], []]);
    box.holds(lettered('b'));
    empty = true;
    await node.check(box);
    assert.deepEqual([node.incomplete.length, box.uids], [1, ['b']]);
  });

  it('an owner is asked before a delivery, before DELE and before QUIT', async () => {
    for (const refused of ['delete', 'quit'] as const) {
      box = await Box.start(lettered('ab'));
      const node = await Checker.begun({ after: 'delete' });
      const asked: string[] = [];
      node.assertOwner = (act) => {
        asked.push(act);
        if (act === refused) throw new MailboxError('STORE', 'folder-in-use');
      };
      await assert.rejects(node.check(box), { code: 'STORE' });
      assert.equal(asked.at(-1), refused);
      assert.deepEqual(box.uids, ['a', 'b'], 'nothing is deleted');
      assert.deepEqual(box.said('QUIT'), []);
      if (refused === 'delete') await box.close();
    }
  });
});

describe('what fails for all', () => {
  let box: Box;
  afterEach(() => box.close());
  after(cleanUp);

  it('is a state of the mailbox: no attempt is counted, and all of it comes when the server serves again', async () => {
    let refusing = true;
    box = await Box.start(lettered('abc'), {
      commands: {
        RETR: (argument, session) =>
          refusing ? "-ERR today's transfer is used up\r\n" : box.server.usual('RETR', argument, session),
      },
    });
    const node = await Checker.begun({ maxAttempts: 1 });
    for (let checks = 0; checks < 5; checks += 1) {
      await assert.rejects(node.check(box), (error) => {
        assert.ok(error instanceof MailboxError);
        assert.deepEqual([error.code, error.reason], ['SYS_TEMP', 'downloads-refused']);
        assert.match(String(error.facts.response), /transfer is used up/);
        return true;
      });
      node.clock.advance(MINUTE);
    }
    assert.deepEqual(node.quarantined, []);
    refusing = false;
    await node.check(box);
    assert.equal(topics(node), 'a b c');
  });

  it('is told from one mail by another that is known to come', async () => {
    let all = false;
    box = await Box.start(lettered('a'), {
      commands: {
        RETR: (argument, session) =>
          all || argument === '2' ? '-ERR no such luck\r\n' : box.server.usual('RETR', argument, session),
      },
    });
    const node = await Checker.begun({ maxAttempts: 1 });
    await node.check(box);
    box.holds(lettered('ab'));
    all = true;
    await assert.rejects(node.check(box), { reason: 'downloads-refused' });
    assert.equal(node.quarantined.length, 0);
    all = false;
    await node.check(box);
    assert.deepEqual(
      node.quarantined.map(({ pop3 }) => pop3.uid),
      ['b'],
    );
  });
});

describe('days of `expire`', () => {
  let box: Box;
  afterEach(() => box.close());
  after(cleanUp);

  it('do not pass when the clock is set', async () => {
    box = await Box.start(lettered('a'));
    const node = await Checker.begun({ after: 'expire', keepDays: 30 });
    await node.check(box);
    node.clock.jump(40 * DAY);
    await node.check(box);
    assert.deepEqual(box.uids, ['a'], 'seconds after it was processed');
    node.clock.advance(29 * DAY);
    await node.check(box);
    assert.deepEqual(box.uids, ['a']);
    node.clock.advance(DAY);
    await node.check(box);
    assert.deepEqual(box.uids, []);
  });

  it('pass for as long as Node-RED runs and its clock is not set, whatever dates mails have', async () => {
    box = await Box.start(lettered('a'));
    const node = await Checker.begun({ after: 'expire', keepDays: 3 });
    await node.check(box);
    for (let day = 0; day < 3; day += 1) {
      node.clock.advance(DAY);
      box.holds([...lettered('a'), { uid: `f${day}`, mail: mailOf(`f${day}`, Date.UTC(2033, 1, 1 + day)) }]);
      await node.check(box);
      if (day < 2) assert.deepEqual(box.uids, ['a', `f${day}`]);
    }
    assert.deepEqual(box.uids, ['f2'], 'each day a mail from the future, and it was deleted');
    const next = await node.restarted();
    next.clock.advance(3 * DAY);
    await next.check(box);
    assert.deepEqual(box.uids, ['f2'], 'the clock may have been set before the restart: they start again');
    next.clock.advance(3 * DAY);
    await next.check(box);
    assert.deepEqual(box.uids, []);
  });

  it('start again where the clock was behind and is put right between two processes', async () => {
    box = await Box.start([{ uid: 'a', mail: mailOf('a', Date.UTC(2026, 11, 12)) }]);
    const node = await Checker.begun({ after: 'expire', keepDays: 3 });
    await node.check(box);
    assert.equal(node.ledger.clockDoubted, true);
    // The process ends, and the clock is put right before the next one.
    node.clock.jump(40 * DAY);
    const next = await node.restarted();
    await next.check(box);
    assert.deepEqual(box.uids, ['a']);
    next.clock.advance(3 * DAY);
    await next.check(box);
    assert.deepEqual(box.uids, []);
  });
});

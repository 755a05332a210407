import assert from 'node:assert/strict';
import { fingerprintOf } from '../../nodes/mailbox/fingerprint';
import type { LastSeen } from '../../nodes/mailbox/seen';
import {
  Box,
  type BoxedMail,
  Checker,
  cleanUp,
  DAY,
  HOUR,
  lettered,
  MINUTE,
  mailOf,
} from '../../servers/mailbox-checker';

/** What a check has noted that spares the next one the listing. */
const seenBy = ({ unchanged }: Checker): LastSeen['seen'] => (unchanged as LastSeen).seen;

/** Checks, and tells whether no listing was read whole. */
async function isSpared(node: Checker, box: Box): Promise<boolean> {
  node.clock.advance(MINUTE);
  const before = seenBy(node);
  const { summary } = await node.check(box);
  assert.equal(summary.found, box.uids.length + summary.deleted);
  const now = seenBy(node);
  // Where it was read, something was to be done or another note was taken.
  return before !== undefined && now?.at === before.at && now.revision === node.ledger.revision;
}

describe('a check of an unchanged mailbox', () => {
  let box: Box;
  afterEach(() => box.close());
  after(cleanUp);

  /** A node that has seen that there is nothing to do. */
  async function atRest(
    mails: BoxedMail[],
    changes: Parameters<typeof Checker.begun>[0] = {},
    options: Parameters<typeof Box.start>[1] = {},
  ): Promise<Checker> {
    box = await Box.start(mails, options);
    const node = await Checker.begun(changes);
    await node.check(box);
    await node.check(box);
    assert.notEqual(seenBy(node), undefined);
    return node;
  }

  it('does not read the listing, compares a sample, and is noted as a check that went well', async () => {
    const node = await atRest(lettered('abc'));
    assert.equal(await isSpared(node, box), true);
    assert.equal(box.said('TOP').length, 1);
    assert.equal(box.said('UIDL').length, 1);
    assert.equal(box.said('LIST').length, 0);
    assert.equal(node.ledger.lastChecked, node.clock.now());
    assert.deepEqual((await node.check(box)).summary.found, 3);
  });

  it('looks only at what came, and notes what is listed no more', async () => {
    const node = await atRest(lettered('abc'));
    const changes: [letters: string, delivered: string, spared: boolean][] = [
      ['abcd', 'a b c d', true],
      ['bcd', 'a b c d', true],
      // As many, and of the same size.
      ['bce', 'a b c d e', true],
      ['bcef', 'a b c d e f', true],
      // In another order.
      ['febc', 'a b c d e f', false],
      ['', 'a b c d e f', false],
      ['g', 'a b c d e f g', false],
      ['gh', 'a b c d e f g h', true],
    ];
    for (const [letters, delivered, spared] of changes) {
      box.holds(lettered(letters));
      assert.equal(await isSpared(node, box), spared, letters);
      assert.equal(node.uids, delivered);
      for (const key of node.ledger.known())
        assert.equal(node.ledger.isMissing(key), !letters.includes(key.slice(1)), `${letters} ${key}`);
      while (!(await isSpared(node, box)));
    }
  });

  it('reads all of it where a fresh mail may be one that is listed no more', async () => {
    const node = await atRest(lettered('abc'));
    const [a, b, c] = lettered('abc') as [BoxedMail, BoxedMail, BoxedMail];
    box.holds([a, c, { ...b, uid: 'moved' }]);
    assert.equal(await isSpared(node, box), false);
    assert.equal(node.uids, 'a b c');
    assert.equal(node.ledger.isKnown('umoved'), true);
  });

  it('reads all of it where one ID is given twice, and where a mail came back', async () => {
    const node = await atRest(lettered('abc'));
    box.holds(lettered('abca'));
    assert.equal(await isSpared(node, box), false);
    box.holds(lettered('ac'));
    await isSpared(node, box);
    while (!(await isSpared(node, box)));
    box.holds(lettered('acb'));
    assert.equal(await isSpared(node, box), false);
    assert.equal(node.ledger.isMissing('ub'), false);
  });

  it('reads all of it where LIST says no size of one mail', async () => {
    const node = await atRest(
      lettered('abc'),
      {},
      {
        commands: {
          LIST: (argument, session) =>
            argument === '' ? box.server.usual('LIST', '', session) : '+OK see above\r\n',
        },
      },
    );
    box.holds(lettered('abcd'));
    assert.equal(await isSpared(node, box), false);
    assert.equal(node.uids, 'a b c d');
  });

  it('compares with what it saw last, though acknowledgements were recorded since', async () => {
    const node = await atRest(lettered('abc'));
    await node.ledger.markDone('ub', 'processed', { ...node.ledger.identity('ub') });
    assert.equal(await isSpared(node, box), true);
    await node.ledger.markDone('ux', 'processed', {});
    assert.equal(await isSpared(node, box), false);
    assert.equal(node.ledger.isMissing('ux'), true);
  });

  it('reads it where sizes have changed, whatever STAT says of all of them together', async () => {
    let sizes = [400, 500];
    const node = await atRest(
      lettered('ab'),
      {},
      {
        commands: {
          STAT: () => '+OK 2 1000\r\n',
          LIST: () => `+OK\r\n1 ${sizes[0]}\r\n2 ${sizes[1]}\r\n.\r\n`,
        },
      },
    );
    assert.equal(await isSpared(node, box), true);
    sizes = [500, 400];
    assert.equal(await isSpared(node, box), false);
  });

  it('finds a mail that was replaced under its ID, and cannot be told by its size', async () => {
    for (const letters of ['a', 'abcdefgh']) {
      const node = await atRest(lettered(letters));
      box.holds([{ uid: 'a', mail: mailOf('x') }, ...lettered(letters.slice(1))]);
      let checks = 0;
      while (!node.delivered.some(({ topic }) => topic === 'x')) {
        assert.ok(checks < 100, 'not found');
        checks += 1;
        node.clock.advance(61_000);
        await node.check(box);
      }
      assert.ok(letters.length > 1 || checks === 1);
      await box.close();
    }
  });

  it('finds it at once where unique IDs are message numbers and the last mail is another', async () => {
    const numbered = (letters: string): BoxedMail[] =>
      lettered(letters).map(({ mail }, at) => ({ uid: String(at + 1), mail }));
    const node = await atRest(numbered('abcdefgh'));
    // Of all IDs that are as before, the last one alone is another mail's.
    box.holds(numbered('abcdefgi'));
    assert.equal(await isSpared(node, box), false);
    assert.equal(node.delivered.at(-1)?.topic, 'i');
    assert.equal(node.delivered.length, 9);
  });

  it('reads it where the sample cannot be had', async () => {
    let refused = false;
    const node = await atRest(
      lettered('abc'),
      {},
      {
        commands: {
          TOP: (argument, session) =>
            refused ? '-ERR not now\r\n' : box.server.usual('TOP', argument, session),
        },
      },
    );
    refused = true;
    assert.equal(await isSpared(node, box), false);
    refused = false;
    assert.equal(node.uids, 'a b c');
  });

  it('deletes what has become due, on the day', async () => {
    const node = await atRest(lettered('ab', Date.UTC(2026, 10, 2, 9)), { after: 'expire', keepDays: 3 });
    assert.equal(await isSpared(node, box), true);
    node.clock.advance(3 * DAY - HOUR);
    await node.check(box);
    assert.deepEqual(box.uids, ['a', 'b']);
    node.clock.advance(HOUR);
    await node.check(box);
    assert.deepEqual(box.uids, []);
  });

  it('deletes what the flow wants deleted, and what another node has done at last', async () => {
    box = await Box.start(lettered('ab'));
    const node = await Checker.begun({ after: 'delete' });
    let done = false;
    node.mayDelete = () => done;
    await node.check(box);
    await node.check(box);
    await node.check(box);
    assert.deepEqual(box.uids, ['a', 'b']);
    done = true;
    await node.check(box);
    assert.deepEqual(box.uids, []);
    await box.close();

    const keeping = await atRest(lettered('ab'));
    await keeping.ledger.markDone('ua', 'processed', {
      fingerprint: fingerprintOf(mailOf('a').split('\r\n\r\n')[0] ?? ''),
      deletion: true,
    });
    await keeping.check(box);
    assert.deepEqual(box.uids, ['b']);
  });

  it('tries a quarantined mail once more after a day', async () => {
    let refused = true;
    const node = await Checker.begun({ maxAttempts: 1 });
    box = await Box.start(lettered('ab'), {
      commands: {
        RETR: (argument, session) =>
          refused && argument === '1' ? '-ERR damaged\r\n' : box.server.usual('RETR', argument, session),
      },
    });
    await node.check(box);
    assert.equal(node.quarantined.length, 1);
    for (let check = 0; check < 3; check += 1) await isSpared(node, box);
    refused = false;
    node.clock.advance(23 * HOUR - 4 * MINUTE);
    assert.equal(await isSpared(node, box), true);
    assert.equal(node.uids, 'b');
    node.clock.advance(HOUR);
    await node.check(box);
    assert.equal(node.uids, 'b a*');
  });

  it('reads it once a day all the same, and then forgets what vanished long ago', async () => {
    const node = await atRest(lettered('abc'));
    box.holds(lettered('bc'));
    await node.check(box);
    await node.check(box);
    assert.equal(await isSpared(node, box), true);
    assert.equal(node.ledger.isKnown('ua'), true);
    node.clock.advance(31 * DAY);
    assert.equal(await isSpared(node, box), false);
    assert.equal(node.ledger.isKnown('ua'), false);
  });

  it('does, over random days, what a check does that reads every listing', async function () {
    this.timeout(60_000);
    let [spares, changes] = [0, 0];
    for (let seed = 1; seed <= 6; seed += 1) {
      const spared = await randomDays(seed, true);
      const reading = await randomDays(seed, false);
      assert.deepEqual(spared.log, reading.log, `seed ${seed}`);
      spares += spared.count;
      changes += spared.changes;
      assert.equal(reading.count, 0);
    }
    // Of 360 checks; where nothing is ever spared nothing is proven.
    assert.ok(spares > 80, `${spares}`);
    assert.ok(changes > 20, `${changes}`);
  });

  /**
   * @returns what was delivered and left on the server check by check, and how many listings were not read: of all, and
   * of those that were others than before
   */
  async function randomDays(
    seed: number,
    keep: boolean,
  ): Promise<{ log: string[]; count: number; changes: number }> {
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const after = (['keep', 'expire', 'delete'] as const)[seed % 3] ?? 'keep';
    let mails: BoxedMail[] = lettered('abc');
    let next = 0;
    box = await Box.start(mails);
    let node = await Checker.make({ after, keepDays: 2, first: seed % 2 === 0 ? 'all' : 'new' });
    const log: string[] = [];
    let [count, changes] = [0, 0];
    let listed = box.uids.join();
    const lost: BoxedMail[] = [];
    for (let step = 0; step < 60; step += 1) {
      mails = mails.filter(({ uid }) => box.uids.includes(uid));
      const event = random(20);
      if (event === 0) mails.push({ uid: `n${next}`, mail: mailOf(`topic${next++}`) });
      else if (event === 1) lost.push(...mails.splice(random(mails.length), 1));
      else if (event === 2) mails = mails.map(({ mail }) => ({ uid: `m${next++}`, mail }));
      else if (event === 3) node.clock.advance(DAY);
      else if (event === 4 && mails.length > 0)
        mails[random(mails.length)] = { uid: mails.at(-1)?.uid ?? '', mail: mailOf(`longer${next++}`) };
      else if (event === 5) mails.reverse();
      else if (event === 8) mails.push(...lost.splice(0, 1));
      else if (event === 9) mails.push(...lost.splice(0, 1).map(({ mail }) => ({ uid: `b${next++}`, mail })));
      else if (event >= 16) {
        mails.splice(random(mails.length), random(2));
        mails.push({ uid: `n${next}`, mail: mailOf(`topic${next++}`) });
      } else if (event === 15 && mails.length > 0) {
        const key = `u${mails[random(mails.length)]?.uid}`;
        if (node.ledger.isKnown(key))
          await node.ledger.markDone(key, 'processed', { ...node.ledger.identity(key), deletion: true });
      }
      const unique = [...new Map(mails.map((mail) => [mail.uid, mail])).values()];
      mails = unique;
      box.holds(event === 6 ? [] : mails);
      if (event === 7) node = await node.restarted();
      if (!keep) node.unchanged = {};
      const isOther = listed !== box.uids.join();
      listed = box.uids.join();
      if (await isSpared(node, box)) {
        count += 1;
        if (isOther) changes += 1;
      }
      if (event === 6) box.holds(mails);
      log.push(`${event}: ${node.uids} | ${box.uids.join(' ')}`);
    }
    await box.close();
    return { log, count, changes };
  }
});

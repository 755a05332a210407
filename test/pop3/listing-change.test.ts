import assert from 'node:assert/strict';
import { compareListings, listsUid } from '../../nodes/pop3/listing-change';

const listingOf = (uids: string[]): Buffer =>
  Buffer.from(uids.map((uid, index) => `${index + 1} ${uid}\r\n`).join(''), 'latin1');

describe('what one answer to UIDL says otherwise than another', () => {
  it('is the lines that came and the IDs that went, whatever numbers the others have', () => {
    const cases: [before: string, after: string, came: string, went: string][] = [
      ['a b c', 'a b c', '', ''],
      ['a b c', 'a b c d', '4 d', ''],
      ['a b c', 'b c', '', 'a'],
      ['a b c', 'x a b c', '1 x', ''],
      ['a b c', 'a x c', '2 x', 'b'],
      ['a b c', 'b c d e', '3 d,4 e', 'a'],
      ['', 'a', '1 a', ''],
      ['a', '', '', 'a'],
      ['a b', 'x y', '1 x,2 y', 'a,b'],
    ];
    for (const [before, after, came, went] of cases) {
      const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
      const change = compareListings(listingOf(words(before)), listingOf(words(after)), 4);
      assert.deepEqual([change?.came.join(), change?.went.join()], [came, went], `${before} → ${after}`);
    }
  });

  it('is right for random changes of long listings, and not told where there are many', () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      let state = seed;
      const random = (below: number): number => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        return Math.floor((state / 2 ** 32) * below);
      };
      const before = Array.from({ length: random(9000) }, (_, index) => `${'i'.repeat(random(12))}${index}`);
      const after = [...before];
      for (let went = random(5); went > 0 && after.length > 0; went -= 1)
        after.splice(random(after.length), 1);
      for (let came = random(5); came > 0; came -= 1) after.splice(random(after.length + 1), 0, `new${came}`);
      const change = compareListings(listingOf(before), listingOf(after), 16);
      const left = new Set(after);
      const lines = listingOf(after).toString('latin1').split('\r\n');
      assert.deepEqual(
        change?.came,
        lines.filter((line) => line.includes('new')),
        `seed ${seed}`,
      );
      assert.deepEqual(
        change?.went,
        before.filter((uid) => !left.has(uid)),
      );
    }
    const many = Array.from({ length: 1000 }, (_, index) => `a${index}`);
    assert.equal(compareListings(listingOf(many), listingOf(many.slice(20)), 16), undefined);
    assert.equal(compareListings(listingOf(many), listingOf([...many].reverse()), 16), undefined);
    assert.equal(compareListings(listingOf(many.slice(20)), listingOf(many), 16), undefined);
  });

  it('is not told where lines are not plain', () => {
    const before = listingOf(['a', 'b']);
    for (const after of [
      '1 a\r\n2  b\r\n',
      '1 a\r\n2\tb\r\n',
      '1 a\r\n 2 b\r\n',
      '1 a\r\n3 b\r\n',
      '1 a\n2 b\n',
      '1 a\r\n2 b\r\n3\r\n',
      '1 a\r\n2 b\r\n3 \r\n',
      '1 a\r\n2 b\r\n3 c',
      '1 a\r\n2 b\r\nc\r\n',
      '1 a\r\n2 b\r\n2 c\r\n',
      '1 a\r\n2 b\r\n3 c\r',
    ])
      assert.equal(compareListings(before, Buffer.from(after), 4), undefined, JSON.stringify(after));
  });

  it('finds a unique ID as a whole line only', () => {
    const listing = listingOf(['a', 'b a', 'xa', '7', 'a7']);
    for (const uid of ['a', 'b a', 'xa', '7', 'a7']) assert.equal(listsUid(listing, uid), true, uid);
    for (const uid of ['b', ' a', 'x', '2', 'a\r\n2']) assert.equal(listsUid(listing, uid), false, uid);
  });
});

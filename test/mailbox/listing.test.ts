import assert from 'node:assert/strict';
import { digestOf } from '../../nodes/mailbox/fingerprint';
import { addSizes, type ListedMail, listMailbox } from '../../nodes/mailbox/listing';
import { Box, type BoxedMail, lettered, mailOf } from '../../servers/mailbox-checker';
import type { ScriptedOptions } from '../../servers/scripted-pop3';

describe('the listing', () => {
  let box: Box;
  afterEach(() => box.close());

  async function list(sizes = false): Promise<ListedMail[]> {
    const { client, messages } = await box.open(new AbortController().signal);
    try {
      return await listMailbox(client, { messages, sizes });
    } finally {
      client.destroy();
    }
  }
  const listed = async (mails: BoxedMail[], options: ScriptedOptions = {}): Promise<ListedMail[]> => {
    box = await Box.start(mails, options);
    return list();
  };
  const keys = (listing: ListedMail[]): string[] => listing.map(({ key }) => key);
  const ambiguous = (listing: ListedMail[]): number[] =>
    listing.filter((mail) => mail.ambiguous).map(({ number }) => number);

  it('identifies each mail by its unique ID, and requests nothing else', async () => {
    const listing = await listed(lettered('abc'));
    assert.deepEqual(listing, [
      { number: 1, uid: 'a', key: 'ua', ambiguous: false },
      { number: 2, uid: 'b', key: 'ub', ambiguous: false },
      { number: 3, uid: 'c', key: 'uc', ambiguous: false },
    ]);
    assert.deepEqual([...box.said('LIST'), ...box.said('TOP')], []);
  });

  it('has sizes where they are wanted', async () => {
    box = await Box.start(lettered('a'));
    assert.equal((await list(true))[0]?.bytes, mailOf('a').length);
  });

  it('has none where the server refuses LIST, and fails where it refuses for now', async () => {
    const answers = ['-ERR unknown command\r\n', '-ERR [SYS/TEMP] the disk is slow\r\n'];
    box = await Box.start(lettered('a'), { commands: { LIST: () => answers.shift() } });
    const { client, messages } = await box.open(new AbortController().signal);
    const listing = await listMailbox(client, { messages, sizes: false });
    await addSizes(client, listing);
    assert.equal(listing[0]?.bytes, undefined);
    await assert.rejects(addSizes(client, listing), { code: 'SYS_TEMP' });
    client.destroy();
  });

  it('asks an empty mailbox nothing but what is asked ahead of the answer to STAT', async () => {
    assert.deepEqual(await listed([]), []);
    assert.deepEqual(box.said('UIDL'), ['UIDL']);
    assert.deepEqual([...box.said('LIST'), ...box.said('TOP')], []);
  });

  it('distinguishes equal unique IDs by their position, and reports them as ambiguous', async () => {
    const mails = ['x', 'a', 'x', 'x'].map((uid, index) => ({ uid, mail: mailOf(`${index}`) }));
    const listing = await listed(mails);
    assert.deepEqual(keys(listing), ['ux', 'ua', 'ux\n2', 'ux\n3']);
    assert.deepEqual(ambiguous(listing), [1, 3, 4]);
  });

  it('no unique ID can equal the key of a repeated one', async () => {
    const listing = await listed(['x', 'x', 'x2', 'x 2'].map((uid) => ({ uid, mail: mailOf(uid) })));
    assert.equal(new Set(keys(listing)).size, 4);
  });

  it('identifies a mail with a blank unique ID by its header', async () => {
    const mails = lettered('abc');
    const listing = await listed(mails.map((mail, at) => (at === 1 ? { ...mail, uid: '  ' } : mail)));
    assert.deepEqual(keys(listing).slice(0, 1), ['ua']);
    assert.match(listing[1]?.key ?? '', /^h[\w-]{43}$/);
    assert.equal(listing[1]?.uid, undefined);
    assert.deepEqual(box.said('TOP'), ['TOP 2 0']);
  });

  it('finds a mail that UIDL left out', async () => {
    const listing = await listed(lettered('abc'), {
      commands: { UIDL: () => '+OK\r\n1 a\r\n3 c\r\n.\r\n' },
    });
    assert.deepEqual(
      listing.map(({ number }) => number),
      [1, 2, 3],
    );
    assert.match(listing[1]?.key ?? '', /^h/);
  });

  describe('of a server without UIDL', () => {
    const without: ScriptedOptions = {
      capabilities: ['USER', 'TOP', 'PIPELINING'],
      commands: { UIDL: () => '-ERR unknown command\r\n' },
    };

    it('is by header, the same in every session, wherever the mail stands', async () => {
      const first = await listed(lettered('abc'), without);
      assert.equal(new Set(keys(first)).size, 3);
      for (const { key } of first) assert.match(key, /^h[\w-]{43}$/);
      box.holds(lettered('cxa'));
      const second = await list();
      assert.equal(second[0]?.key, first[2]?.key);
      assert.equal(second[2]?.key, first[0]?.key);
    });

    it('a mail that was noted as read is the same mail', async () => {
      const first = await listed(lettered('a'), without);
      box.holds([{ uid: '', mail: `Status: RO\r\nX-UIDL: 7\r\n${mailOf('a')}` }]);
      assert.deepEqual(keys(await list()), keys(first));
    });

    it('equal headers are told apart by their place, ambiguous', async () => {
      const listing = await listed([...lettered('a'), ...lettered('ba')], without);
      assert.equal(listing[2]?.key, `${listing[0]?.key}\n2`);
      assert.deepEqual(ambiguous(listing), [1, 3]);
    });

    it('a mail whose header is refused waits for the next check', async () => {
      const listing = await listed(lettered('abc'), {
        ...without,
        commands: {
          ...without.commands,
          TOP: (argument, session) =>
            argument.startsWith('2 ') ? '-ERR no\r\n' : box.server.usual('TOP', argument, session),
        },
      });
      assert.deepEqual(
        listing.map(({ number }) => number),
        [1, 3],
      );
    });

    it('a line that drops in a header is an error, not a shorter listing', async () => {
      const dropping: ScriptedOptions = {
        ...without,
        commands: {
          ...without.commands,
          TOP: (argument, session) => {
            if (!argument.startsWith('3 ')) return box.server.usual('TOP', argument, session);
            session.socket.end('+OK\r\nSubject: c');
            return undefined;
          },
        },
      };
      await assert.rejects(listed(lettered('abc'), dropping), { code: 'CONNECT' });
    });

    it('and without TOP: the whole mails are read, and left as they were', async () => {
      const listing = await listed(lettered('ab'), {
        capabilities: null,
        commands: { ...without.commands, TOP: () => '-ERR unknown command\r\n' },
      });
      assert.deepEqual(
        keys(listing),
        ['a', 'b'].map((letter) => `h${digestOf(mailOf(letter).split('\r\n\r\n')[0] ?? '')}`),
      );
      assert.deepEqual(box.said('R'), ['RETR 1', 'RETR 2', 'RSET']);
    });
  });

  it('a UIDL that is refused though it was announced is an error that passes', async () => {
    await assert.rejects(listed(lettered('a'), { commands: { UIDL: () => '-ERR try again\r\n' } }), {
      code: 'SYS_TEMP',
    });
  });
});

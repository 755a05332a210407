import assert from 'node:assert/strict';
import { arrivalOf, arrivals } from '../../nodes/mailbox/arrival';
import { fieldsOf, readHeader } from '../../nodes/mailbox/header';
import { BEGINNING, Box, mailOf } from '../../servers/mailbox-checker';

describe('when a mail arrived', () => {
  const at = '2026-10-31T08:30:00.000Z';
  const headers: Record<string, [lines: string[], iso: string | undefined]> = {
    'the topmost Received header': [
      [
        'Received: from a by b; Sat, 31 Oct 2026 09:30:00 +0100 (CET)',
        'Received: from c by a; Fri, 30 Oct 2026 09:30:00 +0100',
        'Date: Thu, 29 Oct 2026 09:30:00 +0100',
      ],
      at,
    ],
    'folded, with comments that hold semicolons': [
      [
        'Received: from a (a; [192.0.2.1])',
        '\tby b (Postfix; really) with ESMTPS',
        '\tid 1; Sat, 31 Oct 2026',
        '  09:30:00 +0100 (CET)',
      ],
      at,
    ],
    'a name in capitals': [['RECEIVED: by b; 31 Oct 2026 08:30:00 GMT'], at],
    'Date, where Received has no date': [
      ['Received: from a by b', 'Date: Sat, 31 Oct 2026 08:30:00 +0000'],
      at,
    ],
    'Date, where Received has rubbish': [
      ['Received: from a by b; yesterday', 'Date: 31 Oct 2026 08:30 +0000'],
      at,
    ],
    'Date alone, with a comment': [['Subject: x', 'Date: Sat, 31 Oct 2026 08:30:00 +0000 (UTC)'], at],
    'nothing that can be read': [['Subject: x', 'Date: soon'], undefined],
    'no header at all': [[], undefined],
    'a field that only begins like one': [['Date-Received: 31 Oct 2026 08:30:00 GMT'], undefined],
  };
  for (const [what, [lines, iso]] of Object.entries(headers)) {
    it(what, () => {
      for (const end of ['\r\n', '\n']) {
        const read = arrivalOf(lines.map((line) => line + end).join(''));
        assert.equal(read === undefined ? undefined : new Date(read).toISOString(), iso);
      }
    });
  }

  it('reads a header however it is cut, and nothing of the body', async () => {
    const mail = Buffer.from(mailOf('a').replace('This is', 'Date: never'), 'latin1');
    const whole = await readHeader(cut([mail]));
    assert.deepEqual(
      fieldsOf(whole).map((field) => field.split(':')[0]),
      ['Received', 'From', 'Subject', 'Message-ID', 'Date'],
    );
    for (let at = 1; at < mail.length; at += 1) {
      assert.equal(await readHeader(cut([mail.subarray(0, at), mail.subarray(at)])), whole);
    }
  });

  it('looks at 256 kB of a header and no more', async () => {
    const endless = Buffer.alloc(100_000, 'x: y\r\n');
    const read = await readHeader(cut([endless, endless, endless, endless]));
    assert.equal(read.length, 256 * 1024);
  });

  describe('by TOP', () => {
    let box: Box;
    afterEach(() => box.close());
    const ask = async (numbers: number[]): Promise<Map<number, number | undefined>> => {
      const { client } = await box.open(new AbortController().signal);
      try {
        return await arrivals(client, numbers);
      } finally {
        client.destroy();
      }
    };
    const three = ['a', 'b', 'c'].map((uid, index) => ({
      uid,
      mail: mailOf(uid, BEGINNING + index * 1000),
    }));

    it('for each mail, and a refused one has no date', async () => {
      box = await Box.start(three, {
        commands: {
          TOP: (argument, session) =>
            argument.startsWith('2 ') ? '-ERR no\r\n' : box.server.usual('TOP', argument, session),
        },
      });
      assert.deepEqual(
        [...(await ask([1, 2, 3]))],
        [
          [1, BEGINNING],
          [2, undefined],
          [3, BEGINNING + 2000],
        ],
      );
      assert.deepEqual(box.said('TOP'), ['TOP 1 0', 'TOP 2 0', 'TOP 3 0']);
    });

    it('of a server without TOP: of the mails themselves, and none is left marked', async () => {
      box = await Box.start(three, { commands: { TOP: () => '-ERR unknown command\r\n' } });
      assert.deepEqual(
        [...(await ask([1, 2, 3]))],
        [1, 2, 3].map((number) => [number, BEGINNING + (number - 1) * 1000]),
      );
      assert.equal(box.server.received.at(-1), 'RSET');
    });

    it('a line that drops is no answer, not even at the last mail', async () => {
      box = await Box.start(three, {
        commands: {
          TOP: (argument, session) => {
            if (!argument.startsWith('3 ')) return box.server.usual('TOP', argument, session);
            session.socket.end('+OK\r\nDate: Sat, 31');
            return undefined;
          },
        },
      });
      await assert.rejects(ask([1, 2, 3]), { code: 'CONNECT' });
    });
  });
});

async function* cut(chunks: Buffer[]): AsyncIterable<Buffer> {
  yield* chunks;
}

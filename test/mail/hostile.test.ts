import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MAX_LEVELS, MAX_PARTS } from '../../nodes/mail/limits';
import { corpus, problems, read } from './support';

const HEAD = 'From: a@example.org\r\nSubject: s\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n';

describe('mail: hostile input', () => {
  it('never fails and never hangs, whatever the bytes', async () => {
    const line = fc.oneof(
      fc.constantFrom(
        'Content-Type: multipart/mixed; boundary=b',
        'Content-Type: multipart/alternative; boundary="--b"',
        'Content-Type: message/rfc822',
        'Content-Disposition: inline',
        'Content-Type: text/html; charset=utf-16',
        'Content-Type: text/plain; charset=iso-2022-jp; format=flowed',
        'Content-Type: application/octet-stream; name="../\0"',
        'Content-Transfer-Encoding: base64',
        'Content-Transfer-Encoding: quoted-printable',
        'Content-ID: <>',
        'From: <<>>,;:"',
        'Subject: =?utf-8?B?=ff=?==?x?Q?=?=',
        'Received: ;',
        'References: <',
        '--b',
        '--b--',
        '----b',
        '----b--',
        '',
        '<p>cid:a',
        '=C3=',
      ),
      fc.string({ unit: 'binary' }),
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 2000 }).map((array) => Buffer.from(array)),
      fc
        .tuple(fc.array(line, { maxLength: 40 }), fc.constantFrom('\r\n', '\n', '\r'))
        .map(([lines, end]) => Buffer.from(lines.join(end), 'latin1')),
    );
    await fc.assert(
      fc.asyncProperty(
        bytes,
        fc.integer({ min: 1, max: 300 }),
        fc.constantFrom('parsed' as const, 'raw' as const, 'both' as const, 'headers' as const),
        async (mail, size, content) => {
          const message = await read(mail, { content }, size);
          assert.equal(typeof message.payload, 'string');
          assert.equal(typeof message.topic, 'string');
          assert.equal(typeof message.from, 'string');
          if (content === 'raw' || content === 'both' || problems(message).includes('NOT_PARSED')) {
            assert.deepEqual(message.raw ?? Buffer.alloc(0), content === 'headers' ? message.raw : mail);
          }
        },
      ),
      // A mail that hangs is named, and not only the test.
      { numRuns: 1000, timeout: 5_000 },
    );
  }).timeout(60_000);

  it('lets no header reach the machinery of an object', async () => {
    const message = await read(corpus('pollution'));
    assert.equal(Object.getPrototypeOf(message.header), Object.prototype);
    assert.equal((Object.prototype as unknown as Record<string, unknown>).polluted, undefined);
    // The e-mail node calls this on the header of what it sends.
    assert.equal(typeof message.header.hasOwnProperty, 'function');
    const own = (name: string) => Object.getOwnPropertyDescriptor(message.header, name)?.value;
    // Strings, so that a careless merge of headers has nothing to climb into.
    assert.equal(own('__proto__'), 'polluted\ntwice');
    assert.equal(own('constructor'), 'polluted');
    assert.equal(own('prototype'), 'polluted');
    assert.equal(own('hasownproperty'), 'polluted');
    const { params } = message.header['content-type'] as { params: object };
    assert.equal(Object.getPrototypeOf(params), Object.prototype);
    assert.equal(message.from, 'a@example.org');
  });

  const nested = (depth: number): string => {
    let mail = HEAD;
    for (let i = 0; i < depth; i++)
      mail += `Content-Type: multipart/mixed; boundary=b${i}_\r\n\r\n--b${i}_\r\n`;
    mail += 'Content-Type: text/plain\r\n\r\nat the bottom\r\n';
    for (let i = depth - 1; i >= 0; i--) mail += `--b${i}_--\r\n`;
    return mail;
  };

  it('has the properties of a message, whatever its fields are called', async () => {
    const names =
      'to cc bcc filename attachments payload topic envelope priority _msgid req res url method headers';
    const fields = names.split(' ').map((name) => `${name}: victim@example.org\r\n`);
    const message = await read(`${HEAD}${fields.join('')}\r\ntext`, { content: 'both' });
    // The e-mail node sends to `msg.to`, the HTTP nodes ask `msg.url`: what a stranger writes is below `header` and `mail`.
    assert.deepEqual(
      Object.keys(message).sort(),
      'attachments date from header mail payload raw topic'.split(' '),
    );
  });

  it('reads multiparts inside each other', async () => {
    const message = await read(nested(MAX_LEVELS - 1), {}, 10_000);
    assert.equal(message.payload, 'at the bottom');
    assert.deepEqual(problems(message), []);
  });

  it('delivers what is nested deeper as one attachment', async () => {
    const message = await read(nested(3000), {}, 10_000);
    assert.deepEqual(problems(message), ['TOO_DEEP']);
    assert.equal(message.topic, 's');
    assert.match(message.attachments[0]?.content?.toString() ?? '', /at the bottom/);
  });

  it('reads thousands of attachments, each with a name of its own', async () => {
    const count = MAX_PARTS - 1;
    const part = '--b\r\nContent-Type: application/pdf; name=offer.pdf\r\n\r\nx\r\n';
    const mail = `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n${part.repeat(count)}--b--\r\n`;
    const { attachments } = await read(mail, {}, 64_000);
    assert.equal(attachments.length, count);
    assert.equal(new Set(attachments.map(({ generatedFileName }) => generatedFileName)).size, count);
    assert.equal(attachments[count - 1]?.generatedFileName, `offer-${count - 1}.pdf`);
  }).timeout(30_000);

  it('delivers what has more parts with the last of them as one attachment', async () => {
    const part = '--b\r\nContent-Type: image/png\r\n\r\nx\r\n';
    const mail = `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n${part.repeat(21_000)}--b--\r\n`;
    const message = await read(mail, {}, 64_000);
    assert.deepEqual(problems(message), ['TOO_MANY_PARTS']);
    assert.equal(message.attachments.length, MAX_PARTS);
    const rest = message.attachments.at(-1)?.content?.toString() ?? '';
    assert.equal(rest.split('--b\r\n').length - 1, 21_000 - MAX_PARTS);
    assert.equal(message.topic, 's');
  }).timeout(30_000);

  it('delivers what has headers without end, with the first of them and all of its text', async () => {
    for (const bomb of [
      'X-Filler: 0123456789\r\n'.repeat(100_000),
      `X-Filler: ${'x'.repeat(3_000_000)}\r\n`,
    ]) {
      const mail = `${HEAD}${bomb}Content-Type: text/html\r\n\r\n<p>text`;
      const message = await read(mail, {}, 64_000);
      assert.deepEqual(problems(message), ['HEADERS_SHORTENED']);
      assert.equal(message.topic, 's');
      assert.equal(message.from, 'a@example.org');
      assert.deepEqual([message.payload, message.html], ['text', '<p>text']);
    }
  });

  it('reads a line of megabytes', async () => {
    const line = 'word '.repeat(600_000);
    const message = await read(`${HEAD}Content-Type: text/plain\r\n\r\n${line}`, {}, 64_000);
    assert.equal(message.payload, line);
  });

  it('ends with a mail that is an embedded message of which nothing came', async () => {
    for (const body of ['', '\r\n\r\n', '\r\n\r\nSubject: x']) {
      const message = await read(`${HEAD}Content-Disposition: inline\r\nContent-Type: message/rfc822${body}`);
      assert.deepEqual(problems(message), []);
      assert.equal(message.topic, 's');
    }
  });
});

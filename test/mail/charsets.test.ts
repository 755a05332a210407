// Every character set mails come in, under every name, in bodies, headers and file names.
import assert from 'node:assert/strict';
import { CHARSETS } from './charset-table';
import { problems, read } from './support';
import { bytes, ENCODINGS, HEAD, mail, multipart, word } from './writing';

const each = CHARSETS.flatMap(([labels, text, hex]) =>
  labels.split(' ').map((label) => ({ label, text, content: Buffer.from(hex, 'hex') })),
);

describe('mail: every character set', () => {
  for (const encoding of ENCODINGS) {
    it(`in bodies, ${encoding}`, async () => {
      for (const { label, text, content } of each) {
        for (const size of [1, 1000]) {
          const message = await read(
            mail(`Content-Type: text/plain; charset="${label}"\r\n`, content, encoding),
            {},
            size,
          );
          assert.equal(message.payload, text, label);
          assert.deepEqual(problems(message), [], label);
        }
        const html = Buffer.concat([bytes('<p>'), content, bytes('</p>')]);
        if (!/utf-?(16|32)|ucs|unicode$/i.test(label))
          assert.match(
            (await read(mail(`Content-Type: text/html; charset=${label}\r\n`, html, encoding))).html ?? '',
            /^<p>.+<\/p>$/s,
          );
      }
    });
  }

  it('in encoded words', async () => {
    for (const { label, text, content } of each) {
      for (const encoding of ['B', 'Q'] as const) {
        const encodedWord = word(label, content, encoding);
        const message = await read(`From: ${encodedWord} <a@x.org>\r\nSubject: ${encodedWord}\r\n\r\n`);
        // A header is one line, whatever its encoded words hold.
        const line = text.replaceAll('\n', ' ');
        assert.equal(message.topic, line, label);
        assert.equal(message.mail.from[0]?.name, line, label);
      }
    }
  });

  it('in file names', async () => {
    for (const { label, text, content } of each) {
      const percent = [...content].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join('');
      const middle = Math.floor(content.length / 2) * 3;
      for (const parameter of [
        `filename*=${label}''${percent}`,
        `filename*1*=${percent.slice(middle)}; filename*0*=${label}''${percent.slice(0, middle)}`,
        `filename="${word(label, content, 'B')}"`,
      ]) {
        const { attachments } = await read(
          multipart('mixed', `Content-Disposition: attachment; ${parameter}\r\n\r\nx`),
        );
        const name = parameter.includes('"=?') ? text.replaceAll('\n', ' ') : text;
        assert.equal(attachments[0]?.filename, name, parameter);
      }
    }
  });

  it('raw in headers, where the text names it', async () => {
    for (const label of ['windows-1251', 'koi8-r', 'gb18030', 'shift_jis', 'big5', 'euc-kr', 'iso-8859-2']) {
      const { text, content } = each.find((one) => one.label === label) ?? assert.fail(label);
      for (const type of [`text/plain; charset=${label}`, 'multipart/mixed; boundary=b']) {
        const written = Buffer.concat([
          bytes('Subject: '),
          content,
          bytes(
            `\r\nContent-Type: ${type}\r\n\r\n--b\r\nContent-Type: text/plain; charset=${label}\r\n\r\nx\r\n--b--\r\n`,
          ),
        ]);
        assert.equal((await read(written)).topic, text, `${label}, ${type}`);
      }
    }
  });

  it('shifts that a table of bytes does not show', async () => {
    const of = async (label: string, written: string) =>
      (await read(mail(`Content-Type: text/plain; charset=${label}\r\n`, bytes(written, true)))).payload;
    assert.equal(await of('iso-2022-cn', '\x1b$)A\x0eK.1C\x0f ABC\r\n\x0eK.1C'), '水泵 ABC\n水泵');
    // Traditional characters there are no tables for: one mark for each.
    assert.equal(await of('iso-2022-cn', '\x1b$)G\x0eDkDk\x0f x'), '\ufffd\ufffd x');
    assert.equal(await of('iso-2022-jp', 'ab\x1b(J\\1,000\x1b(B\\'), 'ab¥1,000\\');
    assert.equal(await of('iso-2022-jp', '\x1b$B%F%9%'), 'テス\ufffd');
    assert.equal(await of('iso-2022-jp', '\x1b$B%F%\x1b(Bx'), 'テ\ufffdx');
    assert.equal(await of('iso-2022-jp', 'a\x1b[1mb'), 'a\x1b[1mb');
    assert.equal(await of('hz-gb-2312', '~{K.1C~}~~ a~\nb ~x'), '水泵~ ab ~x');
    assert.equal(await of('us-ascii', '\x1b$B%F%9%H\x1b(B'), 'テスト');
    assert.equal((await read(`Subject: \x1b$B%F%9%H\x1b(B\r\n\r\n\x1b$B%F%9%H\x1b(B`)).topic, 'テスト');
  });

  it('believes a byte order mark before the name', async () => {
    for (const label of ['', '; charset=us-ascii', '; charset=iso-8859-1', '; charset=utf-8']) {
      for (const content of [
        bytes('\ufeffTür'),
        Buffer.from('\ufeffTür', 'utf16le'),
        Buffer.from('\ufeffTür', 'utf16le').swap16(),
      ])
        for (const encoding of ['base64', 'quoted-printable'])
          assert.equal(
            (await read(mail(`Content-Type: text/plain${label}\r\n`, content, encoding))).payload,
            'Tür',
          );
    }
  });

  it('takes bytes for windows-1252 where the name says nothing, and says so', async () => {
    for (const label of ['x-nonsense', '8bit', 'unknown-8bit', 'utf8', 'us-ascii', 'none', '""', '']) {
      const message = await read(`${HEAD}Content-Type: text/plain; charset=${label}\r\n\r\nT\xfcr \x80`);
      assert.equal(message.payload, 'Tür €', label);
      assert.deepEqual(problems(message), ['CHARSET'], label);
    }
  });
});

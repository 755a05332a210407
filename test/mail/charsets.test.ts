// Every character set mails come in, under every name, in bodies, headers and file names.
import assert from 'node:assert/strict';
import { CHARSETS } from './charset-table';
import { problems, read } from './support';
import { bytes, ENCODINGS, HEAD, mail, multipart, word } from './writing';

const each = CHARSETS.flatMap(([labels, text, hex]) =>
  labels.split(' ').map((label) => ({ label, text, content: Buffer.from(hex, 'hex') })),
);

describe('mail: every character set', function () {
  this.timeout(30_000);
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

  describe('where bytes name none, those of the mail', () => {
    const wide = 'gb18030 big5 euc-jp euc-kr shift_jis';
    const sets = ['windows-1251', 'koi8-r', 'iso-8859-7', 'windows-1255', ...wide.split(' ')].map(
      (label) => each.find((one) => one.label === label) ?? assert.fail(label),
    );
    const part = (label: string) => `Content-Type: text/plain; charset=${label}\r\n\r\nx`;
    const named = async (before: string, head: Buffer, behind: string) =>
      (
        await read(
          Buffer.concat([
            bytes(`${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n${before}`),
            head,
            bytes(`\r\n\r\nx\r\n--b\r\n${behind}\r\n--b--\r\n`),
          ]),
        )
      ).attachments.map(({ filename, fileName, generatedFileName }) => [
        filename,
        fileName,
        generatedFileName,
      ]);

    it('in file names, wherever the mail says which', async () => {
      for (const { label, text, content } of sets) {
        const name = Buffer.concat([content, bytes('.pdf')]);
        const want = [[`${text}.pdf`, `${text}.pdf`, `${text}.pdf`]];
        for (const head of ['Content-Disposition: attachment; filename=', 'Content-Type: a/b; name=']) {
          const quoted = Buffer.concat([bytes(`${head}"`), name, bytes('"')]);
          assert.deepEqual(await named(`${part(label)}\r\n--b\r\n`, quoted, ''), want, label);
          assert.deepEqual(await named('', quoted, part(label)), want, `${label} behind it`);
        }
        const own = Buffer.concat([bytes(`Content-Type: a/b; charset=${label}; name="`), name, bytes('"')]);
        assert.deepEqual(await named(`${part('windows-1252')}\r\n--b\r\n`, own, ''), want, `${label} own`);
      }
    });

    it('in encoded words that name an unknown one, or one they are not in', async () => {
      for (const { label, text, content } of sets) {
        for (const wrong of [
          'unknown-8bit',
          'x-nonsense',
          'us-ascii',
          wide.includes(label) ? '' : 'utf-8',
        ].filter(Boolean))
          for (const encoding of ['B', 'Q'] as const)
            assert.equal(
              (await read(`Subject: ${word(wrong, content, encoding)}\r\n${part(label)}`)).topic,
              text,
              `${label} as ${wrong}`,
            );
      }
    });

    it('but UTF-8 where they are that, a stray byte in it or not', async () => {
      for (const { label } of sets) {
        const of = async (subject: Buffer) =>
          (await read(Buffer.concat([bytes('Subject: '), subject, bytes(`\r\n${part(label)}`)]))).topic;
        assert.equal(await of(bytes('Температура 温度')), 'Температура 温度', label);
        for (const said of ['Größe', 'Насос'])
          assert.equal(await of(bytes(word('utf-8', bytes(said), 'Q'))), said, label);
        const stray = Buffer.concat([bytes('Tür'), Buffer.of(0xff)]);
        assert.equal(await of(bytes(word('utf-8', stray, 'B'))), 'Tür\ufffd', label);
        assert.equal(
          await of(Buffer.concat([bytes('温度は高い '), Buffer.of(0xff)])),
          '温度は高い \ufffd',
          label,
        );
      }
      const inUtf16 = await read(
        `Subject: T\xfcr\r\nContent-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from('x', 'utf16le').toString('base64')}`,
      );
      assert.equal(inUtf16.topic, 'Tür');
    });

    it('or what an HTML says of itself, in all its length', async () => {
      for (const { label, text, content } of sets) {
        for (const charset of ['', '; charset=us-ascii', '; charset=x-nonsense']) {
          // One of them is decoded in several pieces.
          const times = label === 'gb18030' && charset !== '' ? 10_000 : 10;
          const body = Buffer.concat([
            bytes(`<!-- <meta charset=utf-8> --><meta charset=${label}><p>`),
            ...Array.from({ length: times }, () => Buffer.concat([content, bytes(' ')])),
          ]);
          const mail = Buffer.concat([
            bytes('Subject: '),
            content,
            bytes(`\r\nContent-Type: text/html${charset}\r\n\r\n`),
            body,
          ]);
          const message = await read(mail, {}, 30_011);
          assert.equal(message.topic, text, label);
          assert.ok(message.html?.endsWith(`<p>${`${text} `.repeat(times)}`), `${label}${charset}`);
        }
      }
      const xml = Buffer.from('<?xml version="1.0" encoding="koi8-r"?><p>\xee\xc1</p>', 'latin1');
      assert.equal((await read(mail('Content-Type: text/html\r\n', xml))).payload, 'На');
    });
  });
});

// The kinds of mail that mailers get wrong, or that are rare: each written by a generator here, in several forms.
import assert from 'node:assert/strict';
import { problems, read } from './support';
import { bytes, HEAD, mail, multipart } from './writing';

const names = async (written: Buffer | string) =>
  (await read(written)).attachments.map(({ filename, content }) => [filename, content?.toString('latin1')]);

describe('mail: kinds of charset', () => {
  for (const encoding of ['8bit', 'base64', 'quoted-printable']) {
    it(`replaces only the bytes that do not fit, ${encoding}`, async () => {
      for (const [charset, before, stray, after] of [
        ['utf-8', bytes('Tür läuft, '), 0xfe, bytes(' öffnet')],
        ['utf-8', bytes('Насос '), 0xc3, bytes(' стоит')],
        ['utf-8', bytes('漢字'), 0xff, bytes('🎉')],
      ] as const) {
        const content = Buffer.concat([before, Buffer.from([stray]), after]);
        const { payload } = await read(
          mail(`Content-Type: text/plain; charset=${charset}\r\n`, content, encoding),
        );
        assert.equal(payload, `${before}\ufffd${after}`);
      }
    });

    it(`reads labels however they are written, ${encoding}`, async () => {
      const cases: [string, string, string][] = [
        ['ANSI_X3.4-1968', 'level', 'level'],
        ['latin9', '\xa4', '€'],
        ['"iso-8859-15"', '\xa4', '€'],
        ['"iso-\r\n 8859-15"', '\xa4', '€'],
        ['8859_15', '\xa4', '€'],
        ['utf-8', 'end \xe2\x82', 'end \ufffd'],
        ['x-mac-roman', '\x80', 'Ä'],
        ['cp850', '\x81', 'ü'],
        ['x-unknown', '\xfcber \x80', 'über €'],
        ['iso-8859-1', '\x93a\x94', '“a”'],
        ['windows-1251', '\xcd\xe0\xf1\xee\xf1', 'Насос'],
        ['koi8-r', '\xee\xc1\xd3\xcf\xd3', 'Насос'],
      ];
      for (const [label, octets, text] of cases) {
        const { payload } = await read(
          mail(`Content-Type: text/plain; charset=${label}\r\n`, bytes(octets, true), encoding),
        );
        assert.equal(payload, text, label);
      }
    });

    it(`takes the byte order mark off, ${encoding}`, async () => {
      for (const [charset, content] of [
        ['utf-8', bytes('\ufeff{"a":1}')],
        ['utf-16le', Buffer.from('\ufeff{"a":1}', 'utf16le')],
      ] as const) {
        const { payload } = await read(
          mail(`Content-Type: text/plain; charset=${charset}\r\n`, content, encoding),
        );
        assert.deepEqual(JSON.parse(payload), { a: 1 });
      }
    });

    it(`believes the HTML where MIME names no charset, ${encoding}`, async () => {
      for (const meta of [
        '<meta charset="koi8-r">',
        '<META http-equiv=Content-Type content="text/html; charset=koi8-r">',
      ]) {
        const content = Buffer.concat([
          bytes(`<html><head>${meta}</head><p>`),
          bytes('\xee\xc1\xd3\xcf\xd3', true),
        ]);
        const { payload, html } = await read(mail('Content-Type: text/html\r\n', content, encoding));
        assert.equal(payload, 'Насос');
        assert.match(html ?? '', /Насос/);
      }
    });
  }

  it('reads ISO-2022-JP that stays shifted, kana and all, in linear time', async () => {
    const body = '\x1b$BF|K\\8l\r\n\x1b(B no \x1b(I1\x1b(B.';
    const { payload } = await read(
      mail('Content-Type: text/plain; charset=iso-2022-jp\r\n', bytes(body, true)),
    );
    assert.equal(payload, '日本語\n no ｱ.');
  });

  it('reads raw bytes of headers in the charset of the mail, and words in theirs', async () => {
    const written = `From: \xcd\xe0\xf1\xee\xf1 <a@example.org>\r\nSubject: =?windows-1251?Q?\xcd=E0\xf1?= \xee\xf1\r\nContent-Type: text/plain; charset=windows-1251\r\n\r\nx`;
    const message = await read(written);
    assert.equal(message.topic, 'Нас ос');
    assert.equal(message.mail.from[0]?.name, 'Насос');
    assert.equal((await read('Subject: =?utf-7?Q?Gr+APwA3w-e?=\r\n\r\n')).topic, 'Grüße');
    for (const [field, topic] of [
      ['=?utf-8?B?R3I=w7w=?=', 'Grü'],
      ['=?utf-8?Q?Wirklich?_Ja??=', 'Wirklich? Ja?'],
      ['=?utf-8?Q?a=?utf-8?Q?b?=', '=?utf-8?Q?ab'],
    ])
      assert.equal((await read(`Subject: ${field}\r\n\r\n`)).topic, topic);
    // A character torn apart by two words.
    assert.equal((await read('Subject: =?utf-8?Q?=C3?= =?utf-8?Q?=BC?=\r\n\r\n')).topic, 'ü');
  });
});

describe('mail: kinds of text', () => {
  const text = async (html: string) =>
    (await read(mail('Content-Type: text/html; charset=utf-8\r\n', html))).payload;

  it('keeps letters, blocks and cells apart', async () => {
    assert.equal(
      await text('<h1>Code: aB</h1><table><tr><th>Pump</th><td>3</td></tr><tr><td>off</td></tr></table>'),
      'Code: aB\n\nPump   3\noff',
    );
    assert.equal(await text('<div>a</div><div>b</div>c<br>d<p>e</p>f'), 'a\nb\nc\nd\n\ne\n\nf');
    assert.equal(await text('before<body>in</body>behind'), 'before\nin\nbehind');
    assert.equal(await text('<p title = "a>b">in <i title=\'>\'>it</i></p>'), 'in it');
    assert.equal(
      await text('<ul><li>one<li>two</ul><ol start=3><li><p>three</p></li></ol>'),
      ' * one\n * two\n\n 3. three',
    );
    assert.equal(await text('<blockquote>q<br>r</blockquote>s'), '> q\n> r\n\ns');
    assert.equal(
      await text('<a href="https://x.example/">here</a> <a href="mailto:a@b">a@b</a>'),
      'here [https://x.example/] a@b',
    );
    assert.equal(
      await text('a &lt;b&gt; &auml; &#8364;<style>x</style><script>if (a<b) {}</script><!-- c -->!'),
      'a <b> ä €!',
    );
    assert.equal(await text('<pre>a\n  b</pre>'), 'a\n  b');
    assert.equal(await text('<select><option>a<option>b</select>'), 'a\nb');
    assert.equal(await text('<table><tr><td><table><tr><td>in</table><td>x</table>'), 'in\n\nx');
    assert.equal(await text('a<!-->b<!--->c<!-- x --!>d<svg/>e<svg>x</svg>f<!-- <p> --'), 'abcdef');
    for (const link of ['http://x.example', 'x.example/', 'HTTPS://x.example/'])
      assert.equal(await text(`<a href="https://x.example/">${link}</a>`), link);
    assert.equal(await text('<a href="mailto:a@b?subject=x">a@b</a>'), 'a@b');
    assert.equal(await text('1 < 2 and <b>bold</b> x'), '1 < 2 and bold x');
  });

  it('makes a text where the plain one is blank', async () => {
    for (const blank of [
      '',
      '\r\n\r\n',
      ' \t\r\n',
      '\xa0',
      ' '.repeat(3000),
      '\xe2\x80\x8b\r\n',
      '\xef\xbb\xbf',
    ])
      assert.equal(
        (
          await read(
            multipart('alternative', `\r\n${blank}`, 'Content-Type: text/html\r\n\r\n<p>Level is low'),
          )
        ).payload,
        'Level is low',
      );
  });

  it('takes markdown and enriched text for text', async () => {
    assert.equal((await read(mail('Content-Type: text/markdown\r\n', '# Hi'))).payload, '# Hi');
    assert.equal(
      (await read(mail('Content-Type: text/enriched\r\n', '<bold>Hi</bold> <<you>'))).payload,
      'Hi <you>',
    );
    assert.equal(
      (await read(mail('Content-Type: text/enriched\r\n', 'a\r\nb\r\n<nofill>c\r\nd</nofill>\r\ne'))).payload,
      'a b c\nd e',
    );
    assert.equal(
      (await read(mail('Content-Type: text/richtext\r\n', 'a <lt>\r\nb<nl>c'))).payload,
      'a < b\nc',
    );
  });

  it('joins flowed lines, signatures and DelSp alike', async () => {
    const flowed = async (body: string, more = '') =>
      (await read(mail(`Content-Type: text/plain; format=flowed${more}\r\n`, body))).payload;
    assert.equal(await flowed('Level is \r\nlow \r\n-- \r\nPump 3\r\n'), 'Level is low \n-- \nPump 3');
    assert.equal(await flowed('long \r\nword', '; delsp=yes'), 'longword');
    assert.equal(await flowed('> a \r\n> b\r\n>> c \r\nd'), '> a b\n>> c \nd');
    assert.equal(await flowed(' From\r\n  x'), 'From\n x');
    assert.equal(await flowed('>a \r\n>b\r\n>>c'), '>a b\n>>c');
    const long = 'word '.repeat(100_000);
    assert.equal(await flowed(`a \r\n${long}\r\nb \r\nc`), `a ${long}\nb c`);
  });
});

describe('mail: kinds of structure', () => {
  it('ends headers at a line of blanks, and finds text without headers', async () => {
    for (const blanks of [' ', '\t', '  \t '])
      assert.equal(
        (await read(`${HEAD}${blanks}\r\nPump 3 has stopped.\r\n\r\nLook.`)).payload,
        'Pump 3 has stopped.\n\nLook.',
      );
    assert.equal((await read('Pump 3 has stopped.\r\nLook.\r\n')).payload, 'Pump 3 has stopped.\nLook.\n');
    assert.equal((await read(multipart('mixed', 'no headers here'))).payload, 'no headers here');
    assert.equal((await read(`junk\r\n${HEAD}\r\ntext`)).topic, 's');
    for (const blanks of [' ', '\t ', '\xa0', '\x0b\x0c']) {
      for (const [text, payload] of [
        ['Note: stopped\r\nLook.', 'Note: stopped\nLook.'],
        ['  Indented\r\nLook.\r\n\r\nBye: now', '  Indented\nLook.\n\nBye: now'],
        ['Note: stopped\r\n', 'Note: stopped\n'],
        [' \r\nLook.', ' \nLook.'],
      ])
        for (const size of [1, 1000]) {
          const message = await read(`${HEAD}X-Last: x\r\n${blanks}\r\n${text}`, {}, size);
          assert.equal(message.payload, payload);
          assert.equal(message.header['x-last'], 'x');
        }
      const folded = await read(`X-A: b\r\n${blanks}\r\n c\r\nX-B: d\r\nSubject : s\r\ncut\r\n\r\ntext`);
      assert.deepEqual([folded.header['x-b'], folded.topic, folded.payload], ['d', 's', 'text']);
      const part = multipart('mixed', `X-A: b\r\n${blanks}\r\nNote: in part`, '\r\nnext');
      assert.equal((await read(part)).payload, 'Note: in part\nnext');
    }
  });

  it('finds the first part without an empty line before it, and header lines with two CRs', async () => {
    const bare = `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>in\r\n--b--`;
    for (const size of [1, 40, 1000]) assert.equal((await read(bare, {}, size)).payload, 'in');
    assert.equal((await read(`${HEAD}X: y\r\n--b\r\nZ: z\r\n\r\nin`)).payload, 'in');
    const doubled = await read(multipart('mixed', '\r\nin').replaceAll('\r\n', '\r\r\n'));
    assert.deepEqual([doubled.topic, doubled.payload.trim(), problems(doubled)], ['s', 'in', []]);
    const head = await read(`${HEAD.replaceAll('\r\n', '\r\r\n')}\r\r\nbody`, { content: 'headers' });
    assert.equal(head.topic, 's');
  });

  it('takes the word of no field about lengths and versions', async () => {
    for (const field of ['Content-Length: 3', 'Lines: 1', 'MIME-Version: 2.0', 'Content-Length: 9999'])
      assert.equal((await read(`${HEAD}${field}\r\n\r\nfour letters`)).payload, 'four letters');
    assert.equal(
      (await read(`${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx`)).payload,
      'x',
    );
    // Of fields that may stand once the first counts.
    const twice = await read(
      `Subject: one\r\nSubject: two\r\nFrom: a@x\r\nFrom: b@x\r\nContent-Type: text/html\r\nContent-Type: text/plain\r\n\r\n<p>x`,
    );
    assert.deepEqual([twice.topic, twice.from, twice.payload], ['one', 'a@x', 'x']);
  });

  it('lists what is no text: signatures, encrypted content, calendars, reports', async () => {
    const listed = async (type: string, ...parts: string[]) => {
      const { attachments, payload } = await read(multipart(type, ...parts));
      return [payload, ...attachments.map(({ contentType }) => contentType)];
    };
    assert.deepEqual(
      await listed(
        'signed',
        '\r\nsigned',
        'Content-Type: application/pgp-signature; name=signature.asc\r\n\r\nx',
      ),
      ['signed', 'application/pgp-signature'],
    );
    assert.deepEqual(
      await listed(
        'encrypted',
        'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1',
        'Content-Type: application/octet-stream\r\n\r\nx',
      ),
      ['', 'application/pgp-encrypted', 'application/octet-stream'],
    );
    assert.deepEqual(
      await listed(
        'alternative',
        '\r\nmeeting',
        'Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR',
      ),
      ['meeting', 'text/calendar'],
    );
    assert.deepEqual(
      await listed(
        'report; report-type=delivery-status',
        '\r\nSorry',
        'Content-Type: message/delivery-status\r\n\r\nAction: failed',
        'Content-Type: message/rfc822\r\n\r\nSubject: lost\r\n\r\nx',
      ),
      ['Sorry\nAction: failed', 'message/rfc822'],
    );
    assert.deepEqual(
      await listed(
        'report; report-type=disposition-notification',
        '\r\nRead',
        'Content-Type: message/disposition-notification\r\n\r\nDisposition: displayed',
      ),
      ['Read', 'message/disposition-notification'],
    );
    assert.deepEqual(
      (
        await read(mail('Content-Type: application/pkcs7-mime; name=smime.p7m\r\n', 'x', 'base64'))
      ).attachments.map(({ filename }) => filename),
      ['smime.p7m'],
    );
  });

  it('mends what is missing in fields', async () => {
    assert.equal(
      (await read(`${HEAD}Content-Type: multipart/mixed boundary="b"\r\n\r\n--b\r\n\r\nin\r\n--b--`)).payload,
      'in',
    );
    assert.equal(
      (
        await names(multipart('mixed', 'Content-Disposition: attachment filename="a b.pdf"\r\n\r\nx'))
      )[0]?.[0],
      'a b.pdf',
    );
    assert.equal(
      (
        await names(multipart('mixed', 'Content-Disposition: attachment; filename=a b (1).pdf\r\n\r\nx'))
      )[0]?.[0],
      'a b (1).pdf',
    );
    for (const field of ['attachment; name="a.pdf"', 'attachment; filename=a.pdf creation-date="x"'])
      assert.equal(
        (await names(multipart('mixed', `Content-Disposition: ${field}\r\n\r\nx`)))[0]?.[0],
        'a.pdf',
      );
    for (const type of ['text / html', '"text/html"', 'text/htm', 'html/text', 'text/html (c)'])
      assert.equal((await read(`${HEAD}Content-Type: ${type}\r\n\r\n<p>Level`)).payload, 'Level');
    for (const encoding of ['Quoted_Printable', 'quoted printable', '"quoted-printable";'])
      assert.equal(
        (await read(`${HEAD}Content-Transfer-Encoding: ${encoding}\r\n\r\n=4Cevel`)).payload,
        'Level',
      );
    for (const type of ['text', 'TEXT', 'text/', 'plain'])
      assert.deepEqual((await read(`${HEAD}Content-Type: ${type}\r\n\r\nLevel`)).payload, 'Level');
  });

  it('lists messages: in digests, and those that are part of the text', async () => {
    const digest = await read(multipart('digest', '\r\nSubject: one\r\n\r\n1', '\r\nSubject: two\r\n\r\n2'));
    assert.deepEqual(
      digest.attachments.map(({ contentType, content }) => [contentType, content?.toString()]),
      [
        ['message/rfc822', 'Subject: one\r\n\r\n1'],
        ['message/rfc822', 'Subject: two\r\n\r\n2'],
      ],
    );
    const inner =
      'Subject: inner\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nhello\r\n--i--';
    const head =
      'Content-Type: message/rfc822; name="postacert.eml"\r\nContent-Disposition: inline; filename="postacert.eml"\r\n\r\n';
    for (let size = 1; size < 60; size += 7) {
      const message = await read(multipart('mixed', head + inner, '\r\nbehind'), {}, size);
      assert.deepEqual(
        message.attachments.map(({ filename, content }) => [filename, content?.toString()]),
        [['postacert.eml', inner]],
      );
      assert.match(message.payload, /inner[\s\S]*hello[\s\S]*behind/);
    }
  });

  it('lists texts that have a name', async () => {
    const part =
      'Content-Type: text/plain; name="p.log"\r\nContent-Disposition: inline; filename="p.log"\r\n\r\na=1\r\nb=2';
    assert.deepEqual(await names(multipart('mixed', '\r\nsee', part)), [['p.log', 'a=1\r\nb=2']]);
  });

  it('takes files out of a text: uuencode and yEnc, wherever they are cut', async () => {
    const content = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
    const lines = Array.from({ length: Math.ceil(256 / 45) }, (_, i) =>
      content.subarray(i * 45, i * 45 + 45),
    ).map((line) => {
      const padded = Buffer.concat([line, Buffer.alloc((3 - (line.length % 3)) % 3)]);
      const letters = [...padded.toString('base64')].map((letter) => {
        const value = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.indexOf(letter);
        return value ? String.fromCharCode(value + 32) : '`';
      });
      return String.fromCharCode(line.length + 32) + letters.join('');
    });
    const uu = `begin 644 pump log.bin\r\n${lines.join('\r\n')}\r\n\`\r\nend\r\n`;
    const yenc = Buffer.concat([
      bytes('=ybegin line=128 size=256 name=y.bin\r\n'),
      Buffer.from(
        [...content].flatMap((octet, index) => {
          const one = (octet + 42) & 255;
          const escaped = [0, 10, 13, 0x3d].includes(one) ? [0x3d, (one + 64) & 255] : [one];
          return index % 128 === 127 ? [...escaped, 13, 10] : escaped;
        }),
      ),
      bytes('=yend size=256\r\n'),
    ]);
    for (const [name, file] of [
      ['pump log.bin', bytes(uu)],
      ['y.bin', yenc],
    ] as const) {
      const written = Buffer.concat([bytes(`${HEAD}\r\nbegin with this\r\n`), file, bytes('the end\r\n')]);
      for (const size of [1, 5, 64, 100_000]) {
        const message = await read(written, {}, size);
        assert.equal(message.payload, 'begin with this\nthe end\n', `${name} by ${size}`);
        assert.deepEqual(
          message.attachments.map(({ filename, content: found }) => [filename, found]),
          [[name, content]],
        );
      }
    }
    for (const zero of ['`', ' ', ''])
      for (const size of [1, 1000]) {
        const message = await read(
          `${HEAD}\r\nsee\r\nbegin 644 "a b.txt" \r\n#0V%T\r\n${zero}\r\nend \r\nbye`,
          {},
          size,
        );
        assert.equal(message.payload, 'see\nbye');
        assert.deepEqual(
          message.attachments.map(({ filename, content: found }) => [filename, found?.toString()]),
          [['a b.txt', 'Cat']],
        );
      }
    const encoded = `${HEAD}Content-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n${uu}`;
    assert.deepEqual((await read(encoded)).attachments[0]?.content, content);
  });

  it('takes files out of a text in the letters of base64 too (uuencode -m)', async () => {
    const written = `${HEAD}\r\nbegin-base64\r\nbeginning\r\nbegin-base64 644 a b.txt\r\n${btoa('a'.repeat(45))}\r\n${btoa('bc')}\r\n====\r\nbye\r\n`;
    for (const size of [1, 7, 1000]) {
      const message = await read(written, {}, size);
      assert.equal(message.payload, 'begin-base64\nbeginning\nbye\n');
      assert.deepEqual(
        message.attachments.map(({ filename, content }) => [filename, content?.toString()]),
        [['a b.txt', `${'a'.repeat(45)}bc`]],
      );
    }
  });

  it('joins the parts of a yEnc file that one mail brings', async () => {
    const part = (name: string, number: number, text: string) =>
      `=ybegin part=${number} total=3 line=128 size=9 name=${name}\r\n=ypart begin=${number * 3 - 2} end=${number * 3}\r\n${String.fromCharCode(...[...text].map((one) => one.charCodeAt(0) + 42))}\r\n=yend size=3 part=${number}\r\n`;
    const written = `${HEAD}\r\none\r\n${part('a.bin', 1, 'abc')}between\r\n${part('a.bin', 2, 'def')}${part('a.bin', 3, 'ghi')}${part('b.bin', 2, 'xyz')}${part('a.bin', 3, 'end')}two\r\n`;
    for (const size of [1, 7, 1000]) {
      const message = await read(written, {}, size);
      assert.equal(message.payload, 'one\nbetween\ntwo\n');
      assert.deepEqual(
        message.attachments.map(({ filename, content }) => [filename, content?.toString()]),
        [
          ['a.bin', 'abcdefghi'],
          ['b.bin', 'xyz'],
          ['a.bin', 'end'],
        ],
      );
    }
  });

  it('finds the parts of a multipart whose boundary is missing or wrong', async () => {
    const pieces = (boundary: string, end = '\r\n') =>
      [
        `--${boundary}`,
        'Content-Type: text/plain; charset=utf-8',
        '',
        'Tür',
        `--${boundary}`,
        'Content-Type: application/pdf; name=a.pdf',
        'Content-Transfer-Encoding: base64',
        '',
        btoa('the file'),
        `--${boundary}--`,
        'an epilogue',
      ].join(end);
    const cases: [string, string][] = [
      ['', 'b'],
      ['; boundary=""', 'b'],
      ['; boundary=x', 'b'],
      ['; boundary=B', 'b'],
      ["; boundary='b'", 'b'],
      ['; boundary="--b"', 'b'],
      ['; boundary="b\r\n c"', 'bc'],
      ['; charset=utf-8', '=_NextPart (1)'],
    ];
    for (const [parameter, boundary] of cases)
      for (const end of ['\r\n', '\n'])
        for (const size of [1, 1000]) {
          const written = bytes(
            `${HEAD}Content-Type: multipart/mixed${parameter}\r\n\r\nA preamble.${end}${pieces(boundary, end)}`,
          );
          const message = await read(written, {}, size);
          assert.deepEqual([message.payload, problems(message)], ['Tür', ['BOUNDARY']], parameter);
          assert.deepEqual(
            message.attachments.map(({ filename, content, partId }) => [
              filename,
              content?.toString(),
              partId,
            ]),
            [['a.pdf', 'the file', '2']],
          );
        }
    // Encoded as a whole, though a multipart must not be.
    const whole = await read(mail('Content-Type: multipart/mixed; boundary=b\r\n', pieces('b'), 'base64'));
    assert.deepEqual([whole.payload, whole.attachments.length], ['Tür', 1]);
    // A boundary that is met is the only one, whatever else looks like one.
    const right = await read(
      `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--c\r\nContent-Type: text/html\r\n\r\nno\r\n--b\r\n\r\nyes\r\n--b--`,
    );
    assert.deepEqual([right.payload, right.html, problems(right)], ['yes', undefined, []]);
  });

  it('takes parts behind the end of a multipart for parts of it', async () => {
    const file = 'Content-Type: application/pdf; name=a.pdf\r\n\r\nthe file';
    const behind = `${multipart('mixed', '\r\nfirst')}--=_b\r\n${file}\r\n--=_b\r\n\r\nsecond\r\n--=_b--\r\nepilogue`;
    for (const size of [1, 7, 1000]) {
      const message = await read(behind, {}, size);
      assert.deepEqual(
        [message.payload, message.attachments.map(({ filename, partId }) => [filename, partId])],
        ['first\nsecond', [['a.pdf', '2']]],
      );
      assert.deepEqual(problems(message), ['PARTS_AFTER_END']);
      // The boundary of the closed one is the outer one's too.
      const inner =
        'Content-Type: multipart/alternative; boundary="=_b"\r\n\r\n--=_b\r\n\r\nfirst\r\n--=_b--';
      const shared = await read(multipart('mixed', inner, file), {}, size);
      assert.deepEqual([shared.payload, shared.attachments[0]?.partId, problems(shared)], ['first', '2', []]);
    }
    const text = await read(`${multipart('mixed', '\r\nfirst')}--=_bc\r\n--\r\nList footer\r\n`);
    assert.deepEqual([text.payload, problems(text)], ['first', []]);
  });

  it('reads mails whose lines end with CR alone, with two CRs, or each in its own way', async () => {
    const written = multipart(
      'mixed',
      'Content-Type: text/plain\r\n\r\none\r\ntwo',
      'Content-Type: text/csv; name=a.csv\r\n\r\na;b',
      `Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n${btoa('a\rb')}`,
    );
    for (const end of ['\r', '\n', '\r\n', '\r\r\n'])
      for (const last of ['', '\r\n'])
        for (const size of [1, 7, 1000]) {
          const message = await read(written.replaceAll('\r\n', end) + last, {}, size);
          assert.deepEqual(
            [message.topic, message.from, message.payload],
            ['s', 'a@example.org', 'one\ntwo'],
          );
          assert.deepEqual(
            message.attachments.map(({ filename, content }) => [filename, content?.toString()]),
            [
              ['a.csv', 'a;b'],
              ['a.pdf', 'a\rb'],
            ],
          );
          assert.deepEqual(problems(message), []);
        }
    // In the text alone, as devices write it.
    assert.equal((await read(`${HEAD}\r\na\rb\r\r\nc\r\rd\n\re`)).payload, 'a\nb\nc\n\nd\n\ne');
    // What is put into a field begins no other.
    const injected = await read('Subject: a\rBcc: x\r\rtext\r\nFrom: a@x\r\n\r\nb');
    assert.deepEqual(
      [injected.from, injected.payload, injected.mail.bcc],
      ['', 'text\nFrom: a@x\n\nb', [{ name: '', address: 'x' }]],
    );
    assert.deepEqual((await read('From: a@x\r\nSubject: a\rBcc: x\r\rb\r\n\r\nb')).mail.bcc, []);
  });

  it('shows as text what stands in a multipart without parts', async () => {
    for (const [type, boundary] of [
      ['mixed', 'b'],
      ['digest', 'b'],
      ['alternative', ''],
    ]) {
      const message = await read(
        bytes(`${HEAD}Content-Type: multipart/${type}; boundary="${boundary}"\r\n\r\nTür zu\r\n--b--\r\n`),
      );
      assert.match(message.payload, /^Tür zu/, type);
      assert.deepEqual(problems(message), ['NOT_PARSED']);
    }
    const inner = await read(
      multipart('mixed', 'Content-Type: multipart/alternative; boundary=c\r\n\r\ninner', '\r\nouter'),
    );
    assert.equal(inner.payload, 'inner\nouter');
  });

  it('takes lines that are no fields for text where no empty line ends the headers', async () => {
    const message = await read(
      multipart('mixed', 'Content-Type: text/plain\r\nfirst line\r\nsecond line', 'Content-Type: text/plain'),
    );
    assert.equal(message.payload.trim(), 'first line\nsecond line');
    assert.equal((await read(`${HEAD}Content-Type: text/plain\r\nonly text`)).payload, 'only text\n');
  });

  it('reads a header behind empty lines, and text there that is none', async () => {
    for (const size of [1, 1000])
      for (const end of ['\r\n', '\n']) {
        const { from, payload } = await read(`${end}${end}${HEAD}\r\ntext`, {}, size);
        assert.deepEqual([from, payload], ['a@example.org', 'text']);
        const { from: sender } = await read(`${end}${HEAD}\r\ntext`, { content: 'headers' }, size);
        assert.equal(sender, 'a@example.org');
        assert.equal(
          (await read(`${end}Pump: 3${end}has stopped`, {}, size)).payload,
          'Pump: 3\nhas stopped',
        );
      }
    assert.equal((await read(multipart('mixed', '\r\nFrom: a@x\r\n\r\ntext'))).payload, 'From: a@x\n\ntext');
  });

  it('reads a header behind a byte order mark', async () => {
    const { from, mail: details } = await read(`\xef\xbb\xbf${HEAD}\r\ntext`);
    assert.deepEqual([from, details.problems], ['a@example.org', []]);
  });

  it('decodes base64 in pieces, in the letters of URLs, and none that is none', async () => {
    const text = 'Grüße ??>>>~~~ ÿÿÿ';
    const fields = 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n';
    for (const size of [1, 7, 1000]) {
      const inPieces = `${HEAD}${fields}${btoa('a')}${btoa('bc')}${btoa('d')}\r\n${btoa('efg')}${btoa('h')}\r\n`;
      const message = await read(inPieces, {}, size);
      assert.deepEqual([message.payload, problems(message)], ['abcdefgh', []]);
      const url = await read(`${HEAD}${fields}${bytes(text).toString('base64url')}\r\n`, {}, size);
      assert.deepEqual([url.payload, problems(url)], [text, []]);
      for (const plain of [
        'Dear Sir or Madam,\r\n\r\nyour invoice is ready.\r\n',
        '\r\n\r\n <p>Hello & welcome</p>',
        `${'a word, '.repeat(200)}\r\n`,
        'a, b, c, d',
      ]) {
        const message = await read(`${HEAD}${fields}${plain}`, {}, size);
        assert.equal(message.payload.trim(), plain.replaceAll('\r\n', '\n').trim());
        assert.deepEqual(problems(message), ['NOT_BASE64']);
      }
      // Strays within what is encoded are passed over.
      const stray = await read(`${HEAD}${fields}${btoa('some text').replace(/^.../, '$&!')}\r\n`, {}, size);
      assert.deepEqual([stray.payload, problems(stray)], ['some text', []]);
    }
  });

  for (const [format, labels, file] of [
    [
      'uuencode',
      ['uuencode', 'x-uuencode', 'x-uue', 'uue', 'x-uu', 'UU'],
      'begin 644 a.txt\r\n#86)C\r\n`\r\nend\r\n',
    ],
    [
      'yEnc',
      ['x-yencode', 'yenc'],
      `=ybegin line=128 size=3 name=a.txt\r\n${String.fromCharCode(139, 140, 141)}\r\n=yend size=3\r\n`,
    ],
  ] as const)
    it(`knows ${format} as a transfer encoding, by every name`, async () => {
      for (const label of labels)
        assert.deepEqual(
          await names(
            `${HEAD}Content-Type: application/octet-stream; name=b.txt\r\nContent-Transfer-Encoding: ${label}\r\n\r\n${file}`,
          ),
          [['b.txt', 'abc']],
          label,
        );
    });

  it('decodes base64 as it is written in the wild', async () => {
    for (const encoding of ['base64', 'base64;', '"base64"', 'BASE64 (comment)'])
      assert.equal(
        (await read(mail('Content-Type: text/plain; charset=utf-8\r\n', 'Tür', encoding))).payload,
        'Tür',
        encoding,
      );
    const footer = await read(
      `${HEAD}Content-Transfer-Encoding: base64\r\n\r\nVMO8cg==\r\n_____\r\nList footer, with words\r\n`,
    );
    assert.equal(footer.payload, 'Tür');
    assert.deepEqual(problems(footer), ['CONTENT_AFTER_END']);
    assert.equal(
      (await read(`${HEAD}Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\nYg==\r\n`)).payload,
      'ab',
    );
    // Without padding, a footer is known by what stands behind an empty line.
    for (const footer of ['___\r\nList footer', 'List footer', 'https://list.example', '-- \r\nAda'])
      for (const size of [1, 1000])
        for (const content of ['abc', 'abcd']) {
          const message = await read(
            `${HEAD}Content-Transfer-Encoding: base64\r\n\r\n${btoa(content)}\r\n\r\n${footer}\r\n`,
            {},
            size,
          );
          assert.deepEqual([message.payload, problems(message)], [content, ['CONTENT_AFTER_END']]);
        }
    for (const [body, content] of [
      ['YWJj\r\n\r\nYW\r\nJj', 'abcabc'],
      ['YWJj\r\n\r\n\r\nYWJjY\r\nWJj', 'abcabcabc'],
      ['\r\nYWJj\r\n \r\n YWJj', 'abcabc'],
    ])
      assert.equal((await read(`${HEAD}Content-Transfer-Encoding: base64\r\n\r\n${body}`)).payload, content);
    for (const size of [1, 3, 77]) {
      const body = Buffer.alloc(999, 'äöü');
      const broken = body.toString('base64').replace(/.{7}/g, '$& \r\n');
      assert.equal(
        (
          await read(
            `${HEAD}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${broken}`,
            {},
            size,
          )
        ).payload,
        body.toString(),
      );
    }
  });

  it('makes a text of the RTF of a winmail.dat', async () => {
    const property = (rtf: string): Buffer => {
      const head = Buffer.alloc(16);
      head.writeUInt32LE(rtf.length + 12, 0);
      head.writeUInt32LE(rtf.length, 4);
      head.write('MELA', 8, 'latin1');
      const value = Buffer.concat([head, bytes(rtf, true)]);
      const start = Buffer.alloc(16);
      start.writeUInt32LE(1, 0);
      start.writeUInt16LE(0x102, 4);
      start.writeUInt16LE(0x1009, 6);
      start.writeUInt32LE(1, 8);
      start.writeUInt32LE(value.length, 12);
      return Buffer.concat([start, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
    };
    const of = async (rtf: string) => {
      const data = property(rtf);
      const head = Buffer.alloc(9);
      head[0] = 1;
      head.writeUInt16LE(0x9003, 1);
      head.writeUInt32LE(data.length, 5);
      const tnef = Buffer.concat([Buffer.from('789f3e220100', 'hex'), head, data, Buffer.alloc(2)]);
      return read(mail('Content-Type: application/ms-tnef; name=winmail.dat\r\n', tnef, 'base64'));
    };
    const plain = await of(
      "{\\rtf1\\ansi\\ansicpg1252\\fromtext{\\fonttbl{\\f0 Arial;}}\\uc1\\pard T\\'fcr \\u8364?\\tab 5\\par\r\n\\{b\\}{\\*\\unknown x}\\par}",
    );
    assert.equal(plain.payload, 'Tür €\t5\n{b}\n');
    assert.ok(!('html' in plain));
    assert.deepEqual(
      plain.attachments.map(({ filename }) => filename),
      ['winmail.dat', 'body.rtf'],
    );
    const russian = await of("{\\rtf1\\ansi\\ansicpg1251\\fromtext \\'cd\\'e0\\'f1\\'ee\\'f1}");
    assert.equal(russian.payload, 'Насос');
    const html = await of(
      "{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 {\\fonttbl{\\f0 Arial;}}{\\*\\htmltag64 <p>}\\htmlrtf {\\b \\htmlrtf0 Level {\\*\\htmltag84 <b>}\\htmlrtf {\\i\\htmlrtf0 low{\\*\\htmltag92 </b>}\\htmlrtf }\\htmlrtf0 {\\*\\mhtmltag84 no}\\'fc{\\*\\htmltag72 </p>}\\htmlrtf \\par}\\htmlrtf0}",
    );
    assert.equal(html.html, '<p>Level <b>low</b>ü</p>');
    assert.equal(html.payload, 'Level lowü');
    for (const broken of [
      '{\\rtf1',
      '{\\rtf1 \\',
      "{\\rtf1 \\'",
      '{'.repeat(100_000),
      `{\\rtf1${'{'.repeat(100_000)}x`,
      '}}}',
    ])
      await of(broken);
  });

  it('takes what is in a winmail.dat out of it, and says when it cannot', async () => {
    const attribute = (level: number, type: number, id: number, data: Buffer): Buffer => {
      const head = Buffer.alloc(9);
      head[0] = level;
      head.writeUInt16LE(id, 1);
      head.writeUInt16LE(type, 3);
      head.writeUInt32LE(data.length, 5);
      return Buffer.concat([head, data, Buffer.alloc(2)]);
    };
    const tnef = Buffer.concat([
      Buffer.from('789f3e220100', 'hex'),
      attribute(1, 2, 0x800c, bytes('Level is low\r\n\0')),
      attribute(2, 6, 0x9002, Buffer.alloc(14)),
      attribute(2, 1, 0x8010, bytes('pump.log\0')),
      attribute(2, 6, 0x800f, bytes('a=1')),
    ]);
    const message = await read(
      mail('Content-Type: application/ms-tnef; name=winmail.dat\r\n', tnef, 'base64'),
    );
    assert.equal(message.payload, 'Level is low\n');
    assert.deepEqual(
      message.attachments.map(({ filename }) => filename),
      ['winmail.dat', 'pump.log'],
    );
    assert.equal(message.attachments[1]?.content?.toString(), 'a=1');
    assert.deepEqual(
      problems(await read(mail('Content-Type: application/ms-tnef\r\n', 'nonsense', 'base64'))),
      ['TNEF'],
    );
  });

  it('shows images of every type, however the HTML names them', async () => {
    const image = 'Content-Type: image/svg+xml\r\nContent-ID: <a b@x>\r\n\r\n<svg/>';
    const url = `data:image/svg+xml;base64,${Buffer.from('<svg/>').toString('base64')}`;
    for (const html of [
      '<img src="cid:a%20b@x">',
      "<td background='cid:a%20b@x'>",
      '<img srcset="cid:a%20b@x, y 2x">',
      '<p style="background:url(cid:a%20b@x)">',
      '<img src="CID:a%20b@x">',
      '<img src="Cid:a%20b&#64;x">',
      '<img src="cid:%3Ca%20b@x%3E">',
    ])
      assert.ok(
        (await read(multipart('related', `Content-Type: text/html\r\n\r\n${html}`, image))).html?.includes(
          url,
        ),
        html,
      );
  });

  it('shows images by the address their part names', async () => {
    const shown = async (html: string, location = 'http://x.test/a.png') =>
      (
        await read(
          multipart(
            'related',
            `Content-Type: text/html\r\n\r\n${html}`,
            `Content-Type: image/png\r\nContent-Location: ${location}\r\n\r\nx`,
          ),
        )
      ).html;
    const url = 'data:image/png;base64,eA==';
    for (const [before, behind] of [
      ['<img src="', '">'],
      ['<img alt=a SRC = ', ' width=1>'],
      ["<td background='", "'>"],
      ['<p style="background:url(', ')">'],
      ['<p style="background:url( \'', '\')">'],
    ]) {
      for (const location of ['http://x.test/a.png', 'a.png'])
        assert.equal(
          await shown(`${before}${location}${behind}a.png`, location),
          `${before}${url}${behind}a.png`,
        );
    }
    for (const html of [
      '<a href="a.png">a.png</a>',
      '<img src="a.png2">',
      '<img src="b/a.png">',
      '<img data-alt="a.png">',
      `<img src="a.png">${' '.repeat(256 * 1024)}`,
    ])
      assert.equal(await shown(html, 'a.png'), html);
  });
});

describe('mail: kinds of header', () => {
  const from = async (field: string) => (await read(`From: ${field}\r\n\r\n`)).mail.from;

  it('reads addresses as people, programs and old standards write them', async () => {
    const cases: [string, string, string][] = [
      ['=?UTF-8?Q?K=C3=BChler_(Halle_2);:?= <a@x.org>', 'Kühler (Halle 2);:', 'a@x.org'],
      ['root (Cron Daemon)', 'Cron Daemon', 'root'],
      ['root', '', 'root'],
      ['a@x.org (Ada (L.))', 'Ada (L.)', 'a@x.org'],
      ['Joe Q. Public <john.q.public@example.com>', 'Joe Q. Public', 'john.q.public@example.com'],
      ['Mary Smith <@node.test:mary@example.net>', 'Mary Smith', 'mary@example.net'],
      ['jdoe@test   . example', '', 'jdoe@test.example'],
      ['Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>', 'Pete', 'pete@silly.test'],
      ['"Giant; \\"Big\\" Box" <sysservices@example.net>', 'Giant; "Big" Box', 'sysservices@example.net'],
      ['<a@x.org>', '', 'a@x.org'],
      ['"a b"@x.org', '', '"a b"@x.org'],
      ['Pump Station', 'Pump Station', ''],
      [
        '"very.(),:;<>[]\\".\\"very@\\\\ unusual"@x.org',
        '',
        '"very.(),:;<>[]\\".\\"very@\\\\ unusual"@x.org',
      ],
      ['a@x.org>', '', 'a@x.org'],
      ['<<a@x.org>>', '', 'a@x.org'],
      ['Ada <a@x.org', 'Ada', 'a@x.org'],
      ['=?utf-8?Q?Ada=0D=0ABcc:_x?= <a@x.org>', 'Ada Bcc: x', 'a@x.org'],
      ["a!#$%&'*+/=?^_`{|}~-b@x.org", '', "a!#$%&'*+/=?^_`{|}~-b@x.org"],
      ['user@[IPv6:2001:db8::1]', '', 'user@[IPv6:2001:db8::1]'],
      ['"Ada <a@x.org>', 'Ada', 'a@x.org'],
      ['Ada" <a@x.org>', 'Ada', 'a@x.org'],
      ['Ada (L. <a@x.org>', 'Ada L.', 'a@x.org'],
      ['a@x.org (Ada', 'Ada', 'a@x.org'],
      ['=?utf-8?Q?K=C3=BChl_=3Ca=40x.org=3E?=', 'Kühl', 'a@x.org'],
    ];
    for (const [field, name, address] of cases)
      assert.deepEqual(await from(field), [{ name, address }], field);
    const { to } = (await read('To: A Group(Some people):Chris Jones <c@x>, joe@y; , undisclosed:;\r\n\r\n'))
      .mail;
    assert.deepEqual(to, [
      { name: 'Chris Jones', address: 'c@x' },
      { name: '', address: 'joe@y' },
    ]);
  });

  it('reads mailboxes without a comma between them, and finds the sender among accounts', async () => {
    assert.deepEqual(await from('A <a@x.org> B <b@y.org> <c@z.org>'), [
      { name: 'A', address: 'a@x.org' },
      { name: 'B', address: 'b@y.org' },
      { name: '', address: 'c@z.org' },
    ]);
    assert.equal((await read('From: Doe, John <j@x.org>\r\n\r\n')).from, 'j@x.org');
  });

  it('reads message IDs with what is put around them, and dates only of days there are', async () => {
    const ids = async (field: string) => {
      const { messageId, inReplyTo, references } = (await read(`${field}\r\n\r\n`)).mail;
      return messageId ?? inReplyTo ?? references;
    };
    assert.equal(await ids('Message-ID: <a@x> (added by x)'), '<a@x>');
    assert.equal(await ids('Message-ID: <1 @ x(y) .z>'), '<1@x.z>');
    assert.equal(await ids('Message-ID: <"a b"@x>'), '<"a b"@x>');
    assert.equal(await ids('Message-ID: a@x'), '<a@x>');
    assert.equal(await ids('In-Reply-To: Your message of Mon <a@x> <b@x>'), '<a@x> <b@x>');
    assert.deepEqual(await ids('References: <a@x><b@x>, <c@x> d@x'), ['<a@x>', '<b@x>', '<c@x>', '<d@x>']);
    for (const date of ['Tue, 31 Feb 2026 08:00:00 +0000', 'Tue, 31 Jun 2026 08:00:00 +0000']) {
      const message = await read(`Date: ${date}\r\n\r\n`);
      assert.deepEqual([message.date, problems(message)[0]], [undefined, 'DATE_INVALID']);
    }
  });

  it('lets no line end of an encoded word into a text', async () => {
    const message = await read(
      'Subject: =?utf-8?Q?a=0D=0ABcc:_x?=\r\nContent-Disposition: attachment; filename="=?utf-8?Q?a=0Ab?="\r\n\r\n',
    );
    assert.equal(message.topic, 'a Bcc: x');
    assert.equal(message.attachments[0]?.filename, 'a b');
    assert.equal((await read('Subject: a\rBcc: x\r\n\r\n')).topic, 'a Bcc: x');
  });

  it('reads the examples of RFC 5322, appendix A', async () => {
    const old = await read(
      'From  : John Doe <jdoe@machine(comment).  example>\r\nTo    : Mary Smith\r\n  \r\n          <mary@example.net>\r\nSubject     : Saying Hello\r\nDate  : Fri, 21 Nov 1997 09(comment):   55  :  06 -0600\r\nMessage-ID  : <1234   @   local(blah)  .machine .example>\r\n\r\nHi',
    );
    assert.deepEqual(old.mail.from, [{ name: 'John Doe', address: 'jdoe@machine.example' }]);
    assert.deepEqual(old.mail.to, [{ name: 'Mary Smith', address: 'mary@example.net' }]);
    assert.equal(old.date?.toISOString(), '1997-11-21T15:55:06.000Z');
    assert.equal(old.payload, 'Hi');
    const two = await read(
      'From: Joe Q. Public <john.q.public@example.com>\r\nTo: Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example\r\nDate: 21 Nov 97 09:55:06 GMT\r\n\r\n',
    );
    assert.deepEqual(
      two.mail.to.map(({ address }) => address),
      ['mary@example.net', 'jdoe@test.example'],
    );
    assert.equal(two.date?.toISOString(), '1997-11-21T09:55:06.000Z');
    const three = await read(
      "From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>\r\nTo:A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)\r\nCc:(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;\r\nDate: Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)\r\n\r\n",
    );
    assert.deepEqual(
      three.mail.to.map(({ name, address }) => [name, address]),
      [
        ['Chris Jones', 'c@public.example'],
        ['', 'joe@example.org'],
        ['John', 'jdoe@one.test'],
      ],
    );
    assert.deepEqual(three.mail.cc, []);
    assert.equal(three.date?.toISOString(), '1969-02-14T03:02:00.000Z');
  });

  it('reads dates without zones, with names for them, and as old standards have them', async () => {
    const zone = process.env.TZ;
    try {
      for (const here of ['UTC', 'Asia/Kolkata', 'America/New_York']) {
        process.env.TZ = here;
        for (const [written, iso] of [
          ['Mon, 6 Apr 2026 08:00:00', '2026-04-06T08:00:00.000Z'],
          ['Mon, 6 Apr 2026 08:00:00 CEST', '2026-04-06T06:00:00.000Z'],
          ['6 Apr 2026 08:00 JST', '2026-04-05T23:00:00.000Z'],
          ['Mon, 6 Apr 2026 08:00:00 K', '2026-04-06T08:00:00.000Z'],
          ['Wed, 31 Dec 2008 23:59:60 +0000', '2009-01-01T00:00:00.000Z'],
          ['Mon, 6 Apr 126 08:00:00 +0000', '2026-04-06T08:00:00.000Z'],
          ['06 Apr 26 08:00:00 EST', '2026-04-06T13:00:00.000Z'],
          ['Mon, 6 Apr 2026 08:00:00 -0500 (EST)', '2026-04-06T13:00:00.000Z'],
          ['Mon Apr  6 08:00:00 2026', '2026-04-06T08:00:00.000Z'],
          ['2026-04-06T08:00:00', '2026-04-06T08:00:00.000Z'],
          ['2026-04-06 08:00:00+02:00', '2026-04-06T06:00:00.000Z'],
          ['Mon, 6 Apr 2026 08:00:00 "GMT"', '2026-04-06T08:00:00.000Z'],
          ['Mon, 6 Apr 2026', '2026-04-06T00:00:00.000Z'],
          ['Mon, 6 Apr 2026 08:00:00 GMT+0200', '2026-04-06T06:00:00.000Z'],
        ] as const)
          assert.equal(
            (await read(`Date: ${written}\r\n\r\n`)).date?.toISOString(),
            iso,
            `${written} in ${here}`,
          );
      }
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  it('decodes the segments of a name only where they say so', async () => {
    for (const [written, name] of [
      ['filename*0*=utf-8\'\'a%20; filename*1="b%20.txt"', 'a b%20.txt'],
      ['filename*1="c.txt"; filename*0*=koi8-r\'\'%EE%C1%D3', 'Насc.txt'],
      ["filename*=utf-8'de'Gr%C3%B6%C3%9Fe.pdf; filename=x.pdf", 'Größe.pdf'],
      ['filename="=?utf-8?Q?Gr=C3=B6=C3=9Fe.pdf?="', 'Größe.pdf'],
      ["filename*=utf-8''a%ff%C3%B6.txt", 'a\ufffdö.txt'],
      ['filename="a%20b.txt"', 'a%20b.txt'],
      ['filename="C:\\dir\\a \\"b\\".txt"', 'C:\\dir\\a "b".txt'],
      ["filename*0*=utf-8''%C3%B6; filename*1*=utf-8''.txt", 'ö.txt'],
      ['filename*="utf-8\'\'%E2%82%AC.txt"', '€.txt'],
      ['filename*=%E2%82%AC.txt', '€.txt'],
      ['filename*0="a"; filename*1="b.txt"; filename=z.txt', 'ab.txt'],
      ['filename*01=b; filename*00=a', 'ab'],
      ['filename="unclosed.txt', 'unclosed.txt'],
      ["filename *= utf-8''a%20b.txt", 'a b.txt'],
    ] as const)
      assert.equal(
        (await names(multipart('mixed', `Content-Disposition: attachment; ${written}\r\n\r\nx`)))[0]?.[0],
        name,
        written,
      );
  });
});

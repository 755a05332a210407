import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { MailAttachment } from '../../nodes/mail';
import { inlineImages } from '../../nodes/mail/images';
import { Turn } from '../../nodes/mail/turn';
import { corpus, problems, read } from './support';

const NAMES = readdirSync(join(__dirname, 'corpus'))
  .filter((file) => file.endsWith('.eml'))
  .map((file) => file.slice(0, -'.eml'.length));

describe('mail: a corpus', () => {
  it('is read alike however its bytes come in', async () => {
    for (const name of NAMES) {
      const whole = await read(corpus(name), {}, 1_000_000);
      for (const size of [1, 7])
        assert.deepEqual(await read(corpus(name), {}, size), whole, `${name} by ${size}`);
    }
  });

  it('sets the fields of the contract and no others', async () => {
    const known = 'topic payload html from date header attachments mail raw'.split(' ');
    for (const name of NAMES) {
      const message = await read(corpus(name), { content: 'both' });
      assert.deepEqual(
        Object.keys(message).filter((key) => !known.includes(key)),
        [],
        name,
      );
      assert.ok(Array.isArray(message.attachments));
      assert.deepEqual(message.raw, corpus(name));
    }
  });

  describe('texts', () => {
    const TEXTS: Record<string, string> = {
      'charset-iso-2022-jp': '注文番号は四千七百です。\n日本語の本文。\n',
      'charset-shift-jis': '注文番号です。\n',
      'charset-euc-jp': '注文番号です。\n',
      'charset-gb18030': '订单编号：𠮷。\n',
      'charset-gb2312': '订单编号\n',
      'charset-big5': '訂單編號\n',
      'charset-euc-kr': '주문 번호\n',
      'charset-koi8-r': 'Номер заказа\n',
      'charset-koi8-u': 'Номер замовлення їжі\n',
      'charset-windows-1250': 'Żółć i gęś\n',
      'charset-windows-1251': 'Номер заказа\n',
      'charset-windows-1252': 'Größe: 5 € – “gut”\n',
      'charset-windows-1253': 'Αριθμός\n',
      'charset-windows-1254': 'Sipariş ığüş\n',
      'charset-windows-1255': 'הזמנה\n',
      'charset-windows-1256': 'طلب\n',
      'charset-windows-1257': 'Užsakymas ąčę\n',
      'charset-windows-1258': 'Đon dă\n',
      'charset-iso-8859-15': 'Preis: 5 €\n',
      'charset-utf-16': 'Grüße\n',
      'charset-utf-8': 'Grüße 🎉\n',
      alternative: 'plain words',
      'html-only': 'Hello\n\nrich words & more',
      'html-in-multipart': 'only HTML',
      'html-with-footer': 'the letter\nlist footer <here>',
      calendar: 'You are invited',
      'delivery-status': 'Not delivered.\nAction: failed',
      flowed: 'A paragraph that flows on.\n> quoted and flowing\nFrom space\n-- \nAda',
      'charset-utf-7': 'Grüße\n',
      'bad-quoted-printable': 'café =ZZ end',
      'nul-bytes': 'before\0after\n',
      'headers-only': '',
      'body-only': 'no header at all\n',
      'bare-lf': 'line one\nline two\n',
    };
    for (const [name, text] of Object.entries(TEXTS)) {
      it(name, async () => {
        const message = await read(corpus(name));
        assert.equal(message.payload, text);
        assert.ok(!problems(message).includes('CHARSET'));
      });
    }

    it('in a character set that is unknown are read as UTF-8, and say so', async () => {
      const message = await read(corpus('charset-unknown'));
      assert.equal(message.payload, 'Grüße\n');
      assert.deepEqual(problems(message), ['CHARSET']);
    });

    it('that are not the UTF-8 they claim to be are read as windows-1252, and say so', async () => {
      for (const [name, text] of [
        ['charset-mislabelled', 'Größe: 5 € – “gut”\n'],
        ['charset-none', 'Störung an Pumpe 3\n'],
      ] as const) {
        const message = await read(corpus(name));
        assert.equal(message.payload, text);
        assert.deepEqual(problems(message), ['CHARSET']);
      }
    });
  });

  it('reads 8-bit headers, in UTF-8 and as old devices write them', async () => {
    const old = await read(corpus('header-8-bit'));
    assert.equal(old.topic, 'Störung – 5 €');
    assert.deepEqual(old.mail.from, [{ name: 'Jörg Müller', address: 'joerg@example.org' }]);
    const today = await read(corpus('header-utf-8'));
    assert.equal(today.topic, 'Störung 🎉');
    assert.equal(today.mail.from[0]?.name, 'Jörg Müller');
  });

  it('has html only where there is some', async () => {
    assert.ok(!('html' in (await read(corpus('charset-utf-8')))));
    assert.equal((await read(corpus('alternative'))).html, '<p>rich <b>words</b></p>');
    assert.equal(
      (await read(corpus('html-with-footer'))).html,
      '<p>the letter</p><br/>\n<p>list footer &lt;here&gt;</p>',
    );
  });

  it('shows inline images in the HTML, and keeps them as attachments', async () => {
    const message = await read(corpus('inline-image'));
    const [image] = message.attachments;
    assert.equal(
      message.html,
      `<p><img src="data:image/png;base64,${image?.content?.toString('base64')}"> <img src="cid:gone@x"></p>`,
    );
    assert.equal(image?.cid, 'logo@x');
    assert.equal(image?.contentId, '<logo@x>');
    assert.equal(image?.related, true);
    assert.equal(image?.contentDisposition, 'inline');
    const named = await read(corpus('inline-image'), { attachments: 'none' });
    assert.equal(named.html, '<p><img src="cid:logo@x"> <img src="cid:gone@x"></p>');
  });

  it('makes a text of HTML whose alternatives hold no plain text, wherever else there is some', async () => {
    const html = '--a\r\nContent-Type: text/html\r\n\r\n<p>the letter</p>\r\n--a--\r\n';
    const alternative = `Content-Type: multipart/alternative; boundary=a\r\n\r\n${html}`;
    assert.equal((await read(alternative)).payload, 'the letter');
    const footer = `Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n${alternative}--m\r\n\r\nfooter\r\n--m--`;
    assert.equal((await read(footer)).payload, 'the letter\nfooter');
  });

  it('takes for an image only what is an address, and repeats each as often as it is shown', async () => {
    const headers: MailAttachment['headers'] = new Map();
    const content = Buffer.from('x');
    const image = { cid: 'a', contentType: 'image/png', content, headers } as MailAttachment;
    const page = { ...image, cid: 'b', contentType: 'text/html' };
    const html = `<img src="cid:a"> acid:a <img src='cid:a'> cid:ab <img src="cid:b">`;
    const url = 'data:image/png;base64,eA==';
    assert.equal(
      (await new Turn().run(inlineImages(html, [image, page]))).html,
      `<img src="${url}"> acid:a <img src='${url}'> cid:ab <img src="cid:b">`,
    );
    // A small mail that shows one picture a hundred times must not become a huge one.
    const large = { ...image, content: Buffer.alloc(1024 * 1024) };
    const many = inlineImages('<img src="cid:a">'.repeat(100), [large]);
    const { html: inlined } = await new Turn().run(many);
    assert.ok(inlined.length < 21 * 1024 * 1024 && inlined.endsWith('<img src="cid:a">'));
  });

  it('keeps what is no text as attachments of the right type', async () => {
    const attachments = async (name: string) =>
      (await read(corpus(name))).attachments.map(({ contentType, fileName, size }) => [
        contentType,
        fileName,
        size,
      ]);
    assert.deepEqual(await attachments('calendar'), [['text/calendar', 'attachment.ics', 30]]);
    assert.deepEqual(await attachments('winmail'), [['application/ms-tnef', 'winmail.dat', 6]]);
    assert.deepEqual(await attachments('forwarded-attached'), [['message/rfc822', 'attachment.eml', 49]]);
    assert.deepEqual(await attachments('delivery-status'), [['text/rfc822-headers', 'attachment.txt', 13]]);
    assert.deepEqual(await attachments('unclosed'), [['application/pdf', 'cut.pdf', 9]]);
    assert.deepEqual(await attachments('bad-base64'), [['application/octet-stream', 'a.bin', 5]]);
  });

  it('puts an inline forwarded mail into the text, with its headers', async () => {
    const message = await read(corpus('forwarded-inline'));
    assert.equal(
      message.payload,
      'see below\n\nFrom: "Jörg & Co" <b@example.org>\nSubject: inner <1> ä\nDate: Sun, 22 Nov 2026 09:00:00 GMT\nTo: c@example.org\n\ninner text',
    );
    assert.match(message.html ?? '', /<strong>inner &#x3C;1&#x3E; &#xE4;<\/strong>/);
    // And it is there as it came, signatures and all.
    assert.deepEqual(
      message.attachments.map(({ contentType, content }) => [
        contentType,
        content?.toString('latin1').slice(-15),
      ]),
      [['message/rfc822', 'inner text</p>\n'.slice(0, -1)]].map(([type, end]) => [type, `>${end}`]),
    );
  });

  it('delivers a mail raw, and as text, when its parts cannot be found', async () => {
    const cut = Buffer.from(
      corpus('no-boundary').toString('latin1').replace('Content-Type: text/plain', ''),
      'latin1',
    );
    const message = await read(cut);
    assert.deepEqual(problems(message), ['NOT_PARSED']);
    assert.deepEqual(message.raw, cut);
    assert.equal(message.topic, 'no-boundary');
    assert.match(message.payload, /^--x\n\n\ntext\n--x--\n$/);
    // Of a mail cut short that is no wonder, and its headers alone promise parts.
    assert.deepEqual(problems(await read(cut, { truncated: true })), []);
    assert.deepEqual(problems(await read(cut, { content: 'headers' })), []);
  });

  it('finds the parts behind a boundary that the header does not name', async () => {
    const message = await read(corpus('no-boundary'));
    assert.deepEqual([message.payload, problems(message), message.raw], ['text', ['BOUNDARY'], undefined]);
  });

  it('gives every attachment a name of its own', async () => {
    const { attachments } = await read(corpus('file-names'));
    assert.deepEqual(
      attachments.map(({ filename, fileName, generatedFileName }) => [filename, fileName, generatedFileName]),
      [
        ['Größe.pdf', 'Größe.pdf', 'Größe.pdf'],
        ['注文.pdf', '注文.pdf', '注文.pdf'],
        ['long name.pdf', 'long name.pdf', 'long name.pdf'],
        ['same.pdf', 'same.pdf', 'same.pdf'],
        ['SAME.pdf', 'SAME.pdf', 'SAME-1.pdf'],
        [undefined, 'attachment.jpg', 'attachment.jpg'],
      ],
    );
  });

  it('says who wrote to whom', async () => {
    const message = await read(corpus('addresses'));
    assert.equal(message.from, 'ada@example.org');
    assert.equal(message.topic, 'many');
    assert.deepEqual(message.date, new Date('2026-11-23T10:00:00Z'));
    assert.deepEqual(message.mail, {
      messageId: '<1@x>',
      inReplyTo: '<0@x>',
      references: ['<a@x>', '<b@x>'],
      from: [{ name: 'Ada, L.', address: 'ada@example.org' }],
      to: [
        { name: '', address: 'a@example.org' },
        { name: 'Böb', address: 'b@example.org' },
        { name: '', address: 'c@example.org' },
        { name: '', address: 'd@example.org' },
      ],
      cc: [{ name: '', address: 'e@example.org' }],
      bcc: [{ name: '', address: 'f@example.org' }],
      replyTo: [{ name: '', address: 'reply@example.org' }],
      subject: 'many',
      date: new Date('2026-11-23T10:00:00Z'),
      autoSubmitted: '',
      truncated: false,
      problems: [],
    });
    assert.deepEqual(message.header['x-twice'], ['one', 'two']);
    assert.deepEqual(message.header.list, { id: { name: 'list.example.org' } });
    assert.equal(message.header.priority, 'high');
    assert.equal((message.header.from as { text: string }).text, '"Ada, L." <ada@example.org>');
  });

  it('says whether a machine wrote it', async () => {
    assert.equal((await read(corpus('delivery-status'))).mail.autoSubmitted, 'auto-replied');
    assert.equal((await read('Auto-Submitted: No\r\n\r\n')).mail.autoSubmitted, '');
  });

  it('takes the date of arrival where the sender gave none, and never invents one', async () => {
    const missing = await read(corpus('date-missing'));
    assert.deepEqual(missing.date, new Date('2026-11-24T07:00:00Z'));
    assert.deepEqual(problems(missing), ['DATE_MISSING']);
    const invalid = await read(corpus('date-invalid'));
    assert.ok(!('date' in invalid));
    assert.equal(invalid.header.date, 'yesterday, around noon');
    assert.deepEqual(problems(invalid), ['DATE_INVALID']);
  });

  it('says when the sender is missing, or everything', async () => {
    const nobody = await read(corpus('from-missing'));
    assert.equal(nobody.from, '');
    assert.deepEqual(problems(nobody), ['FROM_MISSING']);
    const empty = await read('');
    assert.deepEqual(problems(empty), ['EMPTY']);
    assert.deepEqual([empty.topic, empty.payload, empty.from], ['', '', '']);
  });
});

describe('mail: how much of it', () => {
  const part = 'Content-Type: multipart/mixed; boundary=b';

  it('raw: the bytes, and what the headers tell', async () => {
    const message = await read(corpus('winmail'), { content: 'raw' });
    assert.deepEqual(message.raw, corpus('winmail'));
    assert.equal(message.topic, 'winmail');
    assert.deepEqual([message.payload, message.attachments], ['', []]);
    assert.ok(!('html' in message));
    assert.equal(message.mail.truncated, false);
  });

  it('headers: nothing of the body, wherever the chunks end', async () => {
    for (const end of ['\r\n', '\n']) {
      const mail = [
        'From: a@example.org',
        'Subject: s',
        part,
        '',
        '--b',
        'Subject: not this',
        '',
        'text',
      ].join(end);
      for (let size = 1; size < 40; size++) {
        const message = await read(mail, { content: 'headers' }, size);
        assert.equal(message.topic, 's');
        assert.deepEqual([message.payload, message.attachments, message.raw], ['', [], undefined]);
        assert.equal(message.mail.truncated, true);
        assert.deepEqual(Object.keys(message.header), ['from', 'subject', 'content-type']);
      }
    }
  });

  it('marks what is only the beginning of a mail', async () => {
    const message = await read(corpus('winmail').subarray(0, 320), { truncated: true });
    assert.equal(message.mail.truncated, true);
    assert.equal(message.topic, 'winmail');
  });

  it('none: names and sizes of attachments, not their bytes', async () => {
    const [attachment] = (await read(corpus('winmail'), { attachments: 'none' })).attachments;
    assert.equal(attachment?.size, 6);
    assert.equal(attachment?.length, 6);
    assert.equal(attachment?.fileName, 'winmail.dat');
    assert.match(attachment?.checksum ?? '', /^[0-9a-f]{64}$/);
    assert.ok(attachment && !('content' in attachment) && !('path' in attachment));
  });
});

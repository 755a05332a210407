// Mails made to hurt: each a shape that costs a reader much for few bytes, at the size that hurts most.

const MB = 1024 * 1024;
/** What `maxSize` lets through by default is 25 MB. */
const LARGE = 24 * MB;

const HEAD =
  'From: a@example.org\r\nTo: b@example.org\r\nSubject: s\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n';

export interface HostileMail {
  make(): Buffer;
  /** What `mail.problems` has to name, since something of it is left out. */
  problem?: string;
  /** What it costs is the first use of something: it is measured in a process that has read no other. */
  isFirst?: boolean;
}

/** A piece again and again, up to a size. */
function filled(piece: string | Buffer, bytes: number): Buffer {
  const one = typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece;
  return Buffer.alloc(Math.floor(bytes / one.length) * one.length, one);
}

const joined = (...pieces: (string | Buffer)[]): Buffer =>
  Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)));

const text = (type: string, body: string | Buffer, more = ''): Buffer =>
  joined(HEAD, `Content-Type: ${type}\r\n`, more, '\r\n', body);

const mixed = (parts: string | Buffer): Buffer =>
  joined(HEAD, 'Content-Type: multipart/mixed; boundary=b\r\n\r\n', parts, '--b--\r\n');

const part = (headers: string, body: string): string => `--b\r\n${headers}\r\n\r\n${body}\r\n`;

/** Parts of one kind, up to a count or a size. */
const parts = (headers: string, body: string, count: number): Buffer =>
  mixed(part(headers, body).repeat(count));

const encoded = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString('base64').replace(/.{76}/g, '$&\r\n'), 'latin1');

/** Multiparts inside each other, all left open. */
function levels(depth: number, boundary: (level: number) => string): string {
  let head = '';
  for (let level = 0; level < depth; level++)
    head += `Content-Type: multipart/mixed; boundary="${boundary(level)}"\r\n\r\n--${boundary(level)}\r\n`;
  return head;
}

/** A winmail.dat (MS-OXTNEF): attributes by level, ID and data. */
function tnef(attributes: { level?: number; id: number; type?: number; data: Buffer }[]): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt32LE(0x223e9f78, 0);
  const pieces = attributes.flatMap(({ level = 1, id, type = 0, data }) => {
    const before = Buffer.alloc(9);
    before[0] = level;
    before.writeUInt16LE(id, 1);
    before.writeUInt16LE(type, 3);
    before.writeUInt32LE(data.length, 5);
    return [before, data, Buffer.alloc(2)];
  });
  return Buffer.concat([head, ...pieces]);
}

/** The properties of a message (MS-OXCDATA section 2.11) in one attribute: type, ID and bytes of each. */
function properties(list: { type: number; id: number; data: Buffer }[]): Buffer {
  const pieces = list.flatMap(({ type, id, data }) => {
    const before = Buffer.alloc(12);
    before.writeUInt16LE(type, 0);
    before.writeUInt16LE(id, 2);
    before.writeUInt32LE(1, 4);
    before.writeUInt32LE(data.length, 8);
    return [before, data, Buffer.alloc((4 - (data.length % 4)) % 4)];
  });
  const count = Buffer.alloc(4);
  count.writeUInt32LE(list.length, 0);
  return Buffer.concat([count, ...pieces]);
}

const winmail = (bytes: Buffer): Buffer =>
  joined(
    HEAD,
    'Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n',
    encoded(bytes),
  );

/** Properties of 10,000 empty strings each. */
function emptyValues(bytes: number): Buffer {
  const one = Buffer.alloc(8 + 40_000);
  one.writeUInt32LE(0x3001_101e, 0);
  one.writeUInt32LE(10_000, 4);
  const count = Buffer.alloc(4);
  count.writeUInt32LE(Math.floor(bytes / one.length), 0);
  return joined(count, filled(one, bytes));
}

/** Compressed RTF (MS-OXRTFCP): one letter, and then references to what was before, eighteen bytes for each two. */
function rtfBomb(bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  const put = (at: number, place: number): void => {
    // Two references never stand at the write position itself, which would end the text.
    body.writeUInt16BE((((place + 4096 - 20) & 4095) << 4) | 15, at);
  };
  let place = 207;
  for (let at = 0; at + 17 <= bytes; at += 17) {
    body[at] = 0xff;
    for (let index = 0; index < 8; index++) {
      put(at + 1 + index * 2, place);
      place = (place + 17) & 4095;
    }
  }
  const head = Buffer.alloc(16);
  head.writeUInt32LE(bytes + 12, 0);
  head.writeUInt32LE(0xffffffff, 4);
  head.writeUInt32LE(0x75465a4c, 8);
  return Buffer.concat([head, body]);
}

/** Encoded words (RFC 2047) of a charset, up to a size, folded. */
const words = (charset: string, bytes: number): string =>
  ` =?${charset}?Q?=81=40=E3=81=82?=\r\n`.repeat(Math.floor(bytes / (24 + charset.length)));

const CHARSETS =
  'gb18030 gbk gb2312 big5 big5-hkscs shift_jis euc-jp euc-kr cp949 iso-2022-jp utf-7 utf-16le utf-32 koi8-r windows-1255 iso-8859-8 macintosh cp437 cp866 tis-620 viscii'.split(
    ' ',
  );

export const HOSTILE_MAILS: Record<string, HostileMail> = {
  // HTML and text
  'nested block quotes with lines, 32 kB': {
    make: () => text('text/html', `${'<blockquote>'.repeat(700)}${'<br>x'.repeat(5000)}`),
  },
  'nested block quotes, 24 MB': {
    make: () => text('text/html', filled('<blockquote><br>', LARGE)),
    problem: 'TEXT_SHORTENED',
  },
  'ten parts of nested block quotes, 0.3 MB': {
    make: () => parts('Content-Type: text/html', '<blockquote>'.repeat(700) + '<br>x'.repeat(4400), 10),
  },
  'sixty parts of nested block quotes, 1.8 MB': {
    make: () => parts('Content-Type: text/html', '<blockquote>'.repeat(700) + '<br>x'.repeat(4400), 60),
  },
  '700 plain parts beside an HTML part': {
    make: () =>
      mixed(
        part('Content-Type: text/html', '<p>x') +
          part('Content-Type: text/plain', 'http://example.org/ a@b.example '.repeat(60)).repeat(700),
      ),
  },
  '9,000 plain parts of addresses beside an HTML part': {
    make: () =>
      mixed(
        part('Content-Type: text/html', '<p>x') +
          part('Content-Type: text/plain', 'a@b.example '.repeat(100)).repeat(9000),
      ),
  },
  'character references, 24 MB': {
    make: () => text('text/html', filled('&amp;&#x41;&NotEqualTilde;', LARGE)),
  },
  'preformatted line ends, 24 MB': { make: () => text('text/html', joined('<pre>', filled('\n', LARGE))) },
  'one preformatted line, 24 MB': { make: () => text('text/html', joined('<pre>', filled('x', LARGE))) },
  'tags that never end, 24 MB': { make: () => text('text/html', filled('<a href="', LARGE)) },
  'links without text, 24 MB': { make: () => text('text/html', filled('<a href=x></a>', LARGE)) },
  'attributes without end': {
    make: () => text('text/html', joined('<img ', filled('src =\t', LARGE), '>')),
  },
  'comments that never end, 24 MB': { make: () => text('text/html', filled('<!-- ->', LARGE)) },
  'scripts that never end, 24 MB': { make: () => text('text/html', filled('<script></scrip', LARGE)) },
  'list items at a depth without end': { make: () => text('text/html', filled('<ol><li>', LARGE)) },
  'table cells, 24 MB': { make: () => text('text/html', filled('<td>', LARGE)) },
  'enriched text, 24 MB': { make: () => text('text/enriched', filled('<<b>x</b>\n\n<param>', LARGE)) },
  'enriched text of line ends, 24 MB': { make: () => text('text/enriched', filled('\r\n', LARGE)) },
  'blanks, 24 MB': { make: () => text('text/plain', filled(' ', LARGE)) },
  'lines of blanks, 24 MB': { make: () => text('text/plain', filled('                \r\n', LARGE)) },
  'blanks as HTML, 24 MB': { make: () => text('text/html', filled(' ', LARGE)) },
  'blanks beyond ASCII, 24 MB': {
    make: () => text('text/plain; charset=utf-8', filled('\u00e2\u0080\u0083', LARGE)),
  },
  'no line end at all, 24 MB': { make: () => text('text/plain', filled('x', LARGE)) },
  'carriage returns, 24 MB': { make: () => text('text/plain', filled('\r', LARGE)) },
  'lines that end with CR alone, 24 MB': {
    make: () => joined('From: a@example.org\rSubject: s\r\r', filled('x\r', LARGE)),
  },
  'lines that end with two CRs, 24 MB': {
    make: () => joined('From: a@example.org\r\r\n\r\r\n', filled('\r', LARGE), '\n'),
  },
  'zeros, 24 MB': { make: () => joined(HEAD, '\r\n', Buffer.alloc(LARGE)) },
  'text that is flowed, 24 MB': {
    make: () => text('text/plain; format=flowed; delsp=yes', filled('> x \r\n', LARGE)),
  },
  'flowed line ends, 24 MB': { make: () => text('text/plain; format=flowed', filled(' \r\n', LARGE)) },
  'one flowed line of quotes, 24 MB': {
    make: () => text('text/plain; format=flowed', filled('>', LARGE)),
  },
  'flowed quotes of every depth, 24 MB': {
    make: () => text('text/plain; format=flowed', filled(`${'>'.repeat(2000)} \r\n`, LARGE)),
  },
  'introductions of replies, 24 MB': {
    make: () => text('text/plain', filled(`on ${'wrote '.repeat(60)}\r\n`, LARGE)),
  },
  'images shown a million times': {
    make: () =>
      joined(
        HEAD,
        'Content-Type: multipart/related; boundary=b\r\n\r\n',
        '--b\r\nContent-Type: image/png\r\nContent-ID: <a>\r\n\r\nx\r\n--b\r\nContent-Type: text/html\r\n\r\n',
        filled('<img src="cid:a"> ', LARGE),
        '\r\n--b--\r\n',
      ),
  },
  'images that are not there, 24 MB': {
    make: () =>
      joined(
        HEAD,
        'Content-Type: multipart/related; boundary=b\r\n\r\n',
        '--b\r\nContent-Type: image/png\r\nContent-ID: <a>\r\n\r\nx\r\n--b\r\nContent-Type: text/html\r\n\r\n',
        filled('cid:%a ', LARGE),
        '\r\n--b--\r\n',
      ),
  },
  'an image of 12 MB shown a thousand times': {
    make: () =>
      joined(
        HEAD,
        'Content-Type: multipart/related; boundary=b\r\n\r\n',
        '--b\r\nContent-Type: image/png\r\nContent-ID: <a>\r\n\r\n',
        filled('x', LARGE / 2),
        '\r\n--b\r\nContent-Type: text/html\r\n\r\n',
        filled('<img src="cid:a"> ', MB),
        '\r\n--b--\r\n',
      ),
  },

  // Character sets
  'ISO-2022-JP line ends, 24 MB': {
    make: () => text('text/plain; charset=iso-2022-jp', joined('\x1b$B', filled('\r\n', LARGE))),
  },
  'ISO-2022-JP escapes, 24 MB': {
    make: () => text('text/plain; charset=iso-2022-jp', filled('\x1b$B', LARGE)),
  },
  'ISO-2022-JP half escapes, 24 MB': {
    make: () => text('text/plain; charset=iso-2022-jp', filled('\x1b$(', LARGE)),
  },
  'GB18030 halves, 24 MB': {
    isFirst: true,
    make: () => text('text/plain; charset=gb18030', filled(Buffer.from([0x81, 0x30, 0x81]), LARGE)),
  },
  'GB18030 of four bytes, 24 MB': {
    isFirst: true,
    make: () => text('text/plain; charset=gb18030', filled(Buffer.from([0x90, 0x30, 0x81, 0x30]), LARGE)),
  },
  'Shift JIS lead bytes, 24 MB': {
    isFirst: true,
    make: () => text('text/plain; charset=shift_jis', filled(Buffer.from([0x81]), LARGE)),
  },
  'Big5-HKSCS sequences, 24 MB': {
    isFirst: true,
    make: () => text('text/plain; charset=big5-hkscs', filled(Buffer.from([0x88, 0x62, 0x88]), LARGE)),
  },
  'broken UTF-8, 24 MB': {
    make: () => text('text/plain; charset=utf-8', filled(Buffer.from([0xe2, 0x28]), LARGE)),
  },
  'UTF-8 that is windows-1252 now and then, 24 MB': {
    make: () => text('text/plain; charset=utf-8', filled(Buffer.from([0xc3, 0xa4, 0xff, 0xff, 0xff]), LARGE)),
  },
  'UTF-16 halves of pairs, 24 MB': {
    make: () => text('text/plain; charset=utf-16le', filled(Buffer.from([0x00, 0xd8]), LARGE)),
  },
  'UTF-32, 24 MB': {
    make: () => text('text/plain; charset=utf-32', filled(Buffer.from([0, 1, 0xf6, 0]), LARGE)),
  },
  'UTF-7 shifts, 24 MB': { make: () => text('text/plain; charset=utf-7', filled('+-+AAA-', LARGE)) },
  'UTF-7 that never shifts back, 24 MB': {
    make: () => text('text/plain; charset=utf-7', joined('+', filled('A', LARGE))),
  },
  'a part in every charset there is': {
    isFirst: true,
    make: () =>
      mixed(
        CHARSETS.map((charset) => part(`Content-Type: text/plain; charset=${charset}`, '\x81\x40'))
          .join('')
          .repeat(400),
      ),
  },

  // Headers
  'addresses, 1 MB': {
    make: () => joined('From: a@example.org\r\nTo: ', filled('a@b,\r\n ', MB), '\r\n\r\ntext'),
    problem: 'HEADERS_SHORTENED',
  },
  'fields of addresses, 24 MB': {
    make: () => joined('From: a@example.org\r\n', filled(`To: ${'a,'.repeat(490)}\r\n`, LARGE), '\r\ntext'),
    problem: 'HEADERS_SHORTENED',
  },
  'groups of addresses inside each other': {
    make: () => joined(`From: a@example.org\r\nTo: ${'a:'.repeat(32_000)}\r\n\r\ntext`),
  },
  'angles and quotes that never close': {
    make: () => joined('From: a@example.org\r\n', `To: ${'<"('.repeat(20_000)}\r\n`.repeat(8), '\r\ntext'),
  },
  'comments inside each other': {
    make: () => joined(`From: ${'('.repeat(60_000)}\r\nTo: ${'(a) '.repeat(15_000)}\r\n\r\ntext`),
  },
  'encoded words in every address': {
    isFirst: true,
    make: () => joined(HEAD, `Cc: ${'=?gb18030?Q?=81=30?= <a@b>,'.repeat(2300)}\r\n`.repeat(8), '\r\ntext'),
  },
  'headers without end, 24 MB': {
    make: () => joined(HEAD, filled('X-Filler: 0123456789\r\n', LARGE), '\r\ntext'),
    problem: 'HEADERS_SHORTENED',
  },
  'headers of names only, 24 MB': {
    make: () => joined(HEAD, filled('a:\r\n', LARGE), '\r\ntext'),
    problem: 'HEADERS_SHORTENED',
  },
  'the same essential field without end, 24 MB': {
    make: () => joined('X: y\r\n'.repeat(2500), filled('to:\r\n', LARGE), '\r\ntext'),
    problem: 'HEADERS_SHORTENED',
  },
  'one field without end, 24 MB': {
    make: () => joined(HEAD, 'X-Filler: ', filled('x', LARGE), '\r\n\r\ntext'),
    problem: 'HEADERS_SHORTENED',
  },
  'one folded field without end, 24 MB': {
    make: () => joined(HEAD, 'X-Filler: a\r\n', filled(' x\r\n', LARGE), '\r\ntext'),
    problem: 'HEADERS_SHORTENED',
  },
  'lines that are no fields, 24 MB': { make: () => joined(HEAD, 'X: y\r\n', filled('x\r\n', LARGE)) },
  'received fields': {
    make: () =>
      joined(HEAD, 'Received: from a by b; Mon, 23 Nov 2026 10:00:00 +0000\r\n'.repeat(2100), '\r\ntext'),
    problem: 'HEADERS_SHORTENED',
  },
  'references, 0.5 MB': {
    make: () => joined(HEAD, `References: ${'a '.repeat(30_000)}\r\n`.repeat(8), '\r\ntext'),
  },
  'lists of all kinds': {
    isFirst: true,
    make: () =>
      joined(
        HEAD,
        `List-Unsubscribe: ${'<mailto:a@b?subject=c>, '.repeat(2500)}\r\n`.repeat(4),
        `List-ID: ${'"a" <b> ('.repeat(7000)}\r\n`.repeat(2),
        `DKIM-Signature: ${'a=b; '.repeat(12_000)}\r\n`.repeat(2),
        '\r\ntext',
      ),
  },
  'signatures of one parameter each': {
    make: () => joined(HEAD, `DKIM-Signature: ${'; ='.repeat(20_000)}\r\n`.repeat(8), '\r\ntext'),
  },
  'encoded words in every charset': {
    isFirst: true,
    make: () =>
      joined(
        HEAD,
        CHARSETS.map((charset) => `X-A: ${words(charset, 20_000).trim()}\r\n`).join(''),
        '\r\ntext',
      ),
  },
  'encoded words in every charset, in one line': {
    isFirst: true,
    make: () =>
      joined(
        `From: a@b.example\r\nSubject:${CHARSETS.map((charset) => ` =?${charset}?Q?=81=40?=`).join('')}\r\n\r\ntext`,
      ),
  },
  'encoded words in every charset, and no line end': {
    isFirst: true,
    make: () =>
      joined(`From: a@b.example\r\nTo:${CHARSETS.map((charset) => ` =?${charset}?Q?=81=40?= <a@b>`).join()}`),
  },
  'parameters in every charset': {
    isFirst: true,
    make: () =>
      joined(
        HEAD,
        `Content-Type: text/plain${CHARSETS.map((charset, at) => `;\r\n a${at}*=\r\n (c) ${charset}''%81%40`).join('')}\r\n\r\ntext`,
      ),
  },
  'names that may be charsets, in 512 kB': {
    isFirst: true,
    make: () =>
      joined(
        HEAD,
        ...Array.from(
          { length: 9 },
          (_, line) =>
            `X-${line}: ${Array.from({ length: 5000 }, (_, at) => `gb${(line * 5000 + at).toString(36)}'`).join(' ')}\r\n`,
        ),
        '\r\ntext',
      ),
  },
  'a subject of encoded words, 0.5 MB': {
    make: () => joined(`From: a@b.example\r\nSubject:${words('utf-8', MB / 2)}\r\ntext`),
  },
  'encoded words that never end': {
    make: () =>
      joined(`From: a@b.example\r\n`, `Subject: ${'=?utf-8?q?a'.repeat(5000)}\r\n`.repeat(8), '\r\ntext'),
  },
  'question marks of encoded words': {
    make: () => joined('From: a@b.example\r\n', `Subject: ${'=?'.repeat(30_000)}\r\n`.repeat(8), '\r\ntext'),
  },
  'authentication results': {
    make: () =>
      joined(
        `Authentication-Results: mx.example.org; ${'dkim=pass (a) '.repeat(4000)}\r\n`.repeat(8),
        HEAD,
        '\r\ntext',
      ),
  },
  'dates of blanks and brackets': {
    make: () =>
      joined(
        `From: a@b.example\r\nDate: Mon${' ('.repeat(30_000)}\r\nReceived: ;${' 1'.repeat(30_000)}\r\n\r\ntext`,
      ),
  },

  // File names and parameters
  'a file name of 1 MB': {
    make: () => parts(`Content-Type: image/png; name="${'n'.repeat(MB)}.png"`, 'x', 1),
    problem: 'HEADERS_SHORTENED',
  },
  'a file name of 60 kB': {
    make: () => parts(`Content-Type: image/png; name="${'\u00e4'.repeat(60_000)}.png"`, 'x', 1),
    problem: 'NAME_SHORTENED',
  },
  'a file name in 5,000 pieces (RFC 2231)': {
    make: () =>
      parts(
        `Content-Type: image/png${Array.from({ length: 5000 }, (_, at) => `;\r\n name*${at}*=%41`).join('')}`,
        'x',
        1,
      ),
  },
  'file names in pieces, in thousands of parts': {
    isFirst: true,
    make: () =>
      parts(
        `Content-Type: image/png${Array.from({ length: 40 }, (_, at) => `;\r\n name*${40 - at}*=utf-8''%E3%81%82`).join('')}`,
        'x',
        9000,
      ),
  },
  'parameters without end': {
    make: () => parts(`Content-Type: text/plain${'; a="'.repeat(12_000)}`, 'x', 30),
  },
  'parameters of blanks': {
    make: () => parts(`Content-Type: text/plain; ${'name '.repeat(12_000)}`, 'x', 30),
  },
  'one file name 9,000 times': {
    make: () => parts('Content-Type: image/png; name="a.png"', 'x', 9000),
  },
  'file names that count already': {
    make: () =>
      mixed(
        Array.from({ length: 9000 }, (_, at) =>
          part(`Content-Type: image/png; name="${at % 2 ? 'a' : `a-${at / 2}`}.png"`, 'x'),
        ).join(''),
      ),
  },

  // Structure
  '1,400 levels with lines like boundaries, 24 MB': {
    make: () =>
      joined(
        HEAD,
        levels(1400, (level) => `b${level}`),
        '\r\n',
        filled('--b\r\n--b13\r\n', LARGE),
      ),
    problem: 'TOO_DEEP',
  },
  '90 levels with lines like boundaries, 24 MB': {
    make: () =>
      joined(
        HEAD,
        levels(90, (level) => 'b'.repeat(level + 1)),
        '\r\n',
        filled(`--${'b'.repeat(95)}\r\n`, LARGE),
      ),
  },
  '18,000 parts at a depth of 90': {
    make: () =>
      joined(
        HEAD,
        levels(90, (level) => `b${level}`),
        '\r\n',
        '\r\n--b89\r\n\r\n'.repeat(18_000),
      ),
    problem: 'TOO_MANY_PARTS',
  },
  'parts that begin on another level each': {
    make: () =>
      joined(
        HEAD,
        levels(90, (level) => `b${level}`),
        Array.from(
          { length: 9000 },
          (_, at) => `\r\n--b${at % 90}\r\nContent-Type: multipart/mixed; boundary=b${(at % 90) + 1}\r\n\r\n`,
        ).join(''),
      ),
  },
  '500 messages inside each other': {
    make: () =>
      joined(HEAD, 'Content-Disposition: inline\r\nContent-Type: message/rfc822\r\n\r\n'.repeat(500), 'text'),
    problem: 'TOO_DEEP',
  },
  '90 messages inside each other, 24 MB': {
    make: () =>
      joined(
        HEAD,
        'Content-Disposition: inline\r\nContent-Type: message/rfc822\r\n\r\n'.repeat(90),
        filled('text\r\n', LARGE),
      ),
  },
  'forwarded messages beside each other': {
    make: () =>
      parts(
        `Content-Disposition: inline\r\nContent-Type: message/rfc822\r\n\r\nFrom: ${'a@b,'.repeat(50)}\r\nTo: ${'a@b,'.repeat(50)}`,
        'text',
        4500,
      ),
  },
  'forwarded messages with addresses up to the limit': {
    make: () =>
      parts(
        `Content-Disposition: inline\r\nContent-Type: message/rfc822\r\n\r\nFrom: ${'a@b,'.repeat(4000)}\r\nTo: ${'a@b,'.repeat(4000)}`,
        'text',
        70,
      ),
  },
  'multiparts without parts inside each other, 24 MB': {
    make: () => joined(HEAD, filled('Content-Type: multipart/mixed\r\n\r\n--b\r\n', LARGE)),
    problem: 'BOUNDARY',
  },
  '9,000 multiparts without parts': {
    make: () =>
      parts(
        'Content-Type: multipart/mixed; boundary=x',
        `--c\r\nContent-Type: text/plain\r\n\r\n${'text\r\n'.repeat(50)}`,
        9000,
      ),
    problem: 'BOUNDARY',
  },
  'a multipart in base64 without parts, 24 MB': {
    make: () =>
      joined(
        HEAD,
        'Content-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: base64\r\n\r\n',
        filled(`${btoa('--b\r\n\r\n'.repeat(7))}\r\n`, LARGE),
      ),
    problem: 'NOT_PARSED',
  },
  'a digest of nothing, 24 MB': {
    make: () =>
      joined(HEAD, 'Content-Type: multipart/digest; boundary=b\r\n\r\n', filled('--b\r\n\r\n', LARGE)),
    problem: 'TOO_MANY_PARTS',
  },
  '20,000 attachments in 0.7 MB': {
    make: () => parts('Content-Type: image/png', '', 20_000),
    problem: 'TOO_MANY_PARTS',
  },
  '3,000,000 tiny parts': {
    make: () =>
      joined(HEAD, 'Content-Type: multipart/mixed; boundary=b\r\n\r\n', filled('--b\r\n\r\n', LARGE)),
    problem: 'TOO_MANY_PARTS',
  },
  'a boundary of 60 kB': {
    make: () =>
      joined(
        HEAD,
        `Content-Type: multipart/mixed; boundary="${'b'.repeat(60_000)}"\r\n\r\n`,
        filled(`--${'b'.repeat(59_999)}c\r\n`, LARGE),
      ),
  },
  'dashes without end, 24 MB': {
    make: () => joined(HEAD, 'Content-Type: multipart/mixed; boundary=b\r\n\r\n', filled('-', LARGE)),
  },
  'lines of two dashes, 24 MB': {
    make: () =>
      joined(HEAD, 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n', filled('--\r\n', LARGE)),
  },
  'delimiters with blanks, 24 MB': {
    make: () =>
      joined(
        HEAD,
        'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n',
        filled(`--b${' '.repeat(2000)}\r\n`, LARGE),
      ),
  },
  'closing delimiters, 24 MB': {
    make: () =>
      joined(
        HEAD,
        'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n',
        filled('--b--\r\n', LARGE),
      ),
  },
  'alternatives of 9,000 texts': {
    make: () =>
      joined(
        HEAD,
        'Content-Type: multipart/alternative; boundary=b\r\n\r\n',
        part('Content-Type: text/html', `<p>${'x'.repeat(100)}`).repeat(9000),
        '--b--\r\n',
      ),
  },

  // Transfer encodings, and files in the text
  'quoted-printable of nothing, 24 MB': {
    make: () => text('text/plain', filled('=\r\n', LARGE), 'Content-Transfer-Encoding: quoted-printable\r\n'),
  },
  'quoted-printable blanks, 24 MB': {
    make: () => text('text/plain', filled(' ', LARGE), 'Content-Transfer-Encoding: quoted-printable\r\n'),
  },
  'quoted-printable equals signs and blanks, 24 MB': {
    make: () =>
      text(
        'text/plain',
        filled(`=${' '.repeat(1500)}`, LARGE),
        'Content-Transfer-Encoding: quoted-printable\r\n',
      ),
  },
  'quoted-printable equals signs, 24 MB': {
    make: () => text('text/plain', filled('=', LARGE), 'Content-Transfer-Encoding: quoted-printable\r\n'),
  },
  'base64 of one letter a line, 24 MB': {
    make: () => text('image/png', filled('A\r\n', LARGE), 'Content-Transfer-Encoding: base64\r\n'),
  },
  'base64 of padding, 24 MB': {
    make: () => text('image/png', filled('QQ==\r\n', LARGE), 'Content-Transfer-Encoding: base64\r\n'),
  },
  'base64 of blanks, 24 MB': {
    make: () => text('image/png', filled(' ', LARGE), 'Content-Transfer-Encoding: base64\r\n'),
  },
  'base64 with a letter wrong in each line, 24 MB': {
    make: () =>
      text('image/png', filled(`${'A'.repeat(71)}*\r\n`, LARGE), 'Content-Transfer-Encoding: base64\r\n'),
  },
  'base64 as text, 24 MB': {
    make: () =>
      text('text/plain', filled(`${'IA'.repeat(38)}\r\n`, LARGE), 'Content-Transfer-Encoding: base64\r\n'),
  },
  'uuencoded files without content, 24 MB': {
    make: () => text('text/plain', filled('begin 644 a\n`\nend\n', LARGE)),
    problem: 'TOO_MANY_FILES',
  },
  'beginnings of uuencoded files, 24 MB': { make: () => text('text/plain', filled('begin 644 a\n', LARGE)) },
  'lines almost like the beginnings of uuencoded files, 24 MB': {
    make: () => text('text/plain', filled('begin\n', LARGE)),
  },
  'one uuencoded file, 24 MB': {
    make: () =>
      text('text/plain', joined('begin 644 a\n', filled(`M${'!'.repeat(60)}\n`, LARGE), '`\nend\n')),
  },
  'uuencoded lines of one byte, 24 MB': {
    make: () => text('text/plain', joined('begin 644 a\n', filled('!!!!!\n', LARGE), '`\nend\n')),
  },
  'yEnc files without content, 24 MB': {
    make: () => text('text/plain', filled('=ybegin line=1 size=1 name=a\n=yend size=1\n', LARGE)),
    problem: 'TOO_MANY_FILES',
  },
  'yEnc lines of nothing, 24 MB': {
    make: () => text('text/plain', joined('=ybegin line=1 size=1 name=a\n', filled('\n', LARGE))),
  },
  'one yEnc line of escapes, 24 MB': {
    make: () => text('text/plain', joined('=ybegin line=1 size=1 name=a\n', filled('==', LARGE))),
  },
  'the transfer encoding uuencode, 24 MB': {
    make: () =>
      text('image/png', filled('begin 644 a\nend\n', LARGE), 'Content-Transfer-Encoding: x-uuencode\r\n'),
  },

  // winmail.dat
  'TNEF of files without content': {
    make: () =>
      winmail(
        tnef(
          Array.from({ length: 100_000 }, () => [
            { level: 2, id: 0x9002, data: Buffer.alloc(0) },
            { level: 2, id: 0x800f, data: Buffer.alloc(0) },
          ]).flat(),
        ),
      ),
    problem: 'TOO_MANY_FILES',
  },
  'TNEF of compressed text that unpacks to the most, 16 MB': {
    make: () =>
      winmail(
        tnef([{ id: 0x9003, data: properties([{ type: 0x102, id: 0x1009, data: rtfBomb(16 * MB) }]) }]),
      ),
  },
  'TNEF of properties of many empty values, 16 MB': {
    make: () => winmail(tnef([{ id: 0x9003, data: emptyValues(16 * MB) }])),
  },
  'TNEF of compressed texts': {
    make: () =>
      winmail(
        tnef(
          Array.from({ length: 3000 }, () => ({
            id: 0x9003,
            data: properties([{ type: 0x102, id: 0x1009, data: rtfBomb(2000) }]),
          })),
        ),
      ),
    problem: 'TOO_MANY_FILES',
  },
  'TNEF of a text in GB18030, 16 MB': {
    isFirst: true,
    make: () =>
      winmail(
        tnef([
          { id: 0x9007, data: Buffer.from([0xa8, 0x03, 0, 0]) },
          { id: 0x800c, data: filled(Buffer.from([0x81, 0x40]), 16 * MB) },
        ]),
      ),
  },
  'TNEF of texts that replace each other': {
    make: () => winmail(tnef(Array.from({ length: 16 }, () => ({ id: 0x800c, data: filled('x\r\n', MB) })))),
  },
  'TNEF of empty attributes, 16 MB': {
    make: () =>
      winmail(
        Buffer.concat([tnef([]), filled(tnef([{ id: 1, data: Buffer.alloc(0) }]).subarray(6), 16 * MB)]),
      ),
  },
  'TNEF of properties without end': {
    make: () => {
      const data = Buffer.alloc(16 * MB);
      for (let at = 4; at + 12 <= data.length; at += 12) data.writeUInt32LE(0x10000002, at);
      data.writeUInt32LE(0xffffffff, 0);
      return winmail(tnef(Array.from({ length: 4 }, () => ({ id: 0x9003, data: data.subarray(0, 4 * MB) }))));
    },
  },
  'TNEF in thousands of parts': {
    make: () =>
      parts(
        'Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64',
        tnef(
          Array.from({ length: 40 }, () => [
            { level: 2, id: 0x9002, data: Buffer.alloc(0) },
            { level: 2, id: 0x800f, data: Buffer.alloc(0) },
          ]).flat(),
        ).toString('base64'),
        5000,
      ),
    problem: 'TOO_MANY_FILES',
  },
  'TNEF with an HTML of 16 MB': {
    make: () =>
      winmail(
        tnef([
          { id: 0x9003, data: properties([{ type: 0x102, id: 0x1013, data: filled('<b>x', 16 * MB) }]) },
        ]),
      ),
  },
};

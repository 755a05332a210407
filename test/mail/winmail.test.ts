// winmail.dat (MS-OXTNEF) as Outlook, Exchange and damaged gateways send it, each written here attribute by attribute.
import assert from 'node:assert/strict';
import { problems, read } from './support';
import { encoded, HEAD } from './writing';

const latin = (text: string): Buffer => Buffer.from(text, 'latin1');

function number(value: number, bytes: 2 | 4): Buffer {
  const out = Buffer.alloc(bytes);
  out.writeUIntLE(value, 0, bytes);
  return out;
}

function attribute(level: 1 | 2, id: number, data: Buffer, checksum?: number): Buffer {
  const sum = data.reduce((all, octet) => (all + octet) & 0xffff, 0);
  return Buffer.concat([
    Buffer.from([level]),
    number(id, 2),
    number(0, 2),
    number(data.length, 4),
    data,
    number(checksum ?? sum, 2),
  ]);
}

const tnef = (...attributes: Buffer[]): Buffer =>
  Buffer.concat([number(0x223e9f78, 4), number(1, 2), ...attributes]);

const page = (value: number): Buffer => attribute(1, 0x9007, Buffer.concat([number(value, 4), number(0, 4)]));

type Property = [type: number, id: number, ...values: (string | number | Buffer)[]];

const INTEGER = 3;
const ANSI = 0x1e;
const UNICODE = 0x1f;
const BINARY = 0x102;
const OBJECT = 0x0d;
const MANY = 0x1000;

function properties(...list: Property[]): Buffer {
  const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  const bytesOf = (type: number, value: string | number | Buffer): Buffer =>
    typeof value === 'number'
      ? number(value, 4)
      : typeof value === 'string'
        ? Buffer.from(`${value}\0`, type === UNICODE ? 'utf16le' : 'latin1')
        : value;
  const written = list.map(([type, id, ...values]) => {
    const base = type & ~MANY;
    // A named one.
    const name = id < 0x8000 ? [] : [Buffer.alloc(16, 7), number(0, 4), number(1, 4)];
    const isVariable = [ANSI, UNICODE, BINARY, OBJECT].includes(base);
    const count = isVariable || type & MANY ? [number(values.length, 4)] : [];
    const bytes = values.map((value) => bytesOf(base, value));
    const content = bytes.map((one) =>
      isVariable ? Buffer.concat([number(one.length, 4), padded(one)]) : padded(one),
    );
    return Buffer.concat([number(type, 2), number(id, 2), ...name, ...count, ...content]);
  });
  return Buffer.concat([number(list.length, 4), ...written]);
}

const message = (...list: Property[]): Buffer => attribute(1, 0x9003, properties(...list));
const body = (text: string): Buffer => attribute(1, 0x800c, latin(`${text}\0`));

/** A file: what begins it, its short name and its bytes; its properties come last. */
const file = (name: string | undefined, content: string | Buffer, ...list: Property[]): Buffer =>
  Buffer.concat([
    attribute(2, 0x9002, Buffer.alloc(14)),
    ...(name === undefined ? [] : [attribute(2, 0x8010, latin(`${name}\0`))]),
    // Its date.
    attribute(2, 0x8013, Buffer.alloc(14)),
    attribute(2, 0x800f, typeof content === 'string' ? latin(content) : content),
    ...(list.length ? [attribute(2, 0x9005, properties(...list))] : []),
  ]);

const DICTIONARY =
  '{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx';

/** Compresses an RTF as MS-OXRTFCP has it: letters, and references to what was before them. */
function packed(rtf: string, kind = 0x75465a4c): Buffer {
  const all = DICTIONARY + rtf;
  const out: number[] = [];
  let items: number[] = [];
  let control = 0;
  let count = 0;
  const put = (isReference: boolean, ...octets: number[]): void => {
    if (isReference) control |= 1 << count;
    items.push(...octets);
    if (++count < 8) return;
    out.push(control, ...items);
    items = [];
    control = count = 0;
  };
  const reference = (place: number, length: number): void =>
    put(true, (place & 4095) >> 4, ((place & 15) << 4) | (length - 2));
  for (let at = DICTIONARY.length; at < all.length; ) {
    const from = Math.max(0, at - 4000);
    const before = all.slice(from, at);
    let length = Math.min(17, all.length - at);
    while (length > 1 && !before.includes(all.slice(at, at + length))) length--;
    const found = length > 1 ? before.indexOf(all.slice(at, at + length)) : -1;
    if (found >= 0) reference(from + found, length);
    else put(false, all.charCodeAt(at));
    at += found >= 0 ? length : 1;
  }
  reference(all.length, 2);
  const content = Buffer.from([...out, control, ...items]);
  return Buffer.concat([
    number(content.length + 12, 4),
    number(rtf.length, 4),
    number(kind, 4),
    number(0, 4),
    content,
  ]);
}

const mailOf = (bytes: Buffer, type = 'application/ms-tnef; name=winmail.dat', text = ''): Buffer =>
  Buffer.concat([
    latin(
      `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n${text}\r\n--b\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
    ),
    encoded(bytes, 'base64'),
    latin('\r\n--b--\r\n'),
  ]);

const files = async (bytes: Buffer, type?: string) => {
  const found = await read(mailOf(bytes, type));
  return {
    names: found.attachments.slice(1).map(({ filename }) => filename),
    contents: found.attachments.slice(1).map(({ content }) => content?.toString()),
    safe: found.attachments.slice(1).map(({ fileName }) => fileName),
    problems: problems(found),
  };
};

describe('mail: winmail.dat', () => {
  it('names files in every code page, wherever it stands, and by the longest name', async () => {
    for (const [number, written, name] of [
      [1252, 'Gr\xfc\xdfe.txt', 'Grüße.txt'],
      [1251, '\xcf\xf0\xe8.txt', 'При.txt'],
      [874, '\xca\xc7.txt', 'สว.txt'],
      [932, '\x93\xfa\x96\x7b.txt', '日本.txt'],
      [936, '\xc4\xe3.txt', '你.txt'],
      [949, '\xc7\xd1.txt', '한.txt'],
      [950, '\xa7A.txt', '你.txt'],
      [20866, '\xee\xc1.txt', 'На.txt'],
      [28592, '\xa9.txt', 'Š.txt'],
      [54936, '\xc4\xe3.txt', '你.txt'],
      [65001, 'Gr\xc3\xbc.txt', 'Grü.txt'],
    ] as const) {
      assert.deepEqual((await files(tnef(page(number), file(written, 'abc')))).names, [name], String(number));
      assert.deepEqual((await files(tnef(file(written, 'abc'), page(number)))).names, [name], String(number));
    }
    const long = file('LONGNA~1.PDF', 'a', [ANSI, 0x3707, 'a long name.pdf']);
    const wide = file('____.PDF', 'b', [UNICODE, 0x3707, 'Größe 漢字.pdf'], [ANSI, 0x3704, 'X.PDF']);
    const short = file(undefined, 'c', [ANSI, 0x3704, 'SHORT.TXT']);
    const shown = file(undefined, 'd', [UNICODE, 0x3001, 'Shown.txt']);
    assert.deepEqual(await files(tnef(long, wide, short, shown, file(undefined, ''))), {
      names: ['a long name.pdf', 'Größe 漢字.pdf', 'SHORT.TXT', 'Shown.txt', 'attachment'],
      contents: ['a', 'b', 'c', 'd', ''],
      safe: ['a long name.pdf', 'Größe 漢字.pdf', 'SHORT.TXT', 'Shown.txt', 'attachment'],
      problems: [],
    });
    const paths = await files(
      tnef(file('C:\\Temp\\x.txt', ''), file('../../etc/passwd', ''), file('..', '')),
    );
    assert.deepEqual(paths.safe, ['x.txt', 'passwd', 'attachment.bin']);
  });

  it('finds it by its type, its name, or what gateways call it', async () => {
    const bytes = tnef(file('a.txt', 'abc'));
    for (const type of [
      'application/vnd.ms-tnef; name=x.bin',
      'application/octet-stream; name=WINMAIL.DAT',
      'application/octet-stream; name=ATT00001.dat',
      'application/octet-stream; name="winmail(1).dat"',
    ])
      assert.deepEqual((await files(bytes, type)).names, ['a.txt'], type);
    const other = await files(Buffer.from('text'), 'application/octet-stream; name=ATT00001.dat');
    assert.deepEqual([other.names, other.problems], [[], []]);
  });

  it('reads the text, in the code page that it is in', async () => {
    const html = (text: string): Property => [BINARY, 0x1013, latin(text)];
    for (const [bytes, payload, shown] of [
      [tnef(page(1252), body('T\xfcr\r\nzu')), 'Tür\nzu'],
      [tnef(body('\xcf\xf0\xe8'), page(1251)), 'При'],
      [tnef(page(50220), body('\x1b$BF|K\\\x1b(B')), '日本'],
      [tnef(message([UNICODE, 0x1000, 'Größe\r\n漢'])), 'Größe\n漢'],
      [tnef(page(1251), message([ANSI, 0x1000, '\xcf\xf0\xe8'])), 'При'],
      [tnef(page(1252), message(html('<p>\xcf\xf0\xe8'), [INTEGER, 0x3fde, 1251])), 'При', '<p>При'],
      [tnef(message([INTEGER, 0x3fde, 65001], html('<p>T\xc3\xbcr'))), 'Tür', '<p>Tür'],
      [tnef(page(65001), message(html('<p>T\xfcr'), [INTEGER, 0x3fde, 28591])), 'Tür', '<p>Tür'],
      [tnef(page(1251), message(html('<p>\xcf\xf0\xe8'))), 'При', '<p>При'],
      [tnef(page(1252), message(html('<meta charset=koi8-r>\xee\xc1'))), 'На', '<meta charset=koi8-r>На'],
      [tnef(message([UNICODE, 0x1013, '<p>Größe'])), 'Größe', '<p>Größe'],
      [tnef(message([UNICODE, 0x1000, 'plain'], html('<p>html'))), 'plain', '<p>html'],
      // Properties that are passed over: named ones, many values, and each fixed size.
      [
        tnef(
          message(
            [INTEGER, 0x8001, 5],
            [UNICODE | MANY, 0x8003, 'a', 'bb'],
            [INTEGER | MANY, 0x8004, 1, 2],
            [2, 0x0017, 1],
            [0x0b, 0x0e1f, 1],
            [0x40, 0x0039, Buffer.alloc(8)],
            [0x48, 0x0001, Buffer.alloc(16)],
            [UNICODE, 0x1000, 'body'],
          ),
        ),
        'body',
      ],
    ] as [Buffer, string, string?][]) {
      const found = await read(mailOf(bytes));
      assert.deepEqual([found.payload, found.html, problems(found)], [payload, shown, []]);
    }
    const own = await read(mailOf(tnef(message([UNICODE, 0x1000, 'no'])), undefined, 'of the mail'));
    assert.equal(own.payload, 'of the mail');
  });

  it('unpacks its RTF, and shows the images of its HTML', async () => {
    const rtf = (text: string) => tnef(message([BINARY, 0x1009, packed(text)]));
    const line = 'All work and no play. '.repeat(300);
    assert.equal((await read(mailOf(rtf(`{\\rtf1\\ansi ${line}}`)))).payload, line);
    const wrapped = await read(
      mailOf(rtf('{\\rtf1\\ansi\\fromhtml1 {\\*\\htmltag64 <p>}Level{\\*\\htmltag72 </p>}}')),
    );
    assert.deepEqual([wrapped.html, wrapped.payload], ['<p>Level</p>', 'Level']);
    const image = file('i.png', 'x', [UNICODE, 0x3712, '<i@x>'], [UNICODE, 0x370e, 'image/png']);
    const shown = await read(mailOf(tnef(message([BINARY, 0x1013, latin('<img src="cid:i@x">')]), image)));
    assert.equal(shown.html, '<img src="data:image/png;base64,eA==">');
    assert.equal(shown.attachments[1]?.cid, 'i@x');
    // What is damaged is not taken for text, and hides no file.
    for (const damaged of [packed('{\\rtf1 x}', 0x11111111), packed('garbage'), Buffer.alloc(20, 0xff)])
      assert.deepEqual(await files(tnef(message([BINARY, 0x1009, damaged]), file('a.txt', 'abc'))), {
        names: ['a.txt'],
        contents: ['abc'],
        safe: ['a.txt'],
        problems: ['TNEF'],
      });
  });

  it('reads RTF in the character sets of its fonts', async () => {
    const fonts =
      '{\\fonttbl{\\f0\\fswiss\\fcharset0 Arial;}{\\f1\\fswiss\\fcharset204{\\*\\fname Arial;}Arial Cyr;}{\\f2\\fcharset161 Arial Greek;}{\\f3\\fcharset128 MS Gothic;}{\\f4\\fcharset2 Symbol;}}';
    const rtf = `{\\rtf1\\ansi\\ansicpg1252\\deff0${fonts}\\f0 T\\'fcr \\f1\\'cf\\'f3\\'f1\\'ea {\\f2\\'e1}\\'ea \\f3\\'93\\'fa\\'96{\\b\\'7b}\\f0  \\'fc \\f1\\u1055\\'cf\\plain \\'fc}`;
    const found = await read(mailOf(tnef(message([BINARY, 0x1009, packed(rtf)]))));
    assert.equal(found.payload, 'Tür Пуск αк 日本 ü Пü');
    const picture = "{\\rtf1\\ansi\\ansicpg10000 T\\'9fr{\\pict\\bin5 }{}}\\ x}\\~\\u8364? 5\\par\\tab b}";
    assert.equal(
      (await read(mailOf(tnef(message([BINARY, 0x1009, packed(picture)]))))).payload,
      'Tür\u00a0€ 5\n\tb',
    );
    // Without a code page, and with a font of a default other than the first.
    const greek = `{\\rtf1\\ansi\\deff2${fonts}\\'e1 \\plain\\'e2 \\f0\\'e4}`;
    assert.equal((await read(mailOf(tnef(message([BINARY, 0x1009, packed(greek)]))))).payload, 'α β ä');
  });

  it('takes out what is in an attached message, and lists other objects', async () => {
    const holding = (name: string, inner: Buffer, id: string): Buffer =>
      Buffer.concat([
        attribute(2, 0x9002, Buffer.alloc(14)),
        attribute(2, 0x8010, latin(`${name}\0`)),
        attribute(
          2,
          0x9005,
          properties([INTEGER, 0x3705, 5], [OBJECT, 0x3701, Buffer.concat([Buffer.from(id, 'hex'), inner])]),
        ),
      ]);
    const IS_MESSAGE = '0703020000000000c000000000000046';
    const inner = tnef(message([UNICODE, 0x1000, 'inner']), file('in.txt', 'xyz'));
    const found = await read(mailOf(tnef(holding('Offer', inner, IS_MESSAGE), body('outer'))));
    assert.equal(found.payload, 'outer');
    assert.deepEqual(
      found.attachments.slice(1).map(({ filename, contentType }) => [filename, contentType]),
      [
        ['Offer', 'application/ms-tnef'],
        ['Offer.txt', 'text/plain'],
        ['in.txt', 'text/plain'],
      ],
    );
    assert.deepEqual(found.attachments[1]?.content, inner);
    const object = await files(tnef(holding('chart', Buffer.from('OLE'), '0b'.padEnd(32, '0'))));
    assert.deepEqual([object.names, object.contents], [['chart'], ['OLE']]);
    let deep = inner;
    for (let depth = 0; depth < 20; depth++) deep = tnef(holding(`m${depth}`, deep, IS_MESSAGE));
    assert.deepEqual((await files(deep)).names.length, 6);
  });

  it('reads the text where a property is of another type than it should be', async () => {
    for (const odd of [
      [ANSI, 0x3fde, 'x'],
      [INTEGER, 0x1013, 7],
      [INTEGER, 0x1009, 7],
      [INTEGER | MANY, 0x3fde, 1, 65001],
    ] as Property[]) {
      const bytes = tnef(body('Pump'), message(odd, [ANSI, 0x1013, '<p>Pump</p>']));
      const found = await read(mailOf(bytes));
      assert.deepEqual(
        [found.payload.trim(), found.html, problems(found)],
        ['Pump', '<p>Pump</p>', []],
        String(odd),
      );
    }
    const { names, contents } = await files(tnef(file('a.txt', 'a', [INTEGER, 0x3701, 7])));
    assert.deepEqual([names, contents], [['a.txt'], ['a']]);
  });

  it('says what it could not read, and delivers what stands before that', async () => {
    const two = tnef(file('a.txt', 'abc'), file('b.txt', 'd'.repeat(100)));
    const whole = tnef(file('a.txt', 'abc'));
    for (const [bytes, names, codes] of [
      [tnef(), [], []],
      [whole, ['a.txt'], []],
      [Buffer.concat([whole, Buffer.alloc(9)]), ['a.txt'], []],
      [Buffer.concat([whole, latin('\r\n')]), ['a.txt'], []],
      [two.subarray(0, -50), ['a.txt'], ['TNEF']],
      [two.subarray(0, -105), ['a.txt'], ['TNEF']],
      [whole.subarray(0, -4), [], ['TNEF']],
      [Buffer.alloc(0), [], ['TNEF']],
      [latin('no such thing'), [], ['TNEF']],
    ] as [Buffer, string[], string[]][]) {
      const found = await files(bytes);
      assert.deepEqual([found.names, found.problems], [names, codes]);
    }
    // The sums are not checked: some programs write none.
    const unsummed = tnef(file('a.txt', 'abc'), attribute(1, 0x800c, latin('text\0'), 9));
    assert.equal((await read(mailOf(unsummed))).payload, 'text');
  });
});

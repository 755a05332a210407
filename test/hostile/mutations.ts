// Attack mails cut, repeated, nested, joined and declared as something else: mixtures that no attack of mails.ts is. A seed
// makes each.
import { random } from '../pop3/harness';
import { HOSTILE_MAILS } from './mails';

export interface Mutation {
  bytes: Buffer;
  /** The attacks it is made of, and what was done to them. */
  how: string[];
}

type Draw = (below: number) => number;
type Change = (bytes: Buffer, draw: Draw, most: number) => Buffer;

const SMALL = 2 * 1024 * 1024;
const LARGE = 25 * 1024 * 1024;

const names = Object.keys(HOSTILE_MAILS);

const BOUNDARIES = ['b', 'bb', 'b0', 'b1', '-', '--', 'b-', '', '=_?:', 'b\t', '\u00e4', 'x'.repeat(2000)];
const TYPES = [
  ...['text/html', 'text/plain', 'text/plain; format=flowed; delsp=yes', 'text/enriched', 'text/calendar'],
  ...['multipart/mixed; boundary=b', 'multipart/alternative; boundary=b', 'multipart/related; boundary=b'],
  ...['multipart/digest; boundary=b', 'multipart/signed; boundary=b', 'multipart/report; boundary=b'],
  ...['message/rfc822', 'message/partial; id=a; number=1', 'message/delivery-status', 'text/rfc822-headers'],
  ...['application/ms-tnef; name=winmail.dat', 'image/png; name=a.png', 'application/octet-stream', ''],
];
const CODINGS = 'base64 quoted-printable x-uuencode uuencode 7bit 8bit binary x-yenc a BASE64'.split(' ');
const CHARSETS = [
  ...'utf-8 gb18030 iso-2022-jp iso-2022-kr iso-2022-cn hz-gb-2312 shift_jis euc-jp euc-kr big5 utf-7'.split(
    ' ',
  ),
  ...'utf-16le utf-16be utf-16 utf-32 ucs-2 koi8-r windows-1252 x-unknown us-ascii macintosh tis-620'.split(
    ' ',
  ),
];
const LINE_ENDS = ['\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', ' \r\n', '', '\0', '\u2028'];
const WORDS = [
  ...[
    '\r\n',
    '\n',
    '\r',
    ' ',
    '\t',
    '--b\r\n',
    '--b--\r\n',
    '--',
    '=\r\n',
    '=',
    '=?utf-8?q?',
    '?=',
    '<',
    '>',
    '"',
  ],
  ...[
    '(',
    ')',
    ';',
    ',',
    '\0',
    '\x1b$B',
    '\x1b(B',
    '&#x10ffff;',
    '<blockquote>',
    '<table><tr><td>',
    '<ol><li>',
  ],
  ...[
    '<pre>',
    '<style>',
    '<!--',
    '</',
    'begin 644 a\n',
    '=ybegin line=128 size=1 name=a\n',
    '> ',
    '>',
    ' \r\n',
  ],
  ...[
    'http://a.example/ ',
    'a@b.example, ',
    '\x81\x30',
    '\xff',
    '\u00f0\u0090',
    'On a, b wrote:\r\n',
    'x',
    '<br>',
  ],
];

const latin = (text: string): Buffer => Buffer.from(text, 'latin1');
const oneOf = <T>(list: readonly T[], draw: Draw): T => list[draw(list.length)] as T;

/** After the first empty line. */
function bodyAt(bytes: Buffer): number {
  const at = bytes.indexOf('\r\n\r\n');
  return at < 0 ? 0 : at + 4;
}

/** A number below the most, each magnitude as likely as another. */
const magnitude = (most: number, draw: Draw): number => draw(2 ** (1 + draw(Math.ceil(Math.log2(most + 2)))));

function filled(piece: Buffer, bytes: number): Buffer {
  return piece.length && bytes > 0 ? Buffer.alloc(bytes, piece) : Buffer.alloc(0);
}

/** Replaces what an expression finds: the first places, or every one. */
function replaced(bytes: Buffer, found: RegExp, by: (one: string) => string, most = Infinity): Buffer {
  let left = most;
  const pieces: Buffer[] = [];
  // All the places of a large mail at once do not fit into the small heap this runs in.
  for (let at = 0; at < bytes.length; at += 65_536) {
    const text = bytes.toString('latin1', at, at + 65_536);
    pieces.push(latin(text.replace(found, (one) => (left-- > 0 ? by(one) : one))));
  }
  return Buffer.concat(pieces);
}

/** Content fields before a body that stands by itself. */
const headed = (fields: string, body: Buffer): Buffer => Buffer.concat([latin(`${fields}\r\n\r\n`), body]);

function attack(draw: Draw, how: string[], most: number): Buffer {
  const name = oneOf(names, draw);
  how.push(name);
  return Buffer.from((HOSTILE_MAILS[name] as { make(): Buffer }).make().subarray(0, most));
}

const CHANGES: Record<string, Change> = {
  cut: (bytes, draw) => {
    const from = draw(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + magnitude(bytes.length, draw))]);
  },
  'cut the end': (bytes, draw) => bytes.subarray(0, bytes.length - magnitude(bytes.length, draw)),
  'repeat a piece': (bytes, draw, most) => {
    const from = draw(2) ? draw(bytes.length + 1) : magnitude(bytes.length, draw);
    const piece = bytes.subarray(from, from + 1 + magnitude(4000, draw));
    const room = magnitude(most, draw);
    return Buffer.concat([bytes.subarray(0, from), filled(piece, room), bytes.subarray(from)]);
  },
  'repeat a word': (bytes, draw, most) => {
    const from = draw(2) ? bodyAt(bytes) : draw(bytes.length + 1);
    const word = latin(Array.from({ length: 1 + draw(3) }, () => oneOf(WORDS, draw)).join(''));
    return Buffer.concat([
      bytes.subarray(0, from),
      filled(word, magnitude(most, draw)),
      bytes.subarray(from),
    ]);
  },
  'words between': (bytes, draw) => {
    const pieces: Buffer[] = [];
    const word = latin(oneOf(WORDS, draw));
    const step = 1 + Math.max(magnitude(1000, draw), Math.floor(bytes.length / 100_000));
    for (let at = 0; at < bytes.length; at += step) pieces.push(bytes.subarray(at, at + step), word);
    return Buffer.concat(pieces);
  },
  'other bytes': (bytes, draw) => {
    const copy = Buffer.from(bytes);
    if (copy.length)
      for (let left = 1 + magnitude(5000, draw); left > 0; left--) copy[draw(copy.length)] = draw(256);
    return copy;
  },
  nest: (bytes, draw) => {
    const depth = 1 + magnitude(200, draw);
    const disposition = oneOf(['inline', 'attachment', 'attachment; filename=a.eml'], draw);
    const one = oneOf(
      [
        `Content-Disposition: ${disposition}\r\nContent-Type: message/rfc822\r\n\r\n`,
        'Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n',
        'Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\ntext\r\n--c\r\n',
        'Content-Type: multipart/digest; boundary=c\r\n\r\n--c\r\n\r\n',
      ],
      draw,
    );
    return Buffer.concat([filled(latin(one), one.length * depth), bytes]);
  },
  'as a part again and again': (bytes, draw, most) => {
    const type = oneOf(['mixed', 'alternative', 'related', 'digest', 'report', 'signed'], draw);
    const part = Buffer.concat([latin('\r\n--d\r\n'), bytes.subarray(0, magnitude(bytes.length, draw))]);
    const count = Math.min(1 + magnitude(12_000, draw), Math.floor(most / part.length));
    return headed(
      `From: a@b.example\r\nContent-Type: multipart/${type}; boundary=d`,
      filled(part, part.length * count),
    );
  },
  encode: (bytes, draw) => {
    const at = bodyAt(bytes);
    const [coding, body] = oneOf<() => [string, Buffer]>(
      [
        () => ['base64', replaced(latin(bytes.toString('base64', at)), /.{76}/g, (one) => `${one}\r\n`)],
        () => ['base64', latin(bytes.toString('base64', at))],
        () => [
          'quoted-printable',
          replaced(
            latin(bytes.toString('hex', at, at + 4_000_000)),
            /.{2,64}/g,
            (one) => `${one.replace(/../g, '=$&')}=\r\n`,
          ),
        ],
      ],
      draw,
    )();
    const head = bytes.toString('latin1', 0, Math.max(0, at - 4));
    return headed(`${head}\r\nContent-Transfer-Encoding: ${coding}`, body);
  },
  'another transfer encoding': (bytes, draw) => {
    const field = `Content-Transfer-Encoding: ${oneOf(CODINGS, draw)}`;
    if (!bytes.includes('Content-Transfer-Encoding')) return Buffer.concat([latin(`${field}\r\n`), bytes]);
    return replaced(bytes, /Content-Transfer-Encoding: [^\r\n]*/g, () => field, draw(2) ? 10 : Infinity);
  },
  'another charset': (bytes, draw) => {
    const charset = oneOf(CHARSETS, draw);
    const most = draw(2) ? 10 : Infinity;
    if (/charset=/.test(bytes.toString('latin1', 0, 4000))) {
      return replaced(bytes, /charset="?[^\s;"]*"?/g, () => `charset=${charset}`, most);
    }
    return replaced(
      bytes,
      /Content-Type: text\/\w+/g,
      () => `Content-Type: text/plain; charset=${charset}`,
      most,
    );
  },
  'another charset of encoded words': (bytes, draw) =>
    replaced(bytes, /=\?[\w-]+\?/g, () => `=?${oneOf(CHARSETS, draw)}?`),
  'another type': (bytes, draw) => {
    const type = `Content-Type: ${oneOf(TYPES, draw)}`;
    if (!bytes.includes('Content-Type:')) return Buffer.concat([latin(`${type}\r\n`), bytes]);
    return replaced(bytes, /Content-Type: [^\r\n]*/g, () => type, draw(2) ? 1 : Infinity);
  },
  'another boundary': (bytes, draw) =>
    replaced(
      bytes,
      /boundary="?[^\s;"]*"?/g,
      () => `boundary="${oneOf(BOUNDARIES, draw)}"`,
      draw(2) ? 1 : Infinity,
    ),
  'other line ends': (bytes, draw) => {
    const end = oneOf(LINE_ENDS, draw);
    const share = oneOf([1, 0.5, 0.01], draw);
    const from = draw(2) ? bodyAt(bytes) : 0;
    const body = replaced(bytes.subarray(from), /\r?\n/g, (one) => (draw(1000) < share * 1000 ? end : one));
    return Buffer.concat([bytes.subarray(0, from), body]);
  },
  'no line ends': (bytes) => {
    const at = bodyAt(bytes);
    return Buffer.concat([bytes.subarray(0, at), replaced(bytes.subarray(at), /[\r\n]+/g, () => '')]);
  },
};

/** Two attacks in one: beside each other, one after the other, or the head of one over the body of the other. */
const JOININGS: Record<string, (one: Buffer, other: Buffer, draw: Draw) => Buffer> = {
  'beside each other': (one, other, draw) => {
    const kind = oneOf(['mixed', 'alternative', 'related'], draw);
    const between = latin('\r\n--c\r\n');
    return headed(
      `From: a@b.example\r\nContent-Type: multipart/${kind}; boundary=c`,
      Buffer.concat([between, one, between, other, latin('\r\n--c--\r\n')]),
    );
  },
  'one head over the other body': (one, other) =>
    Buffer.concat([one.subarray(0, bodyAt(one)), other.subarray(bodyAt(other))]),
  'both heads': (one, other) => Buffer.concat([one.subarray(0, Math.max(0, bodyAt(one) - 2)), other]),
  'cut and joined': (one, other, draw) =>
    Buffer.concat([one.subarray(0, draw(one.length + 1)), other.subarray(draw(other.length + 1))]),
  'in turns': (one, other, draw) => {
    const step = Math.max(64, magnitude(8192, draw));
    const pieces: Buffer[] = [];
    for (let at = 0; at < Math.max(one.length, other.length); at += step) {
      pieces.push(one.subarray(at, at + step), other.subarray(at, at + step));
    }
    return Buffer.concat(pieces);
  },
};

/** The mail that a seed makes, the same one each time; every tenth is as large as `maxSize` lets through. */
export function mutation(seed: number): Mutation {
  const most = seed % 10 === 0 ? LARGE : SMALL;
  const fraction = random(seed);
  // Numbers that follow each other begin alike.
  for (let left = 5; left > 0; left--) fraction();
  const draw: Draw = (below) => Math.floor(fraction() * below);
  const how: string[] = [];
  let bytes = attack(draw, how, most);
  if (draw(2)) {
    const joining = oneOf(Object.keys(JOININGS), draw);
    how.push(joining);
    const room = Math.ceil(most / 2);
    bytes = (JOININGS[joining] as (typeof JOININGS)[string])(
      bytes.subarray(0, room),
      attack(draw, how, room),
      draw,
    );
  }
  for (let left = 1 + draw(3); left > 0; left--) {
    const change = oneOf(Object.keys(CHANGES), draw);
    how.push(change);
    bytes = (CHANGES[change] as Change)(bytes, draw, most).subarray(0, most);
  }
  return { bytes, how };
}

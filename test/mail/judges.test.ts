// Two parsers of other hands, postal-mime and Python's email package, read the same mails: what both say, this package
// says too, in the mails of the corpus and in random ones. Where they differ from each other, nothing is compared.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import PostalMime, { type Address } from 'postal-mime';
import { CHARSETS } from './charset-table';
import { read } from './support';
import { encoded, word } from './writing';

interface Judgment {
  subject: string | null;
  from: string[][] | null;
  to: string[][] | null;
  /** Seconds since 1970. */
  date: number | null;
  text: string | null;
  html: string | null;
  files: (string | null)[][] | null;
}

/** With JUDGED_MAILS set: so many random mails, of a new seed; without, the same few on every run. */
const JUDGED_MAILS = Number(process.env.JUDGED_MAILS ?? 0);
const SEED = Number(process.env.SEED ?? (JUDGED_MAILS ? Date.now() % 2 ** 31 : 16));
const MAILS = JUDGED_MAILS || 250;
/** Mails judged together, so that there is room for them. */
const TOGETHER = 500;
/** Differences that are told. */
const TOLD = 50;

/** A sequence of random numbers below 1 (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Sets all three know under their first name. */
const SETS = CHARSETS.map(([labels, text, hex]) => ({
  label: labels.split(' ')[0] as string,
  text,
  content: Buffer.from(hex, 'hex'),
})).filter(({ label }) =>
  /^(iso-8859-(2|5|7|15)|windows-125[123]|koi8-r|gb18030|big5|euc-jp|euc-kr|utf-8)$/.test(label),
);

class Generator {
  readonly #next: () => number;
  #boundaries = 0;

  constructor(seed: number) {
    this.#next = random(seed);
  }

  one<T>(list: readonly T[]): T {
    return list[Math.floor(this.#next() * list.length)] as T;
  }

  #maybe(share: number): boolean {
    return this.#next() < share;
  }

  #words(): string {
    const { label, content } = this.one(SETS);
    return this.one([
      () => 'Plain words',
      () => word(label, content, 'B'),
      () => word(label, content, 'Q'),
      () => `Re: ${word(label, content, 'Q')}\r\n ${word(label, content, 'B')} end`,
      () => `\r\n folded\r\n\twords  with   blanks`,
      () => `${word(label, content, 'b' as 'B')}\r\n ${word(label, content, 'Q')}`,
      () => 'a =? b ?= c =?utf-8?x?y?= <d> "e" (f)',
      () => '',
    ])();
  }

  #address(): string {
    return this.one([
      'ada@example.org',
      '<ada@example.org>',
      'Ada Love <ada@example.org>',
      '"Love, Ada" <ada@example.org>',
      '"A \\"quoted\\" name" <ada.b@example.org>',
      `${word('utf-8', Buffer.from('Jürgen Größe'), 'Q')} <j@example.org>`,
      'ada@example.org (Ada)',
      '"quoted local"@example.org',
      'Ada\r\n <ada@example.org>',
      `${word('iso-8859-1', Buffer.from('Andr\xe9', 'latin1'), 'Q')} Love\r\n\t<ada@example.org>`,
      '"Ada (Love)" <ada@example.org>',
      "Ada O'Love <ada+tag@sub.example.org>",
      'Ada Love <ada@[192.0.2.1]>',
      '"=?utf-8?Q?Gr=C3=BCn?=" <ada@example.org>',
      '<ADA@Example.ORG>',
      "a!#$%&'*+/=?^_`{|}~-b@example.org",
    ]);
  }

  #head(): string {
    const zone = this.one(['+0000', '-0500', '+0530', 'GMT', '+0200 (CEST)', 'EST', '-0000', 'UT', '+1345']);
    const date = this.one([
      `Mon, 6 Apr 2026 08:0${Math.floor(this.#next() * 10)}:00 ${zone}`,
      `6 Apr 2026 08:00 ${zone}`,
      `Mon,  6 Apr 2026\r\n 08:00:59 ${zone}`,
      `06 Apr 2026 23:59:59 ${zone}`,
      `Thu, 29 Feb 2024 00:00:00 ${zone}`,
      `1 Jan 1970 12:00:00 ${zone}`,
    ]);
    const to = Array.from({ length: 1 + Math.floor(this.#next() * 3) }, () => this.#address());
    const group = this.#maybe(0.1) ? `To: Group: ${to.join(', ')};` : `To: ${to.join(', ')}`;
    const shuffled = [
      `${this.one(['From', 'from', 'FROM'])}: ${this.#address()}`,
      group,
      `Subject:${this.one([' ', ' ', '  ', '\t', ''])}${this.#words()}`,
      `Date: ${date}`,
      'MIME-Version: 1.0',
      `X-${this.one(['A', 'Mailer', 'Spam-Status'])}: No, score=-1.0\r\n\ttests=[A,\r\n\tB]`,
    ].toSorted(() => this.#next() - 0.5);
    return shuffled.map((line) => `${line}\r\n`).join('');
  }

  #leaf(kind: 'plain' | 'html' | 'file'): Buffer {
    const encoding = this.one(['8bit', 'base64', 'quoted-printable']);
    if (kind === 'file') {
      const content = Buffer.from(
        Array.from({ length: Math.floor(this.#next() * 300) }, () => this.#next() * 256),
      );
      const name = this.one([
        'filename="a b.pdf"',
        'filename=plain.bin',
        "filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf",
        'filename*0*=utf-8\'\'Gr%C3%B6; filename*1="sse.pdf"',
        'filename="semi;colon.txt"',
        "\r\n\tfilename*=iso-8859-1'de'Gr%F6%DFe.pdf",
        `filename="${word('utf-8', Buffer.from('Größe.pdf'), 'B')}"`,
        'filename*0="long name "; filename*1="in pieces"; filename*2=.txt',
        'FILENAME="UPPER.TXT"; size=12',
        'filename="a \\"b\\".txt"',
        'filename = blanks.txt',
      ]);
      const type = this.one([
        'application/octet-stream',
        'image/png',
        'Application/PDF',
        'application/x-unknown; x=y',
        'audio/mpeg; name="other.mp3"',
      ]);
      const how = encoding === '8bit' ? 'base64' : encoding;
      return Buffer.concat([
        Buffer.from(
          `Content-Type: ${type}\r\nContent-Disposition: ${this.one(['attachment', 'ATTACHMENT', 'inline'])}; ${name}\r\nContent-Transfer-Encoding: ${how}\r\n\r\n`,
        ),
        encoded(content, how),
      ]);
    }
    const { label, content } = this.one(SETS);
    const lines = Array.from({ length: 1 + Math.floor(this.#next() * 4) }, () =>
      this.one([
        content,
        Buffer.from('plain line'),
        Buffer.from('-- '),
        Buffer.from('--x'),
        Buffer.from('.dot'),
        Buffer.from(''),
        Buffer.from('From the start'),
        Buffer.from('a = b == c =20 =3D'),
        Buffer.from('tab\tand blank '),
        Buffer.from(`${'long '.repeat(60)}end`),
        Buffer.concat([content, Buffer.from(' '), content]),
        Buffer.from('&amp; <b>x</b> =?utf-8?Q?no?='),
      ]),
    );
    const body = Buffer.concat(
      lines.flatMap((line) =>
        kind === 'html' ? [Buffer.from('<p>'), line, Buffer.from('</p>\r\n')] : [line, Buffer.from('\r\n')],
      ),
    );
    const quotes = this.#maybe(0.5) ? '"' : '';
    return Buffer.concat([
      Buffer.from(
        `Content-Type: text/${kind};${this.one([' ', '\r\n\t'])}charset=${quotes}${label}${quotes}\r\nContent-Transfer-Encoding: ${this.one([encoding, encoding.toUpperCase()])}\r\n${this.one(['', '', 'Content-Disposition: inline\r\n', 'Content-Language: de\r\n'])}\r\n`,
      ),
      this.#encoded(body, encoding),
    ]);
  }

  /** In lines of any length. */
  #encoded(body: Buffer, encoding: string): Buffer {
    if (encoding === 'base64' && this.#maybe(0.5)) {
      const length = this.one([1, 3, 4, 60, 64, 77, 5000]);
      return Buffer.from(body.toString('base64').replace(new RegExp(`.{${length}}`, 'g'), '$&\r\n'));
    }
    if (encoding !== 'quoted-printable' || this.#maybe(0.3)) return encoded(body, encoding);
    const hex = (octet: number) => `=${octet.toString(16).padStart(2, '0')}`;
    const upper = this.#maybe(0.7);
    const text = body
      .toString('latin1')
      .replace(/[=\x80-\xff]|[ \t](?=\r\n)/g, (one) => {
        const written = hex(one.charCodeAt(0));
        return upper ? written.toUpperCase() : written;
      })
      .replace(/[^\r\n]{40}(?!\r\n)(?![0-9A-Fa-f]{1,2})/g, this.one(['$&=\r\n', '$&']));
    return Buffer.from(text, 'latin1');
  }

  #multipart(type: string, parts: Buffer[]): Buffer {
    const boundary = this.one([
      `=_${++this.#boundaries}`,
      `b.${++this.#boundaries}'()+_,-./:=?`,
      `--${++this.#boundaries}--`,
      `with blank ${++this.#boundaries}`,
      'b'.repeat(60) + ++this.#boundaries,
    ]);
    const line = (text: string) => Buffer.from(`--${boundary}${text}${this.one(['', '', ' ', '\t'])}\r\n`);
    return Buffer.concat([
      Buffer.from(
        `${this.one(['Content-Type', 'content-type', 'CONTENT-TYPE'])}: multipart/${type};${this.one([' ', '\r\n\t', ''])}boundary="${boundary}"${this.one(['', '; charset=utf-8', ';'])}\r\n\r\n${this.one(['', 'preamble\r\n', '\r\n', '--no\r\n'])}`,
      ),
      ...parts.flatMap((part) => [line(''), part, Buffer.from('\r\n')]),
      this.#maybe(0.9) ? line('--') : Buffer.alloc(0),
      Buffer.from(this.one(['', 'epilogue\r\n'])),
    ]);
  }

  mail(): Buffer {
    const files = Array.from({ length: Math.floor(this.#next() * 3) }, () => this.#leaf('file'));
    const text = this.one([
      () => this.#leaf('plain'),
      () => this.#leaf('html'),
      () => this.#multipart('alternative', [this.#leaf('plain'), this.#leaf('html')]),
    ])();
    const image = (): Buffer => this.#leaf('file');
    const shown = this.#maybe(0.15) ? this.#multipart('related', [text, image()]) : text;
    const mixed = files.length ? this.#multipart('mixed', [shown, ...files]) : shown;
    const body = this.#maybe(0.15)
      ? this.#multipart(this.one(['mixed', 'signed', 'x-own']), [mixed, this.#leaf('file')])
      : mixed;
    const whole = Buffer.concat([Buffer.from(this.#head()), body]);
    return this.#maybe(0.1)
      ? Buffer.from(whole.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')
      : whole;
  }
}

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');
const plain = (text: string | null | undefined): string | null =>
  text == null ? null : text.replace(/\r\n/g, '\n').replace(/\s+$/, '');

async function byPostalMime(mail: Buffer): Promise<Judgment> {
  const found = await PostalMime.parse(mail);
  const list = (addresses: Address[] | undefined): string[][] | null =>
    addresses === undefined
      ? null
      : addresses.flatMap((one) =>
          one.group
            ? one.group.map(({ name, address }) => [name, address ?? ''])
            : [[one.name, one.address ?? '']],
        );
  return {
    subject: found.subject ?? '',
    from: list(found.from && [found.from]),
    to: list(found.to),
    date: Math.floor(Date.parse(found.date ?? '') / 1000) || null,
    text: plain(found.text),
    html: plain(found.html),
    files: found.attachments.map(({ filename, content }) => [
      filename,
      sha256(typeof content === 'string' ? Buffer.from(content) : new Uint8Array(content)),
    ]),
  };
}

async function ours(mail: Buffer): Promise<Judgment> {
  const { topic, mail: details, payload, html, attachments, date } = await read(mail, {}, 777);
  const list = (addresses: { name: string; address: string }[]) =>
    addresses.map(({ name, address }) => [name, address]);
  return {
    subject: topic,
    from: list(details.from),
    to: list(details.to),
    date: date ? Math.floor(date.getTime() / 1000) : null,
    text: plain(payload),
    html: plain(html),
    files: attachments.map(({ filename, checksum }) => [filename ?? null, checksum]),
  };
}

function byPython(mails: Buffer[]): Judgment[] {
  const input = mails.map((mail) => `${mail.toString('base64')}\n`).join('');
  const { stdout, status, stderr } = spawnSync('python3', [join(__dirname, 'judge.py')], {
    input,
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const judgment = JSON.parse(line) as Judgment;
      return { ...judgment, text: plain(judgment.text), html: plain(judgment.html) };
    });
}

/** Where this package says something else, and means it. */
const MEANT: [why: string, is: (field: keyof Judgment, one: Judgment, our: Judgment) => boolean][] = [
  [
    'a blank text hides no HTML',
    (field, { text }, { html }) => field === 'text' && text === '' && html !== null,
  ],
];

/** How often both said something about a field, and where this package said something else. */
async function compare(
  mails: [name: string, mail: Buffer][],
): Promise<{ counts: Record<string, number>; others: string[] }> {
  const counts: Record<string, number> = {};
  const others: string[] = [];
  const python = byPython(mails.map(([, mail]) => mail));
  for (const [index, [name, mail]] of mails.entries()) {
    const one = await byPostalMime(mail);
    const other = python[index] as Judgment;
    const our = await ours(mail);
    for (const field of ['subject', 'from', 'to', 'date', 'text', 'html', 'files'] as const) {
      const said = JSON.stringify(one[field]);
      // What neither could decode says nothing.
      if (one[field] === null || said.includes('\ufffd') || said !== JSON.stringify(other[field])) continue;
      counts[field] = (counts[field] ?? 0) + 1;
      const found = JSON.stringify(our[field]);
      if (found !== said && !MEANT.some(([, is]) => is(field, one, our)))
        others.push(`${field} of ${name}: ${said} is ${found}`);
    }
  }
  return { counts, others };
}

describe('mail: beside two other parsers', function () {
  this.timeout(60_000);
  before(function () {
    if (spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status !== 0) {
      console.log('      python3 3.8 or later is missing');
      this.skip();
    }
  });

  it('says of the corpus what both say', async () => {
    const folder = join(__dirname, 'corpus');
    const names = readdirSync(folder).filter((name) => name.endsWith('.eml'));
    const { counts, others } = await compare(names.map((name) => [name, readFileSync(join(folder, name))]));
    // The e-mail node and its users know the text with the report in it, and HTML with its images.
    assert.deepEqual(
      others.map((one) => one.split(':')[0]),
      ['text of delivery-status.eml', 'html of inline-image.eml'],
    );
    assert.ok((counts.subject ?? 0) > 40, JSON.stringify(counts));
    assert.ok((counts.text ?? 0) > 20, JSON.stringify(counts));
  });

  it('says of random mails what both say (JUDGED_MAILS, SEED)', async function () {
    this.timeout(60_000 + MAILS * 100);
    const generator = new Generator(SEED);
    const counts: Record<string, number> = {};
    const different: string[] = [];
    for (let first = 0; first < MAILS && different.length < TOLD; first += TOGETHER) {
      const mails = Array.from(
        { length: Math.min(TOGETHER, MAILS - first) },
        (_, index): [string, Buffer] => [`mail ${first + index} of seed ${SEED}`, generator.mail()],
      );
      const found = await compare(mails);
      different.push(...found.others);
      for (const [field, count] of Object.entries(found.counts)) counts[field] = (counts[field] ?? 0) + count;
    }
    assert.equal(different.join('\n'), '');
    for (const field of ['subject', 'from', 'to', 'date', 'text', 'html', 'files'])
      assert.ok((counts[field] ?? 0) > MAILS / 4, `${field}: ${JSON.stringify(counts)}`);
  });
});

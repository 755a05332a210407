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

/** The same numbers on every run, so that what fails once fails again. */
const SEED = Number(process.env.SEED ?? 16);
const MAILS = 250;

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
    ]);
  }

  #head(): string {
    const zone = this.one(['+0000', '-0500', '+0530', 'GMT', '+0200 (CEST)', 'EST']);
    const date = this.one([
      `Mon, 6 Apr 2026 08:0${Math.floor(this.#next() * 10)}:00 ${zone}`,
      `6 Apr 2026 08:00 ${zone}`,
    ]);
    const to = Array.from({ length: 1 + Math.floor(this.#next() * 3) }, () => this.#address());
    const group = this.#maybe(0.1) ? `To: Group: ${to.join(', ')};` : `To: ${to.join(', ')}`;
    return [
      `From: ${this.#address()}`,
      group,
      `Subject: ${this.#words()}`,
      `Date: ${date}`,
      'MIME-Version: 1.0',
    ]
      .map((line) => `${line}\r\n`)
      .join('');
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
      ]);
      const how = encoding === '8bit' ? 'base64' : encoding;
      return Buffer.concat([
        Buffer.from(
          `Content-Type: application/octet-stream\r\nContent-Disposition: attachment; ${name}\r\nContent-Transfer-Encoding: ${how}\r\n\r\n`,
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
        `Content-Type: text/${kind};${this.one([' ', '\r\n\t'])}charset=${quotes}${label}${quotes}\r\nContent-Transfer-Encoding: ${this.one([encoding, encoding.toUpperCase()])}\r\n\r\n`,
      ),
      encoded(body, encoding),
    ]);
  }

  #multipart(type: string, parts: Buffer[]): Buffer {
    const boundary = this.one([`=_${++this.#boundaries}`, `b.${++this.#boundaries}'()+_,-./:=?`]);
    const line = (text: string) => Buffer.from(`--${boundary}${text}${this.one(['', '', ' ', '\t'])}\r\n`);
    return Buffer.concat([
      Buffer.from(
        `Content-Type: multipart/${type}; boundary="${boundary}"\r\n\r\n${this.one(['', 'preamble\r\n'])}`,
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
    const body = files.length ? this.#multipart('mixed', [text, ...files]) : text;
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
      if (found !== said) others.push(`${field} of ${name}: ${said} is ${found}`);
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

  it('says of random mails what both say', async () => {
    const generator = new Generator(SEED);
    const { counts, others } = await compare(
      Array.from({ length: MAILS }, (_, index) => [`mail ${index} of seed ${SEED}`, generator.mail()]),
    );
    assert.equal(others.join('\n'), '');
    for (const field of ['subject', 'from', 'to', 'date', 'text', 'html', 'files'])
      assert.ok((counts[field] ?? 0) > MAILS / 4, `${field}: ${JSON.stringify(counts)}`);
  });
});

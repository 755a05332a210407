// What is parsed in one go comes out as it does from mailparser's streams.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { Attachments } from '../../nodes/mail/attachments';
import { type ParsedMail, Parsing } from '../../nodes/mail/parse';
import { StreamingParser } from '../../nodes/mail/parser';
import { WHOLE, WholeParser } from '../../nodes/mail/whole';
import { corpus, read } from './support';

async function parsed(mail: Buffer, parser?: StreamingParser): Promise<object> {
  const attachments = new Attachments('buffer');
  const parsing = new Parsing(attachments, parser);
  await parsing.write(mail);
  const { headers, ...rest }: ParsedMail = await parsing.end();
  return { headers: [...headers], ...rest, attachments: attachments.list };
}

/** The same values of the same types, their keys in the same order. */
async function same(mail: Buffer): Promise<void> {
  const inOneGo = await parsed(mail);
  const streamed = await parsed(mail, new StreamingParser());
  assert.deepEqual(withoutNow(inOneGo), withoutNow(streamed));
  assert.equal(JSON.stringify(withoutNow(inOneGo)), JSON.stringify(withoutNow(streamed)));
}

/** A Date header that is no date becomes the present time. */
function withoutNow(value: unknown): unknown {
  if (value instanceof Date) return Math.abs(value.getTime() - Date.now()) < 60_000 ? 'now' : value;
  if (Array.isArray(value)) return value.map(withoutNow);
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, withoutNow(one)]));
  if (value instanceof Error) return value.message;
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutNow(one)]));
}

describe('mail: parsed in one go', () => {
  const small = readdirSync(join(__dirname, 'corpus'))
    .flatMap((file) => /^(.*)\.eml$/.exec(file)?.[1] ?? [])
    .filter((name) => corpus(name).length <= WHOLE);

  it('takes every small mail of the corpus', () => {
    const parser = new WholeParser();
    assert.ok(small.length > 40);
    for (const name of small) assert.ok(parser.parse(corpus(name)).tree, name);
  });

  for (const name of small) {
    it(`${name} is what the streams make of it`, async () => {
      const mail = corpus(name);
      await same(mail);
      // The other line end, and cut off in the midst of it.
      await same(Buffer.from(mail.toString('latin1').replace(/\r\n/g, '\n'), 'latin1'));
      for (const share of [0.3, 0.6, 0.9]) await same(mail.subarray(0, mail.length * share));
    });
  }

  it('finds the same parts as the streaming parser, in any order', async () => {
    const line = fc.constantFrom(
      '--b',
      '--b',
      '--b--',
      '--c',
      '--c--',
      '--b ',
      '--',
      '-- ',
      '---b',
      '\r--b',
      '',
      '',
      'text',
      'a -- b',
      'Content-Type: text/plain',
      'Content-Type: text/html; charset=utf-8',
      'Content-Type: text/plain; boundary=b',
      'Content-Type: multipart/mixed; boundary=b',
      'Content-Type: multipart/alternative; boundary=c',
      'Content-Type: message/rfc822',
      'Content-Type: image/png; name=a.png',
      'Content-Type: application/octet-stream; name=a.pdf',
      'Content-ID: <a@b>',
      'Content-Disposition: attachment',
      'Content-Transfer-Encoding: base64',
      'Content-Transfer-Encoding: quoted-printable',
      'Subject: a',
      'YWJj',
      'a=3D=',
    );
    const mails = fc
      .tuple(
        fc.constantFrom('', 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n'),
        fc.array(fc.tuple(line, fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r\r\n', '')), {
          maxLength: 40,
        }),
      )
      .map(([top, lines]) => Buffer.from(top + lines.map((one) => one.join('')).join('')));
    await fc.assert(fc.asyncProperty(mails, same), { numRuns: 2000 });
  }).timeout(60_000);

  it('keeps nothing of one mail for the next, not even after one it refused', async () => {
    const deep = Array.from(
      { length: 1600 },
      (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}`,
    );
    const parser = new WholeParser();
    assert.throws(() => parser.parse(Buffer.from(deep.join('\r\n'))), /nested deeper/);
    const { headers, texts, attachments } = parser.parse(Buffer.from('Subject: b\r\n\r\ntext'));
    assert.deepEqual([[...headers], texts.size, attachments], [[['subject', 'b']], 1, []]);
  });

  it('leaves to the streams what it refuses', async () => {
    const deep = Array.from(
      { length: 1600 },
      (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}`,
    );
    const message = await read(Buffer.from(['Subject: a', ...deep].join('\r\n')));
    assert.equal(message.topic, 'a');
    assert.match(message.mail.problems.map(({ text }) => text).join(), /nested deeper/);
  });

  it('gives no attachment a view of the mail it came in', async () => {
    const mail = Buffer.from('Content-Type: image/png\r\n\r\npicture');
    const { attachments } = await read(mail, {}, mail.length);
    mail.fill(0);
    assert.equal(attachments[0]?.content?.toString(), 'picture');
  });
});

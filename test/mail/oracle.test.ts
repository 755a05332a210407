// simpleParser reads the same mails: what it finds, flows written for the e-mail node expect.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { read } from './support';

type Tree =
  | { kind: 'plain' | 'html'; text: string; encoding: string; flowed: boolean }
  | { kind: 'file'; bytes: Uint8Array; name: string | undefined }
  | { kind: 'mixed' | 'alternative' | 'related'; parts: Tree[] };

const text = fc
  .array(
    fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', 'Grüße 🎉 ', 'a@example.org', '> quoted ')),
    { maxLength: 6 },
  )
  .map((lines) => lines.join('\r\n').replace(/\r(?!\n)|[\ud800-\udfff\0]/g, ''))
  // A text of blanks hides no HTML here, and mailsplit leaves a line end in an empty part.
  .map((written) => (written.trim() === '' ? 'x' : written));

/** What flows into an empty line mailparser lets flow on behind it. */
const unbroken = (written: string): string => written.replace(/ +(?=\r\n|$)/g, '');

const leaf: fc.Arbitrary<Tree> = fc.oneof(
  fc
    .record({
      kind: fc.constant('plain' as const),
      text,
      encoding: fc.constantFrom('8bit', 'base64'),
      flowed: fc.boolean(),
    })
    .map((one) => (one.flowed ? { ...one, text: unbroken(one.text) } : one)),
  fc.record({
    kind: fc.constant('html' as const),
    text: text.map((inner) => `<p>${inner.replace(/[<>&]/g, '')}</p>`),
    encoding: fc.constantFrom('8bit', 'base64'),
    flowed: fc.constant(false),
  }),
  fc.record({
    kind: fc.constant('file' as const),
    bytes: fc.uint8Array({ maxLength: 300 }),
    name: fc.option(fc.constantFrom('a.pdf', 'b.png', 'c'), { nil: undefined }),
  }),
);

const tree: fc.Arbitrary<Tree> = fc.letrec<{ node: Tree }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.record({
      kind: fc.constantFrom('mixed' as const, 'alternative' as const, 'related' as const),
      parts: fc.array(tie('node'), { minLength: 1, maxLength: 4 }),
    }),
  ),
})).node;

let boundaries = 0;

function write(node: Tree): Buffer {
  if (node.kind === 'file') {
    const name = node.name ? `; name="${node.name}"` : '';
    const head = `Content-Type: application/x-file${name}\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
    return Buffer.from(head + Buffer.from(node.bytes).toString('base64'));
  }
  if ('text' in node) {
    const type = node.kind === 'plain' ? 'text/plain' : 'text/html';
    const bytes = Buffer.from(node.text);
    const body = node.encoding === 'base64' ? Buffer.from(bytes.toString('base64')) : bytes;
    const flowed = node.flowed ? '; format=flowed' : '';
    const head = `Content-Type: ${type}; charset=utf-8${flowed}\r\nContent-Transfer-Encoding: ${node.encoding}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), body]);
  }
  const boundary = `=_${++boundaries}`;
  return Buffer.concat([
    Buffer.from(`Content-Type: multipart/${node.kind}; boundary="${boundary}"\r\n\r\n`),
    ...node.parts.flatMap((part) => [Buffer.from(`--${boundary}\r\n`), write(part), Buffer.from('\r\n')]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
}

function leaves(node: Tree): Tree[] {
  return 'parts' in node ? node.parts.flatMap(leaves) : [node];
}

/** A flowed text loses the line end it closes with, so that one which is nothing else is none. */
function isPlain(node: Tree): boolean {
  return node.kind === 'plain' && (node.flowed ? node.text.replace(/\r\n$/, '') : node.text) !== '';
}

function hasPlain(node: Tree): boolean {
  return leaves(node).some(isPlain);
}

/** simpleParser makes no text of HTML that is in a multipart and has no plain text beside it; this package does. */
function sameText(node: Tree): boolean {
  if (!hasPlain(node)) return !('parts' in node);
  const everyAlternativeHasPlain = (one: Tree): boolean =>
    !('parts' in one) ||
    ((one.kind !== 'alternative' || hasPlain(one)) && one.parts.every(everyAlternativeHasPlain));
  return everyAlternativeHasPlain(node);
}

const HEAD =
  'From: "A" <a@example.org>\r\nTo: b@example.org\r\nSubject: =?utf-8?Q?gr=C3=BCn?=\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nReceived: one\r\nReceived: two\r\n';

/** simpleParser leaves a CR by itself in the text, which mail clients show as a line end. */
const withLineEnds = (written: string): string => written.replace(/\r{1,2}\n|\r/g, '\n');

async function compare(mail: Buffer, size: number, withText: boolean): Promise<void> {
  const ours = await read(mail, {}, size);
  const theirs = await simpleParser(mail, { checksumAlgo: 'sha256' });
  assert.equal(ours.topic, theirs.subject ?? '');
  assert.deepEqual(ours.header, Object.fromEntries(theirs.headers));
  assert.equal(ours.html ?? '', theirs.html || '');
  if (withText) assert.equal(ours.payload, withLineEnds(theirs.text ?? ''));
  assert.deepEqual(
    ours.attachments.map(({ fileName, generatedFileName, length, ...fields }) => fields),
    theirs.attachments.map(({ type, release, ...fields }) => fields),
  );
}

describe('mail: beside simpleParser', () => {
  it('finds the same headers, texts and attachments in any tree of parts', async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.integer({ min: 1, max: 500 }), async (node, size) => {
        await compare(Buffer.concat([Buffer.from(HEAD), write(node)]), size, sameText(node));
      }),
      { numRuns: 300 },
    );
  }).timeout(60_000);

  it('gives back the bytes of every attachment', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 5000 }), { minLength: 1, maxLength: 6 }),
        fc.constantFrom('buffer' as const, 'none' as const),
        async (files, attachments) => {
          const node: Tree = {
            kind: 'mixed',
            parts: files.map((bytes) => ({ kind: 'file', bytes, name: undefined })),
          };
          const message = await read(Buffer.concat([Buffer.from(HEAD), write(node)]), { attachments });
          assert.deepEqual(
            message.attachments.map(({ checksum, size, content }) => [checksum, size, content]),
            files.map((bytes) => [
              createHash('sha256').update(bytes).digest('hex'),
              bytes.length,
              attachments === 'buffer' ? Buffer.from(bytes) : undefined,
            ]),
          );
        },
      ),
      { numRuns: 100 },
    );
  }).timeout(60_000);

  describe('reads long texts, worked on in slices, as if in one piece', () => {
    const japanese = Buffer.from('1b2442467c4b5c386c1b2842', 'hex');
    const LONG: Record<string, { type: string; line: Buffer }> = {
      ASCII: { type: 'text/plain', line: Buffer.from('All work and no play.\r\n') },
      'UTF-8 of two, three and four bytes': {
        type: 'text/plain; charset=utf-8',
        line: Buffer.from('üß€łą🎉語\r\n'),
      },
      'UTF-8 without a line end': { type: 'text/plain; charset=utf-8', line: Buffer.from('語🎉ü') },
      'lone CR and CRLF': { type: 'text/plain; charset=utf-8', line: Buffer.from('a\rb\r\r\n\n\r\n') },
      GB18030: {
        type: 'text/plain; charset=gb18030',
        line: Buffer.from('b6a9b5a52095 32b8330d0a'.replace(/ /g, ''), 'hex'),
      },
      'UTF-16': { type: 'text/plain; charset=utf-16le', line: Buffer.from('grüß🎉\r\n', 'utf16le') },
      'windows-1252': {
        type: 'text/plain; charset=windows-1252',
        line: Buffer.from([0x80, 0xfc, 0x0d, 0x0a]),
      },
      'ISO-2022-JP': {
        type: 'text/plain; charset=iso-2022-jp',
        line: Buffer.concat([Buffer.from('no. '), japanese, Buffer.from('\r\n')]),
      },
      'EUC-JP': { type: 'text/plain; charset=euc-jp', line: Buffer.from('c6fccbdcb8ec0d0a', 'hex') },
      flowed: {
        type: 'text/plain; charset=utf-8; format=flowed',
        line: Buffer.from('flows \r\non and \r\nends.\r\n\r\nnext\r\n> q\r\n>\r\n> q\r\n-- \r\nü\r\n'),
      },
      'flowed, delsp': {
        type: 'text/plain; charset=utf-8; format=flowed; delsp=yes',
        line: Buffer.from('flows \r\non. \r\n\r\n x\r\n'),
      },
      'flowed without an end': {
        type: 'text/plain; charset=utf-8; format=flowed',
        line: Buffer.from('on and \r\n'),
      },
      HTML: { type: 'text/html; charset=utf-8', line: Buffer.from('<b>ü</b>\r\n') },
    };
    for (const [name, { type, line }] of Object.entries(LONG)) {
      it(name, async () => {
        for (const encoding of ['8bit', 'base64']) {
          const body = Buffer.concat(Array.from({ length: Math.ceil(300_000 / line.length) }, () => line));
          const mail = Buffer.concat([
            Buffer.from(`${HEAD}Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`),
            encoding === 'base64' ? Buffer.from(body.toString('base64').replace(/.{76}/g, '$&\r\n')) : body,
          ]);
          await compare(mail, 9973, !type.startsWith('text/html'));
        }
      }).timeout(30_000);
    }
  });
});

import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { isUtf7, Utf7Decoder } from '../../nodes/mail/utf7';

/** Encodes what is not a plain letter, as RFC 2152 has it. */
function encoded(text: string): string {
  return text.replace(/\+|[^A-Za-z0-9 ]+/g, (run) => {
    if (run === '+') return '+-';
    const units = Buffer.from(run, 'utf16le').swap16();
    return `+${units.toString('base64').replace(/=+$/, '')}-`;
  });
}

function decoded(...chunks: Buffer[]): string {
  const decoder = new Utf7Decoder();
  // Bytes at once, as the collector takes them: half a character would be lost.
  const pieces = [...chunks.map((chunk) => decoder.write(chunk)), decoder.end()];
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString();
}

describe('UTF-7', () => {
  const known: Record<string, string> = {
    // From RFC 2152 itself.
    'A+ImIDkQ.': 'A≢Α.',
    'Hi Mom -+Jjo--!': 'Hi Mom -☺-!',
    '+ZeVnLIqe-': '日本語',
    'Item 3 is +AKM-1.': 'Item 3 is £1.',
    '1 +- 1 = 2': '1 + 1 = 2',
    // And as it comes.
    'Gr+APwA3w-e\r\n': 'Grüße\r\n',
    '+2DzfiQ-': '🎉',
    '1 + 1 = 2': '1 + 1 = 2',
    'C+': 'C+',
    '+-+-': '++',
    '': '',
  };
  for (const [bytes, text] of Object.entries(known)) {
    it(`${JSON.stringify(bytes)} is ${JSON.stringify(text)}, wherever it is cut`, () => {
      const all = Buffer.from(bytes, 'latin1');
      for (let cut = 0; cut <= all.length; cut += 1)
        assert.equal(decoded(all.subarray(0, cut), all.subarray(cut)), text, `at ${cut}`);
    });
  }

  it('comes out as it went in, whatever it was and however it is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.nat(40)), (text, cuts) => {
        const bytes = Buffer.from(encoded(text), 'latin1');
        const chunks: Buffer[] = [];
        let at = 0;
        for (const cut of cuts) {
          chunks.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        assert.equal(decoded(...chunks, bytes.subarray(at)), text);
      }),
    );
  });

  it('is known by its names', () => {
    for (const name of ['UTF-7', 'utf7', 'unicode-1-1-utf-7', 'x-unicode-2-0-utf-7'])
      assert.ok(isUtf7(name), name);
    for (const name of ['utf-8', 'utf-7-imap', 'utf-16', 'utf']) assert.ok(!isUtf7(name), name);
  });
});

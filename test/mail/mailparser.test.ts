// What is used of mailparser that is no public interface: each by its name. A mailparser that has changed there fails
// here, before it fails a mail.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { he, headerValues, iconv, textToHtml, typeByName } from '../../nodes/mail/mailparser';

describe('mail: what is used of mailparser', () => {
  it('iconv-lite: encodingExists, getDecoder', () => {
    assert.ok(iconv().encodingExists('koi8-r') && !iconv().encodingExists('nonsense'));
    const decoder = iconv().getDecoder('koi8-r', { stripBOM: false });
    assert.equal(decoder.write(Buffer.from('eec1', 'hex')) + (decoder.end() ?? ''), 'На');
    for (const label of ['euc-jp', 'euc-kr', 'windows-1252', 'gb18030', 'big5', 'shift_jis', 'macintosh'])
      assert.ok(iconv().encodingExists(label), label);
  });

  it('he: decode', () => {
    assert.equal(he().decode('&auml;&#8364;&lt;'), 'ä€<');
  });

  it('MailParser: processHeaders', () => {
    const headers = headerValues([
      { key: 'list-id', line: 'List-ID: <list.example.org>' },
      { key: 'x-priority', line: 'X-Priority: 1' },
      { key: 'dkim-signature', line: 'DKIM-Signature: v=1; d=example.org' },
    ]);
    assert.deepEqual(headers.get('list'), { id: { name: 'list.example.org' } });
    assert.equal(headers.get('priority'), 'high');
    assert.equal((headers.get('dkim-signature') as { params: { d: string } }).params.d, 'example.org');
  });

  it('MailParser: libmime.detectMimeType, textToHtml', () => {
    assert.equal(typeByName('a.pdf'), 'application/pdf');
    assert.equal(textToHtml('a<b\n\nhttps://x.example', true).includes('<a href="https://x.example">'), true);
    assert.equal(textToHtml('a<b\nc', false), '<p>a&lt;b<br/>c</p>');
  });

  it('all it is made of is found from its folder', () => {
    const requireFrom = createRequire(require.resolve('mailparser'));
    for (const piece of ['iconv-lite', '@zone-eu/mailsplit', 'he', 'libmime', 'linkify-it', 'html-to-text'])
      assert.ok(requireFrom.resolve(piece), piece);
  });
});

// Who sent it, as the receiving server judged (RFC 8601), and the new text of a reply.
import assert from 'node:assert/strict';
import { replyOf } from '../../nodes/mail/reply';
import { read } from './support';

const OURS = 'mx.example.com';
const judged = async (...fields: string[]) =>
  (
    await read(
      `${fields.map((field) => `Authentication-Results: ${field}\r\n`).join('')}From: a@example.org\r\n\r\nx`,
      {
        trustedServers: [OURS, '*.mail.example.net'],
      },
    )
  ).mail.authentication;

describe('mail: who sent it', () => {
  it('tells what a trusted server found', async () => {
    assert.deepEqual(
      await judged(
        `${OURS};\r\n\tspf=pass smtp.mailfrom=example.org;\r\n\tdkim=pass (good; dmarc=fail) header.d=example.org;\r\n dmarc=pass header.from=example.org; arc=none`,
      ),
      { by: OURS, spf: 'pass', dkim: 'pass', dmarc: 'pass', arc: 'none', verdict: 'pass' },
    );
    assert.equal(
      (await judged(`${OURS} 1; dmarc/1=fail (p=reject) reason="dmarc=pass; really"`))?.verdict,
      'fail',
    );
    assert.equal((await judged(`a.mail.example.net; dmarc = PASS`))?.verdict, 'pass');
    assert.equal((await judged(`(hi) "${OURS}" (there); (c) dmarc=pass`))?.verdict, 'pass');
    // RFC 8601 appendix B.2 and B.5.
    assert.equal((await judged(`${OURS} 1; none`))?.verdict, 'none');
    const two = await judged(`${OURS}; spf=pass smtp.mailfrom=x`, `${OURS}; dkim=fail; dkim=pass`);
    assert.deepEqual([two?.spf, two?.dkim, two?.verdict], ['pass', 'pass', 'none']);
  });

  it('believes nothing else', async () => {
    for (const fields of [
      [],
      ['mx.attacker.org; dmarc=pass'],
      [`mx.attacker.org; spf=pass`, `${OURS}; dmarc=pass`],
      [`${OURS}.attacker.org; dmarc=pass`],
      ['mail.example.net.attacker.org; dmarc=pass'],
      [`${OURS} dmarc=pass`],
      [`; ${OURS}; dmarc=pass`],
      [`(${OURS}; dmarc=pass`],
      [`${OURS}; x="; dmarc=pass"`],
      [`${OURS}; spf=pass smtp.mailfrom=dmarc=pass`],
      [`${OURS}; dmarc=passed`],
    ])
      assert.notEqual((await judged(...fields))?.verdict, 'pass', fields.join(' | '));
    assert.notEqual((await judged(`${OURS}; dmarc=fail`, `${OURS}; dmarc=pass`))?.verdict, 'pass');
    const untrusted = await read(`Authentication-Results: ${OURS}; dmarc=pass\r\n\r\n`, {
      trustedServers: [],
    });
    assert.deepEqual(untrusted.mail.authentication, {
      by: '',
      spf: 'none',
      dkim: 'none',
      dmarc: 'none',
      arc: 'none',
      verdict: 'none',
    });
  });
});

describe('mail: the new text of a reply', () => {
  it('ends where the quotation begins, in several languages', () => {
    for (const quoted of [
      'On Mon, 6 Apr 2026 at 08:00, Ada <a@x.org> wrote:\n> old',
      'On Mon, 6 Apr 2026 at 08:00, Ada\n<a@x.org> wrote:\n> old',
      'Am 06.04.2026 um 08:00 schrieb Ada:\n> old',
      'Le lun. 6 avr. 2026 à 08:00, Ada <a@x.org> a écrit :\n> old',
      'El lun, 6 abr 2026 a las 8:00, Ada escribió:\n> old',
      '-----Original Message-----\nFrom: Ada',
      '________________________________\nFrom: Ada',
      'Von: Ada\nGesendet: Montag\nAn: Bob\nold',
      '-- \nBob',
    ])
      assert.equal(replyOf(`Switch it off.\n\n${quoted}`), 'Switch it off.', quoted);
    assert.equal(replyOf('> is it on?\nYes.\n> sure?\nYes.'), 'Yes.\nYes.');
    assert.equal(replyOf('On second thought, leave it on.'), 'On second thought, leave it on.');
  });

  it('stands in the mail only where it was asked for', async () => {
    const mail = 'Subject: Re: s\r\n\r\nYes.\r\n\r\n> sure?\r\n';
    assert.equal((await read(mail, { reply: true })).mail.reply, 'Yes.');
    assert.ok(!('reply' in (await read(mail)).mail));
  });
});

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

  it('reads the examples of RFC 8601, appendix B', async () => {
    const of = async (by: string, ...fields: string[]) =>
      (
        await read(`${fields.map((field) => `Authentication-Results: ${field}\r\n`).join('')}\r\n`, {
          trustedServers: [by],
        })
      ).mail.authentication;
    const none = { spf: 'none', dkim: 'none', dmarc: 'none', arc: 'none', verdict: 'none' };
    assert.deepEqual(await of('example.org'), { by: '', ...none });
    assert.deepEqual(await of('example.org', 'example.org 1; none'), { by: 'example.org', ...none });
    assert.deepEqual(await of('example.com', 'example.com;\r\n\tspf=pass smtp.mailfrom=example.net'), {
      by: 'example.com',
      ...none,
      spf: 'pass',
    });
    assert.deepEqual(
      await of(
        'example.com',
        'example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net',
        'example.com; iprev=pass\r\n policy.iprev=192.0.2.200',
      ),
      { by: 'example.com', ...none, spf: 'pass' },
    );
    assert.deepEqual(
      await of(
        'example.com',
        'example.com;\r\n dkim=pass (good signature) header.d=example.com',
        'example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.com;\r\n spf=fail smtp.mailfrom=example.com',
      ),
      { by: 'example.com', ...none, dkim: 'pass', spf: 'fail' },
    );
    // The server below is another one: its results are not looked at.
    const chain = [
      'example.com;\r\n dkim=pass reason="good signature"\r\n header.i=@mail-router.example.net;\r\n dkim=fail reason="bad signature"\r\n header.i=@newyork.example.com',
      'example.net;\r\n dkim=pass (good signature) header.i=@newyork.example.com',
    ];
    assert.deepEqual(await of('example.com', ...chain), { by: 'example.com', ...none, dkim: 'pass' });
    assert.deepEqual(await of('example.net', ...chain), { by: '', ...none });
    assert.deepEqual(
      await of(
        'foo.example.net',
        "foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462",
      ),
      { by: 'foo.example.net', ...none, dkim: 'fail' },
    );
  });

  it('reads a field without a name where the server below is known to leave it out', async () => {
    const of = async (...lines: string[]) =>
      (
        await read(`${lines.join('\r\n')}\r\n\r\nx`, {
          trustedServers: ['~outlook.com', 'mx.microsoft.com'],
        })
      ).mail.authentication;
    const hop = 'Received: from a.prod.outlook.com (2603::1) by b.prod.outlook.com with HTTPS; Mon';
    const own =
      'Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=x.org; dkim=pass (signature was verified)\r\n header.d=x.org;dmarc=pass action=none\r\n header.from=x.org;compauth=pass reason=100';
    const edge =
      'Received: from mx.x.org (192.0.2.1)\r\n by AM1.mail.protection.outlook.com (10.1.1.1) with SMTP; Mon';
    const forged = 'Authentication-Results: spf=pass; dmarc=pass';
    const outside = 'Received: from evil by mx.evil.org; Mon';
    assert.deepEqual(await of(hop, own, edge), {
      by: 'outlook.com',
      spf: 'pass',
      dkim: 'pass',
      dmarc: 'pass',
      arc: 'none',
      verdict: 'pass',
    });
    assert.equal((await of(hop, own.replace('dmarc=pass', 'dmarc=bestguesspass'), edge))?.verdict, 'none');
    assert.equal((await of(hop, own.replace('dmarc=pass', 'dmarc=fail'), edge, forged))?.verdict, 'fail');
    assert.equal((await of('Authentication-Results: mx.microsoft.com 1; dmarc=pass'))?.verdict, 'pass');
    for (const lines of [
      [forged],
      [forged, outside],
      [forged, 'Received: from x by notoutlook.com; Mon'],
      [forged, 'Received: from by.outlook.com by mx.evil.org; Mon'],
      ['Authentication-Results: mx.evil.org; spf=fail', forged, edge],
      [own.replace('dmarc=pass', 'dmarc=none'), edge, forged, edge],
    ])
      assert.notEqual((await of(...lines))?.verdict, 'pass', lines.join(' | '));
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

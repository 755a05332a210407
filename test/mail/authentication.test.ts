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
        await read(`From: a@x.org\r\n${lines.join('\r\n')}\r\n\r\nx`, {
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
    const [spf = '', others = ''] = own.split(/; (?=dkim)/);
    const split = await of(hop, spf, `Authentication-Results: ${others}`, edge);
    assert.deepEqual([split?.spf, split?.dkim, split?.verdict], ['pass', 'pass', 'pass']);
    for (const lines of [
      [forged],
      [forged, outside],
      [forged, 'Received: from x by notoutlook.com; Mon'],
      [forged, 'Received: from by.outlook.com by mx.evil.org; Mon'],
      ['Authentication-Results: mx.evil.org; spf=fail', forged, edge],
      [own.replace('dmarc=pass', 'dmarc=none'), edge, forged, edge],
      [forged, 'Received: from x (helo by a.outlook.com) by mx.evil.org; Mon'],
    ])
      assert.notEqual((await of(...lines))?.verdict, 'pass', lines.join(' | '));
  });

  it('opens the gate only for the sender that was judged', async () => {
    const of = async (found: string, from: string) =>
      (await read(`Authentication-Results: ${OURS}; ${found}\r\n${from}\r\n\r\n`, { trustedServers: [OURS] }))
        .mail.authentication;
    const utf8 = Buffer.from('bücher.example').toString('latin1');
    for (const [found, from] of [
      ['dmarc=pass header.from=Example.ORG', 'From: a@example.org'],
      ['dmarc=pass header.from=example.org.', 'From: Doe, John <a@example.org>'],
      ['dmarc=pass(p=reject dis=none)  header.from=<a@example.org>', 'From: a@example.org, b@example.org'],
      ['dmarc=pass header (c) . (d) from = "example.org"', 'From: a@example.org'],
      ['dmarc=pass header.from=xn--bcher-kva.example', `From: a@${utf8}`],
      [`dmarc=pass header.from=${utf8}`, 'From: a@xn--bcher-kva.example'],
      ['dmarc=pass header.from=evil.org', 'From: "a@example.org" <a@evil.org>'],
    ] as const)
      assert.equal((await of(found, from))?.verdict, 'pass', `${found} | ${from}`);
    for (const [found, from] of [
      ['dmarc=pass header.from=evil.org', 'From: a@example.org'],
      ['dmarc=pass header.from=sub.example.org', 'From: a@example.org'],
      ['dmarc=pass', 'From: a@example.org, b@evil.org'],
      ['dmarc=pass', 'From: a@example.org\r\nFrom: b@evil.org'],
      ['dmarc=pass header.from=evil.org', 'From: a@example.org\r\nFrom: b@evil.org'],
      ['dmarc=pass header.from=example.org', 'Sender: a@example.org'],
    ] as const) {
      const { dmarc, verdict } = (await of(found, from)) ?? {};
      assert.deepEqual([dmarc, verdict], ['pass', 'none'], `${found} | ${from}`);
    }
    assert.equal((await of('dmarc=fail header.from=evil.org', 'From: a@example.org'))?.verdict, 'fail');
  });

  it('tells SPF of the sender, and not of the name in HELO', async () => {
    for (const [found, spf] of [
      ['spf=none smtp.helo=mail.x; spf=pass smtp.mailfrom=x.org', 'pass'],
      ['spf=fail smtp.mailfrom=x.org; spf=pass smtp.helo=mail.x', 'fail'],
      ['spf=pass smtp.helo=mail.x', 'pass'],
      ['spf=pass smtp.mailfrom=x.org smtp.helo=mail.x', 'pass'],
    ])
      assert.equal((await judged(`${OURS}; ${found}`))?.spf, spf, found);
  });

  it('takes a name with a dot at its end for the same name', async () => {
    assert.equal((await judged(`${OURS}.; dmarc=pass`))?.by, OURS);
    const mail = `Authentication-Results: ${OURS}; spf=pass\r\n\r\n`;
    assert.equal((await read(mail, { trustedServers: [`${OURS}.`] })).mail.authentication?.spf, 'pass');
    for (const name of ['*', '*.', '~', '.', ''])
      for (const field of [`${OURS}.; spf=pass`, 'spf=pass; dkim=pass']) {
        const mail = `Authentication-Results: ${field}\r\nReceived: from x by ${OURS}.; Mon\r\n\r\n`;
        assert.equal((await read(mail, { trustedServers: [name] })).mail.authentication?.by, '', name);
      }
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
      [`${OURS}; dmarc=pass.not`],
      [`${OURS}; dmarc="pass"`],
      [`${OURS}; dmarc=pass\0`],
      [`${OURS}\xa0; dmarc=pass`],
      [`${OURS}; spf=fail\rAuthentication-Results: ${OURS}; dmarc=pass`],
      [`mx.exam(x)ple.com; dmarc=pass`],
      [`${OURS}; spf=pass smtp.mailfrom="a; dmarc=pass"@evil.org`],
      [`${OURS}; spf=pass reason="open; dmarc=pass`],
    ])
      assert.notEqual((await judged(...fields))?.verdict, 'pass', fields.join(' | '));
    for (const version of [`${OURS} 2; dmarc=pass`, `${OURS}; dmarc/2=pass`])
      assert.equal((await judged(version))?.dmarc, 'none');
    // A server that does not remove what bears its name, and judges by SPF only.
    const below = await read(
      `Authentication-Results: ${OURS}; spf=fail\r\nReceived: from x by ${OURS}; Mon\r\nAuthentication-Results: ${OURS}; dmarc=pass; dkim=pass\r\nFrom: a@example.org\r\n\r\n`,
      { trustedServers: [OURS] },
    );
    assert.deepEqual(below.mail.authentication, {
      by: OURS,
      spf: 'fail',
      dkim: 'none',
      dmarc: 'none',
      arc: 'none',
      verdict: 'none',
    });
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

const ANSWER = 'Switch it off.\n\nThanks';

/** How mail programs introduce what they quote. */
const INTRODUCTIONS = [
  'On Mon, Apr 6, 2026 at 8:00 AM Ada Love <ada@x.org> wrote:',
  'On Mon, Apr 6, 2026 at 8:00 AM Ada Love\n<ada@x.org> wrote:',
  'On Mon, Apr 6, 2026 at 8:00 AM Ada Love\n<ada.love@department.example.org>\nwrote:',
  'On Apr 6, 2026, at 8:00 AM, Ada Love <ada@x.org> wrote:',
  'On 4/6/26 8:00 AM, Ada Love wrote:',
  'On Monday, April 6, 2026, 08:00:00 AM GMT+2, Ada Love <ada@x.org> wrote: ',
  'Am Mo., 6. Apr. 2026 um 08:00 Uhr schrieb Ada Love <ada@x.org>:',
  'Am 06.04.26 um 08:00 schrieb Ada Love:',
  'Am Montag, 6. April 2026 um 08:00:00 MESZ hat Ada Love <ada@x.org> Folgendes geschrieben: ',
  'Le lun. 6 avr. 2026 à 08:00, Ada Love <ada@x.org> a écrit\u00a0:',
  'El lun, 6 abr 2026 a las 8:00, Ada Love (<ada@x.org>) escribió:',
  'Il giorno lun 6 apr 2026 alle ore 08:00 Ada Love <ada@x.org> ha scritto:',
  'Em seg., 6 de abr. de 2026 às 08:00, Ada Love <ada@x.org> escreveu:',
  'Op ma 6 apr 2026 om 08:00 schreef Ada Love <ada@x.org>:',
  'pon., 6 kwi 2026 o 08:00 Ada Love <ada@x.org> napisał(a):',
  'пн, 6 апр. 2026 г. в 08:00, Ada Love <ada@x.org>:',
  '06.04.2026 8:00, Ada Love пишет:',
  '2026年4月6日(月) 8:00 Ada Love <ada@x.org>:',
  '2026/04/06 8:00、Ada Love <ada@x.org>のメール：',
  'Ada Love <ada@x.org> 于2026年4月6日周一 08:00写道：',
  '2026년 4월 6일 (월) 오전 8:00, Ada Love <ada@x.org>님이 작성:',
  'Den mån 6 apr. 2026 kl 08:00 skrev Ada Love <ada@x.org>:',
  'Ada Love <ada@x.org> 於 2026年4月6日 週一 上午8:00寫道：',
  '2026年4月6日月曜日 08:00:00 JST、Ada Love <ada@x.org>さんは書きました:',
  'ma 6. huhtik. 2026 klo 8.00 Ada Love (ada@x.org) kirjoitti:',
  'Ada Love <ada@x.org>, 6 Nis 2026 Pzt, 08:00 tarihinde şunu yazdı:',
  'Понедельник, 6 апреля 2026, 8:00 +03:00 от Ada Love <ada@x.org>:',
  '*On Mon, Apr 6, 2026 at 8:00 AM Ada Love <ada@x.org> wrote:*',
  '---- On Mon, 06 Apr 2026 08:00:00 +0200 Ada Love <ada@x.org> wrote ----',
];

const BLOCKS = [
  ['From', 'Sent', 'To', 'Subject'],
  ['Von', 'Gesendet', 'An', 'Betreff'],
  ['De ', 'Envoyé ', 'À ', 'Objet '],
  ['De', 'Enviado el', 'Para', 'Asunto'],
  ['Da', 'Inviato', 'A', 'Oggetto'],
  ['De', 'Enviada em', 'Para', 'Assunto'],
  ['Van', 'Verzonden', 'Aan', 'Onderwerp'],
  ['Od', 'Wysłano', 'Do', 'Temat'],
  ['От', 'Отправлено', 'Кому', 'Тема'],
  ['差出人', '送信日時', '宛先', '件名'],
  ['发件人', '发送时间', '收件人', '主题'],
  ['보낸 사람', '보낸 날짜', '받는 사람', '제목'],
  ['From', 'Date', 'To', 'Subject'],
  ['보낸사람', '보낸날짜', '받는사람', '제목'],
  ['寄件者', '寄件日期', '收件者', '主旨'],
  ['Lähettäjä', 'Lähetetty', 'Vastaanottaja', 'Aihe'],
  ['Feladó', 'Elküldve', 'Címzett', 'Tárgy'],
  ['Από', 'Στάλθηκε', 'Προς', 'Θέμα'],
];

describe('mail: the new text of a reply', () => {
  it('ends at an introduction, wherever it stands, in many languages', () => {
    for (const introduction of INTRODUCTIONS) {
      for (const quoted of ['> Is it on?\n>\n> Ada', '\n> Is it on?', 'Is it on?\n\nAda'])
        assert.equal(replyOf(`${ANSWER}\n\n${introduction}\n${quoted}\n`), ANSWER, introduction);
      const quote = `${introduction}\n> Is it on?\n`;
      assert.equal(replyOf(`${quote}\n${ANSWER}\n-- \nBob`), ANSWER, `${introduction} above`);
      assert.equal(replyOf(`Hi,\n\n${quote}\nYes.\n> sure?\nYes.`), 'Hi,\n\nYes.\nYes.', introduction);
    }
  });

  it('ends at the header block of Outlook, in many languages', () => {
    for (const names of BLOCKS) {
      const values = ['Ada <a@x.org>', 'Monday', 'Bob <b@x.org>', 'Pump'];
      const block = names.map((name, at) => `${name}: ${values[at]}`).join('\n');
      for (const quoted of [block, block.replace(/^(.+?):/gm, '*$1:*'), `${'_'.repeat(32)}\n${block}`])
        assert.equal(replyOf(`${ANSWER}\n\n${quoted}\n\nIs it on?`), ANSWER, quoted);
    }
    for (const quoted of [
      '-----Original Message-----\nFrom: Ada',
      '-------- Ursprüngliche Nachricht --------\nVon: Ada',
      'Gesendet: Montag\nVon: Ada\nAn: Bob\nBetreff: Pump',
      '---------- Forwarded message ---------\nFrom: Ada',
      '________________________________\nFrom: Ada',
      '-----Message d’origine-----\nDe : Ada',
      '‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\nAda',
      '-------- Weitergeleitete Nachricht --------\nBetreff: Pump\nDatum: Montag\nVon: Ada\nAn: Bob',
      'Begin forwarded message:\n\nFrom: Ada\nSubject: Pump\nDate: Monday\nTo: Bob',
      'Anfang der weitergeleiteten Nachricht:\n\nVon: Ada\nBetreff: Pump\nDatum: Montag\nAn: Bob',
      '-- \nBob',
      '--\nBob',
    ])
      assert.equal(replyOf(`${ANSWER}\n\n${quoted}\nold`), ANSWER, quoted);
  });

  it('leaves out what telephones put under it', () => {
    for (const signature of [
      'Outlook für iOS herunterladen<https://aka.ms/x>',
      'Télécharger Outlook pour iOS<https://aka.ms/x>',
      'Envoyé à partir de Courrier pour Windows',
      'Отправлено из мобильной Яндекс.Почты',
      'iOS 版 Outlook を入手<https://aka.ms/x>',
      'Windows 版のメールから送信',
      'Galaxy에서 보냄',
      '從我的 iPad 傳送',
      '发自我的小米手机',
      '从 Windows 版邮件发送',
      'Verstuurd vanaf mijn iPhone',
      'iPhone’umdan gönderildi',
      'Lähetetty iPhonesta',
      'Sent from my iPhone',
      'Von meinem iPhone gesendet',
      'Envoyé de mon iPhone',
      'Enviado desde mi iPhone',
      'Inviato da iPhone',
      'Отправлено с iPhone',
      'iPhoneから送信',
      '发自我的iPhone',
      'Get Outlook for iOS<https://aka.ms/x>',
      'Sent from Yahoo Mail on Android',
    ]) {
      assert.equal(replyOf(`${ANSWER}\n\n${signature}\n\n${INTRODUCTIONS[0]}\n> x`), ANSWER, signature);
      assert.equal(replyOf(`${signature}\nis what it says`), `${signature}\nis what it says`);
    }
  });

  it('keeps all where it is not certain', () => {
    for (const text of [
      'On second thought, leave it on.',
      'On Monday Bob wrote:\nbuy milk',
      'At 08:00 I do this:\nnothing',
      'Name: Bob\nFrom: Munich\nDate: 6 April\nTo: Berlin\nPlease.',
      'From: 8:00\nto the end',
      'a\n____________________\nb',
      'Level\n--\nPump',
      'Sent from my desk, with love',
      `${INTRODUCTIONS[0]}\nIs it on?\n\nYes.`,
      '-----Original Message-----\nFrom: Ada\n\nIs it on?',
      '---------- Forwarded message ---------\nFrom: Ada\nDate: Mon\nSubject: Pump\nTo: Bob\n\nIs it on?\n> x',
      'Please install Outlook for iOS',
      'To be forwarded:\nthe report',
      '--- Level ---\n3',
      'Values at 2026-04-06 08:00:\n12',
      `${'line\n'.repeat(6000)}end`,
    ])
      assert.equal(replyOf(text), text);
    assert.equal(replyOf('> is it on?\nYes.\n> sure?\nYes.'), 'Yes.\nYes.');
    assert.equal(replyOf('> all\n> of it'), '');
  });

  it('stands in the mail only where it was asked for', async () => {
    const mail = 'Subject: Re: s\r\n\r\nYes.\r\n\r\n> sure?\r\n';
    assert.equal((await read(mail, { reply: true })).mail.reply, 'Yes.');
    assert.ok(!('reply' in (await read(mail)).mail));
  });
});

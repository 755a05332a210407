// Every character set mails come in, under every name, in bodies, headers and file names.
import assert from 'node:assert/strict';
import { problems, read } from './support';
import { bytes, ENCODINGS, HEAD, mail, multipart, word } from './writing';

/** Names, a text, and its bytes as another implementation wrote them. */
const CHARSETS: [labels: string, text: string, hex: string][] = [
  [
    'iso-8859-2 latin2 l2 iso8859-2 ISO_8859-2:1987 csISOLatin2',
    'Žluťoučký kůň',
    'ae6c75bb6f75e86bfd206bf9f2',
  ],
  ['iso-8859-3 latin3', 'Eĥoŝanĝo ĉiuĵaŭde', '45b66ffe616ef86f20e66975bc61fd6465'],
  ['iso-8859-4', 'Ūdens līmenis zems', 'de64656e73206cef6d656e6973207a656d73'],
  ['iso-8859-5 cyrillic', 'Насос остановлен', 'bdd0e1dee120dee1e2d0ddded2dbd5dd'],
  ['iso-8859-6 arabic csiso88596i ASMO-708', 'المضخة متوقفة', 'c7e4e5d6cec920e5cae8e2e1c9'],
  ['iso-8859-7 greek ELOT_928 sun_eu_greek', 'Η αντλία σταμάτησε', 'c720e1edf4ebdfe120f3f4e1ecdcf4e7f3e5'],
  ['iso-8859-8 iso-8859-8-i ISO-8859-8-E logical visual hebrew', 'המשאבה נעצרה', 'e4eef9e0e1e420f0f2f6f8e4'],
  [
    'iso-8859-9 latin5 l5 windows-1254 cp1254',
    '“Pompa” durdu – ığüşöç €',
    '93506f6d706194206475726475209620fdf0fcfef6e72080',
  ],
  ['iso-8859-10 latin6', 'Þrýstingur lágur', 'de72fd7374696e677572206ce1677572'],
  ['iso-8859-13', 'Sūknis apstājies ąčęėį', '53fb6b6e69732061707374e26a69657320e0e8e6ebe1'],
  ['iso-8859-14', 'Ŵy pŵmp ẁ', 'd0792070f06d7020b8'],
  [
    'iso-8859-15 latin-9 latin9 csISOLatin9 ISO8859-15',
    'Füllstand: 5 € Œuvre',
    '46fc6c6c7374616e643a203520a420bc75767265',
  ],
  ['iso-8859-16', 'Pompa s-a oprit: ăâîșț €', '506f6d706120732d61206f707269743a20e3e2eebafe20a4'],
  ['windows-874 tis-620 iso-8859-11 x-windows-874', 'ปั๊มหยุด “€”', 'bbd1eac1cbc2d8b420938094'],
  ['windows-1250 cp1250 x-cp1250', 'Żółć – „gęś”', 'aff3b3e62096208467ea9c94'],
  ['windows-1251 cp1251 x-cp1251', 'Насос № 3 – «стоит»', 'cde0f1eef120b92033209620abf1f2eee8f2bb'],
  [
    'windows-1252 iso-8859-1 latin1 iso8859-1 ISO_8859-1 cp819 ansi',
    '“Tür” geöffnet – 5 €',
    '9354fc7294206765f666666e6574209620352080',
  ],
  ['windows-1253 cp1253', 'Αντλία “3” – €', 'c1edf4ebdfe12093339420962080'],
  ['windows-1255', 'משאבה – “3” ₪', 'eef9e0e1e420962093339420a4'],
  ['windows-1256', 'المضخة – “3” پ', 'c7e1e3d6cec92096209333942081'],
  ['windows-1257', 'Sūknis – „3” €', '53fb6b6e69732096208433942080'],
  ['windows-1258', 'Đơn – “3” ₫', 'd0f56e20962093339420fe'],
  ['koi8-r koi8 KOI8_R csKOI8R', 'Насос ║ стоит', 'eec1d3cfd320a120d3d4cfc9d4'],
  ['koi8-u', 'Насос їжі ґ', 'eec1d3cfd320a7d6a620ad'],
  ['cp866 ibm866 866', 'Насос ║ стоит', '8da0e1aee120ba20e1e2aea8e2'],
  ['cp437 ibm437', 'Tür │ ½', '54817220b320ab'],
  ['cp850 ibm850', 'Tür × ß', '548172209e20e1'],
  ['cp852', 'Żółć gęś', 'bda288862067a998'],
  ['macintosh x-mac-roman mac', 'Tür – “geöffnet” ∂', '549f7220d020d267659a66666e6574d320b6'],
  ['x-mac-cyrillic', 'Насос стоит', '8de0f1eef120f1f2eee8f2'],
  ['gb2312 gbk gb_2312-80 x-gbk chinese cp936', '水泵停止，请检查', 'cbaeb1c3cda3d6b9a3acc7ebbcecb2e9'],
  ['gb18030 gb2312', '水泵𠮷停止 Ǹ', 'cbaeb1c39534b235cda3d6b9208130a330'],
  ['big5 cn-big5 big5-hkscs x-x-big5', '水泵停止，請檢查', 'a4f4aca6b0b1a4eea141bdd0c0cbac64'],
  [
    'euc-jp x-euc-jp csEUCPkdFmtjapanese',
    'ポンプが停止しました ﾎﾟﾝﾌﾟ',
    'a5dda5f3a5d7a4acc4e4bbdfa4b7a4dea4b7a4bf208ece8edf8edd8ecc8edf',
  ],
  [
    'shift_jis sjis x-sjis ms_kanji windows-31j shift-jis cp932',
    'ポンプ①が停止 ﾎﾟﾝﾌﾟ ～',
    '837c83938376874082aa92e28e7e20cedfddccdf208160',
  ],
  [
    'euc-kr ks_c_5601-1987 korean cp949 windows-949',
    '펌프가 멈췄습니다 똠',
    'c6dfc7c1b0a120b8d8c3e8bdc0b4cfb4d9208c63',
  ],
  [
    'iso-2022-jp csISO2022JP',
    'ポンプが停止しました。\nABC 3',
    '1b2442255d25732557242c44643b5f2437245e2437243f21231b28420a4142432033',
  ],
  [
    'iso-2022-jp-2',
    '停止 펌프 Tür 水泵',
    '1b244244643b5f1b2842201b242843465f47411b284220541b2428442b641b284272201b24423f651b24284131431b2842',
  ],
  ['iso-2022-jp iso-2022-jp-ext', 'ﾎﾟﾝﾌﾟ停止 丂', '1b28494e5f5d4c5f1b244244643b5f1b2842201b24284430211b2842'],
  ['iso-2022-jp-2004', 'ポンプ停止', '1b2442255d2573255744643b5f1b2842'],
  [
    'iso-2022-kr csISO2022KR',
    '펌프가 멈췄\nABC 습니다',
    '1b2429430e465f474130210f200e385843680f0a414243200e3d40344f34590f',
  ],
  ['hz-gb-2312 hz', '水泵 ~ 停止\nABC', '7e7b4b2e31437e7d207e7e207e7b4d2356397e7d0a414243'],
  ['utf-16be', 'Tür 語🎉', '005400fc007200208a9ed83cdf89'],
  ['utf-16le', 'Tür 語🎉', '5400fc00720020009e8a3cd889df'],
  ['utf-16 ISO-10646-UCS-2 unicode', 'Tür 語🎉', 'fffe5400fc00720020009e8a3cd889df'],
  ['utf-32', 'Tür 語🎉', 'fffe000054000000fc00000072000000200000009e8a000089f30100'],
  ['utf-7 unicode-1-1-utf-7', 'Tür +- 語🎉', '542b4150772d72202b2d2d202b69703759504e2b4a2d'],
  ['utf-8 UTF8 utf_8 unicode-1-1-utf-8 cp65001', 'Tür 語🎉', '54c3bc7220e8aa9ef09f8e89'],
];
const each = CHARSETS.flatMap(([labels, text, hex]) =>
  labels.split(' ').map((label) => ({ label, text, content: Buffer.from(hex, 'hex') })),
);

describe('mail: every character set', () => {
  for (const encoding of ENCODINGS) {
    it(`in bodies, ${encoding}`, async () => {
      for (const { label, text, content } of each) {
        for (const size of [1, 1000]) {
          const message = await read(
            mail(`Content-Type: text/plain; charset="${label}"\r\n`, content, encoding),
            {},
            size,
          );
          assert.equal(message.payload, text, label);
          assert.deepEqual(problems(message), [], label);
        }
        const html = Buffer.concat([bytes('<p>'), content, bytes('</p>')]);
        if (!/utf-?(16|32)|ucs|unicode$/i.test(label))
          assert.match(
            (await read(mail(`Content-Type: text/html; charset=${label}\r\n`, html, encoding))).html ?? '',
            /^<p>.+<\/p>$/s,
          );
      }
    });
  }

  it('in encoded words', async () => {
    for (const { label, text, content } of each) {
      for (const encoding of ['B', 'Q'] as const) {
        const encodedWord = word(label, content, encoding);
        const message = await read(`From: ${encodedWord} <a@x.org>\r\nSubject: ${encodedWord}\r\n\r\n`);
        assert.equal(message.topic, text, label);
        assert.equal(
          message.mail.from[0]?.name,
          text.replace(/\s+/g, (blanks) => blanks),
          label,
        );
      }
    }
  });

  it('in file names', async () => {
    for (const { label, text, content } of each) {
      const percent = [...content].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join('');
      const middle = Math.floor(content.length / 2) * 3;
      for (const parameter of [
        `filename*=${label}''${percent}`,
        `filename*1*=${percent.slice(middle)}; filename*0*=${label}''${percent.slice(0, middle)}`,
        `filename="${word(label, content, 'B')}"`,
      ]) {
        const { attachments } = await read(
          multipart('mixed', `Content-Disposition: attachment; ${parameter}\r\n\r\nx`),
        );
        assert.equal(attachments[0]?.filename, text, parameter);
      }
    }
  });

  it('raw in headers, where the text names it', async () => {
    for (const label of ['windows-1251', 'koi8-r', 'gb18030', 'shift_jis', 'big5', 'euc-kr', 'iso-8859-2']) {
      const { text, content } = each.find((one) => one.label === label) ?? assert.fail(label);
      for (const type of [`text/plain; charset=${label}`, 'multipart/mixed; boundary=b']) {
        const written = Buffer.concat([
          bytes('Subject: '),
          content,
          bytes(
            `\r\nContent-Type: ${type}\r\n\r\n--b\r\nContent-Type: text/plain; charset=${label}\r\n\r\nx\r\n--b--\r\n`,
          ),
        ]);
        assert.equal((await read(written)).topic, text, `${label}, ${type}`);
      }
    }
  });

  it('shifts that a table of bytes does not show', async () => {
    const of = async (label: string, written: string) =>
      (await read(mail(`Content-Type: text/plain; charset=${label}\r\n`, bytes(written, true)))).payload;
    assert.equal(await of('iso-2022-cn', '\x1b$)A\x0eK.1C\x0f ABC\r\n\x0eK.1C'), '水泵 ABC\n水泵');
    // Traditional characters there are no tables for: one mark for each.
    assert.equal(await of('iso-2022-cn', '\x1b$)G\x0eDkDk\x0f x'), '\ufffd\ufffd x');
    assert.equal(await of('iso-2022-jp', 'ab\x1b(J\\1,000\x1b(B\\'), 'ab¥1,000\\');
    assert.equal(await of('iso-2022-jp', '\x1b$B%F%9%'), 'テス\ufffd');
    assert.equal(await of('iso-2022-jp', '\x1b$B%F%\x1b(Bx'), 'テ\ufffdx');
    assert.equal(await of('iso-2022-jp', 'a\x1b[1mb'), 'a\x1b[1mb');
    assert.equal(await of('hz-gb-2312', '~{K.1C~}~~ a~\nb ~x'), '水泵~ ab ~x');
    assert.equal(await of('us-ascii', '\x1b$B%F%9%H\x1b(B'), 'テスト');
    assert.equal((await read(`Subject: \x1b$B%F%9%H\x1b(B\r\n\r\n\x1b$B%F%9%H\x1b(B`)).topic, 'テスト');
  });

  it('believes a byte order mark before the name', async () => {
    for (const label of ['', '; charset=us-ascii', '; charset=iso-8859-1', '; charset=utf-8']) {
      for (const content of [
        bytes('\ufeffTür'),
        Buffer.from('\ufeffTür', 'utf16le'),
        Buffer.from('\ufeffTür', 'utf16le').swap16(),
      ])
        for (const encoding of ['base64', 'quoted-printable'])
          assert.equal(
            (await read(mail(`Content-Type: text/plain${label}\r\n`, content, encoding))).payload,
            'Tür',
          );
    }
  });

  it('takes bytes for windows-1252 where the name says nothing, and says so', async () => {
    for (const label of ['x-nonsense', '8bit', 'unknown-8bit', 'utf8', 'us-ascii', 'none', '""', '']) {
      const message = await read(`${HEAD}Content-Type: text/plain; charset=${label}\r\n\r\nT\xfcr \x80`);
      assert.equal(message.payload, 'Tür €', label);
      assert.deepEqual(problems(message), ['CHARSET'], label);
    }
  });
});

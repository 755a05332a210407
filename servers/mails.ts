/** The mails of the demonstration: of the kinds a mailbox really gets, with umlauts, HTML and attachments. */

interface Draft {
  from: [name: string, address: string];
  subject: string;
  text: string;
  html?: string;
  attachments?: { name: string; type: string; bytes: Buffer }[];
}

/** How many mails wait in a mailbox when it is opened for the first time. */
export const waitingMails = 5;

/**
 * The `number`th mail (from 0) to a mailbox, written at `date`: its bytes as a server stores them. They go round
 * after a while, each time with another number in it.
 */
export function mail(number: number, to: string, date: Date): Buffer {
  const draft = drafts[number % drafts.length]?.(number + 1, date);
  if (!draft) throw new Error('There are no drafts');
  const [name, address] = draft.from;
  const head = [
    `Received: from mail.example.test by localhost with ESMTP id demo${number}; ${rfcDate(date)}`,
    `Message-ID: <${date.getTime()}.${number}@example.test>`,
    `Date: ${rfcDate(date)}`,
    `From: ${word(name)} <${address}>`,
    `To: <${to}>`,
    `Subject: ${word(draft.subject)}`,
    'MIME-Version: 1.0',
  ];
  const text = part('text/plain; charset=utf-8', Buffer.from(draft.text));
  const body = draft.html
    ? multipart('alternative', [text, part('text/html; charset=utf-8', Buffer.from(draft.html))])
    : text;
  const attachments = (draft.attachments ?? []).map((file) =>
    part(`${file.type}; name="${file.name}"`, file.bytes, `attachment; filename="${file.name}"`),
  );
  const whole = attachments.length > 0 ? multipart('mixed', [body, ...attachments]) : body;
  return Buffer.from([...head, whole].join('\r\n'));
}

const drafts: ((number: number, date: Date) => Draft)[] = [
  (number) => ({
    from: ['Nora Lindqvist', 'nora@example.test'],
    subject: 'Lunch on Thursday?',
    text: `Hi,\r\n\r\nthe place by the harbour has the good soup again. Half past twelve?\r\n\r\nNora\r\n(${number})\r\n`,
  }),
  (number, date) => ({
    from: ['Brightwater Energy', 'billing@example.test'],
    subject: `Your invoice no. ${2000 + number}`,
    text: `Your invoice no. ${2000 + number} over 48.20 EUR is attached. It will be debited in 14 days.\r\n`,
    html: `<h2>Brightwater Energy</h2><p>Your invoice <b>no. ${2000 + number}</b> over <b>48.20&nbsp;EUR</b> is attached. It will be debited in 14 days.</p>`,
    attachments: [
      {
        name: `invoice-${2000 + number}.csv`,
        type: 'text/csv',
        bytes: Buffer.from(`date,kWh,EUR\r\n${date.toISOString().slice(0, 10)},161,48.20\r\n`),
      },
    ],
  }),
  (number) => ({
    from: ['Stadtbücherei Köln', 'leihe@example.test'],
    subject: 'Ihre Bücher sind übermorgen fällig',
    text: `Guten Tag,\r\n\r\n„Die Vermessung der Welt“ ist übermorgen fällig (Ausleihe ${number}).\r\n\r\nIhre Stadtbücherei\r\n`,
  }),
  (number, date) => ({
    from: ['Greenhouse monitor', 'sensor@example.test'],
    subject: `Temperature report ${number}`,
    text: `Inside 21.4 °C, outside 9.8 °C. The picture is from ${date.toISOString().slice(11, 16)}.\r\n`,
    attachments: [{ name: 'greenhouse.png', type: 'image/png', bytes: picture }],
  }),
  (number) => ({
    from: ['Café Zoë', 'hello@example.test'],
    subject: 'This week: cardamom buns 🥐',
    text: `Cardamom buns, until they are gone. Show this mail for a second coffee (code ${1000 + number}).\r\n`,
    html: `<body style="font-family: sans-serif"><h1>Cardamom buns 🥐</h1><p>Until they are gone. Show this mail for a <i>second coffee</i> (code ${1000 + number}).</p></body>`,
  }),
  (number, date) => ({
    from: ['Team calendar', 'calendar@example.test'],
    subject: `Invitation: planning ${number}`,
    text: 'You are invited to the planning. The appointment is attached.\r\n',
    attachments: [{ name: 'invite.ics', type: 'text/calendar', bytes: appointment(number, date) }],
  }),
  (number) => ({
    from: ['Parcel service', 'tracking@example.test'],
    subject: `Parcel ${7_004_100 + number} arrives today`,
    text: 'Your parcel is on its way and arrives today between 14:00 and 16:00.\r\n.\r\nThe line above is a lone dot, which POP3 has to carry too.\r\n',
  }),
];

/** A green pixel: the smallest greenhouse. */
const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkaPhfDwADhAGAYYpX0wAAAABJRU5ErkJggg==',
  'base64',
);

function appointment(number: number, date: Date): Buffer {
  const start = new Date(date.getTime() + 86_400_000).toISOString().replace(/[-:]|\.\d+/g, '');
  return Buffer.from(
    [
      'BEGIN:VCALENDAR',
      'VERSION:2.0',
      'PRODID:-//Redletter//Demonstration//EN',
      'BEGIN:VEVENT',
      `UID:planning-${number}@example.test`,
      `DTSTAMP:${start}`,
      `DTSTART:${start}`,
      'DURATION:PT1H',
      'SUMMARY:Planning',
      'END:VEVENT',
      'END:VCALENDAR',
      '',
    ].join('\r\n'),
  );
}

/** RFC 2047: what is not ASCII goes into encoded words of at most 75 characters. */
function word(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const words: string[] = [];
  let bytes = Buffer.alloc(0);
  for (const character of text) {
    const more = Buffer.from(character);
    if (bytes.length + more.length > 45) {
      words.push(bytes.toString('base64'));
      bytes = Buffer.alloc(0);
    }
    bytes = Buffer.concat([bytes, more]);
  }
  words.push(bytes.toString('base64'));
  return words.map((encoded) => `=?utf-8?B?${encoded}?=`).join('\r\n ');
}

function part(type: string, bytes: Buffer, disposition?: string): string {
  // Text stays readable; only what is not text is packed into base64.
  const readable = type.startsWith('text/') && !disposition;
  return [
    `Content-Type: ${type}`,
    ...(disposition ? [`Content-Disposition: ${disposition}`] : []),
    `Content-Transfer-Encoding: ${readable ? '8bit' : 'base64'}`,
    '',
    readable ? bytes.toString() : `${bytes.toString('base64').replace(/.{76}(?=.)/g, '$&\r\n')}\r\n`,
  ].join('\r\n');
}

let boundaries = 0;

function multipart(kind: 'mixed' | 'alternative', parts: string[]): string {
  boundaries += 1;
  const boundary = `=_redletter_${boundaries}`;
  return [
    `Content-Type: multipart/${kind}; boundary="${boundary}"`,
    '',
    ...parts.flatMap((text) => [`--${boundary}`, text]),
    `--${boundary}--`,
    '',
  ].join('\r\n');
}

function rfcDate(date: Date): string {
  return date.toUTCString().replace('GMT', '+0000');
}

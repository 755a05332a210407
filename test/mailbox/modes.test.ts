import assert from 'node:assert/strict';
import { mailOf } from '../../servers/mailbox-checker';
import { MODES } from '../../servers/mailbox-parts';
import { at, type BoxMail, boxMail, cleanUp, type Kind, SILENCE, top, World, whole } from './modes';

const NO = '-ERR no\r\n';
const letters = (all: string): BoxMail[] => [...all].map((letter) => boxMail(letter));
/** Of the year 2033. */
const future = (subject: string, uid = subject): BoxMail =>
  boxMail(subject, uid, mailOf(subject, Date.UTC(2033, 1, 1)));
const withoutMessageId = (subject: string, uid = subject): BoxMail =>
  boxMail(subject, uid, mailOf(subject).replace(/Message-ID.*\r\n/, ''));
const long = (subject: string, lines = 2000): BoxMail =>
  boxMail(subject, subject, `${mailOf(subject)}${'a line of text of a large mail\r\n'.repeat(lines)}`);
const replies = (lines: string[]): string => `+OK\r\n${lines.map((line) => `${line}\r\n`).join('')}.\r\n`;

/** Refuses all downloads in the first three checks. */
const refusingAll = (words: string): Kind => ({
  says: { RETR: (_, __, { check }) => (check <= 3 ? `-ERR ${words}\r\n` : undefined) },
  checks: 5,
});

/** Ends the connection at a command in the second check, and with it the answer in the middle. */
const cutAt = (word: string, share?: number): Kind => ({
  before: (world) => {
    if (world.check === 2) world.box.push(boxMail('d'), boxMail('e'));
  },
  says: {
    [word]: (argument, view, { check }) => {
      if (check !== 2 || (word === 'RETR' && at(argument, view) !== 'd')) return undefined;
      const answer = word === 'RETR' ? whole(view.view[Number(argument) - 1] as BoxMail) : Buffer.alloc(0);
      view.socket.end(share === undefined ? '' : answer.subarray(0, Math.floor(answer.length * share)));
      return SILENCE;
    },
  },
});

/** As {@link cutAt} for QUIT, after what was marked was deleted. */
const quits = (answer: string | typeof SILENCE): Kind => ({
  says: {
    QUIT: (_, view, world) => {
      if (world.check > 2) return undefined;
      world.commit(view);
      return answer;
    },
  },
});

const numbered = (subjects: string, make = boxMail): BoxMail[] =>
  [...subjects].map((subject, index) => make(subject, String(index + 1)));

/** Mails as they are, where RFC 1939 section 3 doubles a dot that begins a line. */
const UNDOUBLED: NonNullable<Kind['says']> = {
  RETR: (argument, { view }) =>
    Buffer.concat([
      Buffer.from('+OK\r\n'),
      view[Number(argument) - 1]?.bytes ?? '',
      Buffer.from('.\r\n'),
    ] as Buffer[]),
};

/** Of limits, as servers say it in their languages. */
const QUOTAS = [
  'Übertragungslimit erreicht',
  'quota dépassé',
  'límite de descarga superado',
  'limite di traffico superato',
  'limite de transferência excedido',
  'превышен лимит загрузки',
  'ダウンロード制限を超えました',
  '다운로드 한도를 초과했습니다',
  '下载流量已超限',
  'limit transferu przekroczony',
];

const KINDS: Record<string, Kind> = {
  'a plain server': {},
  'a quota, in words': refusingAll("today's transfer is used up"),
  'a throttle, in words': refusingAll('[SYS/TEMP] slow down'),
  'a refusal of all mail without words': refusingAll('no'),
  'a quota in German': refusingAll('Kontingent erschöpft'),
  'a quota in Chinese': refusingAll('今日下载流量已用完'),
  'a quota from the second mail on': {
    says: {
      RETR: (argument, view, { check }) =>
        check <= 3 && at(argument, view) !== 'a' ? '-ERR Quota exceeded\r\n' : undefined,
    },
    checks: 5,
  },
  'one mail that is never given': {
    says: { RETR: (argument, view) => (at(argument, view) === 'b' ? NO : undefined) },
    never: ['b'],
    checks: 6,
  },
  'one mail at which the session ends, always': {
    says: {
      RETR: (argument, view) => {
        if (at(argument, view) !== 'b') return undefined;
        view.socket.end('+OK\r\nSubject: b\r\n');
        return SILENCE;
      },
    },
    never: ['b'],
    checks: 8,
  },
  'unique IDs given again after each deletion': {
    mails: [],
    before: (world) => {
      const { check, box } = world;
      if (check > 4) return;
      if (world.mode.after === 'keep') box.splice(0);
      if (box.length === 0) box.push(boxMail(`n${check}`, '7'));
    },
  },
  'the same, of mails of the future': {
    mails: [],
    before: ({ check, box, mode }) => {
      if (check > 4) return;
      if (mode.after === 'keep') box.splice(0);
      if (box.length === 0) box.push(future(`n${check}`, '7'));
    },
  },
  'the same, of mails without Message-ID': {
    mails: [],
    before: ({ check, box, mode }) => {
      if (check > 4) return;
      if (mode.after === 'keep') box.splice(0);
      if (box.length === 0) box.push(withoutMessageId(`n${check}`, '7'));
    },
  },
  'unique IDs that are message numbers, and another program that deletes': {
    mails: numbered('abcd'),
    before: (world) => {
      if (world.check === 2) world.remove('a');
      if (world.check === 3) world.box.push(boxMail('e'));
      if (world.check === 4) world.remove('c');
      for (const [index, mail] of world.box.entries()) mail.uid = String(index + 1);
    },
    checks: 6,
  },
  'three mails that are renumbered': {
    before: ({ check, box }) => {
      if (check === 2) for (const mail of box) mail.uid = `new-${mail.uid}`;
      if (check === 3) box.push(boxMail('d'));
    },
  },
  'three mails of the future that are renumbered, with a new one': {
    mails: [future('a'), future('b'), future('c')],
    before: ({ check, box }) => {
      if (check !== 2) return;
      for (const mail of box) mail.uid = `new-${mail.uid}`;
      box.push(future('d'));
    },
  },
  'a mail replaced under its ID, by another size': {
    before: (world) => {
      if (world.check !== 2) return;
      world.remove('b');
      world.box.splice(1, 0, { ...long('other', 3), uid: 'b' });
    },
  },
  'an empty listing, once': {
    mails: [future('a'), future('b'), boxMail('c')],
    before: (world) => {
      const { box, check } = world;
      if (check === 2) hidden.set(world, box.splice(0));
      if (check === 3) box.push(...(hidden.get(world) ?? []));
    },
  },
  'a short listing, once, with a new mail': {
    mails: [future('a'), boxMail('b'), future('c')],
    before: (world) => {
      const { box, check } = world;
      if (check === 2) hidden.set(world, box.splice(1, 2, boxMail('d')));
      if (check === 3) box.splice(1, 0, ...(hidden.get(world) ?? []));
    },
  },
  'no doubled dots, a lone one in the middle': {
    mails: [
      boxMail('half', 'half', mailOf('half').replace('This is', 'before\r\n.\r\nafter')),
      ...letters('bc'),
    ],
    says: UNDOUBLED,
    cut: ['half'],
  },
  'no doubled dots, the rest in the words of a reply': {
    mails: [
      boxMail('half', 'half', mailOf('half').replace('This is', 'before\r\n.\r\n+OK after\r\nand more')),
      ...letters('bc'),
    ],
    says: UNDOUBLED,
    cut: ['half'],
    checks: 6,
  },
  'fewer bytes than RETR announces': {
    says: {
      RETR: (argument, view) => {
        const mail = view.view[Number(argument) - 1] as BoxMail;
        if (mail.subject !== 'b') return undefined;
        const part = { ...mail, bytes: mail.bytes.subarray(0, mail.bytes.length - 12) };
        return Buffer.concat([Buffer.from(`+OK ${mail.bytes.length} octets\r\n`), whole(part).subarray(5)]);
      },
    },
    cut: ['b'],
  },
  'an empty mail where LIST says otherwise': {
    says: { RETR: (argument, view) => (at(argument, view) === 'b' ? '+OK\r\n.\r\n' : undefined) },
    never: ['b'],
  },
  'TOP that gives the whole mail, and a large one': {
    mails: [long('big', 4000), ...letters('ab')],
    says: { TOP: (argument, { view }) => whole(view[Number.parseInt(argument, 10) - 1] as BoxMail) },
    settings: { maxSize: 100_000, maxAttempts: 1 },
    cut: ['big'],
  },
  'no TOP': { capabilities: ['USER', 'UIDL'], says: { TOP: () => '-ERR unknown command\r\n' } },
  'no TOP, and the mailbox is renumbered': {
    capabilities: ['USER', 'UIDL'],
    says: { TOP: () => '-ERR unknown command\r\n' },
    before: ({ check, box }) => {
      if (check === 2) for (const mail of box) mail.uid = `new-${mail.uid}`;
    },
  },
  'no TOP, and the last mail of a renumbered mailbox ends the session behind its end': {
    capabilities: ['USER', 'UIDL'],
    says: { ...UNDOUBLED, TOP: () => '-ERR unknown command\r\n' },
    before: (world) => {
      if (world.check !== 2) return;
      world.remove('a');
      for (const mail of world.box) mail.uid = `new-${mail.uid}`;
      world.box.push(
        boxMail('d'),
        boxMail('half', 'half', mailOf('half').replace('This is', 'before\r\n.\r\nafter')),
      );
    },
    cut: ['half'],
    checks: 6,
  },
  'no TOP, and the first mail of a renumbered mailbox is not given': {
    capabilities: ['USER', 'UIDL'],
    says: {
      TOP: () => '-ERR unknown command\r\n',
      RETR: (argument, view, { check }) =>
        check > 1 && check < 4 && at(argument, view) === 'b' ? NO : undefined,
    },
    before: (world) => {
      if (world.check !== 2) return;
      world.remove('a');
      for (const mail of world.box) mail.uid = `new-${mail.uid}`;
    },
    checks: 6,
  },
  'no RSET': { says: { RSET: () => '-ERR what?\r\n' } },
  'no CAPA': { capabilities: null },
  'CAPA refused after the login': { capabilitiesAfterLogin: null },
  'neither UIDL nor CAPA': { capabilities: null, says: { UIDL: () => '-ERR unknown command\r\n' } },
  'neither UIDL nor TOP': {
    capabilities: ['USER'],
    says: { UIDL: () => '-ERR unknown command\r\n', TOP: () => '-ERR unknown command\r\n' },
  },
  'negative sizes': {
    says: {
      STAT: (_, { view }) => `+OK ${view.length} -2147483000\r\n`,
      LIST: (argument, { view }) => (argument === '' ? replies(view.map((_, i) => `${i + 1} -1`)) : NO),
    },
  },
  'sizes that are no numbers': {
    says: {
      STAT: (_, { view }) => `+OK ${view.length} n/a\r\n`,
      LIST: (argument, { view }) => (argument === '' ? replies(view.map((_, i) => `${i + 1} ?`)) : NO),
    },
  },
  'a mail with the number 0': {
    says: { UIDL: (_, { view }) => replies(['0 nothing', ...view.map(({ uid }, i) => `${i + 1} ${uid}`)]) },
  },
  'UIDL shorter than LIST': {
    says: { UIDL: (_, { view }) => replies(view.slice(0, 2).map(({ uid }, i) => `${i + 1} ${uid}`)) },
  },
  'blank unique IDs': { says: { UIDL: (_, { view }) => replies(view.map((_, i) => `${i + 1} `)) } },
  'the same unique ID for all': {
    says: { UIDL: (_, { view }) => replies(view.map((_, i) => `${i + 1} same`)) },
    stay: ['a', 'b', 'c'],
  },
  'lines of UIDL that are sent twice': {
    says: {
      UIDL: (_, { view }) => replies(view.flatMap(({ uid }, i) => [`${i + 1} ${uid}`, `${i + 1} ${uid}`])),
    },
  },
  'UIDL that is refused now and then': {
    says: { UIDL: (_, __, { check }) => (check % 2 === 1 && check < 4 ? '-ERR busy\r\n' : undefined) },
    checks: 5,
  },
  'LIST that is refused': { says: { LIST: () => NO } },
  'all that was downloaded is deleted at QUIT': {
    says: {
      RETR: (argument, view) => {
        view.deleted.add(Number(argument));
        return undefined;
      },
      RSET: (_, view) => {
        view.deleted.clear();
        return '+OK\r\n';
      },
    },
  },
  'DELE that is refused for one mail': {
    says: { DELE: (argument, view) => (at(argument, view) === 'b' ? NO : undefined) },
    stay: ['b'],
  },
  'DELE that is refused for all, first': {
    says: { DELE: (_, __, { check }) => (check < 3 ? '-ERR quota exceeded\r\n' : undefined) },
  },
  'QUIT that is not answered': quits(SILENCE),
  'QUIT that says it did not delete all': quits('-ERR some messages not deleted\r\n'),
  'QUIT that deletes nothing': { says: { QUIT: (_, __, { check }) => (check < 3 ? NO : undefined) } },
  'a connection that ends at STAT': cutAt('STAT'),
  'a connection that ends at UIDL': cutAt('UIDL'),
  'a connection that ends at PASS': cutAt('PASS'),
  'a connection that ends before a mail': cutAt('RETR'),
  'a connection that ends in a header': cutAt('RETR', 0.2),
  'a connection that ends in a mail': cutAt('RETR', 0.8),
  'a connection that ends in the last line of a mail': cutAt('RETR', 0.99),
  'a connection that ends at DELE': cutAt('DELE'),
  'a connection that ends at QUIT': cutAt('QUIT'),
  'a connection that ends at RSET': cutAt('RSET'),
  'replies with blank lines before them': {
    says: {
      RETR: (argument, { view }) =>
        Buffer.concat([Buffer.from('\r\n'), whole(view[Number(argument) - 1] as BoxMail)]),
    },
  },
  'two mails that are equal': {
    mails: [...letters('a'), withoutMessageId('b', 'b1'), boxMail('c')],
    before: ({ check, box }) => {
      if (check === 2) box.push(boxMail('d', 'd', mailOf('d').replace('<d@', '<a@')));
    },
  },
  'TOP that shows another header than RETR, of mails without Message-ID': {
    mails: [withoutMessageId('a'), withoutMessageId('b'), withoutMessageId('c')],
    says: {
      TOP: (argument, { view }) => {
        const mail = view[Number.parseInt(argument, 10) - 1] as BoxMail;
        return top({ ...mail, bytes: Buffer.concat([Buffer.from('X-Scanned: yes\r\n'), mail.bytes]) });
      },
    },
    checks: 6,
  },
  'TOP that shows another header than RETR': {
    says: {
      TOP: (argument, { view }) => {
        const mail = view[Number.parseInt(argument, 10) - 1] as BoxMail;
        return top({
          ...mail,
          bytes: Buffer.concat([Buffer.from('X-Read: yes\r\nStatus: RO\r\n'), mail.bytes]),
        });
      },
    },
  },
  'a mail that is noted as read, in its header and size': {
    before: ({ check, box }) => {
      if (check === 2)
        for (const mail of box) mail.bytes = Buffer.concat([Buffer.from('X-Status: RO\r\n'), mail.bytes]);
    },
  },
  'no TOP, no doubled dots, and message numbers that each deletion changes': {
    capabilities: ['USER', 'UIDL'],
    mails: [
      boxMail('a'),
      boxMail('half', '', mailOf('half').replace('This is', 'before\r\n.\r\nafter')),
      boxMail('b'),
      boxMail('hole', '', mailOf('hole').replace('This is', 'before\r\n.\r\nafter')),
      boxMail('c'),
    ],
    says: {
      ...UNDOUBLED,
      TOP: () => '-ERR unknown command\r\n',
      UIDL: (_, { view }) => replies(view.map((_mail, i) => `${i + 1} ${i + 1}`)),
    },
    before: ({ check, box }) => {
      if (check === 5) box.push(boxMail('d'));
    },
    cut: ['half', 'hole'],
    stay: ['a', 'b', 'c', 'd'],
    checks: 12,
  },
  'message numbers without TOP, and another program that deletes': {
    capabilities: ['USER', 'UIDL'],
    mails: [...letters('abc'), long('big', 30), boxMail('d')],
    says: {
      TOP: () => '-ERR unknown command\r\n',
      UIDL: (_, { view }) => replies(view.map((_mail, i) => `${i + 1} ${i + 1}`)),
    },
    before: (world) => {
      if (world.check === 2) world.remove('b');
      if (world.check === 3) world.box.push(boxMail('e'));
      if (world.check === 4) world.remove('d');
    },
    checks: 6,
  },
  'a login that is refused for now, first': {
    says: {
      PASS: (_, __, { check }) => (check < 3 ? '-ERR too many logins, try again later\r\n' : undefined),
    },
    checks: 5,
  },
  'a USER that is refused for now, first': {
    says: { USER: (_, __, { check }) => (check < 3 ? '-ERR [SYS/TEMP] not now\r\n' : undefined) },
    checks: 5,
  },
  'STAT that is refused, first': {
    says: { STAT: (_, __, { check }) => (check < 3 ? '-ERR mailbox is locked\r\n' : undefined) },
    checks: 5,
  },
  'LIST that is refused for now, first': {
    says: { LIST: (_, __, { check }) => (check < 3 ? '-ERR [SYS/TEMP] later\r\n' : undefined) },
    checks: 5,
  },
  '+ERR to RETR, first': {
    says: { RETR: (_, __, { check }) => (check < 3 ? '+ERR quota\r\n' : undefined) },
    checks: 5,
  },
  'STAT that says nothing is there, once': {
    before: ({ check, box }) => {
      if (check === 3) box.push(boxMail('d'));
    },
    says: { STAT: (_, __, { check }) => (check === 2 ? '+OK 0 0\r\n' : undefined) },
    checks: 4,
  },
  'sizes in LIST that are too small': {
    says: { LIST: (_, { view }) => replies(view.map((_mail, i) => `${i + 1} 1`)) },
  },
  'two checks in which the same mail has two unique IDs by turns': {
    before: ({ check, box }) => {
      for (const mail of box) mail.uid = `${mail.subject}${check % 2}`;
    },
    checks: 6,
  },
  'unique IDs that two mails exchange': {
    mails: [boxMail('a', 'x'), boxMail('b', 'y'), long('c', 3)],
    before: ({ check, box }) => {
      const [first, second] = [
        box.find(({ subject }) => subject === 'a'),
        box.find(({ subject }) => subject === 'b'),
      ];
      if (check === 3 && first && second) [first.uid, second.uid] = [second.uid, first.uid];
    },
    checks: 5,
  },
  'lines that are sent in another order': {
    says: { UIDL: (_, { view }) => replies(view.map(({ uid }, i) => `${i + 1} ${uid}`).reverse()) },
  },
  'a mail that comes in while the session lasts': {
    says: { STAT: (_, { view }) => `+OK ${Math.max(0, view.length - 1)} 100\r\n` },
  },
  'quotas in ten languages, one each check': {
    says: {
      RETR: (_, __, { check }) => {
        const words = QUOTAS[check - 1];
        return words === undefined ? undefined : `-ERR ${words}\r\n`;
      },
    },
    checks: 12,
  },
};

/** What was hidden by a listing that was short once. */
const hidden = new WeakMap<World, BoxMail[]>();

describe('a mailbox loses nothing, deletes nothing unseen and marks every duplicate', () => {
  after(cleanUp);

  for (const [name, kind] of Object.entries(KINDS)) {
    it(`with ${name}`, async function () {
      this.timeout(20_000);
      for (const mode of MODES) {
        const world = new World(kind, mode);
        await world.run();
        const heard = world.delivered.map(({ subject, redelivered }) => subject + (redelivered ? '*' : ''));
        assert.deepEqual(
          world.problems,
          [],
          `${mode.handled}, ${mode.after}: delivered ${heard.join(' ')}, deleted ${world.deleted.join(' ')}, ` +
            `errors ${world.errors.map(({ code, reason }) => `${code} ${reason}`).join(', ')}`,
        );
      }
    });
  }
});

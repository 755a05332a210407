import assert from 'node:assert/strict';
import { once } from 'node:events';
import { simpleParser } from 'mailparser';
import { type MailServer, startMailServer } from '../../servers/mail-server';
import { mail } from '../../servers/mails';
import { plain, type Talk } from '../../servers/talk';

const user = 'alice@example.test';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const xoauth2 = (name: string, token: string) => base64(`user=${name}\x01auth=Bearer ${token}\x01\x01`);

describe('servers/mail-server', () => {
  let server: MailServer;
  beforeEach(async () => {
    // The token is accepted unchecked; test/demo.test.ts uses a real sign-in server.
    const introspect = async (token: string) => (token.startsWith('of ') ? token.slice(3) : undefined);
    server = await startMailServer({ port: 0, interval: 3_600_000, introspect });
  });
  afterEach(() => server.close());

  async function signedIn(name = user): Promise<Talk> {
    const talk = await plain(server.port);
    assert.equal(await talk.say('AUTH XOAUTH2'), '+ ');
    assert.equal(await talk.say(xoauth2(name, `of ${name}`)), '+OK 5 mails');
    return talk;
  }

  it('lists, names, measures and sends its mails', async () => {
    const talk = await signedIn();
    const sizes = (await talk.list('LIST')).slice(1, -1).map((line) => Number(line.split(' ')[1]));
    assert.equal(await talk.say('STAT'), `+OK 5 ${sizes.reduce((sum, size) => sum + size, 0)}`);
    const uids = (await talk.list('UIDL')).slice(1, -1).map((line) => line.split(' ')[1]);
    assert.equal(new Set(uids).size, 5);
    assert.equal(await talk.say('UIDL 2'), `+OK 2 ${uids[1]}`);
    assert.equal(await talk.say('LIST 2'), `+OK 2 ${sizes[1]}`);
    for (const [index, size] of sizes.entries()) {
      const lines = (await talk.list(`RETR ${index + 1}`)).slice(1, -1);
      const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line.replace(/^\./, '')) + 2, 0);
      assert.equal(bytes, size);
    }
    const top = (await talk.list('TOP 1 1')).slice(1, -1);
    assert.equal(top.length - top.indexOf(''), 2);
    assert.match(await talk.say('RETR 6'), /^-ERR/);
    assert.match(await talk.say('XYZZY'), /^-ERR/);
    talk.socket.destroy();
  });

  it('deletes at QUIT, and only then', async () => {
    const first = await signedIn();
    const uids = (await first.list('UIDL')).slice(1, -1).map((line) => line.split(' ')[1]);
    assert.match(await first.say('DELE 1'), /^\+OK/);
    assert.match(await first.say('RSET'), /^\+OK/);
    assert.match(await first.say('DELE 2'), /^\+OK/);
    assert.match(await first.say('RETR 2'), /^-ERR/);
    assert.equal((await first.list('UIDL')).length, 6);
    first.socket.destroy();
    await once(first.socket, 'close');

    const second = await signedInSoon();
    assert.match(await second.say('DELE 2'), /^\+OK/);
    assert.equal(await second.say('QUIT'), '+OK');
    await once(second.socket, 'close');

    const third = await plain(server.port);
    assert.equal(await third.say(`AUTH XOAUTH2 ${xoauth2(user, `of ${user}`)}`), '+OK 4 mails');
    const left = (await third.list('UIDL')).slice(1, -1).map((line) => line.split(' ')[1]);
    assert.deepEqual(left, [uids[0], ...uids.slice(2)]);
    third.socket.destroy();
  });

  it('accepts only tokens that the sign-in server confirms, one session at a time', async () => {
    const talk = await plain(server.port);
    assert.match(await talk.say('STAT'), /^-ERR/);
    for (const answer of [xoauth2(user, 'of bob@example.test'), xoauth2(user, 'made up'), 'garbage']) {
      assert.equal(await talk.say('AUTH XOAUTH2'), '+ ');
      const challenge = await talk.say(answer);
      assert.equal(JSON.parse(Buffer.from(challenge.slice(2), 'base64').toString()).status, '401');
      assert.match(await talk.say(''), /^-ERR \[AUTH\]/);
    }
    const inside = await signedIn();
    assert.match(await talk.say(`AUTH XOAUTH2 ${xoauth2(user, `of ${user}`)}`), /^-ERR \[IN-USE\]/);
    for (const { socket } of [talk, inside]) socket.destroy();
  });

  it('has a new mail for every mailbox at every interval', async () => {
    await server.close();
    server = await startMailServer({ port: 0, interval: 20, introspect: async (token) => token.slice(3) });
    const talk = await plain(server.port);
    const opened = await talk.say(`AUTH XOAUTH2 ${xoauth2(user, `of ${user}`)}`);
    assert.equal(opened, '+OK 5 mails');
    // A session goes on with what was there when it began.
    assert.match(await talk.say('STAT'), /^\+OK 5 /);
    talk.socket.destroy();
    for (const until = Date.now() + 5000; ; ) {
      const later = await plain(server.port);
      const answer = await later.say(`AUTH XOAUTH2 ${xoauth2(user, `of ${user}`)}`);
      later.socket.destroy();
      if (Number(/\d+/.exec(answer)?.[0]) > 5) break;
      assert.ok(Date.now() < until, answer);
    }
  });

  /** The server learns a moment later that the line was cut, and until then the mailbox is in use. */
  async function signedInSoon(): Promise<Talk> {
    for (const until = Date.now() + 5000; ; ) {
      const talk = await plain(server.port);
      const answer = await talk.say(`AUTH XOAUTH2 ${xoauth2(user, `of ${user}`)}`);
      if (answer.startsWith('+OK')) return talk;
      talk.socket.destroy();
      assert.ok(Date.now() < until, answer);
    }
  }

  it('has mails that any parser reads', async () => {
    for (let number = 0; number < 7; number += 1) {
      const bytes = mail(number, user, new Date());
      assert.ok(
        bytes
          .toString('latin1')
          .split('\r\n')
          .every((line) => line.length < 998 && !line.includes('\n')),
      );
      const parsed = await simpleParser(bytes);
      assert.match(parsed.from?.value[0]?.address ?? '', /@example\.test$/);
      assert.ok(parsed.subject && parsed.text);
      assert.ok(!`${parsed.subject}${parsed.text}${parsed.from?.text}`.includes('\ufffd'));
    }
    const invoice = await simpleParser(mail(1, user, new Date()));
    assert.match(String(invoice.html), /<b>no\. 2002<\/b>/);
    assert.equal(invoice.attachments[0]?.filename, 'invoice-2002.csv');
    const picture = await simpleParser(mail(3, user, new Date()));
    assert.equal(picture.attachments[0]?.content.subarray(1, 4).toString(), 'PNG');
  });
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { MECHANISMS, type MechanismName, Pop3Client, type Pop3Error } from '../../nodes/pop3';
import { type Dovecot, dovecotMissing, startDovecot } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { random } from './harness';

const USER = 'alice@example.test';
const PASSWORD = 'correct horse';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Bodies made to trip over, all with CRLF at the end of the last line unless the name says otherwise. */
function hostile(): Map<string, Buffer> {
  const head = 'Subject: x\r\n\r\n';
  const draw = random(7);
  const noise = Buffer.from(Array.from({ length: 100_000 }, () => Math.floor(draw() * 256)));
  // A lone LF is a line end to Dovecot, which sends CRLF for it: those have a test of their own.
  const withoutLf = Buffer.from(noise.map((byte) => (byte === 10 ? 11 : byte)));
  return new Map([
    ['8-bit', Buffer.from(`${head}\xe9\xff\x80\xc3\x28\r\n`, 'latin1')],
    ['NUL', Buffer.from(`${head}a\0b\0\0\r\n\0.\0\r\n`)],
    ['bare CR', Buffer.from(`${head}a\rb\r\r\n.\r.\r\r\n\r.\r\n`)],
    ['dots', Buffer.from(`${head}.\r\n..\r\n.x\r\n...\r\n\r\n.\r\n`)],
    ['a forged end', Buffer.from(`${head}x\r\n.\r\n+OK forged\r\n-ERR\r\n.\r\n`)],
    ['a line of a megabyte', Buffer.from(`${head}${'x'.repeat(2 ** 20)}\r\n`)],
    ['a megabyte of dots', Buffer.from(`${head}${'.'.repeat(2 ** 20)}\r\n`)],
    ['a megabyte of dots, one to a line', Buffer.from(head + '.\r\n'.repeat(350_000))],
    ['noise', Buffer.concat([Buffer.from(head), withoutLf, Buffer.from('\r\n')])],
    ['headers only', Buffer.from('Subject: x\r\n\r\n')],
  ]);
}

async function read(client: Pop3Client, numbers: number[]): Promise<Buffer[]> {
  const mails: Buffer[] = [];
  for await (const mail of client.retrieve(numbers)) {
    const parts: Buffer[] = [];
    for await (const part of mail.body) parts.push(part);
    mails.push(Buffer.concat(parts));
  }
  return mails;
}

describe('pop3 with a real Dovecot', () => {
  let dovecot: Dovecot;
  before(async function () {
    this.timeout(30_000);
    needs(dovecotMissing).call(this);
    dovecot = await startDovecot({
      users: { [USER]: PASSWORD, 'bob@example.test': PASSWORD, 'carol@example.test': PASSWORD },
      mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'APOP'],
    });
  });
  after(() => dovecot?.stop());

  const connect = (security: 'tls' | 'starttls' | 'none') =>
    Pop3Client.connect({
      host: dovecot.host,
      port: security === 'tls' ? dovecot.tlsPort : dovecot.port,
      security,
      tls: { ca: dovecot.ca },
    });

  it('hostile bodies: SHA-256 is that of the file on disk, unencrypted and over TLS', async function () {
    this.timeout(30_000);
    const mails = hostile();
    for (const mail of mails.values()) await dovecot.deliver(USER, mail);
    for (const security of ['none', 'tls', 'starttls'] as const) {
      const client = await connect(security);
      assert.equal((await client.authenticate({ user: USER, password: PASSWORD })).messages, mails.size);
      const got = await read(
        client,
        [...mails.keys()].map((_, index) => index + 1),
      );
      [...mails].forEach(([name, mail], index) => {
        assert.equal(sha256(got[index] as Buffer), sha256(mail), `${name}, ${security}`);
      });
      assert.equal(await client.quit(), 'ok');
    }
    assert.deepEqual((await dovecot.mails(USER)).map(sha256), [...mails.values()].map(sha256));
  });

  it('bare LF and no last line end: as Dovecot sends them, with the line ends of RFC 1939', async () => {
    const user = 'bob@example.test';
    const head = 'Subject: x\n\n';
    const mails = [
      `${head}a\n.\n+OK forged\n..\n`,
      `${head}no end`,
      `${head.replaceAll('\n', '\r\n')}x\r\n.`,
    ];
    for (const mail of mails) await dovecot.deliver(user, mail);
    const client = await connect('none');
    await client.authenticate({ user, password: PASSWORD });
    const got = await read(client, [1, 2, 3]);
    assert.deepEqual(
      got.map((mail) => sha256(mail)),
      mails.map((mail) =>
        sha256(Buffer.from(`${mail.replace(/\r?\n/g, '\r\n').replace(/(?<!\n)$/, '\r\n')}`)),
      ),
    );
    client.destroy();
  });

  for (const mechanism of MECHANISMS.filter((name) => name !== 'XOAUTH2' && name !== 'OAUTHBEARER')) {
    it(`logs in by ${mechanism}, and is refused with a wrong password`, async () => {
      for (const security of ['tls', 'none'] as const) {
        const client = await connect(security);
        await client.authenticate({ user: USER, password: PASSWORD }, mechanism as MechanismName);
        assert.equal(await client.quit(), 'ok');
      }
      const client = await connect('tls');
      await assert.rejects(
        client.authenticate({ user: USER, password: 'wrong' }, mechanism as MechanismName),
        (error: Pop3Error) => error.code === 'AUTH',
      );
      client.destroy();
    });
  }

  it('deletes what was marked, when QUIT was answered, and only then', async () => {
    const user = 'carol@example.test';
    for (const name of ['one', 'two', 'three'])
      await dovecot.deliver(user, `Subject: ${name}\r\n\r\n${name}\r\n`);
    const first = await connect('tls');
    await first.authenticate({ user, password: PASSWORD });
    for await (const { error } of first.dele([1, 3])) assert.equal(error, undefined);
    first.destroy();
    assert.equal((await dovecot.mails(user)).length, 3);
    const second = await connect('tls');
    await second.authenticate({ user, password: PASSWORD });
    const ids = await second.uidl();
    assert.equal(new Set(ids?.map(({ uid }) => uid)).size, 3);
    assert.equal(await second.uidl(2), ids?.[1]?.uid);
    for await (const { error } of second.dele([1, 3])) assert.equal(error, undefined);
    const refused = await second.list(1).catch((error) => error.code);
    assert.equal(refused, 'REFUSED');
    assert.equal(await second.quit(), 'ok');
    assert.deepEqual((await dovecot.mails(user)).map(String), ['Subject: two\r\n\r\ntwo\r\n']);
  });

  it('a TLS port spoken to without TLS, and a plain port with it', async () => {
    const wrong = { host: dovecot.host, tls: { ca: dovecot.ca } };
    const silent = Pop3Client.connect({
      ...wrong,
      port: dovecot.tlsPort,
      security: 'none',
      timeouts: { greeting: 100 },
    });
    await assert.rejects(silent, (error: Pop3Error) => error.reason === 'server-speaks-tls');
    const plain = Pop3Client.connect({ ...wrong, port: dovecot.port, security: 'tls' });
    await assert.rejects(
      plain,
      (error: Pop3Error) => error.code === 'TLS' && error.reason === 'server-speaks-plain',
    );
  });
});

import assert from 'node:assert/strict';
import { type Login, MailboxError, openSession } from '../../nodes/mailbox';
import { KnownServer } from '../../nodes/pop3';
import { type ScriptedOptions, type ScriptedPop3, startScripted } from '../../servers/scripted-pop3';

const ALICE: Login = { user: 'alice', password: 'secret', mechanism: 'auto' };

describe('opening a session', () => {
  let server: ScriptedPop3;
  afterEach(() => server?.close());

  async function open(known: KnownServer, login: Login = ALICE): Promise<unknown> {
    const target = { host: '127.0.0.1', port: server.port, security: 'none' as const, known };
    try {
      const { client } = await openSession(target, login, new AbortController().signal);
      await client.quit();
      return 'open';
    } catch (error) {
      assert.ok(error instanceof MailboxError, String(error));
      return [error.code, error.reason];
    }
  }
  const logins = () =>
    server.received.filter((line) => /^(APOP|AUTH|PASS)/.test(line)).map((line) => line.slice(0, 4));
  const refusingApop = (password: string): ScriptedOptions => ({
    greeting: '+OK <1.2@host>',
    capabilities: ['USER', 'UIDL'],
    commands: { APOP: () => '-ERR Bad login\r\n' },
    allow: (_, secret) => secret === password,
  });

  it('a method that is offered and refused: another one in a second session, remembered from then on', async () => {
    server = await startScripted(refusingApop('secret'));
    const known = new KnownServer();
    assert.equal(await open(known), 'open');
    assert.deepEqual(logins(), ['APOP', 'PASS']);
    assert.equal(server.sessions.length, 2);
    assert.equal(await open(known), 'open');
    assert.deepEqual(logins(), ['APOP', 'PASS', 'PASS']);
  });

  it('a wrong password is refused twice at the first check and once at each later one', async () => {
    server = await startScripted(refusingApop('other'));
    const known = new KnownServer();
    assert.deepEqual(await open(known), ['AUTH', 'wrong-password']);
    assert.equal(logins().length, 2);
    assert.deepEqual(await open(known), ['AUTH', 'wrong-password']);
    assert.equal(logins().length, 3);
  });

  it('a method that was chosen by name is the only one', async () => {
    server = await startScripted(refusingApop('secret'));
    assert.deepEqual(await open(new KnownServer(), { ...ALICE, mechanism: 'APOP' }), [
      'AUTH',
      'wrong-password',
    ]);
    assert.deepEqual(logins(), ['APOP']);
  });

  it('no login without TLS is decided before connecting', async () => {
    server = await startScripted();
    const opened = openSession(
      {
        host: 'mail.example.test',
        security: 'none',
        open: () => assert.fail('it must not connect'),
      },
      ALICE,
      new AbortController().signal,
    );
    await assert.rejects(opened, { code: 'CONFIG', reason: 'plaintext-not-allowed' });
  });
});

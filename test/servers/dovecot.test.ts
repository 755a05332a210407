import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { certificateAuthority } from '../../servers/certificates';
import { type Dovecot, dovecotMissing, startDovecot } from '../../servers/dovecot';
import { needs } from '../../servers/needs';
import { clients, scope, startProvider, type TestProvider } from '../../servers/oidc';
import { plain, secure } from '../../servers/talk';

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('servers/dovecot', () => {
  before(needs(dovecotMissing));
  let dovecot: Dovecot;
  const user = 'alice@example.test';

  describe('with passwords', () => {
    before(async () => {
      dovecot = await startDovecot();
    });
    after(() => dovecot?.stop());

    it('lists, reads and deletes what was delivered', async () => {
      await dovecot.deliver(user, 'Subject: one\r\n\r\nfirst\r\n');
      await dovecot.deliver(user, Buffer.from('Subject: two\r\n\r\n.dot \xe9\r\n', 'latin1'));
      const talk = await secure(dovecot.tlsPort, dovecot.ca);
      assert.match(await talk.say(`USER ${user}`), /^\+OK/);
      assert.match(await talk.say('PASS correct horse'), /^\+OK/);
      assert.match(await talk.say('STAT'), /^\+OK 2 /);
      assert.equal((await talk.list('UIDL')).length, 4);
      assert.deepEqual((await talk.list('RETR 1')).slice(1), ['Subject: one', '', 'first', '.']);
      assert.match(await talk.say('DELE 1'), /^\+OK/);
      assert.equal((await dovecot.mails(user)).length, 2);
      assert.match(await talk.say('QUIT'), /^\+OK/);
      await once(talk.socket, 'close');
      assert.deepEqual(await dovecot.mails(user), [
        Buffer.from('Subject: two\r\n\r\n.dot \xe9\r\n', 'latin1'),
      ]);
    });

    it('offers STLS on the plain port', async () => {
      const talk = await plain(dovecot.port);
      assert.ok((await talk.list('CAPA')).includes('STLS'));
      assert.match(await talk.say('STLS'), /^\+OK/);
      talk.socket.destroy();
    });

    it('refuses a wrong password at once', async () => {
      const talk = await plain(dovecot.port);
      assert.match(await talk.say(`AUTH PLAIN ${base64(`\0${user}\0wrong`)}`), /^-ERR \[AUTH\]/);
      talk.socket.destroy();
    });
  });

  describe('with tokens checked at the sign-in server', () => {
    let provider: TestProvider;
    before(async () => {
      provider = await startProvider();
      dovecot = await startDovecot({ introspectionUrl: provider.introspectionUrl });
    });
    after(async () => {
      await dovecot?.stop();
      await provider?.close();
    });

    async function token(login: string, asked = scope): Promise<string> {
      const { AccessToken, Grant } = provider.provider;
      const grant = new Grant({ accountId: login, clientId: clients.native.id });
      grant.addOIDCScope(asked);
      const client = await provider.provider.Client.find(clients.native.id);
      assert.ok(client);
      return new AccessToken({
        accountId: login,
        client,
        grantId: await grant.save(),
        gty: 'authorization_code',
        scope: asked,
        extra: { email: login },
        claims: {},
        expiresWithSession: false,
        iat: Math.floor(Date.now() / 1000),
      } as ConstructorParameters<typeof AccessToken>[0]).save();
    }

    const answers = {
      XOAUTH2: (bearer: string) => base64(`user=${user}\x01auth=Bearer ${bearer}\x01\x01`),
      OAUTHBEARER: (bearer: string) => base64(`n,a=${user},\x01auth=Bearer ${bearer}\x01\x01`),
    };
    for (const [mechanism, answer] of Object.entries(answers)) {
      it(`lets ${mechanism} into the mailbox the token names, and only there`, async () => {
        const talk = await secure(dovecot.tlsPort, dovecot.ca);
        assert.equal(await talk.say(`AUTH ${mechanism}`), '+ ');
        assert.match(await talk.say(answer(await token('bob@example.test'))), /^\+ /);
        assert.match(await talk.say(mechanism === 'XOAUTH2' ? '' : 'AQ=='), /^-ERR \[AUTH\]/);
        assert.equal(await talk.say(`AUTH ${mechanism}`), '+ ');
        assert.match(await talk.say(answer(await token(user))), /^\+OK/);
        talk.socket.destroy();
      });
    }

    it('refuses a token without the mail scope', async () => {
      const talk = await plain(dovecot.port);
      assert.equal(await talk.say('AUTH XOAUTH2'), '+ ');
      assert.match(await talk.say(answers.XOAUTH2(await token(user, 'openid email'))), /^\+ /);
      assert.match(await talk.say(''), /^-ERR \[AUTH\]/);
      talk.socket.destroy();
    });
  });

  it('shows the certificate it was given', async () => {
    const authority = certificateAuthority();
    const certificate = authority.issue({ names: ['mail.example.test'], expired: true });
    dovecot = await startDovecot({ certificate: { ...certificate, ca: authority.ca } });
    try {
      const socket = connectTls({
        port: dovecot.tlsPort,
        host: '127.0.0.1',
        ca: dovecot.ca,
        servername: 'mail.example.test',
      });
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'CERT_HAS_EXPIRED');
    } finally {
      await dovecot.stop();
    }
  });

  it('leaves no port open behind', async () => {
    dovecot = await startDovecot();
    await dovecot.stop();
    for (const port of [dovecot.port, dovecot.tlsPort]) {
      const [error] = (await once(connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
      // A port that another test has taken meanwhile is reset.
      assert.ok(['ECONNREFUSED', 'ECONNRESET'].includes(error.code ?? ''), error.code);
    }
  });
});

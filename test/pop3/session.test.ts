import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import {
  type ConnectOptions,
  type Credentials,
  type MechanismName,
  Pop3Client,
  Pop3Error,
  type TraceEvent,
} from '../../nodes/pop3';
import { certificateAuthority, loopbackCertificate, opensslMissing } from '../../servers/certificates';
import { needs } from '../../servers/needs';
import { type ScriptedOptions, type ScriptedPop3, startScripted } from '../../servers/scripted-pop3';
import { CREDENTIALS, lineTo, ManualClock, optionsFor, settle } from './harness';

const TOKEN = { user: 'alice@example.test', token: 'ya29.a-token-that-nobody-must-see' };
const base64 = (text: string) => Buffer.from(text).toString('base64');

async function failure(promise: Promise<unknown>): Promise<Pop3Error> {
  const error = await promise.then(
    () => assert.fail('it should have failed'),
    (reason) => reason,
  );
  assert.ok(error instanceof Pop3Error, inspect(error));
  return error;
}

function summary({ code, reason }: Pop3Error): unknown[] {
  return [code, reason];
}

describe('pop3: a session', () => {
  const closing: Array<() => unknown> = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function serve(options: ScriptedOptions = {}): Promise<ScriptedPop3> {
    const server = await startScripted(options);
    closing.push(() => server.close());
    return server;
  }

  async function listen(handler: (socket: Socket) => void): Promise<number> {
    const sockets = new Set<Socket>();
    const server: Server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      handler(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    return (server.address() as { port: number }).port;
  }

  const at = (port: number, extra: Partial<ConnectOptions> = {}): ConnectOptions => ({
    host: '127.0.0.1',
    port,
    security: 'none',
    ...extra,
  });

  async function connected(options: ConnectOptions): Promise<Pop3Client> {
    const client = await Pop3Client.connect(options);
    closing.push(() => client.destroy());
    return client;
  }

  describe('what goes wrong has a name of its own', () => {
    it('a name that is not found', async () => {
      const error = await failure(Pop3Client.connect({ host: 'nowhere.invalid', security: 'tls' }));
      assert.deepEqual([...summary(error), error.retryable], ['CONNECT', 'name-not-found', true]);
    });

    it('a port without a listener', async () => {
      const server = await serve();
      await server.close();
      assert.deepEqual(summary(await failure(Pop3Client.connect(at(server.port)))), ['CONNECT', 'refused']);
    });

    it('a plain port spoken to with TLS', async () => {
      const server = await serve();
      const error = await failure(Pop3Client.connect(at(server.port, { security: 'tls' })));
      assert.deepEqual([...summary(error), error.retryable], ['TLS', 'server-speaks-plain', false]);
    });

    it('a server that never answers', async () => {
      const port = await listen(() => {});
      const error = await failure(Pop3Client.connect(at(port, { timeouts: { greeting: 30 } })));
      assert.deepEqual(summary(error), ['TIMEOUT', 'timeout']);
    });

    it('a server that never finishes the TLS handshake', async () => {
      const port = await listen(() => {});
      const options = at(port, { security: 'tls', timeouts: { connect: 30 } });
      assert.deepEqual(summary(await failure(Pop3Client.connect(options))), ['TIMEOUT', 'timeout']);
    });

    it('a server that closes the connection before, in and after the greeting', async () => {
      for (const said of ['', '+OK he', '+OK hello\r\n']) {
        const port = await listen((socket) => socket.end(said));
        assert.deepEqual(summary(await failure(Pop3Client.connect(at(port)))), ['CONNECT', 'hung-up']);
      }
    });

    it('a server that is no POP3 server', async () => {
      const port = await listen((socket) => socket.write('220 smtp.example.test ESMTP\r\n'));
      assert.deepEqual(summary(await failure(Pop3Client.connect(at(port)))), ['PROTOCOL', 'speaks-smtp']);
    });

    it('a greeting of -ERR', async () => {
      const server = await serve({ greeting: '-ERR [SYS/TEMP] come back in 5 minutes' });
      const error = await failure(Pop3Client.connect(at(server.port)));
      assert.deepEqual(
        [error.code, error.retryAfterMs, error.responseCode],
        ['SYS_TEMP', 300_000, 'SYS/TEMP'],
      );
    });

    it('a wrong password', async () => {
      const server = await serve({ allow: () => false });
      const client = await connected(at(server.port));
      const error = await failure(client.authenticate(CREDENTIALS));
      assert.deepEqual([error.code, error.retryable], ['AUTH', false]);
    });

    it("another user's token, with what the server says about it", async () => {
      for (const mechanism of ['XOAUTH2', 'OAUTHBEARER'] as const) {
        const server = await serve({ allow: () => false });
        const client = await connected(at(server.port));
        const error = await failure(client.authenticate(TOKEN, mechanism));
        assert.equal(error.code, 'AUTH');
        assert.deepEqual(error.challenge, { status: '401', schemes: 'bearer', scope: 'mail.pop' });
        assert.equal(server.received.at(-1), mechanism === 'XOAUTH2' ? '' : 'AQ==');
      }
    });

    it('a login without TLS: only on loopback, or when allowed; nothing is sent (S11)', async () => {
      const { line } = lineTo({});
      const client = await connected(optionsFor(line, { host: 'mail.example.test' }));
      assert.deepEqual(summary(await failure(client.authenticate(CREDENTIALS))), [
        'CONFIG',
        'plaintext-not-allowed',
      ]);
      assert.equal(line.sent, 'CAPA\r\n');
      const proxied = lineTo({});
      Object.assign(proxied.line, { remoteAddress: '192.0.2.1' });
      const behind = await connected(optionsFor(proxied.line));
      assert.deepEqual(summary(await failure(behind.authenticate(CREDENTIALS))), [
        'CONFIG',
        'plaintext-not-allowed',
      ]);
      const allowed = lineTo({});
      const trusting = await Pop3Client.connect(
        optionsFor(allowed.line, { host: 'mail.example.test', allowPlaintext: true }),
      );
      await trusting.authenticate(CREDENTIALS);
      trusting.destroy();
    });
  });

  describe('TLS', () => {
    before(needs(opensslMissing));

    it('from the first byte, and by STLS', async () => {
      const { ca, ...certificate } = loopbackCertificate();
      for (const tls of ['implicit', 'stls'] as const) {
        const server = await serve({ tls, ...certificate, mails: ['a\r\n'] });
        const security = tls === 'implicit' ? 'tls' : 'starttls';
        const events: TraceEvent[] = [];
        const client = await connected(
          at(server.port, { security, tls: { ca }, trace: (event) => events.push(event) }),
        );
        assert.ok(client.encrypted);
        assert.deepEqual(await client.authenticate(CREDENTIALS), { messages: 1, octets: 3 });
        const encrypted = events.find((event) => event.type === 'encrypted');
        assert.ok(encrypted?.type === 'encrypted' && encrypted.trusted && encrypted.fingerprint256);
        assert.equal(await client.quit(), 'ok');
        if (tls === 'stls') assert.deepEqual(server.received.slice(0, 3), ['CAPA', 'STLS', 'CAPA']);
      }
    });

    it('a TLS port spoken to without TLS', async () => {
      const { key, cert } = loopbackCertificate();
      const server = await serve({ tls: 'implicit', key, cert });
      const error = await failure(Pop3Client.connect(at(server.port, { timeouts: { greeting: 50 } })));
      // Node's TLS server closes the connection without the alert that others send.
      assert.deepEqual(summary(error), ['TIMEOUT', 'server-speaks-tls']);
      const port = await listen((socket) =>
        socket.on('data', () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 70]))),
      );
      const told = await failure(Pop3Client.connect(at(port, { timeouts: { greeting: 50 } })));
      assert.deepEqual(summary(told), ['TLS', 'server-speaks-tls']);
    });

    it('certificates that must not be trusted: nothing is sent', async () => {
      const authority = certificateAuthority();
      const { ca } = authority;
      const cases: Array<[string, ConnectOptions['tls'], { key: string; cert: string }]> = [
        ['untrusted-issuer', {}, authority.issue()],
        ['wrong-name', { ca }, authority.issue({ names: ['elsewhere.example'] })],
        ['certificate-expired', { ca }, authority.issue({ expired: true })],
      ];
      for (const [hint, tls, certificate] of cases) {
        for (const kind of ['implicit', 'stls'] as const) {
          const server = await serve({ tls: kind, ...certificate });
          const security = kind === 'implicit' ? 'tls' : 'starttls';
          const error = await failure(Pop3Client.connect(at(server.port, { security, tls })));
          assert.deepEqual([...summary(error), error.retryable], ['TLS', hint, false]);
          assert.ok(server.received.every((line) => line === 'CAPA' || line === 'STLS'));
        }
      }
    });

    it('a session ended in the moment STLS has put TLS on the line ends, and nothing else', async () => {
      const { ca, ...certificate } = loopbackCertificate();
      const server = await serve({ tls: 'stls', ...certificate });
      const stop = new AbortController();
      const error = await failure(
        Pop3Client.connect({
          ...at(server.port, { security: 'starttls', tls: { ca } }),
          signal: stop.signal,
          trace: ({ type }) => {
            if (type === 'encrypted') stop.abort();
          },
        }),
      );
      assert.equal(error.code, 'ABORTED');
      while (server.connections > 0) await new Promise((resolve) => setImmediate(resolve));
    });

    it('STLS refused, or not offered: no login without it', async () => {
      for (const commands of [undefined, { STLS: () => '-ERR no\r\n' }]) {
        const server = await serve({ commands });
        const error = await failure(Pop3Client.connect(at(server.port, { security: 'starttls' })));
        assert.deepEqual(summary(error), ['TLS', 'starttls-not-offered']);
      }
    });

    it('bytes in the same packet after the +OK to STLS: a response injection', async () => {
      for (const injected of ['+OK injected\r\n', '\r\n', 'x']) {
        const server = await serve({ commands: { STLS: () => `+OK begin\r\n${injected}` } });
        const error = await failure(Pop3Client.connect(at(server.port, { security: 'starttls' })));
        assert.deepEqual(summary(error), ['TLS', 'starttls-injection']);
        assert.ok(!server.received.some((line) => /^(USER|AUTH|PASS)/.test(line)));
      }
    });

    it('what was offered before TLS is forgotten', async () => {
      const { ca, key, cert } = loopbackCertificate();
      let asked = 0;
      const server = await serve({
        tls: 'stls',
        key,
        cert,
        commands: {
          CAPA: () => (++asked === 1 ? '+OK\r\nSASL PLAIN\r\nPIPELINING\r\nSTLS\r\n.\r\n' : '-ERR\r\n'),
        },
      });
      const client = await connected(at(server.port, { security: 'starttls', tls: { ca } }));
      assert.equal(client.capabilities.lines, undefined);
    });
  });

  describe('login', () => {
    const offering = (sasl: string, extra: ScriptedOptions = {}): ScriptedOptions => ({
      capabilities: ['USER', `SASL ${sasl}`],
      ...extra,
    });

    async function chosen(
      options: ScriptedOptions,
      credentials: Credentials = CREDENTIALS,
      wanted?: MechanismName,
    ) {
      const { line } = lineTo(options);
      const clock = new ManualClock();
      const client = await connected(optionsFor(line, { clock }));
      const login = client.authenticate(credentials, wanted).catch(() => {});
      await settle(login, clock);
      client.destroy();
      return line.sent.split('\r\n')[1];
    }

    it('without TLS no mechanism that shows the password, where there is another', async () => {
      assert.equal(
        await chosen(offering('PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256')),
        'AUTH SCRAM-SHA-256',
      );
      assert.equal(await chosen(offering('PLAIN SCRAM-SHA-1 CRAM-MD5')), 'AUTH SCRAM-SHA-1');
      assert.equal(await chosen(offering('PLAIN CRAM-MD5')), 'AUTH CRAM-MD5');
      assert.match(
        (await chosen(
          offering('PLAIN', { greeting: '+OK <1.2@host>', commands: { APOP: () => '-ERR\r\n' } }),
        )) ?? '',
        /^APOP /,
      );
      assert.equal(await chosen(offering('LOGIN')), 'AUTH LOGIN');
      assert.equal(await chosen({ capabilities: null }), `USER ${CREDENTIALS.user}`);
    });

    it('a token by XOAUTH2, or by OAUTHBEARER where only that is offered', async () => {
      assert.equal(await chosen(offering('PLAIN XOAUTH2 OAUTHBEARER'), TOKEN), 'AUTH XOAUTH2');
      assert.equal(await chosen(offering('PLAIN OAUTHBEARER'), TOKEN), 'AUTH OAUTHBEARER');
    });

    it('a mechanism that cannot carry what it is given is refused at once', async () => {
      const { line } = lineTo({});
      const client = await connected(optionsFor(line));
      for (const [credentials, mechanism, hint] of [
        [CREDENTIALS, 'XOAUTH2', 'mechanism-needs-other-credentials'],
        [TOKEN, 'PLAIN', 'mechanism-needs-other-credentials'],
        [CREDENTIALS, 'APOP', 'mechanism-not-offered'],
        [{ user: '', password: 'x' }, 'auto', 'user-missing'],
        [{ user: 'a\r\nDELE 1', password: 'x' }, 'auto', 'unsafe-argument'],
        [{ user: 'a', token: 'x\x01' }, 'auto', 'unsafe-argument'],
        [{ user: 'a', password: 'x\0' }, 'auto', 'unsafe-argument'],
        // RFC 4013 section 2.3: a mark of direction, which no eye sees.
        [{ user: 'a', password: 'x\u202e' }, 'SCRAM-SHA-256', 'unsafe-argument'],
      ] as Array<[Credentials, MechanismName | 'auto', string]>) {
        assert.deepEqual(summary(await failure(client.authenticate(credentials, mechanism))), [
          'CONFIG',
          hint,
        ]);
      }
      assert.equal(line.sent, 'CAPA\r\n');
    });

    it('one failed login with a password, and no weaker mechanism after it', async () => {
      const server = await serve({ allow: () => false, capabilities: ['USER', 'SASL PLAIN LOGIN'] });
      const client = await connected(at(server.port));
      assert.equal((await failure(client.authenticate(CREDENTIALS))).code, 'AUTH');
      assert.deepEqual(summary(await failure(client.authenticate(CREDENTIALS, 'USER'))), [
        'CONFIG',
        'login-spent',
      ]);
      assert.equal(server.received.filter((line) => /^(AUTH|USER|PASS)/.test(line)).length, 1);
    });

    it('a refused token is renewed once and tried once more on the same connection, and no more', async () => {
      const server = await serve({ allow: (_, token) => token === 'fresh', mails: ['a\r\n'] });
      const client = await connected(at(server.port));
      const renewed = async (rejected: string) =>
        rejected === TOKEN.token ? 'fresh' : assert.fail(rejected);
      assert.equal((await client.authenticate({ ...TOKEN, renew: renewed })).messages, 1);
      assert.equal(server.sessions.length, 1);
      let renewals = 0;
      const stale = async () => {
        renewals += 1;
        return `stale ${renewals}`;
      };
      const other = await connected(at(server.port));
      assert.equal((await failure(other.authenticate({ ...TOKEN, renew: stale }))).code, 'AUTH');
      assert.equal(renewals, 1);
      assert.equal((await failure(other.authenticate(TOKEN))).reason, 'login-spent');
      const same = await connected(at(server.port));
      await failure(same.authenticate({ ...TOKEN, renew: async (rejected) => rejected }));
      assert.equal(server.received.filter((line) => line === 'AUTH XOAUTH2').length, 5);
    });

    it('what the renewal of a token fails with is told as it is', async () => {
      const server = await serve({ allow: () => false });
      const client = await connected(at(server.port));
      const gone = new Error('sign in again');
      const renew = () => Promise.reject(gone);
      assert.equal(await client.authenticate({ ...TOKEN, renew }).catch((error) => error), gone);
    });

    it('[SYS/TEMP] comes without a challenge, and nothing is sent into it', async () => {
      const server = await serve({
        commands: {
          AUTH: (_, session) => {
            session.nextLine = () => '-ERR [SYS/TEMP] the sign-in server is away\r\n';
            return '+ \r\n';
          },
        },
      });
      const client = await connected(at(server.port));
      const error = await failure(client.authenticate(TOKEN));
      assert.deepEqual([error.code, error.retryable, error.challenge], ['SYS_TEMP', true, undefined]);
      assert.equal(server.received.length, 3);
    });

    it('POP switched off is told at STAT (Gmail), and so is a mailbox that is not connected (Exchange)', async () => {
      for (const [said, code, reason] of [
        ['-ERR [SYS/PERM] Your account is not enabled for POP access.', 'SYS_PERM', 'pop-disabled'],
        ['-ERR User is authenticated but not connected.', 'SYS_PERM', 'not-connected'],
        ['-ERR [IN-USE] Unable to lock maildrop', 'IN_USE', 'in-use'],
      ]) {
        const server = await serve({ commands: { STAT: () => `${said}\r\n` } });
        const client = await connected(at(server.port));
        assert.deepEqual(summary(await failure(client.authenticate(TOKEN))), [code, reason]);
      }
    });

    it('response codes before words, words where there is no code', async () => {
      for (const [said, code, wait] of [
        ['[IN-USE] x', 'IN_USE', undefined],
        ['[LOGIN-DELAY] wait 30 seconds', 'LOGIN_DELAY', 30_000],
        ['[SYS/TEMP] x', 'SYS_TEMP', undefined],
        ['[SYS/PERM] x', 'SYS_PERM', undefined],
        ['[AUTH] mailbox locked, try later', 'AUTH', undefined],
        ['[sys/temp] x', 'SYS_TEMP', undefined],
        ['[UNAUTH] no such code', 'AUTH', undefined],
        ['Unable to lock maildrop: mailbox is locked by POP server', 'IN_USE', undefined],
        ['maildrop already locked', 'IN_USE', undefined],
        ['Your account has been locked', 'AUTH', undefined],
        ['too many connections, please wait', 'LOGIN_DELAY', undefined],
        ['Temporary authentication failure', 'SYS_TEMP', undefined],
        ['invalid credentials', 'AUTH', undefined],
        ['Application-specific password required', 'AUTH', undefined],
      ] as const) {
        const server = await serve({ capabilities: ['USER'], commands: { PASS: () => `-ERR ${said}\r\n` } });
        const client = await connected(at(server.port));
        const error = await failure(client.authenticate(CREDENTIALS));
        assert.deepEqual([error.code, error.retryAfterMs], [code, wait], said);
      }
    });

    it('CRAM-MD5 answers the example of RFC 2195', async () => {
      const { line } = lineTo({
        capabilities: ['SASL CRAM-MD5'],
        commands: {
          AUTH: (_, session) => {
            session.nextLine = () => '-ERR enough\r\n';
            return `+ ${base64('<1896.697170952@postoffice.reston.mci.net>')}\r\n`;
          },
        },
      });
      const client = await connected(optionsFor(line));
      await failure(client.authenticate({ user: 'tim', password: 'tanstaaftanstaaf' }));
      const answer = Buffer.from(line.sent.split('\r\n')[2] as string, 'base64').toString();
      assert.equal(answer, 'tim b913a602c7eda7a495b4e6e7334d3890');
    });

    for (const [mechanism, exchange] of [
      [
        'SCRAM-SHA-1',
        // RFC 5802 section 5
        {
          nonce: 'fyko+d2lbbFgONRv9qkxdawL',
          first: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
          proof: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
          last: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
        },
      ],
      [
        'SCRAM-SHA-256',
        // RFC 7677 section 3
        {
          nonce: 'rOprNGfwEbeRWgbNEkqO',
          first: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
          proof:
            'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
          last: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
        },
      ],
    ] as const) {
      describe(mechanism, () => {
        const run = async (first: string, last: string | undefined, end = '+OK\r\n') => {
          const { line } = lineTo({
            commands: {
              AUTH: (_, session) => {
                session.nextLine = () => {
                  session.nextLine = () => {
                    if (last === undefined) return end;
                    session.nextLine = (said) => (said === '*' ? '-ERR cancelled\r\n' : end);
                    return `+ ${base64(last)}\r\n`;
                  };
                  return `+ ${base64(first)}\r\n`;
                };
                return '+ \r\n';
              },
            },
          });
          // The RFC's nonces are text; what the client draws is written in base64.
          const randomBytes = () => ({ toString: () => exchange.nonce }) as unknown as Buffer;
          const client = await connected(optionsFor(line, { randomBytes }));
          const login = client.authenticate({ user: 'user', password: 'pencil' }, mechanism);
          return { login, line };
        };

        it('is the example of its RFC', async () => {
          const { login, line } = await run(exchange.first, exchange.last);
          await login;
          const said = line.sent.split('\r\n').map((text) => Buffer.from(text, 'base64').toString());
          assert.equal(said[2], `n,,n=user,r=${exchange.nonce}`);
          assert.equal(said[3], exchange.proof);
        });

        it('takes the server’s last word together with its +OK', async () => {
          await (await run(exchange.first, undefined, `+OK ${base64(exchange.last)}\r\n`)).login;
        });

        it('believes no +OK without the server’s proof', async () => {
          for (const last of [undefined, 'v=AAAA', 'e=other-error', '']) {
            const error = await failure((await run(exchange.first, last)).login);
            assert.deepEqual(summary(error), ['AUTH', 'server-signature-wrong'], String(last));
          }
        });

        it('goes no further with a nonce that is not its own, too few or too many iterations', async () => {
          const { first, nonce } = exchange;
          for (const wrong of [
            first.replace(nonce, 'x'.repeat(nonce.length)),
            first.replace(/r=[^,]*/, `r=${nonce}`),
            first.replace('i=4096', 'i=1'),
            first.replace('i=4096', 'i=999999999'),
            `m=x,${first}`,
            'nonsense',
          ]) {
            const { login, line } = await run(wrong, undefined, '-ERR\r\n');
            await failure(login);
            assert.equal(line.sent.split('\r\n')[3], '*', wrong);
          }
        });
      });
    }

    it('keeps even a short password out', async () => {
      const server = await serve({
        capabilities: ['USER'],
        commands: { PASS: (said) => `-ERR ${said} is wrong\r\n` },
      });
      const client = await connected(at(server.port));
      const error = await failure(client.authenticate({ user: 'alice', password: 'pw9x' }));
      assert.equal(error.response, '-ERR *** is wrong');
    });

    it('keeps every secret out of errors and traces, even when the server repeats it', async () => {
      const canary = 'canary-7f3a9c51-secret';
      const digest = createHmac('md5', canary).update('<1.2@host>').digest('hex');
      for (const [credentials, mechanism] of [
        [{ user: 'alice', password: canary }, 'USER'],
        [{ user: 'alice', password: canary }, 'PLAIN'],
        [{ user: 'alice', password: canary }, 'LOGIN'],
        [{ user: 'alice', token: canary }, 'XOAUTH2'],
        [{ user: 'alice', token: canary }, 'OAUTHBEARER'],
      ] as Array<[Credentials, MechanismName]>) {
        const echo = (line: string) =>
          `-ERR you said ${line} and ${Buffer.from(line, 'base64')} and ${canary.slice(0, 14)}\r\n`;
        const server = await serve({
          commands: {
            PASS: echo,
            AUTH: (_, session) => {
              session.nextLine = (line) => {
                if (mechanism !== 'LOGIN') return echo(line);
                session.nextLine = echo;
                return '+ \r\n';
              };
              return '+ \r\n';
            },
          },
        });
        const events: TraceEvent[] = [];
        const client = await connected(at(server.port, { trace: (event) => events.push(event) }));
        const error = await failure(client.authenticate(credentials, mechanism));
        const shown =
          inspect([error, events, client], { depth: 20, showHidden: true }) +
          JSON.stringify([error, events, client]);
        for (const part of [
          canary,
          canary.slice(0, 14),
          base64(canary),
          base64(`\0alice\0${canary}`),
          digest,
        ]) {
          assert.ok(!shown.includes(part), `${mechanism} shows ${part}: ${shown}`);
        }
        assert.equal(error.code, 'AUTH');
      }
    });
  });

  describe('retrieving', () => {
    const mails = Array.from(
      { length: 300 },
      (_, index) => `Subject: ${index}\r\n\r\n${'x'.repeat(index)}\r\n`,
    );
    const all = mails.map((_, index) => index + 1);

    async function ready(options: ScriptedOptions = {}, extra: Partial<ConnectOptions> = {}) {
      const made = lineTo({ mails, ...options });
      const client = await connected(optionsFor(made.line, extra));
      closing.push(() => client.destroy());
      await client.authenticate(CREDENTIALS);
      return { client, ...made };
    }

    /** The most commands the server has had without having answered them. */
    async function greatest(limits: ConnectOptions['limits'], capabilities: string[]) {
      // The greeting is an answer too.
      let outstanding = 1;
      let commands = 0;
      let octets = 0;
      const made = lineTo({ mails, capabilities });
      const write = made.line.write.bind(made.line);
      made.line.write = (data: string) => {
        outstanding += data.split('\r\n').length - 1;
        commands = Math.max(commands, outstanding);
        octets = Math.max(octets, data.length);
        return write(data);
      };
      const speak = made.line.speak.bind(made.line);
      made.line.speak = (bytes: Buffer) => {
        outstanding -= 1;
        speak(bytes);
      };
      const client = await connected(optionsFor(made.line, { limits }));
      await client.authenticate(CREDENTIALS);
      await client.list();
      let read = 0;
      for await (const mail of client.retrieve(all)) {
        for await (const part of mail.body) read += part.length;
      }
      client.destroy();
      assert.equal(read, mails.join('').length);
      return { commands, octets };
    }

    it('pipelines no further than the windows of commands and of bytes', async () => {
      const pipelining = ['USER', 'PIPELINING'];
      assert.equal((await greatest({ window: 20 }, pipelining)).commands, 20);
      assert.ok((await greatest({ windowCommands: 100 }, pipelining)).commands <= 13);
      assert.ok((await greatest({ windowReplies: 1000 }, pipelining)).commands <= 50);
      assert.equal((await greatest({ windowReplies: 1 }, pipelining)).commands, 2, 'STAT goes with CAPA');
      assert.equal((await greatest({}, ['USER'])).commands, 1);
    });

    // With the sockets of a real kernel: small-buffers.test.ts. This one runs everywhere, and counts.
    it('cannot dead-lock: socket buffers of 4 kB, and a reader that stops', async () => {
      const many = Array.from(
        { length: 2000 },
        (_, index) => `${index} ${'x'.repeat((index * 37) % 3000)}\r\n`,
      );
      const { line, server } = lineTo({ mails: many, capabilities: ['PIPELINING'] }, {}, 4096);
      const client = await connected(optionsFor(line, { limits: { buffer: 16_384 } }));
      await client.authenticate(CREDENTIALS);
      let most = 0;
      const write = line.write.bind(line);
      line.write = (data: string) => {
        // What the server has not read yet would fill the two socket buffers between: it must fit into one.
        const read = server.received.join('  ').length + 2 * server.received.length;
        most = Math.max(most, line.sent.length + data.length - read);
        return write(data);
      };
      let octets = 0;
      for await (const mail of client.retrieve(many.map((_, index) => index + 1))) {
        if (mail.number % 100 === 0) for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
        for await (const part of mail.body) octets += part.length;
      }
      assert.equal(octets, many.join('').length);
      assert.ok(most > 500 && most < 4096, `${most} octets of commands under way`);
    });

    it('hands out a large mail in pieces of 8 kB, and loses nothing between them', async () => {
      const sizes = [8191, 8192, 8193, 16_383, 16_384, 16_385, 70_001];
      const large = sizes.map((size) => `${'0123456789'.repeat(size / 10).padEnd(size - 2, 'x')}\r\n`);
      const { client } = await ready({ mails: large });
      for await (const mail of client.retrieve(large.map((_, index) => index + 1))) {
        const parts: string[] = [];
        for await (const part of mail.body) parts.push(part.toString());
        assert.equal(parts.join(''), large[mail.number - 1]);
        assert.ok(parts.every((part) => part.length <= 8192));
      }
    });

    it('lets go what is not read, and goes on with the next', async () => {
      const { client } = await ready({}, { limits: { buffer: 500, window: 4 } });
      const got: string[] = [];
      for await (const mail of client.retrieve(all)) {
        if (mail.number % 3 === 0) continue;
        for await (const part of mail.body) {
          got.push(part.toString());
          if (mail.number % 3 === 1) break;
        }
      }
      assert.equal(got.length, 200);
      assert.deepEqual(await client.stat(), { messages: 300, octets: mails.join('').length });
    });

    it('may be left early: what was asked for ahead is let go, and the session goes on', async () => {
      const { client } = await ready();
      for await (const { number } of client.retrieve(all)) if (number === 5) break;
      assert.equal((await client.list()).length, 300);
      assert.equal(await client.quit(), 'ok');
    });

    it('DELE between two mails of an iteration is answered, though unread mail is in the way', async () => {
      const { client } = await ready({}, { limits: { buffer: 500 } });
      for await (const mail of client.retrieve(all)) {
        for await (const part of mail.body) void part;
        for await (const { error } of client.dele([mail.number])) assert.equal(error, undefined);
      }
      assert.equal((await client.stat()).messages, 0);
    });

    it('a mail over its cap fails alone, and the session goes on', async () => {
      const { client } = await ready(
        { mails: ['a\r\n', `${'x'.repeat(5000)}\r\n`, 'c\r\n'] },
        { limits: { mail: 1000 } },
      );
      const outcome: unknown[] = [];
      for await (const mail of client.retrieve([1, 2, 3])) {
        try {
          for await (const part of mail.body) outcome.push(part.length);
        } catch (error) {
          outcome.push(summary(error as Pop3Error));
        }
      }
      assert.deepEqual(outcome, [3, ['LIMIT', 'mail-too-large'], 3]);
      assert.equal(await client.quit(), 'ok');
    });

    it('a mail without end ends the session', async () => {
      const port = await listen((socket) => {
        socket.write('+OK\r\n');
        socket.on('data', (chunk: Buffer) => {
          const text = chunk.toString();
          if (text.startsWith('RETR')) {
            socket.write('+OK\r\n');
            const pour = () => {
              while (socket.writable && socket.write(Buffer.alloc(65_536, 'x')));
            };
            socket.on('drain', pour);
            pour();
          } else if (text.startsWith('CAPA')) socket.write('-ERR\r\n');
          else socket.write('+OK 1 1\r\n');
        });
      });
      const client = await connected(at(port, { limits: { mail: 100_000, drain: 1_000_000 } }));
      await client.authenticate(CREDENTIALS);
      const iterator = client.retrieve([1, 2]);
      const first = await iterator.next();
      const read = async () => {
        for await (const part of first.value?.body ?? []) void part;
      };
      assert.equal((await failure(read())).code, 'LIMIT');
      assert.equal((await failure(iterator.next())).code, 'LIMIT');
    });

    it('lists over their caps fail alone, and the session goes on', async () => {
      const { client } = await ready({}, { limits: { listLines: 100, listLine: 30 } });
      assert.deepEqual(summary(await failure(client.uidl())), ['LIMIT', 'list-too-long']);
      const long = await ready(
        { commands: { UIDL: () => `+OK\r\n1 ${'x'.repeat(100)}\r\n2 a\r\n.\r\n` } },
        { limits: { listLine: 30 } },
      );
      assert.deepEqual(summary(await failure(long.client.uidl())), ['LIMIT', 'line-too-long']);
      assert.equal(await long.client.quit(), 'ok');
    });

    it('a status line over its cap ends the session', async () => {
      const { client } = await ready({ commands: { NOOP: () => `+OK ${'x'.repeat(20_000)}` } });
      assert.deepEqual(summary(await failure(client.noop())), ['LIMIT', 'line-too-long']);
    });

    it('numbers that are none are refused before anything is sent', async () => {
      const { client, line } = await ready();
      const before = line.sent;
      for (const number of [
        0,
        -1,
        1.5,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        '1\r\nDELE 1' as unknown as number,
      ]) {
        assert.equal((await failure(client.retrieve([number]).next())).code, 'CONFIG');
        assert.equal((await failure(client.dele([number]).next())).code, 'CONFIG');
        assert.equal((await failure(client.uidl(number))).code, 'CONFIG');
        assert.equal((await failure(client.list(number))).code, 'CONFIG');
      }
      assert.equal(line.sent, before);
    });

    it('UIDL n for many, a refusal alone', async () => {
      const { client } = await ready();
      const answers = [];
      for await (const answer of client.uidlOf([300, 301, 299]))
        answers.push([answer.number, answer.uid, answer.error?.code]);
      assert.deepEqual(answers, [
        [300, 'uid-300', undefined],
        [301, undefined, 'REFUSED'],
        [299, 'uid-299', undefined],
      ]);
    });

    it('an answer to another number than asked for is no answer', async () => {
      const { client } = await ready({ commands: { UIDL: () => '+OK 7 x\r\n', LIST: () => '+OK 7 1\r\n' } });
      assert.equal((await failure(client.uidl(1))).code, 'PROTOCOL');
      assert.equal((await failure(client.list(1))).code, 'PROTOCOL');
    });
  });

  describe('the end', () => {
    it('unsolicited bytes end the session, and nothing counts as deleted', async () => {
      for (const said of ['+OK forged\r\n', 'x', '-ERR Disconnected for inactivity.\r\n']) {
        const { line } = lineTo({ mails: ['a\r\n'] });
        const client = await connected(optionsFor(line));
        await client.authenticate(CREDENTIALS);
        for await (const { error } of client.dele([1])) assert.equal(error, undefined);
        line.speak(Buffer.from(said));
        const error = await failure(client.noop());
        assert.deepEqual(
          summary(error),
          said.startsWith('-ERR') ? ['CONNECT', 'hung-up'] : ['PROTOCOL', 'unsolicited-bytes'],
        );
        assert.equal(await client.quit(), 'unknown');
      }
    });

    it('bytes after the answer to QUIT make it worth nothing', async () => {
      const { line } = lineTo({ commands: { QUIT: () => '+OK\r\n+OK\r\n' } });
      const client = await connected(optionsFor(line));
      assert.equal(await client.quit(), 'unknown');
    });

    it('QUIT refused says so', async () => {
      const { line } = lineTo({ commands: { QUIT: () => '-ERR some deleted messages not removed\r\n' } });
      assert.equal(await (await connected(optionsFor(line))).quit(), 'refused');
    });

    it('an abort ends everything at once, wherever the session stands', async () => {
      const mails = ['a\r\n', 'b\r\n'];
      const { octets } = await (async () => {
        const { line } = lineTo({ mails });
        const client = await connected(optionsFor(line));
        await client.authenticate(CREDENTIALS);
        for await (const mail of client.retrieve([1, 2])) void mail;
        client.destroy();
        return line;
      })();
      for (let stop = 0; stop < octets; stop += 1) {
        const clock = new ManualClock();
        const controller = new AbortController();
        const { line } = lineTo({ mails }, { end: { at: stop, how: 'stall' } });
        const session = (async () => {
          const client = await Pop3Client.connect(optionsFor(line, { clock, signal: controller.signal }));
          await client.authenticate(CREDENTIALS);
          for await (const mail of client.retrieve([1, 2])) for await (const part of mail.body) void part;
        })();
        session.catch(() => {});
        for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        controller.abort();
        assert.equal((await failure(session)).code, 'ABORTED', `at ${stop}`);
        assert.ok(line.destroyed);
        assert.equal(clock.timers, 0);
      }
    });

    it('an abort before, and while the line is being opened', async () => {
      assert.equal(
        (await failure(Pop3Client.connect(at(1, { signal: AbortSignal.abort() })))).code,
        'ABORTED',
      );
      const controller = new AbortController();
      let late: ((socket: Socket) => void) | undefined;
      const open = () =>
        new Promise<Socket>((resolve) => {
          late = resolve;
        });
      const opening = Pop3Client.connect(at(1, { signal: controller.signal, open }));
      setImmediate(() => controller.abort());
      assert.equal((await failure(opening)).code, 'ABORTED');
      const { line } = lineTo({});
      late?.(line as unknown as Socket);
      await new Promise((resolve) => setImmediate(resolve));
      assert.ok(line.destroyed, 'a socket that came too late is closed');
    });

    it('the session deadline holds, however busy the server keeps it', async () => {
      const port = await listen((socket) => {
        socket.write('+OK\r\n+');
        const timer = setInterval(() => socket.write('O'), 5);
        socket.on('close', () => clearInterval(timer));
      });
      const error = await failure(Pop3Client.connect(at(port, { timeouts: { session: 60 } })));
      assert.ok(['TIMEOUT', 'PROTOCOL'].includes(error.code));
    });

    it('a mail that is not read while a command waits behind it: an error in time, no deadlock', async () => {
      const clock = new ManualClock();
      const mails = ['x'.repeat(5000), 'y'.repeat(5000)];
      const made = lineTo({ mails, capabilities: ['PIPELINING'] });
      const limits = { buffer: 100, bufferBehind: 1000 };
      const client = await connected(optionsFor(made.line, { clock, limits }));
      await client.authenticate(CREDENTIALS);
      await client.retrieve([1, 2]).next();
      assert.deepEqual(summary(await failure(settle(client.noop(), clock))), [
        'LIMIT',
        'unread-mail-in-the-way',
      ]);
    });
  });
});

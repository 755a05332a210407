import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import { showable } from '../../nodes/base/shown';
import {
  type ConnectOptions,
  KnownServer,
  LIMITS,
  Pop3Client,
  type Pop3Error,
  type TraceEvent,
} from '../../nodes/pop3';
import { decodeLine } from '../../nodes/pop3/charset';
import { Secrets } from '../../nodes/pop3/secrets';
import { loopbackCertificate, opensslMissing } from '../../servers/certificates';
import { needs } from '../../servers/needs';
import { type ScriptedOptions, startScripted } from '../../servers/scripted-pop3';
import { CREDENTIALS, lineTo, ManualClock, optionsFor, random, settle } from './harness';

const TOKEN = { user: 'alice@example.test', token: 'ya29.a-token-that-nobody-must-see-0123456789' };
const base64 = (text: string) => Buffer.from(text).toString('base64');

const opened: Pop3Client[] = [];

async function connected(server: ScriptedOptions, options: Partial<ConnectOptions> = {}) {
  const made = lineTo({ capabilities: ['UIDL', 'TOP', 'PIPELINING'], ...server });
  const client = await Pop3Client.connect(optionsFor(made.line, options));
  opened.push(client);
  return { client, ...made };
}

async function ready(server: ScriptedOptions, options: Partial<ConnectOptions> = {}) {
  const made = await connected(server, options);
  return { ...made, maildrop: await made.client.authenticate(CREDENTIALS) };
}

async function failure(promise: Promise<unknown>): Promise<Pop3Error> {
  return promise.then(
    () => assert.fail('it should have failed'),
    (error) => error,
  );
}

async function text(mails: AsyncIterable<{ body: AsyncIterable<Buffer> }>): Promise<string> {
  let whole = '';
  for await (const { body } of mails) for await (const part of body) whole += part.toString('latin1');
  return whole;
}

describe('pop3: limits on what a server says', () => {
  afterEach(() => {
    for (const client of opened.splice(0)) client.destroy();
  });

  it('a CAPA reply is capped, far below a list of mails', async () => {
    const capa = `+OK\r\n${'X-MORE of it\r\n'.repeat(LIMITS.capabilities / 10)}.\r\n`;
    const made = lineTo({ commands: { CAPA: () => capa } });
    const error = await failure(Pop3Client.connect(optionsFor(made.line)));
    assert.deepEqual([error.code, error.reason], ['LIMIT', 'list-too-long']);
    assert.ok(LIMITS.capabilities * 100 <= LIMITS.list);
  });

  it('a UIDL or LIST reply is capped in bytes, fails alone, and one without end ends the session', async () => {
    const reply = `+OK\r\n${'1 x\r\n'.repeat(200)}.\r\n`;
    const { client } = await ready(
      { commands: { UIDL: () => reply, LIST: () => reply } },
      { limits: { list: 500 } },
    );
    assert.equal((await failure(client.uidl())).reason, 'list-too-long');
    assert.equal((await failure(client.list())).reason, 'list-too-long');
    await client.noop();
    const endless = await ready({ commands: { UIDL: () => reply } }, { limits: { list: 100, drain: 300 } });
    assert.equal((await failure(endless.client.uidl())).code, 'LIMIT');
    assert.equal((await failure(endless.client.noop())).code, 'LIMIT');
  });

  it('everything before the login together is capped, blank lines included', async () => {
    for (const said of ['\r\n', 'x']) {
      const made = lineTo({ greeting: '' });
      const connecting = failure(
        Pop3Client.connect(optionsFor(made.line, { limits: { beforeLogin: 5000 } })),
      );
      await new Promise((resolve) => setImmediate(resolve));
      for (let sent = 0; sent < 6000; sent += 100) made.line.speak(Buffer.from(said.repeat(100)));
      assert.equal((await connecting).code, 'LIMIT');
    }
  });

  it('CAPA is waited for no longer than a command that is answered at once', async () => {
    const { line } = lineTo({ commands: { CAPA: () => '' } });
    const clock = new ManualClock();
    const connecting = failure(Pop3Client.connect(optionsFor(line, { clock })));
    assert.equal((await settle(connecting, clock)).code, 'TIMEOUT');
    assert.ok(clock.now() < 120_000, `${clock.now()} ms`);
  });

  it('after the login a mailbox may be listed at any length below its cap', async () => {
    const reply = `+OK\r\n${'1 x\r\n'.repeat(2000)}.\r\n`;
    const { client } = await ready({ commands: { UIDL: () => reply } }, { limits: { beforeLogin: 1000 } });
    assert.equal((await client.uidl())?.length, 2000);
  });

  it('blank lines before a greeting do not put its deadline off', async () => {
    const clock = new ManualClock();
    const made = lineTo({ greeting: '' });
    const connecting = failure(Pop3Client.connect(optionsFor(made.line, { clock })));
    for (let second = 0; second < 40 && !made.line.destroyed; second += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      made.line.speak(Buffer.from('\r\n'));
      clock.advance(1000);
    }
    assert.equal((await connecting).code, 'TIMEOUT');
    assert.ok(clock.now() <= 33_000, `${clock.now()} ms`);
  });

  it('TOP is capped by itself', async () => {
    const header = `X: ${'x'.repeat(900)}\r\n`.repeat(20);
    const { client } = await ready({ mails: [`${header}\r\nbody\r\n`] }, { limits: { top: 5000 } });
    assert.equal((await failure(text(client.top([1], 0)))).reason, 'mail-too-large');
    await client.noop();
  });

  it('a server that gives the whole mail to TOP: cut after the lines that were asked for', async () => {
    const header = 'Subject: big\r\nX-Other: y\r\n\r\n';
    const body = 'line one\r\nline two\r\nline three\r\n';
    for (const end of ['\r\n', '\n']) {
      const mail = `${header}${body}${'x'.repeat(70)}\r\n`.replaceAll('\r\n', end);
      const whole = (lines: number) =>
        [header, ...body.split(/(?<=\n)/).slice(0, lines)].join('').replaceAll('\r\n', end);
      for (const lines of [0, 1, 2]) {
        const { client } = await ready({
          lineEnd: end as '\n',
          mails: [mail],
          commands: { TOP: () => `+OK${end}${mail}.${end}` },
        });
        assert.equal(await text(client.top([1], lines)), whole(lines));
        await client.noop();
      }
    }
  });

  describe('what was said before STLS', () => {
    before(needs(opensslMissing));

    it('is forgotten: the line ends and the timestamp for APOP', async () => {
      const { ca, ...certificate } = loopbackCertificate();
      const mail = 'Subject: x\r\n\r\nbefore\n.\n+OK forged\nafter\r\n';
      const server = await startScripted({
        tls: 'stls',
        ...certificate,
        mails: [mail],
        greeting: '+OK <1.2@host>',
        lineEnd: '\n',
      });
      try {
        const client = await Pop3Client.connect({
          host: 'localhost',
          port: server.port,
          security: 'starttls',
          tls: { ca },
          // Only the greeting ends with a bare LF, as an attacker on the network path can force it.
          trace: (event) => {
            if (event.type === 'greeting') server.options.lineEnd = '\r\n';
          },
        });
        opened.push(client);
        assert.equal(
          (await failure(client.authenticate(CREDENTIALS, 'APOP'))).reason,
          'mechanism-not-offered',
        );
        await client.authenticate(CREDENTIALS);
        assert.equal(await text(client.retrieve([1])), mail);
      } finally {
        await server.close();
      }
    });
  });
});

describe('pop3: what a server repeats', () => {
  afterEach(() => {
    for (const client of opened.splice(0)) client.destroy();
  });

  /** Every way in which a server could give a secret back, at any place of base64. */
  const echoes = (secret: string) => [
    secret,
    base64(secret),
    base64(`a${secret}`),
    base64(`ab${secret}z`),
    secret.slice(3, 15),
    base64(`{"error":"no ${secret}"}`),
  ];

  it('is masked in the failure challenge of a token, decoded and raw', async () => {
    for (const echo of echoes(TOKEN.token)) {
      const events: TraceEvent[] = [];
      const challenge = base64(JSON.stringify({ status: '401', [echo]: ['x', { deep: `your ${echo}` }] }));
      const { client } = await connected(
        {
          commands: {
            AUTH: (_, session) => {
              session.nextLine = () => {
                session.nextLine = () => `-ERR [AUTH] you said ${echo}\r\n`;
                return `+ ${challenge}\r\n`;
              };
              return '+ \r\n';
            },
          },
        },
        { trace: (event) => events.push(event) },
      );
      const error = await failure(client.authenticate(TOKEN));
      assert.equal((error.challenge as { status: string }).status, '401');
      const shown = inspect([error, events], { depth: 20 });
      for (const part of [...echoes(TOKEN.token).slice(0, 2), echo, challenge]) {
        assert.ok(!shown.includes(part), `${part} in ${shown}`);
      }
    }
  });

  it('is masked in the CAPA and the unique IDs after the login', async () => {
    for (const echo of echoes(CREDENTIALS.password)) {
      const events: TraceEvent[] = [];
      const { client } = await ready(
        {
          capabilities: ['UIDL'],
          capabilitiesAfterLogin: ['UIDL', `IMPLEMENTATION ${echo}`, echo],
          mails: ['a\r\n'],
          commands: { UIDL: () => `+OK\r\n1 <${CREDENTIALS.password}>\r\n.\r\n` },
        },
        { trace: (event) => events.push(event) },
      );
      const shown = inspect([
        events,
        client.capabilities.lines,
        client.capabilities.implementation,
        await client.uidl(),
      ]);
      assert.ok(!shown.includes(echo), `${echo} in ${shown}`);
    }
  });

  it('is left alone in a listing where it may be there by chance: sizes, and a few characters of a unique ID', async () => {
    const { client } = await connected({
      mails: [`${'a'.repeat(1230)}\r\n`],
      commands: { PASS: () => '+OK\r\n', UIDL: () => '+OK\r\n1 uid-1232-1\r\n.\r\n' },
    });
    await client.authenticate({ user: 'alice', password: '1232' });
    assert.deepEqual(await client.list(), [{ number: 1, octets: 1232 }]);
    assert.deepEqual(await client.uidl(), [{ number: 1, uid: 'uid-1232-1' }]);
  });

  it('is masked in every part of eight characters, and in no shorter one', () => {
    const draw = random(7);
    const letters = (count: number) =>
      Array.from({ length: count }, () => 'abc+/'[Math.floor(draw() * 5)]).join('');
    for (let run = 0; run < 500; run += 1) {
      const secret = letters(run < 20 ? run : 1 + Math.floor(draw() * 60));
      const secrets = new Secrets();
      secrets.add(secret);
      const at = Math.floor(draw() * secret.length);
      const text = letters(20) + secret.slice(at, at + Math.floor(draw() * 40)) + letters(20) + secret;
      const isPart = Array.from(text, () => false);
      for (let from = 0; from < text.length; from += 1) {
        for (const form of [
          secret.slice(0, 7),
          ...Array.from(secret.slice(7), (_, end) => secret.slice(end, end + 8)),
        ]) {
          if (form.length > 7 || (form === secret && form.length > 1))
            if (text.startsWith(form, from)) isPart.fill(true, from, from + form.length);
        }
      }
      const expected = Array.from(text, (letter, index) => (isPart[index] ? '\0' : letter))
        .join('')
        .replace(/\0+/g, '***');
      // No word of the alphabet above is base64 of another one, but for a few letters by chance.
      assert.equal(secrets.mask(text), expected, secret);
    }
  });

  it('is shown without what could forge a log line or turn it around', () => {
    const evil = 'a\u0007\u0085\u009b\u00ad\u061c\u200e\u2028\u202e\u2066\ufeff\u{e0041}b\ud800c';
    assert.equal(showable(evil), `a${'·'.repeat(11)}b·c`);
    assert.equal(showable('Ünïcode 授权码 ✓'), 'Ünïcode 授权码 ✓');
  });

  it('is read in its charset', () => {
    for (const [label, words, bytes] of [
      ['utf-8', 'Zugriff verweigert: ungültig', Buffer.from('Zugriff verweigert: ungültig')],
      ['windows-1252', 'Zugriff verweigert: ungültig', Buffer.from('Zugriff verweigert: ungültig', 'latin1')],
      ['gb18030', '请使用授权码登录', Buffer.from('c7ebcab9d3c3cadac8a8c2ebb5c7c2bc', 'hex')],
      [
        'windows-1251',
        'неверный пароль',
        Buffer.from('ede5e2e5f0ede9e920efe0f0eeebfc'.replace('ede9', 'ede9'), 'hex'),
      ],
    ] as const) {
      if (label === 'windows-1251') assert.match(decodeLine(bytes), /^невер.* пароль$/);
      else assert.equal(decodeLine(bytes), words, label);
    }
  });
});

describe('pop3: servers that lack something', () => {
  afterEach(() => {
    for (const client of opened.splice(0)) client.destroy();
  });

  it('RSET unknown: nothing was marked, so nothing is taken back; after DELE it is an error', async () => {
    const { client } = await ready({ mails: ['a\r\n'], commands: { RSET: () => '-ERR what?\r\n' } });
    await client.rset();
    for await (const { error } of client.dele([1])) assert.equal(error, undefined);
    assert.equal((await failure(client.rset())).code, 'REFUSED');
  });

  it('sizes that are none, numbers that are none', async () => {
    const { client, maildrop } = await ready({
      commands: {
        STAT: () => '+OK 4 many\r\n',
        LIST: () => '+OK\r\n0 12\r\n1 -1\r\n2 unknown\r\n3\r\n4 17\r\n.\r\n',
        UIDL: () => '+OK\r\n0 zero\r\n1 a\r\n.\r\n',
      },
    });
    assert.deepEqual(maildrop, { messages: 4, octets: 0 });
    assert.deepEqual(await client.list(), [
      { number: 1 },
      { number: 2 },
      { number: 3 },
      { number: 4, octets: 17 },
    ]);
    assert.deepEqual(await client.uidl(), [{ number: 1, uid: 'a' }]);
  });

  it('`+ERR` is a refusal', async () => {
    const { client } = await connected({ commands: { PASS: () => '+ERR bad password\r\n' } });
    const error = await failure(client.authenticate(CREDENTIALS));
    assert.deepEqual(
      [error.code, error.reason, error.response],
      ['AUTH', 'wrong-password', '+ERR bad password'],
    );
  });
});

describe('pop3: refusals in the words of servers', () => {
  afterEach(() => {
    for (const client of opened.splice(0)) client.destroy();
  });

  const refusals: [command: string, said: string, code: string, reason: string][] = [
    ['PASS', '-ERR your logins for this quarter of an hour are used up', 'LOGIN_DELAY', 'throttled'],
    ['PASS', '-ERR too many failed attempts', 'LOGIN_DELAY', 'throttled'],
    ['PASS', '-ERR [AUTH] login limit exceeded', 'LOGIN_DELAY', 'throttled'],
    ['PASS', '-ERR please try again', 'SYS_TEMP', 'sys-temp'],
    ['PASS', '-ERR login failed, come back later', 'SYS_TEMP', 'sys-temp'],
    ['PASS', '-ERR invalid password, try again', 'AUTH', 'wrong-password'],
    ['STAT', '-ERR daily limit reached', 'LOGIN_DELAY', 'throttled'],
    ['USER', '-ERR [AUTH] no passwords in clear on this port, begin TLS first', 'TLS', 'tls-required'],
    ['USER', '-ERR must issue a STARTTLS command first', 'TLS', 'tls-required'],
    [
      'PASS',
      '-ERR this mailbox needs its service opened and a device code, see https://help.example/pop',
      'SYS_PERM',
      'pop-disabled',
    ],
    ['PASS', '-ERR see https://help.example/pop', 'AUTH', 'auth'],
    ['PASS', '-ERR Please use the app-specific password', 'AUTH', 'app-password-needed'],
    ['PASS', '-ERR use the authorization code to login', 'AUTH', 'app-password-needed'],
    ['PASS', '-ERR 请使用授权码登录', 'AUTH', 'app-password-needed'],
    ['PASS', '-ERR your account is locked', 'AUTH', 'account-locked'],
    ['PASS', '-ERR invalid credentials', 'AUTH', 'wrong-password'],
  ];
  for (const [command, said, code, reason] of refusals) {
    it(`${command}: ${said}`, async () => {
      const { client } = await connected({
        capabilities: ['USER'],
        commands: { [command]: () => `${said}\r\n` },
      });
      const error = await failure(client.authenticate(CREDENTIALS));
      assert.deepEqual([error.code, error.reason, error.response], [code, reason, said]);
    });
  }

  it('"command out of place" where STLS is offered', async () => {
    const { client } = await connected({
      capabilities: ['USER', 'STLS'],
      commands: { USER: () => '-ERR command out of place\r\n' },
    });
    assert.equal((await failure(client.authenticate(CREDENTIALS))).reason, 'tls-required');
  });

  it('a listing refused for a limit concerns the mailbox, RETR refused for itself only the mail', async () => {
    const { client } = await ready({
      mails: ['a\r\n'],
      commands: {
        LIST: () => '-ERR try again later\r\n',
        RETR: () => "-ERR today's transfer is used up\r\n",
        TOP: () => '-ERR message is damaged\r\n',
      },
    });
    assert.equal((await failure(client.list())).code, 'SYS_TEMP');
    assert.equal((await failure(text(client.retrieve([1])))).reason, 'throttled');
    assert.equal((await failure(text(client.top([1], 0)))).code, 'REFUSED');
  });
});

describe('pop3: round trips', () => {
  afterEach(() => {
    for (const client of opened.splice(0)) client.destroy();
  });

  /** How often the client waits for the server before it says more: writes that follow an answer. */
  async function waits(
    server: ScriptedOptions,
    known: KnownServer,
    run: (client: Pop3Client) => Promise<unknown>,
  ) {
    const made = lineTo(server);
    const writes: string[] = [];
    const write = made.line.write.bind(made.line);
    made.line.write = (data: string) => {
      writes.push(data);
      return write(data);
    };
    const client = await Pop3Client.connect(optionsFor(made.line, { known }));
    opened.push(client);
    await client.authenticate(TOKEN, 'auto', { listAhead: true });
    await run(client);
    return writes;
  }
  const server: ScriptedOptions = {
    capabilities: ['UIDL', 'TOP', 'SASL XOAUTH2'],
    capabilitiesAfterLogin: ['UIDL', 'TOP', 'SASL XOAUTH2', 'PIPELINING'],
    mails: ['a\r\n'],
  };
  const check = async (client: Pop3Client) => {
    assert.equal((await client.uidl())?.length, 1);
    assert.equal((await client.list()).length, 1);
    assert.equal(await client.leave(), 'ok');
  };

  it('four waits for a remembered server: greeting, AUTH, its answer, everything else; QUIT is not waited for', async () => {
    const known = new KnownServer();
    assert.ok((await waits(server, known, check)).length > 4);
    const writes = await waits(server, known, check);
    assert.deepEqual(
      writes.filter((_, at) => at !== 1),
      ['AUTH XOAUTH2\r\n', 'CAPA\r\nSTAT\r\nUIDL\r\nLIST\r\n', 'QUIT\r\n'],
    );
    assert.equal(writes.length, 4);
  });

  it('a command that is refused, or another CAPA, makes the next session ask for everything', async () => {
    for (const change of [
      { capabilitiesAfterLogin: ['UIDL', 'PIPELINING'] },
      { commands: { LIST: () => '-ERR not today\r\n' } },
    ]) {
      const known = new KnownServer();
      await waits(server, known, check);
      await waits({ ...server, ...change }, known, async (client) => client.list().catch(() => {}));
      assert.equal((await waits(server, known, check))[0], 'CAPA\r\n');
    }
  });

  it('what is remembered is asked again after a day', () => {
    const known = new KnownServer();
    const nothing = {} as Parameters<KnownServer['learn']>[0];
    known.learn(nothing, 0);
    assert.equal(known.offer(86_399_999), nothing);
    assert.equal(known.offer(86_400_000), undefined);
  });

  it('QUIT is waited for where something was marked, RSET never goes out in one write with it', async () => {
    const made = await ready({ mails: ['a\r\n', 'b\r\n'], commands: { QUIT: () => '-ERR not deleted\r\n' } });
    for await (const { error } of made.client.dele([1])) assert.equal(error, undefined);
    assert.equal(await made.client.leave(), 'refused');
    const clock = new ManualClock();
    const silent = await ready({ mails: ['a\r\n'], commands: { QUIT: () => undefined } }, { clock });
    for await (const { error } of silent.client.dele([1])) assert.equal(error, undefined);
    assert.equal(await settle(silent.client.leave(), clock), 'unknown');
    assert.ok(clock.now() >= 120_000 && clock.now() < 121_000, `${clock.now()} ms`);
  });

  it('the next session waits until the server has ended the last one', async () => {
    const known = new KnownServer();
    let answer: (said: string) => void = () => {};
    const quit = new Promise<string>((resolve) => {
      answer = resolve;
    });
    const first = await ready({ commands: { QUIT: () => quit } }, { known });
    assert.equal(await first.client.leave(), 'ok');
    let isOpen = false;
    const open = async () => lineTo({}).line as unknown as Socket;
    const options = optionsFor(first.line, { known, open });
    const connecting = Pop3Client.connect(options).then((client) => {
      isOpen = true;
      opened.push(client);
    });
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isOpen, false);
    answer('+OK bye\r\n');
    await connecting;
    assert.ok(first.line.destroyed);
  });

  it('a silent server is reported while it is waited for', async () => {
    const clock = new ManualClock();
    const heard: number[] = [];
    const { client } = await ready(
      { commands: { UIDL: () => undefined } },
      { clock, onSilence: (ms) => heard.push(ms) },
    );
    const error = await settle(failure(client.uidl()), clock);
    assert.equal(error.code, 'TIMEOUT');
    assert.deepEqual(heard.slice(0, 7), [10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000]);
    assert.ok(clock.now() >= 300_000 && clock.now() < 301_000, `${clock.now()} ms`);
  });
});

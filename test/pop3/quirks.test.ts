import assert from 'node:assert/strict';
import { type ConnectOptions, KnownServer, Pop3Client, type Pop3Error } from '../../nodes/pop3';
import type { ScriptedOptions } from '../../servers/scripted-pop3';
import { CREDENTIALS, type Line, lineTo, ManualClock, optionsFor, settle } from './harness';

const TOKEN = { user: 'alice@example.test', token: 'ya29.a-token-that-nobody-must-see' };
const CAPABILITIES = ['USER', 'UIDL', 'TOP', 'RESP-CODES', 'PIPELINING', 'SASL PLAIN LOGIN XOAUTH2'];
const MAILS = ['Subject: one\r\n\r\n1\r\n', 'Subject: two\r\n\r\n2\r\n', 'Subject: three\r\n\r\n3\r\n'];

const opened: Pop3Client[] = [];

async function connected(server: ScriptedOptions, options: Partial<ConnectOptions> = {}) {
  const made = lineTo({ capabilities: CAPABILITIES, mails: MAILS, ...server });
  const client = await Pop3Client.connect(optionsFor(made.line, options));
  opened.push(client);
  return { client, ...made };
}

async function ready(server: ScriptedOptions, options: Partial<ConnectOptions> = {}) {
  const made = await connected(server, options);
  const maildrop = await made.client.authenticate(CREDENTIALS);
  return { ...made, maildrop };
}

async function error(promise: Promise<unknown>): Promise<Pop3Error> {
  return promise.then(
    () => assert.fail('it should have failed'),
    (reason) => reason,
  );
}

async function read(client: Pop3Client, numbers: number[]): Promise<Array<string | Pop3Error>> {
  const mails: Array<string | Pop3Error> = [];
  for await (const mail of client.retrieve(numbers)) {
    let text = '';
    try {
      for await (const part of mail.body) text += part.toString('latin1');
      mails.push(text);
    } catch (reason) {
      mails.push(reason as Pop3Error);
    }
  }
  return mails;
}

/** A server that answers AUTH in words of its own: the replies to the AUTH line and to each line after it. */
function auth(first: string, ...then: string[]): ScriptedOptions['commands'] {
  return {
    AUTH: (_, session) => {
      const rest = [...then];
      const next = () => {
        if (rest.length > 1) session.nextLine = next;
        return rest.shift();
      };
      session.nextLine = next;
      return first;
    },
  };
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const sent = (line: Line) => line.sent.split('\r\n');

describe('pop3: quirks seen in the wild', () => {
  afterEach(() => {
    for (const client of opened.splice(0)) client.destroy();
  });

  describe('1. "+OK" in place of "+" in SASL, and a last "+OK" without text', () => {
    for (const mechanism of ['PLAIN', 'LOGIN'] as const) {
      it(mechanism, async () => {
        const { client, line } = await connected({
          commands: auth('+OK\r\n', ...Array(mechanism === 'LOGIN' ? 2 : 1).fill('+OK\r\n')),
        });
        await client.authenticate(CREDENTIALS, mechanism);
        assert.ok(
          line.sent.includes(mechanism === 'LOGIN' ? base64(CREDENTIALS.password) : 'AUTH PLAIN\r\n'),
        );
      });
    }
  });

  it('2. prose after "+" ("+ go ahead")', async () => {
    const { client, line } = await connected({ commands: auth('+ go ahead, please\r\n', '+OK\r\n') });
    await client.authenticate(TOKEN);
    assert.equal(sent(line)[2], base64(`user=${TOKEN.user}\x01auth=Bearer ${TOKEN.token}\x01\x01`));
  });

  it('3. -ERR to the CAPA after login: nothing of the first answer is believed any more', async () => {
    const { client, line } = await ready({ capabilitiesAfterLogin: null });
    assert.equal(client.capabilities.lines, undefined);
    assert.equal(client.capabilities.pipelining, false);
    const before = line.sent.length;
    const iterator = client.retrieve([1, 2]);
    await iterator.next();
    assert.equal(line.sent.slice(before), 'RETR 1\r\n');
  });

  it('4. STAT with a negative size (an overflow of 32 bits)', async () => {
    const { maildrop } = await ready({ commands: { STAT: () => '+OK 3 -2000000000\r\n' } });
    assert.deepEqual(maildrop, { messages: 3, octets: 2_294_967_296 });
  });

  it('5. the APOP timestamp in the middle of the greeting', async () => {
    const greeting = '+OK QPOP <1896.697170952@dbc.mtview.ca.us> (version 4) at your service';
    const commands = { APOP: () => '+OK\r\n' };
    const { client, line } = await connected({ greeting, commands, capabilities: null });
    // The example of RFC 1939 section 7.
    await client.authenticate({ user: 'mrose', password: 'tanstaaf' }, 'APOP');
    assert.equal(sent(line)[1], 'APOP mrose c4c9334bac560ecc979e58001b3e22fb');
  });

  it('6. UIDL works though CAPA does not list it; where it does not, that is known and no error', async () => {
    const { client } = await ready({ capabilities: ['USER'] });
    assert.equal((await client.uidl())?.length, 3);
    const without = await ready({
      capabilities: ['USER'],
      commands: { UIDL: () => '-ERR unknown command\r\n' },
    });
    assert.equal(await without.client.uidl(), undefined);
  });

  it('7. bare LF throughout', async () => {
    const mails = MAILS.map((mail) => `${mail.replaceAll('\r\n', '\n')}.\n.x\n`);
    const { client } = await ready({ lineEnd: '\n', mails });
    assert.deepEqual(await read(client, [1, 2, 3]), mails);
    assert.equal((await client.uidl())?.[2]?.uid, 'uid-3');
    assert.equal(await client.quit(), 'ok');
  });

  it('8. a command split over packets upsets a server: a write holds whole commands only', async () => {
    const { client, line } = await connected({});
    const writes: string[] = [];
    const write = line.write.bind(line);
    line.write = (data: string) => {
      writes.push(data);
      return write(data);
    };
    await client.authenticate({ user: 'alice', password: 'x'.repeat(8000) });
    await read(client, [1, 2, 3]);
    for (const text of writes) assert.ok(text.endsWith('\r\n'), text.slice(0, 80));
    assert.ok(writes.includes('RETR 1\r\nRETR 2\r\nRETR 3\r\n'));
  });

  it('9. one unreadable mail in a batch: it fails alone', async () => {
    const { client } = await ready({
      commands: {
        RETR: (number) => (number === '2' ? '-ERR Message corrupted, try later\r\n' : retrieved(number)),
      },
    });
    const [first, second, third] = await read(client, [1, 2, 3]);
    assert.equal(first, MAILS[0]);
    assert.equal((second as Pop3Error).code, 'REFUSED');
    assert.equal(third, MAILS[2]);
    assert.equal(await client.quit(), 'ok');
  });

  it('10. blank lines before a reply (Microsoft 365 after RETR then DELE, hMailServer)', async () => {
    const { client } = await ready({
      commands: {
        DELE: () => '\r\n\r\n+OK\r\n',
        NOOP: () => '\r\n+OK\r\n\r\n',
        UIDL: () => '\r\n+OK\r\n1 a\r\n.\r\n',
      },
    });
    await read(client, [1]);
    for await (const { error } of client.dele([1])) assert.equal(error, undefined);
    await client.noop();
    assert.deepEqual(await client.uidl(), [{ number: 1, uid: 'a' }]);
    assert.equal(await client.quit(), 'ok');
  });

  it('11. several blanks between number and unique ID', async () => {
    const { client } = await ready({
      commands: {
        UIDL: (n) => (n ? '+OK  2   b\r\n' : '+OK\r\n1   a\r\n 2\tb\r\n.\r\n'),
        LIST: () => '+OK\r\n1    120\r\n.\r\n',
      },
    });
    assert.deepEqual(await client.uidl(), [
      { number: 1, uid: 'a' },
      { number: 2, uid: 'b' },
    ]);
    assert.equal(await client.uidl(2), 'b');
    assert.deepEqual(await client.list(), [{ number: 1, octets: 120 }]);
  });

  it('12. unique IDs over 70 characters, with blanks, 8-bit: every byte is kept', async () => {
    const long = 'x'.repeat(300);
    const reply = Buffer.from(`+OK\r\n1 ${long}\r\n2 a b  c\r\n3 \xe9\xff\r\n.\r\n`, 'latin1');
    const { client } = await ready({ commands: { UIDL: () => reply } });
    assert.deepEqual(
      (await client.uidl())?.map(({ uid }) => uid),
      [long, 'a b  c', '\xe9\xff'],
    );
  });

  it('13. unique IDs repeated, blank, or missing: returned unchanged', async () => {
    const { client } = await ready({
      commands: { UIDL: () => '+OK\r\n1 same\r\n2\r\n4 same\r\n5 \r\n.\r\n' },
    });
    assert.deepEqual(await client.uidl(), [
      { number: 1, uid: 'same' },
      { number: 2, uid: '' },
      { number: 4, uid: 'same' },
      { number: 5, uid: '' },
    ]);
  });

  it('14. TOP refused: a refusal of its own, and RETR is still there', async () => {
    const { client } = await ready({ commands: { TOP: () => '-ERR not now\r\n' } });
    for await (const mail of client.top([1], 0)) {
      const body = mail.body[Symbol.asyncIterator]();
      assert.equal((await error(body.next())).code, 'REFUSED');
    }
    assert.deepEqual(await read(client, [1]), [MAILS[0]]);
  });

  it('14. TOP cut at 64 kB: it is what the server says, and RETR is not changed by it', async () => {
    const big = `Subject: big\r\n\r\n${'0123456789\r\n'.repeat(8000)}`;
    const top = big.slice(0, 65_532);
    const { client } = await ready({ mails: [big], commands: { TOP: () => `+OK\r\n${top}\r\n.\r\n` } });
    let text = '';
    for await (const mail of client.top([1], 100_000)) for await (const part of mail.body) text += part;
    assert.equal(text, `${top}\r\n`);
    assert.deepEqual(await read(client, [1]), [big]);
  });

  it('15. LIST sizes that are not those of RETR (Exchange): only a guess for the window', async () => {
    const { client } = await ready({
      commands: { LIST: () => '+OK\r\n1 1\r\n2 999999999\r\n3 -1\r\n.\r\n' },
    });
    await client.list();
    assert.deepEqual(await read(client, [1, 2, 3]), MAILS);
  });

  it('15. no CRLF before the last dot (old Exchange): no end is guessed, it fails as what it looks like', async () => {
    const clock = new ManualClock();
    const made = lineTo({
      capabilities: CAPABILITIES,
      mails: MAILS,
      commands: { RETR: () => '+OK\r\nSubject: x\r\n\r\nlast line.\r\n' },
    });
    const client = await Pop3Client.connect(optionsFor(made.line, { clock }));
    await client.authenticate(CREDENTIALS);
    const iterator = client.retrieve([1]);
    const { value } = await iterator.next();
    const collected = (async () => {
      for await (const part of value?.body ?? []) void part;
    })();
    assert.equal((await error(settle(collected, clock))).code, 'TIMEOUT');
  });

  it('16. every retrieved mail is deleted at QUIT (EXPIRE 0): RSET may come first', async () => {
    const { client, line } = await ready({ capabilities: [...CAPABILITIES, 'EXPIRE 0'] });
    assert.equal(client.capabilities.expireDays, 0);
    await read(client, [1]);
    await client.rset();
    assert.equal(await client.quit(), 'ok');
    assert.deepEqual(sent(line).slice(-3), ['RSET', 'QUIT', '']);
  });

  it('17. dropped when idle for 60 s (Outlook): NOOP while the caller is busy', async () => {
    const clock = new ManualClock();
    const { client, line } = await ready({}, { clock });
    for (let minute = 0; minute < 4; minute += 1) {
      clock.advance(30_000);
      for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(sent(line).filter((command) => command === 'NOOP').length >= 4);
    assert.deepEqual(await read(client, [1]), [MAILS[0]]);
  });

  it('18. the socket closed on a wrong password: an authentication failure at the third time in a row', async () => {
    for (const how of ['drop', 'reset'] as const) {
      const known = new KnownServer();
      const logIn = async (hangsUp: boolean) => {
        const commands: ScriptedOptions['commands'] = hangsUp
          ? { PASS: () => void made.line.hangUp(how) }
          : undefined;
        const made = lineTo({ capabilities: ['USER'], ...(commands && { commands }) });
        const client = await Pop3Client.connect(optionsFor(made.line, { known }));
        opened.push(client);
        return client.authenticate(CREDENTIALS);
      };
      const told = async () => {
        const { code, reason, retryable } = await error(logIn(true));
        return [code, reason, retryable];
      };
      const dropped = ['CONNECT', 'closed-during-login', true];
      assert.deepEqual([await told(), await told()], [dropped, dropped]);
      // A line that drops twice and lets a login through between is only a line that drops.
      await logIn(false);
      assert.deepEqual([await told(), await told()], [dropped, dropped]);
      assert.deepEqual(await told(), ['AUTH', 'closed-during-login', false]);
    }
  });

  it('19. CAPA in lower case, and XOAUTH2 not in it (Exchange): a token goes by XOAUTH2 all the same', async () => {
    const { client, line } = await connected({ capabilities: ['uidl', 'sasl plain', 'pipelining'] });
    assert.ok(client.capabilities.pipelining && client.capabilities.has('UIDL'));
    assert.deepEqual(client.capabilities.mechanisms, ['PLAIN']);
    await client.authenticate(TOKEN);
    assert.equal(sent(line)[1], 'AUTH XOAUTH2');
  });

  it('20. UIDL refused though CAPA lists it: that passes', async () => {
    const { client } = await ready({ commands: { UIDL: () => '-ERR UIDL is not available\r\n' } });
    const reason = await error(client.uidl());
    assert.deepEqual([reason.code, reason.retryable], ['SYS_TEMP', true]);
  });

  it('21. Gmail: PIPELINING only after login, LOGIN-DELAY and EXPIRE as data', async () => {
    const gmail = [
      'USER',
      'RESP-CODES',
      'EXPIRE 0',
      'LOGIN-DELAY 300',
      'TOP',
      'UIDL',
      'X-GOOGLE-RICO',
      'SASL PLAIN XOAUTH2 OAUTHBEARER',
    ];
    const { client, line } = await connected({
      greeting: '+OK Gpop ready for requests from 203.0.113.7 a1mb123',
      capabilities: gmail,
      capabilitiesAfterLogin: [...gmail, 'PIPELINING'],
    });
    assert.equal(client.capabilities.pipelining, false);
    await client.authenticate(TOKEN);
    assert.ok(client.capabilities.pipelining);
    assert.equal(client.capabilities.loginDelayMs, 300_000);
    assert.equal(client.capabilities.expireDays, 0);
    const before = line.sent.length;
    const iterator = client.retrieve([1, 2, 3]);
    await iterator.next();
    assert.equal(line.sent.slice(before), 'RETR 1\r\nRETR 2\r\nRETR 3\r\n');
  });

  it('22. Gmail: the user name recent:… passes as it is, and a session can be left without QUIT', async () => {
    const { client, line } = await connected({});
    await client.authenticate({ ...TOKEN, user: `recent:${TOKEN.user}` });
    assert.ok(
      Buffer.from(sent(line)[2] as string, 'base64')
        .toString()
        .startsWith(`user=recent:${TOKEN.user}\x01`),
    );
    await client.retrieve([1, 2]).next();
    client.destroy();
    assert.ok(line.destroyed && !line.sent.includes('QUIT'));
  });

  it('23. tokens over 4096 characters: on a line of their own, whole', async () => {
    const token = 'x'.repeat(8192);
    const { client, line } = await connected({});
    await client.authenticate({ user: 'alice', token });
    assert.ok(
      Buffer.from(sent(line)[2] as string, 'base64')
        .toString()
        .includes(token),
    );
    assert.ok(!line.sent.includes('AUTH XOAUTH2 '));
  });

  it('24. the last line ends with dot and CR, no LF (some Cyrus): silence makes it the end', async () => {
    const clock = new ManualClock();
    let late = '';
    const { client } = await (async () => {
      const made = lineTo({
        capabilities: ['UIDL'],
        mails: MAILS,
        commands: { RETR: () => '+OK\r\nSubject: x\r\n\r\nhello\r\n.\r', NOOP: () => `${late}+OK\r\n` },
      });
      const client = await Pop3Client.connect(optionsFor(made.line, { clock }));
      await client.authenticate(CREDENTIALS);
      return { client };
    })();
    assert.deepEqual(await settle(read(client, [1, 2]), clock), Array(2).fill('Subject: x\r\n\r\nhello\r\n'));
    // Should the LF come after all, it is not the beginning of anything.
    late = '\n';
    await client.noop();
  });

  it('25. QUIT never answered: unknown, in time', async () => {
    const clock = new ManualClock();
    const { client, line } = await ready({ commands: { QUIT: () => undefined } }, { clock });
    assert.equal(await settle(client.quit(), clock), 'unknown');
    assert.ok(clock.now() <= 10_001);
    assert.ok(line.destroyed);
  });

  it('26. "-ERR login allowed only every 15 minutes" at STAT', async () => {
    const { client } = await connected({
      commands: { STAT: () => '-ERR login allowed only every 15 minutes\r\n' },
    });
    const reason = await error(client.authenticate(CREDENTIALS));
    assert.deepEqual([reason.code, reason.retryAfterMs, reason.retryable], ['LOGIN_DELAY', 900_000, true]);
  });

  it('27. NUL bytes in a body', async () => {
    const mail = 'Subject: x\r\n\r\na\0b\0\0\r\n\0.\r\n';
    const { client } = await ready({ mails: [mail] });
    assert.deepEqual(await read(client, [1]), [mail]);
  });

  it('28. one vague refusal for everything (Exchange): marked as such', async () => {
    const { client } = await connected({
      commands: auth('+ \r\n', '-ERR Authentication failure: unknown user name or bad password.\r\n'),
    });
    const reason = await error(client.authenticate(TOKEN));
    assert.deepEqual([reason.code, reason.reason], ['AUTH', 'vague-refusal']);
  });
});

/** What a correct server says to RETR. */
function retrieved(number: string): string {
  return `+OK\r\n${MAILS[Number(number) - 1]}.\r\n`;
}

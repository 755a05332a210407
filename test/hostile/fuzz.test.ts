// Mutations of what is well-formed, for each reader of what strangers wrote: the same ones in every run, and more of
// them, guided by coverage and with a seed of their own, where FUZZ_SECONDS says for how long.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { readAutoconfig } from '../../nodes/admin/autoconfig';
import { MailboxError } from '../../nodes/mailbox';
import { fileLog } from '../../nodes/mailbox/store/file/log';
import { Ledger } from '../../nodes/mailbox/store/ledger';
import { readAnswer } from '../../nodes/oauth2/answer';
import { resolveEndpoints } from '../../nodes/oauth2/endpoints';
import { OAuth2Error } from '../../nodes/oauth2/errors';
import type { TraceEvent } from '../../nodes/pop3';
import { cleanUp, newFolder } from '../../servers/mailbox-checker';
import { read } from '../mail/support';
import { CREDENTIALS, Line, lineTo, ManualClock, optionsFor, settle, wholeSession } from '../pop3/harness';
import { fuzz, type Target } from './fuzzer';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 0);
const SEED = Number(process.env.FUZZ_SEED ?? (SECONDS ? Date.now() % 2 ** 31 : 1));

/** Control characters, and those that change how a text reads. */
const UGLY = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

/** Between the replies of a server, and where it repeats the last line it was sent. */
const NEXT = '\x1e';
const ECHO = '\x1d';
/** Eight characters of the password, at any place. */
const PARTS = [...CREDENTIALS.password].flatMap((_, at, all) => all.slice(at, at + 8).join('')).slice(0, -7);

const JSON_WORDS = [
  ...['null', '[]', '{}', '-1', '1e999', '"', '\\u0000', '\\u202e', '"__proto__":', '0.5', 'true'],
  ...['{"toString":1}', '\\"', 'constructor', '[', '{', ':', ','],
];

describe('hostile input by mutation (FUZZ_SECONDS, FUZZ_SEED)', function () {
  this.timeout(60_000 + SECONDS * 2000);
  after(cleanUp);

  const holds = (name: string, runs: number, target: () => Target | Promise<Target>): void => {
    it(name, async () => {
      const count = await fuzz(await target(), { seed: SEED, runs, seconds: SECONDS });
      if (SECONDS) console.log(`      ${count} inputs`);
    });
  };

  holds('an email is read, and names what is wrong with it', 500, () => {
    const corpus = join(__dirname, '..', 'mail', 'corpus');
    return {
      seeds: readdirSync(corpus)
        .filter((name) => name.endsWith('.eml'))
        .map((name) => readFileSync(join(corpus, name), 'latin1')),
      words: [
        ...['\r\n', '\n', '--b', '--', '=', '=?utf-8?q?', '?=', '<', '"', '(', ';', '\0', '\x1b$B'],
        ...['begin 644 a\n', '=ybegin line=128 size=1 name=a\n', 'Content-Type: ', 'charset=', 'boundary='],
        ...[
          'message/rfc822',
          'multipart/mixed',
          'text/html',
          'text/enriched',
          'format=flowed',
          '<blockquote>',
        ],
        ...["*0*=utf-8''%", '__proto__: x\r\n', 'base64', 'quoted-printable', '&#x10ffff;', '<style>'],
      ],
      read: async (text) => {
        const options = { reply: true, trustedServers: ['mx.example.org'] };
        // Cut in many ways, and in 500 pieces at the most, each of which costs a turn.
        const size = Math.ceil(text.length / 500) + (text.length % 499);
        const message = await read(text, options, size);
        assert.equal(typeof message.payload, 'string');
        assert.ok(message.mail.problems.every(({ code, text }) => code && text));
        for (const { generatedFileName } of message.attachments)
          assert.match(generatedFileName, /^(?![. ])[^/\\\p{Cc}\p{Cf}]+$/u);
        assert.equal(Object.getPrototypeOf(message.mail), Object.prototype);
      },
    };
  });

  holds('a session with a mail server ends, in errors of its own, and shows no secret', 500, async () => ({
    // A soft hyphen went through what makes a text fit to be shown.
    seeds: [...(await transcripts()), '+OK a\xad\r\n'],
    words: [
      ...[NEXT, ECHO, '\r\n', '\n', '.\r\n', '..\r\n', '+OK', '+OK\r\n', '-ERR', '-ERR [AUTH] ', '+ ', '\0'],
      ...['[SYS/TEMP]', '1 a\r\n', '1 99999999999\r\n', 'SASL LOGIN PLAIN\r\n', 'PIPELINING\r\n', '\x9b'],
      ...['UIDL\r\n', 'TOP\r\n', 'STLS\r\n', 'USER\r\n', 'EXPIRE 0\r\n', 'LOGIN-DELAY 9\r\n', '\xe2\x80\xae'],
    ],
    read: async (text) => {
      const clock = new ManualClock();
      const replies = text.split(NEXT);
      const line = new Line((sent) => {
        for (const command of sent.split('\r\n').slice(0, -1)) {
          const reply = replies.shift();
          if (reply === undefined) line.hangUp();
          else line.speak(Buffer.from(reply.replaceAll(ECHO, command), 'latin1'));
        }
      });
      setImmediate(() => line.speak(Buffer.from(replies.shift() ?? '', 'latin1')));
      const events: TraceEvent[] = [];
      const trace = (event: TraceEvent) => events.push(event);
      const { errors, results } = await settle(
        wholeSession(optionsFor(line, { clock, trace }), [1, 2, 9]),
        clock,
      );
      assert.equal(clock.timers, 0, 'a timer was left behind');
      assert.ok(line.destroyed, 'the socket was left open');
      const lists = results.filter((result) => !result.startsWith('TOP'));
      const shown = [...errors.map((error) => error.message + JSON.stringify(error)), ...lists];
      for (const event of events) if (event.type !== 'sent') shown.push(JSON.stringify(Object.values(event)));
      for (const one of shown) {
        // Unique IDs identify, and are made fit to be shown where they are.
        if (!one.startsWith('UIDL')) assert.doesNotMatch(one, UGLY);
        for (const part of PARTS) assert.ok(!one.includes(part), one);
      }
    },
  }));

  holds('an autoconfig file names a server, or nothing', 5000, () => ({
    seeds: [
      '<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="a"><incomingServer type="pop3"><hostname>pop.a.example</hostname><port>995</port><socketType>SSL</socketType><username>%EMAILADDRESS%</username><authentication>OAuth2</authentication></incomingServer></emailProvider></clientConfig>',
      "<clientConfig><!-- a --><emailProvider><incomingServer type='imap'/><incomingServer type='pop3'><hostname>pop.b.example</hostname><port>110</port><socketType>STARTTLS</socketType><username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></incomingServer></emailProvider></clientConfig>",
    ],
    words: [
      ...['<', '>', '</', '/>', '"', "'", '=', '&amp;', '<!--', '-->', '<?', ']]>', '-1', '1e9', '0x10', ' '],
      ...['constructor', '__proto__', '&constructor;', 'type="pop3"', 'SSL', '<port>995</port>', '\u202e'],
    ],
    read: (text) => {
      const found = readAutoconfig(text);
      if (!found) return;
      assert.ok(found.port >= 1 && found.port <= 65_535 && ['tls', 'starttls'].includes(found.security));
      assert.equal(typeof found.host, 'string');
    },
  }));

  holds('an answer of a token endpoint is a token without control characters, or an error', 5000, () => ({
    seeds: [
      '{"access_token":"abc","token_type":"Bearer","expires_in":3600,"refresh_token":"d","scope":"e","id_token":"a.eyJlbWFpbCI6ImEifQ.c"}',
      '{"access_token":"abc","token_type":"bearer","expires_in":"3600","refresh_token_expires_in":9,"scope":["e","f"]}',
      '{"id_token":"a.eyJlbWFpbCI6ImFAYi5jIn0.c"}',
    ],
    words: JSON_WORDS,
    read: (text) => {
      try {
        const { accessToken, expiresAt, label = '' } = readAnswer(parsed(text), 1000);
        assert.match(accessToken, /^[\x20-\x7e]+$/);
        assert.ok(expiresAt >= 1000 && expiresAt <= 1000 + 366 * 86_400_000);
        assert.doesNotMatch(label, UGLY);
      } catch (error) {
        if (!(error instanceof OAuth2Error)) throw error;
        assert.doesNotMatch(error.message, UGLY);
      }
    },
  }));

  describe('a discovery document', () => {
    let issuer: string;
    let text = '';
    const server = createServer((_, response) => response.end(Buffer.from(text, 'latin1')));
    before(async () => {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    after(() => server.close());

    holds('names addresses that a secret may be sent to, or is an error', 300, () => {
      const seed = JSON.stringify({
        issuer: '@',
        authorization_endpoint: '@/a',
        token_endpoint: '@/t',
        device_authorization_endpoint: 'https://id.example/d',
        revocation_endpoint: '@/r',
        registration_endpoint: null,
        authorization_response_iss_parameter_supported: true,
      });
      return {
        // The port is another one each time.
        seeds: [seed, '{"issuer":"@","token_endpoint":"@/t"}'],
        words: [
          ...JSON_WORDS,
          '@',
          'http://',
          'https://',
          'a:b@',
          'javascript:',
          '#',
          '?',
          '\\u2028',
          'localhost',
        ],
        read: async (input) => {
          text = input.replaceAll('@', issuer);
          const config = { provider: 'custom', grant: 'authorization_code', clientId: 'a', issuer } as const;
          try {
            const { issuerText, issuerPromised, ...found } = await resolveEndpoints(config);
            assert.equal(issuerText?.replace(/\/$/, ''), issuer);
            assert.equal(typeof issuerPromised, 'boolean');
            for (const url of Object.values(found)) {
              assert.ok(
                url.protocol === 'https:' || /^(127\.|localhost$|\[::1\])/.test(url.hostname),
                url.href,
              );
              assert.ok(!url.username && !url.password && !url.hash, url.href);
            }
          } catch (error) {
            if (!(error instanceof OAuth2Error)) throw error;
            assert.doesNotMatch(error.message, UGLY);
          }
        },
      };
    });
  });

  holds('a ledger is read and can be written again, or is refused as damaged', 300, async () => {
    const file = join(await newFolder(), 'a.ledger');
    const open = () => Ledger.open(fileLog(file), () => 2_000_000, 1);
    const seeds = await ledgers(file);
    return {
      seeds,
      words: [
        ...['\n', '{', '}', '"is":', '"v":2', '-1', 'null', '[]', '"snapshot"', '\0', '"keys":', '"key":"a"'],
        ...[
          '"state":"constructor"',
          '{"is":"listing"}\n',
          '["__proto__","h",1]',
          '"at":1e999',
          '{}',
          '5',
          '""',
        ],
        ...seeds.flatMap((text) => text.split(/(?<=\n)/)),
      ],
      read: async (text) => {
        writeFileSync(file, text, 'latin1');
        const ledger = await open().catch((error: unknown) => {
          assert.ok(error instanceof MailboxError && error.code === 'STORE', String(error));
        });
        if (ledger === undefined) return;
        const known = everything(ledger);
        await ledger.recordListing(new Set(['a', 'b']));
        const after = everything(ledger);
        // Compacts it, whatever it holds.
        await ledger.recordCheck(false);
        await ledger.close();
        const again = await open();
        assert.deepEqual(everything(again), { ...after, interrupted: [] });
        assert.deepEqual(known.quarantined, after.quarantined);
        await again.close();
      },
    };
  });
});

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** What correct servers say in a whole session: with and without pipelining, with every way to log in. */
async function transcripts(): Promise<string[]> {
  const all: string[] = [];
  for (const capabilities of [
    ['USER', 'UIDL', 'TOP', 'RESP-CODES', 'SASL PLAIN'],
    ['USER', 'UIDL', 'TOP', 'PIPELINING', 'SASL LOGIN'],
    ['UIDL', 'SASL CRAM-MD5'],
    ['USER'],
  ]) {
    const clock = new ManualClock();
    const mails = ['Subject: a\r\n\r\nb\r\n', '.\r\n..\r\nc\r\n'];
    const { line } = lineTo({ mails, capabilities });
    const said: string[] = [];
    const speak = line.speak.bind(line);
    line.speak = (bytes) => {
      said.push(bytes.toString('latin1'));
      speak(bytes);
    };
    await settle(wholeSession(optionsFor(line, { clock }), [1, 2, 9]), clock);
    all.push(
      said.join(NEXT),
      said.map((reply) => reply.replace(/^-ERR.*|^\+OK(?=\r)/, `$& ${ECHO}`)).join(NEXT),
    );
  }
  return all;
}

/** Files with every kind of record, one of them compacted, and one of version 0.1.0. */
async function ledgers(file: string): Promise<string[]> {
  const all: string[] = [];
  for (const compactBytes of [1e9, 1]) {
    rmSync(file, { force: true });
    const ledger = await Ledger.open(fileLog(file), () => 1_000_000, compactBytes);
    const fingerprint = 'f'.repeat(22);
    await ledger.recordBaseline(['a', 'b'], new Map([['a', { fingerprint, bytes: 9 }]]));
    await ledger.recordIntents(['c', 'd', 'e', 'g', 'h']);
    await ledger.withdrawIntents(['h']);
    await ledger.markDone('c', 'processed', { fingerprint, bytes: 3, deletion: true });
    await ledger.markDone('e', 'quarantined', { crashed: true });
    await ledger.markDone('g', 'kept');
    await ledger.recordFailure('d', 5_000_000);
    await ledger.recordCrash(['d'], 5_000_000);
    await ledger.recordSurvival('d');
    await ledger.recordLoss('d');
    await ledger.markOld(['i']);
    await ledger.recordListing(new Set(['a', 'c']));
    await ledger.recordListing(new Set(['a', 'b', 'c']));
    await ledger.retry('e', { asked: true });
    await ledger.markUncertain(['g']);
    await ledger.recordDeletions(['c']);
    await ledger.recordIdentities(new Map([['b', { fingerprint, bytes: 4 }]]));
    await ledger.recordMoves([['a', 'j']], ['b']);
    await ledger.recordClock(false);
    await ledger.recordClock(true);
    await ledger.recordPause(true);
    await ledger.recordCheck();
    await ledger.close();
    all.push(readFileSync(file, 'latin1'));
  }
  all.push(
    '{"is":"redletter-ledger","version":1}\n{"is":"baseline","at":1,"keys":["a"]}\n{"is":"intend","at":2,"keys":["b"]}\n{"is":"done","at":3,"key":"b"}\n{"is":"checked","at":4}\n',
  );
  return all;
}

function everything(ledger: Ledger) {
  const { hasBaseline, isPaused, firstCheck, lastChecked, quarantined, clockTrustedSince, interrupted } =
    ledger;
  const mails = [...ledger.known()].map((key) => ({
    key,
    state: ledger.state(key),
    at: ledger.processedAt(key),
    since: ledger.missingSince(key),
    isDeleted: ledger.isDeleted(key),
    identity: ledger.identity(key),
    quarantine: ledger.quarantine(key),
  }));
  const unprocessed = [...ledger.unprocessed()].map((key) => ({ key, ...ledger.openDelivery(key) }));
  return {
    ...{ hasBaseline, isPaused, firstCheck, lastChecked, quarantined, clockTrustedSince, interrupted },
    mails,
    unprocessed,
  };
}

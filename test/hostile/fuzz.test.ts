// Mutations of what is well-formed, for each reader of what strangers wrote: the same ones in every run, and more of
// them, with a seed of their own, where FUZZ_SECONDS says for how long. The reader of POP3 replies has its own in
// test/pop3/parser.test.ts.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { readAutoconfig } from '../../nodes/admin/autoconfig';
import { MailboxError } from '../../nodes/mailbox';
import { fileLog } from '../../nodes/mailbox/store/file/log';
import { Ledger } from '../../nodes/mailbox/store/ledger';
import { readAnswer } from '../../nodes/oauth2/answer';
import { OAuth2Error } from '../../nodes/oauth2/errors';
import { read } from '../mail/support';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 0);
const SEED = Number(process.env.FUZZ_SEED ?? (SECONDS ? Date.now() % 2 ** 31 : 1));

/** Runs of one property: so many, or as many as there is time for. */
const runs = (count: number) => ({
  seed: SEED,
  ...(SECONDS
    ? {
        numRuns: Number.MAX_SAFE_INTEGER,
        interruptAfterTimeLimit: SECONDS * 1000,
        markInterruptAsFailure: false,
      }
    : { numRuns: count }),
});

/** One piece of a text replaced by another, doubled, or left out. */
interface Mutation {
  /** Where in it, from 0 to 1, and how many bytes. */
  at: number;
  length: number;
  by: string | 'double';
}

const mutations = (words: string[]): fc.Arbitrary<Mutation[]> =>
  fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      length: fc.integer({ min: 0, max: 64 }),
      by: fc.oneof(
        fc.constantFrom(...words),
        fc.string({ unit: 'binary', maxLength: 8 }),
        fc.constant('double'),
      ),
    }),
    { minLength: 1, maxLength: 6 },
  );

function mutated(text: string, all: Mutation[]): string {
  let result = text;
  for (const { at, length, by } of all) {
    const from = Math.floor(at * result.length);
    const piece = result.slice(from, from + length);
    result = result.slice(0, from) + (by === 'double' ? piece + piece : by) + result.slice(from + length);
  }
  return result;
}

describe('hostile input by mutation (FUZZ_SECONDS, FUZZ_SEED)', function () {
  this.timeout(60_000 + SECONDS * 2000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('an email is read, and names what is wrong with it', async () => {
    const corpus = join(__dirname, '..', 'mail', 'corpus');
    const mails = readdirSync(corpus)
      .filter((name) => name.endsWith('.eml'))
      .map((name) => readFileSync(join(corpus, name), 'latin1'));
    const words = [
      '\r\n',
      '\n',
      '--b',
      '--',
      '=',
      '=?utf-8?q?',
      '?=',
      '<',
      '"',
      '(',
      ';',
      'begin 644 a\n',
      '\x1b$B',
      '\0',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...mails),
        mutations(words),
        fc.integer({ min: 1, max: 500 }),
        async (mail, all, size) => {
          const message = await read(
            mutated(mail, all),
            { reply: true, trustedServers: ['mx.example.org'] },
            size,
          );
          assert.equal(typeof message.payload, 'string');
          assert.ok(message.mail.problems.every(({ code, text }) => code && text));
          for (const { generatedFileName } of message.attachments)
            assert.match(generatedFileName, /^(?![. ])[^/\\\p{Cc}\p{Cf}]+$/u);
        },
      ),
      runs(500),
    );
  });

  it('an autoconfig file names a server, or nothing', () => {
    const file =
      '<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="a"><incomingServer type="pop3"><hostname>pop.a.example</hostname><port>995</port><socketType>SSL</socketType><username>%EMAILADDRESS%</username><authentication>OAuth2</authentication></incomingServer></emailProvider></clientConfig>';
    assert.equal(readAutoconfig(file)?.host, 'pop.a.example');
    fc.assert(
      fc.property(
        mutations(['<', '>', '</', '/>', '"', '&amp;', '<!--', '-->', '<?', ']]>', '-1', '1e9']),
        (all) => {
          const found = readAutoconfig(mutated(file, all));
          if (!found) return;
          assert.ok(found.port >= 1 && found.port <= 65_535 && ['tls', 'starttls'].includes(found.security));
        },
      ),
      runs(5000),
    );
  });

  it('an answer of a token endpoint is a token without control characters, or an error of ours', () => {
    const answer =
      '{"access_token":"abc","token_type":"Bearer","expires_in":3600,"refresh_token":"d","scope":"e","id_token":"a.eyJlbWFpbCI6ImEifQ.c"}';
    const words = [
      'null',
      '[]',
      '{}',
      '-1',
      '1e999',
      '"',
      '\\u0000',
      '\\u202e',
      '"__proto__":',
      '0.5',
      'true',
    ];
    fc.assert(
      fc.property(mutations(words), (all) => {
        let json: unknown;
        try {
          json = JSON.parse(mutated(answer, all));
        } catch {}
        try {
          const { accessToken, expiresAt } = readAnswer(json, 1000);
          assert.match(accessToken, /^[\x21-\x7e]+$/);
          assert.ok(expiresAt >= 1000 && expiresAt <= 1000 + 366 * 86_400_000);
        } catch (error) {
          if (!(error instanceof OAuth2Error)) throw error;
        }
      }),
      runs(5000),
    );
  });

  it('a ledger is read, or refused as damaged', async () => {
    const file = join(folder, 'a.ledger');
    const whole = await Ledger.open(fileLog(file), () => 1000);
    await whole.close();
    const lines = readFileSync(file, 'latin1');
    const words = [
      '\n',
      '{',
      '}',
      '"is":',
      '"v":2',
      '-1',
      'null',
      '[]',
      '"snapshot"',
      '{"is":"listing"}\n',
      '\0',
    ];
    await fc.assert(
      fc.asyncProperty(mutations(words), async (all) => {
        writeFileSync(file, mutated(lines, all), 'latin1');
        const ledger = await Ledger.open(fileLog(file), () => 1000).catch((error: unknown) => {
          assert.ok(error instanceof MailboxError && error.code === 'STORE', String(error));
        });
        await ledger?.close();
      }),
      runs(300),
    );
  });
});

import assert from 'node:assert/strict';
import { assertBounded, show } from './bounds';
import { Programs } from './child';
import type { Cost } from './meter';
import { startPourer } from './pourer';
import { answerOf, HOSTILE_ANSWERS, HOSTILE_FILES, HOSTILE_SERVERS, LONG_TOKEN } from './servers';

interface ServerCost extends Cost {
  size: number;
  /** Of the error; empty where the session came to its end. */
  code: string;
  shown: string[];
}

interface AnswerCost extends Cost {
  result: string;
}

/** Bytes that are read of an answer of a sign-in server. */
const MOST_READ = 262_144;
/** Control characters, and those that change how a text reads. */
const UGLY = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

describe('hostile servers: 100 ms in one go, 10 s in all, 4 times what they sent and 64 MB', function () {
  this.timeout(150_000);
  let programs: Programs;
  before(() => {
    programs = new Programs('server-child', 'answer-child');
  });
  after(() => programs.remove());

  describe('a mail server', () => {
    for (const [name, server] of Object.entries(HOSTILE_SERVERS)) {
      it(name, async () => {
        const pourer = await startPourer((line) => answerOf(server, line));
        try {
          const { size, code, shown, ...cost } = await programs.run<ServerCost>(
            'server-child',
            String(pourer.port),
            name,
          );
          show(name, cost, size);
          assertBounded(cost, size);
          assert.match(code, /^(|AUTH|CONNECT|LIMIT|PROTOCOL|REFUSED|SYS_TEMP|TIMEOUT)$/);
          for (const text of shown) {
            assert.doesNotMatch(text, UGLY, JSON.stringify(text));
            assert.ok(!text.includes('secret-password') && !text.includes(LONG_TOKEN.slice(0, 8)), text);
          }
        } finally {
          await pourer.close();
        }
      });
    }
  });

  for (const what of ['token', 'discovery']) {
    describe(`a server asked for ${what === 'token' ? 'tokens' : 'its endpoints'}`, () => {
      for (const [name, said] of Object.entries(HOSTILE_ANSWERS)) {
        it(name, async () => {
          // The empty line ends a request.
          const pourer = await startPourer((line) => (line === '' ? said : undefined));
          try {
            const { result, ...cost } = await programs.run<AnswerCost>(
              'answer-child',
              what,
              String(pourer.port),
            );
            assertBounded(cost, MOST_READ);
            // Nothing of this is a token or a document.
            if (name !== 'a number of 250,000 digits') assert.notEqual(result, 'value');
            assert.doesNotMatch(result, UGLY, result);
            assert.ok(result.length < 5000 && !result.includes('secret-code'), result);
          } finally {
            await pourer.close();
          }
        });
      }
    });
  }

  describe('a file of autoconfig', () => {
    for (const [name, text] of Object.entries(HOSTILE_FILES)) {
      it(name, async () => {
        const { result, ...cost } = await programs.run<AnswerCost>('answer-child', 'file', name);
        assertBounded(cost, text.length);
        assert.equal(result, 'nothing');
      });
    }
  });
});

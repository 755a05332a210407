import assert from 'node:assert/strict';
import {
  MAILBOX_ERROR_CODES,
  MailboxError,
  type MailboxErrorCode,
  type MailboxReason,
} from '../../nodes/mailbox';
import type { MailboxState } from '../../nodes/mailbox/mailbox-parts';
import { numbersOf } from '../../nodes/node-red/data/counted-status';
import { nodeError, sentence, statusOf, type Translate } from '../../nodes/node-red/messages';
import { OAuth2Error } from '../../nodes/oauth2';
import { asAccountError } from '../../nodes/runtime/from-oauth2';
import { languages, textOf, translator } from '../translator';

const english = translator('en-US');
const silent: Translate = (key) => key;

/** Every reason there are words for. */
const reasons = Object.keys(textOf('en-US', 'pop3-in', 'errors') as object);
const accountReasons = Object.keys(textOf('en-US', 'oauth2-account', 'errors') as object).map(
  (reason) => `account/${reason}`,
);

describe('the words of a mailbox', () => {
  it('show each state as the contract has it', () => {
    const states: [MailboxState, string][] = [
      [{ is: 'checking' }, 'yellow ring checking'],
      [{ is: 'progress', done: 12, total: 340 }, 'blue dot 12 / 340'],
      [{ is: 'new', count: 3 }, 'green dot 3 new'],
      [{ is: 'new', count: 0, left: 340 }, 'green dot 0 new, 340 ignored'],
      [{ is: 'idle' }, 'grey ring idle'],
      [{ is: 'waiting', ms: 39_001 }, 'yellow ring retry in 40 s'],
      [failed('AUTH', 'wrong-password'), 'red ring wrong password'],
      [failed('SIGN_IN_AGAIN', 'account/invalid-grant'), 'red ring sign in again'],
      [failed('SIGN_IN_AGAIN', 'account/not-signed-in'), 'red ring not signed in'],
      [failed('CONNECT', 'account/unreachable'), 'red ring sign-in unavailable'],
      [failed('CONNECT', 'account/proxy-failed'), 'red ring proxy failed'],
      [failed('CONNECT', 'hung-up'), 'red ring connection lost'],
    ];
    for (const [state, expected] of states) {
      const { fill, shape, text } = statusOf(state);
      assert.equal(`${fill} ${shape} ${text}`, expected);
    }
  });

  it('with numbers are the same in English wherever they are put together', () => {
    for (const state of [
      { is: 'new', count: 3 },
      { is: 'new', count: 0, left: 340 },
      { is: 'waiting', ms: 40_000 },
    ] as const) {
      const { text } = statusOf(state);
      const { key = '', numbers } = numbersOf(text) ?? {};
      assert.equal(english(`pop3-in:${key}`, numbers), text);
    }
    for (const text of ['12 / 340', '3 news', 'a 3 new', 'idle', ' 3 new']) {
      assert.equal(numbersOf(text), undefined, text);
    }
  });

  it('have a status of 24 characters at most for every code and every reason', () => {
    assert.ok(reasons.length > 60 && accountReasons.length > 60);
    for (const code of MAILBOX_ERROR_CODES) {
      for (const reason of [...reasons, ...accountReasons, 'nobody-has-thought-of']) {
        const { text, fill } = statusOf(failed(code, reason as MailboxReason));
        assert.ok(text.length > 0 && text.length <= 24, `${code} ${reason}: ${text}`);
        assert.equal(fill, 'red');
      }
    }
  });

  it('say nothing of scopes and tokens where a password was rejected', () => {
    const translate = translator('en-US');
    for (const reason of [
      'wrong-password',
      'vague-refusal',
      'closed-during-login',
      'pop-disabled',
    ] as const) {
      const facts = { host: 'pop.example.com', user: 'alice@example.com' };
      const said = sentence(new MailboxError('AUTH', reason, { facts }), translate);
      assert.match(said, / /, reason);
      assert.doesNotMatch(said, /scope|token|consent/i);
    }
  });

  it('stay short with large numbers', () => {
    for (const language of languages) {
      for (const state of [
        { is: 'progress', done: 100_000, total: 100_000 },
        { is: 'new', count: 100_000 },
        { is: 'waiting', ms: 21_600_000 },
      ] as const) {
        const { text } = statusOf(state);
        const counted = numbersOf(text);
        const said = counted ? translator(language)(`pop3-in:${counted.key}`, counted.numbers) : text;
        assert.ok(said.length <= 20, `${language}: ${said}`);
      }
    }
  });

  it('are a sentence for every code and every reason, with all its facts', () => {
    const facts = {
      host: 'pop.example.test',
      port: 995,
      user: 'alice',
      response: '-ERR no',
      detail: 'a bug.',
      value: 'soon',
      count: 250,
      uid: 'UID7',
      attempts: 5,
      file: 'ledger',
      line: 12,
      folder: '/data/mail',
      system: 'EACCES',
      uri: 'https://sign-in.example.test',
      error: 'invalid_request.',
      description: 'no',
      issuer: 'Example CA',
      proxy: 'proxy.example.test:3128',
      name: 'MAIL_HOST',
      property: 'host',
      node: 'mail',
      mail: 'UID7',
      megabytes: 25,
      command: 'TOP',
      database: 'pg.example.test',
      schema: 'redletter',
      version: 3,
      known: 2,
    };
    for (const language of languages) {
      // Chinese, Japanese and Korean say it in half the characters.
      const whole = /^(ja|ko|zh)/.test(language) ? /^\S.{5,}\S$/s : /^\S.{10,}\S$/s;
      for (const reason of [...MAILBOX_ERROR_CODES, ...reasons, ...accountReasons]) {
        const text = sentence(
          new MailboxError('AUTH', reason as MailboxReason, { facts }),
          translator(language),
        );
        assert.match(text, whole, `${language} ${reason}: ${text}`);
        assert.equal(text.includes('__'), false, text);
      }
    }
    const named = sentence(new MailboxError('CONNECT', 'refused', { facts }), english);
    assert.match(named, /pop\.example\.test.*995/);
  });

  it('hold nothing of a unique ID or a server that could forge a line or turn it around', () => {
    const evil = 'a\u001b[2J\u0085\u009b\u202eb\u2028c\n[error] forged';
    for (const reason of ['mail-set-aside', 'mail-failed-again', 'mail-incomplete', 'unexpected'] as const) {
      const error = new MailboxError('POISON', reason, {
        facts: { mail: evil, uid: evil, detail: evil, response: evil },
      });
      const said = sentence(error, english);
      for (const text of [said, JSON.stringify(nodeError(error, english)), error.facts.uid])
        assert.doesNotMatch(String(text), /[\p{Cc}\p{Cf}\u2028\u2029]/u);
      assert.match(said, /a·\[2J···b·c·/);
    }
  });

  it('fall back on the code, and on something better than nothing', () => {
    assert.equal(
      sentence(new MailboxError('IN_USE', 'nobody-has-thought-of' as MailboxReason), english),
      sentence(new MailboxError('IN_USE', 'IN_USE' as MailboxReason), english),
    );
    assert.equal(sentence(new MailboxError('IN_USE', 'in-use'), silent), 'IN_USE: in-use');
  });

  it('are what a Catch node gets, with the code for the flow', () => {
    const cause = new MailboxError('AUTH', 'wrong-password', { facts: { host: 'pop.example.test' } });
    const error = nodeError(cause, english);
    assert.equal(error.code, 'AUTH');
    assert.equal(error.reason, 'wrong-password');
    assert.match(error.toString(), /^pop\.example\.test rejected the user name/);
    // The debug sidebar shows a string as it is, and an Error as an object.
    assert.equal(JSON.parse(JSON.stringify(error)), error.toString());
    assert.ok(Object.hasOwn(error, 'code'));
  });

  it("are with the server's words where Node-RED copies them to a Catch node: in the cause", () => {
    const facts = { host: 'pop.example.test', response: '-ERR not today' };
    const error = nodeError(new MailboxError('AUTH', 'wrong-password', { facts }), english);
    assert.deepEqual(error.cause, { response: '-ERR not today' });
    assert.ok(Object.hasOwn(error, 'cause'));
  });
});

describe('a failed token, to the mailbox that wanted it', () => {
  it('has the code of the contract, and what it says is said in the words of the account', () => {
    const translations: [OAuth2Error, MailboxErrorCode][] = [
      [new OAuth2Error('SIGN_IN_AGAIN', 'not-signed-in'), 'SIGN_IN_AGAIN'],
      [new OAuth2Error('TEMPORARY', 'timeout'), 'TIMEOUT'],
      [new OAuth2Error('TEMPORARY', 'unreachable'), 'CONNECT'],
      [new OAuth2Error('TEMPORARY', 'host-not-found'), 'CONNECT'],
      [new OAuth2Error('STORE', 'store-failed'), 'STORE'],
    ];
    for (const [given, code] of translations) {
      const error = asAccountError(given);
      assert.ok(error instanceof MailboxError);
      assert.equal(error.code, code);
      assert.equal(error.reason, `account/${given.reason}`);
      assert.equal(error.cause, given);
      assert.equal(error.retryable, given.retryable);
    }
  });

  it('has no address of a person in a server’s words, whichever it is: only the dialog shows one', () => {
    const facts = {
      error: 'interaction_required',
      description:
        "User account 'Bob.Smith@Other.example' (bob@other.example) does not exist in tenant 'Contoso'.",
    };
    const error = asAccountError(new OAuth2Error('SIGN_IN_AGAIN', 'request-refused', { facts }));
    assert.ok(error instanceof MailboxError);
    assert.equal(
      sentence(error, english),
      "The provider rejected the request: interaction_required User account '[…]' ([…]) does not exist in tenant 'Contoso'.",
    );
  });

  it('leaves every other error as it is', () => {
    const other = new Error('of something else');
    assert.equal(asAccountError(other), other);
  });
});

function failed(code: MailboxErrorCode, reason: MailboxReason): MailboxState {
  return { is: 'failed', error: new MailboxError(code, reason) };
}

import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { Pop3Error } from '../../../nodes/pop3';
import { saslprep } from '../../../nodes/pop3/sasl/saslprep';

function refused(text: string): void {
  assert.throws(
    () => saslprep(text),
    (error) => {
      assert.ok(error instanceof Pop3Error, inspect(error));
      assert.deepEqual([error.code, error.reason, error.retryable], ['CONFIG', 'unsafe-argument', false]);
      // A character of a password is part of a secret.
      const shown = error.message + JSON.stringify(error);
      for (const letter of text) assert.ok(/[ -~]/.test(letter) || !shown.includes(letter), shown);
      return true;
    },
    JSON.stringify(text),
  );
}

describe('pop3/sasl: SASLprep', () => {
  it('the examples of RFC 4013 section 3', () => {
    assert.equal(saslprep('I\u00adX'), 'IX');
    assert.equal(saslprep('user'), 'user');
    assert.equal(saslprep('USER'), 'USER');
    assert.equal(saslprep('\u00aa'), 'a');
    assert.equal(saslprep('\u2168'), 'IX');
    refused('\u0007');
    refused('\u0627\u0031');
  });

  it('one form for what can be typed in several', () => {
    assert.equal(saslprep('pass\u00a0word\u3000x\u1680y'), 'pass word x y');
    assert.equal(saslprep('u\u0308\ufb01\uff21'), '\u00fcfiA');
    assert.equal(saslprep('a\u200b\u200db\ufe0f\ufeff'), 'ab');
    assert.equal(saslprep(''), '');
  });

  it('what is no text is refused, from each of the tables', () => {
    for (const character of [
      '\u0000',
      '\u007f',
      '\u0085',
      '\u06dd',
      '\u2028',
      '\u206a',
      '\ufffc',
      '\u{1d173}',
      '\ue000',
      '\u{f0000}',
      '\u{10fffd}',
      '\ufdd0',
      '\uffff',
      '\u{4fffe}',
      '\ud800',
      '\ufffd',
      '\u2ff0',
      '\u200e',
      '\u202e',
      '\u{e0001}',
      '\u{e0041}',
    ]) {
      refused(`a${character}b`);
    }
  });

  it('from right to left: all of it, or none', () => {
    for (const text of ['\u05d0', '\u05d0\u05d1', '\u05d0 1!\u05d1', '\u0627\u06fd'])
      assert.equal(saslprep(text), text);
    for (const text of ['a\u05d0', '\u05d0a\u05d1', '\u05d01', '1\u05d0']) refused(text);
  });

  it('characters newer than the tables pass, and pairs of surrogates are no surrogates', () => {
    for (const text of ['\u{1f600}', 'correct horse \u{1fae0}', '\u20bf']) assert.equal(saslprep(text), text);
  });
});

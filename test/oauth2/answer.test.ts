import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TokenSource } from '../../nodes/oauth2';
import { readAnswer } from '../../nodes/oauth2/answer';
import { OAuth2Error } from '../../nodes/oauth2/errors';
import { startTokenEndpoint } from '../../servers/token-endpoint';
import { MemoryStore, seen } from './support';

const NOW = Date.UTC(2026, 0, 1);

function idToken(claims: unknown): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`;
}

describe('oauth2/answer', () => {
  const read = (changes: Record<string, unknown>) => readAnswer({ access_token: 'a', ...changes }, NOW);

  it('reads an answer as RFC 6749 section 5.1 has it', () => {
    const answer = {
      access_token: 'a',
      token_type: 'Bearer',
      expires_in: 3599,
      refresh_token: 'r',
      scope: 'x y',
    };
    assert.deepEqual(readAnswer(answer, NOW), {
      accessToken: 'a',
      obtainedAt: NOW,
      expiresAt: NOW + 3_599_000,
      refreshToken: 'r',
      scope: 'x y',
    });
  });

  it('expires_in in every shape seen in the wild, and without (S15)', () => {
    for (const [expiresIn, seconds] of [
      [1, 1],
      ['3600', 3600],
      [' 60 ', 60],
      [0.5, 3600],
      [undefined, 3600],
      [null, 3600],
      [0, 3600],
      [-5, 3600],
      ['soon', 3600],
      ['', 3600],
      [[5], 3600],
      [{}, 3600],
      [true, 3600],
      [1e308, 366 * 86_400],
      [Number.MAX_SAFE_INTEGER, 366 * 86_400],
    ] as const) {
      assert.equal(read({ expires_in: expiresIn }).expiresAt, NOW + seconds * 1000, String(expiresIn));
    }
  });

  it('the end of a refresh token is told by our own clock too, where the server names one (S15)', () => {
    const endOf = (refresh_token_expires_in: unknown) =>
      readAnswer({ access_token: 'a', refresh_token: 'r', refresh_token_expires_in }, 1000).refreshExpiresAt;
    assert.equal(endOf(604_799), 604_800_000);
    for (const none of [undefined, 0, -1, 'soon', null, {}]) assert.equal(endOf(none), undefined);
  });

  it('an expires_at of the server’s own clock does not count (S15)', () => {
    assert.equal(read({ expires_at: 17, expires_in: 60 }).expiresAt, NOW + 60_000);
  });

  it('an empty refresh token is none', () => {
    for (const refreshToken of ['', null, 5, {}])
      assert.equal('refreshToken' in read({ refresh_token: refreshToken }), false);
  });

  it('a token of another type than Bearer cannot be used', () => {
    assert.equal(read({ token_type: 'bearer' }).accessToken, 'a');
    for (const type of ['DPoP', 'mac']) {
      assert.throws(() => read({ token_type: type }), { code: 'CONFIG', reason: 'token-type' });
    }
  });

  it('a token that would break out of its line is none', () => {
    for (const token of ['a\u0001auth', 'a\r\nSTAT', 'a\0', 'é', '', 5, null, ['a']]) {
      assert.throws(() => readAnswer({ access_token: token }, NOW), {
        code: 'TEMPORARY',
        reason: 'answer-malformed',
      });
    }
  });

  it('an inherited property is no answer', () => {
    assert.throws(() => readAnswer(Object.create({ access_token: 'a' }), NOW), {
      reason: 'answer-malformed',
    });
  });

  describe('an id_token is a label only (S20)', () => {
    it('names the mail address, unverified', () => {
      assert.equal(read({ id_token: idToken({ email: 'alice@example.com' }) }).label, 'alice@example.com');
      assert.equal(
        read({ id_token: idToken({ preferred_username: 'bob@example.com' }) }).label,
        'bob@example.com',
      );
    });

    it('expired, unsigned, of another issuer or no id_token at all: the tokens are the same', () => {
      const { label, ...plain } = read({
        id_token: idToken({ email: 'a@example.com', exp: 1, iss: 'evil', aud: 'x' }),
      });
      assert.deepEqual(plain, read({}));
      assert.equal(label, 'a@example.com');
      for (const junk of ['', '.', 'a.b.c', 'a.bnVsbA.c', 5, {}, null, `x.${'A'.repeat(9999)}.y`]) {
        assert.deepEqual(read({ id_token: junk }), read({}));
      }
    });

    it('what could not be a mail address is no label', () => {
      const names = ['alice', 'a b@c', '<b>@c', 'a@b\u0000', 'a\u202e@b', `${'a'.repeat(300)}@b`, 5, {}, ''];
      for (const email of names)
        assert.equal(read({ id_token: idToken({ email }) }).label, undefined, String(email));
    });
  });

  describe('anything at all (S16)', () => {
    const field = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.jsonValue(),
      fc.double(),
      fc.constant(undefined),
    );
    const names = [
      'access_token',
      'refresh_token',
      'expires_in',
      'token_type',
      'scope',
      'id_token',
      'error',
      'error_codes',
      'error_description',
    ];
    const answers = fc.oneof(
      fc.jsonValue(),
      fc.record(Object.fromEntries(names.map((name) => [name, field])), { requiredKeys: [] }),
    );

    it('is either tokens that can be used or the room’s own error', () => {
      fc.assert(
        fc.property(answers, (answer) => {
          try {
            const tokens = readAnswer(answer, NOW);
            assert.match(tokens.accessToken, /^[\x20-\x7e]+$/);
            assert.match(tokens.refreshToken ?? 'r', /^[\x20-\x7e]+$/);
            assert.ok(Number.isFinite(tokens.expiresAt) && tokens.expiresAt > NOW);
            assert.equal(typeof (tokens.scope ?? ''), 'string');
          } catch (error) {
            assert.ok(error instanceof OAuth2Error, String(error));
          }
        }),
        { numRuns: 2000 },
      );
    });

    it('over the wire too: the source gives a token or its own error, and what was kept stays readable', async function () {
      this.timeout(30_000);
      const endpoint = await startTokenEndpoint();
      const bodies = fc.oneof(
        answers.map((answer) => JSON.stringify(answer) ?? ''),
        fc.string(),
        fc.constant('{"a":'),
      );
      await fc.assert(
        fc.asyncProperty(
          bodies,
          fc.constantFrom(200, 201, 204, 302, 400, 401, 403, 429, 500),
          async (body, status) => {
            endpoint.answer({ status, body });
            const kept = {
              accessToken: 'old',
              refreshToken: 'canary-refresh',
              expiresAt: 1,
              obtainedAt: 0,
              signedInAt: 0,
            };
            const store = new MemoryStore(kept);
            const config = {
              provider: 'custom',
              grant: 'authorization_code',
              tokenUrl: endpoint.url,
              clientId: 'c',
            } as const;
            const source = new TokenSource({ config, store });
            try {
              const { accessToken } = await source.token();
              assert.equal(store.tokens?.accessToken, accessToken);
              assert.ok(store.tokens?.refreshToken);
            } catch (error) {
              assert.ok(error instanceof OAuth2Error, String(error));
              assert.deepEqual(store.tokens, kept);
              assert.doesNotMatch(seen(error), /canary/);
            }
          },
        ),
        { numRuns: 200 },
      );
      await endpoint.close();
    });
  });
});

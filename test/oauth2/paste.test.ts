import assert from 'node:assert/strict';
import { readPasted } from '../../nodes/oauth2/paste';

const address = 'http://localhost:1880/redletter/oauth2-account/callback';

describe('oauth2/paste', () => {
  for (const [what, text] of [
    ['the whole address', `${address}?code=4%2F0Ab-c_d&state=s.t`],
    [
      'the address with more in it',
      `${address}?iss=https%3A%2F%2Fx&state=s.t&scope=a+b&code=4/0Ab-c_d&authuser=0#`,
    ],
    ['the address without its scheme', `localhost:1880/callback?state=s.t&code=4%2F0Ab-c_d`],
    ['the query', '?code=4/0Ab-c_d&state=s.t'],
    ['the query without its mark', 'code=4/0Ab-c_d&state=s.t'],
    ['the fragment', `${address}#code=4/0Ab-c_d&state=s.t`],
    ['in quotes', ` "${address}?code=4/0Ab-c_d&state=s.t" `],
    ['in angle brackets', `<${address}?code=4/0Ab-c_d&state=s.t>`],
    ['out of HTML', `${address}?code=4/0Ab-c_d&amp;state=s.t`],
    ['broken over lines by a mail program', `${address}?code=4/0Ab\n-c_d&sta\r\nte=s.t`],
    ['code and state on lines of their own', 'code: 4/0Ab-c_d\nstate: s.t'],
    ['code and state in words', 'code = 4/0Ab-c_d, state = s.t'],
  ] as const) {
    it(`takes ${what}`, () => {
      const found = readPasted(text);
      assert.deepEqual([found.get('code'), found.get('state')], ['4/0Ab-c_d', 's.t']);
    });
  }

  it('keeps what only looks like the end of a value: commas, semicolons, blanks', () => {
    for (const [text, code] of [
      [`${address}?code=abc,def;ghi&state=s.t`, 'abc,def;ghi'],
      [`${address}?state=s.t&code=abc def, ghi`, 'abc def, ghi'],
      [`HTTP://LOCALHOST:1880/callback?code=a+b%2Bc&amp;state=s.t`, 'a b+c'],
      [`${address}?code=abc,\r\ndef&state=s.t`, 'abc,def'],
      [`${address}?code=abc;def&state=s.t Thank you`, 'abc;def'],
    ] as const) {
      const found = readPasted(text);
      assert.deepEqual([found.get('code'), found.get('state')], [code, 's.t'], text);
    }
  });

  it('keeps the issuer and the error', () => {
    assert.equal(readPasted(`${address}?code=c&state=s&iss=https%3A%2F%2Fid`).get('iss'), 'https://id');
    const declined = readPasted(`${address}?error=access_denied&error_description=no%20way&state=s`);
    assert.deepEqual([declined.get('error'), declined.get('error_description')], ['access_denied', 'no way']);
  });

  it('says exactly what is missing', () => {
    for (const [text, reason] of [
      ['', 'paste-empty'],
      [' "" ', 'paste-empty'],
      [address, 'paste-code-missing'],
      ['4/0Ab-c_d', 'paste-code-missing'],
      [`${address}?state=s`, 'paste-code-missing'],
      [`${address}?code=c`, 'paste-state-missing'],
      [
        'https://accounts.google.com/o/oauth2/v2/auth?response_type=code&state=s&client_id=c',
        'paste-not-the-answer',
      ],
    ] as const) {
      assert.throws(() => readPasted(text), { code: 'DECLINED', reason }, text);
    }
  });

  it('a parameter given twice stays visible as such', () => {
    assert.equal(readPasted('code=a&code=b&state=s').getAll('code').length, 2);
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type AutoconfigDatabase, askDatabase, databaseOf } from '../../nodes/admin/autoconfig-database';
import { loopbackCertificate, opensslMissing } from '../../servers/certificates';
import { needs } from '../../servers/needs';

const none = new AbortController().signal;
const pop3 = `<incomingServer type="pop3"><hostname>pop.%EMAILDOMAIN%</hostname><port>995</port>
  <socketType>SSL</socketType><username>%EMAILLOCALPART%</username></incomingServer>`;
const imap = pop3.replace('"pop3"', '"imap"').replace('>pop.', '>imap.');
const file = (servers: string): string =>
  `<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="x">${servers}</emailProvider></clientConfig>`;

describe('Mozilla’s autoconfig database', () => {
  let server: Server;
  let database: AutoconfigDatabase;
  /** Every request, to the letter. */
  let asked: string[];
  let answers: Record<string, [number, string, Record<string, string>?]>;
  before(async function () {
    needs(opensslMissing).call(this);
    const { cert, key, ca } = loopbackCertificate();
    server = createServer({ cert, key }, (request, response) => {
      asked.push([request.method, request.url, JSON.stringify(request.headers)].join(' '));
      const [status, body, headers] = answers[request.url ?? ''] ?? [404, ''];
      response.writeHead(status, headers).end(body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = new URL(`https://localhost:${(server.address() as AddressInfo).port}/v1.1/`);
    database = { url, ca };
  });
  after(() => server?.close());
  beforeEach(() => {
    asked = [];
    answers = {};
  });

  const ask = (address: string, signal = none) => askDatabase(address, database, signal);

  it('returns the POP3 server of a domain, and is sent the domain alone', async () => {
    answers['/v1.1/example.org'] = [200, file(imap + pop3)];
    assert.deepEqual(await ask('Secret.Name@Example.ORG'), {
      host: 'pop.example.org',
      port: 995,
      security: 'tls',
      localPart: true,
      by: 'database',
    });
    assert.equal(asked.length, 1);
    assert.match(asked[0] ?? '', /^GET \/v1\.1\/example\.org /);
    assert.doesNotMatch(asked.join(), /secret|name@/i);
  });

  it('has nothing: the domain is not in it, or only with IMAP', async () => {
    answers['/v1.1/imap.example'] = [200, file(imap)];
    assert.equal(await ask('a@imap.example'), undefined);
    assert.equal(await ask('a@unknown.example'), undefined);
    assert.equal(asked.length, 2);
  });

  it('is not asked for a domain that has a row, or for none', async () => {
    assert.equal(await ask('alice@gmail.com'), undefined);
    for (const address of ['alice', 'a@localhost', 'a@example.org/../x']) {
      await assert.rejects(ask(address), { reason: 'address-without-domain' }, address);
    }
    assert.deepEqual(asked, []);
  });

  it('follows no redirect, reads no large answer and no hostile XML, and says so', async () => {
    const elsewhere = 'http://localhost/v1.1/example.org';
    for (const [answer, system] of [
      [[302, '', { location: elsewhere }], 'HTTP 302'],
      [[301, file(pop3), { location: database.url.href }], 'HTTP 301'],
      [[503, 'busy'], 'HTTP 503'],
      [[200, file(pop3) + ' '.repeat(70_000)], 'EMSGSIZE'],
      [[200, '<html><body>Blocked by the proxy</body></html>'], 'ERR_INVALID_FILE'],
      [
        [
          200,
          `<!DOCTYPE x [<!ENTITY a "pop.evil.example">]>${file(pop3.replace('pop.%EMAILDOMAIN%', '&a;'))}`,
        ],
        'ERR_INVALID_FILE',
      ],
      [[200, file(`${'<a>'.repeat(50)}${pop3}`)], 'ERR_INVALID_FILE'],
    ] as [[number, string, Record<string, string>?], string][]) {
      asked = [];
      answers['/v1.1/example.org'] = answer;
      await assert.rejects(
        ask('a@example.org'),
        { code: 'CONNECT', reason: 'autoconfig-unavailable', facts: { host: database.url.host, system } },
        system,
      );
      assert.equal(asked.length, 1);
    }
    answers['/v1.1/example.org'] = [200, file(pop3.replace('pop.%EMAILDOMAIN%', '127.0.0.1'))];
    assert.equal(await ask('a@example.org'), undefined, 'an address in place of a name');
  });

  it('without a network, or with a certificate that is not trusted, says so', async () => {
    const { url, ca } = database;
    await assert.rejects(askDatabase('a@example.org', { url }, none), {
      reason: 'autoconfig-unavailable',
      facts: { host: url.host, system: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
    });
    assert.deepEqual(asked, [], 'nothing was sent');
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const nowhere = { url: new URL(`https://127.0.0.1:${port}/`), ...(ca && { ca }) };
    await assert.rejects(askDatabase('a@example.org', nowhere, none), {
      reason: 'autoconfig-unavailable',
      facts: { host: `127.0.0.1:${port}`, system: 'ECONNREFUSED' },
    });
    await assert.rejects(ask('a@example.org', AbortSignal.abort()), { name: 'AbortError' });
  });

  it('is Mozilla’s, a copy of it, or none, as settings.js says', async () => {
    for (const on of [undefined, null, true])
      assert.equal(databaseOf(on)?.url.href, 'https://autoconfig.thunderbird.net/v1.1/');
    assert.equal(databaseOf('https://mirror.example/copy')?.url.href, 'https://mirror.example/copy/');
    for (const off of [false, '', 0, {}, 'http://mirror.example/', 'https://u:p@mirror.example/'])
      assert.equal(databaseOf(off), undefined, String(off));
    await assert.rejects(askDatabase('a@example.org', undefined, none), { reason: 'autoconfig-disabled' });
    assert.deepEqual(asked, []);
  });
});

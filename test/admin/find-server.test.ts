import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { readAutoconfig } from '../../nodes/admin/autoconfig';
import { domainOf, findServer, isPublic, type Network } from '../../nodes/admin/find-server';
import { greetsByTls } from '../../nodes/admin/greeting';
import { guessServer } from '../../nodes/admin/guess-server';
import { certificateAuthority, opensslMissing } from '../../servers/certificates';
import { needs } from '../../servers/needs';

const signal = new AbortController().signal;

const config = (servers: string): string => `<?xml version="1.0"?>
<!-- by hand -->
<clientConfig version="1.1"><emailProvider id="example.org">
  <domain>example.org</domain>${servers}
</emailProvider></clientConfig>`;
const pop3 = (host: string, port: number, socket: string, more = ''): string =>
  `<incomingServer type="pop3"><hostname>${host}</hostname><port>${port}</port>
   <socketType>${socket}</socketType>${more}</incomingServer>`;

/** A network in which only what is written here exists; `asked` is all that was asked for. */
function network(
  world: {
    files?: Record<string, string>;
    records?: Record<string, [string, number, number?][]>;
    addresses?: Record<string, string[]>;
    /** Hosts where a POP3 server answers by TLS. */
    servers?: string[];
  },
  asked: string[] = [],
): Network {
  const none = Object.assign(new Error('none'), { code: 'ENOTFOUND' });
  return {
    srv: async (name) => {
      asked.push(`srv ${name}`);
      const found = world.records?.[name];
      if (found === undefined) throw none;
      return found.map(([name, port, priority = 0]) => ({ name, port, priority, weight: 0 }));
    },
    addresses: async (host) => world.addresses?.[host] ?? ['93.184.216.34'],
    get: async (url, address) => {
      asked.push(`get ${url.href} at ${address}`);
      const text = world.files?.[url.href];
      if (text === undefined) throw none;
      return text;
    },
    greets: async (host, { address, port }) => {
      asked.push(`tls ${host} at ${address}:${port}`);
      return world.servers?.includes(host) === true;
    },
  };
}

/** A machine without a network: DNS does not answer. */
const offline: Network = {
  srv: () => Promise.reject(Object.assign(new Error('no DNS'), { code: 'ECONNREFUSED' })),
  addresses: () => Promise.reject(Object.assign(new Error('no DNS'), { code: 'EAI_AGAIN' })),
  get: () => assert.fail('there is no address to ask at'),
  greets: () => assert.fail('there is no address to connect to'),
};

describe("finding a domain's POP3 server", () => {
  const file = 'https://autoconfig.example.org/mail/config-v1.1.xml';
  const wellKnown = 'https://example.org/.well-known/autoconfig/mail/config-v1.1.xml';

  it('asks the domain itself, its two files and its two records, and no other host', async () => {
    const asked: string[] = [];
    assert.equal(await findServer('a@Example.ORG', network({}, asked), signal), undefined);
    assert.deepEqual(asked.sort(), [
      `get ${file} at 93.184.216.34`,
      `get ${wellKnown} at 93.184.216.34`,
      'srv _pop3._tcp.example.org',
      'srv _pop3s._tcp.example.org',
    ]);
  });

  it('prefers the file, then TLS, then STARTTLS', async () => {
    const records = { '_pop3s._tcp.example.org': [['pop.example.org', 995]] as [string, number][] };
    const late = { '_pop3._tcp.example.org': [['plain.example.org', 110]] as [string, number][] };
    const files = { [wellKnown]: config(pop3('file.example.org', 995, 'SSL')) };
    const find = (world: Parameters<typeof network>[0]) =>
      findServer('a@example.org', network(world), signal);
    assert.deepEqual(await find({ files, records }), {
      host: 'file.example.org',
      port: 995,
      security: 'tls',
      by: 'autoconfig',
    });
    assert.equal((await find({ records: { ...records, ...late } }))?.host, 'pop.example.org');
    assert.deepEqual(await find({ records: late }), {
      host: 'plain.example.org',
      port: 110,
      security: 'starttls',
      by: 'srv',
    });
  });

  it('takes the record of the lowest priority, and a lone dot for a no', async () => {
    const find = (records: [string, number, number?][]) =>
      findServer('a@example.org', network({ records: { '_pop3s._tcp.example.org': records } }), signal);
    assert.equal(
      (
        await find([
          ['b.example.org', 995, 20],
          ['a.example.org.', 995, 10],
        ])
      )?.host,
      'a.example.org',
    );
    assert.equal(await find([['.', 0]]), undefined);
    assert.equal(await find([['', 995]]), undefined);
    assert.equal(await find([['127.0.0.1', 995]]), undefined);
  });

  it('asks no address of this machine or its network (SSRF), not even beside a public one', async () => {
    const files = { [file]: config(pop3('pop.example.org', 995, 'SSL')) };
    for (const address of [
      ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0'],
      ...[
        '::1',
        'fe80::1',
        'fd00::1',
        '::ffff:127.0.0.1',
        '::ffff:7f00:1',
        '2002:7f00:1::',
        '64:ff9b::7f00:1',
      ],
    ]) {
      assert.equal(isPublic(address), false, address);
      const asked: string[] = [];
      const addresses = { 'autoconfig.example.org': ['93.184.216.34', address], 'example.org': [address] };
      assert.equal(
        await findServer('a@example.org', network({ files, addresses }, asked), signal),
        undefined,
        address,
      );
      assert.ok(!asked.some((one) => one.startsWith('get')), asked.join());
    }
    for (const address of ['93.184.216.34', '2606:2800:220:1::1']) assert.ok(isPublic(address), address);
  });

  it('refuses what is no domain others could have', async () => {
    for (const address of [
      ...['', 'alice', '@', 'a@', 'a@localhost', 'a@127.0.0.1', 'a@[::1]', 'a@example..org', 'a@-x.org'],
      ...['a@example.org/x', 'a@example.org:25', 'a@b@', 'a@exa mple.org', 'a@1.2'],
    ]) {
      assert.equal(domainOf(address), undefined, address);
    }
    assert.equal(domainOf('a@bücher.example'), 'xn--bcher-kva.example');
    await assert.rejects(findServer('alice', network({}), signal), { reason: 'address-without-domain' });
  });

  it('does not wait for a silent server after it is canceled', async () => {
    const over = new AbortController();
    const silent: Network = {
      srv: () => new Promise(() => undefined),
      addresses: () => new Promise(() => undefined),
      get: () => new Promise(() => undefined),
      greets: () => new Promise(() => undefined),
    };
    const found = findServer('a@example.org', silent, over.signal);
    over.abort();
    assert.equal(await found, undefined);
  });

  it('tells no network from a domain that publishes nothing', async () => {
    await assert.rejects(findServer('a@example.org', offline, signal), {
      code: 'CONNECT',
      reason: 'dns-unavailable',
      facts: { host: 'example.org' },
    });
    // One answer is enough to know that there is a network.
    const one: Network = { ...offline, srv: network({}).srv };
    assert.equal(await findServer('a@example.org', one, signal), undefined);
  });
});

describe("guessing a domain's POP3 server", () => {
  it('tries pop., mail. and pop3. by TLS, and takes the first that greets', async () => {
    const asked: string[] = [];
    const servers = ['pop3.example.org', 'mail.example.org'];
    assert.deepEqual(await guessServer('a@example.org', network({ servers }, asked), signal), {
      host: 'mail.example.org',
      port: 995,
      security: 'tls',
      by: 'guess',
    });
    assert.deepEqual(asked.sort(), [
      'tls mail.example.org at 93.184.216.34:995',
      'tls pop.example.org at 93.184.216.34:995',
      'tls pop3.example.org at 93.184.216.34:995',
    ]);
    assert.equal(await guessServer('a@example.org', network({}), signal), undefined);
  });

  it('connects to no address of this machine or its network (SSRF)', async () => {
    const asked: string[] = [];
    const inside = ['127.0.0.1', '10.0.0.5', '::1', '169.254.169.254'];
    const addresses = Object.fromEntries(
      ['pop', 'mail', 'pop3'].map((prefix) => [`${prefix}.example.org`, ['93.184.216.34', ...inside]]),
    );
    assert.equal(
      await guessServer('a@example.org', network({ addresses, servers: ['pop.example.org'] }, asked), signal),
      undefined,
    );
    assert.deepEqual(asked, []);
    for (const address of ['a@localhost', 'a@10.0.0.1', 'nobody'])
      await assert.rejects(guessServer(address, network({}), signal), { reason: 'address-without-domain' });
  });

  it('says that there is no network', async () => {
    await assert.rejects(guessServer('a@example.org', offline, signal), { reason: 'dns-unavailable' });
  });

  it('counts a server only where TLS proves its name and it greets as POP3', async function () {
    needs(opensslMissing).call(this);
    const authority = certificateAuthority();
    const certificate = authority.issue({ names: ['pop.example.org'] });
    for (const [greeting, host, ca, expected] of [
      ['+OK ready\r\n', 'pop.example.org', authority.ca, true],
      ['+OK ready\r\n', 'mail.example.org', authority.ca, false],
      ['+OK ready\r\n', 'pop.example.org', undefined, false],
      ['* OK IMAP4rev1\r\n', 'pop.example.org', authority.ca, false],
      ['', 'pop.example.org', authority.ca, false],
    ] as const) {
      let heard = '';
      const server = createServer(certificate, (socket) => {
        socket.on('error', () => undefined).on('data', (bytes) => (heard += bytes));
        socket.end(greeting);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const at = { address: '127.0.0.1', port, ...(ca && { ca }) };
      assert.equal(await greetsByTls(host, at, signal), expected, `${greeting} ${host} ${ca !== undefined}`);
      assert.equal(heard, '', 'nothing is sent');
      await new Promise((resolve) => server.close(resolve));
    }
    const silent = new AbortController();
    const port = createServer(certificate);
    await new Promise<void>((resolve) => port.listen(0, '127.0.0.1', resolve));
    const at = { address: '127.0.0.1', port: (port.address() as AddressInfo).port, ca: authority.ca };
    const answer = greetsByTls('pop.example.org', at, silent.signal);
    port.once('secureConnection', (socket) => {
      socket.on('error', () => undefined);
      silent.abort();
    });
    assert.equal(await answer, false);
    await new Promise((resolve) => port.close(resolve));
  });
});

describe('an autoconfig file', () => {
  it('returns host, port, encryption, user name and sign-in method', () => {
    const more = '<username>%EMAILLOCALPART%</username><authentication>OAuth2</authentication>';
    assert.deepEqual(
      readAutoconfig(
        config(
          `<incomingServer type="imap"><hostname>imap.example.org</hostname></incomingServer>
          ${pop3('a.example.org', 110, 'STARTTLS')}${pop3('b.example.org', 995, 'SSL', more)}`,
        ),
      ),
      { host: 'b.example.org', port: 995, security: 'tls', localPart: true, oauth2: true },
    );
    const both = '<authentication>OAuth2</authentication><authentication>password-cleartext</authentication>';
    assert.deepEqual(readAutoconfig(config(pop3('a&amp;b.example.org', 995, 'SSL', both))), {
      host: 'a&b.example.org',
      port: 995,
      security: 'tls',
    });
  });

  it('counts for nothing without encryption, without a port, or with a place still to fill', () => {
    for (const server of [
      pop3('a.example.org', 110, 'plain'),
      pop3('a.example.org', 0, 'SSL'),
      pop3('a.example.org', 1e6, 'SSL'),
      pop3('pop.%EMAILDOMAIN%', 995, 'SSL'),
      pop3('', 995, 'SSL'),
      // What every object has is no encryption and no entity.
      pop3('a.example.org', 995, 'constructor'),
      pop3('a.example.org', 995, '&constructor;'),
    ]) {
      assert.equal(readAutoconfig(config(server)), undefined, server);
    }
  });

  it('is nothing where it is not what it should be: entities, a page of HTML, tags left open, depth', () => {
    const server = pop3('a.example.org', 995, 'SSL');
    for (const text of [
      '',
      'x',
      '<html><body><p>Not found<br></body></html>',
      `<!DOCTYPE x [<!ENTITY a "b">]>${config(server).replace(/<\?.*?\?>/, '')}`,
      config(server).replace('</clientConfig>', ''),
      config(server).replace('</port>', ''),
      `${config(server)}${config(server)}`,
      config(`${'<a>'.repeat(40)}${'</a>'.repeat(40)}${server}`),
      `<![CDATA[${config(server)}]]>`,
    ]) {
      assert.equal(readAutoconfig(text), undefined, text.slice(0, 80));
    }
  });
});

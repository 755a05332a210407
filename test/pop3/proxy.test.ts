import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { isExempt, Pop3Client, Pop3Error, proxyFromEnvironment, throughProxy } from '../../nodes/pop3';
import { loopbackCertificate, opensslMissing } from '../../servers/certificates';
import { type ScriptedPop3, startScripted } from '../../servers/scripted-pop3';
import { CREDENTIALS } from './harness';

interface Proxy {
  port: number;
  /** What it was asked to connect to. */
  asked: string[];
  close(): Promise<void>;
}

async function listen(handler: (socket: Socket, asked: string[]) => void): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    handler(socket, asked);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    asked,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function join(client: Socket, upstream: Socket): void {
  upstream.on('error', () => client.destroy());
  upstream.on('close', () => client.destroy());
  client.on('close', () => upstream.destroy());
  upstream.pipe(client);
  client.pipe(upstream);
}

/** CONNECT. The answer waits for the first bytes of the server and goes out with them where `together`. */
function httpProxy(together: boolean, login?: string): Promise<Proxy> {
  return listen((socket, asked) => {
    socket.once('data', (chunk: Buffer) => {
      const head = chunk.toString();
      const [, host = '', port] = /^CONNECT (\S+):(\d+) HTTP/.exec(head) ?? [];
      asked.push(`${host}:${port}`);
      const given = /proxy-authorization: Basic (\S+)/i.exec(head)?.[1] ?? '';
      if (login && Buffer.from(given, 'base64').toString() !== login) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      const upstream = connect(Number(port), '127.0.0.1');
      upstream.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'));
      const ok = 'HTTP/1.1 200 OK\r\n\r\n';
      if (!together)
        upstream.once('connect', () => {
          socket.write(ok);
          join(socket, upstream);
        });
      else
        upstream.once('data', (first: Buffer) => {
          socket.write(Buffer.concat([Buffer.from(ok), first]));
          join(socket, upstream);
        });
    });
  });
}

/** SOCKS 5 with or without a login (RFC 1928, RFC 1929); answers and greeting in one packet where `together`. */
function socksProxy(together: boolean, login?: string): Promise<Proxy> {
  return listen((socket, asked) => {
    const method = login ? 2 : 0;
    const request = (chunk: Buffer) => {
      const named = chunk[3] === 3;
      const end = named ? 5 + (chunk[4] as number) : 8;
      const host = named ? chunk.toString('latin1', 5, end) : [...chunk.subarray(4, 8)].join('.');
      const port = chunk.readUInt16BE(end);
      asked.push(`${host}:${port}`);
      const upstream = connect(port, '127.0.0.1');
      upstream.on('error', () => socket.end(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])));
      const ok = Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]);
      if (!together)
        upstream.once('connect', () => {
          socket.write(ok);
          join(socket, upstream);
        });
      else
        upstream.once('data', (first: Buffer) => {
          socket.write(Buffer.concat([ok, first]));
          join(socket, upstream);
        });
    };
    socket.once('data', () => {
      socket.write(Buffer.from([5, method]));
      if (!login) socket.once('data', request);
      else
        socket.once('data', (chunk: Buffer) => {
          const user = chunk.toString('latin1', 2, 2 + (chunk[1] as number));
          const password = chunk.toString('latin1', 3 + user.length);
          const right = `${user}:${password}` === login;
          socket.write(Buffer.from([1, right ? 0 : 1]));
          if (right) socket.once('data', request);
        });
    });
  });
}

describe('pop3: proxies', () => {
  const closing: Array<() => unknown> = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  const kept = async <T extends ScriptedPop3 | Proxy>(made: Promise<T>): Promise<T> => {
    const server = await made;
    closing.push(() => server.close());
    return server;
  };

  for (const [kind, start] of [
    ['http', httpProxy],
    ['socks5h', socksProxy],
  ] as const) {
    for (const together of [false, true]) {
      it(`${kind}: a session, ${together ? 'the greeting in one packet with the answer' : 'the greeting after it'}`, async () => {
        const server = await kept(startScripted({ mails: ['a\r\n'] }));
        const proxy = await kept(start(together));
        const client = await Pop3Client.connect({
          host: 'localhost',
          port: server.port,
          security: 'none',
          open: throughProxy({ url: `${kind}://127.0.0.1:${proxy.port}` }),
        });
        assert.equal((await client.authenticate(CREDENTIALS)).messages, 1);
        assert.equal(await client.quit(), 'ok');
        assert.deepEqual(proxy.asked, [`localhost:${server.port}`]);
      });
    }

    it(`${kind}: TLS to the server, not to the proxy, with its certificate verified and the proxy's own login`, async function () {
      if (opensslMissing()) this.skip();
      const { ca, key, cert } = loopbackCertificate();
      const server = await kept(startScripted({ tls: 'implicit', key, cert }));
      const proxy = await kept(start(false, 'me:s3cret-canary'));
      const open = throughProxy({ url: `${kind}://me:s3cret-canary@127.0.0.1:${proxy.port}` });
      const options = { host: 'localhost', port: server.port, security: 'tls' as const, tls: { ca } };
      const client = await Pop3Client.connect({ ...options, open });
      assert.ok(client.encrypted);
      client.destroy();
      const heard = server.received.length;
      for (const more of [{ tls: {} }, { host: '127.0.0.2' }]) {
        await assert.rejects(Pop3Client.connect({ ...options, ...more, open }), { code: 'TLS' });
      }
      assert.equal(server.received.length, heard, 'nothing is sent to a server with a wrong certificate');
      const wrong = throughProxy({ url: `${kind}://me:wrong-canary@127.0.0.1:${proxy.port}` });
      await assert.rejects(Pop3Client.connect({ ...options, open: wrong }), (error: Pop3Error) => {
        assert.ok(error instanceof Pop3Error && ['CONFIG', 'CONNECT'].includes(error.code));
        assert.equal(error.reason, 'proxy');
        assert.ok(
          !inspect(error, { depth: 20, showHidden: true }).includes('canary'),
          inspect(error, { depth: 20 }),
        );
        return true;
      });
    });

    it(`${kind}: a proxy that is not there, and one that cannot reach the server`, async () => {
      const server = await startScripted();
      await server.close();
      const proxy = await kept(start(false));
      const through = (port: number) =>
        Pop3Client.connect({
          host: 'localhost',
          port: server.port,
          security: 'none',
          open: throughProxy({ url: `${kind}://127.0.0.1:${port}` }),
        });
      for (const port of [server.port, proxy.port]) {
        // It was the proxy that failed, and never the server that refused.
        const failure = { code: 'CONNECT', reason: 'proxy', retryable: true, proxy: `127.0.0.1:${port}` };
        await assert.rejects(through(port), failure);
      }
    });

    it(`${kind}: an abort while the proxy keeps silent`, async () => {
      const proxy = await kept(listen(() => {}));
      const controller = new AbortController();
      const connecting = Pop3Client.connect({
        host: 'localhost',
        security: 'none',
        signal: controller.signal,
        open: throughProxy({ url: `${kind}://127.0.0.1:${proxy.port}` }),
      });
      setImmediate(() => controller.abort());
      await assert.rejects(connecting, (error: Pop3Error) => error.code === 'ABORTED');
    });
  }

  it('an exempt host is reached directly', async () => {
    const server = await kept(startScripted());
    const open = throughProxy({ url: 'http://127.0.0.1:1', noProxy: ['other.example', 'localhost'] });
    const client = await Pop3Client.connect({ host: 'localhost', port: server.port, security: 'none', open });
    client.destroy();
  });

  it('an address that is none, or of a kind not known, is refused without being shown', () => {
    for (const url of ['nonsense canary', 'ftp://me:canary@host']) {
      assert.throws(
        () => throughProxy({ url }),
        (error: Pop3Error) => error.code === 'CONFIG' && !inspect(error, { depth: 20 }).includes('canary'),
      );
    }
  });

  it('no_proxy: names, suffixes, ports, everything', () => {
    const target = { host: 'pop.example.com', port: 995 };
    for (const rules of [
      'pop.example.com',
      'a, POP.example.com',
      '.example.com',
      '*.example.com',
      'pop.example.com:995',
      '*',
    ])
      assert.ok(isExempt(target, rules), rules);
    for (const rules of ['', 'example.com', 'pop.example.com:110', '.ample.org', 'xpop.example.com'])
      assert.ok(!isExempt(target, rules), rules);
    assert.ok(isExempt(target, ['a', 'pop.example.com']));
    assert.ok(!isExempt(target, undefined));
  });

  it('the environment, as Node-RED reads it', () => {
    const target = { host: 'pop.example.com', port: 995, security: 'tls' as const };
    assert.equal(proxyFromEnvironment(target, {}), undefined);
    assert.equal(proxyFromEnvironment(target, { HTTPS_PROXY: 'proxy:3128' }), 'http://proxy:3128');
    assert.equal(proxyFromEnvironment(target, { http_proxy: 'http://p' }), undefined);
    assert.equal(
      proxyFromEnvironment({ ...target, security: 'none' }, { http_proxy: 'http://p' }),
      'http://p',
    );
    assert.equal(
      proxyFromEnvironment(target, { all_proxy: 'socks5h://p', pop3_proxy: 'http://q' }),
      'http://q',
    );
    assert.equal(
      proxyFromEnvironment(target, { ALL_PROXY: 'socks5h://p', NO_PROXY: '.example.com' }),
      undefined,
    );
  });
});

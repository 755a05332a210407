// Why TLS is refused, each by a server that does it.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TlsOptions } from 'node:tls';
import { asMailboxError } from '../../nodes/mailbox';
import type { ConnectOptions } from '../../nodes/pop3';
import { Pop3Client, Pop3Error } from '../../nodes/pop3';
import { type CertificateAuthority, certificateAuthority, opensslMissing } from '../../servers/certificates';
import { needs } from '../../servers/needs';
import { freePorts } from '../../servers/ports';

const failure = (promise: Promise<unknown>): Promise<Pop3Error> =>
  promise.then(
    () => assert.fail('it succeeded'),
    (error) => {
      assert.ok(error instanceof Pop3Error, String(error));
      return error;
    },
  );

describe('pop3: TLS that is refused', () => {
  const servers: Server[] = [];
  const said: string[] = [];
  let child: ChildProcess | undefined;

  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    child?.kill('SIGKILL');
    child = undefined;
    said.length = 0;
  });

  let root: CertificateAuthority;
  let another: CertificateAuthority;
  before(function () {
    needs(opensslMissing).call(this);
    root = certificateAuthority('Redletter root');
    another = certificateAuthority('Another');
  });

  async function listen(options: TlsOptions): Promise<number> {
    const server = createServer(options, (socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        said.push(chunk.toString());
        socket.write('-ERR\r\n');
      });
      socket.write('+OK ready\r\n');
    });
    server.on('tlsClientError', () => {});
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  async function refusal(port: number, tls: ConnectOptions['tls'], host = 'localhost') {
    const error = await failure(Pop3Client.connect({ host, port, security: 'tls', tls: tls ?? {} }));
    assert.equal(error.code, 'TLS', error.message);
    assert.equal(error.retryable, false);
    assert.ok(!/USER|PASS|AUTH/.test(said.join()), said.join());
    return error;
  }

  const nodeCases: Array<[string, string, () => TlsOptions, () => ConnectOptions['tls']]> = [
    ['a certificate of an authority that is not trusted', 'untrusted-issuer', () => root.issue(), () => ({})],
    [
      'a chain that ends in an authority that is not trusted',
      'untrusted-issuer',
      () => {
        const below = root.intermediate('Redletter below');
        const own = below.issue();
        return { key: own.key, cert: own.cert + below.ca };
      },
      () => ({ ca: another.ca }),
    ],
    [
      'a chain whose root is sent along and not trusted',
      'untrusted-issuer',
      () => {
        const own = root.issue();
        return { key: own.key, cert: own.cert + root.ca };
      },
      () => ({ ca: another.ca }),
    ],
    [
      'a certificate that has expired',
      'certificate-expired',
      () => root.issue({ expired: true }),
      () => ({ ca: root.ca }),
    ],
    [
      'a certificate for another name',
      'wrong-name',
      () => root.issue({ names: ['elsewhere.example'] }),
      () => ({ ca: root.ca }),
    ],
    [
      'a signature by SHA-1',
      'signature-too-weak',
      () => ({ ...root.issue({ sha1: true }), ciphers: 'DEFAULT@SECLEVEL=0' }),
      () => ({ ca: root.ca }),
    ],
    [
      'a server of TLS 1.1',
      'tls-too-old',
      () => ({
        ...root.issue(),
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      }),
      () => ({ ca: root.ca }),
    ],
    [
      'a client certificate that is required, by TLS 1.2',
      'client-certificate-required',
      () => ({ ...root.issue(), requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' }),
      () => ({ ca: root.ca }),
    ],
    [
      'a client certificate that is required, by TLS 1.3',
      'client-certificate-required',
      () => ({ ...root.issue(), requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' }),
      () => ({ ca: root.ca }),
    ],
    [
      'no cipher in common',
      'tls',
      () => ({ ...root.issue(), ciphers: 'ECDHE-RSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }),
      () => ({ ca: root.ca }),
    ],
  ];
  for (const [what, reason, options, tls] of nodeCases) {
    it(`${what}: ${reason}`, async () => {
      const error = await refusal(await listen(options()), tls());
      assert.equal(error.reason, reason);
    });
  }

  it('a certificate that is its own issuer: self-signed', async () => {
    const authority = certificateAuthority('localhost');
    const folder = mkdtempSync(join(tmpdir(), 'redletter-self-signed-'));
    try {
      // The authority's own certificate, as a server's.
      assert.equal((await refusal(await openssl(folder, authority.self, []), {})).reason, 'self-signed');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('a chain without its intermediate certificate names the one that is missing', async () => {
    const below = root.intermediate('Redletter below');
    const own = below.issue();
    const error = await refusal(await listen(own), { ca: root.ca });
    assert.deepEqual([error.reason, error.issuer], ['intermediate-missing', 'Redletter below']);
    assert.equal(asMailboxError(error).facts.issuer, 'Redletter below');
    // With it, the same certificate is trusted.
    const port = await listen({ key: own.key, cert: own.cert + below.ca });
    const client = await Pop3Client.connect({
      host: 'localhost',
      port,
      security: 'tls',
      tls: { ca: root.ca },
    });
    client.destroy();
    assert.deepEqual(said, ['CAPA\r\n']);
  });

  it('a server that has no certificate for the name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'redletter-name-'));
    try {
      const port = await openssl(folder, root.issue(), ['-servername', 'other.example', '-servername_fatal']);
      assert.equal((await refusal(port, { ca: root.ca })).reason, 'name-refused');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  /** OpenSSL's own server, for what Node's cannot be made to say. Resolves when it accepts connections. */
  async function openssl(
    folder: string,
    { key, cert }: { key: string; cert: string },
    options: string[],
  ): Promise<number> {
    const files = [join(folder, 'server.crt'), join(folder, 'server.key')] as const;
    writeFileSync(files[0], cert);
    writeFileSync(files[1], key, { mode: 0o600 });
    const [port = 0] = await freePorts(1);
    const second = options.includes('-servername') ? ['-cert2', files[0], '-key2', files[1]] : [];
    child = spawn(
      'openssl',
      [
        's_server',
        '-accept',
        `127.0.0.1:${port}`,
        '-cert',
        files[0],
        '-key',
        files[1],
        ...second,
        ...options,
      ],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    for await (const chunk of child.stdout ?? []) if (String(chunk).includes('ACCEPT')) break;
    return port;
  }
});

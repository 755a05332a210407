import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { transform } from 'esbuild';
import * as pop3 from '../../nodes/pop3';
import { certificateAuthority, opensslMissing } from '../../servers/certificates';
import { needs } from '../../servers/needs';
import { type ScriptedPop3, startScripted } from '../../servers/scripted-pop3';
import { propertiesOf, unionOf } from '../sources';

const PAGE = readFileSync(join(__dirname, '../../docs/pop3.md'), 'utf8');
const SAMPLES = [...PAGE.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);

describe('docs/pop3.md', () => {
  let server: ScriptedPop3;
  let ca: string;
  let clients: pop3.Pop3Client[];
  let complaints: unknown[];

  before(needs(opensslMissing));
  beforeEach(async () => {
    const authority = certificateAuthority();
    ca = authority.ca;
    clients = [];
    complaints = [];
    const mails = ['Subject: one\r\n\r\n1\r\n', 'Subject: two\r\n\r\n2\r\n'];
    server = await startScripted({
      tls: 'implicit',
      mails,
      ...authority.issue({ names: ['pop.example.com'] }),
    });
  });
  afterEach(async () => {
    for (const client of clients) client.destroy();
    await server?.close();
  });

  /** Runs a sample unchanged; only pop.example.com is this machine, and its authority is trusted. */
  async function run(
    sample: string,
    surroundings: Record<string, unknown> = {},
    environment: NodeJS.ProcessEnv = {},
  ): Promise<void> {
    const Pop3Client = {
      connect: async (options: pop3.ConnectOptions) => {
        const client = await pop3.Pop3Client.connect({
          open: async () => connect(server.port, '127.0.0.1'),
          ...options,
          tls: { ca },
        });
        clients.push(client);
        return client;
      },
    };
    const names = {
      console: { error: (...words: unknown[]) => complaints.push(words) },
      require: (name: string) => {
        assert.equal(name, '@redletter/node-red-pop3/pop3');
        const proxyFromEnvironment = (target: Parameters<typeof pop3.proxyFromEnvironment>[0]) =>
          pop3.proxyFromEnvironment(target, environment);
        return { ...pop3, Pop3Client, proxyFromEnvironment };
      },
      ...surroundings,
    };
    const body = sample.replace(/^import (\{.*\}) from ('.*');$/m, 'const $1 = require($2);');
    const { code } = await transform(`(async () => {\n${body}\n})()`, { loader: 'ts' });
    await new Function(...Object.keys(names), `return ${code}`)(...Object.values(names));
  }

  /** The rows of a table by their first column, which may name several. */
  const rowsOf = (heading: string): Map<string, string> => {
    const [, body = ''] = PAGE.split(`\n| ${heading} |`);
    const rows = body.split('\n\n')[0]?.split('\n').slice(2) ?? [];
    return new Map(
      rows.flatMap((row) => {
        const [, names = '', value = ''] = row.split('|').map((cell) => cell.trim());
        return [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']): [string, string] => [name, value]);
      }),
    );
  };
  const numbersOf = (heading: string): Record<string, number> =>
    Object.fromEntries(
      [...rowsOf(heading)].map(([name, value]) => [name, Number(value.replaceAll(',', ''))]),
    );
  const source = (file: string): string => readFileSync(join(__dirname, '../../nodes/pop3', file), 'utf8');

  it('names every timeout and limit, with its default', () => {
    assert.deepEqual(numbersOf('Timeout'), pop3.TIMEOUTS);
    assert.deepEqual(numbersOf('Limit'), pop3.LIMITS);
  });

  it('names every option, code and property of an error, and no other', () => {
    const options = propertiesOf(source('options.ts'), 'ConnectOptions');
    const [, section = ''] = PAGE.split('### Options of `connect`');
    for (const name of options) assert.match(section.split('|')[0] ?? '', new RegExp(`\`${name}\``), name);
    assert.deepEqual([...rowsOf('Code').keys()].sort(), unionOf(source('error.ts'), 'Pop3ErrorCode').sort());
    const error = new pop3.Pop3Error('AUTH', 'no', {
      retryAfterMs: 1,
      response: { line: 'x', code: 'y' },
      challenge: {},
      issuer: 'z',
      command: 'RETR',
      cause: 1,
    });
    const [, errors = ''] = PAGE.split('## Errors');
    const named = [...(errors.split('No error')[0] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name);
    const has = [...Object.keys(error), 'cause'].filter(
      (name) => !['name', 'stack', 'message'].includes(name),
    );
    assert.deepEqual(
      [...new Set(named)].filter((name) => name !== 'Pop3Error').sort(),
      [...new Set(has)].sort(),
    );
  });

  it('names only reasons that there are, and every reason of TLS', () => {
    const reasons = unionOf(source('error.ts'), 'Pop3NarrowReason');
    const named = rowsOf('`reason` of `TLS`');
    for (const name of named.keys()) assert.ok(reasons.includes(name), name);
    for (const name of reasons.filter((one) =>
      /certificate|issuer|tls-|signature-too|self-|intermediate|starttls/.test(one),
    )) {
      if (name !== 'tls-required') assert.ok(named.has(name), name);
    }
    for (const [, name = ''] of PAGE.matchAll(/`reason: '([\w-]+)'`/g))
      assert.ok(reasons.includes(name), name);
    assert.ok(!PAGE.includes('hint'));
  });

  it('names every call of the client', () => {
    const client = source('client.ts');
    for (const [, name = ''] of client.matchAll(/^ {2}(?:async |get )?([a-z]\w*)\(/gm)) {
      if (name !== 'constructor') assert.match(PAGE, new RegExp(`\`${name}[(\`]`), name);
    }
  });

  it('has a sample of a session and one of a proxy', () => assert.equal(SAMPLES.length, 2));

  it('a session: both mails are written and deleted, without an error', async () => {
    const written: string[] = [];
    const file = { write: async (bytes: Buffer) => void written.push(bytes.toString()) };
    await run(SAMPLES[0] as string, { file, accessToken: 'token' });
    assert.deepEqual(written, ['Subject: one\r\n\r\n1\r\n', 'Subject: two\r\n\r\n2\r\n']);
    assert.deepEqual(complaints, []);
    assert.equal(server.mails.length, 0);
  });

  it('a proxy from the environment: TLS to the server, through it', async () => {
    const asked: unknown[] = [];
    const sockets: Socket[] = [];
    const proxy: Server = createServer();
    proxy.on('connect', (request, socket: Socket) => {
      asked.push(request.url);
      const upstream = connect(server.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const one of [socket, upstream]) one.on('error', () => {});
      sockets.push(socket, upstream);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    try {
      await run(SAMPLES[1] as string, {}, { https_proxy: `http://127.0.0.1:${port}` });
      assert.deepEqual(asked, ['pop.example.com:995']);
      assert.ok(clients[0]?.encrypted);
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    }
  });
});

import assert from 'node:assert/strict';
import { createServer as createProxy, type IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import type { NodeAPI } from 'node-red';
import { agentFor } from '../../nodes/node-red/agent';
import { accountSentence } from '../../nodes/node-red/messages';
import { type AccountConfig, OAuth2Error, TokenSource } from '../../nodes/oauth2';
import { certificateAuthority, opensslMissing } from '../../servers/certificates';
import { needs } from '../../servers/needs';
import { MemoryStore } from '../oauth2/support';
import { translator } from '../translator';

/** A name that does not resolve: only the proxy knows where it is. */
const HOST = 'sign-in.example.test';

describe('the way to the sign-in server', () => {
  const sockets = new Set<Socket>();
  const asked: { target: string; authorization: string | undefined }[] = [];
  const forms: string[] = [];
  let server: Server;
  let proxy: Server;
  let ca: string;
  const portOf = (listening: Server): number => (listening.address() as AddressInfo).port;

  before(async function () {
    needs(opensslMissing).call(this);
    const authority = certificateAuthority();
    ca = authority.ca;
    server = createServer(authority.issue({ names: [HOST] }), async (request, response) => {
      let form = '';
      for await (const chunk of request) form += chunk;
      forms.push(form);
      response.setHeader('content-type', 'application/json');
      response.end('{"access_token":"through the proxy","token_type":"Bearer","expires_in":60}');
    });
    proxy = createProxy().on('connect', (request: IncomingMessage, socket: Socket) => {
      asked.push({ target: request.url ?? '', authorization: request.headers['proxy-authorization'] });
      const onward = connect(portOf(server), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      onward.on('error', () => socket.destroy());
    });
    for (const one of [server, proxy]) {
      one.on('connection', (socket) => {
        sockets.add(socket);
        socket.on('error', () => {}).on('close', () => sockets.delete(socket));
      });
      await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
    }
  });
  after(() => {
    for (const socket of sockets) socket.destroy();
    server?.close();
    proxy?.close();
  });
  beforeEach(() => {
    asked.length = 0;
    forms.length = 0;
  });

  const tls = {
    addTLSOptions: (options: { ca?: string }) => {
      options.ca = ca;
    },
  };
  const red = (url: string, more: object = {}): NodeAPI => {
    const nodes: Record<string, object> = { tls, proxy: { url, noproxy: [], ...more } };
    return { nodes: { getNode: (id: string) => nodes[id] ?? null } } as unknown as NodeAPI;
  };
  const token = (RED: NodeAPI, tlsId = 'tls'): Promise<{ accessToken: string }> => {
    const config: AccountConfig = {
      provider: 'custom',
      grant: 'client_credentials',
      tokenUrl: `https://${HOST}/token`,
      clientId: 'client',
      clientSecret: 'canary-secret',
    };
    const agent = agentFor(RED, tlsId, 'proxy');
    return new TokenSource({ config, store: new MemoryStore(), agent }).token();
  };
  const refused = async (promise: Promise<unknown>): Promise<OAuth2Error> => {
    const error = await promise.then(
      () => assert.fail('nothing was thrown'),
      (error) => error,
    );
    assert.ok(error instanceof OAuth2Error, String(error));
    return error;
  };
  const at = (): string => `http://127.0.0.1:${portOf(proxy)}`;

  it("goes through core's http proxy, which sees neither form nor token, under core's TLS settings", async () => {
    const credentials = { username: 'pat', password: 'p@ss' };
    assert.equal((await token(red(at(), { credentials }))).accessToken, 'through the proxy');
    const authorization = `Basic ${Buffer.from('pat:p@ss').toString('base64')}`;
    assert.deepEqual(asked, [{ target: `${HOST}:443`, authorization }]);
    assert.match(forms[0] ?? '', /client_secret=canary-secret/);
  });

  it('trusts no certificate through the proxy that it rejects without one, and sends nothing (S10, S11)', async () => {
    const error = await refused(token(red(at()), ''));
    assert.deepEqual([error.code, error.reason], ['TLS', 'certificate-untrusted']);
    assert.equal(asked.length, 1);
    assert.deepEqual(forms, []);
  });

  it('names the proxy that failed, never its login; an address that is none is named by its node', async () => {
    const login = { credentials: { username: 'pat', password: 'canary-proxy' }, name: 'Office proxy' };
    for (const [url, name] of [
      ['http://127.0.0.1:9', '127.0.0.1:9'],
      ['socks5h://127.0.0.1:9', '127.0.0.1:9'],
      ['nonsense', 'Office proxy'],
      ['gopher://127.0.0.1:70', 'Office proxy'],
    ] as const) {
      const error = await refused(token(red(url, login)));
      assert.deepEqual(
        [error.code, error.reason, error.facts.proxy],
        ['TEMPORARY', 'proxy-failed', name],
        url,
      );
      assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes('canary'));
      for (const where of ['dialog', 'running'] as const) {
        const said = accountSentence(error, translator('en-US'), where) ?? '';
        assert.ok(said.includes(`The proxy ${name} did not connect to ${HOST}.`), said);
      }
    }
  });

  it('reaches a host that the proxy is not for without it, and blames the proxy for nothing', async () => {
    const error = await refused(token(red(at(), { noproxy: ['.example.test'] })));
    assert.deepEqual([error.code, error.reason], ['TEMPORARY', 'host-not-found']);
    assert.deepEqual(asked, []);
  });
});

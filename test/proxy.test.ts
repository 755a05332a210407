import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import { ALICE, flows, mail, PASSWORD, pop3In, startWorld, type World } from './world';

describe('pop3 in through a proxy', function () {
  this.timeout(60_000);
  let world: World;
  const asked: { target: string; authorization: string | undefined }[] = [];
  const proxy = createServer();
  const open = new Set<Socket>();
  before(async function () {
    needs(dovecotMissing).call(this);
    proxy.on('connection', (socket) => {
      open.add(socket);
      socket.on('close', () => open.delete(socket)).on('error', () => undefined);
    });
    proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
      asked.push({ target: request.url ?? '', authorization: request.headers['proxy-authorization'] });
      const [host, port] = (request.url ?? '').split(':');
      const onward = connect(Number(port), host === 'mail.example.test' ? '127.0.0.1' : host);
      onward.on('error', () => socket.destroy());
      onward.once('connect', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    world = await startWorld({ version: 4 });
  });
  after(async () => {
    for (const socket of open) socket.destroy();
    proxy.close();
    await world?.close();
  });
  const url = (): string => `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;

  it("goes through core's http proxy, with its user and password", async () => {
    await world.dovecot.deliver(ALICE, mail('By proxy'));
    await world.nodeRed.deploy(
      flows(
        world,
        {
          id: 'proxy',
          type: 'http proxy',
          name: '',
          url: url(),
          noproxy: [],
          credentials: { username: 'pat', password: 'canary p@ss' },
        },
        pop3In(world, {
          auth: 'password',
          account: '',
          proxy: 'proxy',
          credentials: { user: ALICE, password: PASSWORD },
        }),
      ),
    );
    assert.equal((await world.sink.next('messages')).topic, 'By proxy');
    assert.equal(asked[0]?.target, `localhost:${world.dovecot.tlsPort}`);
    assert.equal(asked[0]?.authorization, `Basic ${Buffer.from('pat:canary p@ss').toString('base64')}`);
    assert.ok(!world.nodeRed.logs.join('\n').includes('canary'));
  });

  it('says so when the proxy is not there, with no password in it', async () => {
    proxy.close();
    for (const socket of open) socket.destroy();
    const error = (await world.sink.next('errors', 30_000)).error as { code: string; message: string };
    assert.equal(error.code, 'CONNECT');
    assert.ok(!JSON.stringify(error).includes('canary'));
  });
});

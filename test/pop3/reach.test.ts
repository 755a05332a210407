import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { reach } from '../../nodes/pop3/reach';

describe('pop3: a host with several addresses', () => {
  let server: Server;
  let port = 0;

  before(async () => {
    server = createServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
  });
  after(() => server.close());

  const to = (...addresses: string[]) =>
    reach('mail.example.test', port, new AbortController().signal, async () =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

  it('is reached by the one that answers, whatever the others do', async () => {
    // Documentation addresses (RFC 3849, RFC 5737) have no route here, or never answer.
    for (const others of [
      ['127.0.0.2'],
      ['2001:db8::5'],
      ['192.0.2.1'],
      ['2001:db8::5', '192.0.2.1', '127.0.0.2'],
    ]) {
      for (const order of [
        [...others, '127.0.0.1'],
        ['127.0.0.1', ...others],
      ]) {
        const socket = await to(...order);
        assert.equal(socket.remoteAddress, '127.0.0.1');
        // Node's own listener for the other end's close is still there.
        assert.ok(socket.listenerCount('end') > 0 && socket.listenerCount('error') === 0);
        socket.destroy();
      }
    }
  });

  it('fails as its first address does, where none answers', async () => {
    const error = await to('127.0.0.2', '127.0.0.3').catch((reason) => reason);
    assert.deepEqual([error.code, error.address], ['ECONNREFUSED', '127.0.0.2']);
  });

  it('is given up at once by the signal', async () => {
    const stop = new AbortController();
    const reaching = reach('mail.example.test', port, stop.signal, async () => [
      { address: '192.0.2.1', family: 4 },
    ]).catch((reason) => reason);
    const reason = new Error('enough');
    setImmediate(() => stop.abort(reason));
    const told = await reaching;
    assert.ok(told === reason || told.code !== undefined, String(told));
  });
});

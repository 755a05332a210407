import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What one side has said before the other said more. */
export interface Turn {
  from: 'client' | 'server';
  text: string;
  /** How many arrivals it came in. */
  arrivals: number;
}

export interface DelayingProxy {
  port: number;
  /** The turns of each connection, in order. */
  connections: Turn[][];
  close(): Promise<void>;
}

/**
 * A path to a server on this machine on which every byte takes `ms` in each direction. With `noted` it keeps what was
 * said, and so who waited for whom.
 */
export async function startDelayingProxy(
  to: number,
  ms: number,
  { noted = true }: { noted?: boolean } = {},
): Promise<DelayingProxy> {
  const connections: Turn[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const turns: Turn[] = [];
    connections.push(turns);
    const upstream = connect({ port: to, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    // The order of arrivals and ends is kept: they all take the same time.
    const forward = (from: Turn['from'], source: Socket, target: Socket): void => {
      source.on('data', (chunk: Buffer) => {
        // Noted when it has come through: both sides are seen from where the client is.
        const note = (): void => {
          if (!noted) return;
          const last = turns.at(-1);
          if (last?.from === from) {
            last.text += chunk.toString('latin1');
            last.arrivals += 1;
          } else turns.push({ from, text: chunk.toString('latin1'), arrivals: 1 });
        };
        if (from === 'client') note();
        setTimeout(() => {
          if (from === 'server') note();
          if (target.writable) target.write(chunk);
        }, ms);
      });
      source.on('end', () => setTimeout(() => target.end(), ms));
      // Reset, as by a program that was killed: no end comes, and a session at the server would stay open.
      source.on('close', (failed) => failed && setTimeout(() => target.destroy(), ms));
    };
    forward('client', client, upstream);
    forward('server', upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

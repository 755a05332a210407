import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP connection that can be cut in the middle. */
export interface Relay {
  port: number;
  /** Nothing passes any more, in neither direction, and neither side is told: a cable that was pulled. */
  cut(): void;
  /** What comes for the target is kept back until `release`; `waiting` resolves when something has. */
  hold(): { waiting: Promise<void>; release(): void };
  /** Connections are reset and new ones refused: a firewall, or a server that was ended. */
  sever(): void;
  /** New connections pass again, to this port; those that were cut stay silent and are dropped. */
  restore(target?: number): void;
  close(): Promise<void>;
}

/** Relays connections on a port of its own to a port of this machine. */
export async function startRelay(target: number): Promise<Relay> {
  const pairs = new Set<[Socket, Socket]>();
  let state: 'open' | 'cut' | 'severed' = 'open';
  let held: { write(other: Socket, bytes: Buffer): void } | undefined;
  let to = target;
  const server = createServer((near) => {
    near.on('error', () => near.destroy());
    if (state === 'severed') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(to, '127.0.0.1');
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    far.on('error', () => far.destroy());
    for (const [from, other] of [pair, [far, near]] as const) {
      from.on('data', (bytes) => {
        if (state === 'open' && held !== undefined && other === far) held.write(other, bytes);
        else if (state === 'open') other.write(bytes);
      });
      from.on('close', () => {
        pairs.delete(pair);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const drop = (): void => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    pairs.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      state = 'cut';
    },
    hold: () => {
      const writes: [Socket, Buffer][] = [];
      let release = (): void => undefined;
      const waiting = new Promise<void>((resolve) => {
        held = {
          write: (...write) => {
            writes.push(write);
            resolve();
          },
        };
        release = () => {
          held = undefined;
          for (const [other, bytes] of writes) other.write(bytes);
        };
      });
      return { waiting, release };
    },
    sever: () => {
      state = 'severed';
      drop();
    },
    restore: (port = to) => {
      drop();
      to = port;
      state = 'open';
    },
    close: async () => {
      drop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

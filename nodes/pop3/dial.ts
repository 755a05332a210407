import type { AddressInfo, Socket } from 'node:net';
import { untilAborted } from '../base/abort';
import { connectError } from './connect-error';
import { Pop3Error } from './error';
import type { ConnectOptions } from './options';
import { reach } from './reach';

/** Opens the line to the server, unencrypted. Errors: `CONNECT`, and whatever `stop` is aborted with. */
export async function dial(options: ConnectOptions, port: number, stop: AbortSignal): Promise<Socket> {
  stop.throwIfAborted();
  if (options.open) {
    const opening = options.open({ host: options.host, port, signal: stop });
    return untilAborted(opening, stop, () => {
      opening.then(
        (late) => late.destroy(),
        () => {},
      );
    }).catch((error) => {
      throw error instanceof Pop3Error ? error : connectError(error, 'proxy');
    });
  }
  try {
    return await untilAborted(reach(options.host, port, stop), stop);
  } catch (error) {
    throw error instanceof Pop3Error ? error : connectError(error);
  }
}

export function addressOf(socket: Socket): Partial<AddressInfo> {
  return { address: socket.remoteAddress, port: socket.remotePort };
}

import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';

/** RFC 8305 §5: after so long without an answer the next address is tried as well, ms. */
const NEXT_ADDRESS_AFTER = 250;

/**
 * Connects to a host by whichever of its addresses answers first (RFC 8305). Unlike Node's own way, an address that has
 * been tried is not given up when the next one is: on a slow path it may be the only one that answers.
 *
 * @throws the error of the first address, or of the lookup
 */
export async function reach(
  host: string,
  port: number,
  stop: AbortSignal,
  addressesOf = (name: string) => lookup(name, { all: true }),
): Promise<Socket> {
  const name = host.replace(/^\[|\]$/g, '');
  const addresses = isIP(name) ? [name] : alternating(await addressesOf(name));
  stop.throwIfAborted();
  return new Promise((resolve, reject) => {
    const attempts = new Map<Socket, (error: Error) => void>();
    let firstError: Error | undefined;
    let timer: NodeJS.Timeout | undefined;
    const settle = (chosen?: Socket): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', onAbort);
      for (const [socket, onError] of attempts) {
        socket.off('error', onError);
        if (socket === chosen) continue;
        // One that is given up may still fail.
        socket.on('error', () => {});
        socket.destroy();
      }
    };
    const onAbort = (): void => {
      settle();
      reject(stop.reason);
    };
    const next = (): void => {
      clearTimeout(timer);
      const address = addresses.shift();
      if (address === undefined) {
        if (attempts.size > 0) return;
        settle();
        reject(firstError);
        return;
      }
      const socket = connect({ host: address, port, noDelay: true });
      const onError = (error: Error): void => {
        attempts.delete(socket);
        firstError ??= error;
        next();
      };
      attempts.set(socket, onError);
      socket.on('error', onError);
      socket.once('connect', () => {
        settle(socket);
        resolve(socket);
      });
      timer = setTimeout(next, NEXT_ADDRESS_AFTER);
    };
    stop.addEventListener('abort', onAbort, { once: true });
    next();
  });
}

/** One family after the other, in the order of the system's lookup (RFC 8305 §4). */
function alternating(found: readonly { address: string; family: number }[]): string[] {
  const first = found.filter(({ family }) => family === found[0]?.family);
  const second = found.filter(({ family }) => family !== found[0]?.family);
  return first
    .flatMap((one, at) => [one, second[at]])
    .concat(second.slice(first.length))
    .flatMap((one) => (one === undefined ? [] : [one.address]));
}

import type { Socket } from 'node:net';
import type { Clock } from '../base/clock';
import { listen } from './socket-events';

/**
 * Sends the last command of a session, whose answer changes nothing. Settles, with the socket closed, when the server
 * has answered or closed it, after `within` ms at most.
 */
export function sendLast(socket: Socket, line: string, within: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clock.clearTimeout(timer);
      detach();
      socket.on('error', () => {});
      socket.destroy();
      resolve();
    };
    const detach = listen(socket, done, done);
    const timer = clock.setTimeout(done, Math.max(1, within));
    socket.write(`${line}\r\n`);
  });
}

/**
 * Tells why a server sent no greeting. A TLS server waits for the client to begin, so silence is how it looks from here:
 * anything that is not TLS makes it say so at once, and the time is up anyway. Returns what ends the listening.
 */
export function askWhetherTls(
  socket: Socket,
  within: number,
  clock: Clock,
  onAnswer: (answer: 'alert' | 'other' | 'closed' | 'silent') => void,
): () => void {
  const timer = clock.setTimeout(() => onAnswer('silent'), within);
  const detach = listen(
    socket,
    (chunk) => onAnswer(chunk[0] === TLS_ALERT ? 'alert' : 'other'),
    () => onAnswer('closed'),
  );
  socket.write('QUIT\r\n');
  return () => {
    clock.clearTimeout(timer);
    detach();
  };
}

/** The type of a record that holds an alert (RFC 8446 section 5.1). */
const TLS_ALERT = 0x15;

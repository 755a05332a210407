// What a mailbox costs that has nothing new: bytes on the wire, and memory after ten thousand checks.
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Pop3Client } from '../nodes/pop3';
import { Box, Checker, cleanUp, mailOf } from '../servers/mailbox-checker';
import { say } from './fetching';

export interface Steady {
  remembered: number;
  /** Bytes in both directions of a check, and of a session that asks for nothing but UIDL. */
  check: number;
  uidl: number;
  /** Milliseconds of such a check, the server's share included. */
  ms: number;
  checks: number;
  /** Heap after collection, MB, when a tenth of the checks was done and when all were. */
  heapBefore: number;
  heapAfter: number;
}

/** As long as Dovecot's are. */
const uid = (index: number): string => `${index.toString(16).padStart(8, '0')}5f2b9c1a`;

export async function measureSteady(remembered: number, checks: number): Promise<Steady> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed / 1024 / 1024;
  };
  const box = await Box.start();
  try {
    const small = mailOf('a');
    const full = Array.from({ length: remembered }, (_, index) => ({ uid: uid(index), mail: small }));
    box.holds(full);
    const checker = await Checker.make({ first: 'new', maxSize: 25e6 });
    await checker.check(box);
    const began = performance.now();
    const check = await octets(box, () => checker.check(box));
    const ms = performance.now() - began;
    const uidl = await octets(box, () => plain(box));

    box.holds(full.slice(0, 100));
    const other = await Checker.make({ first: 'new', maxSize: 25e6 });
    let heapBefore = 0;
    for (let count = 0; count < checks; count += 1) {
      if (count === checks / 10) heapBefore = heap();
      await other.check(box);
      other.clock.advance(300_000);
      // What the server remembers is not ours.
      box.server.sessions.length = 0;
      if (count % 1000 === 0) say(`${count} of ${checks} checks`);
    }
    return { remembered, check, uidl, ms, checks, heapBefore, heapAfter: heap() };
  } finally {
    await box.close();
    await cleanUp();
  }
}

async function octets(box: Box, run: () => Promise<unknown>): Promise<number> {
  box.server.sessions.length = 0;
  let counted = 0;
  const listen = (socket: Socket) => {
    socket.once('close', () => {
      counted += socket.bytesRead + socket.bytesWritten;
    });
  };
  const sessions = box.server.sessions;
  const push = sessions.push.bind(sessions);
  sessions.push = (...added) => {
    for (const { socket } of added) listen(socket);
    return push(...added);
  };
  await run();
  sessions.push = push;
  // The server's end of the connection closes after ours.
  while (counted === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  return counted;
}

async function plain(box: Box): Promise<void> {
  const client = await Pop3Client.connect({ host: '127.0.0.1', port: box.server.port, security: 'none' });
  await client.authenticate({ user: 'alice', password: 'secret' });
  await client.uidl();
  await client.quit();
}

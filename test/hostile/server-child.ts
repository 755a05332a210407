// Runs in a process of its own with a small heap: one session with a mail server made to hurt, as far as it gets.
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type * as Pop3 from '../../nodes/pop3';
import { costOf } from './meter';
import { HOSTILE_SERVERS, LONG_TOKEN } from './servers';

const [root, port, name] = process.argv.slice(2) as [string, string, string];
const { Pop3Client } = require(join(root, 'dist/nodes/pop3')) as typeof Pop3;

let socket: Socket | undefined;
/** Whatever a person may come to see. */
const shown: string[] = [];
/** Milliseconds; much shorter than the real ones, so that a silent server does not hold up the test. */
const timeouts = {
  connect: 2000,
  greeting: 2000,
  command: 2000,
  reply: 2000,
  idle: 1000,
  session: 4000,
  quit: 500,
};

async function session(): Promise<void> {
  const client = await Pop3Client.connect({
    host: '127.0.0.1',
    security: 'none',
    timeouts,
    limits: { mail: 2 ** 24 },
    trace: (event) => shown.push(...Object.values(event).map(String)),
    open: async () => {
      const line = connect(Number(port), '127.0.0.1');
      socket = line;
      await new Promise((resolve, reject) => line.once('connect', resolve).once('error', reject));
      return line;
    },
  });
  try {
    const { takesToken } = HOSTILE_SERVERS[name] ?? {};
    await client.authenticate({
      user: 'a',
      ...(takesToken ? { token: LONG_TOKEN } : { password: 'secret-password' }),
    });
    await client.list();
    await client.uidl();
    for await (const { body } of client.top([1], 1)) for await (const _ of body);
    for await (const { body } of client.retrieve([1])) for await (const _ of body);
    for await (const { error } of client.dele([1])) if (error) throw error;
    await client.quit();
  } finally {
    client.destroy();
  }
}

async function main(): Promise<void> {
  let code = '';
  const cost = await costOf(() =>
    session().catch((error: Pop3.Pop3Error) => {
      code = error.code;
      shown.push(error.message, JSON.stringify(error));
    }),
  );
  const size = socket?.bytesRead ?? 0;
  process.send?.({ ...cost, size, code, shown: shown.slice(-1000) }, () => process.exit(0));
}

void main();

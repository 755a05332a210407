// Runs where the kernel gives every socket 4 kB each way: a server that blocks, and a client whose reader stops now
// and then. Tells what happened; if they wait for each other forever, it tells nothing.
import { connect, createServer, type Socket } from 'node:net';
import { Pop3Client } from '../../nodes/pop3';

const MAILS = Array.from({ length: 400 }, (_, index) => `${index} ${'x'.repeat((index * 37) % 3000)}\r\n`);
/** Answers that could not be written at once. */
let blocked = 0;
/** What the server has said or got rid of, counted. */
let moves = 0;
const deleted = new Set<number>();

/** Like a server of one process a session: while an answer waits for room in the socket, it reads no command. */
async function serve(socket: Socket): Promise<void> {
  const say = async (text: string) => {
    moves += 1;
    if (!socket.write(text)) {
      blocked += 1;
      await new Promise((resolve) => socket.once('drain', resolve));
    }
  };
  let rest = '';
  await say('+OK\r\n');
  for await (const chunk of socket) {
    const lines = (rest + chunk).split('\r\n');
    rest = lines.pop() as string;
    for (const line of lines) {
      const [word, argument] = line.split(' ');
      const number = Number(argument);
      if (word === 'CAPA') await say('+OK\r\nPIPELINING\r\n.\r\n');
      else if (word === 'STAT') await say(`+OK ${MAILS.length} ${MAILS.join('').length}\r\n`);
      else if (word === 'RETR') await say(`+OK\r\n${MAILS[number - 1]}.\r\n`);
      else await say('+OK\r\n');
      if (word === 'DELE') deleted.add(number);
    }
  }
}

/** Waits until the server has not got a word in for a hundred turns of the event loop. */
async function standstill(): Promise<void> {
  let since = moves;
  for (let turns = 0; turns < 100; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (moves !== since) turns = 0;
    since = moves;
  }
}

async function main(): Promise<void> {
  // With no buffer of the stream's own, `write` says at once what the kernel has not taken.
  const server = createServer({ highWaterMark: 1 }, (socket) => serve(socket).catch(() => {}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise((resolve) => socket.once('connect', resolve));
  /** Most bytes of commands that did not fit into the socket. */
  let waiting = 0;
  const write = socket.write.bind(socket) as (text: string) => boolean;
  socket.write = ((text: string) => {
    const taken = write(text);
    waiting = Math.max(waiting, socket.writableLength);
    return taken;
  }) as typeof socket.write;
  const client = await Pop3Client.connect({
    host: '127.0.0.1',
    security: 'none',
    open: async () => socket,
    limits: { buffer: 8192 },
  });
  await client.authenticate({ user: 'a', password: 'b' });
  let octets = 0;
  for await (const mail of client.retrieve(MAILS.map((_, index) => index + 1))) {
    // Until all there is between the two is full.
    if (mail.number % 40 === 0) await standstill();
    for await (const part of mail.body) octets += part.length;
    if (mail.number % 100 > 0) continue;
    for await (const { error } of client.dele([mail.number])) if (error) throw error;
  }
  const quit = await client.quit();
  const result = { octets, expected: MAILS.join('').length, deleted: [...deleted], quit, blocked, waiting };
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
}

void main();

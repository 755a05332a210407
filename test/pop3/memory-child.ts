// Runs in a process of its own: pours out one big mail (`server`), or reads it and tells by how much it grew.
import { connect, createServer } from 'node:net';
import { Pop3Client } from '../../nodes/pop3';

const [role, given] = process.argv.slice(2);
const OCTETS = 500 * 2 ** 20;

function server(): void {
  const block = Buffer.from(`${'x'.repeat(76)}\r\n`.repeat(840));
  const listening = createServer((socket) => {
    socket.on('error', () => {});
    socket.write('+OK\r\n');
    socket.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\r\n')) {
        if (line === 'CAPA') socket.write('-ERR\r\n');
        else if (line === 'STAT') socket.write(`+OK 1 ${OCTETS}\r\n`);
        else if (line === 'RETR 1') pour();
        else if (line !== '') socket.write('+OK\r\n');
      }
    });
    const pour = () => {
      let octets = 0;
      socket.write('+OK\r\n');
      const more = () => {
        while (octets < OCTETS) {
          octets += block.length;
          if (!socket.write(block)) return;
        }
        socket.off('drain', more);
        socket.write('.\r\n');
      };
      socket.on('drain', more);
      more();
    };
  });
  listening.listen(0, '127.0.0.1', () =>
    process.send?.({ port: (listening.address() as { port: number }).port }),
  );
}

let base = 0;
let most = 0;
let octets = 0;
let looked = 0;

/** From here on growth counts. */
function begin(): void {
  globalThis.gc?.();
  base = process.memoryUsage.rss();
}

function took(chunk: number): void {
  octets += chunk;
  // Looking costs more than reading: once per chunk of the socket.
  if (octets - looked < 65_536) return;
  looked = octets;
  most = Math.max(most, process.memoryUsage.rss());
}

function report(): void {
  process.send?.({ octets, growth: (most - base) / 2 ** 20 }, () => process.exit(0));
}

const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A socket and one buffer that is read into again and again: as little memory as a slow reader can do with in Node. */
function bare(port: number): void {
  const end = Buffer.from('\r\n.\r\n');
  let begun = false;
  const socket = connect({
    port,
    host: '127.0.0.1',
    onread: {
      buffer: Buffer.alloc(65_536),
      callback: (length, buffer) => {
        if (!begun) {
          begun = true;
          begin();
          socket.write('RETR 1\r\n');
          return true;
        }
        took(length);
        if ((buffer as Buffer).subarray(0, length).subarray(-5).equals(end)) report();
        void pause().then(() => socket.resume());
        return false;
      },
    },
  });
}

async function client(port: number): Promise<void> {
  const client = await Pop3Client.connect({ host: '127.0.0.1', port, security: 'none' });
  await client.authenticate({ user: 'a', password: 'b' });
  begin();
  for await (const mail of client.retrieve([1])) {
    for await (const part of mail.body) {
      took(part.length);
      await pause();
    }
  }
  client.destroy();
  report();
}

if (role === 'server') server();
else if (role === 'bare') bare(Number(given));
else void client(Number(given));

// Runs in a network of its own: connects to each name given, and tells how it went.
import { createServer } from 'node:net';
import { Pop3Client, type Pop3Error } from '../../nodes/pop3';

const port = 11_000;

async function reach(host: string) {
  const started = performance.now();
  const outcome = await Pop3Client.connect({
    host,
    port,
    security: 'none',
    timeouts: { connect: 1500 },
  }).then(
    (client) => {
      client.destroy();
      return { greeting: client.greeting };
    },
    ({ code, reason, retryable }: Pop3Error) => ({ code, reason, retryable }),
  );
  return { host, ...outcome, ms: Math.round(performance.now() - started) };
}

const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', () => socket.write('-ERR\r\n'));
  socket.write('+OK here\r\n');
});
server.listen(port, '127.0.0.1', async () => {
  const told = [];
  for (const host of process.argv.slice(2)) told.push(await reach(host));
  process.stdout.write(JSON.stringify(told), () => process.exit(0));
});

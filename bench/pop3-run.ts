// One run of one client in a process of its own: fetches mails 1 to `count` and tells how long it took.
import { connect } from 'node:net';
import { Pop3Client } from '../nodes/pop3';

interface Run {
  client: 'floor' | 'ours' | 'node-pop3';
  port: number;
  user: string;
  password: string;
  count: number;
  /** Where node-pop3 is. */
  folder: string;
}

/** The same window for the floor as the client has. */
const WINDOW = 128;

/**
 * A bare socket that does what RFC 1939 and RFC 2449 make any client do: it waits for the greeting, asks by CAPA
 * whether it may pipeline, logs in, learns from STAT how many mails there are, looks for the ends of their replies,
 * and waits for the answer to QUIT. It throws the bytes away as they come.
 */
function floor({ port, user, password, count }: Run): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const end = Buffer.from('\r\n.\r\n');
    const steps = ['CAPA', `USER ${user}`, `PASS ${password}`, 'STAT'];
    let step = 0;
    let said = '';
    let sent = 0;
    let done = 0;
    let octets = 0;
    const seam = Buffer.alloc(8);
    const more = () => {
      if (sent - done > WINDOW / 2) return;
      let out = '';
      while (sent < count && sent - done < WINDOW) {
        sent += 1;
        out += `RETR ${sent}\r\n`;
      }
      if (out) socket.write(out);
    };
    const converse = (chunk: Buffer) => {
      said += chunk.toString();
      if (said.startsWith('-ERR')) reject(new Error(said));
      if (!said.endsWith(steps[step - 1] === 'CAPA' ? '\r\n.\r\n' : '\r\n')) return;
      if (step === 1 && !said.includes('PIPELINING')) reject(new Error('No PIPELINING'));
      said = '';
      if (step < steps.length) socket.write(`${steps[step]}\r\n`);
      else more();
      step += 1;
    };
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      if (step <= steps.length) {
        converse(chunk);
        return;
      }
      if (done >= count) {
        resolve(octets);
        return;
      }
      octets += chunk.length;
      // An end that the network split: few bytes, checked separately.
      seam.fill(0, 4);
      chunk.copy(seam, 4, 0, 4);
      if (seam.indexOf(end) >= 0) done += 1;
      for (let at = chunk.indexOf(end); at >= 0; at = chunk.indexOf(end, at + 5)) done += 1;
      if (chunk.length >= 4) chunk.copy(seam, 0, chunk.length - 4);
      else seam.copyWithin(0, chunk.length, 4 + chunk.length);
      if (done >= count) socket.write('QUIT\r\n');
      else more();
    });
  });
}

async function ours({ port, user, password, count }: Run): Promise<number> {
  const client = await Pop3Client.connect({ host: '127.0.0.1', port, security: 'none' });
  await client.authenticate({ user, password });
  let octets = 0;
  for await (const mail of client.retrieve(Array.from({ length: count }, (_, index) => index + 1))) {
    for await (const part of mail.body) octets += part.length;
  }
  await client.quit();
  return octets;
}

async function nodePop3({ port, user, password, count, folder }: Run): Promise<number> {
  const { default: Pop3Command } = await import(require.resolve('node-pop3', { paths: [folder] }));
  const client = new Pop3Command({ host: '127.0.0.1', port, user, password, tls: false, timeout: 120_000 });
  let octets = 0;
  for (let number = 1; number <= count; number += 1) octets += (await client.RETR(number)).length;
  await client.QUIT();
  return octets;
}

async function main(): Promise<void> {
  const run = JSON.parse(process.argv[2] ?? '') as Run;
  const start = performance.now();
  const octets = await { floor, ours, 'node-pop3': nodePop3 }[run.client](run);
  const ms = performance.now() - start;
  process.send?.({ ms, octets, memory: process.resourceUsage().maxRSS / 1024 }, () => process.exit(0));
}

void main();

// One run in a process of its own, outside Node-RED: the floor, the floor with a bare parser, node-pop3 and imapflow
// with simpleParser. Tells its parent what it cost.
import { connect } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Readable } from 'node:stream';
import { MailParser, simpleParser } from 'mailparser';
import type { Cost } from './measure';
import { PEERS } from './peers';

export interface Run {
  client: 'floor' | 'floor + parser' | 'node-pop3 + simpleParser' | 'imapflow + simpleParser';
  port: number;
  user: string;
  password: string;
  count: number;
}

/** The same window as this package has. */
const WINDOW = 128;
const END = Buffer.from('\r\n.\r\n');

interface Took {
  mails: number;
  text: number;
  attached: number;
}

/** What takes the bytes of one mail after the other. */
interface Taker {
  write(part: Buffer): void;
  end(): void;
}

/** A bare socket, pipelined, that finds the beginnings and ends of mails. Stuffed dots are left in. */
function floor(
  { port, user, password, count }: Run,
  taker: (resume: () => void, pause: () => void) => Taker,
): void {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const { write, end } = taker(
    () => socket.resume(),
    () => socket.pause(),
  );
  let stage = 0;
  let sent = 0;
  let ended = 0;
  let inMail = false;
  let rest: Buffer = Buffer.alloc(0);
  const more = () => {
    if (sent - ended > WINDOW / 2 || sent === count) return;
    let out = '';
    while (sent < count && sent - ended < WINDOW) out += `RETR ${++sent}\r\n`;
    if (out) socket.write(out);
  };
  socket.on('data', (chunk: Buffer) => {
    if (stage < 3) {
      socket.write([`USER ${user}\r\n`, `PASS ${password}\r\n`, ''][stage++] ?? '');
      if (stage === 3) more();
      return;
    }
    // Four bytes are held back: the network may split an end.
    let bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    for (;;) {
      if (!inMail) {
        const status = bytes.indexOf('\r\n');
        if (status < 0) break;
        inMail = true;
        bytes = bytes.subarray(status + 2);
      }
      const at = bytes.indexOf(END);
      if (at < 0) break;
      write(bytes.subarray(0, at + 2));
      end();
      inMail = false;
      ended += 1;
      bytes = bytes.subarray(at + END.length);
    }
    const keep = inMail ? Math.min(4, bytes.length) : bytes.length;
    if (bytes.length > keep) write(bytes.subarray(0, bytes.length - keep));
    rest = Buffer.from(bytes.subarray(bytes.length - keep));
    if (ended === count && !socket.writableEnded) socket.end('QUIT\r\n');
    else more();
  });
}

function thrownAway(run: Run): Promise<Took> {
  return new Promise((resolve) => {
    let mails = 0;
    floor(run, () => ({
      write: () => {},
      end: () => {
        mails += 1;
        if (mails === run.count) resolve({ mails, text: 0, attached: 0 });
      },
    }));
  });
}

/** Bytes that may wait for the parser. */
const MOST_WAITING = 1024 * 1024;

/** mailparser's own stream, nothing asked of it that no text needs, one mail after the other. */
function parsed(run: Run): Promise<Took> {
  return new Promise((resolve, reject) => {
    floor(run, (resume, pause) => {
      const took: Took = { mails: 0, text: 0, attached: 0 };
      const queue: (Buffer | undefined)[] = [];
      let waiting = 0;
      let busy = false;
      const parser = () => {
        const one = new MailParser({ checksumAlgo: 'sha256', skipTextToHtml: true, skipImageLinks: true });
        one.on('data', (data) => {
          if (data.type === 'text') took.text += data.text?.length ?? 0;
          else {
            const chunks: Buffer[] = [];
            data.content.on('data', (chunk: Buffer) => chunks.push(chunk));
            data.content.on('end', () => {
              took.attached += Buffer.concat(chunks).length;
              data.release?.();
            });
          }
        });
        one.on('error', reject);
        one.on('end', () => {
          took.mails += 1;
          if (took.mails === run.count) resolve(took);
          current = parser();
          busy = false;
          next();
        });
        return one;
      };
      let current = parser();
      const next = () => {
        while (!busy && queue.length) {
          const part = queue.shift();
          busy = true;
          if (part === undefined) current.end();
          else {
            waiting -= part.length;
            if (waiting < MOST_WAITING) resume();
            current.write(part, () => {
              busy = false;
              next();
            });
          }
        }
      };
      return {
        write: (part) => {
          waiting += part.length;
          if (waiting > MOST_WAITING) pause();
          queue.push(part);
          next();
        },
        end: () => {
          queue.push(undefined);
          next();
        },
      };
    });
  });
}

async function nodePop3({ port, user, password, count }: Run): Promise<Took> {
  const { default: Pop3Command } = await import(require.resolve('node-pop3', { paths: [PEERS] }));
  const client = new Pop3Command({ host: '127.0.0.1', port, user, password, tls: false, timeout: 120_000 });
  const took: Took = { mails: 0, text: 0, attached: 0 };
  for (let number = 1; number <= count; number += 1) await parseInto(took, await client.RETR(number));
  await client.QUIT();
  return took;
}

async function parseInto(took: Took, bytes: Buffer | Readable): Promise<void> {
  const mail = await simpleParser(bytes, { checksumAlgo: 'sha256' });
  took.mails += 1;
  took.text += mail.text?.length ?? 0;
  for (const { content } of mail.attachments) took.attached += content.length;
}

/** By IMAP, unencrypted as all others; the mails stay unread. */
async function imapflow({ port, user, password }: Run): Promise<Took> {
  const { ImapFlow } = await import(require.resolve('imapflow', { paths: [PEERS] }));
  const auth = { user, pass: password };
  const client = new ImapFlow({
    host: '127.0.0.1',
    port,
    secure: false,
    doSTARTTLS: false,
    auth,
    logger: false,
  });
  const took: Took = { mails: 0, text: 0, attached: 0 };
  await client.connect();
  const lock = await client.getMailboxLock('INBOX');
  for await (const { source } of client.fetch('1:*', { source: true })) await parseInto(took, source);
  lock.release();
  await client.logout();
  return took;
}

async function main(): Promise<void> {
  const run = JSON.parse(process.argv[2] ?? '') as Run;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const before = process.cpuUsage();
  const start = performance.now();
  delay.enable();
  const how = {
    floor: thrownAway,
    'floor + parser': parsed,
    'node-pop3 + simpleParser': nodePop3,
    'imapflow + simpleParser': imapflow,
  };
  const took = await how[run.client](run);
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  delay.disable();
  const peak = process.resourceUsage().maxRSS / 1024;
  const cost: Cost = { wall, cpu: (user + system) / 1000, peak, block: delay.max / 1e6, ...took };
  process.send?.(cost, () => process.exit(0));
}

void main();

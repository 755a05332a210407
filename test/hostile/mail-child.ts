// Runs in a process of its own with a small heap: reads one mail made to hurt, and tells what that cost.
import { join } from 'node:path';
import type { readMail as ReadMail } from '../../nodes/mail';
import { HOSTILE_MAILS } from './mails';
import { costOf } from './meter';

const [root, name] = process.argv.slice(2) as [string, string];
const { readMail } = require(join(root, 'dist/nodes/mail')) as { readMail: typeof ReadMail };

async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

const read = (bytes: Buffer) =>
  readMail(chunks(bytes), {
    content: 'parsed',
    attachments: 'buffer',
    reply: true,
    trustedServers: ['mx.example.org'],
    bytes: bytes.length,
  });

async function main(): Promise<void> {
  // What the first mail loads is paid once for a process.
  await read(Buffer.from('From: a@example.org\r\nContent-Type: text/html\r\n\r\n<p>text'));
  const mail = HOSTILE_MAILS[name];
  if (!mail) throw new Error(name);
  const bytes = mail.make();
  let problems: string[] = [];
  let kept: unknown;
  const cost = await costOf(async () => {
    const { message } = await read(bytes);
    problems = message.mail.problems.map(({ code }) => code);
    kept = message;
  });
  process.send?.({ ...cost, size: bytes.length, problems, kept: typeof kept });
}

void main();

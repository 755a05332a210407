// Runs in a process of its own with a small heap: reads mails made to hurt, or mutations of such, and tells what each
// cost.
import { join } from 'node:path';
import type { readMail as ReadMail } from '../../nodes/mail';
import { HOSTILE_MAILS } from './mails';
import { type Cost, costOf } from './meter';
import { mutation } from './mutations';

export interface MailCost extends Cost {
  size: number;
  /** Characters of `payload` and `html`. */
  output: number;
  problems: string[];
}

export interface MutationCost extends MailCost {
  seed: number;
  how: string[];
}

const [root, name, ...others] = process.argv.slice(2) as [string, string, ...string[]];
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

async function measured(bytes: Buffer): Promise<MailCost> {
  let problems: string[] = [];
  let output = 0;
  let kept: unknown;
  const cost = await costOf(async () => {
    const { message } = await read(bytes);
    problems = message.mail.problems.map(({ code }) => code);
    output = message.payload.length + (message.html?.length ?? 0);
    kept = message;
  });
  return { ...cost, size: bytes.length, output, problems, kept: typeof kept } as MailCost;
}

async function main(): Promise<void> {
  // What the first mail loads is paid once for a process.
  await read(Buffer.from('From: a@example.org\r\nContent-Type: text/html\r\n\r\n<p>text'));
  if (name !== 'mutations') {
    const costs: MailCost[] = [];
    for (const one of [name, ...others]) {
      const mail = HOSTILE_MAILS[one];
      if (!mail) throw new Error(one);
      costs.push(await measured(mail.make()));
    }
    process.send?.(costs);
    return;
  }
  const [first = 0, count = 0] = others.map(Number);
  const costs: MutationCost[] = [];
  for (let seed = first; seed < first + count; seed++) {
    // Should the process end, this was it.
    process.stderr.write(`mutation ${seed}\n`);
    const { bytes, how } = mutation(seed);
    costs.push({ seed, how, ...(await measured(bytes)) });
  }
  process.send?.(costs);
}

void main();

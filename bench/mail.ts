// The room nodes/mail beside simpleParser, which the e-mail node uses: the same mails, alternating, in processes of
// their own. Run: node --import tsx bench/mail.ts [--json]
// One of them alone, its large mails of so many MB: node --expose-gc --import tsx bench/mail.ts <reader> <case> <MB>
// CPU beside simpleParser and postal-mime, by size: node --import tsx bench/mail.ts ratios
// Memory of large texts, in the package as it is built: npm run build && node --import tsx bench/mail.ts memory
import { spawnSync } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { simpleParser } from 'mailparser';
import PostalMime from 'postal-mime';
import { readMail } from '../nodes/mail';
import { median } from './measure';

const MB = 1024 * 1024;
/** As a socket delivers. */
const CHUNK = 64 * 1024;
const ROUNDS = 5;
const LARGE = Number(process.argv[4] ?? 25) * MB;
/** Megabytes of the mails whose memory is compared. */
const SIZES = [12.5, 25, 50];

const HEAD = [
  'Return-Path: <order@example.org>',
  'Received: from mx.example.org (mx.example.org [192.0.2.1])\r\n\tby mail.example.net with ESMTPS id 4Qx1\r\n\tfor <shop@example.net>; Mon, 23 Nov 2026 10:00:01 +0000',
  'Date: Mon, 23 Nov 2026 10:00:00 +0000',
  'From: =?utf-8?Q?J=C3=B6rg?= <order@example.org>',
  'To: shop@example.net, "Second" <second@example.net>',
  'Message-ID: <1@example.org>',
  'Subject: Order 4711',
  'MIME-Version: 1.0',
].join('\r\n');

const LINE = 'This is a line of text as people write them, and no longer.\r\n';
const HTML_LINE =
  '<tr><td class="a">An article</td><td><a href="https://example.org/4711">4711</a></td></tr>\r\n';

function filled(line: string, size: number): string {
  return line.repeat(Math.ceil(size / line.length));
}

function withAttachment(text: string, type: string, bytes: number): string {
  const base64 = Buffer.alloc(bytes, 'attachment').toString('base64').replace(/.{76}/g, '$&\r\n');
  return `${HEAD}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain\r\n\r\n${LINE}\r\n--a\r\nContent-Type: ${type}; charset=utf-8\r\n\r\n${text}\r\n--a--\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64}\r\n--b--\r\n`;
}

const CASES: Record<string, { count: number; mail: () => string }> = {
  'text, 3.4 kB': {
    count: 3000,
    mail: () => `${HEAD}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${filled(LINE, 2800)}`,
  },
  'HTML 20 kB + attachment, 73 kB': {
    count: 200,
    mail: () => withAttachment(filled(HTML_LINE, 20_000), 'text/html', 38_000),
  },
  'attachment, 25 MB': { count: 1, mail: () => withAttachment(LINE, 'text/plain', 18.4 * MB) },
  'plain text, 25 MB': {
    count: 1,
    mail: () => `${HEAD}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${filled(LINE, LARGE)}`,
  },
  'HTML only, 25 MB': {
    count: 1,
    mail: () => `${HEAD}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${filled(HTML_LINE, LARGE)}`,
  },
  'HTML only, 25 MB, not Latin': {
    count: 1,
    mail: () => `${HEAD}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${filled(`€ł${HTML_LINE}`, LARGE)}`,
  },
};

/** For the comparison by size: text up to 2 kB, above that HTML and an attachment. */
const BY_SIZE: typeof CASES = {
  '2 kB': {
    count: 3000,
    mail: () => `${HEAD}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${filled(LINE, 1400)}`,
  },
  '64 kB': { count: 200, mail: () => withAttachment(filled(HTML_LINE, 16_000), 'text/html', 34_000) },
  '1 MB': { count: 20, mail: () => withAttachment(filled(HTML_LINE, 64_000), 'text/html', 0.7 * MB) },
  '25 MB': { count: 2, mail: () => withAttachment(LINE, 'text/plain', 18.4 * MB) },
};

interface Measured {
  msPerMail: number;
  cpuPerMail: number;
  blockMs: number;
  peakMB: number;
}

async function* chunked(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += CHUNK) {
    // A chunk per turn of the event loop, as from a socket.
    await new Promise(setImmediate);
    yield Buffer.from(bytes.subarray(at, at + CHUNK));
  }
}

const READERS: Record<string, (bytes: Buffer) => Promise<unknown>> = {
  readMail: (bytes) => readMail(chunked(bytes), { content: 'parsed', attachments: 'buffer' }),
  /** As a mailbox reads: what cannot be parsed is fetched again. */
  built: (bytes) => {
    const { readMail: read } = require('../dist/nodes/mail') as typeof import('../nodes/mail');
    return read(chunked(bytes), { content: 'parsed', attachments: 'buffer', comesAgain: true });
  },
  'postal-mime': (bytes) => PostalMime.parse(bytes),
  simpleParser: (bytes) => simpleParser(Readable.from(chunked(bytes)), { checksumAlgo: 'sha256' }),
};

async function measure(reader: string, name: string): Promise<Measured> {
  const read = READERS[reader] as (bytes: Buffer) => Promise<unknown>;
  const { count, mail } = (CASES[name] ?? BY_SIZE[name]) as (typeof CASES)[string];
  const bytes = Buffer.from(mail());
  await read(Buffer.from(`${HEAD}\r\n\r\nwarm`));
  for (let i = 0; i < count / 10 - 1; i++) await read(bytes);
  global.gc?.();
  const start = process.memoryUsage().rss;
  let peak = start;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const cpu = process.cpuUsage();
  const from = performance.now();
  for (let i = 0; i < count; i++) await read(bytes);
  const ms = performance.now() - from;
  const { user, system } = process.cpuUsage(cpu);
  clearInterval(sampler);
  delay.disable();
  return {
    msPerMail: ms / count,
    cpuPerMail: (user + system) / 1000 / count,
    blockMs: delay.max / 1e6,
    peakMB: (peak - start) / MB,
  };
}

function run(reader: string, name: string, megabytes = 25): Measured {
  const file = fileURLToPath(`file://${__filename}`);
  const args = ['--expose-gc', '--import', 'tsx', file, reader, name, String(megabytes)];
  const child = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout) as Measured;
}

const [reader, name] = process.argv.slice(2);
if (reader === 'memory') {
  console.log(`| MB more than before | ${SIZES.map((size) => `${size} MB`).join(' | ')} |`);
  for (const one of Object.keys(CASES).filter((one) => /text, 25|HTML only/.test(one))) {
    const grown = SIZES.map((size) =>
      median(Array.from({ length: 3 }, () => run('built', one, size).peakMB)),
    );
    console.log(`| ${one.replace(', 25 MB', '')} | ${grown.map((peak) => peak.toFixed(0)).join(' | ')} |`);
  }
} else if (reader === 'ratios') {
  console.log('| CPU ms a mail | readMail | simpleParser | postal-mime | ÷ simpleParser | ÷ postal-mime |');
  console.log('| --- | --- | --- | --- | --- | --- |');
  for (const one of Object.keys(BY_SIZE)) {
    const all: Record<string, number[]> = { readMail: [], simpleParser: [], 'postal-mime': [] };
    for (let round = 0; round < 3; round++)
      for (const who of Object.keys(all)) all[who]?.push(run(who, one).cpuPerMail);
    const [ours = 0, simple = 0, postal = 0] = Object.values(all).map(median);
    const cells = [...[ours, simple, postal], ours / simple, ours / postal].map((one) => one.toPrecision(3));
    console.log(`| ${one} | ${cells.join(' | ')} |`);
  }
} else if (reader && name) {
  measure(reader, name).then((measured) => console.log(JSON.stringify(measured)));
} else {
  const results: Record<string, Record<string, Measured>> = {};
  for (const one of Object.keys(CASES)) {
    const runs: Record<string, Measured[]> = { readMail: [], simpleParser: [] };
    for (let round = 0; round < ROUNDS; round++)
      for (const who of Object.keys(runs)) runs[who]?.push(run(who, one));
    results[one] = Object.fromEntries(
      Object.entries(runs).map(([who, all]) => [
        who,
        {
          msPerMail: median(all.map((m) => m.msPerMail)),
          cpuPerMail: median(all.map((m) => m.cpuPerMail)),
          blockMs: median(all.map((m) => m.blockMs)),
          peakMB: median(all.map((m) => m.peakMB)),
        },
      ]),
    );
    if (reader === '--json') continue;
    for (const [who, m] of Object.entries(results[one] ?? {})) {
      console.log(
        `${one.padEnd(32)} ${who.padEnd(13)} ${m.msPerMail.toFixed(3).padStart(9)} ms  cpu ${m.cpuPerMail.toFixed(3).padStart(9)} ms  longest block ${m.blockMs.toFixed(0).padStart(5)} ms  memory +${m.peakMB.toFixed(0)} MB`,
      );
    }
  }
  if (reader === '--json') console.log(JSON.stringify(results, null, 2));
}

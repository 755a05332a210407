// What a check costs the process it runs in: with nothing new, and with one mail more in the listing. Beside it, a bare
// socket that sends the same commands. Run: node --import tsx bench/idle.ts [mails …]. The server is in a process of its
// own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fingerprintOf } from '../nodes/mailbox/fingerprint';
import { openSession } from '../nodes/mailbox/session';
import { KnownServer } from '../nodes/pop3';
import { Checker, cleanUp, mailOf } from '../servers/mailbox-checker';
import { startScripted } from '../servers/scripted-pop3';

/** Checks that are measured, and checks whose listing has changed. */
const ROUNDS = 100;
const CHANGES = 30;
/** A Node-RED checks for months: what counts is compiled code. After so few checks none of it is. */
const COLD = 5;
/** After so many it is. */
const WARM = 300;

/** As long as Dovecot's and Exchange's are. */
const uid = (index: number): string => `${index.toString(16).padStart(8, '0')}5f2b9c1a`;

export interface IdleCost {
  /** Mails that are remembered. */
  mails: number;
  /** CPU of a check with nothing new, ms: the least and the median. */
  least: number;
  median: number;
  /** CPU of the sixth check of a process, ms. */
  cold: number;
  /** CPU of a bare socket that sends the same commands and looks for nothing but the ends of the replies, ms. */
  bare: number;
  bareMedian: number;
  /** The longest turn of the event loop in a check with nothing new, ms: the least and the median of these checks. */
  block: number;
  blockMedian: number;
  /** CPU of a check whose listing has changed, ms: the least and the median. */
  changedLeast: number;
  changedMedian: number;
}

const MAIL = mailOf('a');
const HEADER = MAIL.slice(0, MAIL.indexOf('\r\n\r\n') + 2);

/** Serves so many mails, each answer made once; each line of the standard input makes the listing one mail longer. */
async function serve(mails: number): Promise<void> {
  const lines = (line: (index: number) => string): string =>
    `+OK\r\n${Array.from({ length: mails }, (_, index) => `${index + 1} ${line(index)}\r\n`).join('')}`;
  let [uidl, list] = [lines(uid), lines(() => `${MAIL.length}`)];
  const server = await startScripted({
    commands: {
      STAT: () => `+OK ${mails} ${mails * MAIL.length}\r\n`,
      UIDL: () => `${uidl}.\r\n`,
      LIST: (number) => (number === '' ? `${list}.\r\n` : `+OK ${number} ${MAIL.length}\r\n`),
      TOP: () => `+OK\r\n${HEADER}\r\n.\r\n`,
      RETR: () => `+OK\r\n${MAIL}\r\n.\r\n`,
    },
  });
  process.stdin.on('data', () => {
    mails += 1;
    uidl += `${mails} ${uid(mails - 1)}\r\n`;
    list += `${mails} ${MAIL.length}\r\n`;
    process.stdout.write('changed\n');
  });
  process.stdin.on('end', () => void server.close());
  process.stdout.write(`${server.port}\n`);
}

const median = (numbers: number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;
const rounded = (ms: number): number => Math.round(ms * 100) / 100;

export async function measureIdle(mails: number): Promise<IdleCost> {
  const server = spawn(process.execPath, [...process.execArgv, __filename, 'serve', `${mails}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const [told] = (await once(server.stdout, 'data')) as [Buffer];
    return await measure(mails, Number(told.toString().trim()), async () => {
      server.stdin.write('one more\n');
      await once(server.stdout, 'data');
    });
  } finally {
    server.stdin.end();
    await once(server, 'exit');
    await cleanUp();
  }
}

/** Milliseconds of CPU of this process. */
async function cpuOf(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function measure(mails: number, port: number, change: () => Promise<void>): Promise<IdleCost> {
  const known = new KnownServer();
  const login = { user: 'alice', password: 'secret', mechanism: 'auto' } as const;
  const open = (signal: AbortSignal) =>
    openSession({ host: '127.0.0.1', port, security: 'none', known }, login, signal);
  const checker = await Checker.make();
  const check = async (): Promise<number> => {
    const cost = await cpuOf(async () => {
      await checker.check({ open });
      await known.ended;
    });
    // A minute later: a sample is chosen by the time.
    checker.clock.advance(60_000);
    return cost;
  };
  await check();
  // Fingerprints are learned a few at a time; what is measured is a mailbox that has them all.
  const identity = { fingerprint: fingerprintOf(HEADER), bytes: MAIL.length };
  await checker.ledger.recordIdentities(new Map([...checker.ledger.known()].map((key) => [key, identity])));
  for (let round = 0; round < COLD - 1; round += 1) await check();
  const cold = await check();
  for (let round = 0; round < WARM; round += 1) {
    await check();
    await bareSession(port, mails);
  }
  const idle: number[] = [];
  const bare: number[] = [];
  const blocks: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await cpuOf(() => bareSession(port, mails)));
    idle.push(await check());
    // In a check of its own: looking at the event loop costs CPU as well.
    delay.reset();
    delay.enable();
    await check();
    delay.disable();
    blocks.push(delay.max / 1e6);
  }
  const changed: number[] = [];
  for (let round = 0; round < CHANGES; round += 1) {
    await change();
    changed.push(await check());
    await check();
  }
  return {
    mails,
    least: rounded(Math.min(...idle)),
    median: rounded(median(idle)),
    cold: rounded(cold),
    bare: rounded(Math.min(...bare)),
    bareMedian: rounded(median(bare)),
    block: rounded(Math.min(...blocks)),
    blockMedian: rounded(median(blocks)),
    changedLeast: rounded(Math.min(...changed)),
    changedMedian: rounded(median(changed)),
  };
}

const END_OF_LINES = '\r\n.\r\n';

/** The commands of a check with nothing new: of the replies only the ends are looked for. */
async function bareSession(port: number, mails: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const plain = Buffer.from('\0alice\0secret').toString('base64');
  // As a check does, with sizes up to 500 mails. Each write is followed by the ends of so many replies.
  const list = mails <= 500 ? 'LIST\r\n' : '';
  const writes: [line: string, end: string, ends: number][] = [
    ['AUTH PLAIN\r\n', '\r\n', 1],
    [`${plain}\r\n`, '\r\n', 1],
    [`CAPA\r\nSTAT\r\nUIDL\r\n${list}`, END_OF_LINES, list === '' ? 2 : 3],
    ['TOP 1 0\r\n', END_OF_LINES, 1],
  ];
  let [end, ends] = ['\r\n', 1];
  // Where an end may be cut in two.
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let from = 0;
    for (let at = bytes.indexOf(end); at !== -1 && ends > 0; at = bytes.indexOf(end, from)) {
      from = at + end.length;
      ends -= 1;
    }
    rest = bytes.subarray(Math.max(from, bytes.length - end.length + 1));
    if (ends > 0) return;
    rest = Buffer.alloc(0);
    const next = writes.shift();
    if (next === undefined) {
      if (!socket.writableEnded) socket.end('QUIT\r\n');
      return;
    }
    const [line, nextEnd, nextEnds] = next;
    [end, ends] = [nextEnd, nextEnds];
    socket.write(line);
  });
  await once(socket, 'close');
}

async function main(): Promise<void> {
  const [first, ...rest] = process.argv.slice(2);
  if (first === 'serve') return serve(Number(rest[0]));
  const counts = first === undefined ? [1000, 10_000, 100_000] : [first, ...rest].map(Number);
  const rows: IdleCost[] = [];
  for (const mails of counts) rows.push(await measureIdle(mails));
  console.table(rows);
}

if (require.main === module) void main();

// What a check costs the process it runs in: with nothing new, and with one mail more in the listing.
// Run: node --import tsx bench/idle.ts [mails …]. The server is in a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fingerprintOf } from '../nodes/mailbox/fingerprint';
import { openSession } from '../nodes/mailbox/session';
import { KnownServer } from '../nodes/pop3';
import { Checker, cleanUp, mailOf } from '../servers/mailbox-checker';
import { startScripted } from '../servers/scripted-pop3';

const ROUNDS = 15;
const WARM_UP = 5;

/** As long as Dovecot's and Exchange's are. */
const uid = (index: number): string => `${index.toString(16).padStart(8, '0')}5f2b9c1a`;

export interface IdleCost {
  /** Mails that are remembered. */
  mails: number;
  /** CPU of a check with nothing new, ms: the least and the median. */
  least: number;
  median: number;
  /** The longest turn of the event loop in these checks, ms. */
  block: number;
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

async function measure(mails: number, port: number, change: () => Promise<void>): Promise<IdleCost> {
  const known = new KnownServer();
  const login = { user: 'alice', password: 'secret', mechanism: 'auto' } as const;
  const open = (signal: AbortSignal) =>
    openSession({ host: '127.0.0.1', port, security: 'none', known }, login, signal);
  const checker = await Checker.make();
  const check = async (): Promise<number> => {
    const before = process.cpuUsage();
    await checker.check({ open });
    await known.ended;
    const { user, system } = process.cpuUsage(before);
    // A minute later: a sample is chosen by the time.
    checker.clock.advance(60_000);
    return (user + system) / 1000;
  };
  await check();
  // Fingerprints are learned a few at a time; what is measured is a mailbox that has them all.
  const identity = { fingerprint: fingerprintOf(HEADER), bytes: MAIL.length };
  await checker.ledger.recordIdentities(new Map([...checker.ledger.known()].map((key) => [key, identity])));
  for (let round = 0; round < WARM_UP; round += 1) await check();
  const idle: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for (let round = 0; round < ROUNDS; round += 1) idle.push(await check());
  delay.disable();
  const changed: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await change();
    changed.push(await check());
    await check();
  }
  return {
    mails,
    least: rounded(Math.min(...idle)),
    median: rounded(median(idle)),
    block: rounded(delay.max / 1e6),
    changedLeast: rounded(Math.min(...changed)),
    changedMedian: rounded(median(changed)),
  };
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

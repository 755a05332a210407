// How long it takes to fetch a mailbox: this client, its peers, and a bare socket, side by side on a real Dovecot.
//   node --import tsx bench/pop3.ts [rounds]
import { execFileSync, fork, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dovecotMissing, startDovecot } from '../servers/dovecot';

const PASSWORD = 'correct-horse';
const ROUNDS = Number(process.argv[2] ?? 3);
const CACHE = join(__dirname, '..', 'node_modules', '.cache', 'bench-pop3');
const CLIENTS = ['floor', 'ours', 'mpop', 'curl', 'node-pop3'] as const;
type Client = (typeof CLIENTS)[number];
/** Run once only: they take as long as all the others together, and nothing hangs on their last digit. */
const SLOW = new Set<Client>(['curl', 'node-pop3']);

interface Box {
  name: string;
  user: string;
  count: number;
  octets: number;
  /** Milliseconds of a round trip that the network adds. */
  roundTrip: number;
  rounds: number;
}

const BOXES: Box[] = [
  {
    name: '10,000 × 3.4 kB',
    user: 'a@example.test',
    count: 10_000,
    octets: 3400,
    roundTrip: 0,
    rounds: ROUNDS,
  },
  {
    name: '250 × 3.4 kB at 40 ms',
    user: 'b@example.test',
    count: 250,
    octets: 3400,
    roundTrip: 40,
    rounds: ROUNDS,
  },
  { name: '20 × 25 MB', user: 'c@example.test', count: 20, octets: 25e6, roundTrip: 0, rounds: ROUNDS },
];

function mail(index: number, octets: number): Buffer {
  const head = `From: a@example.test\r\nTo: b@example.test\r\nSubject: Mail ${index}\r\nMessage-ID: <${index}@example.test>\r\n\r\n`;
  const line = 'The quick brown fox jumps over the lazy dog, and then sits down to read.\r\n';
  return Buffer.from(head + line.repeat(Math.ceil((octets - head.length) / line.length)));
}

/** A wire of a given length: what goes in comes out half a round trip later. */
async function wire(port: number, roundTrip: number): Promise<{ port: number; close(): void }> {
  const server = createServer((client) => {
    const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('data', (chunk: Buffer) => setTimeout(() => to.writable && to.write(chunk), roundTrip / 2));
      from.on('end', () => setTimeout(() => to.end(), roundTrip / 2));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as { port: number }).port, close: () => server.close() };
}

function installed(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function nodePop3(): boolean {
  if (existsSync(join(CACHE, 'node_modules', 'node-pop3'))) return true;
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(join(CACHE, 'package.json'), '{"private":true}');
  try {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', 'node-pop3@0.11'], {
      cwd: CACHE,
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

interface Result {
  ms: number;
  memory?: number;
}

function inNode(client: Client, box: Box, port: number): Promise<Result> {
  return new Promise((resolve, reject) => {
    const run = { client, port, user: box.user, password: PASSWORD, count: box.count, folder: CACHE };
    const child = fork(join(__dirname, 'pop3-run.ts'), [JSON.stringify(run)], {
      execArgv: ['--require', 'tsx/cjs'],
    });
    child.once('message', (message) => resolve(message as Result));
    child.once('exit', (code) => reject(new Error(`${client} ended with ${code}`)));
  });
}

async function program(command: string, args: string[]): Promise<Result> {
  const start = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${said.slice(0, 500)}`);
  return { ms: performance.now() - start };
}

async function once(client: Client, box: Box, port: number, folder: string): Promise<Result> {
  if (client === 'curl') {
    const url = `pop3://127.0.0.1:${port}/[1-${box.count}]`;
    return program('curl', ['-sS', '--fail', '-u', `${box.user}:${PASSWORD}`, '-o', '/dev/null', url]);
  }
  if (client === 'mpop') {
    const config = join(folder, 'mpoprc');
    const lines = [
      'account bench',
      'host 127.0.0.1',
      `port ${port}`,
      `user ${box.user}`,
      `password ${PASSWORD}`,
      'auth user',
      'tls off',
      'keep on',
      'only_new off',
      'received_header off',
      `uidls_file ${join(folder, 'uidls')}`,
      'delivery mbox /dev/null',
      '',
    ];
    await writeFile(config, lines.join('\n'), { mode: 0o600 });
    await rm(join(folder, 'uidls'), { force: true });
    return program('mpop', [`--file=${config}`, '--quiet', 'bench']);
  }
  return inNode(client, box, port);
}

function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

async function main(): Promise<void> {
  const missing = dovecotMissing();
  if (missing) throw new Error(`Missing: ${missing}`);
  const able = new Set<Client>(['floor', 'ours']);
  if (installed('mpop')) able.add('mpop');
  if (installed('curl')) able.add('curl');
  if (nodePop3()) able.add('node-pop3');
  const folder = await mkdtemp(join(tmpdir(), 'redletter-bench-'));
  const dovecot = await startDovecot({
    users: Object.fromEntries(BOXES.map(({ user }) => [user, PASSWORD])),
  });
  try {
    console.log(
      '| seconds: median (least) | floor | this client | mpop | curl | node-pop3 | this client ÷ floor, mpop, curl | memory: floor, this client, node-pop3 |',
    );
    console.log('|---|---|---|---|---|---|---|---|');
    for (const box of BOXES) {
      for (let index = 1; index <= box.count; index += 1)
        await dovecot.deliver(box.user, mail(index, box.octets));
      const line = await wire(dovecot.port, box.roundTrip);
      const port = box.roundTrip > 0 ? line.port : dovecot.port;
      // Dovecot makes its indexes at the first session.
      await once('floor', box, dovecot.port, folder);
      const results = new Map<Client, Result[]>();
      for (let round = 0; round < box.rounds; round += 1) {
        // Now one way round, now the other: nobody shall always come after the same neighbour.
        for (const client of round % 2 ? [...CLIENTS].reverse() : CLIENTS) {
          if (!able.has(client) || (round > 0 && SLOW.has(client))) continue;
          results.set(client, [...(results.get(client) ?? []), await once(client, box, port, folder)]);
        }
      }
      line.close();
      const seconds = (client: Client) => {
        const all = results.get(client)?.map(({ ms }) => ms / 1000);
        return all ? `${median(all).toFixed(3)} (${Math.min(...all).toFixed(3)})` : '–';
      };
      // Within a round: what else the machine does comes and goes, and neighbours in time share it.
      const ratio = (client: Client) => {
        const [own = [], other = []] = (['ours', client] as const).map((name) =>
          (results.get(name) ?? []).map(({ ms }) => ms),
        );
        if (own.length === 0 || other.length === 0) return '–';
        return median(other.map((ms, round) => (own[round] as number) / ms)).toFixed(2);
      };
      const memory = (client: Client) => {
        const all = results.get(client)?.flatMap(({ memory }) => memory ?? []);
        return all?.length ? `${Math.round(median(all))} MB` : '–';
      };
      const ratios = (['floor', 'mpop', 'curl'] as const).map(ratio).join(', ');
      const row = [
        box.name,
        ...CLIENTS.map(seconds),
        ratios,
        (['floor', 'ours', 'node-pop3'] as const).map(memory).join(', '),
      ];
      console.log(`| ${row.join(' | ')} |`);
    }
  } finally {
    await dovecot.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

void main();

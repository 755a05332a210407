// How long it takes to fetch a mailbox: this client, its peers, and a bare socket, side by side on a real Dovecot.
//   node --import tsx bench/pop3.ts [rounds]
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDelayingProxy } from '../servers/delaying-proxy';
import { dovecotMissing, startDovecot } from '../servers/dovecot';
import { median } from './measure';
import { installPeers, PEERS, versionOf } from './peers';
import { fetchByProgram } from './programs';

const PASSWORD = 'correct-horse';
const ROUNDS = Number(process.argv[2] ?? 3);
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

interface Result {
  ms: number;
  memory?: number;
}

function inNode(client: Client, box: Box, port: number): Promise<Result> {
  return new Promise((resolve, reject) => {
    const run = { client, port, user: box.user, password: PASSWORD, count: box.count, folder: PEERS };
    const child = fork(join(__dirname, 'pop3-run.ts'), [JSON.stringify(run)], {
      execArgv: ['--require', 'tsx/cjs'],
    });
    child.once('message', (message) => resolve(message as Result));
    child.once('exit', (code) => reject(new Error(`${client} ended with ${code}`)));
  });
}

async function once(client: Client, box: Box, port: number, folder: string): Promise<Result> {
  if (client !== 'curl' && client !== 'mpop') return inNode(client, box, port);
  const { wall } = await fetchByProgram(
    client,
    { port, user: box.user, password: PASSWORD },
    box.count,
    folder,
  );
  return { ms: wall };
}

async function main(): Promise<void> {
  const missing = dovecotMissing();
  if (missing) throw new Error(`Missing: ${missing}`);
  const able = new Set<Client>(['floor', 'ours']);
  for (const name of ['mpop', 'curl'] as const) if (versionOf(name)) able.add(name);
  try {
    installPeers();
    able.add('node-pop3');
  } catch {
    // Without a network the others are measured.
  }
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
      const line = await startDelayingProxy(dovecot.port, box.roundTrip / 2, { noted: false });
      const port = box.roundTrip > 0 ? line.port : dovecot.port;
      // Dovecot makes its indexes at the first session.
      await once('floor', box, dovecot.port, folder);
      const results = new Map<Client, Result[]>();
      for (let round = 0; round < box.rounds; round += 1) {
        // The order alternates, so that no client always follows the same one.
        for (const client of round % 2 ? [...CLIENTS].reverse() : CLIENTS) {
          if (!able.has(client) || (round > 0 && SLOW.has(client))) continue;
          results.set(client, [...(results.get(client) ?? []), await once(client, box, port, folder)]);
        }
      }
      await line.close();
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

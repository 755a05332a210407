// Downloading a whole mailbox: this package in Node-RED, the e-mail node in the same Node-RED, and all others, in
// turn on the same Dovecot.
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDelayingProxy } from '../servers/delaying-proxy';
import { imapMissing, startDovecot } from '../servers/dovecot';
import type { Run } from './bare-run';
import { before, beforeMissing } from './before';
import { BOXES, type BoxName, prepare, refill } from './boxes';
import { emailIn, fetchInNodeRed, type Mailbox, pop3In } from './in-node-red';
import { type Cost, type Summary, summary } from './measure';
import { installPeers } from './peers';
import { absence, fetchByProgram, PROGRAMS, type Program } from './programs';

const PASSWORD = 'correct-horse';

type Fetch = (mailbox: Mailbox, count: number, folder: string) => Promise<Cost>;

const bare =
  (client: Run['client']): Fetch =>
  (mailbox, count) =>
    new Promise((resolve, reject) => {
      const child = fork(join(__dirname, 'bare-run.ts'), [JSON.stringify({ client, ...mailbox, count })], {
        execArgv: ['--require', 'tsx/cjs'],
      });
      child.once('message', (cost) => resolve(cost as Cost));
      child.once('exit', (code) => reject(new Error(`${client} ended with ${code}`)));
    });

/** Version 0.1.0 of this package. */
export const BEFORE = '0.1.0';

const IMAPFLOW = 'imapflow + simpleParser';
const byImap: Fetch = (mailbox, count, folder) =>
  bare(IMAPFLOW)({ ...mailbox, port: mailbox.imapPort as number }, count, folder);

const CLIENTS: Record<string, Fetch> = {
  'this package': (mailbox, count) => fetchInNodeRed(pop3In(mailbox), count),
  'node-red-node-email': (mailbox, count) => fetchInNodeRed(emailIn(mailbox), count),
  'this package, mail kept': (mailbox, count) => fetchInNodeRed(pop3In(mailbox, { after: 'keep' }), count),
  [BEFORE]: (mailbox, count) => fetchInNodeRed(pop3In(mailbox), count, before().nodeModules),
  'floor + bare parser': bare('floor + parser'),
  floor: bare('floor'),
  'node-pop3 + simpleParser': bare('node-pop3 + simpleParser'),
  [IMAPFLOW]: byImap,
  ...Object.fromEntries(
    PROGRAMS.map((program): [Program, Fetch] => [
      program,
      (mailbox, count, folder) => fetchByProgram(program, mailbox, count, folder),
    ]),
  ),
};

/** They take as long as all the others together, and nothing hangs on their last digit: one round. */
const ONCE = new Set(['node-pop3 + simpleParser', IMAPFLOW, ...PROGRAMS]);

/** What is asked of a start has no peers but those in the same Node-RED. */
const AFTER_A_START: readonly BoxName[] = ['hundred', 'one'];
const IN_NODE_RED = ['this package', 'node-red-node-email', BEFORE];

/** Why a client does not take part; undefined where it does. */
function whyNot(client: string): string | undefined {
  if (CLIENTS[client] === undefined) throw new Error(`No client is called ${client}`);
  if (client === BEFORE) return beforeMissing();
  if (client === IMAPFLOW) return imapMissing();
  return PROGRAMS.includes(client as Program) ? absence(client as Program) : undefined;
}

export interface FetchingOptions {
  rounds: number;
  /** Only these clients. */
  clients?: string[];
}

export async function measureFetching(
  name: BoxName,
  { rounds, clients = AFTER_A_START.includes(name) ? IN_NODE_RED : Object.keys(CLIENTS) }: FetchingOptions,
): Promise<Record<string, Summary>> {
  const box = BOXES[name];
  installPeers();
  const able = clients.filter((client) => {
    const why = whyNot(client);
    if (why !== undefined) say(`${client} is left out: ${why}.`);
    return why === undefined;
  });
  if (able.includes(BEFORE)) before();
  const user = `${name}@example.test`;
  const folder = await mkdtemp(join(tmpdir(), 'redletter-bench-'));
  const dovecot = await startDovecot({ users: { [user]: PASSWORD }, imap: imapMissing() === undefined });
  const { port, imapPort } = dovecot;
  const line = await startDelayingProxy(port, box.roundTrip / 2, { noted: false });
  const imapLine = await startDelayingProxy(imapPort ?? port, box.roundTrip / 2, { noted: false });
  const near: Mailbox = { port, imapPort, user, password: PASSWORD };
  const mailbox = box.roundTrip > 0 ? { ...near, port: line.port, imapPort: imapLine.port } : near;
  const costs = new Map<string, Cost[]>();
  try {
    say(`${box.title}: writing the mails`);
    await prepare(dovecot, user, box);
    for (let round = 0; round < rounds; round += 1) {
      // The order alternates, so that no program always follows the same one.
      for (const client of round % 2 ? able.toReversed() : able) {
        if (round > 0 && ONCE.has(client)) continue;
        await refill(dovecot, user);
        // Dovecot makes its indexes at the first session, and has everything in the page cache.
        await bare('floor')(near, box.count, folder);
        const cost = await (CLIENTS[client] as Fetch)(mailbox, box.count, folder);
        costs.set(client, [...(costs.get(client) ?? []), cost]);
        say(`${box.title}, round ${round + 1} of ${rounds}: ${client} ${(cost.wall / 1000).toFixed(2)} s`);
      }
    }
  } finally {
    await line.close();
    await imapLine.close();
    await dovecot.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return Object.fromEntries(able.map((client) => [client, summary(costs.get(client) ?? [])]));
}

/** Progress goes where it does not disturb what is to be read. */
export function say(text: string): void {
  console.error(text);
}

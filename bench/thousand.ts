// A thousand mailboxes in one Node-RED, a hundred of them by OAuth, one of them with 10,000 mails waiting: what
// everything else in that Node-RED notices.
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startDelayingProxy } from '../servers/delaying-proxy';
import { startDovecot } from '../servers/dovecot';
import { type FlowNode, type NodeRed, startNodeRed } from '../servers/node-red';
import { textMail } from './boxes';
import { say } from './fetching';
import { pop3In, userDirectory } from './in-node-red';
import { median } from './measure';

const PASSWORD = 'correct-horse';
/** Seconds a token is good for: renewed again and again while the bench runs. */
const TOKEN_SECONDS = 90;
const TICK_MS = 100;

export interface ManyOptions {
  mailboxes: number;
  /** How many of them sign in with OAuth, each with an account of its own. */
  accounts: number;
  /** Seconds between checks of one mailbox. */
  interval: number;
  /** Milliseconds of a round trip that the network adds. */
  roundTrip: number;
  /** Mails waiting in one of them. */
  mails: number;
  /** How long to look, s. */
  seconds: number;
  /** How often Node-RED is started with the package and without; 0: that is not measured. */
  starts: number;
}

export interface Many {
  mailboxes: number;
  accounts: number;
  interval: number;
  roundTrip: number;
  seconds: number;
  starts: number;
  checks: number;
  /** Mailboxes that were not checked at all. */
  unchecked: number;
  renewals: number;
  mails: number;
  /** The latest first check after the start of the flows, s. */
  firstCheck: number;
  /** The most by which a check came after it was due, its own spread of 5 % allowed, s. */
  latest: number;
  /** How far ticks of an inject node were off, at the 99th percentile and at worst, ms. */
  jitter: number;
  worst: number;
  /** MB */
  resident: number;
  peak: number;
  /** The resident set when the flows have just been started, MB. */
  atStart: number;
  /** Share of one core, from the start of the flows on. */
  cpu: number;
  /** Milliseconds of CPU that Node-RED itself used while the worst tick was awaited: the rest was the machine's. */
  worstCpu: number;
  /** Files and connections open at the end. */
  open: number;
  /** By how much Node-RED starts its flows later than with as many nodes that do nothing and without this package, ms. */
  start?: number;
  /** The same in CPU of all its threads, ms: what else the machine does counts less. */
  startCpu?: number;
}

export async function measureMany(options: ManyOptions): Promise<Many> {
  const { mailboxes, accounts, interval, roundTrip, mails, seconds, starts } = options;
  const users = Array.from({ length: mailboxes }, (_, index) => `user-${index}@example.test`);
  const tokens = await startTokens();
  const dovecot = await startDovecot({
    users: Object.fromEntries(users.map((user) => [user, PASSWORD])),
    introspectionUrl: tokens.introspectionUrl,
  });
  const line = await startDelayingProxy(dovecot.port, roundTrip / 2, { noted: false });
  const port = roundTrip > 0 ? line.port : dovecot.port;
  let nodeRed: NodeRed | undefined;
  try {
    const flow = flowOf(users, accounts, port, interval, tokens.url);
    // Port 1 has no listener; the measured part ends before a connection attempt.
    const later = starts > 0 && (await startsLater(flowOf(users, accounts, 1, interval, tokens.url), starts));
    say(`${mailboxes} mailboxes at ${roundTrip} ms: writing the mails`);
    for (const user of users) await dovecot.deliver(user, textMail(1));
    for (let index = 2; index <= mails; index += 1)
      await dovecot.deliver(users[0] as string, textMail(index));
    nodeRed = await started(flow, true);
    say(`${mailboxes} mailboxes at ${roundTrip} ms: looking for ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const seen = (await (await nodeRed.admin('bench')).json()) as Seen;
    return { ...options, ...judge(seen, options), renewals: tokens.count(), ...later };
  } finally {
    await nodeRed?.remove();
    await line.close();
    await dovecot.stop();
    tokens.close();
  }
}

/** A Node-RED that finds its flows and their passwords as it left them. */
async function started(flow: FlowNode[], withPackage: boolean): Promise<NodeRed> {
  const userDir = await userDirectory();
  if (!withPackage) rmSync(join(userDir, 'node_modules', '@redletter'));
  copyFileSync(join(__dirname, 'many-probe.js'), join(userDir, 'nodes', 'many-probe.js'));
  const types = ['bench checks', 'bench ticks', 'bench idle'].map(
    (type) => `RED.nodes.registerType('${type}', { defaults: {} })`,
  );
  writeFileSync(join(userDir, 'nodes', 'many-probe.html'), `<script>${types.join('\n')}</script>`);
  const secrets = flow.flatMap(({ id, credentials }) => (credentials ? [[id, credentials]] : []));
  writeFileSync(join(userDir, 'flows_cred.json'), JSON.stringify(Object.fromEntries(secrets)));
  const flows = flow.map(({ credentials: _, ...node }) => node);
  return startNodeRed({
    version: 4,
    userDir,
    flows,
    settings: { credentialSecret: false },
  });
}

/** How much more it takes until the flows are started with the package than without, ms of the clock and of CPU. */
async function startsLater(flow: FlowNode[], rounds: number): Promise<{ start: number; startCpu: number }> {
  const starts = { with: [] as number[][], without: [] as number[][] };
  for (let round = 0; round < rounds; round += 1) {
    say(`starting Node-RED with and without, ${round + 1} of ${rounds}`);
    for (const way of round % 2 ? (['with', 'without'] as const) : (['without', 'with'] as const)) {
      const nodeRed = await started(way === 'with' ? flow : flow.map(idler), way === 'with');
      try {
        const line = await nodeRed.waitForLog(/^BENCH started /);
        starts[way].push(line.split(' ').slice(2).map(Number));
      } finally {
        await nodeRed.remove();
      }
    }
  }
  const later = (index: number): number => {
    const [one, other] = [starts.with, starts.without].map((all) =>
      median(all.map((times) => times[index] ?? 0)),
    );
    return Math.round((one ?? 0) - (other ?? 0));
  };
  return { start: later(0), startCpu: later(1) };
}

/**
 * By how much CPU, in ms, Node-RED starts its flows later with so many mailboxes in them than without this package. No
 * server is needed: port 1 has no listener.
 */
export async function measureStart(mailboxes: number, rounds: number): Promise<number> {
  const users = Array.from({ length: mailboxes }, (_, index) => `user-${index}@example.test`);
  return (await startsLater(flowOf(users, 0, 1, 100, ''), rounds)).startCpu;
}

/** Times in ms since the start of the flows, memory in MB. */
interface Seen {
  checks: [string, number[]][];
  ticks: { late: number; cpu: number }[];
  mails: number;
  atStart: number;
  resident: number;
  peak: number;
  cpu: number;
  open: number;
  ms: number;
}

function judge(seen: Seen, options: ManyOptions) {
  const { checks, ticks, mails, atStart, resident, peak, cpu, open, ms } = seen;
  const unchecked = options.mailboxes - checks.length;
  // A mailbox that was not checked by the end is at least that late.
  let first = unchecked > 0 ? ms : 0;
  let latest = 0;
  let count = 0;
  for (const [, at] of checks) {
    count += at.length;
    first = Math.max(first, at[0] as number);
    // One that is overdue when we stop looking counts as well.
    for (const [index, time] of [...at, ms].entries()) {
      if (index === 0) continue;
      latest = Math.max(latest, time - (at[index - 1] as number) - options.interval * 1050);
    }
  }
  ticks.sort((a, b) => a.late - b.late);
  const worst = ticks.at(-1);
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    checks: count,
    unchecked,
    mails,
    firstCheck: round(first / 1000),
    latest: round(Math.max(0, latest) / 1000),
    jitter: round(ticks[Math.floor(ticks.length * 0.99)]?.late ?? 0),
    worst: round(worst?.late ?? 0),
    worstCpu: round(worst?.cpu ?? 0),
    atStart: Math.round(atStart),
    resident: Math.round(resident),
    peak: Math.round(peak),
    cpu: Math.round((cpu / ms) * 100) / 100,
    open,
  };
}

function flowOf(
  users: string[],
  accounts: number,
  port: number,
  interval: number,
  tokenUrl: string,
): FlowNode[] {
  const flow: FlowNode[] = [
    { id: 'tab', type: 'tab', label: 'Bench' },
    {
      id: 'tick',
      type: 'inject',
      z: 'tab',
      props: [],
      repeat: TICK_MS / 1000,
      once: false,
      wires: [['ticks']],
    },
    { id: 'ticks', type: 'bench ticks', z: 'tab', every: TICK_MS, wires: [] },
  ];
  for (const [index, user] of users.entries()) {
    const id = `mail-${index}`;
    const own = {
      id,
      interval,
      inputs: 0,
      outputs: 2,
      summary: true,
      after: 'keep',
      wires: [[`${id}-seen`], [`${id}-seen`]],
    };
    const mail = pop3In({ port, user, password: PASSWORD }, own);
    // Not the first: it has other things to do.
    if (index > 0 && index <= accounts) {
      Object.assign(mail, { auth: 'oauth2', account: `account-${index}`, credentials: { user } });
      flow.push(account(`account-${index}`, user, tokenUrl));
    }
    flow.push(mail, { id: `${id}-seen`, type: 'bench checks', z: 'tab', mailbox: id, wires: [] });
  }
  return flow;
}

const account = (id: string, user: string, tokenUrl: string): FlowNode => ({
  id,
  type: 'oauth2-account',
  provider: 'custom',
  grant: 'client_credentials',
  tokenUrl,
  scope: 'mail.pop',
  clientAuth: 'body',
  credentials: { user, clientId: user, clientSecret: 'secret' },
});

/** In place of this package's nodes one that does nothing, wired the same. */
const idler = ({ credentials: _, ...node }: FlowNode): FlowNode =>
  ['pop3 in', 'oauth2-account'].includes(node.type) ? { ...node, type: 'bench idle' } : node;

/** Hands out tokens for client ids and tells Dovecot whose they are. */
async function startTokens() {
  let count = 0;
  const server = createServer(async (request, response) => {
    const form = new URLSearchParams(await text(request));
    response.setHeader('content-type', 'application/json');
    if (request.url === '/token') {
      count += 1;
      const user = form.get('client_id') ?? '';
      const token = Buffer.from(`${user} ${count}`).toString('base64url');
      response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: TOKEN_SECONDS }));
    } else {
      const [email] = Buffer.from(form.get('token') ?? '', 'base64url')
        .toString()
        .split(' ');
      response.end(JSON.stringify({ active: true, email, scope: 'mail.pop' }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${url}/token`,
    introspectionUrl: `${url}/introspect`,
    count: () => count,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

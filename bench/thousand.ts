// A thousand mailboxes in one Node-RED, a hundred of them by OAuth, one of them with 10,000 mails waiting: what
// everything else in that Node-RED notices.
import { copyFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startDovecot } from '../test/servers/dovecot';
import { type FlowNode, type NodeRed, startNodeRed } from '../test/servers/node-red';
import { textMail } from './boxes';
import { say } from './fetching';
import { pop3In, userDirectory } from './in-node-red';
import { installPeers } from './peers';
import { wire } from './wire';

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
}

export interface Many {
  mailboxes: number;
  accounts: number;
  interval: number;
  roundTrip: number;
  seconds: number;
  checks: number;
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
  /** Share of one core, from the start of Node-RED on. */
  cpu: number;
  /** By how much the flows start later than with as many nodes that do nothing, ms. */
  start: number;
}

export async function measureMany(options: ManyOptions): Promise<Many> {
  const { mailboxes, accounts, interval, roundTrip, mails, seconds } = options;
  installPeers();
  const users = Array.from({ length: mailboxes }, (_, index) => `user-${index}@example.test`);
  const tokens = await startTokens();
  const dovecot = await startDovecot({
    users: Object.fromEntries(users.map((user) => [user, PASSWORD])),
    introspectionUrl: tokens.introspectionUrl,
  });
  const line = await wire(dovecot.port, roundTrip);
  const port = roundTrip > 0 ? line.port : dovecot.port;
  let nodeRed: NodeRed | undefined;
  try {
    say(`${mailboxes} mailboxes at ${roundTrip} ms: writing the mails`);
    for (const user of users) await dovecot.deliver(user, textMail(1));
    for (let index = 2; index <= mails; index += 1)
      await dovecot.deliver(users[0] as string, textMail(index));
    const userDir = await userDirectory();
    copyFileSync(join(__dirname, 'many-probe.js'), join(userDir, 'nodes', 'many-probe.js'));
    const types = ['bench checks', 'bench ticks'].map(
      (type) => `RED.nodes.registerType('${type}', { defaults: {} })`,
    );
    writeFileSync(join(userDir, 'nodes', 'many-probe.html'), `<script>${types.join('\n')}</script>`);
    const flow = flowOf(users, accounts, port, interval, tokens.url);
    nodeRed = await startNodeRed({ version: 4, userDir });
    // The first deploy of a Node-RED is slower than any other.
    await deployed(nodeRed, flow.map(idler));
    const idle = await deployed(nodeRed, flow.map(idler));
    const start = (await deployed(nodeRed, flow)) - idle;
    const began = (await look(nodeRed)).ms;
    say(`${mailboxes} mailboxes at ${roundTrip} ms: looking for ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const seen = await look(nodeRed);
    return { ...options, ...judge(seen, began, options), renewals: tokens.count(), start: Math.round(start) };
  } finally {
    await nodeRed?.remove();
    line.close();
    await dovecot.stop();
    tokens.close();
  }
}

interface Seen {
  checks: [string, number[]][];
  lateness: number[];
  mails: number;
  resident: number;
  peak: number;
  cpu: number;
  ms: number;
}

async function look(nodeRed: NodeRed): Promise<Seen> {
  return (await nodeRed.admin('bench')).json() as Promise<Seen>;
}

function judge(
  { checks, lateness, mails, resident, peak, cpu, ms }: Seen,
  began: number,
  options: ManyOptions,
) {
  if (checks.length < options.mailboxes) throw new Error(`Only ${checks.length} mailboxes were checked`);
  let first = 0;
  let latest = 0;
  let count = 0;
  for (const [, at] of checks) {
    count += at.length;
    first = Math.max(first, (at[0] as number) - began);
    // One that is overdue when we stop looking counts as well.
    for (const [index, time] of [...at, ms].entries()) {
      if (index === 0) continue;
      latest = Math.max(latest, time - (at[index - 1] as number) - options.interval * 1050);
    }
  }
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    checks: count,
    mails,
    firstCheck: round(first / 1000),
    latest: round(Math.max(0, latest) / 1000),
    jitter: round(lateness[Math.floor(lateness.length * 0.99)] ?? 0),
    worst: round(lateness.at(-1) ?? 0),
    resident: Math.round(resident),
    peak: Math.round(peak),
    cpu: Math.round((cpu / ms) * 100) / 100,
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

/** In its place a node of core that only stands there. */
function idler(node: FlowNode): FlowNode {
  const { id, z } = node;
  return node.type === 'tab' ? node : { id: `idle-${id}`, type: 'link call', z: z ?? 'tab', wires: [[]] };
}

/** Milliseconds until the flows are started, by Node-RED's own clock: from the request to its answer. */
async function deployed(nodeRed: NodeRed, flow: FlowNode[]): Promise<number> {
  const start = performance.now();
  await nodeRed.deploy(flow);
  return performance.now() - start;
}

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

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { HealthReport } from '../../../nodes/admin/protocol';
import { mailboxId } from '../../../nodes/runtime';
import { chromiumMissing, openEditor, startBrowser } from '../../../servers/browser';
import { type ManyMailboxes, startManyMailboxes } from '../../../servers/many-mailboxes';
import { needs } from '../../../servers/needs';
import { type FlowNode, type NodeRed, startNodeRed } from '../../../servers/node-red';
import { type Postgres, postgresMissing, startPostgres } from '../../../servers/postgres';
import { type Relay, startRelay } from '../../../servers/relay';
import { randomOf, SECRET } from './drill';
import {
  assertClean,
  audit,
  type DeliveredLine,
  type Findings,
  failOver,
  findingsOf,
  namedAs,
  owners,
  staleWrites,
} from './findings';

/** More by the environment, on demand: REDLETTER_FLEET_NODE_RED_SEEDS=10 REDLETTER_FLEET_NODE_RED_BOXES=200. */
const SEEDS = Number(process.env.REDLETTER_FLEET_NODE_RED_SEEDS ?? 1);
const FIRST = Number(process.env.REDLETTER_FLEET_NODE_RED_FIRST_SEED ?? 1);
const BOXES = Number(process.env.REDLETTER_FLEET_NODE_RED_BOXES ?? 18);
const NAMES = ['a', 'b', 'c'];
/** Within this the mailboxes have to be where they belong: four beats and the time to live, on a busy machine. */
const BOUND_MS = 30_000;
/** Of each mailbox, s: checks cost as much however many mailboxes there are. */
const INTERVAL = Math.max(1, Math.ceil(BOXES / 40));

/** The mail that its own flow does not acknowledge. */
const LEFT_TO_OTHERS = 'left-to-others';

/** Writes each mail down before anything else can happen to it. */
const PROBE = `
const { appendFileSync } = require('node:fs');
const { join } = require('node:path');
module.exports = (RED) => {
  RED.nodes.registerType('probe', function (def) {
    RED.nodes.createNode(this, def);
    this.on('input', (msg, send, done) => {
      const { node, delivery, user, uid, attempt, redelivered } = msg.pop3;
      const line = { name: process.env.REPLICA, node, delivery, user, uid, attempt, redelivered, at: Date.now() };
      appendFileSync(join(RED.settings.userDir, 'delivered'), JSON.stringify(line) + '\\n');
      if (uid !== '${LEFT_TO_OTHERS}') send(msg);
      done();
    });
  });
};`;

/** Three real Node-REDs with the same flow, and what they share. */
class Fleet {
  readonly nodeReds = new Map<string, NodeRed>();
  /** What is between each of them and the database. */
  readonly relays = new Map<string, Relay>();
  readonly sent: { user: string; uid: string }[] = [];
  readonly users = Array.from({ length: BOXES }, (_, at) => `user${at}`);

  constructor(
    readonly postgres: Postgres,
    readonly database: string,
    readonly server: ManyMailboxes,
    readonly folder: string,
  ) {}

  async start(name: string): Promise<void> {
    const userDir = join(this.folder, name);
    await mkdir(join(userDir, 'nodes'), { recursive: true });
    await writeFile(join(userDir, 'nodes', 'probe.js'), PROBE);
    await writeFile(
      join(userDir, 'nodes', 'probe.html'),
      "<script>RED.nodes.registerType('probe', {defaults: {}})</script>",
    );
    const relay = await startRelay(this.postgres.port);
    this.relays.set(name, relay);
    const database = namedAs(name, this.database.replace(String(this.postgres.port), String(relay.port)));
    const nodeRed = await startNodeRed({
      version: 4,
      userDir,
      settings: { credentialSecret: SECRET, redletter: { fleet: { database, name } } },
      // The driver stands where a user would install it; here it is the one of the tests.
      env: { REPLICA: name, NODE_PATH: join(__dirname, '..', '..', '..', 'node_modules') },
    });
    this.nodeReds.set(name, nodeRed);
    await nodeRed.deploy(this.flow());
  }

  /** The half of the mailboxes waits for `pop3 ack`. */
  flow(): FlowNode[] {
    const nodes = this.users.map((user, at) => ({
      id: `mail${at}`,
      type: 'pop3 in',
      z: 'tab',
      name: user,
      service: 'custom',
      host: '127.0.0.1',
      port: this.server.port,
      security: 'none',
      auth: 'password',
      mechanism: 'USER',
      interval: INTERVAL,
      inputs: 0,
      outputs: 1,
      first: 'all',
      after: 'delete',
      keepDays: 0,
      handled: at % 2 === 0 ? 'send' : 'ack',
      ackTimeout: 600,
      maxAttempts: 5,
      maxInFlight: 5,
      maxSize: 0,
      oversize: 'headers',
      maxPerCheck: 0,
      attachments: 'buffer',
      content: 'parsed',
      credentials: { user, password: '$' + '{REPLICA}' },
      wires: [['probe']],
    }));
    return [
      { id: 'tab', type: 'tab', label: 'mail' },
      ...nodes,
      { id: 'probe', type: 'probe', z: 'tab', wires: [['ack']] },
      { id: 'ack', type: 'pop3 ack', z: 'tab', outcome: 'done', wires: [[]] },
      // What another Node-RED passes on: the message alone.
      { id: 'in', type: 'http in', z: 'tab', url: '/ack', method: 'post', wires: [['take']] },
      {
        id: 'take',
        type: 'change',
        z: 'tab',
        rules: [{ t: 'set', p: 'pop3', pt: 'msg', to: 'payload', tot: 'msg' }],
        wires: [['elsewhere']],
      },
      { id: 'elsewhere', type: 'pop3 ack', z: 'tab', outcome: 'done', wires: [['out']] },
      { id: 'out', type: 'http response', z: 'tab', wires: [] },
    ];
  }

  send(count: number, random: () => number): void {
    for (let at = 0; at < count; at += 1) {
      const user = this.users[Math.floor(random() * this.users.length)] as string;
      const uid = `m${this.sent.length}`;
      this.sent.push({ user, uid });
      this.server.deliver(user, uid);
    }
  }

  get delivered(): DeliveredLine[] {
    const files = NAMES.map((name) => join(this.folder, name, 'delivered')).filter((file) =>
      existsSync(file),
    );
    const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n'));
    return lines
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as DeliveredLine)
      .sort((a, b) => a.at - b.at);
  }

  /** Waits until everything was delivered and nothing is left on the server. */
  async settle(ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (Date.now() < until) {
      const seen = new Set(this.delivered.map(({ uid }) => uid));
      const left = this.users.some((user) => this.server.left(user).length > 0);
      if (!left && this.sent.every(({ uid }) => seen.has(uid))) return;
      await pause(200);
    }
  }

  async findings(): Promise<Findings> {
    const { sent, server, boxOf } = this;
    // What one does while owners and mails are read would be held against the wrong owner.
    await Promise.all([...this.nodeReds.values()].map((nodeRed) => nodeRed.stop('SIGKILL')));
    const [all, stale] = [await this.owners(), await staleWrites(this.postgres, this.database)];
    return findingsOf({ delivered: this.delivered, sent, server, boxOf }, all, stale);
  }

  boxOf = (user: string): string => mailboxId({ host: '127.0.0.1', port: this.server.port, user });

  owners = () => owners(this.postgres, this.database);

  /** Waits until the mailboxes are owned as said, by how many each replica owns; all of them have an owner. */
  async owned(what: string, so: (shares: Map<string, number>) => boolean): Promise<void> {
    let shares = new Map<string, number>();
    for (const until = Date.now() + BOUND_MS; Date.now() < until; await pause(100)) {
      const last = [...(await this.owners()).values()].map((changes) => changes.at(-1)?.name);
      shares = new Map(NAMES.map((name) => [name, last.filter((owner) => owner === name).length]));
      for (const [name, count] of shares) if (count === 0) shares.delete(name);
      const owned = last.length === BOXES && !last.includes(undefined);
      if (owned && so(shares)) return;
    }
    assert.fail(`not within ${BOUND_MS} ms: ${what}; owned: ${JSON.stringify([...shares])}`);
  }

  async remove(): Promise<void> {
    await Promise.all([...this.nodeReds.values()].map((nodeRed) => nodeRed.remove()));
    for (const relay of this.relays.values()) await relay.close();
    await this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A mail that one Node-RED delivered and another one acknowledges is deleted by its owner. */
async function acknowledgedElsewhere(fleet: Fleet): Promise<void> {
  // An odd one: these wait for `pop3 ack`.
  const mail = { user: 'user1', uid: LEFT_TO_OTHERS };
  fleet.sent.push(mail);
  fleet.server.deliver(mail.user, mail.uid);
  const line = await within('it is delivered', () => fleet.delivered.find(({ uid }) => uid === mail.uid));
  const other = fleet.nodeReds.get(NAMES.find((name) => name !== line.name) ?? '') as NodeRed;
  const { node, delivery } = line as DeliveredLine & Record<'node' | 'delivery', string>;
  const answer = await fetch(`http://127.0.0.1:${other.port}/ack`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ node, delivery }),
  });
  assert.equal(answer.status, 200);
  await within('it is deleted', () => !fleet.server.left(mail.user).includes(mail.uid));
  assert.equal(fleet.delivered.filter(({ uid }) => uid === mail.uid).length, 1);
}

/**
 * A deploy makes each node again, and takes one away from the flow of its owner: the others, which have it still, must
 * get its mailbox.
 */
async function deployedAgain(fleet: Fleet): Promise<void> {
  const ownerOf = async (): Promise<string> =>
    (await fleet.owners()).get(fleet.boxOf('user0'))?.at(-1)?.name ?? '';
  const changed = fleet.flow().map((node) => (node.type === 'pop3 in' ? { ...node, keepDays: 1 } : node));
  const owner = await ownerOf();
  const nodeRed = fleet.nodeReds.get(owner) as NodeRed;
  await nodeRed.deploy(changed);
  await nodeRed.deploy(fleet.flow().filter(({ id }) => id !== 'mail0'));
  for (const until = Date.now() + BOUND_MS; (await ownerOf()) === owner; await pause(100))
    if (Date.now() > until) assert.fail('a mailbox that is no longer in the flow of its owner stays there');
  await nodeRed.deploy(fleet.flow());
  const warnings = nodeRed.logs.filter((line) => /\[(?:warn|error)\] \[pop3 in/.test(line));
  assert.deepEqual(warnings, [], 'the nodes have closed in order');
}

async function within<T>(what: string, look: () => T | undefined | false): Promise<T> {
  for (const until = Date.now() + BOUND_MS; Date.now() < until; await pause(100)) {
    const found = look();
    if (found) return found;
  }
  return assert.fail(`not within ${BOUND_MS} ms: ${what}`);
}

/** In the Mail tab of one Node-RED: every replica, the owner of each mailbox, and a click that moves one. */
async function movedByHand(fleet: Fleet): Promise<void> {
  const ownerOf = async (user: string): Promise<string | undefined> =>
    (await fleet.owners()).get(fleet.boxOf(user))?.at(-1)?.name;
  const [from, to = ''] = [await ownerOf('user0'), NAMES.find((name) => name !== 'a')];
  const target = from === to ? 'a' : to;
  const browser = await startBrowser();
  try {
    const { page, problems } = await openEditor(browser, fleet.nodeReds.get('a') as NodeRed);
    await page.evaluate("RED.sidebar.show('redletter-health')");
    const replicas = page.locator('.redletter-replica');
    await replicas.nth(2).waitFor();
    const words = (await replicas.allInnerTexts()).join('\n');
    for (const name of NAMES) assert.match(words, new RegExp(`^${name}$`, 'm'));
    assert.doesNotMatch(words, /joined in/, 'it was in the past');
    assert.equal(words.match(/mailboxes: \d+ of 18/g)?.length, BOXES === 18 ? 3 : undefined);
    const card = page.locator('.redletter-card').filter({ has: page.getByText('user0', { exact: true }) });
    await card.getByText(`Owned by ${from}`).waitFor();
    await card.getByLabel('Move to').selectOption(target);
    await card.getByText(`Owned by ${target}`).waitFor();
    if (target !== 'a') assert.doesNotMatch(await card.innerText(), /next check/, 'its owner knows that');
    assert.equal(await ownerOf('user0'), target);
    const row = replicas.filter({ has: page.getByText('b', { exact: true }) });
    await row.getByRole('button', { name: 'Drain b' }).click();
    await fleet.owned('a Node-RED that is drained has nothing', (shares) => !shares.has('b'));
    await row.getByText('draining', { exact: false }).first().waitFor();
    await row.getByRole('button', { name: 'Stop draining b' }).click();
    await fleet.owned('it takes its share again', (shares) => (shares.get('b') ?? 0) > 1);
    assert.deepEqual(problems, []);
    await unknownIsNotFound(fleet);
  } finally {
    await browser.close();
  }
}

/** What programs ask one Node-RED of the whole fleet. */
async function healthOf(fleet: Fleet): Promise<void> {
  const nodeRed = fleet.nodeReds.get('a') as NodeRed;
  const read = async (path: string): Promise<string> => (await nodeRed.admin(`redletter/${path}`)).text();
  const [health, metrics] = [JSON.parse(await read('health')) as HealthReport, await read('metrics')];
  assert.deepEqual(health.fleet?.replicas.map(({ name }) => name).sort(), NAMES);
  assert.equal(health.mailboxes.length, BOXES);
  for (const { owner } of health.mailboxes) assert.ok(NAMES.includes(owner ?? ''), owner);
  const owners = [...metrics.matchAll(/^redletter_mailbox_owner\{.*replica="(.*?)"\} 1$/gm)];
  assert.deepEqual([...new Set(owners.map(([, name]) => name))].sort(), NAMES);
  assert.equal(owners.length, BOXES);
  assert.match(metrics, /^redletter_fleet_database_up 1$/m);
}

/** A Node-RED or a mailbox that is not there is neither moved nor drained, and one that is, is drained by name. */
async function unknownIsNotFound(fleet: Fleet): Promise<void> {
  const ask = async (route: string, json: object): Promise<number> =>
    (await (fleet.nodeReds.get('a') as NodeRed).admin(`redletter/fleet/${route}`, { json })).status;
  assert.equal(await ask('drain', { replica: 'nobody', draining: true }), 404);
  assert.equal(await ask('drain', { replica: { name: 'b' }, draining: true }), 404);
  assert.equal(await ask('drain', { replica: 'b', draining: 'false' }), 400);
  assert.equal(await ask('move', { id: 'mail0', replica: 'nobody' }), 404);
  assert.equal(await ask('move', { id: 'nothing', replica: 'b' }), 404);
  assert.equal(await ask('drain', { replica: 'b', draining: false }), 202);
}

describe('a fleet of three Node-REDs', function () {
  this.timeout(SEEDS * 300_000);
  let postgres: Postgres;
  before(async function () {
    needs(postgresMissing, chromiumMissing).call(this);
    postgres = await startPostgres();
  });
  after(() => postgres?.stop());

  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    it(`loses nothing when one is suspended, one is cut off, one is killed and the database restarts (seed ${seed})`, async () => {
      const random = randomOf(seed);
      const database = await postgres.database();
      await audit(postgres, database);
      const folder = await mkdtemp(join(tmpdir(), 'redletter-fleet-'));
      const fleet = new Fleet(postgres, database, await startManyMailboxes({ retrMs: 2 }), folder);
      try {
        await Promise.all(NAMES.map((name) => fleet.start(name)));
        fleet.send(2 * BOXES, random);
        await fleet.settle(30_000);
        // The one that has joined last, or was deployed, gets its share within a few beats.
        const shared = (): Promise<void> =>
          fleet.owned('each owns its share', (shares) =>
            NAMES.every((name) => (shares.get(name) ?? 0) >= Math.floor(BOXES / NAMES.length)),
          );
        await shared();

        if (seed === FIRST) await deployedAgain(fleet);
        await shared();
        await acknowledgedElsewhere(fleet);
        await healthOf(fleet);
        if (seed === FIRST) await movedByHand(fleet);

        let sending = true;
        const mail = (async () => {
          while (sending) {
            fleet.send(Math.ceil(BOXES / 10), random);
            await pause(100);
          }
        })();
        const [stopped = '', killed = '', cut = ''] = [...NAMES].sort(() => random() - 0.5);
        const suspended = fleet.nodeReds.get(stopped) as NodeRed;
        const relay = fleet.relays.get(cut) as Relay;
        process.kill(suspended.pid, 'SIGSTOP');
        // Of every other drill, one after the other.
        if (seed % 2 === 0) {
          await fleet.owned(
            'nothing is owned by the one that is suspended',
            (shares) => !shares.has(stopped),
          );
          await pause(random() * 2_000);
          process.kill(suspended.pid, 'SIGCONT');
          await fleet.owned('it gets its share again', (shares) => shares.has(stopped));
        }
        relay.cut();
        await fleet.owned(
          'nothing is owned by the one that has no database',
          (shares) => !shares.has(cut) && (seed % 2 === 0 || !shares.has(stopped)),
        );
        await pause(random() * 2_000);
        process.kill(suspended.pid, 'SIGCONT');
        relay.restore();
        await fleet.owned('both have a share again', (shares) => shares.has(stopped) && shares.has(cut));

        const at = Date.now();
        await fleet.nodeReds.get(killed)?.stop('SIGKILL');
        await fleet.owned('nothing is owned by the one that was killed', (shares) => !shares.has(killed));
        const waits = failOver(await fleet.owners(), killed, at);
        assert.ok(waits.length > 0);
        assert.ok(Math.max(...waits) <= 12_000, `taken over after ${Math.max(...waits)} ms`);

        await postgres.kill();
        await postgres.start();
        const again = await fleet.nodeReds.get(killed)?.restart();
        if (again) fleet.nodeReds.set(killed, again);
        await fleet.owned('the one that was killed gets its share again', (shares) => shares.has(killed));
        sending = false;
        await mail;
        await fleet.settle(60_000);
        const findings = await fleet.findings();
        const figures = { ...findings, mails: fleet.sent.length, failOverMs: Math.max(...waits) };
        if (SEEDS > 1) console.log(`      ${JSON.stringify(figures)}`);
        assertClean(findings);
      } finally {
        await fleet.remove();
      }
    });
  }
});

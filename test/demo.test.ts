import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { HealthReport } from '../nodes/admin/protocol';
import { endChild, startChild } from '../servers/child';
import { Comms } from '../servers/comms';
import { consent } from '../servers/consent';
import { freePorts } from '../servers/ports';
import { clients } from '../servers/sign-in-server';

const root = join(__dirname, '..');
/** Two seconds on a machine that does nothing else. */
const SLACK = 5;

/** `npm start` without the build, which `npm test` has done. */
class Demo {
  readonly lines: string[] = [];
  readonly child: ChildProcess;
  readonly exit: Promise<unknown[]>;
  #listeners = new Set<() => void>();

  constructor(env: Record<string, string>) {
    this.child = startChild(process.execPath, ['--import', 'tsx', join(root, 'demo', 'start.ts')], {
      cwd: root,
      env: { ...process.env, TSX_DISABLE_CACHE: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exit = once(this.child, 'exit');
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        for (const listener of [...this.#listeners]) listener();
      });
    }
  }

  mails(): string[] {
    return this.lines.filter((line) => line.startsWith('✉'));
  }

  /** Settles when so many mails have been printed. */
  waitForMails(count: number, ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        how();
      };
      const fail = (why: string) => settle(() => reject(new Error(`${why}:\n${this.lines.join('\n')}`)));
      const look = () => {
        if (this.mails().length >= count) settle(resolve);
      };
      const timer = setTimeout(() => fail(`Not ${count} mails within ${ms / 1000} s`), ms);
      this.exit.then(() => fail('The demonstration has ended'));
      this.#listeners.add(look);
      look();
    });
  }
}

describe('the demonstration (npm start)', function () {
  this.timeout(60_000);
  let temporary: string;
  let demo: Demo | undefined;
  beforeEach(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'redletter-test-'));
  });
  afterEach(async () => {
    if (demo) await endChild(demo.child, 'SIGKILL');
    await rm(temporary, { recursive: true, force: true });
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`prints the mails that are there and those that come, and leaves nothing behind after ${signal}`, async () => {
      const [port = 0] = await freePorts(1);
      demo = new Demo({ TMPDIR: temporary, REDLETTER_PORT: String(port), REDLETTER_MAIL_INTERVAL: '1' });
      await demo.waitForMails(1, 30_000);
      const there = 5;
      await demo.waitForMails(there + 1, 20_000);
      for (const line of demo.mails()) assert.match(line, /^✉ \S.* — \S+@example\.test$/);
      assert.equal(new Set(demo.mails()).size, demo.mails().length);

      const said = demo.lines.join('\n');
      assert.ok(said.includes(`http://127.0.0.1:${port}/`), said);
      assert.match(said, /User bob@example\.test, any password/);
      assert.doesNotMatch(said, /\[(warn|error)\]/);
      const ports = [port, ...[...said.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, number]) => Number(number))];
      assert.equal(new Set(ports).size, 3);
      assert.notDeepEqual(await readdir(temporary), []);

      demo.child.kill(signal);
      assert.deepEqual(await demo.exit, [0, null]);
      assert.deepEqual(await readdir(temporary), []);
      await assertGroupEnds(demo.child.pid ?? 0);
      for (const open of ports) await assertNobodyListens(open);
    });
  }

  it('teaches: mail as the editor opens, three flows that fail and are mended, buttons that break things', async () => {
    const [port = 0] = await freePorts(1);
    demo = new Demo({ TMPDIR: temporary, REDLETTER_PORT: String(port), REDLETTER_MAIL_INTERVAL: '3600' });
    await demo.waitForMails(5, 30_000);
    const editor = `http://127.0.0.1:${port}/`;
    const press = async (id: string) => {
      const { status } = await fetch(`${editor}inject/${id}`, { method: 'POST' });
      assert.equal(status, 200, id);
    };
    const comms = await Comms.open(`${editor.replace('http', 'ws')}comms`);
    try {
      await demo.waitForMails(6, 2000 * SLACK);

      await comms.waitForStatus('demo-revoked-in', /^sign in again$/);
      await comms.waitForStatus('demo-ack-in', /^idle$/);
      assert.equal(await quarantined(editor, 'demo-ack-in'), 1);

      await press('demo-stop');
      await comms.waitForStatus('demo-in', /^connection refused$|^connection lost$/);
      const stopped = comms.statuses('demo-in').length;
      await press('demo-fill');
      await press('demo-start');
      await demo.waitForMails(26, 30_000);
      await comms.waitForStatus('demo-in', /^20 new$|^idle$/, stopped);

      await press('demo-revoke');
      await press('demo-fill');
      await comms.waitForStatus('demo-in', /^sign in again$/, stopped);
      assert.equal(demo.mails().length, 26);

      // And back: by signing in again, without a deploy.
      await signInAgain(editor, 'demo-account-first');
      await demo.waitForMails(46, 30_000);
      await signInAgain(editor, 'demo-account-revoked');
      await comms.waitForStatus('demo-revoked-in', /^5 new/);
      await press('demo-repair');
      assert.equal(await retry(editor, 'demo-ack-in'), 1);
      // Delivered, booked, complete and acknowledged.
      while ((await quarantined(editor, 'demo-ack-in')) !== 0) await new Promise(setImmediate);
    } finally {
      comms.close();
    }
  });

  for (const variable of ['REDLETTER_PORT', 'REDLETTER_SIGN_IN_PORT', 'REDLETTER_MAIL_PORT']) {
    it(`names a port that is taken, and ${variable} as the way to choose another`, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        const address = server.address();
        const taken = typeof address === 'object' ? (address?.port ?? 0) : 0;
        demo = new Demo({ TMPDIR: temporary, REDLETTER_PORT: '0', [variable]: String(taken) });
        const [code] = await demo.exit;
        assert.equal(code, 1);
        assert.match(
          demo.lines.join('\n'),
          new RegExp(`^Port ${taken} is taken\\..* ${variable}=\\d+ npm start$`, 'm'),
        );
        assert.deepEqual(await readdir(temporary), []);
      } finally {
        server.close();
      }
    });
  }
});

const post = (url: string, json: object): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(json),
  });

/** What a person does in the account's dialog and on the provider's pages. An account has its user's name. */
async function signInAgain(editor: string, account: string): Promise<void> {
  const flows = (await (await fetch(`${editor}flows`)).json()) as { id: string; name: string }[];
  const { id, ...properties } = flows.find((node) => node.id === account) ?? assert.fail(account);
  const route = `${editor}redletter/oauth2-account`;
  const credentials = { user: properties.name, clientId: clients.native.id };
  const redirectUri = `${route}/callback`;
  const answer = await post(`${route}/${id}/sign-in`, { properties, credentials, redirectUri });
  const { url } = (await answer.json()) as { url: string };
  assert.equal((await consent(url, { login: properties.name })).page?.status, 200);
}

/** Presses every *Retry* of a node in the Mail tab; returns how many there were. */
async function retry(editor: string, node: string): Promise<number> {
  const { mailboxes } = (await (await fetch(`${editor}redletter/health`)).json()) as HealthReport;
  const { mails } = mailboxes.find(({ id }) => id === node)?.setAside ?? assert.fail(node);
  for (const { uid } of mails) {
    const url = `${editor}redletter/pop3-in/${node}/set-aside/${encodeURIComponent(uid)}/retry`;
    assert.ok((await post(url, {})).ok, uid);
  }
  return mails.length;
}

/** How many quarantined mails the Mail tab lists for a node. */
async function quarantined(editor: string, node: string): Promise<number | undefined> {
  const answer = await fetch(`${editor}redletter/health`);
  const { mailboxes } = (await answer.json()) as { mailboxes: { id: string; setAside: { count: number } }[] };
  return mailboxes.find(({ id }) => id === node)?.setAside.count;
}

async function assertNobodyListens(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
}

/** A process group has no event for its end; the compiler that tsx keeps beside it goes a moment later. */
async function assertGroupEnds(group: number): Promise<void> {
  for (const until = Date.now() + 5000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    try {
      process.kill(-group, 0);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
      return;
    }
    assert.ok(Date.now() < until, 'something the demonstration has started still runs');
  }
}

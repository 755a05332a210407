import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type DeliveredMail, Mailbox, type MailboxError, openSession } from '../nodes/mailbox';
import { bindingOf } from '../nodes/oauth2';
import { type AccountLoan, asAccountError, mailboxId, Runtime } from '../nodes/runtime';
import { type Dovecot, dovecotMissing, startDovecot } from '../servers/dovecot';
import { MINUTE, TestClock } from '../servers/mailbox-checker';
import { needs } from '../servers/needs';
import { startProvider, type TestProvider } from '../servers/oidc';
import { accountAt, startCallbackHost } from './oauth2/support';
import { ALICE, mail } from './world';

const SECOND = 1000;

/** Counts every way to the sign-in server, whether anybody is there or not. */
class Counting extends Agent {
  readonly #now: () => number;
  /** When each connection was begun, by the clock of the test. */
  readonly begun: number[] = [];
  open = 0;
  most = 0;
  constructor(now: () => number) {
    super();
    this.#now = now;
  }
  override createConnection(...given: Parameters<Agent['createConnection']>): Duplex {
    this.begun.push(this.#now());
    this.open += 1;
    this.most = Math.max(this.most, this.open);
    const socket = super.createConnection(...given) as Duplex;
    return socket.once('close', () => {
      this.open -= 1;
    });
  }
}

/** One `pop3 in`, as the palette puts it together, with everything that was heard of it. */
class Node {
  readonly delivered: DeliveredMail[] = [];
  readonly errors: MailboxError[] = [];
  busy = false;
  readonly mailbox: Mailbox;

  constructor(name: string, runtime: Runtime, { source }: AccountLoan, dovecot: Dovecot, ca: string) {
    const server = { host: 'localhost', port: dovecot.tlsPort, user: ALICE };
    const loan = runtime.ledgers.attend(name, mailboxId(server));
    this.mailbox = new Mailbox({
      settings: {
        ...{
          ...server,
          node: name,
          service: 'custom',
          interval: 300,
          first: 'all',
          after: 'keep',
          keepDays: 0,
        },
        ...{ maxAttempts: 5, maxSize: 0, oversize: 'headers', maxPerCheck: 0, content: 'parsed' },
      },
      reading: { content: 'parsed', attachments: 'buffer' },
      ledger: loan.open,
      spool: loan.spool,
      open: (signal) =>
        openSession(
          { ...server, security: 'tls', tls: { ca } },
          { user: ALICE, mechanism: 'auto', token: (question) => source.token(question) },
          signal,
        ).catch((error) => {
          throw asAccountError(error);
        }),
      inTurn: (run, signal) => runtime.turns.take(mailboxId(server), run, signal),
      mayDelete: loan.mayDelete,
      deliver: async (one) => void this.delivered.push(one),
      onState: ({ is }) => {
        this.busy = is === 'checking' || is === 'progress';
      },
      onError: (error) => this.errors.push(error),
      onQuarantined: (error) => this.errors.push(error),
      onSummary: () => undefined,
      clock: runtime.clock,
      random: Math.random,
    });
  }

  get topics(): (string | undefined)[] {
    return this.delivered.map(({ topic }) => topic);
  }
}

describe('an hour without the sign-in server', function () {
  this.timeout(60_000);
  const clock = new TestClock();
  const dials = new Counting(clock.now);
  let folder: string;
  let provider: TestProvider;
  let dovecot: Dovecot;
  let account: AccountLoan;
  let nodes: Node[];
  const servers: Server[] = [];
  /** What others who wanted a token were told. */
  const refusals = new Map<string, number>();

  before(async function () {
    needs(dovecotMissing).call(this);
    folder = await mkdtemp(join(tmpdir(), 'redletter-outage-'));
    provider = await startProvider({ accessTokenTtl: 120 });
    dovecot = await startDovecot({ introspectionUrl: provider.introspectionUrl });
    const kept = new Map<string, unknown>();
    const settings = {
      get: (key: string) => kept.get(key),
      set: async (key: string, value: unknown) => void kept.set(key, value),
    };
    const runtime = new Runtime({ folder, settings, clock });
    const config = accountAt(provider.issuer, { user: ALICE });
    account = runtime.accounts.borrow('account', config, () => dials);
    const host = await startCallbackHost();
    const tokens = await host.signIn(config);
    await host.close();
    const now = clock.now();
    await runtime.accounts.signedIn({
      account: 'account',
      binding: bindingOf(config),
      tokens: { ...tokens, obtainedAt: now, signedInAt: now, expiresAt: now },
    });
    nodes = ['one', 'two'].map((name) => new Node(name, runtime, account, dovecot, dovecot.ca));
  });
  after(async () => {
    for (const { mailbox } of nodes ?? []) await mailbox.stop();
    account?.giveBack();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    await Promise.all([provider?.close(), dovecot?.stop()]);
    if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  /** Lets time pass, and whatever that has begun come to its end; now and then twenty others want a token. */
  const pass = async (ms: number): Promise<void> => {
    for (const until = clock.now() + ms; clock.now() < until; ) {
      clock.advance(5 * SECOND);
      const callers = Array.from({ length: 20 }, () =>
        account.source.token().catch(({ code }) => refusals.set(code, (refusals.get(code) ?? 0) + 1)),
      );
      await Promise.all(callers);
      do await turn();
      while (nodes.some(({ busy }) => busy) || dials.open > 0);
    }
  };

  it('mail comes before it', async () => {
    await dovecot.deliver(ALICE, mail('Before'));
    for (const { mailbox } of nodes) mailbox.start();
    await pass(MINUTE);
    for (const node of nodes) assert.deepEqual(node.topics, ['Before']);
    // To find the addresses, and to renew.
    assert.equal(dials.begun.splice(0).length, 2);
    // What was asked first may still be hanging up when the second question goes out.
    dials.most = 0;
  });

  it('causes at most one request at a time, at growing intervals, and no lockout', async () => {
    const { port } = provider;
    await provider.close();
    await pass(30 * MINUTE);
    await dovecot.deliver(ALICE, mail('During'));
    // A request is in progress there.
    const busy = createServer((_, response) => response.writeHead(503).end('<!doctype html><p>Soon.'));
    busy.listen(port, '127.0.0.1');
    await once(busy, 'listening');
    await pass(30 * MINUTE);
    busy.closeAllConnections();
    busy.close();
    await once(busy, 'close');

    // 2 s, 4 s, … 4 minutes, then every five minutes, give or take a fifth.
    assert.ok(dials.begun.length >= 10 && dials.begun.length <= 25, `${dials.begun.length} requests`);
    const gaps = dials.begun.slice(1).map((at, index) => at - (dials.begun[index] ?? 0));
    assert.ok(
      gaps.slice(-3).every((gap) => gap >= 4 * MINUTE),
      gaps.join(),
    );
    assert.equal(dials.most, 1);
    assert.deepEqual([...refusals.keys()], ['TEMPORARY'], 'a matter of waiting, for everybody who asked');
    assert.equal(account.source.state.kind, 'waiting');
    for (const { errors } of nodes) {
      const said = errors.map(({ code, reason }) => `${code} ${reason}`);
      assert.equal(new Set(said).size, said.length, `each said once: ${said.join(', ')}`);
      assert.ok(
        said.length > 0 && !said.some((one) => /^(AUTH|SIGN_IN_AGAIN|CONFIG)/.test(one)),
        said.join(),
      );
    }
    for (const node of nodes) assert.deepEqual(node.topics, ['Before']);
  });

  it('ends by itself, and every mail has come once', async () => {
    // The same one, with everything it knew.
    const again = createServer(provider.provider.callback()).listen(provider.port, '127.0.0.1');
    servers.push(again);
    await once(again, 'listening');
    const before = dials.begun.length;
    await pass(12 * MINUTE);
    for (const node of nodes) {
      assert.deepEqual(node.topics, ['Before', 'During']);
      assert.ok(node.delivered.every(({ pop3 }) => !pop3.redelivered));
    }
    // A token lives two minutes: each is renewed once, by the first caller.
    const asked = provider.tokenRequests.slice(-(dials.begun.length - before));
    assert.ok(asked.length >= 2 && asked.length <= 8, `${asked.length} requests`);
    assert.deepEqual(
      new Set(asked.map(({ grantType, status }) => `${grantType} ${status}`)),
      new Set(['refresh_token 200']),
    );
    assert.equal(account.source.state.kind, 'signed-in');
    assert.equal(dials.most, 1);
  });
});

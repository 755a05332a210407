// How often a session waits for the server, counted on a path where every byte takes its time.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSession } from '../../nodes/mailbox';
import { KnownServer, type Pop3Client, type QuitOutcome } from '../../nodes/pop3';
import { type DelayingProxy, startDelayingProxy } from '../../servers/delaying-proxy';
import { Checker, cleanUp, MINUTE } from '../../servers/mailbox-checker';
import { openAt } from '../../servers/mailbox-parts';
import { type ScriptedOptions, type ScriptedPop3, startScripted } from '../../servers/scripted-pop3';
import { CREDENTIALS } from './harness';

const MAILS = ['Subject: one\r\n\r\n1\r\n', 'Subject: two\r\n\r\n2\r\n'];
const ONE_WAY = 25;
const CAPABILITIES = ['UIDL', 'TOP', 'SASL PLAIN'];

const README = readFileSync(join(__dirname, '..', '..', 'bench', 'README.md'), 'utf8');

describe('pop3: round trips on a slow path', () => {
  let server: ScriptedPop3 | undefined;
  let proxy: DelayingProxy | undefined;
  afterEach(async () => {
    await proxy?.close();
    await server?.close();
  });

  after(cleanUp);

  async function path(options: ScriptedOptions, oneWay = ONE_WAY): Promise<void> {
    server = await startScripted({ mails: MAILS, ...options });
    proxy = await startDelayingProxy(server.port, oneWay);
  }

  /** One session, and what was done by turns: each turn of the server is one wait. */
  async function session(
    known: KnownServer,
    work: (client: Pop3Client) => Promise<unknown>,
  ): Promise<{ waits: number; said: string[]; outcome: QuitOutcome; ms: number }> {
    const { port = 0, connections = [] } = proxy ?? {};
    const login = { ...CREDENTIALS, mechanism: 'auto' as const };
    const started = performance.now();
    const { client } = await openSession(
      { host: '127.0.0.1', port, security: 'none', known },
      login,
      new AbortController().signal,
    );
    await work(client);
    const outcome = await client.leave();
    const ms = performance.now() - started;
    const turns = connections.at(-1) ?? [];
    const waits = turns.filter(({ from }) => from === 'server').length;
    await known.ended;
    const said = turns.flatMap(({ from, text }) => (from === 'client' ? text : []));
    return { waits, said, outcome, ms };
  }

  const idle = async (client: Pop3Client): Promise<void> => {
    await client.uidl();
    await client.list();
  };

  it('with PIPELINING an idle check of a remembered server waits four times, and not for QUIT', async () => {
    await path({ capabilities: [...CAPABILITIES, 'PIPELINING'] });
    const known = new KnownServer();
    const first = await session(known, idle);
    const { waits, said, outcome, ms } = await session(known, idle);
    assert.ok(first.waits > 4, `${first.waits} waits of the first`);
    assert.equal(waits, 4, JSON.stringify(said));
    assert.equal(outcome, 'ok');
    assert.deepEqual(said[2], 'CAPA\r\nSTAT\r\nUIDL\r\nLIST\r\n');
    // Half a round trip for the greeting, which nothing was sent for.
    assert.ok(ms >= 7 * ONE_WAY, `${ms} ms`);
  });

  it('without PIPELINING each command waits for its own answer, and a remembered CAPA is not asked for', async () => {
    await path({ capabilities: CAPABILITIES });
    const known = new KnownServer();
    const first = await session(known, idle);
    const second = await session(known, idle);
    // The greeting, AUTH, its answer, STAT, UIDL, LIST.
    assert.equal(second.waits, 6, JSON.stringify(second.said));
    assert.equal(first.waits, second.waits + 2, JSON.stringify(first.said));
    assert.ok(!second.said.join('').includes('CAPA'));
  });

  it('QUIT is waited for where something was deleted, and only there', async () => {
    for (const more of [['PIPELINING'], []]) {
      await path({ capabilities: [...CAPABILITIES, ...more] });
      const known = new KnownServer();
      await session(known, idle);
      const kept = await session(known, idle);
      const deleted = await session(known, async (client) => {
        await idle(client);
        for await (const { error } of client.dele([1])) assert.equal(error, undefined);
      });
      // DELE and QUIT.
      assert.equal(deleted.waits, kept.waits + 2, JSON.stringify(deleted.said));
      assert.equal(deleted.outcome, 'ok');
      assert.equal(server?.mails.length, 1);
      await proxy?.close();
      await server?.close();
    }
  });

  it('of whole checks are as many as bench/README.md says', async function () {
    this.timeout(20_000);
    const counted: number[][] = [[], [], []];
    for (const more of [['PIPELINING'], []]) {
      await path({ capabilities: [...CAPABILITIES, ...more], uids: ['a', 'b'] }, 5);
      const node = await Checker.begun({ content: 'raw' });
      const known = new KnownServer();
      const check = async (): Promise<number> => {
        const { port = 0, connections = [] } = proxy ?? {};
        node.clock.advance(MINUTE);
        await node.check({ open: openAt({ port }, { known }) });
        const waits = (connections.at(-1) ?? []).filter(({ from }) => from === 'server').length;
        await known.ended;
        return waits;
      };
      const arrives = (uid: string): void => {
        server?.mails.push(Buffer.from(`Message-ID: <${uid}@example.test>\r\n\r\n${uid}\r\n`));
        server?.options.uids?.push(uid);
      };
      // What is there is delivered, and seen to be all.
      await check();
      await check();
      counted[0]?.push(await check());
      arrives('c');
      counted[1]?.push(await check());
      node.settings = { ...node.settings, after: 'delete' };
      node.mayDelete = (key) => key === 'ud';
      arrives('d');
      counted[2]?.push(await check());
      assert.equal(server?.mails.length, 3, 'the last one was deleted');
      await proxy?.close();
      await server?.close();
    }
    for (const [row, what] of ['nothing new', 'one new email, kept', 'one new email, deleted'].entries())
      assert.ok(
        README.includes(`\n| ${what} | ${counted[row]?.join(' | ')} |\n`),
        `${what}: ${counted[row]}`,
      );
  });

  it('RSET is answered before QUIT is sent', async () => {
    for (const more of [['PIPELINING'], []]) {
      await path({ capabilities: [...CAPABILITIES, ...more] });
      const { said } = await session(new KnownServer(), async (client) => {
        for await (const { error } of client.dele([1])) assert.equal(error, undefined);
        await client.rset();
      });
      assert.deepEqual(said.slice(-2), ['RSET\r\n', 'QUIT\r\n']);
      assert.equal(server?.mails.length, 2);
      await proxy?.close();
      await server?.close();
    }
  });
});

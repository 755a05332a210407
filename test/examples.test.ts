import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Comms } from '../servers/comms';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import type { FlowNode } from '../servers/node-red';
import { type Smtp, startSmtp } from '../servers/smtp';
import { ALICE, account, mail, pop3In, signIn, startWorld, type World } from './world';

const folder = join(__dirname, '..', 'examples');
const BOB = 'bob@example.test';

describe('the examples', function () {
  this.timeout(60_000);
  let world: World;
  let smtp: Smtp;
  let comms: Comms;
  before(async function () {
    needs(dovecotMissing).call(this);
    // Two of them need the official e-mail node, and say so.
    world = await startWorld({ version: 4, settings: { nodesExcludes: [] } }, { accessTokenTtl: 600 });
    smtp = await startSmtp(world.provider.introspectionUrl);
    world.nodeRed = await world.nodeRed.restart('SIGTERM', { env: { NODE_EXTRA_CA_CERTS: world.ca } });
    comms = await world.nodeRed.comms();
  });
  after(async () => {
    await smtp?.close();
    await world?.close();
  });

  const of = (nodes: FlowNode[], type: string): FlowNode =>
    nodes.find((node) => node.type === type) ?? assert.fail(`no ${type}`);

  /**
   * What a user changes in the dialogs: whose account it is, and here, where there is no Google, the servers. What goes
   * to a debug node comes here too, under that node's name.
   */
  const mine = (example: FlowNode[], more: Partial<FlowNode> = {}): FlowNode[] => {
    const { credentials, provider, issuer, scope } = account(world);
    const { host, port, interval } = pop3In(world);
    const changes: Record<string, Partial<FlowNode>> = {
      'oauth2-account': { credentials, provider, issuer, scope },
      'pop3 in': { host, port, interval },
      'e-mail': { server: 'localhost', port: String(smtp.port), credentials: { userid: ALICE } },
    };
    const watched = new Map(
      example.filter(({ type }) => type === 'debug').map(({ id, name }) => [id, `${id} ${name}`]),
    );
    const wired = (wires: string[][]): string[][] =>
      wires.map((ids) => [...ids, ...ids.flatMap((id) => watched.get(id) ?? [])]);
    return [
      ...example.map((node) => ({
        ...node,
        ...changes[node.type],
        ...(node.type === 'pop3 in' && more),
        ...(Array.isArray(node.wires) && { wires: wired(node.wires) }),
      })),
      ...[...watched.values()].flatMap((tag) => world.sink.nodes(tag, String(of(example, 'tab').id))),
    ];
  };
  /** The next message a debug node of the example shows. */
  const shown = (example: FlowNode[], name: string) => {
    const debug = example.find((node) => node.type === 'debug' && node.name === name) ?? assert.fail(name);
    return world.sink.next(`${debug.id} ${name}`);
  };
  const status = (node: FlowNode, fits: RegExp, since = 0) => comms.waitForStatus(node.id, fits, since);
  /** Settles when mail comes in at the node, as its status says. */
  const arrives = async (node: FlowNode, bytes: string): Promise<void> => {
    const since = comms.statuses(node.id).length;
    await world.dovecot.deliver(ALICE, bytes);
    await status(node, /^1 new$/, since);
    const red = comms
      .statuses(node.id)
      .slice(since)
      .filter(({ fill }) => fill === 'red');
    assert.deepEqual(red, []);
  };
  /** Deployed, signed in, and past the first check. */
  const runs = async (example: FlowNode[], more?: Partial<FlowNode>): Promise<FlowNode> => {
    const nodes = mine(example, more);
    await world.nodeRed.deploy(nodes);
    await signIn(world, of(nodes, 'oauth2-account'));
    const node = of(nodes, 'pop3 in');
    await status(node, /0 new|idle/, comms.statuses(node.id).length - 1);
    return node;
  };

  /** What each of them is there for. */
  const proofs: Record<string, (example: FlowNode[]) => Promise<void>> = {
    'first-mail.json': async (example) => {
      await arrives(await runs(example), mail('First'));
    },

    'acknowledged.json': async (example) => {
      await arrives(await runs(example), mail('Acknowledged'));
    },

    'attachments-to-disk.json': async (example) => {
      const node = await runs(example);
      const parts = ['report.txt', '../../evil.txt'].map(
        (name) =>
          `Content-Type: text/plain; name="${name}"\r\nContent-Disposition: attachment\r\n\r\n${name}`,
      );
      const body = ['', ...parts, '--']
        .map((part) => `--b${part === '--' ? '--' : `\r\n${part}`}`)
        .join('\r\n');
      await arrives(node, mail('Files', { 'Content-Type': 'multipart/mixed; boundary=b' }, body));
      for (const name of ['report.txt', '../../evil.txt']) {
        const { path, filename } = (await shown(example, 'file')).attachments as Record<string, string>;
        assert.equal(filename, name);
        assert.ok(isAbsolute(path ?? ''));
        assert.ok(path?.startsWith(join(world.nodeRed.userDir, 'mail-attachments')), path);
        assert.equal((await readFile(path ?? '', 'utf8')).trim(), name);
      }
    },

    'check-on-demand.json': async (example) => {
      const nodes = mine(example, { interval: 0 });
      await world.nodeRed.deploy(nodes);
      const ask = () => fetch(new URL('check-mail', world.nodeRed.url), { method: 'POST' });
      const refused = await ask();
      assert.equal(refused.status, 503);
      assert.equal(((await refused.json()) as { code: string }).code, 'SIGN_IN_AGAIN');
      await signIn(world, of(nodes, 'oauth2-account'));
      assert.equal((await ask()).status, 200);
      await world.dovecot.deliver(ALICE, mail('Asked for'));
      const { found, delivered } = (await (await ask()).json()) as Record<string, number>;
      assert.ok((found ?? 0) > 0);
      assert.equal(delivered, 1);
      assert.equal((await shown(example, 'emails')).topic, 'Asked for');
    },

    'health-alarm.json': async (example) => {
      await runs(example);
      const alarm = () => shown(example, 'send the alarm');
      assert.match(String((await alarm()).payload), /Not signed in/);
      assert.equal((await alarm()).topic, 'Mail: all clear');
      // Access tokens live three seconds; by then it shows.
      await world.provider.revokeAll();
      const { topic, payload } = await alarm();
      assert.equal(topic, 'Mail: alarm');
      assert.match(String(payload), /sign in again/);
      await signIn(world, of(mine(example), 'oauth2-account'));
      assert.equal((await alarm()).topic, 'Mail: all clear');
    },

    'auto-reply.json': async (example) => {
      await runs(example);
      const from = (who: string, subject: string, more: Record<string, string> = {}): Promise<void> =>
        world.dovecot.deliver(ALICE, mail(subject, { From: `Somebody <${who}>`, ...more }));
      await from(BOB, 'A question', { References: '<before@example.test>' });
      const answer = await smtp.next();
      assert.deepEqual([answer.user, answer.from, answer.to], [ALICE, ALICE, [BOB]]);
      for (const line of [
        'Auto-Submitted: auto-replied',
        'Subject: Auto: A question',
        'In-Reply-To: <A-question@example.test>',
        'References: <before@example.test> <A-question@example.test>',
      ]) {
        assert.ok(
          answer.mail.split(/\r?\n(?![ \t])/).some((one) => one.replace(/\s+/g, ' ') === line),
          line,
        );
      }
      assert.doesNotMatch(answer.mail, /Hello\./, 'nothing of the mail goes back');

      // These must get no answer, least of all an automatic answer itself. The last mail is answered, so all were processed.
      await world.dovecot.deliver(ALICE, answer.mail.replace(`From: ${ALICE}`, 'From: <robot@example.test>'));
      await from(BOB, 'Once more');
      await from(ALICE, 'To myself');
      await from('list@example.test', 'To the list', { 'List-Id': '<list.example.test>' });
      await from('news@example.test', 'News', { Precedence: 'bulk' });
      await from('robot@example.test', 'Done', { 'Auto-Submitted': 'auto-generated' });
      await from('holiday@example.test', 'I am away', { 'X-Auto-Response-Suppress': 'All' });
      await from('bounce@example.test', 'Undelivered', { 'Return-Path': '<>' });
      await from('no-reply@example.test', 'Your order');
      await from('carol@example.test', 'Another', { 'Return-Path': '<carol-mobile@example.test>' });
      assert.deepEqual((await smtp.next()).to, ['carol-mobile@example.test']);
      assert.equal(smtp.sent.length, 2);
      assert.deepEqual(smtp.refused, []);
    },

    'trusted-sender.json': async (example) => {
      const OWN = 'mx.example.test';
      const boss = 'boss@example.com';
      await runs(example, { trustedServer: OWN });
      const from = (who: string, subject: string, results: string): Promise<void> =>
        world.dovecot.deliver(ALICE, mail(subject, { From: who, 'Authentication-Results': results }));
      await from(boss, 'Forged', `${OWN}; dmarc=fail`);
      assert.equal((await shown(example, 'not trusted')).topic, 'Forged');
      await from(boss, 'Judged by another server', 'mx.example.org; dmarc=pass');
      assert.equal((await shown(example, 'not trusted')).topic, 'Judged by another server');
      await from(BOB, 'Somebody else', `${OWN}; dmarc=pass`);
      assert.equal((await shown(example, 'not trusted')).topic, 'Somebody else');
      await from(boss, 'Open', `${OWN}; dmarc=pass`);
      assert.equal((await shown(example, 'open the gate')).topic, 'Open');
    },

    'token-for-the-email-node.json': async (example) => {
      const nodes = mine(example);
      await world.nodeRed.deploy(nodes);
      await signIn(world, of(nodes, 'oauth2-account'));
      const { id } = of(nodes, 'inject');
      await world.nodeRed.inject(id);
      const { user, to, mail } = await smtp.next();
      assert.deepEqual([user, to], [ALICE, ['somebody@example.com']]);
      assert.match(mail, /^Subject: Hello from Node-RED$/m);
      assert.equal(smtp.refused.length, 0);
      // As the help says: ticked, the token is formatted twice.
      await world.nodeRed.deploy(
        nodes.map((node) => (node.type === 'e-mail' ? { ...node, saslformat: true } : node)),
      );
      await world.nodeRed.inject(id);
      await status(of(nodes, 'e-mail'), /sendfail/);
      const refused = smtp.refused.map(({ token }) => token);
      assert.match(Buffer.from(refused[0] ?? '', 'base64').toString(), /^user=alice/);
    },
  };

  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
    it(`${file} imports unchanged, and does what it says after a sign-in`, async () => {
      const example = JSON.parse(readFileSync(join(folder, file), 'utf8')) as FlowNode[];
      await world.nodeRed.deploy(example);
      const first = example.find(({ type }) => ['pop3 in', 'oauth2 token'].includes(type));
      if (first?.type === 'pop3 in') await status(first, /not signed in|no user|idle/);
      await (proofs[file] ?? assert.fail(`nothing proves ${file}`))(example);
    });
  }
});

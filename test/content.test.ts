import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { dovecotMissing } from '../servers/dovecot';
import { needs } from '../servers/needs';
import type { FlowNode } from '../servers/node-red';
import type { Received } from '../servers/sink';
import { ALICE, flows, mail, PASSWORD, pop3In, startWorld, type World } from './world';

const ATTACHED = mail(
  'With a file',
  { 'MIME-Version': '1.0', 'Content-Type': 'multipart/mixed; boundary=part' },
  [
    '--part',
    'Content-Type: text/plain',
    '',
    'See the file.',
    '--part',
    'Content-Type: application/octet-stream; name="../../note.txt"',
    'Content-Disposition: attachment; filename="../../note.txt"',
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from('kept on disk').toString('base64'),
    '--part--',
  ].join('\r\n'),
);

describe('what of a mail is fetched, and how much', function () {
  this.timeout(60_000);
  let world: World;
  before(async function () {
    needs(dovecotMissing).call(this);
    world = await startWorld({ version: 4 });
    await world.dovecot.deliver(ALICE, ATTACHED);
    await world.dovecot.deliver(ALICE, mail('Large', {}, 'x'.repeat(70).concat('\r\n').repeat(3000)));
  });
  after(() => world?.close());

  /** Deploys one node that keeps its own record, and returns what it sends for these subjects. */
  async function fetched(id: string, more: Partial<FlowNode>, count: number): Promise<Received[]> {
    const node = pop3In(world, {
      id,
      auth: 'password',
      account: '',
      credentials: { user: ALICE, password: PASSWORD },
      outputs: 2,
      summary: true,
      wires: [['messages'], ['errors']],
      ...more,
    });
    await world.nodeRed.deploy(flows(world, node));
    const messages: Received[] = [];
    while (messages.length < count) {
      const message = await world.sink.next('messages');
      if ((message.pop3 as { node: string }).node === id) messages.push(message);
    }
    return messages;
  }
  /** The first summary in which a number stands. */
  async function summaryWith(name: string): Promise<Record<string, number>> {
    for (;;) {
      const { payload } = (await world.sink.next('errors')) as { payload?: Record<string, number> };
      if (payload && (payload[name] ?? 0) > 0) return payload;
    }
  }

  it('raw: the bytes as they came', async () => {
    const [first] = await fetched('raw', { content: 'raw' }, 2);
    assert.ok(Buffer.isBuffer(first?.raw));
    assert.equal(first.raw.toString(), ATTACHED);
    assert.equal(first.topic, 'With a file');
  });

  it('attachments as files: in the configured folder, readable by their owner only, under a safe name', async () => {
    const directory = join(world.nodeRed.userDir, 'attachments');
    const [first] = await fetched('files', { attachments: 'file', directory }, 2);
    assert.ok(first);
    const [attachment] = first.attachments as { path: string; content?: unknown; filename: string }[];
    assert.ok(attachment);
    assert.ok(attachment.path.startsWith(`${directory}/`), attachment.path);
    assert.equal(attachment.content, undefined);
    assert.equal(await readFile(attachment.path, 'utf8'), 'kept on disk');
    assert.equal((await stat(attachment.path)).mode & 0o777, 0o600);
  });

  it('a larger mail: its headers, marked, and it is never deleted', async () => {
    const messages = await fetched('headers', { maxSize: 0.1, after: 'delete' }, 2);
    const large = messages.find(({ topic }) => topic === 'Large');
    assert.ok(large);
    assert.equal((large.mail as { truncated: boolean }).truncated, true);
    assert.ok(Number((large.pop3 as { size: number }).size) > 200_000);
    assert.equal((await summaryWith('deleted')).deleted, 1);
    assert.deepEqual(
      (await world.dovecot.mails(ALICE)).map((bytes) => bytes.includes('Subject: Large')),
      [true],
    );
  });

  it('a larger mail left out is counted and stays', async () => {
    await world.dovecot.deliver(ALICE, mail('Small'));
    const messages = await fetched('skip', { maxSize: 0.1, oversize: 'skip', after: 'delete' }, 1);
    assert.equal(messages[0]?.topic, 'Small');
    assert.equal((await summaryWith('skipped')).skipped, 1);
    assert.ok((await world.dovecot.mails(ALICE)).some((bytes) => bytes.includes('Subject: Large')));
  });

  it('so many mails in one check, the rest in the next ones', async () => {
    for (const subject of ['One', 'Two', 'Three']) await world.dovecot.deliver(ALICE, mail(subject));
    const messages = await fetched('few', { maxPerCheck: 1, maxSize: 0.1, oversize: 'skip' }, 3);
    const checks = messages.map(({ pop3 }) => (pop3 as { check: string }).check);
    assert.equal(new Set(checks).size, 3);
  });
});

import assert from 'node:assert/strict';
import { type DeliveredMail, openSession, previewMailbox, type Session, sendOne } from '../../nodes/mailbox';
import { brokenMail } from '../../servers/mailbox-checker';
import { type ScriptedOptions, ScriptedPop3 } from '../../servers/scripted-pop3';
import { ALICE, mail } from '../world';

const signal = new AbortController().signal;
const open: ScriptedPop3[] = [];

async function session(options: ScriptedOptions): Promise<{ server: ScriptedPop3; session: Session }> {
  const server = await new ScriptedPop3(options).listen();
  open.push(server);
  const login = { user: ALICE, mechanism: 'auto' as const, password: 'x' };
  return {
    server,
    session: await openSession({ host: '127.0.0.1', port: server.port, security: 'none' }, login, signal),
  };
}

const commands = (server: ScriptedPop3): string[] => server.received.map((line) => line.split(' ')[0] ?? '');
const parts = (delivered: DeliveredMail[], more: object = {}) => ({
  reading: { content: 'parsed', attachments: 'buffer' } as const,
  origin: { node: 'n', user: ALICE, host: 'localhost' },
  deliver: async (message: DeliveredMail) => void delivered.push(message),
  maxSize: 0,
  ...more,
});

describe('a preview of a mailbox', () => {
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });

  it('shows the newest first, ten at most, and never asks for RETR or DELE', async () => {
    const mails = Array.from({ length: 12 }, (_, index) =>
      mail(`Mail ${index + 1}`, { Subject: `=?utf-8?q?M=C3=A4il_${index + 1}?=` }),
    );
    const { server, session: opened } = await session({ mails });
    const shown = await previewMailbox(opened, { most: 10, signal });
    assert.deepEqual(
      shown.map(({ subject }) => subject),
      Array.from({ length: 10 }, (_, index) => `Mäil ${12 - index}`),
    );
    assert.equal(shown[0]?.from, 'Bob');
    assert.equal(shown[0]?.date, '2026-11-02T09:00:00.000Z');
    assert.equal(shown[0]?.bytes, Buffer.byteLength(mails[11] ?? ''));
    const said = commands(server);
    assert.ok(!said.includes('RETR') && !said.includes('DELE'), said.join());
    assert.deepEqual(said.slice(-2), ['RSET', 'QUIT']);
    assert.equal(server.mails.length, 12);
  });

  it('shows one whose headers cannot be had by its size, and an empty mailbox as empty', async () => {
    const { session: opened } = await session({
      mails: [mail('One'), mail('Two')],
      commands: { TOP: (argument, at) => (argument.startsWith('1 ') ? '-ERR no\r\n' : usual(at, argument)) },
    });
    const shown = await previewMailbox(opened, { most: 10, signal });
    assert.deepEqual(
      shown.map(({ subject }) => subject),
      ['Two', undefined],
    );
    assert.ok(shown[1]?.bytes);
    const { session: empty } = await session({ mails: [] });
    assert.deepEqual(await previewMailbox(empty, { most: 10, signal }), []);
  });

  it('shows and sends the headers of small mails of a server without TOP', async () => {
    const server = {
      mails: [mail('One'), mail('Large', {}, 'x'.repeat(300_000))],
      commands: { TOP: () => '-ERR unknown command\r\n' },
    };
    const { server: first, session: opened } = await session(server);
    const shown = await previewMailbox(opened, { most: 10, signal });
    assert.deepEqual(
      shown.map(({ subject }) => subject),
      [undefined, 'One'],
    );
    assert.deepEqual(commands(first).slice(-3), ['RETR', 'RSET', 'QUIT']);
    const { session: second } = await session(server);
    const delivered: DeliveredMail[] = [];
    const reading = { content: 'headers', attachments: 'none' } as const;
    await sendOne(second, shown[1]?.key ?? '', parts(delivered, { reading }), signal);
    assert.equal(delivered[0]?.topic, 'One');
  });

  const usual = (at: unknown, argument: string) =>
    open[0]?.usual('TOP', argument, at as Parameters<ScriptedPop3['usual']>[2]);

  it('sends a chosen one, marked as a possible repeat, and leaves without QUIT', async () => {
    const mails = [mail('One'), mail('Two', {}, 'Second.'), mail('Three')];
    const { session: first } = await session({ mails });
    const [, two] = await previewMailbox(first, { most: 10, signal });
    // Another session, where the first mail is gone: numbers have moved, the unique ID has not.
    const { server, session: second } = await session({ mails: mails.slice(1), uids: ['uid-2', 'uid-3'] });
    const delivered: DeliveredMail[] = [];
    await sendOne(second, two?.key ?? '', parts(delivered), signal);
    assert.equal(delivered.length, 1);
    const [message] = delivered;
    assert.equal(message?.topic, 'Two');
    assert.match(String(message?.payload), /Second/);
    const { delivery, check, size, ...rest } = message?.pop3 ?? assert.fail();
    assert.ok(delivery && check && size > 0);
    assert.deepEqual(rest, {
      node: 'n',
      user: ALICE,
      host: 'localhost',
      uid: 'uid-2',
      number: 1,
      attempt: 1,
      redelivered: true,
    });
    const said = commands(server);
    assert.equal(said.filter((word) => word === 'RETR').length, 1);
    assert.ok(!said.includes('QUIT') && !said.includes('DELE'));
  });

  it('sends a large one that cannot be parsed raw', async () => {
    const { server, session: opened } = await session({ mails: [brokenMail('x')] });
    const delivered: DeliveredMail[] = [];
    await sendOne(opened, 'uuid-1', parts(delivered), signal);
    assert.equal(delivered[0]?.raw?.toString(), brokenMail('x'));
    assert.equal(delivered[0]?.pop3.size, brokenMail('x').length);
    assert.equal(commands(server).filter((word) => word === 'RETR').length, 2);
  });

  it('sends the headers of one that is too large, and says when one is gone', async () => {
    const { server, session: opened } = await session({ mails: [mail('Large', {}, 'x'.repeat(5000))] });
    const delivered: DeliveredMail[] = [];
    await sendOne(opened, 'uuid-1', parts(delivered, { maxSize: 1000 }), signal);
    assert.equal(delivered[0]?.mail.truncated, true);
    assert.ok(!commands(server).includes('RETR'));
    const { session: other } = await session({ mails: [mail('Another')] });
    await assert.rejects(sendOne(other, 'ugone', parts([]), signal), { reason: 'mail-gone' });
  });
});

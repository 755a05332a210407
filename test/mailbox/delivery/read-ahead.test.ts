// Many mails at once: read ahead in the second thread, delivered as if they were not.
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { secondThread } from '../../../nodes/mail/thread';
import { readAhead } from '../../../nodes/mailbox/delivery/read-ahead';
import type { RetrievedMail } from '../../../nodes/pop3';
import { Box, type BoxedMail, Checker, cleanUp, MINUTE, mailOf } from '../../../servers/mailbox-checker';
import type { ScriptedOptions } from '../../../servers/scripted-pop3';

const MANY = 300;
const many = (): BoxedMail[] =>
  Array.from({ length: MANY }, (_, index) => ({ uid: `u${index}`, mail: mailOf(`mail ${index}`) }));
const uids = (count = MANY): string => Array.from({ length: count }, (_, index) => `u${index}`).join(' ');

describe('mailbox: many mails at once', () => {
  let box: Box;
  before(function () {
    // With one core nothing is read ahead.
    if (availableParallelism() === 1) this.skip();
    process.on('worker', onWorker);
  });
  let worker: Worker | undefined;
  const onWorker = (started: Worker): void => {
    worker = started;
  };
  after(() => process.off('worker', onWorker));
  afterEach(async () => {
    await box?.close();
    await cleanUp();
  });

  it('are read by the second thread, and come in order, each as it is', async () => {
    box = await Box.start(many());
    const node = await Checker.begun();
    const { summary } = await node.check(box);
    assert.ok(secondThread.runs);
    assert.equal(node.uids, uids());
    assert.deepEqual(
      node.delivered.map(({ topic, payload, pop3 }) => [topic, payload, pop3.size]),
      many().map(({ mail }, index) => [`mail ${index}`, `This is mail ${index}.\n`, mail.length]),
    );
    assert.deepEqual([summary.fetched, summary.failed, summary.redelivered], [MANY, 0, 0]);
    assert.equal(
      summary.bytes,
      many().reduce((octets, { mail }) => octets + mail.length, 0),
    );
  });

  it('come all the same where the thread dies in the middle', async function () {
    // Each time a thread is started, which takes a busy machine a while.
    this.timeout(60_000);
    box = await Box.start(many());
    const node = await Checker.begun();
    let killed = 0;
    node.onDeliver = async () => {
      if (node.delivered.length % 100 !== 1 || worker === undefined) return;
      killed += 1;
      await worker.terminate();
    };
    const { summary } = await node.check(box);
    assert.ok(killed > 0);
    assert.equal(node.uids, uids());
    assert.deepEqual([summary.fetched, summary.failed], [MANY, 0]);
  });

  it('keep their order with a large one among them', async () => {
    const mails = many();
    const large = mailOf('large') + 'a line\r\n'.repeat(50_000);
    mails[150] = { uid: 'u150', mail: large };
    box = await Box.start(mails);
    const node = await Checker.begun();
    await node.check(box);
    assert.equal(node.uids, uids());
    assert.equal(node.delivered[150]?.pop3.size, large.length);
  });

  it('have come up to where the line drops, and the others come unmarked the next time', async () => {
    let drops = true;
    const commands: ScriptedOptions['commands'] = {
      RETR: (argument, session) => {
        if (!drops || argument !== '151') return box.server.usual('RETR', argument, session);
        session.socket.end(`+OK\r\n${mailOf('mail 150').slice(0, -30)}`);
        return undefined;
      },
    };
    box = await Box.start(many(), { commands });
    const node = await Checker.begun();
    await assert.rejects(node.check(box), { code: 'CONNECT' });
    assert.equal(node.uids, uids(150));
    drops = false;
    node.clock.advance(MINUTE);
    await node.check(box);
    assert.equal(node.uids, uids());
  });

  it('given up in the middle: none comes any more, and none is marked afterwards', async () => {
    box = await Box.start(many());
    const node = await Checker.begun();
    node.onDeliver = () => {
      if (node.delivered.length === 100) node.stop.abort();
    };
    await assert.rejects(node.check(box));
    assert.equal(node.uids, uids(100));
    const next = await node.restarted();
    await next.check(box);
    assert.equal(`${node.uids} ${next.uids}`, uids());
  });

  it('are read ahead so far and no further', async () => {
    const octets = 100_000;
    let asked = 0;
    async function* bytes(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(octets, 'a');
    }
    async function* source(): AsyncGenerator<RetrievedMail> {
      for (let number = 1; number <= 200; number += 1) {
        asked = number;
        yield { number, body: bytes() };
      }
    }
    const { signal } = new AbortController();
    let taken = 0;
    for await (const { number } of readAhead(
      source(),
      { whole: true, count: 200, canDownloadAgain: () => false, announced: () => undefined },
      { content: 'parsed', attachments: 'none' },
      signal,
    )) {
      assert.equal(number, ++taken);
      assert.ok((asked - taken) * octets <= 1024 * 1024 + octets, `${asked - taken} ahead`);
      await new Promise(setImmediate);
    }
    assert.equal(taken, 200);
  });
});

// Many mails at once come in order, each as it is, whatever happens in the middle.
import assert from 'node:assert/strict';
import { Box, type BoxedMail, Checker, cleanUp, MINUTE, mailOf } from '../../../servers/mailbox-checker';
import type { ScriptedOptions } from '../../../servers/scripted-pop3';

const MANY = 300;
const many = (): BoxedMail[] =>
  Array.from({ length: MANY }, (_, index) => ({ uid: `u${index}`, mail: mailOf(`mail ${index}`) }));
const uids = (count = MANY): string => Array.from({ length: count }, (_, index) => `u${index}`).join(' ');

describe('mailbox: many mails at once', () => {
  let box: Box;
  afterEach(async () => {
    await box?.close();
    await cleanUp();
  });

  it('come in order, each as it is', async () => {
    box = await Box.start(many());
    const node = await Checker.begun();
    const { summary } = await node.check(box);
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
});

import assert from 'node:assert/strict';
import { asOwner, type OwnedAct } from '../../nodes/mailbox/ownership';
import { sendMail } from '../../nodes/node-red/send-mail';
import { Box, Checker, cleanUp, lettered } from '../../servers/mailbox-checker';

describe('mailbox: what only its owner may do', () => {
  afterEach(cleanUp);

  it('is done in the turn in which that is certain, and after a wait where the answer takes one', async () => {
    const events: string[] = [];
    const run = (): number => events.push('done');
    const done = asOwner(() => undefined, 'deliver', run);
    events.push('turn over');
    assert.equal(await done, 1);
    await asOwner(async () => void events.push('answered'), 'deliver', run);
    assert.deepEqual(events, ['done', 'turn over', 'answered', 'done']);
  });

  it('is not done by another one', async () => {
    const run = (): void => assert.fail('done');
    const refuse = (): void => {
      throw new RangeError('not ours');
    };
    await assert.rejects(asOwner(refuse, 'quit', run), RangeError);
    await assert.rejects(
      asOwner(async () => refuse(), 'quit', run),
      RangeError,
    );
  });

  it('is sending a mail', async () => {
    const events: string[] = [];
    const node = { send: () => events.push('sent'), metric: () => undefined };
    const assertOwner = (act: OwnedAct): void => {
      events.push(act);
      queueMicrotask(() => events.push('turn over'));
    };
    await sendMail(node as never, { pop3: { size: 1 } } as never, false, assertOwner);
    assert.deepEqual(events, ['deliver', 'sent', 'turn over']);
  });

  it('is deleting, and QUIT after that', async () => {
    const box = await Box.start(lettered('ab'));
    try {
      const node = await Checker.begun({ after: 'delete' });
      const asked: [act: OwnedAct, deletions: number, quits: number][] = [];
      node.assertOwner = (act) => void asked.push([act, box.said('DELE').length, box.said('QUIT').length]);
      await node.check(box);
      assert.deepEqual(asked, [
        ['delete', 0, 0],
        ['quit', 2, 0],
      ]);
      assert.deepEqual(box.uids, []);
    } finally {
      await box.close();
    }
  });
});

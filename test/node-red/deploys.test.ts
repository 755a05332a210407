import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { Stop } from '../../nodes/base/stop';
import { deploysOf } from '../../nodes/node-red/deploys';

describe('sending beside deploys', () => {
  const never = new Stop();
  const start = () => {
    const events = new EventEmitter();
    return { events, deploys: deploysOf({ events } as never) };
  };

  it('sends, and is done when it was sent', async () => {
    const { events, deploys } = start();
    events.emit('flows:started');
    let sent = 0;
    await deploys.between(never, async () => {
      sent += 1;
    });
    assert.equal(sent, 1);
  });

  it('does not count what was on its way when the flows were stopped', async () => {
    const { events, deploys } = start();
    const sending = deploys.between(never, async () => {
      events.emit('flows:stopping');
    });
    await assert.rejects(sending, { name: 'MailboxError', reason: 'stopped' });
  });

  it('waits until the flows run again', async () => {
    const { events, deploys } = start();
    events.emit('flows:stopping');
    const seen = new EventEmitter();
    let sent = false;
    const sending = deploys.between(never, async () => {
      sent = true;
      seen.emit('sent');
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sent, false);
    const heard = once(seen, 'sent');
    events.emit('flows:started');
    await Promise.all([heard, sending]);
    await deploys.between(never, async () => undefined);
  });

  it('waits no longer when its own node is closed, and sends nothing', async () => {
    const { events, deploys } = start();
    events.emit('flows:stopping');
    const closing = new Stop();
    const sending = deploys.between(closing, () => assert.fail('sent'));
    closing.stop();
    await assert.rejects(sending, { name: 'AbortError' });
    await assert.rejects(
      deploys.between(closing, () => assert.fail('sent')),
      { name: 'AbortError' },
    );
  });

  it('has one listener of each kind, however many send', () => {
    const { events } = start();
    for (let many = 0; many < 20; many += 1) deploysOf({ events } as never);
    assert.equal(events.listenerCount('flows:stopping'), 1);
  });
});

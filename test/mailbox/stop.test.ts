import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Stop } from '../../nodes/base/stop';

describe('what is stopped once', () => {
  it('ends everything that uses its signal, and what begins later at once', async () => {
    const stop = new Stop();
    const ended: string[] = [];
    const use = (name: string) =>
      stop.during(async (signal) => {
        if (!signal.aborted) await once(signal, 'abort');
        ended.push(name);
      });
    const [one, other] = [use('one'), use('other')];
    assert.equal(stop.isStopped, false);
    stop.stop();
    await Promise.all([one, other, use('late')]);
    assert.deepEqual(ended.sort(), ['late', 'one', 'other']);
    assert.equal(stop.isStopped, true);
  });

  it('keeps its signal for as long as something uses it, even where another use has ended', async () => {
    const stop = new Stop();
    let aborted = false;
    const long = stop.during(async (signal) => {
      await once(signal, 'abort');
      aborted = signal.aborted;
    });
    await stop.during(async () => undefined);
    await assert.rejects(
      stop.during(async () => {
        throw new Error('failed');
      }),
      /failed/,
    );
    stop.stop();
    await long;
    assert.equal(aborted, true);
  });

  it('has no signal while nothing uses it', async () => {
    const stop = new Stop();
    const signals: AbortSignal[] = [];
    for (let at = 0; at < 2; at += 1) await stop.during(async (signal) => void signals.push(signal));
    assert.notEqual(signals[0], signals[1]);
  });
});

import assert from 'node:assert/strict';
import { Meeting } from './meeting';

describe('runtime/fleet: what all drills wait for', () => {
  let acted: number;
  let passed: string[];
  const meetingOf = (underWay: number, act: () => Promise<void> = async () => undefined): Meeting =>
    new Meeting(underWay, () => {
      acted += 1;
      return act();
    });
  /** Arrives, and writes down that it continues. */
  const arrive = (meeting: Meeting, name: string): Promise<void> =>
    meeting.arrive().then(() => {
      passed.push(name);
    });
  /** Everything that can go on has gone on. */
  const settled = (): Promise<void> => new Promise(setImmediate);
  beforeEach(() => {
    acted = 0;
    passed = [];
  });

  it('is done once, when the last has come, and none continues before it is over', async () => {
    let over: () => void = () => undefined;
    const meeting = meetingOf(
      2,
      () =>
        new Promise((resolve) => {
          over = resolve;
        }),
    );
    const all = [arrive(meeting, 'a')];
    await settled();
    assert.deepEqual([acted, passed], [0, []]);
    all.push(arrive(meeting, 'b'));
    await settled();
    assert.deepEqual([acted, passed], [1, []]);
    over();
    await Promise.all(all);
    assert.deepEqual([acted, passed], [1, ['a', 'b']]);
  });

  it('waits for none that has ended', async () => {
    const meeting = meetingOf(3);
    const all = [arrive(meeting, 'a'), arrive(meeting, 'b')];
    await settled();
    assert.equal(acted, 0);
    meeting.leave();
    await Promise.all(all);
    assert.equal(acted, 1);
    // Those that met end later: there is nothing left to do.
    meeting.leave();
    meeting.leave();
    await settled();
    assert.equal(acted, 1);
  });

  it('fails for each that waits, where it fails', async () => {
    const meeting = meetingOf(2, () => Promise.reject(new Error('no database')));
    const all = await Promise.allSettled([arrive(meeting, 'a'), arrive(meeting, 'b')]);
    assert.deepEqual(
      all.map((one) => one.status === 'rejected' && (one.reason as Error).message),
      ['no database', 'no database'],
    );
    assert.deepEqual(passed, []);
  });
});

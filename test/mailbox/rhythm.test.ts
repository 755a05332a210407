import assert from 'node:assert/strict';
import { type MailboxErrorCode, systemClock } from '../../nodes/mailbox';
import { nextCheckIn, type RhythmState, retryDelay } from '../../nodes/mailbox/rhythm';
import { HOUR, MINUTE } from '../../servers/mailbox-checker';

const middle = (): number => 0.5;
const calm: RhythmState = { interval: 300, loginDelay: 0, failures: 0, more: false };
const next = (changes: Partial<RhythmState>, tookMs = 0, random = middle): number | undefined =>
  nextCheckIn({ ...calm, ...changes }, tookMs, random);
const failed = (code: MailboxErrorCode, failures: number, more: Partial<RhythmState> = {}) =>
  next({ failure: { code }, failures, ...more });

describe('the rhythm', () => {
  it('is the interval, less what the check took, and never nothing', () => {
    assert.equal(next({}), 300_000);
    assert.equal(next({}, 20_000), 280_000);
    assert.equal(next({}, 400_000), 1000);
    assert.equal(next({}, -24 * HOUR), 300_000, 'a clock that was set back');
  });

  it('spreads many mailboxes over time', () => {
    assert.equal(
      next({}, 0, () => 0),
      285_000,
    );
    assert.equal(
      next({}, 0, () => 0.999_999),
      315_000,
    );
  });

  it('comes only when asked without an interval, also where the server announces one', () => {
    assert.equal(next({ interval: 0 }), undefined);
    assert.equal(next({ interval: 0, loginDelay: 300 }), undefined);
  });

  it('is raised by the LOGIN-DELAY of CAPA, never lowered', () => {
    assert.equal(next({ interval: 60, loginDelay: 300 }), 300_000);
    assert.equal(next({ interval: 600, loginDelay: 300 }), 600_000);
  });

  it('goes on at once while more is waiting, as soon as the server lets it', () => {
    assert.equal(next({ more: true }), 1000);
    assert.equal(next({ more: true, loginDelay: 300 }), 300_000);
  });

  it('asks no refused login again for 15 minutes, doubling to 6 hours', () => {
    for (const code of ['AUTH', 'SYS_PERM'] as const) {
      const waits = [1, 2, 3, 4, 5, 6, 60, 2000].map((failures) => failed(code, failures));
      assert.deepEqual(
        waits,
        [15, 30, 60, 120, 240, 360, 360, 360].map((minutes) => minutes * MINUTE),
        code,
      );
      assert.equal(failed(code, 1, { interval: 0 }), 15 * MINUTE);
    }
  });

  it('waits for a person only where a sign-in is needed', () => {
    assert.equal(failed('SIGN_IN_AGAIN', 1), undefined);
    const others: MailboxErrorCode[] = ['CONFIG', 'TLS', 'CONNECT', 'TIMEOUT', 'IN_USE', 'LOGIN_DELAY'];
    others.push('SYS_TEMP', 'PROTOCOL', 'LIMIT', 'POISON', 'STORE', 'AUTH', 'SYS_PERM');
    for (const code of others) {
      for (const failures of [1, 2, 10, 1000, 1e6]) {
        const wait = failed(code, failures) ?? assert.fail(`${code}: never again`);
        assert.ok(wait >= 1000 && wait <= 6 * HOUR, `${code} after ${failures}: ${wait}`);
      }
    }
  });

  it('looks at a folder that another Node-RED uses every 15 s, however long that takes', () => {
    for (const failures of [1, 2, 10, 1000]) {
      const failure = { code: 'STORE', reason: 'folder-in-use' } as const;
      assert.equal(next({ failure, failures }), 15_000);
    }
  });

  it('asks the database of a fleet every 5 s, not less and less often, and no server before it accepts a login', () => {
    const failure = { code: 'STORE', reason: 'database-unavailable' } as const;
    for (const failures of [1, 2, 10, 1000]) assert.equal(next({ failure, failures }), 5_000);
    assert.equal(next({ failure, failures: 3, loginDelay: 60 }), 60_000);
    assert.equal(next({ failure, failures: 6, interval: 0 }), undefined);
  });

  it('retries soon after a temporary error, then at growing intervals', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 2000].map((failures) => failed('CONNECT', failures));
    assert.deepEqual(waits, [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
    assert.equal(failed('IN_USE', 1), 30_000);
    assert.equal(failed('CONNECT', 2000, { interval: 3600 }), HOUR, 'no more often than the interval');
  });

  it('waits as long as the server says, a day at most', () => {
    const told = (code: MailboxErrorCode, retryAfterMs: number) =>
      next({ failure: { code, retryAfterMs }, failures: 1 });
    assert.equal(told('LOGIN_DELAY', 15 * MINUTE), 15 * MINUTE);
    assert.equal(told('SYS_TEMP', 2 * HOUR), 2 * HOUR);
    assert.equal(told('SYS_TEMP', 10), 60_000, 'a shorter time than ours is no reason to hurry');
    assert.equal(told('LOGIN_DELAY', 999_999 * HOUR), 24 * HOUR);
  });

  it('too soon, without a time: not again at once, and not before what CAPA has announced', () => {
    assert.equal(failed('LOGIN_DELAY', 1), MINUTE);
    assert.equal(failed('LOGIN_DELAY', 1, { loginDelay: 600, interval: 30 }), 600_000);
    const early = next({ failure: { code: 'LOGIN_DELAY' }, failures: 1, loginDelay: 300 }, 0, () => 0);
    assert.equal(early, 300_000);
  });

  it('gives up after a while where it was only asked', () => {
    assert.equal(failed('CONNECT', 5, { interval: 0 }), 80_000);
    assert.equal(failed('CONNECT', 6, { interval: 0 }), undefined);
  });

  it('is never longer than a timer can be', () => {
    const month = next({ interval: 31 * 24 * 3600 }) ?? assert.fail();
    assert.equal(month, 2 ** 31 - 1);
    assert.ok((failed('CONNECT', 2000, { interval: 365 * 24 * 3600 }) ?? 0) <= 2 ** 31 - 1);
  });

  it('tries a mail that failed at growing distance, six hours at most', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 1000].map(retryDelay);
    for (const [index, wait] of waits.entries()) assert.ok(wait >= (waits[index - 1] ?? 1), `${index}`);
    assert.equal(waits[0], 15_000);
    assert.equal(waits[1], 60_000);
    assert.equal(waits.at(-1), 6 * HOUR);
  });
});

describe("the system's clock", () => {
  it('rings, and can be told not to', async () => {
    let rung = 0;
    const timer = systemClock.setTimeout(() => {
      rung += 1;
    }, 0);
    systemClock.clearTimeout(timer);
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, 1));
    assert.equal(rung, 0);
    assert.ok(Math.abs(systemClock.now() - Date.now()) < 1000);
  });

  it('rings a long time never early, and at moments that many timers share', () => {
    const lengths = [50, 9_999, 10_000, 10_001, 299_876.5, 3e10].map((ms) => {
      const timer = systemClock.setTimeout(() => undefined, ms) as { _idleTimeout: number };
      const { _idleTimeout: length } = timer;
      systemClock.clearTimeout(timer);
      return length;
    });
    assert.deepEqual(lengths, [50, 9_999, 10_000, 10_100, 299_900, 2 ** 31 - 1]);
  });
});

import assert from 'node:assert/strict';
import type { TokenState } from '../../nodes/oauth2';
import { SignInEnd } from '../../nodes/runtime';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('the end of a sign-in', () => {
  let now: number;
  let due: { run: () => void; at: number } | undefined;
  let warned: boolean[];
  let end: SignInEnd;
  const clock = {
    now: () => now,
    // No longer than a real timer can.
    setTimeout: (run: () => void, ms: number) => {
      due = { run, at: now + Math.min(ms, 20 * DAY) };
      return due;
    },
    clearTimeout: (timer: unknown) => {
      if (timer === due) due = undefined;
    },
  };
  const pass = (ms: number): void => {
    const until = now + ms;
    while (due !== undefined && due.at <= until) {
      const { run, at } = due;
      now = at;
      due = undefined;
      run();
    }
    now = until;
  };
  const signedIn = (endsAt: number | undefined, renewable = false): TokenState => ({
    kind: 'signed-in',
    renewable,
    ...(endsAt !== undefined && { endsAt }),
  });

  beforeEach(() => {
    now = Date.UTC(2026, 0, 1);
    due = undefined;
    warned = [];
    end = new SignInEnd(clock, (renewable) => warned.push(renewable));
  });

  it('is said a day before, once', () => {
    end.hear(signedIn(now + 90 * DAY, true));
    pass(89 * DAY - 1);
    assert.deepEqual(warned, []);
    pass(1);
    assert.deepEqual(warned, [true]);
    // A renewal later the server counts the same end to the second, and we to the millisecond.
    end.hear(signedIn(now + DAY + 900, true));
    pass(DAY);
    assert.deepEqual(warned, [true]);
    end.hear(signedIn(now + 7 * DAY, true));
    pass(6 * DAY);
    assert.deepEqual(warned, [true, true]);
  });

  it('is said at once where less is left', () => {
    end.hear(signedIn(now + HOUR));
    assert.deepEqual(warned, [false]);
  });

  it('is not reported after a new sign-in or a renewal, nor where the expiry is unknown', () => {
    end.hear(signedIn(now + 3 * DAY, true));
    pass(DAY);
    end.hear(signedIn(now + 30 * DAY, true));
    pass(5 * DAY);
    end.hear(signedIn(undefined, true));
    pass(90 * DAY);
    assert.deepEqual(warned, []);
    assert.equal(due, undefined);
  });

  it('is not said when the account is gone, or signed out', () => {
    end.hear(signedIn(now + 3 * DAY));
    end.hear({ kind: 'signed-out' });
    assert.equal(due, undefined);
    end.hear(signedIn(now + 3 * DAY));
    end.stop();
    assert.equal(due, undefined);
  });
});

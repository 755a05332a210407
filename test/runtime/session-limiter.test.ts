import assert from 'node:assert/strict';
import { MOST_SESSIONS, Turns } from '../../nodes/runtime/session-limiter';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A session that lasts until it is told to end. */
class Session {
  running = false;
  readonly abort = new AbortController();
  readonly over: Promise<unknown>;
  end: () => void = () => undefined;

  constructor(turns: Turns, mailbox: string) {
    this.over = turns.take(
      mailbox,
      async () => {
        this.running = true;
        await new Promise<void>((resolve) => {
          this.end = resolve;
        });
        this.running = false;
      },
      this.abort.signal,
    );
    // Each test looks at the outcome itself, or does not care.
    this.over.catch(() => undefined);
  }
}

describe('turns', () => {
  let turns: Turns;
  beforeEach(() => {
    turns = new Turns();
  });
  const running = (sessions: Session[]): string =>
    sessions.map((session) => (session.running ? 'x' : '.')).join('');

  it('one session a mailbox, in the order of asking', async () => {
    const sessions = ['a', 'a', 'b', 'a'].map((mailbox) => new Session(turns, mailbox));
    for (const [ends, expected] of [
      [0, 'x.x.'],
      [1, '.xx.'],
      [3, '..xx'],
    ] as const) {
      await turn();
      assert.equal(running(sessions), expected);
      sessions[ends]?.end();
    }
    sessions[2]?.end();
    await Promise.all(sessions.map(({ over }) => over));
  });

  it('tells a session that others wait for its place, or for its mailbox', async () => {
    const { signal } = new AbortController();
    const wanted: (() => boolean)[] = [];
    const ends: (() => void)[] = [];
    const take = (mailbox: string): Promise<void> =>
      turns.take(
        mailbox,
        ({ isWanted }) => {
          wanted.push(isWanted);
          return new Promise<void>((resolve) => ends.push(resolve));
        },
        signal,
      );
    const held = Array.from({ length: MOST_SESSIONS }, (_, at) => take(`m${at}`));
    await turn();
    const said = (): boolean[] => [...new Set(wanted.map((isWanted) => isWanted()))];
    assert.deepEqual(said(), [false]);
    held.push(take('m0'));
    await turn();
    assert.deepEqual([wanted[0]?.(), wanted[1]?.()], [true, false]);
    held.push(take('another'));
    await turn();
    assert.deepEqual(said(), [true]);
    for (let at = 0; at < held.length; at += 1) {
      while (ends[at] === undefined) await turn();
      ends[at]?.();
    }
    await Promise.all(held);
  });

  it('gives back what a session gives, or throws', async () => {
    const { signal } = new AbortController();
    assert.equal(await turns.take('a', async () => 17, signal), 17);
    const failing = turns.take('a', () => Promise.reject(new Error('no')), signal);
    await assert.rejects(failing, /no/);
    const worse = turns.take(
      'a',
      () => {
        throw new Error('at once');
      },
      signal,
    );
    await assert.rejects(worse, /at once/);
    assert.equal(await turns.take('a', async () => 18, signal), 18, 'a failure frees its place');
  });

  it('so many in all, and the next when one ends', async () => {
    const sessions = Array.from({ length: MOST_SESSIONS + 2 }, (_, at) => new Session(turns, `${at}`));
    await turn();
    assert.equal(running(sessions), `${'x'.repeat(MOST_SESSIONS)}..`);
    sessions[5]?.end();
    await turn();
    assert.equal(sessions.filter((session) => session.running).length, MOST_SESSIONS);
    assert.equal(sessions[MOST_SESSIONS]?.running, true);
    assert.equal(MOST_SESSIONS, 16);
  });

  it('canceled while waiting for the mailbox: at once, and no other session starts beside the running one', async () => {
    const first = new Session(turns, 'a');
    await turn();
    const second = new Session(turns, 'a');
    second.abort.abort(new Error('deploy'));
    await assert.rejects(second.over, /deploy/);
    const third = new Session(turns, 'a');
    await turn();
    assert.deepEqual([first.running, second.running, third.running], [true, false, false]);
    first.end();
    await turn();
    assert.equal(third.running, true);
  });

  it('given up while waiting for a place: at once, and the place is not lost', async () => {
    const sessions = Array.from({ length: MOST_SESSIONS }, (_, at) => new Session(turns, `${at}`));
    const leaving = new Session(turns, 'leaving');
    const staying = new Session(turns, 'staying');
    await turn();
    leaving.abort.abort(new Error('deploy'));
    await assert.rejects(leaving.over, /deploy/);
    for (const session of sessions) session.end();
    await turn();
    assert.equal(staying.running, true);
    staying.end();
    const again = Array.from({ length: MOST_SESSIONS }, (_, at) => new Session(turns, `again ${at}`));
    await turn();
    assert.equal(running(again), 'x'.repeat(MOST_SESSIONS));
  });

  it('not for a caller that canceled before', async () => {
    const signal = AbortSignal.abort();
    let ran = false;
    await assert.rejects(
      turns.take(
        'a',
        async () => {
          ran = true;
        },
        signal,
      ),
    );
    assert.equal(ran, false);
  });
});

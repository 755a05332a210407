import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MailboxError } from '../../nodes/mailbox';
import { BEAT_MS, FolderLock, STALE_MS } from '../../nodes/runtime/folder-lock';
import { cleanUp, newFolder, TestClock } from '../../servers/mailbox-checker';

const LOOK_MS = 500;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A runtime that wants the folder, or has it. */
class Runtime {
  readonly clock = new TestClock();
  readonly lock: FolderLock;
  readonly abort = new AbortController();
  outcome: 'waiting' | 'has it' | { code: string; reason: string } = 'waiting';

  constructor(folder: string) {
    this.lock = new FolderLock(folder, this.clock);
  }

  begin(): void {
    this.lock.acquire(this.abort.signal).then(
      () => {
        this.outcome = 'has it';
      },
      (error) => {
        this.outcome = error;
      },
    );
  }

  /** Until it waits for its clock, or has an outcome. */
  async settled(): Promise<void> {
    while (this.outcome === 'waiting' && this.clock.waits.length === 0) await turn();
  }

  /** Lets so much time pass for those that wait, one poll at a time. */
  async wait(ms: number): Promise<void> {
    for (let waited = 0; waited < ms && this.outcome === 'waiting'; waited += LOOK_MS) {
      await this.settled();
      this.clock.advance(LOOK_MS);
      await this.settled();
    }
  }

  /** Lets the holder show that it is alive. */
  async beat(): Promise<void> {
    this.clock.advance(BEAT_MS);
    while (this.clock.waits.length === 0) await turn();
  }

  async acquired(): Promise<this> {
    this.begin();
    await this.settled();
    assert.equal(this.outcome, 'has it');
    return this;
  }
}

describe("the folder's lock", () => {
  let folder: string;
  let file: string;
  const runtimes: Runtime[] = [];
  const runtime = (): Runtime => {
    const one = new Runtime(folder);
    runtimes.push(one);
    return one;
  };
  beforeEach(async () => {
    folder = join(await newFolder(), 'redletter');
    file = join(folder, 'lock');
  });
  afterEach(async () => {
    for (const one of runtimes.splice(0)) {
      one.abort.abort();
      await one.lock.release();
      assert.deepEqual(one.clock.waits, [], 'a timer is left');
    }
  });
  after(cleanUp);

  it('is acquired at once when it is free, by its owner alone', async () => {
    const holder = await runtime().acquired();
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    await holder.lock.check();
    const before = await readFile(file, 'utf8');
    await holder.beat();
    const after = await readFile(file, 'utf8');
    assert.notEqual(after, before, 'it beats');
    assert.equal(after.split(' ')[0], before.split(' ')[0]);
  });

  it('is free the moment it is given back', async () => {
    const holder = await runtime().acquired();
    await holder.lock.release();
    assert.deepEqual(await readdir(folder), []);
    await runtime().acquired();
  });

  it('is refused to a second one while the first is alive', async () => {
    const holder = await runtime().acquired();
    const other = runtime();
    other.begin();
    for (let beats = 0; beats < 8 && other.outcome === 'waiting'; beats += 1) {
      await other.wait(BEAT_MS);
      await holder.beat();
    }
    const { code, reason } = other.outcome as { code: string; reason: string };
    assert.deepEqual([code, reason], ['STORE', 'folder-in-use']);
    await holder.lock.check();
  });

  it('passes to the second when the first releases it', async () => {
    const holder = await runtime().acquired();
    const other = runtime();
    other.begin();
    await other.wait(BEAT_MS);
    await holder.lock.release();
    await other.wait(LOOK_MS);
    assert.equal(other.outcome, 'has it');
  });

  it('of a process that was killed is taken over after ten seconds, and not before', async () => {
    await mkdir(folder);
    await writeFile(file, 'somebody 17\n');
    const other = runtime();
    other.begin();
    await other.wait(STALE_MS - LOOK_MS);
    assert.equal(other.outcome, 'waiting');
    await other.wait(3 * LOOK_MS);
    assert.equal(other.outcome, 'has it');
    await other.lock.check();
    assert.deepEqual(await readdir(folder), ['lock']);
  });

  it('left long ago is taken over sooner, but not before a living one would have shown itself', async () => {
    await mkdir(folder);
    await writeFile(file, '');
    await utimes(file, 1, 1);
    const other = runtime();
    other.begin();
    await other.wait(BEAT_MS);
    assert.equal(other.outcome, 'waiting');
    await other.wait(BEAT_MS);
    assert.equal(other.outcome, 'has it');
  });

  it('of a living one is not taken because a clock jumps', async () => {
    const holder = await runtime().acquired();
    const other = runtime();
    other.begin();
    await other.wait(LOOK_MS);
    for (const jump of [3600_000, -3600_000, 86_400_000]) {
      other.clock.jump(jump);
      await other.wait(LOOK_MS);
      assert.equal(other.outcome, 'waiting');
      await holder.beat();
    }
    await holder.lock.check();
  });

  it('goes to one of two who find it stale', async () => {
    await mkdir(folder);
    await writeFile(file, 'somebody 17\n');
    const two = [runtime(), runtime()];
    for (const one of two) one.begin();
    const winners = (): Runtime[] => two.filter(({ outcome }) => outcome === 'has it');
    for (let looks = 0; winners().length === 0; looks += 1) {
      assert.ok(looks < 40, 'nobody has it');
      await Promise.all(two.map((one) => one.wait(LOOK_MS)));
    }
    for (let beats = 0; beats < 8; beats += 1) {
      for (const winner of winners()) await winner.beat();
      await Promise.all(two.map((one) => one.wait(BEAT_MS)));
    }
    assert.equal(winners().length, 1);
    await winners()[0]?.lock.check();
    const loser = two.find(({ outcome }) => outcome !== 'has it');
    assert.ok(loser?.outcome instanceof MailboxError);
    assert.equal(loser.outcome.reason, 'folder-in-use');
  });

  it('lost to another is noticed at the next beat, told, and left to the other', async () => {
    const holder = await runtime().acquired();
    await writeFile(file, 'another 1\n');
    holder.clock.advance(BEAT_MS);
    for (;;) {
      try {
        await holder.lock.check();
      } catch (error) {
        const { code, reason } = error as { code: string; reason: string };
        assert.deepEqual([code, reason], ['STORE', 'folder-in-use']);
        break;
      }
      await turn();
    }
    await holder.lock.release();
    assert.equal(await readFile(file, 'utf8'), 'another 1\n');
  });

  it('is no longer waited for by one who gives up', async () => {
    await runtime().acquired();
    const other = runtime();
    other.begin();
    await other.settled();
    other.abort.abort(new Error('deploy'));
    while (other.outcome === 'waiting') await turn();
    assert.match(String(other.outcome), /deploy/);
    assert.deepEqual(other.clock.waits, []);
  });

  it('where a folder cannot be: STORE that names it, and no endless trying', async () => {
    await writeFile(folder, 'a file');
    for (const place of [folder, join(folder, 'deeper')]) {
      const lock = new FolderLock(place, new TestClock());
      await assert.rejects(lock.acquire(new AbortController().signal), (error) => {
        const { code, reason, facts } = error as { code: string; reason: string; facts: { folder: string } };
        assert.deepEqual([code, reason, facts.folder], ['STORE', 'folder-unwritable', place]);
        return true;
      });
    }
  });

  it('where a folder is in the place of the lock file: STORE', async () => {
    await mkdir(file, { recursive: true });
    const lock = new FolderLock(folder, new TestClock());
    const trying = lock.acquire(new AbortController().signal);
    await assert.rejects(trying, { code: 'STORE', reason: 'folder-unwritable' });
  });
});

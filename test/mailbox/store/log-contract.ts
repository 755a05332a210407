import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { MailboxError } from '../../../nodes/mailbox';
import type { Log, LogContent, OpenLog } from '../../../nodes/mailbox/store/log';

/** Where a log is kept. */
export interface LogPlace {
  /** Opens the one log that is kept here; a second opening finds what the first has written. */
  open: OpenLog;
  /** From now on nothing can be written, until the returned function is called. Absent: cannot be had here. */
  breakDown?(): Promise<() => Promise<void>>;
  /** Called when the test is over. */
  remove?(): Promise<void>;
}

type Line = { is: 'add'; word: string } | { is: 'all'; words: string[] };

/** The simplest content whose order and number of lines can be told. */
class Words implements LogContent<Line> {
  readonly format = 'words';
  words: string[] = [];

  constructor(readonly version = 1) {}

  apply(line: Line): void {
    if (line.is === 'all') this.words = [...line.words];
    else this.words.push(line.word);
  }

  snapshot(): Line {
    return { is: 'all', words: [...this.words] };
  }

  isSnapshot(line: Line): boolean {
    return line.is === 'all';
  }
}

const add = (word: string): Line => ({ is: 'add', word });

/**
 * What every implementation of {@link Log} has to pass.
 * @param newPlace an empty place each time
 */
export function logContract(newPlace: () => Promise<LogPlace>): void {
  let place: LogPlace;
  beforeEach(async () => {
    place = await newPlace();
  });
  afterEach(async () => {
    await place.remove?.();
  });
  const opened = async (): Promise<[log: Log<Line>, content: Words]> => {
    const content = new Words();
    return [await place.open<Line>(content), content];
  };
  const wordsKept = async (): Promise<string[]> => {
    const [log, { words }] = await opened();
    await log.close();
    return words;
  };

  it('opens an empty log where there is none, and gives it a name', async () => {
    const [log, { words }] = await opened();
    assert.deepEqual(words, []);
    assert.notEqual(log.name, '');
    assert.equal(typeof log.bytes, 'number');
    await log.close();
    assert.deepEqual(await wordsKept(), []);
  });

  it('keeps the lines in the order in which they were given, of both kinds', async () => {
    const [log] = await opened();
    await Promise.all([
      log.atOnce(add('a')),
      log.durably(add('b')),
      log.atOnce(add('c')),
      log.durably(add('d')),
      log.durably(add('e')),
      log.atOnce(add('f')),
    ]);
    await log.close();
    assert.deepEqual(await wordsKept(), ['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('counts a durable line when it resolves, and the other kind before it returns', async () => {
    const [log, content] = await opened();
    const durable = log.durably(add('durable'));
    assert.deepEqual(content.words, [], 'not before it is durable');
    await durable;
    assert.deepEqual(content.words, ['durable']);
    const noted = log.atOnce(add('noted'));
    assert.deepEqual(content.words, ['durable', 'noted']);
    await noted;
    await log.close();
  });

  it('counts at once what may be lost, and keeps the lines beside it', async () => {
    const [log, content] = await opened();
    await log.durably(add('before'));
    const late = log.eventually({ is: 'all', words: ['late'] });
    assert.deepEqual(content.words, ['late']);
    await late;
    await log.close();
    assert.deepEqual(await wordsKept(), ['late'], 'the first one of a process is kept');
    const [again] = await opened();
    await again.eventually({ is: 'all', words: ['later'] });
    await again.compact();
    await again.durably(add('after'));
    await again.close();
    assert.deepEqual(await wordsKept(), ['later', 'after'], 'a snapshot has it');
  });

  it('has what was resolved, though it is never closed: the process may be killed', async () => {
    const [log] = await opened();
    await log.durably(add('durable'));
    await log.atOnce(add('noted'));
    await log.abandon();
    assert.deepEqual(await wordsKept(), ['durable', 'noted']);
  });

  it('keeps any text', async () => {
    const words = ['ü\u2028\n2', '"\\', '\u0000', '\u{1f4e8}', 'x'.repeat(100_000), '__proto__'];
    const [log] = await opened();
    for (const word of words) await log.durably(add(word));
    await log.close();
    assert.deepEqual(await wordsKept(), words);
  });

  it('replaces the lines by one snapshot, at any moment, and counts nothing twice', async () => {
    const [log, content] = await opened();
    const given: string[] = [];
    const writing: Promise<void>[] = [];
    for (let at = 0; at < 60; at += 1) {
      const word = `${at}`;
      given.push(word);
      writing.push(at % 3 === 0 ? log.durably(add(word)) : log.atOnce(add(word)));
      if (at % 7 === 0) writing.push(log.compact());
      if (at % 5 === 0) await new Promise(setImmediate);
    }
    await Promise.all(writing);
    await log.compact();
    const { bytes } = log;
    await log.atOnce(add('last'));
    assert.deepEqual([...content.words].sort(), [...given, 'last'].sort());
    assert.ok(log.bytes >= bytes, 'what is kept grows with each line');
    await log.close();
    assert.deepEqual(await wordsKept(), content.words);
  });

  it('is smaller after a compaction of many lines that say little', async () => {
    const content = new Words();
    content.apply = (line) => {
      content.words = line.is === 'all' ? [...line.words] : [line.word];
    };
    const log = await place.open<Line>(content);
    await Promise.all(Array.from({ length: 500 }, (_, at) => log.atOnce(add(`word ${at}`))));
    const { bytes } = log;
    await log.compact();
    assert.ok(log.bytes < bytes / 10, `${log.bytes} of ${bytes}`);
    await log.close();
    assert.deepEqual(await wordsKept(), ['word 499']);
  });

  it('rests and goes on as often as one likes', async () => {
    const [log] = await opened();
    for (const word of ['a', 'b', 'c']) {
      await log.rest();
      await log.rest();
      await Promise.all([log.atOnce(add(word)), log.rest()]);
    }
    await log.rest();
    await log.compact();
    await log.close();
    await log.rest();
    assert.deepEqual(await wordsKept(), ['a', 'b', 'c']);
  });

  it('refuses every line once it is closed, which may happen twice', async () => {
    const [log] = await opened();
    await log.atOnce(add('a'));
    await log.close();
    await log.close();
    for (const refused of [log.durably(add('b')), log.atOnce(add('c'))])
      await assert.rejects(refused, (error) => error instanceof MailboxError && error.code === 'STORE');
    assert.deepEqual(await wordsKept(), ['a']);
  });

  it('writes nothing more once it is abandoned, and says why', async () => {
    const [log] = await opened();
    await log.durably(add('mine'));
    const why = new MailboxError('STORE', 'folder-in-use');
    await log.abandon(why);
    await assert.rejects(log.durably(add('late')), why);
    await assert.rejects(log.atOnce(add('later')), why);
    await log.close();
    assert.deepEqual(await wordsKept(), ['mine']);
  });

  it('refuses a log of a newer version, and leaves it as it is', async () => {
    const log = await place.open<Line>(new Words(2));
    await log.durably(add('from the future'));
    await log.close();
    await assert.rejects(place.open<Line>(new Words(1)), (error) => {
      assert.ok(error instanceof MailboxError);
      assert.deepEqual([error.code, error.reason, error.retryable], ['STORE', 'ledger-newer', false]);
      return true;
    });
    const content = new Words(2);
    await (await place.open<Line>(content)).close();
    assert.deepEqual(content.words, ['from the future']);
  });

  it('refuses what cannot be written: a durable line is none then, the other is written later', async function () {
    if (place.breakDown === undefined) return this.skip();
    const [log, content] = await opened();
    await log.durably(add('before'));
    const mend = await place.breakDown();
    const isStore = (error: unknown): boolean => error instanceof MailboxError && error.code === 'STORE';
    await assert.rejects(log.durably(add('never')), isStore);
    await assert.rejects(log.atOnce(add('happened')), isStore);
    assert.deepEqual(content.words, ['before', 'happened']);
    await mend();
    await log.atOnce(add('after'));
    await log.close();
    assert.deepEqual(await wordsKept(), ['before', 'happened', 'after']);
  });

  it('agrees with a plain list, opened again and again', async function () {
    this.timeout(60_000);
    const step = fc.oneof(
      fc.record({ is: fc.constantFrom('durably' as const, 'atOnce' as const), word: fc.string() }),
      fc.record({
        is: fc.constantFrom('compact' as const, 'rest' as const, 'reopen' as const, 'killed' as const),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const own = await newPlace();
        try {
          const said: string[] = [];
          let content = new Words();
          let log = await own.open<Line>(content);
          for (const one of steps) {
            if (one.is === 'durably' || one.is === 'atOnce') {
              await log[one.is](add(one.word));
              said.push(one.word);
            } else if (one.is === 'compact' || one.is === 'rest') await log[one.is]();
            else {
              await (one.is === 'reopen' ? log.close() : log.abandon());
              content = new Words();
              log = await own.open<Line>(content);
            }
            assert.deepEqual(content.words, said);
          }
          await log.close();
        } finally {
          await own.remove?.();
        }
      }),
      { numRuns: 30 },
    );
  });
}

import assert from 'node:assert/strict';
import type { EventEmitter } from 'node:events';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MailboxError } from '../../../nodes/mailbox';
import { fileLog, type OpenFile } from '../../../nodes/mailbox/store/file/log';
import { Ledger } from '../../../nodes/mailbox/store/ledger';
import { BEGINNING, cleanUp, newFolder } from '../../../servers/mailbox-checker';
import { logContract } from './log-contract';

interface Sum {
  is: string;
  sum: number;
}

/** Files as they are, which say what is done to them and wait where they are told to. */
class Disk {
  readonly done: string[] = [];
  /** Awaited before an append. */
  gate: Promise<void> = Promise.resolve();

  readonly open: OpenFile = async (path, flags, mode) => {
    const handle = await open(path, flags, mode);
    const name = basename(path).replace(/^redletter-.*/, 'folder');
    return new Proxy(handle, {
      get: (target, property) => {
        const value = Reflect.get(target, property) as unknown;
        if (typeof value !== 'function') return value;
        return async (...given: unknown[]) => {
          if (property === 'appendFile') await this.gate;
          const result = await (value as (...given: unknown[]) => Promise<unknown>).apply(target, given);
          if (property !== 'close') this.done.push(`${name} ${String(property)}`);
          return result;
        };
      },
    }) as FileHandle;
  };

  /** What was done since the last call. */
  since(): string[] {
    return this.done.splice(0);
  }
}

describe('the file of a ledger', () => {
  after(cleanUp);

  describe('as any log', () => {
    logContract(async () => {
      const file = join(await newFolder(), 'a');
      let broken = false;
      const breaking: OpenFile = async (path, flags, mode) =>
        new Proxy(await open(path, flags, mode), {
          get: (target, property) => {
            // A file without a number is written by the thread pool alone, which is told to fail.
            if (property === 'fd' && broken) return -1;
            const value = Reflect.get(target, property) as unknown;
            if (typeof value !== 'function') return value;
            return async (...given: unknown[]) => {
              if (broken && property === 'appendFile')
                throw Object.assign(new Error('full'), { code: 'ENOSPC' });
              return (value as (...given: unknown[]) => unknown).apply(target, given);
            };
          },
        }) as FileHandle;
      return {
        open: fileLog(file, breaking),
        breakDown: async () => {
          broken = true;
          return async () => {
            broken = false;
          };
        },
      };
    });
  });

  it('is on the disk where it is promised, and only there', async () => {
    const file = join(await newFolder(), 'a');
    const disk = new Disk();
    const ledger = await Ledger.open(fileLog(file, disk.open), () => BEGINNING, 0);
    assert.deepEqual(disk.since(), ['a appendFile', 'a datasync', 'folder sync'], 'a new file and its name');
    await ledger.recordBaseline(['old']);
    assert.deepEqual(disk.since(), ['a appendFile', 'a datasync'], 'the baseline');
    await ledger.recordIntents(['x']);
    assert.deepEqual(disk.since(), ['a appendFile', 'a datasync'], 'an intent');
    await ledger.markOld(['y']);
    assert.deepEqual(disk.since(), ['a appendFile', 'a datasync'], 'what counts as old');
    await ledger.markDone('x');
    await ledger.recordFailure('z', BEGINNING);
    assert.deepEqual(
      disk.since().filter((what) => what.includes('sync')),
      [],
      'a note does not wait for the disk',
    );
    await ledger.recordCheck();
    assert.deepEqual(
      disk.since().filter((what) => !what.startsWith('a append')),
      ['a.new appendFile', 'a.new sync', 'folder sync'],
      'a compaction, before and after it takes the old one’s place',
    );
    await ledger.close();
  });

  it('is let go until something is to be noted, and nothing that was noted gets lost', async () => {
    const file = join(await newFolder(), 'a');
    const opened = new Set<FileHandle>();
    const openFile: OpenFile = async (path, flags, mode) => {
      const handle = await open(path, flags, mode);
      opened.add(handle);
      (handle as unknown as EventEmitter).once('close', () => opened.delete(handle));
      return handle;
    };
    const ledger = await Ledger.open(fileLog(file, openFile), () => BEGINNING, 0);
    await ledger.recordBaseline(['old']);
    assert.equal(opened.size, 1);
    await ledger.rest();
    assert.equal(opened.size, 0, 'let go');
    await Promise.all([
      ledger.markDone('a'),
      ledger.recordIntents(['b']),
      ledger.markDone('c'),
      ledger.rest(),
    ]);
    await ledger.rest();
    await ledger.rest();
    assert.equal(opened.size, 0, 'let go once more');
    for (let count = 0; count < 10; count += 1) await ledger.markDone('d');
    await ledger.rest();
    // Compacted from rest.
    await ledger.recordCheck();
    assert.match(await readFile(file, 'utf8'), /snapshot/);
    await ledger.rest();
    await ledger.withdrawIntents(['b']);
    await ledger.close();
    assert.equal(opened.size, 0, 'closed');
    await assert.rejects(ledger.markDone('e'), { code: 'STORE' }, 'what is closed is not opened by a note');
    await ledger.rest();
    assert.equal(opened.size, 0);
    const again = await Ledger.open(fileLog(file));
    assert.deepEqual(
      ['old', 'a', 'b', 'c', 'd', 'e'].map((key) => again.state(key)),
      ['baseline', 'processed', undefined, 'processed', 'processed', undefined],
    );
    await again.close();
  });

  it('is not opened again for one whom another runtime has told to leave meanwhile', async () => {
    const file = join(await newFolder(), 'a');
    const disk = new Disk();
    const ledger = await Ledger.open(fileLog(file, disk.open), () => BEGINNING, 0);
    await ledger.recordBaseline([]);
    await ledger.rest();
    disk.since();
    const why = new MailboxError('STORE', 'folder-in-use');
    const noted = ledger.markDone('a');
    await ledger.abandon(why);
    await assert.rejects(noted, why);
    assert.deepEqual(disk.since(), []);
  });

  it('is never compacted with a note waiting, which would count twice', async () => {
    const file = join(await newFolder(), 'a');
    const disk = new Disk();
    let sum = 0;
    const content = {
      apply: (record: Sum) => {
        sum = record.is === 'all' ? record.sum : sum + record.sum;
      },
      snapshot: () => ({ is: 'all', sum }),
      isSnapshot: (record: Sum) => record.is === 'all',
      format: 'sums',
      version: 1,
    };
    const log = await fileLog(file, disk.open)<Sum>(content);
    let release: () => void = () => undefined;
    disk.gate = new Promise((resolve) => {
      release = resolve;
    });
    const durable = log.durably({ is: 'one', sum: 1 });
    const compacted = log.compact();
    // Let the first be on its way to the file before the note comes.
    await new Promise(setImmediate);
    const note = log.atOnce({ is: 'one', sum: 10 });
    release();
    await Promise.all([durable, compacted, note]);
    await log.close();
    assert.equal(sum, 11);
    assert.match(await readFile(file, 'utf8'), /"all"/, 'it has been compacted');
    sum = 0;
    const again = await fileLog(file)<Sum>(content);
    await again.close();
    assert.equal(sum, 11, dirname(file));
  });
});

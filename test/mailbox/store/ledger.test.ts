import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { MailboxError } from '../../../nodes/mailbox';
import { fileLog } from '../../../nodes/mailbox/store/file/log';
import { Ledger } from '../../../nodes/mailbox/store/ledger';
import type { Identity, MailState, OpenDelivery } from '../../../nodes/mailbox/store/ledger-records';
import { BEGINNING, cleanUp, DAY, newFolder } from '../../../servers/mailbox-checker';

let now = BEGINNING;
const clock = (): number => now;
const openAt = (file: string, compactBytes?: number): Promise<Ledger> =>
  Ledger.open(fileLog(file), clock, compactBytes);
const newFile = async (): Promise<string> => join(await newFolder(), 'a.ledger');
const linesOf = async (file: string): Promise<string[]> => (await readFile(file, 'utf8')).split('\n');

function isStore(error: unknown, reason: string, facts: Record<string, unknown>): true {
  assert.ok(error instanceof MailboxError, String(error));
  assert.equal(error.code, 'STORE');
  assert.equal(error.reason, reason);
  for (const [name, value] of Object.entries(facts)) assert.equal(error.facts[name], value, name);
  return true;
}

const OPENED: OpenDelivery = {
  deliveries: 0,
  failures: 0,
  crashes: 0,
  suspected: false,
  retryAt: 0,
  lost: false,
};

/** Everything a ledger knows of these keys. */
interface Known {
  hasBaseline: boolean;
  lastChecked: number;
  states: (MailState | undefined)[];
  handledAt: (number | undefined)[];
  open: (OpenDelivery | undefined)[];
  present: string[];
  setAside: string[];
}

const knownBy = (ledger: Ledger, keys: string[]): Known => ({
  hasBaseline: ledger.hasBaseline,
  lastChecked: ledger.lastChecked,
  states: keys.map((key) => ledger.state(key)),
  handledAt: keys.map((key) => ledger.processedAt(key)),
  open: keys.map((key) => {
    const open = ledger.openDelivery(key);
    return open && { ...open };
  }),
  present: [...ledger.present()].sort(),
  setAside: ledger.quarantined.sort(),
});

describe('the ledger', () => {
  beforeEach(() => {
    now = BEGINNING;
  });
  after(cleanUp);

  it('remembers everything over a restart', async () => {
    const file = await newFile();
    const ledger = await openAt(file);
    assert.equal(ledger.hasBaseline, false);
    await ledger.recordBaseline(['old']);
    await ledger.recordIntents(['a', 'b', 'c', 'd', 'e']);
    await ledger.markDone('a');
    await ledger.markDone('b', 'kept');
    await ledger.withdrawIntents(['c']);
    await ledger.recordFailure('d', BEGINNING + 60_000);
    await ledger.markOld(['renumbered']);
    await ledger.recordListing(new Set(['old', 'a']));
    now += 5_000;
    await ledger.recordCheck();
    await ledger.close();

    const again = await openAt(file);
    assert.equal(again.hasBaseline, true);
    assert.equal(again.lastChecked, BEGINNING + 5_000);
    assert.deepEqual(
      ['old', 'a', 'b', 'c', 'd', 'e', 'renumbered', 'never'].map((key) => again.state(key)),
      ['baseline', 'processed', 'kept', undefined, undefined, undefined, 'baseline', undefined],
    );
    assert.equal(again.processedAt('a'), BEGINNING);
    assert.equal(again.processedAt('old'), undefined);
    assert.equal(again.processedAt('b'), undefined);
    assert.equal(again.openDelivery('c'), undefined);
    assert.deepEqual(again.openDelivery('d'), {
      ...OPENED,
      deliveries: 1,
      failures: 1,
      retryAt: BEGINNING + 60_000,
    });
    assert.deepEqual(again.openDelivery('e'), { ...OPENED, deliveries: 1 });
    assert.deepEqual([...again.present()].sort(), ['a', 'old']);
    await again.close();
  });

  it('holds 100,000 known mails with their fingerprints in less than 40 MB', async function () {
    this.timeout(20_000);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const ledger = await openAt(await newFile());
    collect();
    const before = process.memoryUsage().heapUsed;
    const record = async (from: number): Promise<void> => {
      const keys = Array.from({ length: 10_000 }, (_, at) => `u00000${from + at}.6650a1b2c3d4`);
      const identity = (key: string): [string, Identity] => [
        key,
        { fingerprint: createHash('sha256').update(key).digest('base64url').slice(0, 11), bytes: 4711 },
      ];
      await ledger.recordBaseline(keys, new Map(keys.map(identity)));
    };
    for (let from = 0; from < 100_000; from += 10_000) await record(from);
    collect();
    const grown = process.memoryUsage().heapUsed - before;
    assert.equal([...ledger.known()].length, 100_000);
    assert.ok(grown < 40e6, `${grown} bytes`);
  });

  it('takes notes one right after the other', async () => {
    const ledger = await openAt(await newFile());
    await ledger.recordFailure('a', 1000);
    await ledger.markDone('a', 'kept');
    await ledger.withdrawIntents(['b']);
    await ledger.recordCheck();
    await ledger.markDone('c');
    assert.equal(ledger.state('c'), 'processed');
    await ledger.close();
  });

  it('has baseline and intents on the disk when they are promised, and no earlier in memory', async () => {
    const file = await newFile();
    const ledger = await openAt(file);
    const baseline = ledger.recordBaseline(['old']);
    assert.equal(ledger.hasBaseline, false, 'not before it is durable');
    await baseline;
    assert.match(await readFile(file, 'utf8'), /"baseline".*"old"/);
    const intent = ledger.recordIntents(['a']);
    assert.equal(ledger.openDelivery('a'), undefined, 'not before it is durable');
    await intent;
    assert.match(await readFile(file, 'utf8'), /"intend".*"a"/);
    await ledger.close();
  });

  it('counts what happened at once, and has written it when its promise resolves', async () => {
    const file = await newFile();
    const ledger = await openAt(file);
    const done = ledger.markDone('a');
    assert.equal(ledger.state('a'), 'processed');
    await done;
    assert.match(await readFile(file, 'utf8'), /"done".*"a"/);
    await ledger.close();
  });

  it('does not confuse a mail processed in 1970 with one from before the first check', async () => {
    now = 0;
    const ledger = await openAt(await newFile());
    await ledger.markDone('a');
    assert.equal(ledger.state('a'), 'processed');
    await ledger.close();
  });

  it('takes a unique ID for no record and no property', async () => {
    const file = await newFile();
    const keys = [
      'u__proto__',
      'uconstructor',
      'ua\n{"is":"done","at":1,"key":"ub"}',
      'u\0',
      'u\u2028',
      'u"',
      '../u',
    ];
    const ledger = await openAt(file);
    await ledger.recordBaseline(keys.slice(0, 2));
    await ledger.recordIntents(keys.slice(2));
    for (const key of keys.slice(2)) await ledger.markDone(key);
    await ledger.close();
    const again = await openAt(file);
    assert.deepEqual(
      [...keys, 'ub', 'toString'].map((key) => again.state(key)),
      [...keys.map((_, at) => (at < 2 ? 'baseline' : 'processed')), undefined, undefined],
    );
    await again.close();
  });

  it('is for its owner alone', async () => {
    const file = join(await newFolder(), 'redletter', 'a.ledger');
    const ledger = await openAt(file, 0);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(dirname(file))).mode & 0o777, 0o700);
    await ledger.recordBaseline(['a']);
    await ledger.recordCheck();
    for (let count = 0; count < 20; count += 1) await ledger.recordCheck();
    assert.match((await linesOf(file))[0] ?? '', /snapshot/, 'it has been compacted');
    assert.equal((await stat(file)).mode & 0o777, 0o600, 'also after a compaction');
    await ledger.close();
  });

  describe('a tail torn by a crash', () => {
    it('is read up to the tear, wherever it is, and goes on from there', async () => {
      const file = await newFile();
      const ledger = await openAt(file);
      const keys = ['old', 'a', 'b', 'ü\u2028\n2', 'next'];
      /** What is known when the file ends with this byte. */
      const after: [number, Known][] = [];
      const mark = async (): Promise<void> => {
        after.push([(await stat(file)).size, knownBy(ledger, keys)]);
      };
      await mark();
      await ledger.recordBaseline(['old']);
      await mark();
      await ledger.recordIntents(['a', 'b', 'ü\u2028\n2']);
      await mark();
      await ledger.markDone('a');
      await mark();
      await ledger.recordFailure('b', now + 60_000);
      await mark();
      await ledger.markDone('ü\u2028\n2', 'kept');
      await mark();
      await ledger.recordListing(new Set(['a']));
      await mark();
      await ledger.recordCheck();
      await mark();
      await ledger.close();
      const bytes = await readFile(file);
      const torn = await newFile();
      for (let length = 0; length <= bytes.length; length += 1) {
        await writeFile(torn, bytes.subarray(0, length));
        const reopened = await openAt(torn);
        const [, known] = after.findLast(([size]) => size <= length) ?? after[0] ?? assert.fail();
        assert.deepEqual(knownBy(reopened, keys), known, `torn after ${length} octets`);
        await reopened.markDone('next');
        await reopened.close();
        const third = await openAt(torn);
        assert.equal(third.state('next'), 'processed', `written after a tear at ${length}`);
        await third.close();
      }
    });

    it('may be rubbish, also of several lines', async () => {
      const file = await newFile();
      const ledger = await openAt(file);
      await ledger.markDone('a');
      await ledger.close();
      const bytes = await readFile(file);
      for (const tail of [
        '\0\0\0\0',
        '\0\0\n\0\n',
        '{"is":"do\n{"is":"done","at":1,"key":"b"',
        '\n',
        '17\n',
      ]) {
        await writeFile(file, Buffer.concat([bytes, Buffer.from(tail)]));
        const reopened = await openAt(file);
        assert.equal(reopened.state('a'), 'processed');
        assert.equal(reopened.state('b'), undefined);
        await reopened.close();
        assert.deepEqual(await readFile(file), bytes, JSON.stringify(tail));
      }
    });
  });

  describe('damage that no crash can have made', () => {
    const header = '{"is":"redletter-ledger","version":1}';
    const compacted = '{"is":"redletter-ledger","version":1,"snapshot":true}';
    const done = '{"is":"done","at":1,"key":"a"}';
    const snapshot = '{"is":"snapshot","baseline":true,"checked":1,"known":[],"open":[],"gone":[]}';
    const files: Record<string, [text: string, line: number]> = {
      'a line in the middle': [`${header}\n${done}\n{"is":"do\n${done}\n`, 3],
      'zeros glued to a line in the middle': [`${header}\n\0\0\0${done}\n${done}\n`, 2],
      'a record without what belongs into it': [`${header}\n${done}\n{"is":"baseline","at":1}\n`, 3],
      'a record without its key': [`${header}\n{"is":"done","at":1}\n${done}\n`, 2],
      'a key that is no text': [`${header}\n{"is":"gone","at":1,"keys":["a",5]}\n${done}\n`, 2],
      'a state that every object has': [
        `${header}\n{"is":"done","at":1,"key":"a","state":"constructor"}\n`,
        2,
      ],
      'a snapshot with a row that is none': [
        `${compacted}\n${snapshot.replace('"known":[]', '"known":["a"]')}\n`,
        2,
      ],
      'another file': ['[supervisor]\nloglevel=debug\n', 1],
      'another file of one line': ['{"name":"@redletter/node-red-pop3"}\n', 1],
      'another file without a line end': ['x'.repeat(200), 1],
      'a header of zeros before good lines': [`${'\0'.repeat(header.length)}\n${done}\n`, 1],
      'half a snapshot': [`${compacted}\n${snapshot.slice(0, 40)}`, 2],
      'half a snapshot and lines after it': [`${compacted}\n${snapshot.slice(0, 40)}\n${done}\n`, 2],
      'no snapshot where one must be': [`${compacted}\n`, 2],
      'another record in place of the snapshot': [`${compacted}\n${done}\n`, 2],
    };
    for (const [what, [text, line]] of Object.entries(files)) {
      it(`${what}: STORE, the file and the line, and nothing changed`, async () => {
        const file = await newFile();
        await writeFile(file, text);
        await assert.rejects(openAt(file), (error) => isStore(error, 'ledger-damaged', { file, line }));
        assert.equal(await readFile(file, 'utf8'), text);
      });
    }

    it('a newer version: STORE, and nothing changed', async () => {
      const file = await newFile();
      const text = '{"is":"redletter-ledger","version":2}\n{"was":"something else"}\n';
      await writeFile(file, text);
      await assert.rejects(openAt(file), (error) => isStore(error, 'ledger-newer', { file }));
      assert.equal(await readFile(file, 'utf8'), text);
    });
  });

  it('below a plain file: STORE that names it', async () => {
    const plain = join(await newFolder(), 'plain');
    await writeFile(plain, 'I was here first.');
    const file = join(plain, 'redletter', 'a.ledger');
    await assert.rejects(openAt(file), (error) =>
      isStore(error, 'ledger-unwritable', { file, system: 'ENOTDIR' }),
    );
    assert.equal(await readFile(plain, 'utf8'), 'I was here first.');
  });

  it('a folder in its place: STORE that names it', async () => {
    const file = await newFile();
    await mkdir(file);
    await assert.rejects(openAt(file), (error) =>
      isStore(error, 'ledger-unwritable', { file, system: 'EISDIR' }),
    );
  });

  it('closed: refuses and says so', async () => {
    const ledger = await openAt(await newFile());
    await ledger.close();
    await ledger.close();
    await assert.rejects(ledger.recordIntents(['a']), (error) => isStore(error, 'ledger-unwritable', {}));
  });

  describe('on a disk that is full', () => {
    let disk = '';
    before(async function () {
      disk = await newFolder();
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'ignore' });
      } catch {
        disk = '';
        console.log('    Pending, for want of the right to mount a small tmpfs');
        this.skip();
      }
    });
    after(() => {
      if (disk !== '') execFileSync('umount', [disk]);
    });

    it('refuses intents, glues no lines, and loses no done when there is room again', async () => {
      const file = join(disk, 'a.ledger');
      const filler = join(disk, 'filler');
      const ledger = await openAt(file);
      await ledger.recordBaseline([]);
      const long = 'k'.repeat(200);
      await ledger.recordIntents([`${long}1`, `${long}2`, `${long}3`]);
      // One page is left at most, and the file's last one is nearly full.
      await writeFile(filler, Buffer.alloc(64 * 1024)).catch(() => undefined);
      let noted = 0;
      const isFull = (error: unknown): true => isStore(error, 'disk-full', { file, system: 'ENOSPC' });
      for (;;) {
        const size = (await stat(file)).size;
        try {
          await ledger.markDone(`${long}0${noted}`);
          noted += 1;
        } catch (error) {
          isFull(error);
          assert.equal((await stat(file)).size, size, 'half a line is cut off');
          break;
        }
        assert.ok(noted < 1000);
      }
      await assert.rejects(ledger.recordIntents(['never']), isFull);
      await assert.rejects(ledger.markDone(`${long}1`), isFull);
      await assert.rejects(ledger.markDone(`${long}2`, 'kept'), isFull);
      await assert.rejects(ledger.recordCheck(), isFull);
      assert.equal(ledger.openDelivery('never'), undefined, 'a refused intent is none');
      assert.equal(ledger.state(`${long}1`), 'processed', 'what happened has happened');
      // A process that ends here repeats them, marked.
      const meanwhile = await openAt(file);
      assert.deepEqual(meanwhile.openDelivery(`${long}1`)?.deliveries, 1);
      await meanwhile.close();

      await writeFile(filler, '');
      await ledger.recordIntents(['late']);
      await ledger.close();
      const again = await openAt(file);
      assert.equal(again.state(`${long}0${noted}`), 'processed', 'the very one that was refused first');
      assert.equal(again.state(`${long}1`), 'processed');
      assert.equal(again.state(`${long}2`), 'kept');
      assert.equal(again.openDelivery(`${long}3`)?.deliveries, 1);
      assert.equal(again.openDelivery('never'), undefined);
      assert.equal(again.openDelivery('late')?.deliveries, 1);
      await again.close();
    });

    it('goes on with the old file when there is no room to compact', async () => {
      const file = join(disk, 'b.ledger');
      const filler = join(disk, 'filler');
      const ledger = await openAt(file, 0);
      await ledger.recordBaseline(['x'.repeat(8_000)]);
      for (let at = 0; at < 3; at += 1) await ledger.markOld(['x'.repeat(8_000)]);
      await ledger.markDone('a');
      await writeFile(filler, Buffer.alloc(64 * 1024)).catch(() => undefined);
      // The end of a page that is the file's already.
      await ledger.recordCheck();
      assert.deepEqual((await readdir(disk)).sort(), ['a.ledger', 'b.ledger', 'filler']);
      await writeFile(filler, '');
      await ledger.markDone('b');
      await ledger.close();
      const again = await openAt(file);
      assert.equal(again.state('a'), 'processed');
      assert.equal(again.state('b'), 'processed');
      await again.close();
    });
  });

  it('has a note in the file before done() has even returned', async () => {
    const file = await newFile();
    const ledger = await openAt(file);
    await ledger.recordBaseline([]);
    // The writer of the baseline has gone home by then.
    await new Promise(setImmediate);
    const noted = ledger.markDone('a');
    assert.match(readFileSync(file, 'utf8'), /"done".*"a"/);
    await noted;
    await ledger.close();
  });

  describe('forgetting', () => {
    it('comes 30 days after a mail was last listed, and not for an empty or short listing', async () => {
      const file = await newFile();
      let ledger = await openAt(file);
      await ledger.recordBaseline(['old']);
      await ledger.recordIntents(['open']);
      await ledger.markDone('a');
      await ledger.markDone('b', 'kept');
      await ledger.recordListing(new Set(['old', 'a', 'b', 'open']));
      now += 60 * DAY;
      await ledger.recordListing(new Set());
      for (const key of ['old', 'a', 'b']) assert.ok(ledger.isKnown(key), `${key}: 60 days without a check`);
      now += 29 * DAY;
      await ledger.recordListing(new Set(['b']));
      assert.ok(ledger.isKnown('a'));
      assert.ok(ledger.openDelivery('open'));
      now += DAY + 1000;
      await ledger.recordListing(new Set());
      for (let round = 0; round < 2; round += 1) {
        assert.equal(ledger.isKnown('old'), false);
        assert.equal(ledger.isKnown('a'), false);
        assert.equal(ledger.openDelivery('open'), undefined);
        assert.equal(ledger.isKnown('b'), true, 'it was listed a day ago');
        await ledger.close();
        ledger = await openAt(file);
      }
      await ledger.close();
    });

    it('is not due for mail that is still in flight', async () => {
      const ledger = await openAt(await newFile());
      await ledger.recordIntents(['spooled', 'other']);
      await ledger.recordListing(new Set());
      now += 31 * DAY;
      await ledger.recordListing(new Set(), (key) => key === 'spooled');
      assert.equal(ledger.openDelivery('spooled')?.deliveries, 1, 'the next time is a repeat');
      assert.equal(ledger.openDelivery('other'), undefined);
      await ledger.close();
    });

    it('does not come for a clock that is set back', async () => {
      const ledger = await openAt(await newFile());
      await ledger.markDone('a');
      await ledger.recordListing(new Set());
      now -= 1000 * DAY;
      await ledger.recordListing(new Set());
      assert.ok(ledger.isKnown('a'));
      await ledger.close();
    });
  });

  describe('compaction', () => {
    it('keeps everything known, makes the file small and leaves nothing beside it', async () => {
      const file = await newFile();
      const ledger = await openAt(file, 1024);
      await ledger.recordBaseline(['old']);
      const keys = ['old', 'kept', 'open', 'failed'];
      await ledger.markDone('kept', 'kept');
      await ledger.recordIntents(['open', 'failed']);
      await ledger.recordFailure('failed', now + 60_000);
      for (let count = 0; count < 200; count += 1) {
        await ledger.recordIntents([`mail-${count}`]);
        await ledger.withdrawIntents([`mail-${count}`]);
      }
      const large = (await stat(file)).size;
      await ledger.recordCheck();
      const known = knownBy(ledger, keys);
      assert.ok((await stat(file)).size < large / 10);
      assert.deepEqual(await readdir(dirname(file)), ['a.ledger']);
      await ledger.markDone('after');
      await ledger.close();
      const again = await openAt(file);
      assert.equal(again.state('after'), 'processed');
      assert.deepEqual(knownBy(again, keys), { ...known, present: [...known.present, 'after'].sort() });
      await again.close();
    });

    it('counts nothing twice that comes in meanwhile', async () => {
      const file = await newFile();
      const ledger = await openAt(file, 0);
      await ledger.recordBaseline([]);
      const notes: Promise<void>[] = [];
      const checks: Promise<void>[] = [];
      for (let at = 0; at < 300; at += 1) {
        const note = ledger.recordFailure('a', now);
        notes.push(note);
        checks.push(ledger.recordCheck());
        // Some come while a write is under way, some while nothing is waiting.
        await (at % 10 === 0 ? note : new Promise((resolve) => setImmediate(resolve)));
      }
      await Promise.all(checks);
      await Promise.all(notes);
      await ledger.close();
      assert.match((await linesOf(file))[0] ?? '', /snapshot/, 'it has been compacted');
      const again = await openAt(file);
      assert.equal(again.openDelivery('a')?.failures, notes.length);
      await again.close();
    });

    it('killed before the rename, leaves the old file good and the new one is thrown away', async () => {
      const file = await newFile();
      const ledger = await openAt(file, 0);
      await ledger.recordBaseline(['a']);
      await writeFile(`${file}.new`, '{"is":"redletter-ledger","version":1,"snapshot":true}\n{"is":"snap');
      for (let count = 0; count < 20; count += 1) await ledger.recordCheck();
      assert.deepEqual(await readdir(dirname(file)), ['a.ledger']);
      await ledger.close();
      const again = await openAt(file);
      assert.equal(again.state('a'), 'baseline');
      await again.close();
    });
  });

  it('agrees with a simple model, reopened again and again and compacted at any moment', async function () {
    this.timeout(60_000);
    await fc.assert(fc.asyncProperty(commands, agreesWithModel), { numRuns: 150 });
  });
});

/** What a ledger must know, as plainly as it can be written. */
class Model {
  hasBaseline = false;
  lastChecked = 0;
  readonly mails = new Map<string, { state: MailState; at: number }>();
  readonly open = new Map<string, OpenDelivery>();
  readonly goneSince = new Map<string, number>();
  underWay: string[] = [];

  #delivery(key: string): OpenDelivery {
    const delivery = this.open.get(key) ?? { ...OPENED };
    this.open.set(key, delivery);
    return delivery;
  }

  apply(command: Command): void {
    switch (command.is) {
      case 'baseline':
        this.hasBaseline = true;
        for (const key of command.keys) this.mails.set(key, { state: 'baseline', at: 0 });
        break;
      case 'old':
        for (const key of command.keys) this.mails.set(key, { state: 'baseline', at: 0 });
        break;
      case 'intend':
        for (const key of command.keys) {
          const delivery = this.#delivery(key);
          delivery.deliveries += 1;
          delivery.lost = false;
        }
        this.#landed(command.keys);
        this.underWay.push(...command.keys);
        break;
      case 'withdraw':
        this.#landed(command.keys);
        for (const key of command.keys) {
          const delivery = this.open.get(key);
          if (delivery === undefined) continue;
          delivery.deliveries = Math.max(0, delivery.deliveries - 1);
          const { deliveries, failures, crashes, suspected, lastChance } = delivery;
          if (deliveries + failures + crashes === 0 && !suspected && !lastChance) this.open.delete(key);
        }
        break;
      case 'killed':
        for (const key of this.underWay) this.#delivery(key).suspected = true;
        if (this.underWay.length === 1) {
          const delivery = this.#delivery(this.underWay[0] ?? '');
          delivery.crashes += 1;
          delivery.retryAt = now + 30_000;
        }
        this.underWay = [];
        break;
      case 'survived': {
        const delivery = this.open.get(command.key);
        if (delivery) delivery.suspected = false;
        this.#landed([command.key]);
        break;
      }
      case 'lost': {
        const delivery = this.open.get(command.key);
        if (delivery) delivery.lost = true;
        break;
      }
      case 'done':
        this.#landed([command.key]);
        this.open.delete(command.key);
        this.mails.set(command.key, { state: command.state, at: now });
        break;
      case 'again':
        if (this.mails.get(command.key)?.state !== 'quarantined') break;
        this.mails.delete(command.key);
        this.#delivery(command.key).deliveries ||= 1;
        this.#delivery(command.key).lastChance = true;
        if (command.asked) this.#delivery(command.key).asked = true;
        break;
      case 'failed': {
        this.#landed([command.key]);
        const delivery = this.#delivery(command.key);
        delivery.failures += 1;
        delivery.retryAt = now + 60_000;
        break;
      }
      case 'listed':
        for (const key of new Set([...this.mails.keys(), ...this.open.keys()])) {
          const since = this.goneSince.get(key);
          if (command.keys.includes(key)) this.goneSince.delete(key);
          else if (since === undefined) this.goneSince.set(key, now);
          else if (now - since > 30 * DAY) {
            this.goneSince.delete(key);
            this.mails.delete(key);
            this.open.delete(key);
            this.#landed([key]);
          }
        }
        break;
      case 'checked':
        this.lastChecked = now;
        break;
      case 'wait':
        now += command.days * DAY;
        break;
      case 'reopen':
        this.underWay = [];
        break;
      case 'together':
        for (const inner of command.commands) this.apply(inner);
    }
  }

  #landed(keys: string[]): void {
    this.underWay = this.underWay.filter((key) => !keys.includes(key));
  }

  known(keys: string[]): Known {
    return {
      hasBaseline: this.hasBaseline,
      lastChecked: this.lastChecked,
      states: keys.map((key) => this.mails.get(key)?.state),
      handledAt: keys.map((key) => {
        const mail = this.mails.get(key);
        return mail?.state === 'processed' ? mail.at : undefined;
      }),
      open: keys.map((key) => {
        const open = this.open.get(key);
        return open && { ...open };
      }),
      present: [...this.mails.keys()].filter((key) => !this.goneSince.has(key)).sort(),
      setAside: [...this.mails.keys()].filter((key) => this.mails.get(key)?.state === 'quarantined').sort(),
    };
  }
}

type Command =
  | { is: 'baseline' | 'old' | 'intend' | 'withdraw' | 'listed'; keys: string[] }
  | { is: 'done'; key: string; state: MailState }
  | { is: 'failed' | 'survived' | 'lost'; key: string }
  | { is: 'again'; key: string; asked: boolean }
  /** `killed`: opened again without having been closed, and the crash is noted. */
  | { is: 'checked' | 'reopen' | 'killed' }
  | { is: 'wait'; days: number }
  /** Not one after the other: what is written waits in one queue. */
  | { is: 'together'; commands: Command[] };

const KEYS = ['ua', 'ub', 'uc', 'ua\n2', 'hÿ"\\', 'u'];
const key = fc.constantFrom(...KEYS);
const keys = fc.uniqueArray(key, { maxLength: KEYS.length });
const atOnce = fc.oneof(
  fc.record({ is: fc.constant('withdraw' as const), keys }),
  fc.record({
    is: fc.constant('done' as const),
    key,
    state: fc.constantFrom<MailState>('processed', 'kept', 'quarantined'),
  }),
  fc.record({
    is: fc.constantFrom('failed' as const, 'survived' as const, 'lost' as const),
    key,
  }),
  fc.record({ is: fc.constant('again' as const), key, asked: fc.boolean() }),
  fc.record({ is: fc.constant('checked' as const) }),
);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: atOnce as fc.Arbitrary<Command> },
  fc.record({ is: fc.constant('intend' as const), keys }),
  fc.record({ is: fc.constantFrom('baseline' as const, 'old' as const), keys }),
  fc.record({ is: fc.constant('listed' as const), keys }),
  fc.record({ is: fc.constant('wait' as const), days: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ is: fc.constantFrom('reopen' as const, 'killed' as const) }),
  fc.record({
    is: fc.constant('together' as const),
    commands: fc.array(atOnce as fc.Arbitrary<Command>, { minLength: 2, maxLength: 8 }),
  }),
);
const commands = fc.array(command, { maxLength: 40 });

async function agreesWithModel(given: Command[]): Promise<void> {
  now = BEGINNING;
  const file = await newFile();
  const model = new Model();
  let ledger = await openAt(file, 300);
  const run = (command: Command): Promise<unknown> => {
    switch (command.is) {
      case 'baseline':
        return ledger.recordBaseline(command.keys);
      case 'old':
        return ledger.markOld(command.keys);
      case 'intend':
        return ledger.recordIntents(command.keys);
      case 'withdraw':
        return ledger.withdrawIntents(command.keys);
      case 'listed':
        return ledger.recordListing(new Set(command.keys));
      case 'done':
        return ledger.markDone(command.key, command.state);
      case 'failed':
        return ledger.recordFailure(command.key, now + 60_000);
      case 'again':
        return ledger.retry(command.key, command);
      case 'survived':
        return ledger.recordSurvival(command.key);
      case 'lost':
        return ledger.recordLoss(command.key);
      case 'checked':
        return ledger.recordCheck();
      case 'together':
        return Promise.all(command.commands.map(run));
      default:
        return Promise.resolve();
    }
  };
  for (const command of given) {
    await run(command);
    const { underWay } = model;
    model.apply(command);
    if (command.is === 'reopen') {
      await ledger.close();
      ledger = await openAt(file, 300);
      assert.deepEqual(ledger.interrupted, []);
    }
    if (command.is === 'killed') {
      await ledger.abandon();
      ledger = await openAt(file, 300);
      assert.deepEqual(ledger.interrupted, underWay);
      if (underWay.length > 0) await ledger.recordCrash(underWay, now + 30_000);
    }
    assert.deepEqual(knownBy(ledger, KEYS), model.known(KEYS));
  }
  await ledger.close();
  ledger = await openAt(file, 300);
  assert.deepEqual(knownBy(ledger, KEYS), model.known(KEYS));
  await ledger.close();
}

describe('a ledger of version 0.1.0', () => {
  after(cleanUp);
  const LINES = [
    '{"is":"redletter-ledger","version":1}',
    '{"is":"baseline","at":1700000000,"keys":["ua","ub"]}',
    '{"is":"intend","at":1700000000,"keys":["uc","ud","ue","uf"]}',
    '{"is":"done","at":1700000000,"key":"uc"}',
    '{"is":"done","at":1700000000,"key":"ud","state":"kept"}',
    '{"is":"failed","at":1700000000,"key":"ue","retryAt":1700000060}',
    '{"is":"done","at":1700000000,"key":"uf","state":"set-aside"}',
    '{"is":"withdraw","keys":["ue"]}',
    '{"is":"old","at":1700000000,"keys":["uo"]}',
    '{"is":"intend","at":1700000000,"keys":["ug","uh"]}',
    '{"is":"crashed","at":1700000000,"keys":["uh"],"retryAt":1700000001}',
    '{"is":"survived","key":"ug"}',
    '{"is":"lost","key":"uh"}',
    '{"is":"again","key":"uf"}',
    '{"is":"gone","at":1700000000,"keys":["ub","uo","ue","ug","uh","uf"]}',
    '{"is":"back","keys":["ub"]}',
    '{"is":"checked","at":1700000000}',
    '{"is":"checked","at":1700000000}',
  ];
  const COMPACTED = [
    '{"is":"redletter-ledger","version":1,"snapshot":true}',
    '{"is":"snapshot","baseline":true,"checked":1700000000,"known":[["ua","b",0],["ub","b",0],["uc","h",1700000000],["ud","k",0],["uo","b",0]],"open":[["ue",0,1,1700000060000,0,false,false],["ug",1,0,0,0,false,false],["uh",1,0,1700000001000,1,true,true],["uf",1,0,0,0,false,false]],"gone":[["uo",1700000000],["ue",1700000000],["ug",1700000000],["uh",1700000000],["uf",1700000000]],"underWay":[]}',
    '{"is":"checked","at":1700000000}',
  ];
  for (const [name, lines] of Object.entries({ 'line by line': LINES, compacted: COMPACTED })) {
    it(`is read, ${name}`, async () => {
      const file = await newFile();
      await writeFile(file, `${lines.join('\n')}\n`);
      const ledger = await openAt(file);
      assert.deepEqual(
        ['ua', 'ub', 'uc', 'ud', 'uo', 'uf', 'ug'].map((key) => ledger.state(key)),
        ['baseline', 'baseline', 'processed', 'kept', 'baseline', undefined, undefined],
      );
      assert.equal(ledger.hasBaseline, true);
      assert.equal(ledger.openDelivery('ue')?.failures, 1);
      assert.deepEqual(ledger.openDelivery('uh'), {
        ...OPENED,
        deliveries: 1,
        crashes: 1,
        suspected: true,
        retryAt: 1_700_000_001_000,
        lost: true,
      });
      await ledger.close();
    });
  }
});

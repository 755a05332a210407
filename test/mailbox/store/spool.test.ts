import assert from 'node:assert/strict';
import { open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { MailboxError } from '../../../nodes/mailbox';
import { FileSpool } from '../../../nodes/mailbox/store/file/spool';
import { spoolName } from '../../../nodes/mailbox/store/spool';
import { cleanUp, newFolder } from '../../../servers/mailbox-checker';
import { spoolContract } from './spool-contract';

async function* pieces(...texts: string[]): AsyncIterable<Buffer> {
  for (const text of texts) yield Buffer.from(text, 'latin1');
}

async function bytesOf(source: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of source) text += chunk.toString('latin1');
  return text;
}

const whole = () => ({ whole: true });

describe('the spool', () => {
  let folder: string;
  let spool: FileSpool;
  const listed = (uid: string, octets?: number) => ({
    number: 7,
    uid,
    key: `u${uid}`,
    ambiguous: false,
    ...(octets !== undefined && { bytes: octets }),
  });
  beforeEach(async () => {
    folder = join(await newFolder(), 'a.spool');
    spool = await FileSpool.open(folder);
  });
  after(cleanUp);

  describe('as any spool', () => {
    spoolContract(async () => {
      const own = join(await newFolder(), 'b.spool');
      return {
        open: () => FileSpool.open(own),
        loseBytes: (key) => rm(join(own, spoolName(key))),
      };
    });
  });

  it('gives back the bytes as they came, also to the next process, and only to their owner', async () => {
    const long = '\xe9\r\n.\0'.repeat(50_000);
    assert.equal((await spool.put(listed('a'), pieces('Subject: a\r\n\r\n', long), whole)).bytes, 250_014);
    await spool.put(listed('b', 5000), pieces('Subject: b\r\n\r\n'), () => ({ whole: false }));
    for (const one of [spool, await FileSpool.open(folder)]) {
      assert.deepEqual(one.get('ua'), { key: 'ua', uid: 'a', number: 7, bytes: 250_014, whole: true });
      assert.equal(one.get('ub')?.whole, false);
      assert.equal(await bytesOf(one.read('ua')), `Subject: a\r\n\r\n${long}`);
      assert.equal(one.get('uc'), undefined);
      assert.equal(one.size, 2);
    }
    for (const name of await readdir(folder))
      assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
  });

  it('takes a unique ID for no path, no line and no property', async () => {
    const uids = [
      '../../../etc/passwd',
      '/etc/passwd',
      '..',
      'con',
      'a\0b',
      'a\n{"key":"ub"}',
      '__proto__',
      'x'.repeat(5000),
    ];
    for (const uid of uids) await spool.put(listed(uid), pieces(`Subject: ${uid.length}\r\n\r\n`), whole);
    assert.deepEqual(await readdir(join(folder, '..')), ['a.spool']);
    for (const name of await readdir(folder)) assert.match(name, /^[\w-]{20,}(\.\w+)?$/);
    const again = await FileSpool.open(folder);
    assert.equal(again.size, uids.length);
    for (const uid of uids) {
      assert.equal(again.get(`u${uid}`)?.uid, uid);
      assert.equal(await bytesOf(again.read(`u${uid}`)), `Subject: ${uid.length}\r\n\r\n`);
    }
  });

  it('has bytes and name on the disk where it says so', async () => {
    const synced: string[] = [];
    spool = await FileSpool.open(folder, async (path, flags, mode) => {
      const handle = await open(path, flags, mode);
      const sync = handle.sync.bind(handle);
      handle.sync = () => {
        synced.push(relative(folder, path) || 'folder');
        return sync();
      };
      return handle;
    });
    await spool.sync();
    assert.deepEqual(synced, [], 'nothing has come');
    await spool.put(listed('a'), pieces('Subject: a\r\n\r\n'), whole);
    await spool.put(listed('b'), pieces('Subject: b\r\n\r\n'), whole);
    await spool.sync();
    await spool.sync();
    assert.deepEqual(synced, [`${spoolName('ua')}.new`, `${spoolName('ub')}.new`, 'folder', '..']);
  });

  it('has them in the order in which they came, in the next process too', async () => {
    for (const [at, uid] of [...'zayx'].entries())
      await spool.put({ ...listed(uid), number: at + 1 }, pieces('x'), whole);
    // A clock too coarse to tell them apart, but for the first, which came in a session before.
    const session = new Date();
    for (const uid of 'zayx') await utimes(join(folder, spoolName(`u${uid}`)), session, session);
    await utimes(join(folder, spoolName('ux')), 1, 1);
    const again = await FileSpool.open(folder);
    assert.equal(
      again
        .all()
        .map(({ uid }) => uid)
        .join(''),
      'xzay',
    );
  });

  it('keeps nothing of a mail whose body fails', async () => {
    async function* failing(): AsyncIterable<Buffer> {
      yield Buffer.from('half');
      throw new Error('the line dropped');
    }
    await assert.rejects(spool.put(listed('a'), failing(), whole), /the line dropped/);
    assert.equal(spool.get('ua'), undefined);
    assert.deepEqual(await readdir(folder), []);
  });

  it('throws away what was being written when the process ended, and leaves alone what is not its own', async () => {
    await spool.put(listed('a'), pieces('whole'), whole);
    await writeFile(join(folder, `${spoolName('ub')}.new`), '{"key":"ub","uid":"b"}\nhal');
    await writeFile(join(folder, 'notes.txt'), 'mine');
    await writeFile(join(folder, spoolName('uc')), '{"key":"another","uid":"another"}\n');
    const again = await FileSpool.open(folder);
    assert.deepEqual(
      again.all().map(({ key }) => key),
      ['ua'],
    );
    assert.deepEqual((await readdir(folder)).sort(), [spoolName('ua'), spoolName('uc'), 'notes.txt'].sort());
    assert.equal(await readFile(join(folder, 'notes.txt'), 'utf8'), 'mine');
  });

  it('reports which mail is missing when its file was removed, and stores it again', async () => {
    await spool.put(listed('a'), pieces('once'), whole);
    await rm(folder, { recursive: true });
    await assert.rejects(bytesOf(spool.read('ua')), (error) => {
      assert.ok(error instanceof MailboxError);
      assert.deepEqual([error.code, error.reason, error.facts.uid], ['STORE', 'spooled-mail-gone', 'a']);
      return true;
    });
    spool.forget('ua');
    assert.equal(spool.get('ua'), undefined);
    await spool.put(listed('a'), pieces('twice'), whole);
    assert.equal(await bytesOf(spool.read('ua')), 'twice');
  });

  it('forgets a mail with its file, however often it is told', async () => {
    await spool.put(listed('a'), pieces('x'), whole);
    await spool.remove('ua');
    await spool.remove('ua');
    assert.deepEqual([spool.get('ua'), await readdir(folder)], [undefined, []]);
  });

  it('keeps a mail that comes under a unique ID while the one before it is being removed', async () => {
    let removeNow: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      removeNow = resolve;
    });
    let written: () => void = () => undefined;
    const openFile: typeof open = async (...how) => {
      const handle = await open(...how);
      const close = handle.close.bind(handle);
      handle.close = () => close().finally(() => written());
      return handle;
    };
    const slow = await FileSpool.open(folder, openFile, async (file, options) => {
      await asked;
      await rm(file, options);
    });
    await slow.put(listed('a'), pieces('the first'), whole);
    const removal = slow.remove('ua');
    assert.equal(slow.get('ua'), undefined, 'not held any more');
    const complete = new Promise<void>((resolve) => {
      written = resolve;
    });
    const second = slow.put(listed('a'), pieces('the second'), whole);
    await complete;
    // Time for the second to take its name, if it took it now.
    for (let looks = 0; looks < 20; looks += 1) await readdir(folder);
    removeNow();
    await Promise.all([removal, second]);
    for (const one of [slow, await FileSpool.open(folder)]) {
      assert.equal(one.size, 1);
      assert.equal(await bytesOf(one.read('ua')), 'the second');
    }
  });

  it('where a folder cannot be: STORE that names it', async () => {
    const plain = join(await newFolder(), 'plain');
    await writeFile(plain, '');
    await assert.rejects(FileSpool.open(plain), (error) => {
      assert.ok(error instanceof MailboxError);
      assert.deepEqual([error.code, error.facts.folder], ['STORE', plain]);
      return true;
    });
  });
});

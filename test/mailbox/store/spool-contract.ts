import assert from 'node:assert/strict';
import { MailboxError } from '../../../nodes/mailbox';
import { type Spool, spoolName } from '../../../nodes/mailbox/store/spool';

/** Where a spool is kept. */
export interface SpoolPlace {
  /** Opens the one spool that is kept here; a second opening finds what the first has taken in. */
  open(): Promise<Spool>;
  /** Takes the bytes of a mail away behind the spool's back. Absent: cannot be had here. */
  loseBytes?(key: string): Promise<void>;
  /** Called when the test is over. */
  remove?(): Promise<void>;
}

const LONG = '\xe9\r\n.\0'.repeat(50_000);
const whole = () => ({ whole: true });

async function* pieces(...texts: string[]): AsyncIterable<Buffer> {
  for (const text of texts) yield Buffer.from(text, 'latin1');
}

async function textOf(source: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

const listed = (uid: string, number = 7, bytes?: number) => ({
  number,
  uid,
  key: `u${uid}`,
  ambiguous: false,
  ...(bytes !== undefined && { bytes }),
});

/**
 * What every implementation of {@link Spool} has to pass.
 * @param newPlace an empty place each time
 */
export function spoolContract(newPlace: () => Promise<SpoolPlace>): void {
  let place: SpoolPlace;
  let spool: Spool;
  beforeEach(async () => {
    place = await newPlace();
    spool = await place.open();
  });
  afterEach(async () => {
    await place.remove?.();
  });

  it('is empty at first, and has a name', async () => {
    assert.equal(spool.size, 0);
    assert.deepEqual(spool.all(), []);
    assert.notEqual(spool.place, '');
    assert.equal(spool.get('ua'), undefined);
    assert.equal(spool.named(spoolName('ua')), undefined);
    await spool.sync();
  });

  it('gives back the bytes as they came, also to the next process', async () => {
    const put = await spool.put(listed('a'), pieces('Subject: a\r\n\r\n', LONG), whole);
    const expected = { key: 'ua', uid: 'a', number: 7, bytes: 250_014, whole: true };
    assert.deepEqual(put, expected);
    await spool.sync();
    for (const one of [spool, await place.open()]) {
      assert.deepEqual(one.get('ua'), expected);
      assert.deepEqual(one.named(spoolName('ua')), expected);
      assert.equal(await textOf(one.read('ua')), `Subject: a\r\n\r\n${LONG}`);
      assert.equal(await textOf(one.read('ua')), `Subject: a\r\n\r\n${LONG}`, 'as often as one likes');
      assert.equal(one.size, 1);
    }
  });

  it('asks for the facts when the body has come, and keeps them', async () => {
    let came = 0;
    async function* counted(): AsyncIterable<Buffer> {
      for await (const chunk of pieces('Subject: a\r\n', '\r\n')) {
        came += chunk.length;
        yield chunk;
      }
    }
    const put = await spool.put(listed('a', 7, 5000), counted(), () => ({ whole: came > 1000 }));
    assert.deepEqual([put.whole, put.bytes], [false, 5000], 'of the whole mail, as listed');
    assert.equal((await place.open()).get('ua')?.whole, false);
  });

  it('keeps what a mail is recognized by, and that it came incomplete', async () => {
    const facts = { whole: true, fingerprint: 'f'.repeat(43), listedBytes: 4321, incomplete: true };
    const put = await spool.put(listed('a', 7, 4321), pieces('Subject: a\r\n\r\n'), () => facts);
    const expected = { key: 'ua', uid: 'a', number: 7, bytes: 14, ...facts };
    assert.deepEqual(put, expected);
    assert.deepEqual((await place.open()).get('ua'), expected);
  });

  it('has a mail of no bytes, and keys of any text', async () => {
    const keys = ['', 'ü ', 'x'.repeat(500), "'; --", 'a/b', '..'];
    for (const uid of keys) await spool.put(listed(uid), pieces(), whole);
    // A mail without unique ID is known by a digest, one of two with the same by its place.
    await spool.put({ number: 1, key: 'ua\n2', uid: 'a', ambiguous: true }, pieces('second'), whole);
    await spool.put({ number: 2, key: 'hdigest', ambiguous: false }, pieces('nameless'), whole);
    const again = await place.open();
    assert.equal(again.size, keys.length + 2);
    for (const uid of keys) assert.equal(await textOf(again.read(`u${uid}`)), '');
    assert.equal(await textOf(again.read('ua\n2')), 'second');
    assert.deepEqual([again.get('hdigest')?.uid, again.get('hdigest')?.number], ['digest', 2]);
  });

  it('has them in the order in which they came', async () => {
    for (const [at, uid] of [...'zayx'].entries()) await spool.put(listed(uid, at + 1), pieces('x'), whole);
    for (const one of [spool, await place.open()])
      assert.equal(
        one
          .all()
          .map(({ uid }) => uid)
          .join(''),
        'zayx',
      );
  });

  it('keeps nothing of a mail whose body fails, and throws what the body threw', async () => {
    async function* failing(): AsyncIterable<Buffer> {
      yield Buffer.from('half');
      throw new Error('the connection dropped');
    }
    await assert.rejects(spool.put(listed('a'), failing(), whole), /the connection dropped/);
    assert.equal(spool.get('ua'), undefined);
    assert.equal((await place.open()).size, 0);
  });

  it('replaces a mail that comes once more', async () => {
    await spool.put(listed('a', 1), pieces('once'), whole);
    await spool.put(listed('a', 2), pieces('twice'), whole);
    for (const one of [spool, await place.open()]) {
      assert.deepEqual([one.size, one.get('ua')?.number], [1, 2]);
      assert.equal(await textOf(one.read('ua')), 'twice');
    }
  });

  it('removes a mail, however often it is asked to', async () => {
    await spool.put(listed('a'), pieces('x'), whole);
    await spool.put(listed('b'), pieces('y'), whole);
    await spool.remove('ua');
    await spool.remove('ua');
    assert.deepEqual([spool.get('ua'), spool.size], [undefined, 1]);
    assert.deepEqual(
      (await place.open()).all().map(({ uid }) => uid),
      ['b'],
    );
  });

  it('reports which mail is missing when its bytes are, and stores it again', async function () {
    if (place.loseBytes === undefined) return this.skip();
    await spool.put(listed('a'), pieces('once'), whole);
    await place.loseBytes('ua');
    await assert.rejects(textOf(spool.read('ua')), (error) => {
      assert.ok(error instanceof MailboxError);
      assert.deepEqual([error.code, error.reason, error.facts.uid], ['STORE', 'spooled-mail-gone', 'a']);
      return true;
    });
    spool.forget('ua');
    assert.deepEqual([spool.get('ua'), spool.size], [undefined, 0]);
    await spool.put(listed('a'), pieces('twice'), whole);
    assert.equal(await textOf(spool.read('ua')), 'twice');
  });
}

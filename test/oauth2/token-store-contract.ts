import assert from 'node:assert/strict';
import type { TokenStore, Tokens } from '../../nodes/oauth2';

const tokens = (name: string, obtainedAt: number): Tokens => ({
  accessToken: `access of ${name}`,
  refreshToken: `refresh of ${name}`,
  obtainedAt,
  expiresAt: obtainedAt + 3_600_000,
  signedInAt: 1,
});

/** What every `TokenStore` has to do. `open` gives the store of one account, each time of another owner of it. */
export function tokenStoreContract(open: () => Promise<TokenStore> | TokenStore): void {
  it('keeps what was saved, for every owner, until it is deleted', async () => {
    const [one, other] = [await open(), await open()];
    assert.equal(await one.load(), undefined);
    await one.save(tokens('alice', 1));
    assert.deepEqual(await other.load(), tokens('alice', 1));
    await other.save(tokens('alice', 2));
    assert.deepEqual(await one.load(), tokens('alice', 2));
    await one.delete();
    await one.delete();
    assert.equal(await other.load(), undefined);
  });

  it('gives back what renewing gives, and passes on what it throws', async () => {
    const store = await open();
    assert.equal(await store.renewing(async () => 'renewed'), 'renewed');
    await assert.rejects(
      store.renewing(async () => {
        throw new Error('refused');
      }),
      /refused/,
    );
    assert.equal(await store.renewing(async () => 'again'), 'again', 'a failure holds no lock');
  });

  it('saves within a renewal', async () => {
    const store = await open();
    await store.save(tokens('alice', 1));
    await store.renewing(async () => store.save(tokens('alice', 2)));
    assert.deepEqual(await store.load(), tokens('alice', 2));
  });

  it('lets one renew at a time, and the next one sees what came of it', async () => {
    const [one, other] = [await open(), await open()];
    await one.save(tokens('alice', 1));
    const order: string[] = [];
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let entered = (): void => undefined;
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const first = one.renewing(async () => {
      order.push('first begins');
      entered();
      await held;
      await one.save(tokens('alice', 2));
      order.push('first ends');
    });
    await inside;
    const second = other.renewing(async (stored) => {
      order.push(`second sees ${stored?.obtainedAt}`);
    });
    release();
    await Promise.all([first, second]);
    assert.deepEqual(order, ['first begins', 'first ends', 'second sees 2']);
  });
}

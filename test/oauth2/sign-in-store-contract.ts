import assert from 'node:assert/strict';
import type { SignInStore, StoredSignIn } from '../../nodes/oauth2';
import { SIGN_IN_MS } from '../../nodes/oauth2/sign-ins';
import { seen } from './support';

/** A sign-in by authorization code that began at `now`. */
export function waitingSignIn(id: string, now: number, account = 'account-1'): StoredSignIn {
  return {
    id,
    account,
    adminUser: 'admin',
    state: 'waiting',
    expiresAt: now + SIGN_IN_MS,
    config: { provider: 'custom', grant: 'authorization_code', clientSecret: 'canary-secret' },
    route: { proxy: 'proxy-1' },
    pending: {
      redirectUri: 'http://localhost:1880/redletter/oauth2-account/callback',
      callbackUrl: 'http://localhost:1880/redletter/oauth2-account/callback',
      endpoints: { issuerPromised: false, token: 'https://login.example.com/token' },
      ticket: `ticket of ${id}`,
      ticketExpiresAt: now + 60_000,
      state: `state of ${id}`,
      cookie: 'canary-cookie',
      verifier: 'canary-verifier',
    },
  };
}

/** What every `SignInStore` has to do. `open` gives the same store each time, to another owner of it. */
export function signInStoreContract(
  open: () => Promise<SignInStore> | SignInStore,
  clock: () => { now: () => number; pass: (ms: number) => void },
): void {
  const begin = (id: string, account?: string) => waitingSignIn(id, clock().now(), account);

  it('keeps a sign-in for every owner, and gives out copies', async () => {
    const [one, other] = [await open(), await open()];
    await one.add(begin('a'));
    const found = (await other.get('a')) ?? assert.fail();
    assert.deepEqual(found, begin('a'));
    found.state = 'failed';
    assert.equal((await one.get('a'))?.state, 'waiting');
    for (const id of ['', 'b', 'constructor', '__proto__']) assert.equal(await one.get(id), undefined);
  });

  for (const what of ['ticket', 'state'] as const) {
    it(`gives the ${what} to one of many who take it at once`, async () => {
      const [one, other] = [await open(), await open()];
      await one.add(begin('a'));
      const taken = await Promise.all([one, other, one, other].map((store) => store.take('a', what)));
      const [winner, ...others] = taken.filter((signIn) => signIn !== undefined);
      assert.equal(winner?.pending?.[what], `${what} of a`);
      assert.equal(others.length, 0);
      assert.equal((await one.get('a'))?.pending?.[what], undefined);
      assert.equal(await other.take('b', what), undefined);
    });
  }

  it('a ticket leaves the state, a state voids the ticket', async () => {
    const store = await open();
    await store.add(begin('a'));
    await store.add(begin('b'));
    await store.take('a', 'ticket');
    assert.ok(await store.take('a', 'state'));
    await store.take('b', 'state');
    assert.equal(await store.take('b', 'ticket'), undefined);
  });

  it('the first end counts, and takes the secrets with it', async () => {
    const [one, other] = [await open(), await open()];
    await one.add(begin('a'));
    const error = { code: 'DECLINED', reason: 'declined', facts: { provider: 'custom' } } as const;
    assert.deepEqual((await other.end('a', { state: 'failed', error }))?.error, error);
    assert.equal(await one.end('a', { state: 'signed-in', renewable: true }), undefined);
    assert.equal(await one.end('b', { state: 'signed-in' }), undefined);
    const ended = await one.get('a');
    assert.deepEqual([ended?.state, ended?.error?.reason], ['failed', 'declined']);
    assert.doesNotMatch(seen(ended), /canary/);
    assert.equal(await one.take('a', 'state'), undefined);
  });

  it('forgets a sign-in its own length after its end', async () => {
    const store = await open();
    await store.add(begin('a'));
    clock().pass(2 * SIGN_IN_MS - 1);
    assert.ok(await store.get('a'));
    clock().pass(1);
    assert.equal(await store.get('a'), undefined);
    assert.equal(await store.take('a', 'state'), undefined);
  });

  it('keeps five of one account and a hundred in all, the newest', async () => {
    const store = await open();
    const removed = async (signIn: StoredSignIn) => (await store.add(signIn)).map(({ id }) => id);
    for (let count = 1; count <= 5; count += 1) assert.deepEqual(await removed(begin(`a${count}`)), []);
    assert.deepEqual(await removed(begin('a6')), ['a1']);
    assert.equal(await store.get('a1'), undefined);
    for (let count = 6; count <= 100; count += 1) await store.add(begin(`b${count}`, `account-${count}`));
    assert.deepEqual(await removed(begin('c', 'one more')), ['a2']);
    assert.ok(await store.get('a3'));
  });
}

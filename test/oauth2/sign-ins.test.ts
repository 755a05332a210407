import assert from 'node:assert/strict';
import { MemorySignInStore, OAuth2Error, type SignInStore, type Tokens } from '../../nodes/oauth2';
import { SIGN_IN_MS, type SignInOutcome, SignIns } from '../../nodes/oauth2/sign-ins';
import { signInStoreContract, waitingSignIn } from './sign-in-store-contract';
import { Clock, seen } from './support';

describe('oauth2/sign-ins', () => {
  let clock: Clock;
  let store: SignInStore;
  let told: SignInOutcome[];
  let accepted: Tokens[];
  let all: SignIns;

  beforeEach(() => {
    clock = new Clock();
    store = new MemorySignInStore(clock.now);
    told = [];
    accepted = [];
    all = signIns();
  });

  const signIns = (onOutcome = (outcome: SignInOutcome) => void told.push(outcome)) =>
    new SignIns({ onSignedIn: ({ tokens }) => void accepted.push(tokens), store, now: clock.now, onOutcome });
  const signIn = (id: string) => waitingSignIn(id, clock.now());
  const config = { provider: 'custom', grant: 'authorization_code' } as const;
  const question = (id: string) => ({ id, account: 'account-1', adminUser: 'admin' });
  const outcome = (id: string) => all.outcome(question(id));
  const tokens: Tokens = { accessToken: 'access', expiresAt: 2, obtainedAt: 1, signedInAt: 1 };
  const decline = async (id: string, room = all) =>
    room.settle({ ...question(id), config }, async () => {
      throw new OAuth2Error('DECLINED', 'declined');
    });

  describe('kept in this process', () => {
    signInStoreContract(
      () => store,
      () => clock,
    );
  });

  it('the first end counts, and is told once', async () => {
    await all.add(signIn('one'));
    await decline('one');
    await all.settle({ ...question('one'), config }, async () => tokens);
    await all.cancel(question('one'));
    assert.equal((await outcome('one'))?.error?.reason, 'declined');
    assert.equal(told.length, 1);
    assert.deepEqual(accepted, []);
  });

  it('another process that shares the store settles it, and this one knows the outcome', async () => {
    await all.add(signIn('one'));
    await signIns().settle({ ...question('one'), config }, async () => tokens);
    assert.deepEqual(
      [(await outcome('one'))?.state, (await outcome('one'))?.renewable],
      ['signed-in', false],
    );
    assert.deepEqual(accepted, [tokens]);
  });

  it('what has ended holds no secret any more', async () => {
    await all.add(signIn('one'));
    await decline('one');
    assert.doesNotMatch(seen([await store.get('one'), told]), /canary/);
  });

  it('what has ended is known for a while, then forgotten', async () => {
    await all.add(signIn('one'));
    clock.pass(SIGN_IN_MS);
    assert.equal((await outcome('one'))?.error?.reason, 'sign-in-expired-here');
    clock.pass(SIGN_IN_MS - 1);
    assert.ok(await outcome('one'));
    clock.pass(1);
    assert.equal(await outcome('one'), undefined);
  });

  it('a sign-in that made room for another one is told as superseded', async () => {
    for (let count = 0; count < 6; count += 1) await all.add(signIn(`${count}`));
    assert.deepEqual(
      told.map(({ id, error }) => [id, error?.reason]),
      [['0', 'sign-in-superseded']],
    );
  });

  it('a listener’s mistake changes nothing', async () => {
    const failing = signIns(() => {
      throw new Error('listener');
    });
    await failing.add(signIn('one'));
    await decline('one', failing);
    assert.equal((await outcome('one'))?.state, 'failed');
  });
});

import assert from 'node:assert/strict';
import { OAuth2Error } from '../../nodes/oauth2';
import { SIGN_IN_MS, type SignInOutcome, SignIns } from '../../nodes/oauth2/sign-ins';
import { Clock, seen } from './support';

describe('oauth2/sign-ins', () => {
  let clock: Clock;
  let told: SignInOutcome[];
  let all: SignIns<ReturnType<typeof signIn>>;

  beforeEach(() => {
    clock = new Clock();
    told = [];
    all = new SignIns({ onSignedIn: () => {}, now: clock.now, onOutcome: (outcome) => told.push(outcome) });
  });

  function signIn(id: string, account = 'account-1') {
    const outcome: SignInOutcome = { id, account, state: 'waiting', expiresAt: clock.now() + SIGN_IN_MS };
    const config = { provider: 'custom', grant: 'authorization_code', clientSecret: 'canary' } as const;
    return { outcome, request: { account, adminUser: 'admin', config } };
  }
  const outcome = (id: string) => all.outcome({ id, account: 'account-1', adminUser: 'admin' });

  it('the first end counts, and is told once', () => {
    const one = signIn('one');
    all.add(one);
    all.end(one, new OAuth2Error('DECLINED', 'declined'));
    all.end(one, undefined);
    all.cancel({ id: 'one', account: 'account-1', adminUser: 'admin' });
    assert.equal(outcome('one')?.error?.reason, 'declined');
    assert.equal(told.length, 1);
  });

  it('what has ended holds no secret any more', () => {
    const one = signIn('one');
    all.add(one);
    all.end(one, undefined);
    assert.doesNotMatch(seen(one), /canary/);
  });

  it('what has ended is known for a while, then forgotten', () => {
    all.add(signIn('one'));
    clock.pass(SIGN_IN_MS);
    assert.equal(outcome('one')?.error?.reason, 'sign-in-expired-here');
    clock.pass(SIGN_IN_MS - 1);
    assert.ok(outcome('one'));
    clock.pass(1);
    assert.equal(outcome('one'), undefined);
  });

  it('a listener’s mistake changes nothing', () => {
    const failing = new SignIns<ReturnType<typeof signIn>>({
      onSignedIn: () => {},
      now: clock.now,
      onOutcome: () => {
        throw new Error('listener');
      },
    });
    const one = signIn('one');
    failing.add(one);
    failing.end(one, undefined);
    assert.equal(one.outcome.state, 'signed-in');
  });
});

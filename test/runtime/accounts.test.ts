import assert from 'node:assert/strict';
import { type AccountConfig, bindingOf, type TokenState, type Tokens } from '../../nodes/oauth2';
import { type AccountLoan, Accounts } from '../../nodes/runtime/accounts';
import { REMOVED_MS, type SettingsStore, TokenVault, UNDEPLOYED_MS } from '../../nodes/runtime/token-vault';
import { BEGINNING, DAY, HOUR, TestClock } from '../../servers/mailbox-checker';
import { tokens as answer, startTokenEndpoint, type TokenEndpoint } from '../../servers/token-endpoint';

const config: AccountConfig = {
  provider: 'custom',
  grant: 'authorization_code',
  tokenUrl: 'http://127.0.0.1:1/token',
  clientId: 'client',
  user: 'alice@example.test',
};
const now = Date.now();
const tokens = (name: string): Tokens => ({
  accessToken: `access of ${name}`,
  refreshToken: `refresh of ${name}`,
  expiresAt: now + 3_600_000,
  obtainedAt: now,
  signedInAt: now,
});
const signIn = (accounts: Accounts, account: string, name = account, of = config): Promise<void> =>
  accounts.signedIn({ account, binding: bindingOf(of), tokens: tokens(name) });

describe('the accounts of a runtime', () => {
  let stored: string;
  let later: number;
  let broken: boolean;
  let accounts: Accounts;
  const settings: SettingsStore = {
    get: (key) => JSON.parse(stored)[key],
    set: async (key, value) => {
      if (broken) throw new Error('the disk is full');
      stored = JSON.stringify({ ...JSON.parse(stored), [key]: value });
    },
  };
  const restarted = (): Accounts => new Accounts(new TokenVault({ settings, now: () => Date.now() + later }));
  beforeEach(() => {
    stored = '{}';
    later = 0;
    broken = false;
    accounts = restarted();
  });

  it('share one source, over a deploy too', () => {
    const old = accounts.borrow('a', config);
    const young = accounts.borrow('a', { ...config, scope: 'more' });
    assert.equal(young.source, old.source);
    old.giveBack();
    young.giveBack();
    const next = accounts.borrow('a', config);
    assert.equal(next.source, old.source);
    assert.notEqual(accounts.borrow('b', config).source, old.source);
    const other = accounts.borrow('a', { ...config, user: 'bob@example.test' });
    assert.notEqual(other.source, old.source, 'another user is another account');
    other.giveBack();
    next.giveBack();
  });

  it('a sign-in goes to the running account, and notifies all its users until they close', async () => {
    const [one, two] = [accounts.borrow('a', config), accounts.borrow('a', config)];
    const heard: string[] = [];
    const listen = (who: string) => (state: TokenState) => heard.push(`${who}: ${state.kind}`);
    const unlisten = one.listen(listen('first'));
    one.listen(listen('second'));
    two.listen(listen('third'));
    await signIn(accounts, 'a');
    assert.deepEqual(heard.sort(), ['first: signed-in', 'second: signed-in', 'third: signed-in']);
    assert.equal((await one.source.token()).accessToken, 'access of a');
    heard.length = 0;
    unlisten();
    one.giveBack();
    await one.source.revoke();
    assert.deepEqual(heard, ['third: signed-out']);
    two.giveBack();
  });

  it('a sign-in before the first deploy waits for it, over a restart', async () => {
    await signIn(accounts, 'a');
    const loan = restarted().borrow('a', config);
    assert.equal((await loan.source.token()).accessToken, 'access of a');
    loan.giveBack();
    assert.deepEqual(await accounts.stored('a', config), tokens('a'));
    assert.equal(await accounts.stored('a', { ...config, clientId: 'another' }), undefined);
  });

  it('a sign-in that cannot be kept says so, and works until the end of the process', async () => {
    const loan = accounts.borrow('a', config);
    broken = true;
    await assert.rejects(signIn(accounts, 'a'), { code: 'STORE' });
    assert.equal((await loan.source.token()).accessToken, 'access of a');
    assert.equal(loan.source.state.storeError?.code, 'STORE');
    broken = false;
    await loan.source.token();
    assert.equal(loan.source.state.storeError, undefined, 'and is kept as soon as that works again');
    assert.deepEqual(await restarted().stored('a', config), tokens('a'));
    loan.giveBack();
  });

  it('can be looked at without being borrowed', async () => {
    await signIn(accounts, 'a');
    const looked = accounts.look('a', config);
    await looked.token();
    assert.equal(looked.state.kind, 'signed-in');
    const loan = accounts.borrow('a', config);
    assert.equal(accounts.look('a', config), loan.source);
    loan.giveBack();
  });

  describe('without requests for a token', () => {
    const WEEK = 7 * DAY;
    let clock: TestClock;
    let endpoint: TokenEndpoint;
    const started = (): Accounts =>
      new Accounts(new TokenVault({ settings, now: clock.now }), undefined, clock);
    const idle = (): AccountConfig => ({ ...config, tokenUrl: endpoint.url });
    beforeEach(async () => {
      clock = new TestClock();
      endpoint = await startTokenEndpoint(answer({ refresh_token: 'next' }));
      const at = clock.now();
      const fresh = { ...tokens('a'), obtainedAt: at, signedInAt: at, expiresAt: at + HOUR };
      await started().signedIn({ account: 'a', binding: bindingOf(idle()), tokens: fresh });
    });
    afterEach(() => endpoint.close());
    /** Lets time pass, and a renewal come to its end. */
    const pass = async ({ source }: AccountLoan, ms: number): Promise<void> => {
      clock.advance(ms);
      // Reading what is stored takes a turn or two before anything is sent.
      for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
      await source.settled();
    };

    it('are renewed at once with a secret from the dialog that is not deployed', async () => {
      const accounts = started();
      const loan = accounts.borrow('a', { ...idle(), clientSecret: 'deployed' });
      await accounts.drawn('a', { ...idle(), clientSecret: 'deployed' }).token();
      assert.equal(endpoint.requests.length, 0, 'a kept token will do');
      endpoint.answer({ status: 401, body: { error: 'invalid_client' } });
      const wrong = accounts.drawn('a', { ...idle(), clientSecret: 'wrong' });
      await assert.rejects(wrong.token(), { code: 'CONFIG' });
      await assert.rejects(wrong.token(), { code: 'CONFIG' });
      assert.equal(endpoint.requests.length, 1);
      assert.equal((await loan.source.token()).accessToken, 'access of a');
      endpoint.answer(answer({ refresh_token: 'next' }));
      const right = accounts.drawn('a', { ...idle(), clientSecret: 'right' });
      const { accessToken } = await right.token();
      assert.equal((await loan.source.token()).accessToken, accessToken, 'one source has the newest');

      const application: AccountConfig = { ...idle(), grant: 'client_credentials', clientSecret: 'deployed' };
      accounts.borrow('b', application);
      endpoint.answer({ status: 401, body: { error: 'invalid_client' } });
      const typed = accounts.drawn('b', { ...application, clientSecret: 'wrong' });
      await assert.rejects(typed.token(), { code: 'CONFIG' });
      assert.equal(endpoint.requests.at(-1)?.form.get('client_secret'), 'wrong');
      loan.giveBack();
    });

    it('are renewed once a week, for as long as they are deployed', async () => {
      const loan = started().borrow('a', idle());
      for (let day = 0; day < 15; day += 1) await pass(loan, DAY);
      assert.equal(endpoint.requests.length, 2);
      loan.giveBack();
      assert.deepEqual(clock.waits, []);
    });

    it('are also renewed by a process that restarts every night', async () => {
      for (let day = 0; day < 8; day += 1) {
        const loan = started().borrow('a', idle());
        await pass(loan, DAY / 2);
        loan.giveBack();
        clock.advance(DAY / 2);
      }
      assert.ok(clock.now() > BEGINNING + WEEK);
      assert.equal(endpoint.requests.length, 1);
    });
  });

  describe('after a deploy', () => {
    const ids = (...names: string[]): ReadonlySet<string> => new Set(names);
    const known = async (...names: string[]): Promise<string> => {
      const fresh = restarted();
      const found: string[] = [];
      for (const name of names) if (await fresh.stored(name, config)) found.push(name);
      return found.join(' ');
    };

    it('a disabled account keeps its sign-in, a removed one for 30 days', async () => {
      const loans = ['used', 'disabled', 'removed'].map((name) => accounts.borrow(name, config));
      for (const name of ['used', 'disabled', 'removed']) await signIn(accounts, name);
      const before = ids('used', 'disabled', 'removed');
      await accounts.sweep(before);
      loans[1]?.giveBack();
      loans[2]?.giveBack();
      await accounts.sweep(ids('used', 'disabled'));
      assert.equal(await known('used', 'disabled', 'removed'), 'used disabled removed');
      later = REMOVED_MS - 1000;
      await accounts.sweep(ids('used', 'disabled'));
      assert.equal(await known('used', 'disabled', 'removed'), 'used disabled removed');
      later = 400 * UNDEPLOYED_MS;
      await accounts.sweep(ids('used', 'disabled'));
      assert.equal(await known('used', 'disabled', 'removed'), 'used disabled');
      loans[0]?.giveBack();
    });

    it('one that was never deployed goes after a day, not before', async () => {
      await signIn(accounts, 'never');
      await accounts.sweep(ids());
      assert.equal(await known('never'), 'never');
      later = UNDEPLOYED_MS + 1000;
      await accounts.sweep(ids());
      assert.equal(await known('never'), '');
    });

    it('one removed while the process was away goes after a day', async () => {
      await signIn(accounts, 'gone');
      accounts = restarted();
      await accounts.sweep(ids());
      assert.equal(await known('gone'), 'gone');
      later = UNDEPLOYED_MS + 1000;
      await accounts.sweep(ids());
      assert.equal(await known('gone'), '');
    });

    it('the sign-in of another user at the same node goes after a day', async () => {
      await signIn(accounts, 'a', 'alice');
      const changed = { ...config, user: 'bob@example.test' };
      const loan = accounts.borrow('a', changed);
      await signIn(accounts, 'a', 'bob', changed);
      later = UNDEPLOYED_MS + 1000;
      await accounts.sweep(ids('a'));
      assert.equal(await known('a'), '');
      assert.deepEqual(await restarted().stored('a', changed), tokens('bob'));
      loan.giveBack();
    });
  });
});

import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { Tokens } from '../../nodes/oauth2';
import {
  REMOVED_MS,
  SETTINGS_KEY,
  type SettingsStore,
  TokenVault,
  UNDEPLOYED_MS,
} from '../../nodes/runtime/token-vault';
import { tokenStoreContract } from '../oauth2/token-store-contract';

const tokens = (name: string): Tokens => ({
  accessToken: `access of ${name}`,
  refreshToken: `refresh of ${name}`,
  expiresAt: 2,
  obtainedAt: 1,
  signedInAt: 1,
});

/** Settings as they are on the disk: what comes out is never what went in. */
class Settings implements SettingsStore {
  text = '{}';
  writes = 0;
  get(key: string): unknown {
    return JSON.parse(this.text)[key];
  }
  async set(key: string, value: unknown): Promise<void> {
    this.writes += 1;
    this.text = JSON.stringify({ ...JSON.parse(this.text), [key]: value });
  }
  // biome-ignore lint/suspicious/noExplicitAny: any value is possible here
  get kept(): any {
    return this.get(SETTINGS_KEY);
  }
  edit(change: (kept: Settings['kept']) => void): void {
    const { kept } = this;
    change(kept);
    this.text = JSON.stringify({ [SETTINGS_KEY]: kept });
  }
}

describe('the token vault', () => {
  let settings: Settings;
  let now: number;
  const open = (secret?: string, more: { readOnly?: boolean } = {}): TokenVault =>
    new TokenVault({ settings, now: () => now, ...(secret !== undefined && { secret }), ...more });
  beforeEach(() => {
    settings = new Settings();
    now = 1_000_000;
  });

  for (const secret of [undefined, 'a secret of the user']) {
    describe(secret === undefined ? 'with a key of its own' : "with the user's secret", () => {
      it('keeps tokens over a restart, and none of them can be read (S14)', async () => {
        const vault = open(secret);
        await vault.store('n', 'b').save(tokens('alice'));
        assert.deepEqual(await vault.store('n', 'b').load(), tokens('alice'));
        assert.deepEqual(await open(secret).store('n', 'b').load(), tokens('alice'));
        for (const word of ['access', 'refresh', 'alice', 'a secret']) {
          assert.equal(settings.text.includes(word), false, word);
        }
        assert.equal(inspect(vault, { depth: 9 }).includes('refresh of'), false);
      });

      it('opens an entry for its node and binding only (S14)', async () => {
        const vault = open(secret);
        await vault.store('n', 'b').save(tokens('alice'));
        await vault.store('other', 'b').save(tokens('bob'));
        await vault.store('n', 'other').save(tokens('carol'));
        settings.edit(({ entries }) => {
          const [first, second] = Object.keys(entries.n);
          const [third] = Object.keys(entries.other);
          assert.ok(first && second && third);
          [entries.n[first], entries.n[second]] = [entries.n[second], entries.n[first]];
          entries.moved = { [third]: entries.other[third] };
        });
        const moved = open(secret);
        assert.equal(await moved.store('n', 'b').load(), undefined);
        assert.equal(await moved.store('n', 'other').load(), undefined);
        assert.equal(await moved.store('moved', 'b').load(), undefined);
        assert.deepEqual(await moved.store('other', 'b').load(), tokens('bob'));
      });

      it('treats an entry that was changed as missing', async () => {
        await open(secret).store('n', 'b').save(tokens('alice'));
        const { text } = settings;
        for (const field of ['iv', 'tag', 'data', 'key']) {
          for (const value of ['', 'AAAA', 17, null, {}, 'A'.repeat(64)]) {
            settings.text = text;
            settings.edit(({ entries }) => {
              const slot = Object.keys(entries.n)[0] ?? '';
              entries.n[slot][field] = value;
            });
            assert.equal(await open(secret).store('n', 'b').load(), undefined, `${field}: ${value}`);
          }
        }
      });
    });
  }

  it('a secret that appears later reads the old, and writes the new under itself (S14)', async () => {
    await open().store('n', 'old').save(tokens('alice'));
    const vault = open('secret');
    assert.deepEqual(await vault.store('n', 'old').load(), tokens('alice'));
    await vault.store('n', 'new').save(tokens('bob'));
    assert.deepEqual(
      Object.values(settings.kept.entries.n).map((entry) => (entry as { key: string }).key),
      ['own', 'secret'],
    );
    assert.deepEqual(await open('secret').store('n', 'old').load(), tokens('alice'));
    assert.equal(await open().store('n', 'new').load(), undefined, 'without the secret: signed out');
    assert.equal(await open('another').store('n', 'new').load(), undefined);
  });

  describe('damaged', () => {
    const rubbish: [string, unknown][] = [
      ['nothing', undefined],
      ['null', null],
      ['text', 'hello'],
      ['a list', []],
      ['another version', { version: 99, entries: { n: {} } }],
      ['no entries', { version: 1 }],
      ['entries that are a list', { version: 1, entries: [] }],
      ['a node that is null', { version: 1, entries: { n: null, m: 'x' } }],
      ['a slot that is null', { version: 1, entries: { n: { slot: null } } }],
      ['a key of the wrong length', { version: 1, ownKey: 'AAAA', entries: {} }],
      ['a key that is no text', { version: 1, ownKey: 17, entries: { n: { slot: { key: 'own' } } } }],
    ];
    for (const [what, value] of rubbish) {
      it(`${what}: no one is signed in, and a sign-in repairs it`, async () => {
        settings.text = JSON.stringify({ [SETTINGS_KEY]: value });
        const vault = open();
        assert.equal(await vault.store('n', 'b').load(), undefined);
        await vault.sweep(new Map(), new Set());
        await vault.store('n', 'b').delete();
        await vault.store('n', 'b').save(tokens('alice'));
        assert.deepEqual(await open().store('n', 'b').load(), tokens('alice'));
      });
    }

    it('settings that throw: the same, for as long as the process lives', async () => {
      const broken: SettingsStore = {
        get: () => {
          throw new Error('settings not available');
        },
        set: () => {
          throw new Error('settings not available');
        },
      };
      const vault = new TokenVault({ settings: broken });
      assert.equal(await vault.store('n', 'b').load(), undefined);
      await assert.rejects(vault.store('n', 'b').save(tokens('alice')), /not available/);
      assert.deepEqual(await vault.store('n', 'b').load(), tokens('alice'));
    });
  });

  it('with read-only settings says so at every save, and keeps running', async () => {
    const vault = open(undefined, { readOnly: true });
    for (let round = 0; round < 2; round += 1) {
      await assert.rejects(vault.store('n', 'b').save(tokens('alice')), /read-only/);
    }
    assert.deepEqual(await vault.store('n', 'b').load(), tokens('alice'));
    assert.equal(settings.writes, 0);
  });

  it('is not disturbed by nodes with odd names', async () => {
    const vault = open();
    for (const node of ['constructor', 'toString', 'hasOwnProperty']) {
      assert.equal(await vault.store(node, 'b').load(), undefined);
      await vault.store(node, 'b').save(tokens(node));
      assert.deepEqual(await open().store(node, 'b').load(), tokens(node));
    }
  });

  it('writes one after the other, and the last is what stays', async () => {
    const running = { count: 0, most: 0 };
    const slow: SettingsStore = {
      get: (key) => settings.get(key),
      set: async (key, value) => {
        running.count += 1;
        running.most = Math.max(running.most, running.count);
        await new Promise((resolve) => setImmediate(resolve));
        await settings.set(key, value);
        running.count -= 1;
      },
    };
    const vault = new TokenVault({ settings: slow });
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => vault.store(name, 'b').save(tokens(name))));
    assert.equal(running.most, 1);
    for (const name of ['a', 'b', 'c', 'd']) {
      assert.deepEqual(await open().store(name, 'b').load(), tokens(name));
    }
  });

  it('a failed write does not stop the next', async () => {
    let full = true;
    const failing: SettingsStore = {
      get: (key) => settings.get(key),
      set: async (key, value) => {
        if (full) throw new Error('ENOSPC');
        await settings.set(key, value);
      },
    };
    const vault = new TokenVault({ settings: failing });
    await assert.rejects(vault.store('a', 'b').save(tokens('a')), /ENOSPC/);
    full = false;
    await vault.store('c', 'b').save(tokens('c'));
    assert.deepEqual(await open().store('a', 'b').load(), tokens('a'), 'and brings the first along');
  });

  describe('as a store of tokens', () => {
    tokenStoreContract(() => vaultOfContract().store('n', 'b'));
    let shared: TokenVault | undefined;
    beforeEach(() => {
      shared = undefined;
    });
    const vaultOfContract = (): TokenVault => {
      shared ??= open();
      return shared;
    };
  });

  it('asks whether this runtime owns the user directory before it renews or saves', async () => {
    let owner = true;
    const vault = new TokenVault({
      settings,
      assertOwner: async () => {
        if (!owner) throw new Error('another Node-RED');
      },
    });
    await vault.store('n', 'b').save(tokens('alice'));
    owner = false;
    let asked = 0;
    await assert.rejects(
      vault.store('n', 'b').renewing(async () => {
        asked += 1;
      }),
      /another Node-RED/,
    );
    await assert.rejects(vault.store('n', 'b').save(tokens('bob')), /another Node-RED/);
    assert.equal(asked, 0);
  });

  describe('forgets', () => {
    const none = new Map<string, ReadonlySet<string>>();

    it('a sign-in that was never deployed, after a day (S18)', async () => {
      const vault = open();
      await vault.store('n', 'b').save(tokens('alice'));
      now += UNDEPLOYED_MS - 1;
      await vault.sweep(none, new Set());
      assert.ok(await vault.store('n', 'b').load());
      now += 1;
      await vault.sweep(none, new Set());
      assert.equal(await vault.store('n', 'b').load(), undefined);
      assert.deepEqual(settings.kept.entries, {});
      assert.equal(UNDEPLOYED_MS, 24 * 60 * 60 * 1000);
    });

    it('not what is in use, nor what is disabled (S18)', async () => {
      const vault = open();
      await vault.store('used', 'b').save(tokens('alice'));
      await vault.store('disabled', 'b').save(tokens('bob'));
      now += 400 * UNDEPLOYED_MS;
      await vault.sweep(new Map([['used', new Set(['b'])]]), new Set(['used', 'disabled']));
      const { writes } = settings;
      await vault.sweep(new Map([['used', new Set(['b'])]]), new Set(['used', 'disabled']));
      assert.ok(await vault.store('used', 'b').load());
      assert.ok(await vault.store('disabled', 'b').load());
      assert.equal(settings.writes, writes, 'and writes nothing for nothing');
    });

    it('what a running node was bound to before, after a day', async () => {
      const vault = open();
      await vault.store('n', 'old').save(tokens('alice'));
      await vault.store('n', 'new').save(tokens('alice'));
      now += UNDEPLOYED_MS;
      await vault.sweep(new Map([['n', new Set(['new'])]]), new Set(['n']));
      assert.equal(await vault.store('n', 'old').load(), undefined);
      assert.ok(await vault.store('n', 'new').load());
    });

    it('a deployed account that left the flows, after 30 days, also over a restart (S18)', async () => {
      const vault = open();
      await vault.store('n', 'b').save(tokens('alice'));
      await vault.sweep(new Map([['n', new Set(['b'])]]), new Set(['n']));
      now += 100 * UNDEPLOYED_MS;
      await vault.sweep(none, new Set());
      now += REMOVED_MS - 1;
      const later = open();
      await later.sweep(none, new Set());
      assert.deepEqual(await later.store('n', 'b').load(), tokens('alice'));
      now += 1;
      await later.sweep(none, new Set());
      assert.equal(await open().store('n', 'b').load(), undefined);
      assert.equal(REMOVED_MS, 30 * 24 * 60 * 60 * 1000);
    });

    it('not an account that came back within 30 days (S18)', async () => {
      const vault = open();
      const inUse = new Map([['n', new Set(['b'])]]);
      await vault.store('n', 'b').save(tokens('alice'));
      await vault.sweep(inUse, new Set(['n']));
      await vault.sweep(none, new Set());
      now += REMOVED_MS - 1;
      await vault.sweep(inUse, new Set(['n']));
      await vault.sweep(none, new Set());
      now += REMOVED_MS - 1;
      await vault.sweep(none, new Set());
      assert.ok(await vault.store('n', 'b').load());
    });

    it('what was signed out', async () => {
      const vault = open();
      await vault.store('n', 'b').save(tokens('alice'));
      await vault.store('n', 'b').delete();
      await vault.store('n', 'b').delete();
      assert.equal(await open().store('n', 'b').load(), undefined);
    });
  });
});

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tokens } from '../../nodes/oauth2';
import { keyFileIn } from '../../nodes/runtime/key-file';
import { SETTINGS_KEY, type SettingsStore, TokenVault } from '../../nodes/runtime/token-vault';

const TOKENS: Tokens = {
  accessToken: 'access',
  refreshToken: 'refresh',
  expiresAt: 2,
  obtainedAt: 1,
  signedInAt: 1,
};

describe('the key of the token vault', () => {
  let parent: string;
  let folder: string;
  let kept: Record<string, unknown>;
  const settings: SettingsStore = {
    get: (key) => kept[key],
    set: (key, value) => {
      kept[key] = value;
    },
  };
  const modeOf = (path: string): number => statSync(path).mode & 0o777;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'redletter-key-'));
    folder = join(parent, 'redletter');
    kept = {};
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  it('is in a file of its own, 0600 in a folder 0700, and not among the settings', async () => {
    const vault = new TokenVault({ settings, keyFile: keyFileIn(folder) });
    await vault.store('n', 'b').save(TOKENS);
    assert.equal(modeOf(join(folder, 'token-vault.key')), 0o600);
    assert.equal(modeOf(folder), 0o700);
    assert.equal((kept[SETTINGS_KEY] as { ownKey?: string }).ownKey, undefined);
    const later = new TokenVault({ settings, keyFile: keyFileIn(folder) });
    assert.deepEqual(await later.store('n', 'b').load(), TOKENS);
    const copied = new TokenVault({ settings, keyFile: keyFileIn(join(parent, 'elsewhere')) });
    assert.equal(await copied.store('n', 'b').load(), undefined);
  });

  it('narrows a folder and a file that were found wider', async () => {
    await new TokenVault({ settings, keyFile: keyFileIn(folder) }).store('n', 'b').save(TOKENS);
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'token-vault.key'), 0o644);
    await new TokenVault({ settings, keyFile: keyFileIn(folder) }).store('n', 'b').load();
    assert.equal(modeOf(folder), 0o700);
    assert.equal(modeOf(join(folder, 'token-vault.key')), 0o600);
  });

  it('moves there from the settings of 0.1.0, and what it encrypts stays readable', async () => {
    await new TokenVault({ settings }).store('n', 'b').save(TOKENS);
    assert.equal(typeof (kept[SETTINGS_KEY] as { ownKey?: string }).ownKey, 'string');
    const vault = new TokenVault({ settings, keyFile: keyFileIn(folder) });
    assert.deepEqual(await vault.store('n', 'b').load(), TOKENS);
    await vault.store('m', 'b').save(TOKENS);
    assert.equal((kept[SETTINGS_KEY] as { ownKey?: string }).ownKey, undefined);
    assert.deepEqual(
      await new TokenVault({ settings, keyFile: keyFileIn(folder) }).store('n', 'b').load(),
      TOKENS,
    );
  });

  it('stays among the settings where no file can be written', async () => {
    mkdirSync(parent, { recursive: true });
    const blocked = keyFileIn(join('/dev/null', 'redletter'));
    await new TokenVault({ settings, keyFile: blocked }).store('n', 'b').save(TOKENS);
    assert.deepEqual(await new TokenVault({ settings, keyFile: blocked }).store('n', 'b').load(), TOKENS);
  });
});

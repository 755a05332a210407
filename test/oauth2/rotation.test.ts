import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TokenSource, type Tokens } from '../../nodes/oauth2';
import { endChild, startChild } from '../../servers/child';
import { startProvider, type TestProvider } from '../../servers/oidc';
import { FileStore } from './file-store';
import { accountAt, MemoryStore, startCallbackHost } from './support';

/** A server that rotates refresh tokens and takes one used twice for stolen: the strictest there is. */
describe('oauth2 with rotating refresh tokens', () => {
  let provider: TestProvider;
  let host: Awaited<ReturnType<typeof startCallbackHost>>;
  let config: ReturnType<typeof accountAt>;
  let fresh: Tokens;

  before(async () => {
    provider = await startProvider({ accessTokenTtl: 3 });
    host = await startCallbackHost();
    config = accountAt(provider.issuer);
  });
  after(async () => {
    await host.close();
    await provider.close();
  });
  beforeEach(async () => {
    fresh = await host.signIn(config);
  });

  const refreshes = () => provider.count('refresh_token');

  /** As if the three seconds of life had passed. */
  const stale = (tokens: Tokens): Tokens => ({ ...tokens, expiresAt: tokens.obtainedAt });

  it('lives from one three-second token to the next, with many callers', async () => {
    let now = Date.now();
    const source = new TokenSource({ config, store: new MemoryStore(fresh), now: () => now });
    const before = refreshes();
    const seen = new Set<string>();
    for (let round = 1; round <= 10; round += 1) {
      now += 3000;
      const tokens = await Promise.all(Array.from({ length: 10 }, () => source.token()));
      for (const { accessToken } of tokens) seen.add(accessToken);
      assert.equal(seen.size, round);
      assert.equal(refreshes(), before + round);
    }
  });

  it('two sources in a row, as after a restart, go on where the first one was', async () => {
    const store = new MemoryStore(stale(fresh));
    const first = await new TokenSource({ config, store }).token();
    const kept = store.tokens ?? assert.fail();
    assert.equal(kept.accessToken, first.accessToken);
    store.text = JSON.stringify(stale(kept));
    await new TokenSource({ config, store }).token();
  });

  it('an answer that leaves out the refresh token keeps the old one alive', async () => {
    const forget = provider.fault({ grantType: 'refresh_token', times: 1, omitRefreshToken: true });
    const store = new MemoryStore(stale(fresh));
    await new TokenSource({ config, store }).token();
    forget();
    assert.equal(store.tokens?.refreshToken, fresh.refreshToken);
  });

  it('a sign-out is a sign-out: the refresh token is void afterwards', async () => {
    const source = new TokenSource({ config, store: new MemoryStore(fresh) });
    assert.deepEqual(await source.revoke(), { revoked: true });
    const again = new TokenSource({ config, store: new MemoryStore(stale(fresh)) });
    await assert.rejects(again.token(), { code: 'SIGN_IN_AGAIN', reason: 'sign-in-expired' });
  });

  it('everything ended at the server: sign in again, and on without anything else', async () => {
    const source = new TokenSource({ config, store: new MemoryStore(stale(fresh)) });
    await provider.revokeAll();
    await assert.rejects(source.token(), { code: 'SIGN_IN_AGAIN' });
    await source.accept(await host.signIn(config));
    await source.token();
  });

  describe('killed in the middle (S13)', function () {
    this.timeout(30_000);

    let folder: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'redletter-oauth2-'));
    });
    afterEach(() => rm(folder, { recursive: true }));

    async function killedAt(place: 'before-save' | 'after-save'): Promise<FileStore> {
      const store = new FileStore(join(folder, 'tokens'));
      await store.save(stale(fresh));
      const program = [join(__dirname, 'kill-child.ts'), provider.issuer, store.path, place];
      const child = startChild(process.execPath, ['--require', 'tsx/cjs', ...program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout ?? assert.fail(), 'data');
      await endChild(child, 'SIGKILL');
      return store;
    }

    it('after the save: goes on without anybody noticing', async () => {
      const store = await killedAt('after-save');
      const kept = (await store.load()) ?? assert.fail();
      assert.notEqual(kept.refreshToken, fresh.refreshToken);
      await store.save(stale(kept));
      const { accessToken } = await new TokenSource({ config, store }).token();
      assert.notEqual(accessToken, kept.accessToken);
    });

    it('between answer and save: the old token is tried once, refused, and a person asked', async () => {
      const store = await killedAt('before-save');
      const before = refreshes();
      const source = new TokenSource({ config, store });
      for (let times = 0; times < 3; times += 1) {
        await assert.rejects(source.token(), { code: 'SIGN_IN_AGAIN', reason: 'sign-in-expired' });
      }
      assert.equal(refreshes(), before + 1);
      assert.equal((await store.load())?.refreshToken, fresh.refreshToken);
      await source.accept(await host.signIn(config));
      await source.token();
    });
  });
});

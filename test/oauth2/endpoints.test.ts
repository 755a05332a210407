import assert from 'node:assert/strict';
import {
  type AccountConfig,
  bindingOf,
  offeredScopes,
  providers,
  resolveEndpoints,
  scopeOf,
} from '../../nodes/oauth2';
import { isLoopback } from '../../nodes/oauth2/endpoints';
import { startProvider } from '../../servers/oidc';
import { startTokenEndpoint, type TokenEndpoint } from '../../servers/token-endpoint';

const custom = { provider: 'custom', grant: 'authorization_code', clientId: 'client' } as const;

describe('oauth2/endpoints', () => {
  it('come from the table, with the tenant in them', async () => {
    const google = await resolveEndpoints({ ...custom, provider: 'google' });
    assert.equal(google.token.href, 'https://oauth2.googleapis.com/token');
    assert.equal(google.issuerText, 'https://accounts.google.com');
    for (const [tenant, word] of [
      [undefined, 'common'],
      [' ', 'common'],
      ['consumers', 'consumers'],
      ['8eaef023-2b34-4da1-9baa-8bc8c9d6a490', '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'],
    ] as const) {
      const { token, device } = await resolveEndpoints({
        ...custom,
        provider: 'microsoft',
        ...(tenant && { tenant }),
      });
      assert.equal(token.href, `https://login.microsoftonline.com/${word}/oauth2/v2.0/token`);
      assert.equal(device?.href, `https://login.microsoftonline.com/${word}/oauth2/v2.0/devicecode`);
    }
  });

  it('a tenant is a word, an id or a domain, and cannot lead elsewhere', async () => {
    for (const tenant of ['../x', 'a/b', 'a?b', '.', '..', 'a#b', '%2e%2e', 'a b', 'a@b']) {
      await assert.rejects(resolveEndpoints({ ...custom, provider: 'microsoft', tenant }), {
        reason: 'tenant-malformed',
      });
    }
  });

  it('given by hand are taken as given', async () => {
    const config = {
      ...custom,
      authorizationUrl: 'https://login.example.com/a?b=c',
      tokenUrl: ' https://login.example.com/t ',
      deviceUrl: 'https://login.example.com/d',
      revocationUrl: '',
    };
    const { authorization, token, device, revocation } = await resolveEndpoints(config);
    assert.deepEqual(
      [authorization?.href, token.href, device?.href, revocation],
      [
        'https://login.example.com/a?b=c',
        'https://login.example.com/t',
        'https://login.example.com/d',
        undefined,
      ],
    );
  });

  it('are https unless loopback (S10)', async () => {
    for (const key of ['tokenUrl', 'authorizationUrl', 'deviceUrl', 'revocationUrl'] as const) {
      for (const [address, reason] of [
        ['http://login.example.com/', 'endpoint-insecure'],
        ['http://10.0.0.1/', 'endpoint-insecure'],
        ['http://localhost.example.com/', 'endpoint-insecure'],
        ['http://128.0.0.1/', 'endpoint-insecure'],
        ['https://user:password@login.example.com/', 'endpoint-malformed'],
        ['http://localhost@login.example.com/', 'endpoint-malformed'],
        ['ftp://localhost/', 'endpoint-malformed'],
        ['javascript:alert(1)', 'endpoint-malformed'],
        ['login.example.com', 'endpoint-malformed'],
      ] as const) {
        const config = { ...custom, tokenUrl: 'https://login.example.com/', [key]: address };
        await assert.rejects(resolveEndpoints(config), { code: 'CONFIG', reason }, `${key} ${address}`);
      }
    }
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]', 'id.localhost']) {
      assert.ok(isLoopback(new URL(`http://${host}/`)), host);
    }
  });

  it('a provider that knows no OAuth for mail says so', async () => {
    for (const { id, signIn, endpoints } of Object.values(providers)) {
      if (signIn === 'oauth2') continue;
      assert.equal(endpoints, undefined);
      await assert.rejects(resolveEndpoints({ ...custom, provider: id }), {
        reason: 'provider-needs-password',
      });
    }
  });

  describe('by discovery', () => {
    let server: TokenEndpoint;
    let issuer: string;
    beforeEach(async () => {
      server = await startTokenEndpoint();
      issuer = `http://127.0.0.1:${server.port}`;
    });

    it('personal accounts are refused for a national cloud, which has none', async () => {
      for (const provider of ['microsoft-us', 'microsoft-dod', 'microsoft-cn']) {
        const at = (tenant: string) =>
          resolveEndpoints({ provider, grant: 'authorization_code', clientId: 'c', tenant });
        await assert.rejects(at('Consumers'), { code: 'CONFIG', reason: 'tenant-not-in-cloud' });
        assert.match((await at('organizations')).token.pathname, /^\/organizations\//);
      }
    });
    afterEach(() => server.close());

    function metadata(changes: Record<string, unknown> = {}) {
      return {
        body: { issuer, token_endpoint: `${issuer}/t`, authorization_endpoint: `${issuer}/a`, ...changes },
      };
    }
    const discover = (config: Partial<AccountConfig> = {}) =>
      resolveEndpoints({ ...custom, issuer, ...config });

    it('a real OpenID provider is found', async () => {
      const provider = await startProvider();
      const { issuerText, issuerPromised, ...found } = await resolveEndpoints({
        ...custom,
        issuer: provider.issuer,
      });
      assert.equal(issuerText, provider.issuer);
      assert.equal(issuerPromised, true);
      assert.equal(found.authorization?.href, provider.authorizationUrl);
      assert.equal(found.token.href, provider.tokenUrl);
      assert.equal(found.device?.href, provider.deviceUrl);
      assert.equal(found.revocation?.href, provider.revocationUrl);
      await provider.close();
    });

    it('the address of the document itself, blanks and a slash at the end are forgiven', async () => {
      for (const typed of [` ${issuer} `, `${issuer}/`, `${issuer}/.well-known/openid-configuration`]) {
        server.answer(metadata());
        assert.equal((await discover({ issuer: typed })).token.pathname, '/t');
      }
      server.answer(metadata({ issuer: `${issuer}/` }));
      assert.equal((await discover()).issuerText, `${issuer}/`);
    });

    it('an issuer with a path is looked for as OpenID and as RFC 8414 has it', async () => {
      server.answer({ status: 404 }, metadata({ issuer: `${issuer}/realms/mail` }));
      await discover({ issuer: `${issuer}/realms/mail` });
      assert.deepEqual(
        server.requests.map(({ path }) => path),
        [
          '/realms/mail/.well-known/openid-configuration',
          '/.well-known/oauth-authorization-server/realms/mail',
        ],
      );
    });

    it('offers the scopes that the document names, and nothing that is none', async () => {
      const offered = (scopes: unknown, config: Partial<AccountConfig> = {}) => {
        server.answer(metadata({ scopes_supported: scopes }));
        return offeredScopes({ ...custom, issuer, ...config });
      };
      const url = 'https://mail.example.com/.default';
      assert.deepEqual(await offered(['openid', 'mail.pop', 'openid', url]), ['openid', 'mail.pop', url]);
      const no = [
        '',
        'two words',
        'quo"te',
        'back\\slash',
        'ümlaut',
        'a\u0000',
        5,
        null,
        {},
        'x'.repeat(201),
      ];
      assert.deepEqual(await offered([...no, 'email']), ['email']);
      assert.equal((await offered(Array.from({ length: 999 }, (_, at) => `scope-${at}`))).length, 50);
      for (const none of [undefined, null, 'openid email', { length: 1 }])
        assert.deepEqual(await offered(none), []);
      // Of another issuer nothing counts, and no one is asked where there is none.
      server.answer(metadata({ issuer: 'https://other.example.com', scopes_supported: ['openid'] }));
      await assert.rejects(offeredScopes({ ...custom, issuer }), { reason: 'issuer-wrong' });
      const asked = server.requests.length;
      assert.deepEqual(await offeredScopes({ ...custom, tokenUrl: `${issuer}/t` }), []);
      assert.deepEqual(await offeredScopes({ ...custom, provider: 'google', issuer }), []);
      assert.equal(server.requests.length, asked);
    });

    it('a front page instead of the document is no document', async () => {
      server.answer({ body: '<html>' }, { body: '[]' });
      await assert.rejects(discover(), { code: 'CONFIG', reason: 'issuer-not-found' });
    });

    it('another issuer than the one asked for is refused (S4)', async () => {
      for (const named of [
        `${issuer}/x`,
        'https://evil.example.com',
        issuer.replace('127.0.0.1', 'localhost'),
      ]) {
        server.answer(metadata({ issuer: named }));
        await assert.rejects(discover(), { code: 'CONFIG', reason: 'issuer-wrong' }, named);
      }
      for (const named of [undefined, 5, '']) {
        server.answer(metadata({ issuer: named }));
        await assert.rejects(discover(), { code: 'CONFIG', reason: 'issuer-unnamed' }, String(named));
      }
      server.answer(metadata({ issuer: 'a\u0007\u009b\u202eb\u2028c' }));
      await assert.rejects(discover(), { message: 'issuer-wrong (a b c)' });
    });

    it('addresses given by hand do not mix with those of an issuer (S4)', async () => {
      server.answer(metadata());
      const evil = 'https://evil.example.com/';
      const found = await discover({
        tokenUrl: evil,
        authorizationUrl: evil,
        deviceUrl: evil,
        revocationUrl: evil,
      });
      assert.doesNotMatch(JSON.stringify(found), /evil/);
      assert.equal(found.device, undefined);
    });

    it('every address in the document is checked as if typed (S10)', async () => {
      for (const key of [
        'token_endpoint',
        'authorization_endpoint',
        'device_authorization_endpoint',
        'revocation_endpoint',
      ]) {
        for (const [address, reason] of [
          ['http://login.example.com/', 'endpoint-insecure'],
          ['https://a:b@login.example.com/', 'endpoint-malformed'],
          ['/relative', 'endpoint-malformed'],
          [5, 'endpoint-malformed'],
          [{ toString: 1 }, 'endpoint-malformed'],
        ] as const) {
          server.answer(metadata({ [key]: address }));
          await assert.rejects(discover(), { code: 'CONFIG', reason }, `${key} ${JSON.stringify(address)}`);
        }
      }
      server.answer(metadata({ token_endpoint: undefined }));
      await assert.rejects(discover(), { reason: 'token-url-missing' });
    });

    it('a server on the network cannot send us to our own machine', async () => {
      const https = 'https://id.example.com';
      server.answer(metadata({ issuer: https }));
      await assert.rejects(resolveEndpoints({ ...custom, issuer: https }, { agent: () => server.agent }), {
        code: 'CONFIG',
        reason: 'endpoint-insecure',
      });
    });

    it('an issuer is https unless loopback, without query and user (S10)', async () => {
      for (const [address, reason] of [
        ['http://id.example.com', 'endpoint-insecure'],
        ['https://a:b@id.example.com', 'issuer-malformed'],
        ['https://id.example.com?x=y', 'issuer-malformed'],
        ['id.example.com', 'issuer-malformed'],
      ] as const) {
        await assert.rejects(discover({ issuer: address }), { code: 'CONFIG', reason }, address);
      }
    });

    it('no redirect is followed but over https (S10)', async () => {
      const elsewhere = await startTokenEndpoint(metadata());
      server.answer({ status: 302, headers: { location: `http://127.0.0.1:${elsewhere.port}/` } });
      await assert.rejects(discover(), { code: 'CONFIG', reason: 'issuer-redirected' });
      assert.equal(elsewhere.requests.length, 0);
      await elsewhere.close();
    });

    it('more than 256 kB or 15 s are given up (S10)', async () => {
      server.answer({ instead: 'flood' });
      await assert.rejects(discover(), { code: 'TEMPORARY', reason: 'too-large' });
      for (const instead of ['silence', 'trickle'] as const) {
        server.answer({ instead });
        const config = { ...custom, issuer };
        await assert.rejects(resolveEndpoints(config, { timeoutMs: 50 }), {
          code: 'TEMPORARY',
          reason: 'timeout',
        });
      }
      while ((await server.connections()) > 0) await new Promise(setImmediate);
    });

    it('a server that is away is a matter of waiting, not of the configuration', async () => {
      for (const answer of [{ status: 503 }, { status: 429 }, { instead: 'hang-up' as const }]) {
        server.answer(answer);
        await assert.rejects(discover(), { code: 'TEMPORARY', retryable: true });
      }
    });

    it('a caller can go away', async () => {
      server.answer({ instead: 'silence' });
      const leave = new AbortController();
      const looking = resolveEndpoints({ ...custom, issuer }, { signal: leave.signal });
      await server.nextRequest();
      leave.abort(new Error('gone'));
      await assert.rejects(looking, { message: 'gone' });
    });
  });

  describe('what tokens are bound to (S14)', () => {
    const base: AccountConfig = {
      ...custom,
      tokenUrl: 'https://login.example.com/t',
      user: 'alice@example.com',
    };

    it('client, endpoint and user; each change is another binding', () => {
      const all = [
        base,
        { ...base, clientId: 'other' },
        { ...base, tokenUrl: 'https://evil.example.com/t' },
        // Sign-out sends the refresh token there, and both get the client's secret.
        { ...base, revocationUrl: 'https://evil.example.com/r' },
        { ...base, deviceUrl: 'https://evil.example.com/d' },
        { ...base, user: 'bob@example.com' },
        { ...base, issuer: 'https://login.example.com' },
        { ...base, provider: 'google' },
        { ...base, provider: 'microsoft' },
        { ...base, provider: 'microsoft', tenant: 'consumers' },
        { ...base, grant: 'client_credentials' as const },
        { ...base, grant: 'refresh_token' as const, refreshToken: 'canary' },
        { ...base, grant: 'refresh_token' as const, refreshToken: 'canary-2' },
      ].map(bindingOf);
      assert.equal(new Set(all).size, all.length);
      assert.doesNotMatch(all.join(), /canary/);
    });

    it('what does not matter does not change it', () => {
      const same = [
        { ...base, clientSecret: 'another' },
        { ...base, scope: 'mail', clientAuth: 'header' as const },
        { ...base, redirectUri: 'http://localhost/' },
        { ...base, grant: 'device_code' as const },
        { ...base, user: ' Alice@Example.com ' },
        { ...base, tenant: 'unused' },
        { ...base, revocationUrl: ' ', deviceUrl: '' },
      ];
      for (const config of same) assert.equal(bindingOf(config), bindingOf(base));
      assert.equal(
        bindingOf({ ...base, provider: 'microsoft', tenant: '' }),
        bindingOf({ ...base, provider: 'microsoft', tenant: 'common' }),
      );
    });
  });

  it('the scope is the account’s, else the provider’s', () => {
    assert.equal(scopeOf({ ...custom, provider: 'google' }), 'https://mail.google.com/');
    assert.equal(scopeOf({ ...custom, provider: 'google', scope: ' a,  b\n' }), 'a b');
    assert.equal(scopeOf({ ...custom }), undefined);
    assert.equal(
      scopeOf({ ...custom, provider: 'microsoft', grant: 'client_credentials' }),
      'https://outlook.office365.com/.default',
    );
  });

  it('the table is whole: every row has what its way of signing in needs', () => {
    for (const [id, row] of Object.entries(providers)) {
      assert.equal(row.id, id);
      assert.match(id, /^[a-z][a-z0-9-]*$/);
      for (const link of Object.values(row.links)) assert.match(link, /^https:\/\//);
      if (id === 'custom') continue;
      if (row.signIn !== 'none') assert.ok(row.pop?.host && row.pop.port && row.pop.security, id);
      if (row.signIn !== 'oauth2') continue;
      assert.ok(row.scope && row.grants.length > 0, id);
      for (const address of Object.values(row.endpoints ?? assert.fail(id)))
        assert.match(address, /^https:\/\//);
      if (row.grants.includes('device_code')) assert.ok(row.endpoints?.device, id);
    }
  });
});

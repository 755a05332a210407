// What a person reads when a sign-in server refuses: in a real Node-RED, by the dialog's own routes. The public servers'
// hosts are played behind an HTTP proxy, so the package runs unchanged.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { certificateAuthority, opensslMissing } from '../servers/certificates';
import { needs } from '../servers/needs';
import { type FlowNode, type NodeRed, startNodeRed } from '../servers/node-red';
import { startScripted } from '../servers/scripted-pop3';
import { microsoft } from '../servers/token-endpoint';
import { ALICE, dialog } from './world';

const BASE = 'redletter/oauth2-account';
const HOSTS = [
  'oauth2.googleapis.com',
  'login.microsoftonline.com',
  'login.microsoftonline.us',
  'login.partner.microsoftonline.cn',
  'id.example.net',
];
const SECRET = 'canary-client-secret';
const KEY = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}

interface View {
  state?: string;
  code?: string;
  reason?: string;
  message?: string;
  cure?: { who: string; link?: string };
  signIn?: View;
}

describe('what a person reads of a refusal, in a real Node-RED', function () {
  this.timeout(120_000);
  let folder: string;
  let servers: Server[];
  let nodeRed: NodeRed;
  /** What each address says: by host and path. */
  let answers: Record<string, Answer>;
  let asked: { address: string; form: URLSearchParams }[];
  /** Whether the proxy inspects TLS: its own certificate for every host. */
  let inspects: boolean;

  before(async function () {
    needs(opensslMissing).call(this);
    folder = await mkdtemp(join(tmpdir(), 'redletter-refusals-'));
    const authority = certificateAuthority();
    await writeFile(join(folder, 'ca.crt'), authority.ca);
    const certificate = authority.issue({ names: HOSTS });
    const world = createTlsServer(certificate, async (request, response) => {
      const address = `${request.headers.host}${request.url}`;
      asked.push({ address, form: new URLSearchParams(await text(request)) });
      const { status = 200, headers = {}, body = '' } = answers[address] ?? { status: 404 };
      const isText = typeof body === 'string';
      response.writeHead(status, { 'content-type': isText ? 'text/html' : 'application/json', ...headers });
      response.end(isText ? body : JSON.stringify(body));
    });
    const inspection = createTlsServer(
      certificateAuthority('Contoso Inspection').issue({ names: HOSTS }),
      ({ headers, url }, response) => {
        asked.push({ address: `${headers.host}${url}`, form: new URLSearchParams() });
        response.end();
      },
    );
    const proxy = createServer();
    proxy.on('connect', (_request, client) => {
      const { port } = (inspects ? inspection : world).address() as AddressInfo;
      const server = connect(port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        client.pipe(server).pipe(client);
      });
      for (const end of [client, server]) end.on('error', () => server.destroy());
    });
    servers = [world, inspection, proxy];
    for (const server of servers) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    }
    const { port } = proxy.address() as AddressInfo;
    nodeRed = await startNodeRed({
      version: 4,
      env: {
        HTTPS_PROXY: `http://127.0.0.1:${port}`,
        https_proxy: `http://127.0.0.1:${port}`,
        NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt'),
      },
    });
  });
  after(async () => {
    await nodeRed?.remove();
    for (const server of servers ?? []) {
      server.closeAllConnections();
      server.close();
    }
    if (folder) await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    answers = {};
    asked = [];
    inspects = false;
  });

  const account = (more: Record<string, unknown> = {}, credentials: object = {}): FlowNode => ({
    id: 'account',
    type: 'oauth2-account',
    name: '',
    provider: 'microsoft',
    grant: 'authorization_code',
    tenant: '',
    issuer: '',
    authorizationUrl: '',
    tokenUrl: '',
    deviceUrl: '',
    revocationUrl: '',
    scope: '',
    clientAuth: 'body',
    redirectUri: '',
    tls: '',
    proxy: '',
    credentials: { user: ALICE, clientId: 'client-one', ...credentials },
    ...more,
  });
  const custom = (more: object = {}): FlowNode =>
    account({
      provider: 'custom',
      authorizationUrl: 'https://id.example.net/authorize',
      tokenUrl: 'https://id.example.net/token',
      scope: 'mail',
      ...more,
    });
  const googleApp = (): FlowNode =>
    account(
      { provider: 'google', grant: 'service_account' },
      { privateKey: KEY, clientId: 'app@example.test' },
    );

  async function post(route: string, json: unknown, id = 'account'): Promise<View & Record<string, unknown>> {
    const response = await nodeRed.admin(`${BASE}/${id}/${route}`, { json });
    return (await response.json()) as View & Record<string, unknown>;
  }
  const start = (node: FlowNode, id?: string) =>
    post('sign-in', { ...dialog(node), redirectUri: new URL(`${BASE}/callback`, nodeRed.url).href }, id);

  /** From the click up to the provider's page, and back with an answer. */
  async function returned(node: FlowNode, answer: Record<string, string>): Promise<View> {
    const { id, url, message } = await start(node);
    assert.ok(url, message);
    const begin = await fetch(String(url), { redirect: 'manual' });
    const cookie = begin.headers.get('set-cookie')?.split(';')[0] ?? '';
    const state = new URL(begin.headers.get('location') ?? '').searchParams.get('state') ?? '';
    const callback = new URL(`${BASE}/callback?${new URLSearchParams({ ...answer, state })}`, nodeRed.url);
    await fetch(callback, { headers: { cookie } });
    const status = await post('status', { ...dialog(node), signIn: id });
    return status.signIn as View;
  }
  const exchanged = (node: FlowNode): Promise<View> => returned(node, { code: 'canary-code' });

  const token = (tenant: string): string => `login.microsoftonline.com/${tenant}/oauth2/v2.0/token`;

  for (const [title, node, tenant, answer, reason, says, who] of [
    [
      'an application that knows no personal accounts: not to stay with consumers',
      account({ tenant: 'consumers' }),
      'consumers',
      microsoft('unauthorized_client', 9002332, 'Application is configured for Entra users only.'),
      'tenant-not-consumers',
      /common, organizations or the tenant ID/,
      'you',
    ],
    [
      'a public client that sent a secret, by the number of personal accounts',
      account({}, { clientSecret: SECRET }),
      'common',
      microsoft('invalid_request', 90023, "Public clients can't send a client secret."),
      'secret-not-allowed',
      /must send neither a client secret/,
      'owner',
    ],
    [
      'a policy that wants a managed device: the administrator, and no new start',
      account(),
      'common',
      microsoft('invalid_grant', 53000, 'Device is not in required device state: compliant.'),
      'policy-blocked',
      /conditional access.*AADSTS53000.*does not help/,
      'administrator',
    ],
    [
      'a user who is not assigned',
      account(),
      'common',
      microsoft('invalid_grant', 50105, 'The signed in user is not assigned to a role.'),
      'user-not-assigned',
      /assign the user/,
      'administrator',
    ],
  ] as const) {
    it(title, async () => {
      answers[token(tenant)] = answer;
      const view = await exchanged(node);
      assert.equal(view.state, 'failed');
      assert.equal(view.reason, reason);
      assert.match(view.message ?? '', says);
      assert.equal(view.cure?.who, who);
      assert.doesNotMatch(JSON.stringify(view), /canary/);
    });
  }

  const google = (): FlowNode => account({ provider: 'google' }, { clientSecret: SECRET });
  const tokenOf = { microsoft: token('common'), google: 'oauth2.googleapis.com/token' };

  describe('at the code', () => {
    for (const [number, error, words, reason, says, node = account()] of [
      [
        70002,
        'invalid_client',
        'The specified client_secret does not match.',
        'secret-wrong',
        /secret is wrong/,
        account({}, { clientSecret: SECRET }),
      ],
      [
        0,
        'invalid_client',
        'The application is not enabled for consumers.',
        'client-not-for-consumers',
        /personal Microsoft accounts/,
      ],
      [
        650056,
        'invalid_request',
        'Misconfigured application.',
        'permission-missing',
        /POP\.AccessAsUser\.All/,
      ],
      [
        700011,
        'unauthorized_client',
        'Application was not found in the directory.',
        'client-not-in-tenant',
        /in this tenant/,
      ],
      [
        530032,
        'access_denied',
        'Blocked by a security policy.',
        'policy-blocked',
        /AADSTS530032.*administrator/,
      ],
      [
        700005,
        'invalid_grant',
        'The code is intended for another tenant.',
        'tenant-mismatch',
        /another tenant/,
      ],
      [
        28000,
        'invalid_request',
        'Scope contains more than one resource.',
        'scope-two-resources',
        /more than one resource/,
      ],
      [
        700022,
        'invalid_scope',
        'Scope contains more than one resource.',
        'scope-two-resources',
        /more than one resource/,
      ],
      [
        900382,
        'invalid_request',
        'Confidential Client is not supported in Cross Cloud request.',
        'cloud-mismatch',
        /another Microsoft cloud/,
      ],
      [
        50034,
        'invalid_grant',
        'The user account does not exist.',
        'user-not-in-tenant',
        /does not exist in the tenant/,
      ],
    ] as const) {
      it(`${number === 0 ? words : `AADSTS${number}`}: ${reason}`, async () => {
        answers[tokenOf.microsoft] =
          number === 0
            ? { status: 400, body: { error, error_description: words } }
            : microsoft(error, number, words);
        const view = await exchanged(node);
        assert.equal(view.reason, reason, view.message);
        assert.match(view.message ?? '', says);
        assert.doesNotMatch(JSON.stringify(view), /canary/);
      });
    }
  });

  describe('in the browser', () => {
    for (const [node, error, words, reason, says] of [
      [
        account(),
        'access_denied',
        'AADSTS50105: The user is not assigned to a role.',
        'user-not-assigned',
        /assign the user/,
      ],
      [google(), 'admin_policy_enforced', '', 'google-admin-policy', /administrator must trust/],
      [google(), 'org_internal', '', 'google-org-internal', /its own organization/],
      [google(), 'disallowed_useragent', '', 'embedded-browser', /regular browser/],
      [
        google(),
        'redirect_uri_mismatch',
        '',
        'redirect-uri-mismatch',
        /exactly this address: http.*callback$/,
      ],
    ] as const) {
      it(`${error}: ${reason}`, async () => {
        const view = await returned(node, { error, ...(words && { error_description: words }) });
        assert.equal(view.reason, reason, view.message);
        assert.match(view.message ?? '', says);
      });
    }
  });

  describe('where a device code is asked for', () => {
    for (const [number, words, reason, says] of [
      [
        50059,
        'No tenant-identifying information found.',
        'tenant-needed',
        /tenant ID or domain instead of common/,
      ],
      [
        70002,
        "The client application must be marked as 'mobile'.",
        'client-not-public',
        /Allow public client flows/,
      ],
    ] as const) {
      it(`AADSTS${number}: ${reason}`, async () => {
        answers['login.microsoftonline.com/common/oauth2/v2.0/devicecode'] = microsoft(
          'invalid_client',
          number,
          words,
          401,
        );
        const view = await start(account({ grant: 'device_code' }));
        assert.equal(view.reason, reason, view.message);
        assert.match(view.message ?? '', says);
      });
    }
  });

  describe('at a renewal', () => {
    for (const [provider, answer, reason, says] of [
      [
        'microsoft',
        microsoft('invalid_grant', 70043, 'Expired by the sign-in frequency.'),
        'sign-in-expired',
        /sign in again/,
      ],
      [
        'microsoft',
        microsoft('interaction_required', 50078, 'MFA has expired.'),
        'person-needed',
        /multi-factor/,
      ],
      [
        'microsoft',
        microsoft('invalid_grant', 50133, 'Session revoked.'),
        'password-changed',
        /password was changed/,
      ],
      [
        'google',
        {
          status: 400,
          body: {
            error: 'invalid_grant',
            error_subtype: 'invalid_rapt',
            error_description: 'reauth related error (invalid_rapt)',
          },
        },
        'google-reauthentication',
        /invalid_rapt/,
      ],
      [
        'google',
        { status: 401, body: { error: 'unauthorized_client', error_description: 'Unauthorized' } },
        'refresh-token-other-client',
        /another client ID/,
      ],
    ] as const) {
      it(`${provider}: ${reason}, and a sign-in is asked for`, async () => {
        const node = { ...(provider === 'google' ? google() : account()), id: 'renewed' };
        answers[tokenOf[provider]] = {
          body: {
            access_token: 'canary-access',
            refresh_token: 'canary-refresh',
            token_type: 'Bearer',
            expires_in: 1,
          },
        };
        const { url, message } = await start(node, 'renewed');
        const { headers } = await fetch(String(url ?? message), { redirect: 'manual' });
        const state = new URL(headers.get('location') ?? '').searchParams.get('state');
        const text = `https://localhost/callback?code=canary-code&state=${state}`;
        assert.equal((await post('paste', { text }, 'renewed')).state, 'signed-in');
        answers[tokenOf[provider]] = answer;
        const comms = await nodeRed.comms();
        await nodeRed.deploy([
          { id: 'tab', type: 'tab', label: 'Mail' },
          node,
          { id: 'ask', type: 'inject', z: 'tab', once: false, props: [], wires: [['token']] },
          { id: 'token', type: 'oauth2 token', z: 'tab', account: 'renewed', wires: [[]] },
        ]);
        // A token of one second: soon it has to be renewed.
        const before = asked.length;
        while (asked.length === before) await nodeRed.inject('ask');
        await comms.waitForStatus('token', /sign in again/);
        const view = await post('status', dialog(node), 'renewed');
        assert.equal(view.reason, reason, view.message);
        assert.match(view.message ?? '', says);
        await post('sign-out', dialog(node), 'renewed');
      });
    }
  });

  it('a device code where public client flows are not allowed', async () => {
    answers['login.microsoftonline.com/common/oauth2/v2.0/devicecode'] = {
      body: {
        device_code: 'canary-device',
        user_code: 'ABCD',
        verification_uri: 'https://microsoft.com/devicelogin',
        expires_in: 900,
        interval: 1,
      },
    };
    answers[token('common')] = microsoft(
      'invalid_client',
      7000218,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
      401,
    );
    const node = account({ grant: 'device_code' });
    const comms = await nodeRed.comms();
    const { id } = await start(node);
    await comms.waitFor(`${BASE}/account`, (news) => (news as { state?: string }).state === 'failed');
    const { signIn } = (await post('status', { ...dialog(node), signIn: id })) as { signIn: View };
    assert.equal(signIn.reason, 'client-not-public');
    assert.match(signIn.message ?? '', /Allow public client flows/);
  });

  it('an application without its enterprise application: consent of the administrator, no new secret', async () => {
    const node = account(
      { grant: 'client_credentials', tenant: 'contoso.example' },
      { clientSecret: SECRET },
    );
    answers[token('contoso.example')] = microsoft(
      'invalid_client',
      7000229,
      'Missing service principal.',
      401,
    );
    const view = await start(node);
    assert.equal(view.reason, 'enterprise-application-missing');
    assert.match(view.message ?? '', /administrator of the tenant must consent/);
    assert.equal(view.cure?.who, 'administrator');
  });

  it('an error that no table knows, in the words of the server', async () => {
    const words = 'Offline access is not allowed for this user or client.';
    answers['id.example.net/token'] = {
      status: 400,
      body: { error: 'not_allowed', error_description: words },
    };
    const { message } = await exchanged(custom());
    assert.ok(message?.includes(`not_allowed ${words}`), message);
    assert.doesNotMatch(message ?? '', /registration/);
  });

  it('a token endpoint that has moved: where it is now, and no secret is sent there', async () => {
    answers['id.example.net/token'] = {
      status: 307,
      headers: { location: 'https://id.example.net/other/token' },
    };
    const { reason, message } = await exchanged(custom());
    assert.equal(reason, 'redirected');
    assert.match(message ?? '', /id\.example\.net\/other\/token/);
    assert.ok(asked.every(({ address }) => address !== 'id.example.net/other/token'));
  });

  it('an issuer that names itself otherwise: which one it names', async () => {
    answers['id.example.net/realms/main/.well-known/openid-configuration'] = {
      body: { issuer: 'http://keycloak:8080/realms/main', token_endpoint: 'https://id.example.net/token' },
    };
    const issuer = 'https://id.example.net/realms/main';
    const { reason, message } = await start(custom({ issuer, authorizationUrl: '', tokenUrl: '' }));
    assert.equal(reason, 'issuer-wrong');
    assert.match(message ?? '', /http:\/\/keycloak:8080\/realms\/main/);
  });

  /** Signed in by a pasted address, so that there are tokens to revoke. */
  async function pasted(node: FlowNode): Promise<void> {
    const { url, message } = await start(node);
    const { headers } = await fetch(String(url ?? message), { redirect: 'manual' });
    const state = new URL(headers.get('location') ?? '').searchParams.get('state');
    const text = `https://localhost/callback?code=canary-code&state=${state}`;
    assert.equal((await post('paste', { text })).state, 'signed-in');
  }
  const deviceAnswer = {
    body: {
      device_code: 'canary-device',
      user_code: 'ABCD',
      verification_uri: 'https://id.example.net/device',
      expires_in: 900,
      interval: 60,
    },
  };
  const byHand = {
    deviceUrl: 'https://id.example.net/device',
    revocationUrl: 'https://id.example.net/revoke',
  };
  const configuration = 'id.example.net/.well-known/openid-configuration';
  const byIssuer = { issuer: 'https://id.example.net', authorizationUrl: '', tokenUrl: '' };
  const published = (more: object = {}): Answer => ({
    body: {
      issuer: 'https://id.example.net',
      authorization_endpoint: 'https://id.example.net/authorize',
      token_endpoint: 'https://id.example.net/token',
      device_authorization_endpoint: 'https://id.example.net/device',
      revocation_endpoint: 'https://id.example.net/revoke',
      registration_endpoint: 'https://id.example.net/register',
      ...more,
    },
  });
  const access = { access_token: 'canary-access', token_type: 'Bearer', expires_in: 3600 };

  for (const property of ['proxy', 'tls'] as const) {
    const gone = { [property]: 'not-there' };
    for (const [request, node] of [
      ['the code', custom(gone)],
      ['a public provider’s code', account(gone)],
      ['the device code', custom({ ...byHand, grant: 'device_code', ...gone })],
      ['the application’s token', custom({ grant: 'client_credentials', ...gone })],
      ['a renewal', custom({ grant: 'refresh_token', ...gone })],
      ['discovery', custom({ ...byIssuer, ...gone })],
      ['registration', { ...custom({ ...byIssuer, ...gone }), credentials: { user: ALICE } }],
    ] as const) {
      it(`${property} that is not deployed, asking for ${request}: refused before a byte is sent`, async () => {
        answers[configuration] = published();
        answers['id.example.net/device'] = deviceAnswer;
        answers['id.example.net/token'] = { body: access };
        const credentials = { clientSecret: SECRET, refreshToken: 'canary-refresh', ...node.credentials };
        const view = await start({ ...node, credentials });
        assert.equal(view.reason, `${property}-not-deployed`);
        assert.match(view.message ?? '', /not deployed.*Nothing was sent/);
        assert.deepEqual(asked, []);
      });
    }

    it(`${property} that is not deployed, signing out: the token is not sent past it, and forgotten`, async () => {
      answers['id.example.net/token'] = { body: access };
      await pasted(custom(byHand));
      asked = [];
      const view = await post('sign-out', dialog(custom({ ...byHand, ...gone })));
      assert.deepEqual([view.revoked, view.reason], [false, `${property}-not-deployed`]);
      assert.deepEqual(asked, []);
      assert.equal((await post('status', dialog(custom(byHand)))).state, 'signed-out');
    });

    it(`${property} that is not deployed, asking for the offered scopes: refused before a byte is sent`, async () => {
      answers[configuration] = published({ scopes_supported: ['mail'] });
      const view = await post('scopes', dialog(custom({ ...byIssuer, ...gone })));
      assert.equal(view.reason, `${property}-not-deployed`);
      assert.deepEqual(asked, []);
    });
  }

  describe('an address that has moved', () => {
    const moved = (status: number): Answer => ({
      status,
      headers: { location: 'https://id.example.net/new' },
    });
    const notSentOn = () => assert.ok(asked.every(({ address }) => address !== 'id.example.net/new'));

    it('the device authorization endpoint: both addresses, and it is not asked there', async () => {
      answers['id.example.net/device'] = moved(308);
      const view = await start(custom({ ...byHand, grant: 'device_code' }));
      assert.equal(view.reason, 'redirected');
      assert.match(
        view.message ?? '',
        /id\.example\.net\/device has moved to https:\/\/id\.example\.net\/new\./,
      );
      assert.match(view.message ?? '', /enter the new address under More settings/);
      notSentOn();
    });

    it('the revocation endpoint: the token is not sent on, and forgotten', async () => {
      answers['id.example.net/token'] = { body: access };
      answers['id.example.net/revoke'] = moved(301);
      await pasted(custom(byHand));
      const view = await post('sign-out', dialog(custom(byHand)));
      assert.deepEqual([view.revoked, view.reason], [false, 'redirected']);
      assert.match(
        view.message ?? '',
        /id\.example\.net\/revoke has moved to https:\/\/id\.example\.net\/new\./,
      );
      notSentOn();
    });

    it('the registration endpoint, as the issuer names it: the operator, or addresses by hand', async () => {
      answers[configuration] = published();
      answers['id.example.net/register'] = moved(302);
      const view = await start({ ...custom(byIssuer), credentials: { user: ALICE } });
      assert.equal(view.reason, 'redirected-discovered');
      assert.match(
        view.message ?? '',
        /id\.example\.net\/register has moved to .*operator.*clear the Issuer field/,
      );
      notSentOn();
    });

    it('the token endpoint of a public provider: the network, and no address to enter', async () => {
      answers[token('common')] = {
        status: 302,
        headers: { location: 'https://portal.example.net/login?x=1' },
      };
      const { reason, message } = await exchanged(account());
      assert.equal(reason, 'redirected-on-the-way');
      assert.match(
        message ?? '',
        /redirected to https:\/\/portal\.example\.net\/login,.*intercepts.*network, then try again/,
      );
    });

    it('the configuration of an issuer, to where it cannot be read securely: the issuer, and no new address', async () => {
      answers[configuration] = { status: 307, headers: { location: 'http://id.example.net/configuration' } };
      const view = await start(custom(byIssuer));
      assert.equal(view.reason, 'issuer-redirected');
      assert.match(
        view.message ?? '',
        /redirects to http:\/\/id\.example\.net\/configuration,.*Check the issuer/,
      );
    });

    it('the configuration of an issuer within https: followed', async () => {
      answers[configuration] = { status: 308, headers: { location: '/elsewhere' } };
      answers['id.example.net/elsewhere'] = published();
      assert.match(String((await start(custom(byIssuer))).url), /begin/);
    });
  });

  describe('a proxy that inspects TLS, at a public provider', () => {
    for (const [request, node] of [
      ['discovery', custom({ ...byIssuer, issuer: 'https://login.microsoftonline.com/common/v2.0' })],
      ['the device code', account({ grant: 'device_code' })],
      [
        'the application’s token',
        account({ grant: 'client_credentials', tenant: 'contoso.example' }, { clientSecret: SECRET }),
      ],
      ['the service account’s token', googleApp()],
    ] as const) {
      it(`${request}: who issued the certificate, NODE_EXTRA_CA_CERTS, and nothing is sent`, async () => {
        inspects = true;
        const view = await start(node);
        assert.equal(view.reason, 'certificate-inspected');
        assert.match(view.message ?? '', /Contoso Inspection.*inspects TLS.*NODE_EXTRA_CA_CERTS/);
        assert.deepEqual(asked, []);
      });
    }

    it('the code: the same, by the window', async () => {
      inspects = true;
      const { reason, message } = await exchanged(account());
      assert.equal(reason, 'certificate-inspected');
      assert.match(message ?? '', /login\.microsoftonline\.com.*Contoso Inspection/);
    });

    it('a server of one’s own: its CA under TLS configuration, and no talk of inspection', async () => {
      inspects = true;
      const view = await start(custom(byIssuer));
      assert.equal(view.reason, 'certificate-untrusted');
      assert.match(view.message ?? '', /under TLS configuration/);
    });
  });

  it('a pasted address with raw commas and semicolons: the whole code is exchanged', async () => {
    answers['id.example.net/token'] = {
      body: { access_token: 'canary-access', token_type: 'Bearer', expires_in: 60 },
    };
    const { url } = await start(custom());
    const { headers } = await fetch(String(url), { redirect: 'manual' });
    const state = new URL(headers.get('location') ?? '').searchParams.get('state');
    const text = `http://LOCALHOST:1880/${BASE}/callback?code=abc,def;ghi&amp;state=${state}\n`;
    assert.equal((await post('paste', { text })).state, 'signed-in');
    assert.equal(asked.at(-1)?.form.get('code'), 'abc,def;ghi');
  });

  it('a return without the cookie of the editor: the page shows the address, and pasting it signs in', async () => {
    answers['id.example.net/token'] = {
      body: { access_token: 'canary-access', token_type: 'Bearer', expires_in: 60 },
    };
    const { id, url } = await start(custom());
    const { headers } = await fetch(String(url), { redirect: 'manual' });
    const state = new URL(headers.get('location') ?? '').searchParams.get('state') ?? '';
    const query = new URLSearchParams({ code: 'canary-code', state });
    const page = await fetch(new URL(`${BASE}/callback?${query}`, nodeRed.url));
    assert.equal(page.status, 400);
    const [, shown = ''] = /(http[^<"]*callback\?code=[^<"]*)/.exec(await page.text()) ?? [];
    assert.equal((await post('status', { ...dialog(custom()), signIn: id })).signIn?.state, 'waiting');
    assert.equal((await post('paste', { text: shown })).state, 'signed-in', shown);
  });

  it('taken out of the flows and brought back, the sign-in is still there; signed out, it is not', async () => {
    answers['id.example.net/token'] = { body: { ...access, refresh_token: 'canary-refresh' } };
    await pasted(custom());
    const others = [{ id: 'tab', type: 'tab', label: 'Mail' }];
    for (const flows of [[...others, custom()], others, [...others, custom()]]) await nodeRed.deploy(flows);
    assert.equal((await post('status', dialog(custom()))).state, 'signed-in');
    await post('sign-out', dialog(custom()));
    const { state } = await post('status', dialog(custom()));
    assert.equal(state, 'signed-out');
  });

  it('the connection test knows what a token is for, where the mail server only says no', async () => {
    const scope = 'https://graph.microsoft.com/POP.AccessAsUser.All';
    const node = account({ scope });
    answers[tokenOf.microsoft] = { body: { ...access, refresh_token: 'canary-refresh', scope } };
    const server = await startScripted({
      capabilities: ['SASL XOAUTH2', 'UIDL', 'TOP'],
      commands: { AUTH: () => '-ERR Authentication failure: unknown user name or bad password.\r\n' },
    });
    try {
      await pasted(node);
      // The token goes to no server but a deployed one.
      const mail = {
        ...{
          id: 'mail',
          type: 'pop3 in',
          z: 'tab',
          name: '',
          service: 'custom',
          auth: 'oauth2',
          account: 'account',
        },
        ...{
          host: '127.0.0.1',
          port: String(server.port),
          security: 'none',
          tls: '',
          proxy: '',
          interval: 0,
        },
        credentials: { user: ALICE },
      };
      await nodeRed.deploy([{ id: 'tab', type: 'tab', label: 'Mail' }, node, { ...mail, wires: [[]] }]);
      const ask = async (route: string, json: unknown) =>
        (await (await nodeRed.admin(`redletter/pop3-in/mail/${route}`, { json })).json()) as {
          test?: string;
          message?: string;
          report?: { outcome: string; steps: { step: string; facts?: { scope?: string } }[] } | null;
        };
      const { test, message } = await ask('test', dialog(mail));
      assert.ok(test, message);
      let report: Awaited<ReturnType<typeof ask>>['report'];
      while (!report || report.outcome === 'running') ({ report } = await ask('test-report', { test }));
      assert.equal(
        report.steps.find(({ step }) => step === 'token')?.facts?.scope,
        scope,
        JSON.stringify(report),
      );
    } finally {
      await server.close();
      await post('sign-out', dialog(node));
    }
  });

  for (const [provider, login, mail] of [
    ['microsoft-us', 'login.microsoftonline.us', 'outlook.office365.us'],
    ['microsoft-dod', 'login.microsoftonline.us', 'outlook-dod.office365.us'],
    ['microsoft-cn', 'login.partner.microsoftonline.cn', 'partner.outlook.cn'],
  ] as const)
    it(`a person and an application of ${provider} are known to their own cloud alone`, async () => {
      const person = account({ provider });
      const address = `${login}/organizations/oauth2/v2.0/token`;
      const body = { token_type: 'Bearer', access_token: 'a', refresh_token: 'r', expires_in: 3600 };
      answers[address] = { body };
      assert.equal((await exchanged(person)).state, 'signed-in');
      const application = account(
        { provider, grant: 'client_credentials', tenant: 'contoso.example' },
        { clientSecret: SECRET },
      );
      answers[`${login}/contoso.example/oauth2/v2.0/token`] = { body };
      assert.equal((await start(application, `app-${provider}`)).state, 'signed-in');
      assert.deepEqual(
        asked.map((request) => [request.address, request.form.get('scope')?.split(' ')[0] ?? 'of the code']),
        [
          [address, 'of the code'],
          [`${login}/contoso.example/oauth2/v2.0/token`, `https://${mail}/.default`],
        ],
      );
      const { url } = await start(person);
      const begin = await fetch(String(url), { redirect: 'manual' });
      const page = new URL(begin.headers.get('location') ?? '');
      assert.equal(page.host, login);
      assert.match(page.searchParams.get('scope') ?? '', new RegExp(`^https://${mail}/POP\\.AccessAsUser`));
      const consumers = await start(account({ provider, tenant: 'consumers' }));
      assert.match(consumers.message ?? '', /personal accounts/);
      await post('sign-out', dialog(person));
    });

  it('the prompt of an own server is the one that was chosen, none, or the one in its address', async () => {
    const promptOf = async (more: object): Promise<string | null> => {
      const { url, message } = await start(custom(more));
      assert.ok(url, message);
      const begin = await fetch(String(url), { redirect: 'manual' });
      return new URL(begin.headers.get('location') ?? '').searchParams.get('prompt');
    };
    assert.equal(await promptOf({}), 'consent');
    assert.equal(await promptOf({ prompt: '' }), null);
    assert.equal(await promptOf({ prompt: 'login' }), 'login');
    const typed = 'https://id.example.net/authorize?prompt=select_account';
    assert.equal(await promptOf({ prompt: 'login', authorizationUrl: typed }), 'select_account');
  });

  it('an application of its own is never stopped: no status asks for a sign-in', async () => {
    answers['oauth2.googleapis.com/token'] = {
      status: 403,
      body: { error: 'access_denied', error_description: 'Requested client is not authorized.' },
    };
    const view = await start(googleApp());
    assert.equal(view.reason, 'delegation-missing');
    assert.match(view.message ?? '', /domain-wide delegation/);
    assert.equal(view.cure?.who, 'administrator');
    await nodeRed.deploy([
      { id: 'tab', type: 'tab', label: 'Mail' },
      googleApp(),
      { id: 'ask', type: 'inject', z: 'tab', once: false, props: [], wires: [['token']] },
      { id: 'token', type: 'oauth2 token', z: 'tab', account: 'account', wires: [[]] },
    ]);
    const comms = await nodeRed.comms();
    const requests = asked.length;
    await nodeRed.inject('ask');
    await comms.waitForStatus('token', /check account/);
    assert.equal(asked.length, requests + 1);
    const { state, reason } = await post('status', dialog(googleApp()));
    assert.deepEqual([state, reason], ['refused', 'delegation-missing']);
    assert.ok(comms.statuses('token').every(({ text = '' }) => !/sign in/.test(text)));
  });
});

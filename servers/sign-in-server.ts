import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClientMetadata, Provider } from 'oidc-provider';

/** An application registered at the sign-in server. `secret` is absent for a public client. */
export interface Client {
  id: string;
  secret?: string;
}

/** The applications every sign-in server here knows from the start. */
export const clients = {
  /** A native application: no secret, PKCE required. */
  native: { id: 'redletter' },
  /**
   * An application with a secret, which it may send in the body or in the Authorization header. The
   * secret holds what has to be escaped in either place.
   */
  confidential: { id: 'redletter-confidential', secret: 'a secret: 100 % & + =' },
  /** A mail server that asks by introspection whose token it was handed. */
  mailServer: { id: 'dovecot', secret: 'introspection-only' },
} satisfies Record<string, Client>;

/** Everything an application may ask for; `mail.pop` is what the mail servers insist on. */
export const scope = 'openid offline_access email mail.pop';

/** The routes the callback of a sign-in may have, depending on Node-RED's `httpAdminRoot`. */
const callbackPath = '/redletter/oauth2-account/callback';
const adminRoots = ['', '/admin', '/red'];
const redirectUris = ['localhost', '127.0.0.1'].flatMap((host) => [
  ...adminRoots.map((root) => `http://${host}${root}${callbackPath}`),
  `http://${host}/callback`,
]);

export interface SignInServerOptions {
  /** 0: any free port. */
  port?: number;
  /** Seconds an access token lives. */
  accessTokenTtl?: number;
  /** Seconds a refresh token lives. */
  refreshTokenTtl?: number;
  /** Whether each refresh answers with a new refresh token and retires the old one. */
  rotateRefreshToken?: boolean;
  /** Redirect addresses besides Node-RED's own on loopback, where any port will do. */
  redirectUris?: string[];
  /** Applications besides {@link clients}. */
  clients?: ClientMetadata[];
}

export interface SignInServer {
  /** Also where discovery starts: `<issuer>/.well-known/openid-configuration`. */
  issuer: string;
  port: number;
  authorizationUrl: string;
  tokenUrl: string;
  deviceUrl: string;
  revocationUrl: string;
  /** The introspection endpoint with the mail server's own name and secret in it, as Dovecot wants it. */
  introspectionUrl: string;
  /** The library's own object, to hook into. */
  provider: Provider;
  close(): Promise<void>;
}

/**
 * A real OpenID provider on 127.0.0.1. Any user name signs in with any password, and is the mailbox the token
 * is good for: introspection says so in `email`.
 */
export async function startSignInServer(options: SignInServerOptions = {}): Promise<SignInServer> {
  // The issuer's address holds the port, so the port is taken first and the provider built for it.
  let answer: RequestListener | undefined;
  const server = createServer((request, response) => {
    // Put together at the first request: a middleware added later than that would not be in it.
    answer ??= provider.callback();
    answer(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;

  quieten();
  const { Provider } = await import('oidc-provider');
  const provider = new Provider(issuer, {
    clients: [...registeredClients(options.redirectUris ?? []), ...(options.clients ?? [])],
    clientDefaults: { grant_types: ['authorization_code', 'refresh_token'] },
    cookies: { keys: ['the demonstration keeps nothing'] },
    scopes: scope.split(' '),
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      registration: { enabled: true },
    },
    pkce: { required: () => true },
    findAccount: (_context, accountId) => ({
      accountId,
      claims: () => ({ sub: accountId, email: accountId, email_verified: true }),
    }),
    extraTokenClaims: (_context, token) => ('accountId' in token ? { email: token.accountId } : undefined),
    rotateRefreshToken: options.rotateRefreshToken ?? true,
    ttl: {
      AccessToken: options.accessTokenTtl ?? 3600,
      AuthorizationCode: 60,
      ClientCredentials: options.accessTokenTtl ?? 3600,
      DeviceCode: 600,
      Grant: 14 * 86400,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: options.refreshTokenTtl ?? 14 * 86400,
      Session: 14 * 86400,
    },
  });

  const { id, secret } = clients.mailServer;
  return {
    issuer,
    port,
    authorizationUrl: `${issuer}/auth`,
    tokenUrl: `${issuer}/token`,
    deviceUrl: `${issuer}/device/auth`,
    revocationUrl: `${issuer}/token/revocation`,
    introspectionUrl: `http://${id}:${secret}@127.0.0.1:${port}/token/introspection`,
    provider,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function registeredClients(extraRedirectUris: string[]): ClientMetadata[] {
  const mail: Partial<ClientMetadata> = {
    application_type: 'native',
    redirect_uris: [...redirectUris, ...extraRedirectUris],
    grant_types: [
      'authorization_code',
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:device_code',
    ],
  };
  return [
    {
      ...mail,
      client_id: clients.native.id,
      client_name: 'Redletter',
      token_endpoint_auth_method: 'none',
      grant_types: mail.grant_types?.filter((grant) => grant !== 'client_credentials'),
    },
    {
      ...mail,
      client_id: clients.confidential.id,
      client_name: 'Redletter, with a secret',
      client_secret: clients.confidential.secret,
    },
    {
      client_id: clients.mailServer.id,
      client_secret: clients.mailServer.secret,
      redirect_uris: [],
      response_types: [],
      grant_types: [],
    },
  ];
}

let quiet = false;

/** The library warns on loopback that this is not production. Here it never is. */
function quieten(): void {
  if (quiet) return;
  quiet = true;
  for (const level of ['info', 'warn'] as const) {
    const say = console[level].bind(console);
    console[level] = (...words: unknown[]) => {
      if (!/oidc-provider (NOTICE|WARNING)/.test(String(words[0]))) say(...words);
    };
  }
}

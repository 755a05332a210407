import { text } from 'node:stream/consumers';
import { type SignInServer, type SignInServerOptions, startSignInServer } from './sign-in-server';

export { CookieJar, consent } from './consent';
export { clients, scope } from './sign-in-server';

/** A token request as it came in, and how it was answered. */
export interface TokenRequest {
  grantType: string;
  /** The form's fields (and nothing of the Authorization header). */
  parameters: URLSearchParams;
  /** Where the client's secret stood. */
  secretIn: 'nowhere' | 'body' | 'header';
  /** HTTP status of the answer; absent while it is on its way. */
  status?: number;
}

/** Something that goes wrong at the token endpoint. */
export interface TokenFault {
  /** Only requests with this `grant_type`; absent: all. */
  grantType?: string;
  /** How many requests it befalls before it is over; absent: until cleared. */
  times?: number;
  /** Answer with this HTTP status instead of asking the provider. */
  status?: number;
  /** An OAuth error of RFC 6749 section 5.2, such as `invalid_grant`; with status 400 unless `status` says else. */
  error?: string;
  /** Header fields of such an answer, for instance `retry-after`. */
  headers?: Record<string, string>;
  /** The body of such an answer; default: JSON with `error`, or a page of HTML where there is no `error`. */
  body?: string;
  /** The provider sees the request only when this has settled. */
  before?: Promise<unknown>;
  /** The provider's answer (tokens already rotated) leaves only when this has settled. */
  after?: Promise<unknown>;
  /** The answer carries no refresh token, which means: keep the one you have. */
  omitRefreshToken?: boolean;
  /** The connection is cut without an answer, `before` or `after` the provider has done its work. */
  hangUp?: 'before' | 'after';
}

/** A token request that waits at the door. */
export interface Hold {
  /** Settles when the first request has come as far as the hold. */
  arrived: Promise<void>;
  /** Lets it, and every later one, pass. */
  release(): void;
}

export interface TestProvider extends SignInServer {
  /** Every token request so far, the oldest first. */
  tokenRequests: readonly TokenRequest[];
  /** How many token requests of this kind came in; without an argument: all. */
  count(grantType?: string): number;
  /** Settles at the next token request of this kind, when it has been answered. */
  nextTokenRequest(grantType?: string): Promise<TokenRequest>;
  /** Adds a fault; the answer clears it. The oldest fault that fits a request befalls it. */
  fault(fault: TokenFault): () => void;
  /**
   * Keeps token requests waiting: `before` the provider sees them, or `after` it has answered (rotated the
   * refresh token) but before the answer leaves.
   */
  hold(when: 'before' | 'after', grantType?: string): Hold;
  /** Ends every token and every grant handed out, as a password change or an administrator would. */
  revokeAll(): Promise<void>;
}

/** A real OpenID provider (oidc-provider) on a port of its own, whose token endpoint can be made to misbehave. */
export async function startProvider(options: SignInServerOptions = {}): Promise<TestProvider> {
  const server = await startSignInServer(options);
  const { provider } = server;

  const requests: TokenRequest[] = [];
  const faults: TokenFault[] = [];
  const waiting = new Set<(request: TokenRequest) => void>();

  // Tests cannot wait five seconds between two requests (RFC 8628 section 3.2: the default is five).
  provider.use(async (context, next) => {
    await next();
    if (context.path === '/device/auth' && isRecord(context.body))
      context.body = { ...context.body, interval: 1 };
  });
  provider.use(async (context, next) => {
    if (context.path !== '/token') return next();
    // Read here, since a fault may depend on the grant; the provider takes over what has been read.
    const body = await text(context.req);
    Object.assign(context.req, { body });
    const parameters = new URLSearchParams(body);
    const request: TokenRequest = {
      grantType: parameters.get('grant_type') ?? '',
      parameters,
      secretIn: context.get('authorization')
        ? 'header'
        : parameters.has('client_secret')
          ? 'body'
          : 'nowhere',
    };
    requests.push(request);

    const fault = faults.find(({ grantType }) => grantType === undefined || grantType === request.grantType);
    if (fault?.times !== undefined) {
      fault.times -= 1;
      if (fault.times <= 0) faults.splice(faults.indexOf(fault), 1);
    }
    await fault?.before;
    if (fault?.hangUp === 'before') {
      context.req.socket.destroy();
    } else if (fault?.status !== undefined || fault?.error !== undefined) {
      context.status = fault.status ?? 400;
      context.set({ 'cache-control': 'no-store', ...fault.headers });
      context.body =
        fault.body ?? (fault.error ? { error: fault.error } : '<!doctype html><p>Come back later.</p>');
    } else {
      await next();
    }
    await fault?.after;
    if (fault?.hangUp === 'after') context.req.socket.destroy();
    if (fault?.omitRefreshToken && isRecord(context.body)) {
      const { refresh_token: _, ...rest } = context.body;
      context.body = rest;
    }
    request.status = context.status;
    for (const tell of [...waiting]) tell(request);
  });

  const grants = new Set<string>();
  const tokensWithoutGrant = new Set<{ destroy(): Promise<void> }>();
  provider.on('grant.saved', (grant) => void (grant.jti && grants.add(grant.jti)));
  provider.on('client_credentials.saved', (token) => void tokensWithoutGrant.add(token));

  return {
    ...server,
    tokenRequests: requests,
    count: (grantType) =>
      requests.filter((request) => grantType === undefined || request.grantType === grantType).length,
    nextTokenRequest: (grantType) =>
      new Promise((resolve) => {
        const tell = (request: TokenRequest) => {
          if (grantType !== undefined && request.grantType !== grantType) return;
          waiting.delete(tell);
          resolve(request);
        };
        waiting.add(tell);
      }),
    fault: add,
    hold(when, grantType) {
      let arrive: () => void = () => {};
      const arrived = new Promise<void>((resolve) => {
        arrive = resolve;
      });
      let open: () => void = () => {};
      const released = new Promise<void>((resolve) => {
        open = resolve;
      });
      // A getter, because only the request that awaits it has arrived.
      const clear = add({
        ...(grantType === undefined ? {} : { grantType }),
        get [when]() {
          arrive();
          return released;
        },
      });
      return {
        arrived,
        release() {
          clear();
          open();
        },
      };
    },
    async revokeAll() {
      const { AccessToken, AuthorizationCode, Grant, RefreshToken } = provider;
      for (const grant of grants) {
        for (const kind of [AccessToken, AuthorizationCode, RefreshToken]) await kind.revokeByGrantId(grant);
        await (await Grant.find(grant))?.destroy();
      }
      for (const token of tokensWithoutGrant) await token.destroy();
      grants.clear();
      tokensWithoutGrant.clear();
    },
  };

  function add(fault: TokenFault): () => void {
    faults.push(fault);
    return () => {
      const at = faults.indexOf(fault);
      if (at >= 0) faults.splice(at, 1);
    };
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Buffer.isBuffer(value) && !('pipe' in value);
}

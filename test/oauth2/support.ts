import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import {
  type AccountConfig,
  type AuthorizationCodeOptions,
  AuthorizationCodeSignIn,
  CALLBACK_PATH,
  type PageTexts,
  type SignedIn,
  SignIns,
  type SignInsOptions,
  type StartRequest,
  type TokenStore,
  type Tokens,
} from '../../nodes/oauth2';
import { clients, consent as consentAt, scope } from '../../servers/oidc';

export const texts: PageTexts = {
  lang: 'en',
  title: 'Sign-in',
  done: 'Done, you can close this.',
  failed: 'That did not work; the dialog says why.',
  paste: 'Paste this address',
  unknown: 'Start again.',
};

/** A time that is fixed until the test moves it. */
export class Clock {
  ms = Date.UTC(2026, 0, 1);
  now = (): number => this.ms;
  pass(ms: number): void {
    this.ms += ms;
  }
}

/** Keeps tokens in memory, as text, so that nothing is shared by reference. */
export class MemoryStore implements TokenStore {
  text: string | undefined;
  saves: Tokens[] = [];
  /** Thrown by `save` and `delete`, as long as it is set. */
  broken: Error | undefined;
  /** Awaited before `save` does its work. */
  before: (() => Promise<unknown>) | undefined;

  constructor(tokens?: Tokens) {
    if (tokens) this.text = JSON.stringify(tokens);
  }
  get tokens(): Tokens | undefined {
    return this.text === undefined ? undefined : JSON.parse(this.text);
  }
  async load(): Promise<Tokens | undefined> {
    return this.tokens;
  }
  async save(tokens: Tokens): Promise<void> {
    await this.before?.();
    if (this.broken) throw this.broken;
    this.text = JSON.stringify(tokens);
    this.saves.push(tokens);
  }
  #turn: Promise<unknown> = Promise.resolve();
  renewing<T>(renew: (stored: Tokens | undefined) => Promise<T>): Promise<T> {
    const done = this.#turn.then(async () => renew(await this.load()));
    this.#turn = done.catch(() => undefined);
    return done;
  }
  async delete(): Promise<void> {
    if (this.broken) throw this.broken;
    this.text = undefined;
  }
}

/** An account at the test's sign-in server, found by discovery. */
export function accountAt(issuer: string, changes: Partial<AccountConfig> = {}): AccountConfig {
  return {
    provider: 'custom',
    grant: 'authorization_code',
    issuer,
    scope,
    clientId: clients.native.id,
    user: 'alice@example.com',
    ...changes,
  };
}

/** Sign-ins by authorization code with the two routes they need, on a server of its own, as Node-RED would serve them. */
export async function startCallbackHost({
  agentOf,
  timeoutMs,
  ...options
}: Partial<SignInsOptions> & Omit<Partial<AuthorizationCodeOptions>, 'signIns' | 'texts'> = {}) {
  const signedIn: SignedIn[] = [];
  const signIns = new SignIns({ onSignedIn: (one) => void signedIn.push(one), ...options });
  const byCode = new AuthorizationCodeSignIn({
    signIns,
    texts,
    ...(agentOf && { agentOf }),
    ...(timeoutMs && { timeoutMs }),
  });
  const requests: string[] = [];
  const server = createServer(async (request, response) => {
    requests.push(request.url ?? '');
    const url = new URL(request.url ?? '', 'http://localhost');
    const reply = url.pathname.endsWith('/begin')
      ? await byCode.begin({ ticket: url.searchParams.get('ticket') })
      : await byCode.callback({ query: url.search, cookies: request.headers.cookie });
    response.writeHead(reply.status, reply.headers).end(reply.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const redirectUri = `http://127.0.0.1:${port}${CALLBACK_PATH}`;
  const person = { account: 'account-1', adminUser: 'admin' };
  return {
    byCode,
    signIns,
    signedIn,
    requests,
    redirectUri,
    person,
    start: (config: AccountConfig, changes: Partial<StartRequest> = {}) =>
      byCode.start({ ...person, config, redirectUri, ...changes }),
    /** From start to tokens, by real login and consent pages. */
    async signIn(config: AccountConfig): Promise<Tokens> {
      const { beginUrl } = await byCode.start({ ...person, config, redirectUri });
      await consentAt(beginUrl, { login: config.user ?? 'alice@example.com' });
      const tokens = signedIn.at(-1)?.tokens;
      if (!tokens) throw new Error('the sign-in came to nothing');
      return tokens;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Everything that can be seen of a value, at any depth, hidden properties included. */
export function seen(value: unknown): string {
  const all = inspect(value, {
    depth: Infinity,
    showHidden: true,
    maxStringLength: null,
    maxArrayLength: null,
  });
  return value instanceof Error ? `${all}\n${value.stack}\n${JSON.stringify(value)}` : all;
}

import { createHash, timingSafeEqual } from 'node:crypto';
import { requestTokens } from './client';
import { identify } from './client-authentication';
import type { AccountConfig } from './config';
import {
  type Endpoints,
  plain,
  providerOf,
  readEndpoints,
  resolveEndpoints,
  scopeOf,
  writeEndpoints,
} from './endpoints';
import { OAuth2Error } from './errors';
import type { AgentFor } from './http';
import { type HttpReply, type PageTexts, page, sendOn } from './pages';
import { readPasted } from './paste';
import { checkRedirectUri } from './redirect-uri';
import { judgedBy, refused } from './refusals';
import type { PendingAnswer, StoredSignIn } from './sign-in-store';
import {
  randomText,
  SIGN_IN_MS,
  type SignInOutcome,
  type SignInQuestion,
  type SignInRequest,
  SignIns,
  type SignInsOptions,
} from './sign-ins';
import { signedIn, type Tokens } from './tokens';

/** Milliseconds between the click and the sign-in's window asking for its first page. */
const TICKET_MS = 60_000;

/** The parameters of an authorization answer (RFC 6749 section 4.1.2, RFC 9207) that a pasted address needs. */
const ANSWER = ['code', 'state', 'iss', 'error', 'error_description'] as const;

/** Characters of an address that a page still shows; tokens and codes are far shorter. */
const LONGEST_SHOWN = 8_192;

export interface StartRequest extends SignInRequest {
  /** Exactly as registered. */
  redirectUri: string;
  /**
   * The callback's address as this browser reaches it, where that is not the redirect URI: with an editor on the LAN
   * and `http://localhost…` as redirect URI, the address is pasted or its host is edited by hand.
   */
  callbackUrl?: string;
  /** For the page in the sign-in's window. Default: those of the constructor. */
  texts?: PageTexts;
  /**
   * Another person signed in before: the provider has to let this one choose, or its session's cookie signs the other
   * one in again without a word.
   */
  anotherPerson?: boolean;
}

export interface StartedSignIn {
  /** To ask for the outcome, to paste, to cancel. Not a secret, and good for nothing else. */
  id: string;
  /** What the window opens: once, within a minute. */
  beginUrl: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

export interface ConsentOptions extends SignInsOptions {
  /** For pages where the sign-in, and with it the reader's language, is not known. */
  texts: PageTexts;
  /**
   * The connections of a sign-in by its `route`, since the answer may reach another process than the one that started
   * it. Default: direct ones.
   */
  agentOf?: (route: Record<string, unknown>) => AgentFor | undefined;
  /** Milliseconds for one answer of the sign-in server; for tests. */
  timeoutMs?: number;
}

/** A sign-in that waits for its answer. */
type Waiting = StoredSignIn & { config: AccountConfig; pending: PendingAnswer };

/**
 * Sign-ins by authorization code with PKCE (RFC 6749 section 4.1, RFC 7636). All that one needs is in the store, so begin
 * and callback may reach any process that shares it; what the store does not know is refused.
 *
 * A sign-in is bound to the account and person that started it, and to one browser: the window opens `begin` with a
 * ticket, on the callback's own host, and gets a cookie there; the callback takes only an answer that comes with it.
 */
export class Consent {
  readonly #texts: PageTexts;
  readonly #now: () => number;
  readonly #timeoutMs: number | undefined;
  readonly #signIns: SignIns;
  readonly #agentOf: (route: Record<string, unknown>) => AgentFor | undefined;

  constructor({ texts, timeoutMs, agentOf, ...options }: ConsentOptions) {
    this.#texts = texts;
    this.#now = options.now ?? Date.now;
    this.#signIns = new SignIns(options);
    this.#agentOf = agentOf ?? (() => undefined);
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Starts a sign-in.
   * @throws {OAuth2Error} `CONFIG`, or what discovery ran into
   */
  async start(request: StartRequest): Promise<StartedSignIn> {
    const { config } = request;
    const redirectUri = checkRedirectUri(config, request.redirectUri);
    const callbackUrl = request.callbackUrl ? checkCallbackUrl(config, request.callbackUrl) : redirectUri;
    const endpoints = await resolveEndpoints(config, {
      agent: this.#agentOf(request.route ?? {}),
      timeoutMs: this.#timeoutMs,
    });
    if (!endpoints.authorization) {
      throw new OAuth2Error('CONFIG', 'authorization-url-missing', { facts: { provider: config.provider } });
    }
    const now = this.#now();
    // Said now, and not after the whole sign-in.
    identify(config, endpoints, now);
    const [id, ticket] = [randomText(9), randomText(32)];
    const expiresAt = now + SIGN_IN_MS;
    await this.#signIns.add({
      id,
      account: request.account,
      adminUser: request.adminUser,
      state: 'waiting',
      expiresAt,
      config,
      ...(request.route && { route: request.route }),
      pending: {
        redirectUri: request.redirectUri,
        callbackUrl: callbackUrl.href,
        ...(request.texts && { texts: request.texts }),
        ...(request.anotherPerson && { anotherPerson: true }),
        endpoints: writeEndpoints(endpoints),
        ticket,
        ticketExpiresAt: now + TICKET_MS,
        state: randomText(32),
        cookie: randomText(32),
        verifier: randomText(32),
      },
    });
    const beginUrl = new URL(callbackUrl);
    beginUrl.pathname = beginUrl.pathname.replace(/callback$/, 'begin');
    beginUrl.searchParams.set('ticket', `${id}.${ticket}`);
    return { id, beginUrl: beginUrl.href, expiresAt };
  }

  /** The window's first page: sets the cookie and sends the browser on to the sign-in server. */
  async begin({ ticket }: { ticket: unknown }): Promise<HttpReply> {
    const found = await this.#find(ticket);
    const expected = found?.pending.ticket;
    const texts = found?.pending.texts ?? this.#texts;
    if (
      !found ||
      !expected ||
      !same(expected, rest(ticket)) ||
      this.#now() >= found.pending.ticketExpiresAt
    ) {
      return page(400, texts, 'unknown');
    }
    const signIn = await this.#take(found.id, 'ticket');
    if (!signIn) return page(400, texts, 'unknown');
    const { id, pending } = signIn;
    const callbackUrl = new URL(pending.callbackUrl);
    const crumbs = [
      `${cookieName(id)}=${pending.cookie}`,
      `Path=${callbackUrl.pathname}`,
      `Max-Age=${SIGN_IN_MS / 1000}`,
      'HttpOnly',
      // Lax: the answer comes as a navigation from the sign-in server's site.
      'SameSite=Lax',
      ...(callbackUrl.protocol === 'https:' ? ['Secure'] : []),
    ];
    return sendOn(authorizationUrl(signIn), crumbs.join('; '));
  }

  /**
   * The callback, without a login: takes the sign-in server's answer if state and cookie fit, and exchanges the code.
   * `query` is the parsed or unparsed query, `cookies` the Cookie header as it came.
   */
  async callback({ query, cookies }: { query: unknown; cookies: string | undefined }): Promise<HttpReply> {
    const parameters = readQuery(query);
    const signIn = await this.#byState(parameters);
    if (!signIn) return page(400, this.#texts, 'unknown');
    const { pending } = signIn;
    const texts = pending.texts ?? this.#texts;
    const crumb = readCookie(cookies, cookieName(signIn.id));
    // Still open for the browser it belongs to. A door in front of the editor whose cookies are SameSite=Strict (Home
    // Assistant's ingress), another browser or a lost cookie: the person can still paste the address.
    if (crumb === undefined || !same(pending.cookie, crumb)) {
      const address = new URL(pending.redirectUri);
      for (const name of ANSWER) {
        const value = parameters.get(name);
        if (value !== null) address.searchParams.set(name, value);
      }
      return page(400, texts, 'paste', address.href.length <= LONGEST_SHOWN ? address.href : undefined);
    }
    const outcome = await this.#finish(signIn, parameters);
    if (!outcome) return page(400, texts, 'unknown');
    const { state, error } = outcome;
    return state === 'signed-in'
      ? page(200, texts, 'done')
      : page(400, texts, 'failed', error?.facts.description);
  }

  /**
   * Takes the answer as pasted by the person who started the sign-in.
   * @throws {OAuth2Error} `DECLINED` when the text is of no use; the sign-in goes on waiting
   */
  async paste({
    account,
    adminUser,
    text,
  }: {
    account: string;
    adminUser: string;
    text: string;
  }): Promise<SignInOutcome> {
    const parameters = readPasted(text);
    const signIn = await this.#byState(parameters);
    if (!signIn || signIn.account !== account) throw new OAuth2Error('DECLINED', 'sign-in-unknown');
    if (signIn.adminUser !== adminUser) throw new OAuth2Error('DECLINED', 'other-person');
    const outcome = await this.#finish(signIn, parameters);
    if (!outcome) throw new OAuth2Error('DECLINED', 'sign-in-unknown');
    return outcome;
  }

  /** How a sign-in stands; undefined where it is not known, or belongs to another user. */
  outcome(question: SignInQuestion): Promise<SignInOutcome | undefined> {
    return this.#signIns.outcome(question);
  }

  /** Ends a sign-in before its time. Late answers are refused. */
  cancel(question: SignInQuestion): Promise<void> {
    return this.#signIns.cancel(question);
  }

  /** One use of the state, whatever comes of it. Undefined where another request has taken it. */
  async #finish(found: Waiting, parameters: URLSearchParams): Promise<SignInOutcome | undefined> {
    const signIn = await this.#take(found.id, 'state');
    if (!signIn) return undefined;
    await this.#signIns.settle(signIn, () => this.#exchange(signIn, parameters));
    return this.#signIns.outcome(signIn);
  }

  async #exchange({ config, pending, route }: Waiting, parameters: URLSearchParams): Promise<Tokens> {
    const { redirectUri, verifier } = pending;
    const endpoints = readEndpoints(pending.endpoints);
    const agent = this.#agentOf(route ?? {});
    const { provider } = config;
    const facts = { provider };
    if (repeats(parameters)) throw new OAuth2Error('DECLINED', 'answer-incomplete', { facts });
    checkIssuer(parameters.get('iss'), endpoints, provider);
    const code = parameters.get('code');
    if (parameters.has('error')) {
      throw refused({
        step: 'authorize',
        ...judgedBy(config),
        redirectUri,
        answer: Object.fromEntries(parameters),
      });
    }
    if (!code)
      throw new OAuth2Error('DECLINED', 'answer-incomplete', { facts: { ...facts, detail: 'code' } });
    const answer = await requestTokens({
      config,
      endpoints,
      step: 'code',
      identification: identify(config, endpoints, this.#now()),
      redirectUri,
      parameters: {
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUri,
        code_verifier: verifier,
      },
      agent,
      now: this.#now,
      timeoutMs: this.#timeoutMs,
    });
    checkScope(config, answer.scope);
    return signedIn(answer);
  }

  async #byState(parameters: URLSearchParams): Promise<Waiting | undefined> {
    const state = parameters.get('state');
    const signIn = await this.#find(state);
    return signIn?.pending.state && same(signIn.pending.state, rest(state)) ? signIn : undefined;
  }

  /** Tickets and states are written `id.secret`; the id finds the sign-in, the secret proves it. */
  async #find(text: unknown): Promise<Waiting | undefined> {
    if (typeof text !== 'string') return undefined;
    const signIn = await this.#signIns.waiting(text.slice(0, text.indexOf('.')));
    return signIn && isWaiting(signIn) ? signIn : undefined;
  }

  async #take(id: string, what: 'ticket' | 'state'): Promise<Waiting | undefined> {
    const signIn = await this.#signIns.store.take(id, what);
    return signIn && isWaiting(signIn) ? signIn : undefined;
  }
}

const isWaiting = (signIn: StoredSignIn): signIn is Waiting =>
  signIn.state === 'waiting' && signIn.config !== undefined && signIn.pending !== undefined;

function authorizationUrl({ id, config, pending }: Waiting): URL {
  const { redirectUri, state, verifier } = pending;
  const endpoints = readEndpoints(pending.endpoints);
  if (!endpoints.authorization) throw new TypeError('a sign-in without an authorization endpoint');
  const url = new URL(endpoints.authorization);
  const scope = scopeOf(config);
  const parameters = {
    response_type: 'code',
    client_id: config.clientId?.trim() ?? '',
    redirect_uri: redirectUri,
    ...(scope && { scope }),
    state: `${id}.${state}`,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...standing(config, url),
    ...(pending.anotherPerson && { prompt: choosing(config, url) }),
    ...(config.user?.trim() && { login_hint: config.user.trim() }),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url;
}

/** The provider's own parameters. One typed into the authorization URL counts for more, and so does the account's prompt. */
function standing(config: AccountConfig, url: URL): Record<string, string> {
  const parameters = { ...providerOf(config).authorizationParameters };
  if (config.provider === 'custom' && config.prompt !== undefined) {
    if (config.prompt === '') delete parameters.prompt;
    else parameters.prompt = config.prompt;
  }
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !url.searchParams.has(name)));
}

/** The `prompt` in force, and with it the one that lets the person choose; `none` forbids the choice. */
function choosing(config: AccountConfig, url: URL): string {
  const prompt = url.searchParams.get('prompt') ?? standing(config, url).prompt ?? '';
  const choose = providerOf(config).choosePrompt ?? 'login';
  const words = prompt.split(/\s+/).filter((word) => word !== '' && word !== 'none');
  return [...new Set([choose, ...words])].join(' ');
}

/**
 * RFC 9207 section 2.4: an answer that names another issuer, or leaves out one that was promised, belongs to another
 * server.
 */
function checkIssuer(given: string | null, endpoints: Endpoints, provider: string): void {
  const { issuerText, issuerPromised } = endpoints;
  if (given === null ? issuerPromised : issuerText !== undefined && given !== issuerText) {
    throw new OAuth2Error('DECLINED', 'issuer-mismatch', {
      facts: { provider, ...(issuerText && { detail: issuerText }) },
    });
  }
}

/** A sign-in without the permission to read mail would fail only later, and less understandably. */
function checkScope(config: AccountConfig, granted: string | undefined): void {
  if (!granted || !providerOf(config).quirks.scopeMayBeUnticked) return;
  const words = new Set(granted.split(/\s+/));
  const missing = scopeOf(config)
    ?.split(' ')
    .filter((word) => word.includes(':') && !words.has(word));
  if (missing?.length) {
    throw new OAuth2Error('DECLINED', 'scope-not-granted', {
      facts: { provider: config.provider, detail: missing.join(' ') },
    });
  }
}

/** Where the browser reaches the callback: the editor's own address, whatever it is. Nothing is sent there but a cookie. */
function checkCallbackUrl(config: AccountConfig, callbackUrl: string): URL {
  const url = URL.canParse(callbackUrl) ? new URL(callbackUrl) : undefined;
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.username ||
    url.password ||
    !url.pathname.endsWith('/callback')
  ) {
    throw new OAuth2Error('CONFIG', 'redirect-uri-malformed', {
      facts: { provider: config.provider, ...(url && { uri: plain(url) }) },
    });
  }
  url.search = '';
  url.hash = '';
  return url;
}

function readQuery(query: unknown): URLSearchParams {
  if (typeof query === 'string' || query instanceof URLSearchParams) return new URLSearchParams(query);
  const parameters = new URLSearchParams();
  if (typeof query !== 'object' || query === null) return parameters;
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (typeof one === 'string') parameters.append(name, one);
    }
  }
  return parameters;
}

/** RFC 6749 section 3.1: no parameter more than once. */
function repeats(parameters: URLSearchParams): boolean {
  return ['code', 'state', 'iss', 'error'].some((name) => parameters.getAll(name).length > 1);
}

function cookieName(id: string): string {
  return `redletter-sign-in-${id}`;
}

function readCookie(header: string | undefined, name: string): string | undefined {
  const crumbs = header?.split(';').map((crumb) => crumb.trim()) ?? [];
  return crumbs.find((crumb) => crumb.startsWith(`${name}=`))?.slice(name.length + 1);
}

function rest(text: unknown): string {
  return typeof text === 'string' ? text.slice(text.indexOf('.') + 1) : '';
}

function same(expected: string, given: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}

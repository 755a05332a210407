import { createHash, timingSafeEqual } from 'node:crypto';
import { requestTokens } from './client';
import { identify } from './client-authentication';
import type { AccountConfig } from './config';
import { type Endpoints, plain, providerOf, resolveEndpoints, scopeOf } from './endpoints';
import { OAuth2Error } from './errors';
import type { AgentFor } from './http';
import { type HttpReply, type PageTexts, page, sendOn } from './pages';
import { readPasted } from './paste';
import { checkRedirectUri } from './redirect-uri';
import { judgedBy, refused } from './refusals';
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
  agent?: AgentFor | undefined;
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
  /** Milliseconds for one answer of the sign-in server; for tests. */
  timeoutMs?: number;
}

interface SignIn {
  outcome: SignInOutcome;
  request: StartRequest;
  endpoints: Endpoints;
  callbackUrl: URL;
  /** What the ticket, the state and the cookie have to be; one use each. */
  ticket: string | undefined;
  ticketExpiresAt: number;
  state: string | undefined;
  cookie: string;
  verifier: string;
}

/**
 * Sign-ins under way, by authorization code with PKCE (RFC 6749 section 4.1, RFC 7636). They live in memory only: after
 * a restart there is none, and every late answer is refused.
 *
 * A sign-in is bound to the account and person that started it, and to one browser: the window opens `begin` with a
 * ticket, on the callback's own host, and gets a cookie there; the callback takes only an answer that comes with it.
 */
export class Consent {
  readonly #texts: PageTexts;
  readonly #now: () => number;
  readonly #timeoutMs: number | undefined;
  readonly #signIns: SignIns<SignIn>;

  constructor({ texts, timeoutMs, ...options }: ConsentOptions) {
    this.#texts = texts;
    this.#now = options.now ?? Date.now;
    this.#signIns = new SignIns(options);
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
    const endpoints = await resolveEndpoints(config, { agent: request.agent, timeoutMs: this.#timeoutMs });
    if (!endpoints.authorization) {
      throw new OAuth2Error('CONFIG', 'authorization-url-missing', { facts: { provider: config.provider } });
    }
    const now = this.#now();
    // Said now, and not after the whole sign-in.
    identify(config, endpoints, now);
    const signIn: SignIn = {
      outcome: { id: randomText(9), account: request.account, state: 'waiting', expiresAt: now + SIGN_IN_MS },
      // A copy: what the dialog does next must not change a sign-in under way.
      request: { ...request, config: { ...config } },
      endpoints,
      callbackUrl,
      ticket: randomText(32),
      ticketExpiresAt: now + TICKET_MS,
      state: randomText(32),
      cookie: randomText(32),
      verifier: randomText(32),
    };
    this.#signIns.add(signIn);
    const { id, expiresAt } = signIn.outcome;
    const beginUrl = new URL(callbackUrl);
    beginUrl.pathname = beginUrl.pathname.replace(/callback$/, 'begin');
    beginUrl.searchParams.set('ticket', `${id}.${signIn.ticket}`);
    return { id, beginUrl: beginUrl.href, expiresAt };
  }

  /** The window's first page: sets the cookie and sends the browser on to the sign-in server. */
  begin({ ticket }: { ticket: unknown }): HttpReply {
    const signIn = this.#find(ticket);
    const given = rest(ticket);
    if (!signIn?.ticket || !same(signIn.ticket, given) || this.#now() >= signIn.ticketExpiresAt) {
      return page(400, signIn?.request.texts ?? this.#texts, 'unknown');
    }
    signIn.ticket = undefined;
    const { callbackUrl, cookie, outcome } = signIn;
    const crumbs = [
      `${cookieName(outcome.id)}=${cookie}`,
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
    const signIn = this.#byState(parameters);
    if (!signIn) return page(400, this.#texts, 'unknown');
    const texts = signIn.request.texts ?? this.#texts;
    const crumb = readCookie(cookies, cookieName(signIn.outcome.id));
    // Still open for the browser it belongs to. A door in front of the editor whose cookies are SameSite=Strict (Home
    // Assistant's ingress), another browser or a lost cookie: the person can still paste the address.
    if (crumb === undefined || !same(signIn.cookie, crumb)) {
      const address = new URL(signIn.request.redirectUri);
      for (const name of ANSWER) {
        const value = parameters.get(name);
        if (value !== null) address.searchParams.set(name, value);
      }
      return page(400, texts, 'paste', address.href.length <= LONGEST_SHOWN ? address.href : undefined);
    }
    const { state, error } = await this.#finish(signIn, parameters);
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
    const signIn = this.#byState(parameters);
    if (!signIn || signIn.request.account !== account) throw new OAuth2Error('DECLINED', 'sign-in-unknown');
    if (signIn.request.adminUser !== adminUser) throw new OAuth2Error('DECLINED', 'other-person');
    return this.#finish(signIn, parameters);
  }

  /** How a sign-in stands; undefined where it is not known, or belongs to another user. */
  outcome(question: SignInQuestion): SignInOutcome | undefined {
    return this.#signIns.outcome(question);
  }

  /** Ends a sign-in before its time. Late answers are refused. */
  cancel(question: SignInQuestion): void {
    this.#signIns.cancel(question);
  }

  async #finish(signIn: SignIn, parameters: URLSearchParams): Promise<SignInOutcome> {
    // One use, whatever comes of it.
    signIn.state = undefined;
    signIn.ticket = undefined;
    await this.#signIns.settle(signIn, () => this.#exchange(signIn, parameters));
    return signIn.outcome;
  }

  async #exchange(signIn: SignIn, parameters: URLSearchParams): Promise<Tokens> {
    const { request, endpoints, verifier } = signIn;
    const { config, redirectUri, agent } = request;
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

  #byState(parameters: URLSearchParams): SignIn | undefined {
    const state = parameters.get('state');
    const signIn = this.#find(state);
    return signIn?.state && same(signIn.state, rest(state)) ? signIn : undefined;
  }

  /** Tickets and states are written `id.secret`; the id finds the sign-in, the secret proves it. */
  #find(text: unknown): SignIn | undefined {
    return typeof text === 'string' ? this.#signIns.waiting(text.slice(0, text.indexOf('.'))) : undefined;
  }
}

function authorizationUrl({ request, endpoints, outcome, state, verifier }: SignIn): URL {
  const { config, redirectUri } = request;
  if (!endpoints.authorization) throw new TypeError('a sign-in without an authorization endpoint');
  const url = new URL(endpoints.authorization);
  const scope = scopeOf(config);
  const parameters = {
    response_type: 'code',
    client_id: config.clientId?.trim() ?? '',
    redirect_uri: redirectUri,
    ...(scope && { scope }),
    state: `${outcome.id}.${state}`,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...standing(config, url),
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

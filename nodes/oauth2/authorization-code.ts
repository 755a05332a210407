import { addressToPaste, checkIssuer, checkScope, readQuery, repeats } from './authorization-answer';
import { authorizationUrl } from './authorization-request';
import { bindBrowser, idIn, isBoundBrowser, proves } from './browser-binding';
import { identify } from './client-authentication';
import { readEndpoints, resolveEndpoints, writeEndpoints } from './endpoints';
import { OAuth2Error } from './errors';
import type { AgentFor } from './http';
import { type HttpReply, type PageTexts, page, sendOn } from './pages';
import { readPasted } from './paste';
import { checkCallbackUrl, checkRedirectUri } from './redirect-uri';
import { judgedBy, refused } from './refusals';
import { isWaitingForCode, SIGN_IN_MS, type WaitingForCode } from './sign-in-store';
import { randomText, type SignInOutcome, type SignInRequest, type SignIns } from './sign-ins';
import { requestTokens } from './token-request';
import { signedIn, type Tokens } from './tokens';

/** Milliseconds between the click and the sign-in's window asking for its first page. */
const TICKET_MS = 60_000;

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

export interface AuthorizationCodeOptions {
  signIns: SignIns;
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

/**
 * Sign-ins by authorization code with PKCE (RFC 6749 section 4.1, RFC 7636). All that one needs is in the store, so begin
 * and callback may reach any process that shares it; what the store does not know is refused.
 *
 * A sign-in is bound to the account and person that started it, and to one browser: the window opens `begin` with a
 * ticket, on the callback's own host, and gets a cookie there; the callback takes only an answer that comes with it.
 */
export class AuthorizationCodeSignIn {
  readonly #texts: PageTexts;
  readonly #now: () => number;
  readonly #timeoutMs: number | undefined;
  readonly #signIns: SignIns;
  readonly #agentOf: (route: Record<string, unknown>) => AgentFor | undefined;

  constructor({ signIns, texts, timeoutMs, agentOf }: AuthorizationCodeOptions) {
    this.#texts = texts;
    this.#now = signIns.now;
    this.#signIns = signIns;
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
    const agent = this.#agentOf(request.route ?? {});
    const endpoints = await resolveEndpoints(config, { agent, timeoutMs: this.#timeoutMs });
    if (!endpoints.authorization) {
      throw new OAuth2Error('CONFIG', 'authorization-url-missing', { facts: { provider: config.provider } });
    }
    const now = this.#now();
    // Said now, and not after the whole sign-in.
    identify(config, endpoints, now);
    agent?.(endpoints.token);
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
    const texts = found?.pending.texts ?? this.#texts;
    if (!found || !proves(found.pending.ticket, ticket) || this.#now() >= found.pending.ticketExpiresAt) {
      return page(400, texts, 'unknown');
    }
    const signIn = await this.#take(found.id, 'ticket');
    if (!signIn) return page(400, texts, 'unknown');
    return sendOn(authorizationUrl(signIn), bindBrowser(signIn.id, signIn.pending));
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
    // Still open for the browser it belongs to. A door in front of the editor whose cookies are SameSite=Strict (Home
    // Assistant's ingress), another browser or a lost cookie: the person can still paste the address.
    if (!isBoundBrowser(signIn.id, pending, cookies)) {
      return page(400, texts, 'paste', addressToPaste(pending.redirectUri, parameters));
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
   * @throws {OAuth2Error} `DECLINED` when the text is of no use; the sign-in still waits
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

  /** One use of the state, whatever comes of it. Undefined where another request has taken it. */
  async #finish(found: WaitingForCode, parameters: URLSearchParams): Promise<SignInOutcome | undefined> {
    const signIn = await this.#take(found.id, 'state');
    if (!signIn) return undefined;
    await this.#signIns.settle(signIn, () => this.#exchange(signIn, parameters));
    return this.#signIns.outcome(signIn);
  }

  async #exchange({ config, pending, route }: WaitingForCode, parameters: URLSearchParams): Promise<Tokens> {
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

  async #byState(parameters: URLSearchParams): Promise<WaitingForCode | undefined> {
    const state = parameters.get('state');
    const signIn = await this.#find(state);
    return signIn && proves(signIn.pending.state, state) ? signIn : undefined;
  }

  async #find(text: unknown): Promise<WaitingForCode | undefined> {
    if (typeof text !== 'string') return undefined;
    const signIn = await this.#signIns.waiting(idIn(text));
    return signIn && isWaitingForCode(signIn) ? signIn : undefined;
  }

  async #take(id: string, what: 'ticket' | 'state'): Promise<WaitingForCode | undefined> {
    const signIn = await this.#signIns.store.take(id, what);
    return signIn && isWaitingForCode(signIn) ? signIn : undefined;
  }
}

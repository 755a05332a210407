import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import type { ModuleOptions } from 'simple-oauth2';
import { readAnswer, type TokenAnswer } from './answer';
import { type Identification, identifyInForm } from './client-authentication';
import type { AccountConfig } from './config';
import { type Endpoints, movedFrom } from './endpoints';
import { failed, isRecord, OAuth2Error, retryAfter } from './errors';
import { type AgentFor, certificateIssuer, MAX_BYTES, TIMEOUT_MS } from './http';
import { judgedBy, refused, type Step } from './refusals';

/** A request to the token endpoint. */
export interface TokenRequest {
  config: AccountConfig;
  endpoints: Endpoints;
  step: Step;
  /** `grant_type` and what belongs to it. The client's own identification is added. */
  parameters: { grant_type: string } & Record<string, string | undefined>;
  /** How the client identifies itself. */
  identification: Identification;
  /** The one of this sign-in, for the sentence about one that is not registered. */
  redirectUri?: string;
  agent?: AgentFor | undefined;
  now: () => number;
  /** Milliseconds; for tests. */
  timeoutMs?: number | undefined;
}

/**
 * Asks the token endpoint for tokens. The one place where simple-oauth2 is used: it sends the request and reads the
 * JSON, and what it would get wrong is kept from it.
 *
 * - `ClientCredentials.getToken` sends every grant, since `grant_type` may be overridden there; its own refresh loses
 *   the refresh token when the answer leaves it out, and its expiry knows no answer without `expires_in`.
 * - The whole address is given as the path: from `tokenHost` it would drop the path, and a path that begins with two
 *   slashes it would take for another host.
 * - It copies its options in depth, agents included; the agent is passed as a function, which is not copied.
 * - Its errors and its debug output hold the client secret; neither leaves this module.
 *
 * @throws {OAuth2Error}
 */
export async function requestTokens(request: TokenRequest): Promise<TokenAnswer> {
  const { config, endpoints, step, identification, agent, now, timeoutMs = TIMEOUT_MS } = request;
  const { ClientCredentials, debug } = loaded ?? (await load());
  const { token: url } = endpoints;
  const facts = { provider: config.provider, host: url.host };
  const parameters = defined({ ...request.parameters, ...identification.parameters });
  const secrets = [
    ...secretParameters(parameters),
    identification.second[1],
    identifyInForm(identification).headers.authorization?.replace('Basic ', ''),
  ];

  const judged = { step, ...judgedBy(config, secrets), host: url.host, redirectUri: request.redirectUri };

  // The library gives the answer's beginning and its rest a deadline each; this one is for all of it.
  let late = false;
  let outgoing: http.ClientRequest | undefined;
  const chosen = agent?.(url) ?? new (url.protocol === 'https:' ? https : http).Agent();
  const timer = setTimeout(() => {
    late = true;
    outgoing?.destroy();
  }, timeoutMs);
  let answered: http.IncomingMessage | undefined;
  const door = uncopied(chosen, (request) => {
    outgoing = request;
    request.once('response', (response) => {
      answered = response;
    });
  });

  let answer: unknown;
  try {
    const client = new ClientCredentials(options(url, identification, door, timeoutMs));
    const sent = quietly(debug, () => client.getToken(parameters));
    answer = (await sent).token;
  } catch (cause) {
    answer = unusual(cause, answered);
    if (answer === undefined) {
      const error = errorOf(cause);
      const detail =
        error.reason === 'certificate-inspected' && !agent?.(url) ? await certificateIssuer(url) : undefined;
      throw detail ? error.with({ detail }) : error;
    }
  } finally {
    clearTimeout(timer);
  }
  const status = answered?.statusCode ?? 0;
  if (status >= 300 && status < 400) throw movedFrom(url, answered?.headers.location, facts);
  // Some servers say no with status 200.
  if (isRecord(answer) && answer.error !== undefined && answer.access_token === undefined) {
    throw refused({ ...judged, answer });
  }
  return readAnswer(answer, now(), facts);

  function errorOf(cause: unknown): OAuth2Error {
    const { data, output, name } = isRecord(cause) ? cause : {};
    // Joi, before anything was sent: the client's id or secret holds what RFC 6749 appendix A does not allow.
    if (name === 'ValidationError') return new OAuth2Error('CONFIG', 'secret-malformed', { facts });
    const response =
      isRecord(data) && isRecord(data.res) ? (data.res as unknown as http.IncomingMessage) : undefined;
    // Past its deadline the library leaves the answer's connection open.
    response?.destroy();
    const status = response?.statusCode ?? answered?.statusCode;
    if (status !== undefined && status >= 300 && status < 400)
      return movedFrom(url, answered?.headers.location, facts);
    const retryAfterMs = retryAfter(answered?.headers['retry-after'], now());
    const said = isRecord(data) && (Buffer.isBuffer(data.payload) ? readLoosely(data.payload) : data.payload);
    if (status !== undefined && status >= 400 && isRecord(said)) {
      return refused({
        ...judged,
        status,
        answer: said,
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      });
    }
    const seen = {
      facts: { ...facts, ...(status && { status }) },
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
    if (status === 429 || status === 408) return new OAuth2Error('TEMPORARY', 'server-busy', seen);
    if (status !== undefined && status >= 500) return new OAuth2Error('TEMPORARY', 'server-error', seen);
    const code = isRecord(output) ? output.statusCode : undefined;
    if (late || (response ? code === 408 : code === 504))
      return new OAuth2Error('TEMPORARY', 'timeout', seen);
    if (response && /closed prematurely/.test(String((cause as Error).message))) {
      // The library says the same whether the server broke off or it did so itself, having read enough.
      const enough = response.socket?.bytesRead > MAX_BYTES;
      return new OAuth2Error('TEMPORARY', enough ? 'too-large' : 'unreachable', seen);
    }
    // An answer that came, but was no JSON, or JSON that is no object.
    const arrived = isRecord(cause) && cause.isBoom !== true && cause.code === undefined;
    if (response || arrived) return new OAuth2Error('TEMPORARY', 'not-json', seen);
    return failed(data instanceof Error ? data : cause, facts);
  }
}

/** The body of an answer that is no plain JSON: with a byte order mark, or form-encoded (older GitHub, Facebook, Slack). */
function unusual(cause: unknown, response: http.IncomingMessage | undefined): unknown {
  const data = isRecord(cause) && isRecord(cause.data) ? cause.data : {};
  const isSuccess = response?.statusCode !== undefined && response.statusCode < 300;
  return isSuccess && Buffer.isBuffer(data.payload) ? readLoosely(data.payload) : undefined;
}

function readLoosely(body: Buffer): Record<string, unknown> | undefined {
  const text = body
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trim();
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    if (!/^(\w+=[^\s&<>]*)(&\w+=[^\s&<>]*)*$/.test(text)) return undefined;
    const fields = Object.fromEntries(new URLSearchParams(text));
    return 'access_token' in fields || 'error' in fields || 'id_token' in fields ? fields : undefined;
  }
}

function options(url: URL, identification: Identification, agent: unknown, timeout: number): ModuleOptions {
  const { first, second } = identification;
  return {
    client: {
      id: first[1],
      idParamName: first[0] as 'client_id',
      secret: second[1],
      secretParamName: second[0],
    },
    auth: { tokenHost: url.origin, tokenPath: url.href },
    options: { authorizationMethod: identification.in },
    http: {
      timeout,
      maxBytes: MAX_BYTES,
      json: 'force',
      redirects: false,
      agent,
    },
  };
}

/**
 * The agent behind a function: Node asks an agent only for its methods, and functions are not copied. Tells the request
 * it is asked to carry.
 */
function uncopied(agent: http.Agent, onRequest: (request: http.ClientRequest) => void): unknown {
  return new Proxy(() => {}, {
    get(_target, key) {
      const value = Reflect.get(agent, key, agent);
      if (typeof value !== 'function') return value;
      if (key !== 'addRequest') return value.bind(agent);
      return (request: http.ClientRequest, ...rest: unknown[]) => {
        onRequest(request);
        return value.call(agent, request, ...rest);
      };
    },
  });
}

interface Library {
  ClientCredentials: typeof import('simple-oauth2').ClientCredentials;
  /** The debug module that simple-oauth2 itself uses. */
  debug: Debug;
}
type Debug = { log: (...args: unknown[]) => void };

let loaded: Library | undefined;

/** What simple-oauth2 is made of; what is missing here, or there by another name, is loaded with the rest. */
const PIECES = ['debug', '@hapi/hoek', '@hapi/wreck', 'joi'];

/**
 * simple-oauth2 takes some 50 ms to load: the first sign-in or renewal pays for it, not the start of Node-RED; and
 * piece by piece, so that no other flow stands still for as long.
 */
async function load(): Promise<Library> {
  const requireFrom = createRequire(require.resolve('simple-oauth2'));
  for (const piece of PIECES) {
    try {
      requireFrom(piece);
    } catch {}
    await new Promise(setImmediate);
  }
  const { ClientCredentials } = require('simple-oauth2') as typeof import('simple-oauth2');
  loaded ??= { ClientCredentials, debug: requireFrom('debug') as Debug };
  return loaded;
}

/**
 * Begins a request while nothing is printed: DEBUG=simple-oauth2* (or *) would show the client secret. The library
 * prints only before its first await, so this is over before anybody else's turn.
 */
function quietly<T>(debug: Debug, begin: () => Promise<T>): Promise<T> {
  const { log } = debug;
  debug.log = () => {};
  try {
    return begin();
  } finally {
    debug.log = log;
  }
}

function defined(parameters: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).filter((entry): entry is [string, string] => !!entry[1]),
  );
}

/** What a server might repeat in its words of what it was sent. */
function secretParameters(parameters: Record<string, string>): string[] {
  return ['code', 'code_verifier', 'refresh_token', 'device_code', 'assertion', 'client_assertion'].flatMap(
    (name) => parameters[name] ?? [],
  );
}

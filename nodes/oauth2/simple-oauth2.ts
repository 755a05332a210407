import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import type { ModuleOptions } from 'simple-oauth2';
import type { Identification } from './client-authentication';
import { isRecord } from './errors';
import { type AgentFor, MAX_BYTES } from './http';

export interface LibraryRequest {
  url: URL;
  identification: Identification;
  parameters: Record<string, string>;
  agent: AgentFor | undefined;
  /** Milliseconds, for the whole answer. */
  timeoutMs: number;
}

/** What came of a request: an answer with a status of success, or what the library made of anything else. */
export interface LibraryReply {
  answer?: unknown;
  /** The answer's status and headers, as soon as one had begun to come. */
  response: http.IncomingMessage | undefined;
  failure?: LibraryFailure;
}

export interface LibraryFailure {
  cause: unknown;
  /** Nothing was sent: the client's ID or secret holds what RFC 6749 appendix A does not allow. */
  unsent: boolean;
  /** The body: parsed where it was JSON. */
  payload?: unknown;
  late: boolean;
  /** The answer was broken off because it was longer than MAX_BYTES. */
  tooLarge: boolean;
  /** The connection ended inside the answer. */
  brokenOff: boolean;
  /** An answer came, whatever it was. */
  arrived: boolean;
}

/**
 * Sends one request to the token endpoint. The one place where simple-oauth2 is used: it sends the request and reads the
 * JSON, and what it would get wrong is kept from it.
 *
 * - `ClientCredentials.getToken` sends every grant, since `grant_type` may be overridden there; its own refresh loses
 *   the refresh token when the answer leaves it out, and its expiry knows no answer without `expires_in`.
 * - The whole address is given as the path: from `tokenHost` it would drop the path, and a path that begins with two
 *   slashes it would take for another host.
 * - It copies its options in depth, agents included; the agent is passed as a function, which is not copied.
 * - It gives the answer's beginning and its rest a deadline each; the one here is for all of it.
 * - Its errors and its debug output hold the client secret; the cause given out here goes no further than `failed`,
 *   which takes from it name, code and a redacted message.
 *
 * Never rejects for what happens to the request.
 */
export async function sendByLibrary(request: LibraryRequest): Promise<LibraryReply> {
  const { url, identification, parameters, agent, timeoutMs } = request;
  const { ClientCredentials, debug } = loaded ?? (await load());
  let late = false;
  let outgoing: http.ClientRequest | undefined;
  let response: http.IncomingMessage | undefined;
  const chosen = agent?.(url) ?? new (url.protocol === 'https:' ? https : http).Agent();
  const timer = setTimeout(() => {
    late = true;
    outgoing?.destroy();
  }, timeoutMs);
  const door = uncopied(chosen, (request) => {
    outgoing = request;
    request.once('response', (answered) => {
      response = answered;
    });
  });
  try {
    const client = new ClientCredentials(options(url, identification, door, timeoutMs));
    const sent = quietly(debug, () => client.getToken(parameters));
    return { answer: (await sent).token, response };
  } catch (cause) {
    return { response, failure: failureOf(cause, late) };
  } finally {
    clearTimeout(timer);
  }
}

/** What the library's error (Boom's, Joi's or Node's) says happened. */
function failureOf(cause: unknown, late: boolean): LibraryFailure {
  const { data, output, name, isBoom, code } = isRecord(cause) ? cause : {};
  const response =
    isRecord(data) && isRecord(data.res) ? (data.res as unknown as http.IncomingMessage) : undefined;
  // Past its deadline the library leaves the answer's connection open.
  response?.destroy();
  const status = isRecord(output) ? output.statusCode : undefined;
  const broken = response !== undefined && /closed prematurely/.test(String((cause as Error).message));
  // The library says the same whether the server broke off or it did so itself, having read enough.
  const tooLarge = broken && response.socket?.bytesRead > MAX_BYTES;
  return {
    cause: data instanceof Error ? data : cause,
    unsent: name === 'ValidationError',
    payload: isRecord(data) ? data.payload : undefined,
    late: late || (response ? status === 408 : status === 504),
    tooLarge,
    brokenOff: broken && !tooLarge,
    arrived: response !== undefined || (isRecord(cause) && isBoom !== true && code === undefined),
  };
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

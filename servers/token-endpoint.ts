import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { Agent } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';

/** What the token endpoint says next. */
export interface ScriptedAnswer {
  /** Default 200. */
  status?: number;
  /** An object is sent as JSON, a string as it is. */
  body?: unknown;
  headers?: Record<string, string>;
  /** The answer is sent only after this promise has settled. */
  after?: Promise<unknown>;
  /** Instead of an answer: the connection is cut, nothing ever comes, or the body never ends. */
  instead?: 'hang-up' | 'silence' | 'trickle' | 'flood';
}

/** A request as it came in. */
export interface ScriptedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  form: URLSearchParams;
}

export interface TokenEndpoint {
  /** `http://127.0.0.1:<port>/token` */
  url: string;
  port: number;
  requests: ScriptedRequest[];
  /** Queues answers; the last one is repeated for as long as requests come. */
  answer(...answers: ScriptedAnswer[]): void;
  /** Settles when the next request has come in whole, before it is answered. */
  nextRequest(): Promise<ScriptedRequest>;
  /**
   * For `https` addresses of the world, such as Google's: whatever is sent through this agent arrives here instead,
   * in the clear, with the headers meant for the real one.
   */
  agent: Agent;
  /** How many connections are open. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** A token endpoint that says what it is told to: the words and faults of servers that cannot be had for a test. */
export async function startTokenEndpoint(...first: ScriptedAnswer[]): Promise<TokenEndpoint> {
  const script = [...first];
  const requests: ScriptedRequest[] = [];
  const waiting = new Set<(request: ScriptedRequest) => void>();

  const server = createServer(async (incoming, response) => {
    response.on('error', () => {});
    const body = await text(incoming).catch(() => undefined);
    if (body === undefined) return;
    const request: ScriptedRequest = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body,
      form: new URLSearchParams(body),
    };
    requests.push(request);
    for (const tell of [...waiting]) tell(request);
    waiting.clear();
    const answer = (script.length > 1 ? script.shift() : script[0]) ?? { status: 500 };
    await answer.after;
    play(response, answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}/token`,
    port,
    requests,
    answer: (...answers) => void script.splice(0, script.length, ...answers),
    nextRequest: () => new Promise((resolve) => waiting.add(resolve)),
    agent: new Detour(port),
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The kind of agent a proxy has: state in private fields, so that it works as itself or not at all. */
class Detour extends Agent {
  readonly #port: number;
  constructor(port: number) {
    super();
    this.#port = port;
  }
  override createConnection(): Duplex {
    return connect(this.#port, '127.0.0.1');
  }
}

function play(
  response: ServerResponse,
  { status = 200, body = '', headers = {}, instead }: ScriptedAnswer,
): void {
  if (instead === 'hang-up') {
    response.destroy();
    return;
  }
  if (instead === 'silence') return;
  const json = typeof body !== 'string';
  response.writeHead(status, { 'content-type': json ? 'application/json' : 'text/html', ...headers });
  if (instead === 'trickle') {
    response.write('{"access_token":');
    return;
  }
  if (instead === 'flood') {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20)));
    };
    response.on('drain', more);
    more();
    return;
  }
  response.end(json ? JSON.stringify(body) : body);
}

/** An answer that gives tokens. */
export function tokens(changes: Record<string, unknown> = {}): ScriptedAnswer {
  return { body: { access_token: 'access', token_type: 'Bearer', expires_in: 3600, ...changes } };
}

/** Google's own words. */
export const google = {
  revoked: no('invalid_grant', 'Token has been expired or revoked.'),
  badRequest: no('invalid_grant', 'Bad Request'),
  secretWrong: no('invalid_client', 'The provided client secret is invalid.', 401),
  secretMissing: no('invalid_request', 'client_secret is missing.'),
  clientUnknown: no('invalid_client', 'The OAuth client was not found.', 401),
  clientDeleted: no('deleted_client', 'The OAuth client was deleted.', 401),
  redirectUri: no('redirect_uri_mismatch', 'Bad Request'),
  scope: no('invalid_scope', 'Some requested scopes were invalid.'),
  busy: no('rate_limit_exceeded', 'Rate Limit Exceeded', 403),
  internal: no('internal_failure', 'Backend Error', 500),
  adminPolicy: no('admin_policy_enforced', 'Access is restricted by your administrator.'),
  delegation: no(
    'unauthorized_client',
    'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.',
    401,
  ),
  clock: no(
    'invalid_grant',
    'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
  ),
  signature: no('invalid_grant', 'Invalid JWT Signature.'),
  user: no('invalid_grant', 'Invalid email or User ID'),
};

/** Microsoft's own words: error, number, and the details after it. */
export function microsoft(
  error: string,
  number: number,
  says = 'Something went wrong.',
  status = 400,
): ScriptedAnswer {
  const trace = '5f7a2f6e-0c5f-4b7e-9c37-1d0f3c5a2b00';
  return {
    status,
    body: {
      error,
      error_description: `AADSTS${number}: ${says} Trace ID: ${trace} Correlation ID: ${trace} Timestamp: 2026-01-01 00:00:00Z`,
      error_codes: [number],
      timestamp: '2026-01-01 00:00:00Z',
      trace_id: trace,
      correlation_id: trace,
      error_uri: `https://login.microsoftonline.com/error?code=${number}`,
    },
  };
}

function no(error: string, description: string, status = 400): ScriptedAnswer {
  return { status, body: { error, error_description: description } };
}

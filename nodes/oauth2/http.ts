import http from 'node:http';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { isRecord, OAuth2Error, type OAuth2Facts } from './errors';
import { failed } from './failed-connection';
import { redact } from './redact';

/**
 * Chooses the connection for an address: a private certificate authority, a client certificate, a proxy. One that
 * cannot get through its proxy fails with the code `EPROXY`, and `proxy` names it.
 */
export type AgentFor = (url: URL) => http.Agent | undefined;

/** The longest any one exchange with a sign-in server may take, in milliseconds. */
export const TIMEOUT_MS = 15_000;

/** The largest answer that is read, in bytes. */
export const MAX_BYTES = 262_144;

/** Pieces of an answer, and interim answers before it (RFC 9110 section 15.2): each costs as much as a kilobyte. */
const MAX_PIECES = 10_000;
const MAX_INTERIM = 10;

/** Levels of a JSON document; real ones have fewer than ten. */
const MAX_DEPTH = 100;

export interface HttpRequest {
  /** Sent as a form by POST; without it and `body` the request is a GET. */
  form?: Record<string, string>;
  /** Sent as JSON by POST. */
  body?: object;
  headers?: Record<string, string>;
  agent?: AgentFor | undefined;
  signal?: AbortSignal | undefined;
  /** Milliseconds for the whole exchange; for tests. */
  timeoutMs?: number | undefined;
  /** The largest answer that is read, in bytes. */
  maxBytes?: number;
}

export interface HttpResponse {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  /** The text, parsed; undefined where it is no JSON. */
  json: unknown;
}

/**
 * One exchange over HTTP, for the small requests beside the token endpoint. Redirects are answers like any other and
 * are not followed. Fails with the system's error, code `ETIMEDOUT` after 15 s and `EMSGSIZE` beyond `maxBytes`.
 */
export function exchange(url: URL, request: HttpRequest = {}): Promise<HttpResponse> {
  const { form, headers, agent, signal, timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES } = request;
  const body = form ? new URLSearchParams(form).toString() : request.body && JSON.stringify(request.body);
  return new Promise((resolve, reject) => {
    const outgoing = (url.protocol === 'https:' ? https : http).request(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...(body !== undefined && {
          'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
        ...headers,
      },
      // A connection of its own: nothing is kept open towards a server that is asked once a day.
      agent: agent?.(url) ?? false,
      ...(signal && { signal }),
    });
    const timer = setTimeout(() => outgoing.destroy(fault('ETIMEDOUT')), timeoutMs);
    outgoing.once('close', () => clearTimeout(timer));
    outgoing.once('error', reject);
    let interim = 0;
    outgoing.on('information', () => {
      if (++interim > MAX_INTERIM) outgoing.destroy(fault('EMSGSIZE'));
    });
    outgoing.once('response', (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxBytes || chunks.length >= MAX_PIECES) outgoing.destroy(fault('EMSGSIZE'));
        else chunks.push(chunk);
      });
      incoming.once('error', reject);
      incoming.once('close', () => {
        if (!incoming.complete)
          return reject(fault(incoming.errored ? codeOf(incoming.errored) : 'ECONNRESET'));
        const text = Buffer.concat(chunks).toString('utf8');
        const { statusCode: status = 0, headers } = incoming;
        resolve({ status, headers, text, json: parse(text) });
      });
    });
    outgoing.end(body);
  });
}

/** Milliseconds reading a certificate may take. */
const LOOK_MS = 5_000;

/** The error of a request that got no answer; it names who issued a certificate that was made on the way. */
export async function noAnswer(
  cause: unknown,
  facts: OAuth2Facts,
  url: URL,
  agent: AgentFor | undefined,
): Promise<OAuth2Error> {
  const error = failed(cause, facts);
  if (error.reason !== 'certificate-inspected') return error;
  const detail = await certificateIssuer(url, agent);
  return detail
    ? error.with({ detail })
    : new OAuth2Error('TLS', 'certificate-inspected-unseen', { facts: error.facts, cause });
}

/**
 * Who issued the certificate a server shows: Node's own error does not tell. A request that is never ended sends
 * nothing. Undefined where that cannot be seen.
 */
function certificateIssuer(url: URL, agent: AgentFor | undefined): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = https.request(url, { agent: agent?.(url) ?? false, rejectUnauthorized: false });
    const timer = setTimeout(() => request.destroy(), LOOK_MS);
    request.once('socket', (socket) =>
      socket.once('secureConnect', () => {
        const { O, CN } = (socket as TLSSocket).getPeerCertificate().issuer ?? {};
        const name = [O ?? CN].flat()[0];
        resolve(name === undefined ? undefined : redact(name).slice(0, 100));
        request.destroy();
      }),
    );
    request.on('error', () => resolve(undefined));
    request.once('close', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}

/** The fields of a body that may be JSON, with a byte order mark or without, or a form (older GitHub, Facebook, Slack). */
export function readFields(body: Buffer | string): Record<string, unknown> | undefined {
  const text = body
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trim();
  const value = parse(text);
  if (value !== undefined) return isRecord(value) ? value : undefined;
  if (!/^(\w+=[^\s&<>]*)(&\w+=[^\s&<>]*)*$/.test(text)) return undefined;
  const fields = Object.fromEntries(new URLSearchParams(text));
  return ['access_token', 'error', 'id_token', 'device_code'].some((name) => name in fields)
    ? fields
    : undefined;
}

function parse(text: string): unknown {
  try {
    return isTooDeep(text) ? undefined : JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    return undefined;
  }
}

/** Character by character: an expression for a string would read a text of escaped quotes again from each of them. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') inString = !inString;
    else if (inString) at += character === '\\' ? 1 : 0;
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth -= 1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? 'ECONNRESET';
}

function fault(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

import { readAnswer, type TokenAnswer } from './answer';
import { type Identification, identifyInForm } from './client-authentication';
import type { AccountConfig } from './config';
import type { Endpoints } from './endpoints';
import { isRecord, OAuth2Error, type OAuth2ErrorOptions, retryAfter } from './errors';
import { type AgentFor, noAnswer, readFields, TIMEOUT_MS } from './http';
import { isRedirect, movedFrom } from './moved';
import type { Step } from './refusal-table';
import { judgedBy, refused } from './refusals';
import { type LibraryFailure, sendByLibrary } from './simple-oauth2';

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

/** Asks the token endpoint for tokens. @throws {OAuth2Error} */
export async function requestTokens(request: TokenRequest): Promise<TokenAnswer> {
  const { config, endpoints, step, identification, agent, now, timeoutMs = TIMEOUT_MS } = request;
  const { token: url } = endpoints;
  const facts = { provider: config.provider, host: url.host };
  const parameters = defined({ ...request.parameters, ...identification.parameters });
  const secrets = [
    ...secretParameters(parameters),
    // A public client has its ID in this place, which is none.
    identification.second[0] === 'client_id' ? undefined : identification.second[1],
    identifyInForm(identification).headers.authorization?.replace('Basic ', ''),
  ];
  const judged = { step, ...judgedBy(config, secrets), host: url.host, redirectUri: request.redirectUri };

  const { failure, response, ...sent } = await sendByLibrary({
    url,
    identification,
    parameters,
    agent,
    timeoutMs,
  });
  const status = response?.statusCode ?? 0;
  const answer = failure ? readLoosely(status, failure.payload) : sent.answer;
  if (isRedirect(status)) {
    const redirect = { url, status, headers: response?.headers ?? {} };
    throw movedFrom(redirect, config.provider, endpoints.issuer !== undefined);
  }
  if (failure && answer === undefined) {
    const retryAfterMs = retryAfter(response?.headers['retry-after'], now());
    const told = { ...(retryAfterMs !== undefined && { retryAfterMs }) };
    const said = Buffer.isBuffer(failure.payload) ? readFields(failure.payload) : failure.payload;
    if (status >= 400 && !failure.unsent && isRecord(said))
      throw refused({ ...judged, status, answer: said, ...told });
    throw (
      failedRequest(failure, status, { facts, ...told }) ?? (await noAnswer(failure.cause, facts, url, agent))
    );
  }
  // Some servers say no with status 200.
  if (isRecord(answer) && answer.access_token === undefined && answer.id_token === undefined) {
    const refusal = refused({ ...judged, answer });
    if (refusal.reason !== 'answer-malformed') throw refusal;
  }
  return readAnswer(answer, now(), facts);
}

/** An answer that says nothing, or that did not come whole; undefined where there was none. */
function failedRequest(
  failure: LibraryFailure,
  status: number,
  told: OAuth2ErrorOptions,
): OAuth2Error | undefined {
  const { unsent, late, tooLarge, brokenOff, arrived } = failure;
  if (unsent) return new OAuth2Error('CONFIG', 'secret-malformed', told);
  const seen = { ...told, facts: { ...told.facts, ...(status && { status }) } };
  if (status === 429 || status === 408) return new OAuth2Error('TEMPORARY', 'server-busy', seen);
  // 511: a network that asks for a login of its own first (RFC 6585 section 6).
  if (status >= 500 && status !== 511) return new OAuth2Error('TEMPORARY', 'server-error', seen);
  if (late) return new OAuth2Error('TEMPORARY', 'timeout', seen);
  if (tooLarge) return new OAuth2Error('TEMPORARY', 'too-large', seen);
  if (brokenOff) return new OAuth2Error('TEMPORARY', 'unreachable', seen);
  // An answer that came, but was no JSON, or JSON that is no object.
  if (arrived) return new OAuth2Error('TEMPORARY', 'not-json', seen);
  return undefined;
}

/** A successful answer that is no plain JSON: with a byte order mark, or form-encoded (older GitHub, Facebook, Slack). */
function readLoosely(status: number, payload: unknown): Record<string, unknown> | undefined {
  return status < 300 && Buffer.isBuffer(payload) ? readFields(payload) : undefined;
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

import type { AccountConfig } from './config';
import { resolveEndpoints, scopeOf } from './endpoints';
import { isRecord, OAuth2Error } from './errors';
import { type AgentFor, exchange, noAnswer } from './http';
import { isRedirect, movedFrom } from './moved';
import { redact } from './redact';
import { checkRedirectUri } from './redirect-uri';

export interface RegistrationRequest {
  config: AccountConfig;
  /** Exactly as it will be used. */
  redirectUri: string;
  agent?: AgentFor | undefined;
  /** Milliseconds; for tests. */
  timeoutMs?: number | undefined;
}

/**
 * Has this application registered as a public client (RFC 7591 section 3.1), where the sign-in server lets anybody do so,
 * as servers for mail are meant to (draft-ietf-mailmaint-oauth-public). A client secret is neither asked for nor taken.
 * @returns the client id; undefined where the server offers no registration
 * @throws {OAuth2Error}
 */
export async function registerClient(request: RegistrationRequest): Promise<string | undefined> {
  const { config, redirectUri, agent, timeoutMs } = request;
  const { provider } = config;
  const redirect = checkRedirectUri(config, redirectUri);
  const endpoints = await resolveEndpoints(config, { agent, timeoutMs });
  const url = endpoints.registration;
  if (!url) return undefined;
  const scope = scopeOf(config);
  const answer = await exchange(url, {
    agent,
    timeoutMs,
    body: {
      client_name: 'Node-RED',
      redirect_uris: [redirectUri],
      // OpenID Connect Dynamic Client Registration section 2: loopback is for native applications, https for web ones.
      application_type: redirect.protocol === 'https:' ? 'web' : 'native',
      token_endpoint_auth_method: 'none',
      response_types: ['code'],
      grant_types: [
        'authorization_code',
        'refresh_token',
        ...(endpoints.device ? ['urn:ietf:params:oauth:grant-type:device_code'] : []),
      ],
      ...(scope && { scope }),
    },
  }).catch(async (cause) => {
    throw await noAnswer(cause, { provider, host: url.host }, url, agent);
  });
  if (isRedirect(answer.status)) throw movedFrom({ url, ...answer }, provider, true);
  const told = isRecord(answer.json) ? answer.json : {};
  const { client_id: id, error, error_description: description, token_endpoint_auth_method: proof } = told;
  const fits = typeof id === 'string' && /^[\x20-\x7e]{1,512}$/.test(id);
  // One that has to prove itself by a secret is of no use: the secret could not be kept from the browser.
  if (fits && [200, 201].includes(answer.status) && (proof === undefined || proof === 'none')) return id;
  const words = [error, description].filter((text) => typeof text === 'string').join(': ');
  const busy = answer.status >= 500 || answer.status === 429;
  throw new OAuth2Error(busy ? 'TEMPORARY' : 'CONFIG', busy ? 'server-error' : 'registration-refused', {
    facts: {
      provider,
      host: url.host,
      status: answer.status,
      description: redact(words || `HTTP ${answer.status}`),
    },
  });
}

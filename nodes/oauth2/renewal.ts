import type { TokenAnswer } from './answer';
import { readCredential, signAssertion } from './assertion';
import { identify } from './client-authentication';
import { type AccountConfig, type Grant, isMicrosoft } from './config';
import { type Endpoints, providerOf, scopeOf } from './endpoints';
import { OAuth2Error } from './errors';
import type { AgentFor } from './http';
import { requestTokens } from './token-request';

export interface RenewalContext {
  config: AccountConfig;
  endpoints: Endpoints;
  agent?: AgentFor | undefined;
  now: () => number;
  timeoutMs?: number | undefined;
}

/** Gets a new access token. `refreshToken` is the newest one, where there is one. */
type Renewal = (context: RenewalContext, refreshToken: string | undefined) => Promise<TokenAnswer>;

/** How each grant comes by its next access token. */
export const renewals: Record<Grant, Renewal> = {
  authorization_code: refresh,
  device_code: refresh,
  refresh_token: refresh,
  client_credentials: clientCredentials,
  service_account: serviceAccount,
};

/** Whether an account of this grant has tokens of its own to keep, or asks again whenever it needs one. */
export function keepsTokens(grant: Grant): boolean {
  return grant !== 'client_credentials' && grant !== 'service_account';
}

/** RFC 6749 section 6. */
async function refresh(context: RenewalContext, refreshToken: string | undefined): Promise<TokenAnswer> {
  const { config, endpoints, now } = context;
  const facts = { provider: config.provider };
  if (!refreshToken) {
    if (config.grant === 'refresh_token') throw new OAuth2Error('CONFIG', 'refresh-token-missing', { facts });
    throw new OAuth2Error('SIGN_IN_AGAIN', 'no-refresh-token', { facts });
  }
  const ask = (scope: string | undefined): Promise<TokenAnswer> =>
    requestTokens({
      ...context,
      step: 'refresh',
      identification: identify(config, endpoints, now()),
      parameters: { grant_type: 'refresh_token', refresh_token: refreshToken, scope },
    });
  // Entra gives a token for the wrong resource without it; elsewhere leaving it out means "as before".
  if (providerOf(config).quirks.refreshSendsScope) return ask(scopeOf(config));
  try {
    return await ask(undefined);
  } catch (error) {
    // Some servers of one's own require it and say so; a request refused for its form has used no token up.
    const scope = config.provider === 'custom' ? scopeOf(config) : undefined;
    if (scope === undefined || !(error instanceof OAuth2Error && wantsScope(error))) throw error;
    return ask(scope);
  }
}

const wantsScope = (error: OAuth2Error): boolean =>
  error.says('invalid_scope') ||
  (error.says('invalid_request') && /scope/i.test(error.facts.description ?? ''));

/** RFC 6749 section 4.4: the application itself, by secret or by a key of its own. */
async function clientCredentials(context: RenewalContext): Promise<TokenAnswer> {
  const { config, endpoints, now } = context;
  // An application belongs to one tenant, and has no account in "all of them".
  const tenant = config.tenant?.trim() || providerOf(config).tenant;
  if (isMicrosoft(config.provider) && /^(common|organizations|consumers)$/i.test(tenant ?? '')) {
    throw new OAuth2Error('CONFIG', 'tenant-needed', { facts: { provider: config.provider } });
  }
  return requestTokens({
    ...context,
    step: 'client',
    identification: identify(config, endpoints, now()),
    parameters: { grant_type: 'client_credentials', scope: scopeOf(config) },
  });
}

/**
 * RFC 7523 section 2.1: a service account's own assertion that it acts for the mailbox `user`, as Google's domain-wide
 * delegation has it. At Google no other client takes part, so the assertion is all that is sent.
 */
async function serviceAccount(context: RenewalContext): Promise<TokenAnswer> {
  const { config, endpoints, now } = context;
  const facts = { provider: config.provider };
  const credential = readCredential(config);
  const iss = credential.email ?? config.clientId?.trim();
  if (!iss) throw new OAuth2Error('CONFIG', 'client-id-missing', { facts });
  const sub = config.user?.trim();
  if (!sub) throw new OAuth2Error('CONFIG', 'user-missing', { facts });
  const scope = scopeOf(config);
  const claims = { iss, sub, aud: endpoints.token.href, ...(scope && { scope }) };
  const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  return requestTokens({
    ...context,
    step: 'client',
    identification: {
      in: 'body',
      first: ['grant_type', grantType],
      second: ['assertion', signAssertion(credential, claims, now())],
    },
    parameters: {
      grant_type: grantType,
      ...(config.provider === 'custom' && {
        client_id: config.clientId?.trim(),
        client_secret: config.clientSecret,
      }),
    },
  });
}

import type { TokenAnswer } from './answer';
import { requestTokens } from './client';
import type { AccountConfig, Grant } from './config';
import { type Endpoints, providerOf, scopeOf } from './endpoints';
import { OAuth2Error } from './errors';
import type { AgentFor } from './http';
import { identify } from './identification';

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
  client_credentials: unsupported,
  service_account: unsupported,
};

/** Whether an account of this grant has tokens of its own to keep, or asks anew whenever it needs one. */
export function keepsTokens(grant: Grant): boolean {
  return grant !== 'client_credentials' && grant !== 'service_account';
}

/** RFC 6749 section 6. */
async function refresh(context: RenewalContext, refreshToken: string | undefined): Promise<TokenAnswer> {
  const { config } = context;
  if (!refreshToken) {
    throw new OAuth2Error('SIGN_IN_AGAIN', 'no-refresh-token', { facts: { provider: config.provider } });
  }
  return requestTokens({
    ...context,
    step: 'refresh',
    identification: identify(config),
    parameters: {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      // Entra gives a token for the wrong resource without it; elsewhere leaving it out means "as before".
      scope: providerOf(config).quirks.refreshSendsScope && scopeOf(config),
    },
  });
}

async function unsupported({ config }: RenewalContext): Promise<TokenAnswer> {
  throw new OAuth2Error('CONFIG', 'grant-unsupported', {
    facts: { provider: config.provider, detail: config.grant },
  });
}

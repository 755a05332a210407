import { createHash } from 'node:crypto';
import type { ClientAuth, Grant } from './grant';

export type { ClientAuth, Grant } from './grant';

/** One account as the user set it up. The names are those of the node's properties and credentials. */
export interface AccountConfig {
  /** An id of the provider table. */
  provider: string;
  grant: Grant;
  /** Microsoft: `common`, `organizations`, `consumers`, a tenant's id or domain. */
  tenant?: string;
  /** `custom`: the rest is found by discovery. */
  issuer?: string;
  authorizationUrl?: string;
  tokenUrl?: string;
  deviceUrl?: string;
  revocationUrl?: string;
  /** Space-separated; empty: the provider's. */
  scope?: string;
  clientAuth?: ClientAuth;
  /** `custom`: the authorization request's `prompt`; absent: `consent`, empty: none is sent. */
  prompt?: string;
  redirectUri?: string;
  /** The mail address. */
  user?: string;
  clientId?: string;
  clientSecret?: string;
  /** PEM, or the JSON file Google gives for a service account. */
  privateKey?: string;
  refreshToken?: string;
}

/**
 * What stored tokens and secrets are bound to: every address they would be sent to, the client they were issued to, and
 * the user they are for. Tokens of one binding must never be sent anywhere under another. Stable text, free of secrets.
 */
export function bindingOf(config: AccountConfig): string {
  const { provider, tenant, clientId, user, grant, refreshToken } = config;
  return JSON.stringify({
    ...(provider === 'custom'
      ? addressesOf(config)
      : {
          provider,
          tenant: isMicrosoft(provider) ? tenant?.trim().toLowerCase() || 'common' : undefined,
        }),
    client: clientId?.trim() ?? '',
    user: user?.trim().toLowerCase() ?? '',
    // A sign-in by code or by device gives the same tokens; a given refresh token is a beginning of its own.
    begun: grant === 'authorization_code' || grant === 'device_code' ? 'person' : grant,
    ...(grant === 'refresh_token' && refreshToken && { seed: digest(refreshToken) }),
  });
}

/** Microsoft's worldwide cloud and its national ones, which have rows of their own. */
export const isMicrosoft = (provider: string): boolean => /^microsoft(-|$)/.test(provider);

/** By discovery the issuer decides about all of them; by hand each one that gets a secret counts for itself. */
function addressesOf({
  issuer,
  tokenUrl,
  deviceUrl,
  revocationUrl,
}: AccountConfig): Record<string, string | undefined> {
  if (issuer?.trim()) return { issuer: issuer.trim() };
  return {
    token: tokenUrl?.trim(),
    device: deviceUrl?.trim() || undefined,
    revocation: revocationUrl?.trim() || undefined,
  };
}

/** Everything in the configuration that must never be seen. */
export function secretsOf(config: AccountConfig): string[] {
  return [config.clientSecret, config.privateKey, config.refreshToken].filter(
    (secret) => !!secret,
  ) as string[];
}

function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url').slice(0, 22);
}

import type { Identification } from './client';
import type { AccountConfig } from './config';
import { providerOf } from './endpoints';
import { OAuth2Error } from './errors';

/**
 * How this account's application identifies itself at the token endpoint (RFC 6749 section 2.3). A client without a
 * secret names itself and nothing else: an empty secret is refused by Entra.
 */
export function identify(config: AccountConfig): Identification {
  const facts = { provider: config.provider };
  const id = config.clientId?.trim();
  if (!id) throw new OAuth2Error('CONFIG', 'client-id-missing', { facts });
  if (config.clientAuth === 'private_key_jwt')
    throw new OAuth2Error('CONFIG', 'grant-unsupported', { facts });
  const secret = config.clientSecret;
  if (secret) {
    return {
      in: config.clientAuth === 'header' ? 'header' : 'body',
      first: ['client_id', id],
      second: ['client_secret', secret],
    };
  }
  if (providerOf(config).clientSecret === 'required')
    throw new OAuth2Error('CONFIG', 'secret-missing', { facts });
  return publicClient(id);
}

/** The id alone, by giving it as both parameters. */
export function publicClient(id: string): Identification {
  return { in: 'body', first: ['client_id', id], second: ['client_id', id] };
}

import type { Provider } from '../../oauth2/providers';

/** The key of `hint.…`: what has to be enabled with this provider, or what works there instead of OAuth. */
export function hintOf({ id, signIn, quirks }: Pick<Provider, 'id' | 'signIn' | 'quirks'>): string {
  if (signIn === 'oauth2') return id;
  return quirks.authorizationCode ? 'authorization-code' : signIn;
}

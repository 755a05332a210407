import type { AccountConfig } from './config';
import { isLoopback, plain } from './endpoints';
import { OAuth2Error } from './errors';

/** Every redirect URI ends so, whatever admin root or reverse proxy stands before it. */
export const CALLBACK_PATH = '/redletter/oauth2-account/callback';

/**
 * Checks the address the sign-in server is to send the browser back to: https or loopback, our own path, nothing
 * that would make it mean another host than it seems to. It is compared character by character by the sign-in server
 * (RFC 9700 section 4.1.3), so it is used exactly as given.
 */
export function checkRedirectUri(config: AccountConfig, redirectUri: string | undefined): URL {
  const facts = { provider: config.provider };
  if (!redirectUri) throw new OAuth2Error('CONFIG', 'redirect-uri-missing', { facts });
  const url = URL.canParse(redirectUri) ? new URL(redirectUri) : undefined;
  // Whatever the parser would repair, the sign-in server may read otherwise.
  if (!url || url.href !== redirectUri || url.username || url.password || url.search || url.hash) {
    throw new OAuth2Error('CONFIG', 'redirect-uri-malformed', { facts });
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url))) {
    throw new OAuth2Error('CONFIG', 'redirect-uri-insecure', { facts: { ...facts, uri: plain(url) } });
  }
  if (!url.pathname.endsWith(CALLBACK_PATH)) {
    throw new OAuth2Error('CONFIG', 'redirect-uri-path', {
      facts: { ...facts, uri: plain(url), detail: CALLBACK_PATH },
    });
  }
  return url;
}

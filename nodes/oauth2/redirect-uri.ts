import type { AccountConfig } from './config';
import { isLoopback } from './endpoints';
import { OAuth2Error } from './errors';
import { plain } from './moved';

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

/** Where the browser reaches the callback: the editor's own address, whatever it is. Nothing is sent there but a cookie. */
export function checkCallbackUrl(config: AccountConfig, callbackUrl: string): URL {
  const url = URL.canParse(callbackUrl) ? new URL(callbackUrl) : undefined;
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.username ||
    url.password ||
    !url.pathname.endsWith('/callback')
  ) {
    throw new OAuth2Error('CONFIG', 'redirect-uri-malformed', {
      facts: { provider: config.provider, ...(url && { uri: plain(url) }) },
    });
  }
  url.search = '';
  url.hash = '';
  return url;
}

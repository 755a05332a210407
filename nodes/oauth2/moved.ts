/** Answers that send a request elsewhere: none with a secret in it is ever sent on (S10). */
import { OAuth2Error } from './errors';

export interface Redirect {
  /** What was asked. */
  url: URL;
  status: number;
  headers: { location?: string | undefined };
}

export const isRedirect = (status: number): boolean => status >= 300 && status < 400;

/** @param discovered the address came from the issuer, and is looked up there again each time */
export function movedFrom(redirect: Redirect, provider: string, discovered: boolean): OAuth2Error {
  const { url, status } = redirect;
  const uri = target(redirect);
  const facts = { provider, host: url.host };
  // 304, or a redirect that leads nowhere.
  if (uri === undefined) return new OAuth2Error('TEMPORARY', 'not-json', { facts: { ...facts, status } });
  const moved = { facts: { ...facts, uri, detail: plain(url) } };
  // The addresses of a public provider are known: it is the network that sends the request elsewhere.
  if (provider !== 'custom') return new OAuth2Error('TEMPORARY', 'redirected-on-the-way', moved);
  return new OAuth2Error('CONFIG', discovered ? 'redirected-discovered' : 'redirected', moved);
}

/** A discovery document lies where no request may follow, or behind too many redirects. */
export function documentMoved(redirect: Redirect): OAuth2Error {
  const { url } = redirect;
  const facts = { provider: 'custom', host: url.host };
  const uri = target(redirect);
  return uri === undefined
    ? new OAuth2Error('CONFIG', 'issuer-not-found', { facts: { ...facts, uri: plain(url) } })
    : new OAuth2Error('CONFIG', 'issuer-redirected', { facts: { ...facts, uri, detail: plain(url) } });
}

function target({ url, headers: { location } }: Redirect): string | undefined {
  const to = location !== undefined && URL.canParse(location, url) ? new URL(location, url) : undefined;
  return to && /^https?:$/.test(to.protocol) ? plain(to).slice(0, 300) : undefined;
}

/** Without query and fragment, to be shown. */
export function plain(url: URL): string {
  return url.origin + url.pathname;
}

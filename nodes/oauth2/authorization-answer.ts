/** What the sign-in page sends back to the callback, and what of it is refused before a code is exchanged. */
import type { AccountConfig } from './config';
import { type Endpoints, providerOf, scopeOf } from './endpoints';
import { OAuth2Error } from './errors';

/** The parameters of an authorization answer (RFC 6749 section 4.1.2, RFC 9207) that a pasted address needs. */
const ANSWER = ['code', 'state', 'iss', 'error', 'error_description'] as const;

/** Characters of an address that a page still shows; tokens and codes are far shorter. */
const LONGEST_SHOWN = 8_192;

/** The answer's parameters, from a query that may have been parsed already. */
export function readQuery(query: unknown): URLSearchParams {
  if (typeof query === 'string' || query instanceof URLSearchParams) return new URLSearchParams(query);
  const parameters = new URLSearchParams();
  if (typeof query !== 'object' || query === null) return parameters;
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (typeof one === 'string') parameters.append(name, one);
    }
  }
  return parameters;
}

/** The address as the person can paste it into the dialog; undefined where it is too long for a page. */
export function addressToPaste(redirectUri: string, parameters: URLSearchParams): string | undefined {
  const address = new URL(redirectUri);
  for (const name of ANSWER) {
    const value = parameters.get(name);
    if (value !== null) address.searchParams.set(name, value);
  }
  return address.href.length <= LONGEST_SHOWN ? address.href : undefined;
}

/** RFC 6749 section 3.1: no parameter more than once. */
export function repeats(parameters: URLSearchParams): boolean {
  return ['code', 'state', 'iss', 'error'].some((name) => parameters.getAll(name).length > 1);
}

/**
 * RFC 9207 section 2.4: an answer that names another issuer, or leaves out one that was promised, belongs to another
 * server.
 */
export function checkIssuer(given: string | null, endpoints: Endpoints, provider: string): void {
  const { issuerText, issuerPromised } = endpoints;
  if (given === null ? issuerPromised : issuerText !== undefined && given !== issuerText) {
    throw new OAuth2Error('DECLINED', 'issuer-mismatch', {
      facts: { provider, ...(issuerText && { detail: issuerText }) },
    });
  }
}

/** A sign-in without the permission to read mail would fail only later, and less understandably. */
export function checkScope(config: AccountConfig, granted: string | undefined): void {
  if (!granted || !providerOf(config).quirks.scopeMayBeUnticked) return;
  const words = new Set(granted.split(/\s+/));
  const missing = scopeOf(config)
    ?.split(' ')
    .filter((word) => word.includes(':') && !words.has(word));
  if (missing?.length) {
    throw new OAuth2Error('DECLINED', 'scope-not-granted', {
      facts: { provider: config.provider, detail: missing.join(' ') },
    });
  }
}

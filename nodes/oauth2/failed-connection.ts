import { isRecord, OAuth2Error, type OAuth2ErrorOptions, type OAuth2Facts } from './errors';
import { providers } from './providers';

/** Makes the error of a connection that failed; one of this room, from before anything was sent, stays what it is. */
export function failed(cause: unknown, facts: OAuth2Facts): OAuth2Error {
  if (cause instanceof OAuth2Error) return cause;
  const { code, proxy } = systemErrorOf(cause) ?? {};
  const options = { facts: code ? { ...facts, network: code } : facts, cause };
  switch (code) {
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return new OAuth2Error('TLS', 'certificate-expired', options);
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return new OAuth2Error('TLS', 'certificate-name', options);
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_UNTRUSTED':
    case 'CERT_REVOKED':
    case 'CERT_REJECTED':
      return untrusted(options);
    case 'EMSGSIZE':
      return new OAuth2Error('TEMPORARY', 'too-large', options);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new OAuth2Error('TEMPORARY', 'host-not-found', options);
    case 'EPROXY':
      return new OAuth2Error('TEMPORARY', 'proxy-failed', {
        facts: { ...facts, ...(typeof proxy === 'string' && { proxy }) },
        cause,
      });
    case 'ETIMEDOUT':
    case 'ESOCKETTIMEDOUT':
      return new OAuth2Error('TEMPORARY', 'timeout', options);
  }
  if (code && /^(EPROTO$|ERR_SSL_|ERR_TLS_)/.test(code)) return new OAuth2Error('TLS', 'tls-failed', options);
  return new OAuth2Error('TEMPORARY', 'unreachable', options);
}

/** Where a person signs in to the providers of the table; a `custom` account may name such an address too. */
const PUBLIC_HOSTS: ReadonlySet<string> = new Set(
  Object.values(providers).flatMap(({ endpoints }) => {
    const { issuer, authorization, token } = endpoints ?? {};
    return [issuer, authorization, token].flatMap((address) => (address ? new URL(address).host : []));
  }),
);

/** At a public provider an untrusted certificate is made on the way: a proxy that inspects TLS, or a virus scanner. */
function untrusted(options: OAuth2ErrorOptions): OAuth2Error {
  const { provider = 'custom', host = '' } = options.facts ?? {};
  const isPublic = provider !== 'custom' || PUBLIC_HOSTS.has(host);
  return new OAuth2Error('TLS', isPublic ? 'certificate-inspected' : 'certificate-untrusted', options);
}

/** The first error with a code of the system on the way down the causes. */
function systemErrorOf(cause: unknown): { code: string; proxy?: unknown } | undefined {
  for (let at: unknown = cause, depth = 0; isRecord(at) && depth < 5; depth++) {
    if (hasCode(at)) return at;
    // Node tries IPv6 and IPv4 and gives one error for both.
    at = at.cause ?? at.data ?? (Array.isArray(at.errors) ? at.errors[0] : undefined);
  }
  return undefined;
}

const hasCode = (error: Record<string, unknown>): error is { code: string } => typeof error.code === 'string';

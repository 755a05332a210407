import type { PeerCertificate } from 'node:tls';
import { showable } from '../base/shown';
import { Pop3Error, type Pop3Reason } from './error';

export function hungUp(): Pop3Error {
  return new Pop3Error('CONNECT', 'The server closed the connection', { reason: 'hung-up' });
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return String((error as { code?: unknown }).code ?? codeOf(error.errors[0]));
  }
  return String((error as { code?: unknown } | undefined)?.code ?? '');
}

/** Why there is no connection, or no longer one. */
export function connectError(error: unknown, otherwise?: Pop3Reason): Pop3Error {
  const code = codeOf(error);
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) return tlsError(error);
  switch (code) {
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
      // No answer, where ENOTFOUND is the answer that there is no such name: Node-RED may have started before the network.
      return new Pop3Error('CONNECT', 'The server name could not be looked up: DNS does not answer', {
        cause: error,
        reason: 'dns-unavailable',
      });
    case 'ENOTFOUND':
    case 'EAI_NODATA':
      return new Pop3Error('CONNECT', 'The server name was not found', {
        cause: error,
        reason: 'name-not-found',
      });
    case 'ECONNREFUSED':
      return new Pop3Error('CONNECT', 'The server refused the connection', {
        cause: error,
        reason: 'refused',
      });
    case 'ECONNRESET':
    case 'EPIPE':
      return new Pop3Error('CONNECT', 'The server closed the connection', {
        cause: error,
        reason: 'hung-up',
      });
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return new Pop3Error('CONNECT', 'The server cannot be reached', {
        cause: error,
        reason: 'unreachable',
      });
    case 'ETIMEDOUT':
      return new Pop3Error('TIMEOUT', 'The server did not answer', { cause: error });
    default:
      return new Pop3Error('CONNECT', 'The connection failed', { cause: error, reason: otherwise });
  }
}

const CERTIFICATE: Record<string, Pop3Reason> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed',
  // A root that the server sent along; the certificate itself is signed by another.
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted-issuer',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted-issuer',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted-issuer',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted-issuer',
  CERT_UNTRUSTED: 'untrusted-issuer',
  CERT_HAS_EXPIRED: 'certificate-expired',
  CERT_NOT_YET_VALID: 'certificate-not-yet-valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'wrong-name',
  CERT_REVOKED: 'certificate-rejected',
  CERT_SIGNATURE_FAILURE: 'certificate-rejected',
  INVALID_PURPOSE: 'certificate-rejected',
};

/** Codes of OpenSSL for a handshake that failed, without `ERR_SSL_`. */
const HANDSHAKE: Record<string, Pop3Reason> = {
  UNSUPPORTED_PROTOCOL: 'tls-too-old',
  TLSV1_ALERT_PROTOCOL_VERSION: 'tls-too-old',
  VERSION_TOO_LOW: 'tls-too-old',
  DH_KEY_TOO_SMALL: 'signature-too-weak',
  EE_KEY_TOO_SMALL: 'signature-too-weak',
  CA_KEY_TOO_SMALL: 'signature-too-weak',
  CA_MD_TOO_WEAK: 'signature-too-weak',
  TLSV13_ALERT_CERTIFICATE_REQUIRED: 'client-certificate-required',
  TLSV1_UNRECOGNIZED_NAME: 'name-refused',
  // What OpenSSL makes of "+OK …" where a TLS record should begin.
  WRONG_VERSION_NUMBER: 'server-speaks-plain',
  PACKET_LENGTH_TOO_LONG: 'server-speaks-plain',
};

const MESSAGES: Partial<Record<Pop3Reason, string>> = {
  'tls-too-old': 'The server supports only TLS versions that are too old',
  'signature-too-weak': 'The certificate of the server has a signature or key that is too weak',
  'client-certificate-required': 'The server requires a client certificate',
  'name-refused': 'The server has no certificate for this name',
  'server-speaks-plain': 'The server does not speak TLS on this port',
};

/** How a certificate names its owner or issuer. */
export function nameOf(entity: Partial<PeerCertificate['subject']> | undefined): string | undefined {
  return entity ? showable(String(entity.CN ?? entity.O ?? '')) : undefined;
}

/** What is known of a handshake that failed. */
export interface Handshake {
  /** The server's, where it was seen. */
  certificate?: Partial<PeerCertificate> | undefined;
  /** The user has named the authorities to trust. */
  ownAuthority?: boolean;
}

/** Why there is no encryption. */
export function tlsError(error: unknown, handshake: Handshake = {}): Pop3Error {
  const code = codeOf(error);
  const issuer = nameOf(handshake.certificate?.issuer);
  const reason =
    issuer && lacksIssuer(code, handshake) ? 'intermediate-missing' : certificateReason(code, error);
  if (reason) {
    return new Pop3Error('TLS', `The certificate of the server is not trusted (${reason})`, {
      cause: error,
      reason,
      ...(issuer && { issuer }),
    });
  }
  if (/^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET)/.test(code)) return connectError(error);
  const failure = handshakeReason(code.replace(/^ERR_SSL_/, ''), issuer);
  return new Pop3Error('TLS', (failure && MESSAGES[failure]) ?? 'No encrypted connection could be made', {
    cause: error,
    ...(failure && { reason: failure }),
  });
}

/**
 * True of a server that sent its own certificate and not that of the issuer, which must be an intermediate one:
 * public authorities sign no server directly, and say in its certificate where that of the issuer is (RFC 5280 section
 * 4.2.2.1). Where the user trusts an authority of their own, it is the likeliest as well.
 */
function lacksIssuer(code: string, { certificate, ownAuthority }: Handshake): boolean {
  const alone = code === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
  return alone && (certificate?.infoAccess !== undefined || ownAuthority === true);
}

function certificateReason(code: string, error: unknown): Pop3Reason | undefined {
  // Node has no code of its own for these: "CA signature digest algorithm too weak", "EE certificate key too weak".
  if (code === 'UNSPECIFIED' && /too weak|too small/.test((error as Error).message))
    return 'signature-too-weak';
  return CERTIFICATE[code];
}

function handshakeReason(code: string, issuer: string | undefined): Pop3Reason | undefined {
  // TLS 1.2 has no word for it. A server that has shown its certificate has agreed to version and cipher before.
  if (code === 'SSLV3_ALERT_HANDSHAKE_FAILURE' && issuer !== undefined) return 'client-certificate-required';
  return HANDSHAKE[code];
}

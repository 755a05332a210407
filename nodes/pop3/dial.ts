import { type AddressInfo, isIP, type Socket } from 'node:net';
import { type PeerCertificate, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { untilAborted } from '../base/abort';
import { Pop3Error, type Pop3Reason } from './error';
import type { ConnectOptions } from './options';
import { reach } from './reach';
import type { TraceEvent } from './trace';

/** Opens the line to the server, unencrypted. Errors: `CONNECT`, and whatever `stop` is aborted with. */
export async function dial(options: ConnectOptions, port: number, stop: AbortSignal): Promise<Socket> {
  stop.throwIfAborted();
  if (options.open) {
    const opening = options.open({ host: options.host, port, signal: stop });
    return untilAborted(opening, stop, () => {
      opening.then(
        (late) => late.destroy(),
        () => {},
      );
    }).catch((error) => {
      throw error instanceof Pop3Error ? error : connectError(error, 'proxy');
    });
  }
  try {
    return await untilAborted(reach(options.host, port, stop), stop);
  } catch (error) {
    throw error instanceof Pop3Error ? error : connectError(error);
  }
}

/** Begins TLS on an open line (RFC 8314 section 3.3, RFC 2595 section 4) and trusts nothing that Node's TLS does not trust. */
export async function encrypt(
  socket: Socket,
  options: ConnectOptions,
  stop: AbortSignal,
  trace: ((event: TraceEvent) => void) | undefined,
): Promise<TLSSocket> {
  const name = options.host.replace(/^\[|\]$/g, '');
  let encrypted: TLSSocket;
  try {
    encrypted = tlsConnect({
      ...(isIP(name) ? {} : { servername: name }),
      host: name,
      ...options.tls,
      socket,
    });
  } catch (error) {
    socket.destroy();
    throw new Pop3Error('CONFIG', 'The TLS settings cannot be used', { cause: error });
  }
  await event(encrypted, 'secureConnect', stop, tlsError);
  if (trace) trace(encryption(encrypted));
  return encrypted;
}

function encryption(socket: TLSSocket): TraceEvent {
  const certificate: Partial<PeerCertificate> = socket.getPeerCertificate();
  const name = (entity: PeerCertificate['subject'] | undefined) =>
    entity ? String(entity.CN ?? entity.O ?? '') : undefined;
  return {
    type: 'encrypted',
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
    trusted: socket.authorized,
    subject: name(certificate.subject),
    issuer: name(certificate.issuer),
    names: namesOf(certificate.subjectaltname),
    validFrom: certificate.valid_from,
    validTo: certificate.valid_to,
    fingerprint256: certificate.fingerprint256,
  };
}

/** `DNS:a.example, IP Address:127.0.0.1`, as Node writes it. */
function namesOf(alternatives: string | undefined): string[] {
  return [...(alternatives ?? '').matchAll(/(?:DNS|IP Address):([^,\s"]+)/g)].map(([, one]) => one ?? '');
}

export function addressOf(socket: Socket): Partial<AddressInfo> {
  return { address: socket.remoteAddress, port: socket.remotePort };
}

/** A socket's one event, or its end; a socket that did not get there is destroyed. */
function event(
  socket: Socket,
  name: 'secureConnect',
  stop: AbortSignal,
  translate: (error: unknown) => Pop3Error,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      socket.off(name, onEvent);
      socket.off('error', onError);
      socket.off('close', onClose);
      stop.removeEventListener('abort', onAbort);
    };
    const onEvent = () => {
      settle();
      resolve();
    };
    const fail = (error: Pop3Error) => {
      settle();
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onError = (error: unknown) => fail(translate(error));
    const onClose = () => fail(hungUp());
    const onAbort = () => fail(stop.reason as Pop3Error);
    socket.on(name, onEvent);
    socket.on('error', onError);
    socket.on('close', onClose);
    stop.addEventListener('abort', onAbort);
    if (stop.aborted) onAbort();
  });
}

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
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
    case 'EAI_FAIL':
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
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed',
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

function tlsError(error: unknown): Pop3Error {
  const code = codeOf(error);
  const reason = CERTIFICATE[code];
  if (reason)
    return new Pop3Error('TLS', `The certificate of the server is not trusted (${reason})`, {
      cause: error,
      reason,
    });
  // What OpenSSL makes of "+OK …" where a TLS record should begin.
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return new Pop3Error('TLS', 'The server does not speak TLS on this port', {
      cause: error,
      reason: 'server-speaks-plain',
    });
  }
  if (/^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET)/.test(code)) return connectError(error);
  return new Pop3Error('TLS', 'No encrypted connection could be made', { cause: error });
}

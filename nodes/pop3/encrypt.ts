import { isIP, type Socket } from 'node:net';
import { type PeerCertificate, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { hungUp, nameOf, tlsError } from './connect-error';
import { Pop3Error } from './error';
import type { ConnectOptions } from './options';
import type { TraceEvent } from './trace';

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
  const peer = new Peer(encrypted);
  await event(encrypted, 'secureConnect', stop, (error) =>
    tlsError(error, { certificate: peer.certificate, ownAuthority: options.tls?.ca !== undefined }),
  );
  if (trace) trace(encryption(encrypted));
  return encrypted;
}

function encryption(socket: TLSSocket): TraceEvent {
  const certificate: Partial<PeerCertificate> = socket.getPeerCertificate();
  return {
    type: 'encrypted',
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
    trusted: socket.authorized,
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
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

/** The certificate of a server, which Node lets go before it tells why it is refused. */
class Peer {
  readonly #socket: TLSSocket;
  #certificate: Partial<PeerCertificate> | undefined;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    // Before Node's own listener, which looks at what the verification has found.
    socket.prependOnceListener('secure', () => {
      this.#certificate = socket.getPeerCertificate();
    });
  }

  /** Undefined or empty: none was seen. */
  get certificate(): Partial<PeerCertificate> | undefined {
    return this.#certificate ?? this.#socket.getPeerCertificate() ?? undefined;
  }
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

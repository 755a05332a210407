import { connect } from 'node:tls';

/** Whether a POP3 server answers there by TLS, with a certificate for this host. Nothing is sent. */
export function greetsByTls(
  host: string,
  { address, port, ca }: { address: string; port: number; ca?: string },
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, servername: host, ...(ca !== undefined && { ca }) });
    let said = '';
    const end = (): void => {
      signal.removeEventListener('abort', end);
      socket.destroy();
      // RFC 1939 section 4.
      resolve(/^\+OK\b/i.test(said));
    };
    socket.setEncoding('latin1').on('data', (text: string) => {
      said += text;
      if (said.length > 3) end();
    });
    socket.once('error', end).once('close', end);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}

import { Capabilities } from '../capabilities';
import { encrypt } from '../encrypt';
import { Pop3Error } from '../error';
import type { Session } from '../session';
import { askCapabilities } from './capa';

/**
 * STLS (RFC 2595 section 4). What was said before it is forgotten, since anybody on the network path can have said it: the
 * line ends, the capabilities, the timestamp for APOP.
 */
export async function startTls(session: Session, stop: AbortSignal): Promise<void> {
  const { connection, settings } = session;
  connection.pipelining = false;
  const response = await session.send('STLS', { last: true }).promise;
  if (response.status !== 'ok') {
    throw new Pop3Error('TLS', 'The server offers no TLS on this port', {
      response,
      reason: 'starttls-not-offered',
    });
  }
  const { clock, timeouts, trace } = settings;
  const late = new AbortController();
  const timer =
    timeouts.connect > 0
      ? clock.setTimeout(
          () => late.abort(new Pop3Error('TIMEOUT', 'The TLS handshake was not finished in time')),
          timeouts.connect,
        )
      : undefined;
  try {
    const signal = AbortSignal.any([stop, late.signal]);
    await connection.upgrade((socket) => encrypt(socket, settings, signal, trace));
  } finally {
    if (timer !== undefined) clock.clearTimeout(timer);
  }
  session.encrypted = true;
  session.apopStamp = undefined;
  session.capabilities = new Capabilities();
  await askCapabilities(session);
}

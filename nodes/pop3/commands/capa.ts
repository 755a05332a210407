import { Capabilities } from '../capabilities';
import type { LinesReply } from '../lines-reply';
import type { Session } from '../session';
import type { Lines } from './lines';

/** CAPA (RFC 2449 section 5). A server that does not know it simply offers nothing. */
export async function askCapabilities(session: Session): Promise<void> {
  takeCapabilities(session, await sendCapa(session).promise);
}

export function sendCapa(session: Session): Lines<string> {
  return session.sendForLines('CAPA', session.settings.limits.capabilities, (line) => line);
}

/** What the answer leaves of an earlier one: nothing, and of a refusal even less. */
export function takeCapabilities(session: Session, reply: LinesReply<string>): void {
  const { connection, settings } = session;
  const lines = reply.response.status === 'ok' ? reply.items() : undefined;
  session.capabilities = new Capabilities(lines, (text) => connection.secrets.mask(text));
  settings.trace?.({ type: 'capabilities', lines: session.capabilities.lines });
}

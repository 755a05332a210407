import { Capabilities } from '../capabilities';
import type { Response } from '../response';
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
export function takeCapabilities(
  session: Session,
  { response, items }: { response: Response; items: string[] },
): void {
  const { connection, settings } = session;
  session.capabilities = new Capabilities(response.status === 'ok' ? items : undefined, (text) =>
    connection.secrets.mask(text),
  );
  settings.trace?.({ type: 'capabilities', lines: session.capabilities.lines });
}

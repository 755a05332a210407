import { refusal } from '../refusal';
import type { Session } from '../session';

/**
 * RSET (RFC 1939 section 5): takes back every DELE of this session. A server that does not know it has marked nothing by
 * itself, so a refusal matters only where DELE was sent.
 */
export async function rset(session: Session): Promise<void> {
  const response = await session.send('RSET').promise;
  if (response.status !== 'ok' && session.marked > 0) throw refusal(response, 'transaction', 'RSET');
  session.marked = 0;
}

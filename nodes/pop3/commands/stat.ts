import { type MaildropStatus, readStatus } from '../listing';
import type { Response } from '../response';
import type { Session } from '../session';
import { accepted } from './command';

/** STAT (RFC 1939 section 5). */
export async function stat(session: Session): Promise<MaildropStatus> {
  const response = await accepted(session.send('STAT', { slow: true }), 'transaction');
  return takeStatus(session, response);
}

export function takeStatus(session: Session, response: Response): MaildropStatus {
  session.maildrop = readStatus(response);
  session.settings.known?.counted(session.maildrop.messages);
  return session.maildrop;
}

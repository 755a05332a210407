import { Pop3Error } from '../error';
import { readSingleUid, readUniqueId, type UniqueId } from '../listing';
import { refusal } from '../refusal';
import type { Session } from '../session';
import { accepted } from './command';
import { sendEach } from './each';
import type { Lines } from './lines';
import { messageNumber } from './message-number';

/** The answer to one `UIDL n`. */
export interface UniqueIdAnswer {
  number: number;
  uid?: string;
  /** Set when the server refused it. */
  error?: Pop3Error;
}

export function sendUidl(session: Session): Lines<UniqueId> {
  const { settings, connection } = session;
  return session.sendForLines('UIDL', settings.limits.list, readUniqueId, connection.secrets);
}

/** The answer to UIDL (RFC 1939 section 7); `undefined` where the server has no unique IDs. */
export async function takeUidl(session: Session, sent: Lines<UniqueId>): Promise<UniqueId[] | undefined> {
  const reply = await sent.promise;
  const { response } = reply;
  if (response.status === 'ok') return reply.itemsInTurns();
  const error = refusal(response, 'transaction', 'UIDL');
  if (error.code !== 'REFUSED') throw error;
  if (!session.capabilities.has('UIDL')) return undefined;
  throw new Pop3Error('SYS_TEMP', error.message, { response, command: 'UIDL' });
}

/** UIDL of one mail. */
export async function uidlOne(session: Session, number: number): Promise<string> {
  const response = await accepted(
    session.send(`UIDL ${messageNumber(number)}`, { slow: true }),
    'transaction',
  );
  return readSingleUid(response, number);
}

/** UIDL of many mails, pipelined. */
export async function* uidlOf(
  session: Session,
  numbers: Iterable<number>,
): AsyncGenerator<UniqueIdAnswer, void, undefined> {
  for await (const { number, response } of sendEach(session, 'UIDL', numbers)) {
    if (response.status !== 'ok') yield { number, error: refusal(response, 'transaction', 'UIDL') };
    else yield { number, uid: readSingleUid(response, number) };
  }
}

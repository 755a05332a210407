import type { Pop3Error } from '../error';
import { refusal } from '../refusal';
import type { Session } from '../session';
import { sendEach } from './each';

/** What became of one DELE. */
export interface Deletion {
  number: number;
  /** Set when the server refused it. */
  error?: Pop3Error;
}

/** DELE (RFC 1939 section 5), pipelined. It only marks: QUIT deletes. */
export async function* dele(
  session: Session,
  numbers: Iterable<number>,
): AsyncGenerator<Deletion, void, undefined> {
  for await (const { number, response } of sendEach(session, 'DELE', numbers)) {
    if (response.status === 'ok') {
      session.marked += 1;
      yield { number };
    } else yield { number, error: refusal(response, 'transaction', 'DELE') };
  }
}

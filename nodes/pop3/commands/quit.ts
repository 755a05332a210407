import { Pop3Error } from '../error';
import type { Response } from '../response';
import type { Session } from '../session';
import { Command } from './command';

export type QuitOutcome = 'ok' | 'unknown' | 'refused';

/** QUIT (RFC 1939 section 6), within its time limit. */
export async function quit({ connection, marked, settings }: Session): Promise<QuitOutcome> {
  if (connection.error) return 'unknown';
  const { clock, timeouts } = settings;
  const within = marked > 0 ? timeouts.quitAfterDeletions : timeouts.quit;
  const timer =
    within > 0
      ? clock.setTimeout(() => connection.fail(new Pop3Error('TIMEOUT', 'QUIT was not answered')), within)
      : undefined;
  connection.letGo();
  const response = await answerOf(connection);
  if (timer !== undefined) clock.clearTimeout(timer);
  // Bytes after the answer mean that answers and commands are out of step.
  const lost = endOf(connection);
  connection.fail(new Pop3Error('ABORTED', 'The session is over', { reason: 'closed' }));
  if (response === undefined || lost?.code === 'PROTOCOL') return 'unknown';
  return response.status === 'ok' ? 'ok' : 'refused';
}

/** Read again: it may have ended while its answer was waited for. */
function endOf(connection: Session['connection']): Pop3Error | undefined {
  return connection.error;
}

async function answerOf(connection: Session['connection']): Promise<Response | undefined> {
  const command = new Command('QUIT', { slow: true });
  connection.submit(command);
  return command.promise.catch(() => undefined);
}

/**
 * QUIT where its answer changes nothing, because nothing was marked: it is sent, and not waited for. What is still
 * outstanding is waited for, since a server counts mails it is still sending.
 */
export async function leave(session: Session): Promise<void> {
  const { connection, settings } = session;
  if (!connection.isIdle) {
    await quit(session);
    return;
  }
  const ended = connection.leave('QUIT', settings.timeouts.quit);
  if (settings.known) settings.known.ended = ended;
}

import { MailboxError } from '../../mailbox';

/** @param database where it is, without user and password */
export function databaseError(cause: unknown, database: string): MailboxError {
  if (cause instanceof MailboxError) return cause;
  const { code } = cause as { code?: string };
  // No cause: its text repeats the address, and with it the password.
  if (code === 'ERR_INVALID_URL')
    return new MailboxError('CONFIG', 'fleet-setting-wrong', {
      facts: { property: 'database' },
      retryable: false,
    });
  const system = saidBy(cause as Error & { code?: string });
  // 28: who we are is refused; 3D000: there is no such database; 3F000: its schema may not be used; 42501: a right
  // is missing.
  const ours = typeof code === 'string' && (/^28/.test(code) || ['3D000', '3F000', '42501'].includes(code));
  return ours
    ? new MailboxError('CONFIG', 'fleet-database-refused', { facts: { database, system }, cause })
    : new MailboxError('STORE', 'database-unavailable', { facts: { database, system }, cause });
}

/**
 * Why a connection or a statement was refused as a whole, in the words of the database; of other errors only the code,
 * since their words may repeat what was to be stored. 53: too many connections; 57: it shuts down; 25006: read-only.
 */
function saidBy({ code, message }: { code?: string; message: string }): string {
  if (code === undefined) return message;
  return /^(?:28|3D|3F|53|57|25006|42501)/.test(code) ? `${code}: ${message.slice(0, 200)}` : code;
}

import { MailboxError } from '../../mailbox';
import { OAuth2Error } from '../../oauth2';

/** Says of an account what is true where the database is away: the sign-in server was not asked, and no disk is full. */
export async function forAccounts<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof MailboxError)) throw error;
    const network = String(error.facts.system ?? error.reason);
    throw new OAuth2Error('STORE', 'database-unavailable', { facts: { network }, cause: error });
  }
}

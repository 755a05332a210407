import { MailError } from '../mail';
import { Pop3Error } from '../pop3';
import { type ErrorFacts, isMailboxErrorCode, MailboxError, type MailboxErrorCode } from './errors';

/** What the client's own codes mean to a mailbox; the others have the same name in both rooms. */
const MEANS: Partial<Record<Pop3Error['code'], MailboxErrorCode>> = {
  REFUSED: 'PROTOCOL',
  ABORTED: 'CONNECT',
};

/** What concerns one mail when it comes as the answer to a command about that mail; anything else ends the session. */
const ONE_MAIL: ReadonlySet<Pop3Error['code']> = new Set(['REFUSED', 'LIMIT', 'SYS_TEMP', 'SYS_PERM']);

/** False where the session is over, or no longer to be trusted. */
export function concernsOneMail(error: unknown): boolean {
  return error instanceof Pop3Error && ONE_MAIL.has(error.code);
}

/** Words of a server that refuses for now, whatever mail it is asked for: a quota, a throttle, a repair. */
const FOR_NOW =
  /quota|limit|exceed|too (many|much|fast)|later|try again|throttl|bandwidth|transfer|temporar|busy|overload|unavailable|maintenance|used up/i;

/** True of a refusal that says nothing about the mail it answers. */
export function refusesForNow(error: unknown): boolean {
  if (!(error instanceof Pop3Error)) return false;
  return error.code === 'SYS_TEMP' || FOR_NOW.test(error.response ?? '');
}

/** Any error as this room's own, with the server's words as facts and nothing secret in it. */
export function asMailboxError(error: unknown, facts: ErrorFacts = {}): MailboxError {
  return withFacts(translated(error), facts);
}

/** The same error with more facts; what it says already stands. */
function withFacts(error: MailboxError, facts: ErrorFacts): MailboxError {
  return new MailboxError(error.code, error.reason, {
    facts: { ...facts, ...error.facts },
    retryable: error.retryable,
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
    cause: error.cause,
  });
}

function translated(error: unknown): MailboxError {
  if (error instanceof MailboxError) return error;
  if (error instanceof Pop3Error) return fromPop3(error);
  if (error instanceof MailError && error.code !== 'BYTES_NEEDED') {
    const reason = error.code === 'STORE' ? 'attachments-unwritable' : 'directory-missing';
    return new MailboxError(error.code, reason, { facts: { detail: error.message }, cause: error });
  }
  const code = (error as { code?: unknown } | undefined)?.code;
  const message = error instanceof Error ? error.message : String(error);
  // A bug of ours, or an unforeseen system error: it must not stop the polling, and it must be seen.
  return new MailboxError(isMailboxErrorCode(code) ? code : 'PROTOCOL', 'unexpected', {
    facts: { detail: message },
    cause: error,
  });
}

function fromPop3(error: Pop3Error): MailboxError {
  const code = MEANS[error.code] ?? (error.code as MailboxErrorCode);
  const facts: Record<string, string> = {};
  if (error.response !== undefined) facts.response = error.response;
  if (error.command !== undefined) facts.command = error.command;
  if (error.issuer !== undefined) facts.issuer = error.issuer;
  if (error.proxy !== undefined) facts.proxy = error.proxy;
  return new MailboxError(code, error.reason, {
    facts,
    retryable: error.retryable,
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
    cause: error,
  });
}

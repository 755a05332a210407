import { MailboxError, type MailboxErrorCode } from '../mailbox';
import { OAuth2Error, type OAuth2Facts } from '../oauth2';

/** Stands before a reason whose words are in the account's catalog. */
export const ACCOUNT = 'account/';

/** What a failed token means to the mailbox that wanted it. */
export function asAccountError(error: unknown): unknown {
  if (!(error instanceof OAuth2Error)) return error;
  return new MailboxError(codeOf(error), `${ACCOUNT}${error.reason}`, {
    facts: withoutAddresses(error.facts),
    retryable: error.retryable,
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
    cause: error,
  });
}

/** A person's address is theirs to see in the dialog; a status and a log have other readers. */
function withoutAddresses(facts: OAuth2Facts): Record<string, string | number> {
  const { description, said } = facts;
  return {
    ...facts,
    ...(description && { description: strike(description) }),
    ...(said && { said: strike(said) }),
  };
}

const strike = (words: string): string => words.replace(/[^\s@"'<>()]{1,64}@[^\s@"'<>()]{1,255}/g, '[…]');

const NO_CONNECTION: ReadonlySet<OAuth2Error['reason']> = new Set([
  'unreachable',
  'host-not-found',
  'proxy-failed',
]);

function codeOf({ code, reason }: OAuth2Error): MailboxErrorCode {
  switch (code) {
    case 'SIGN_IN_AGAIN':
    case 'DECLINED':
      return 'SIGN_IN_AGAIN';
    case 'TEMPORARY':
      if (reason === 'timeout') return 'TIMEOUT';
      return NO_CONNECTION.has(reason) ? 'CONNECT' : 'SYS_TEMP';
    default:
      return code;
  }
}

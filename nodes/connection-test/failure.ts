import { Pop3Error } from '../pop3';
import type { Facts, Failure } from './report';

/**
 * Why something failed. What the token function throws has its own `code`, `reason` and `facts`, which are taken as
 * they are; of anything else that is no error of the client, only the message is told.
 */
export function failureOf(error: unknown, facts: Facts): Failure {
  if (error instanceof Pop3Error) {
    return {
      code: error.code === 'REFUSED' ? 'PROTOCOL' : error.code === 'ABORTED' ? 'CONNECT' : error.code,
      reason: reasonOf(error),
      facts: { ...facts, ...(error.response !== undefined && { response: error.response }) },
    };
  }
  const told = error as { code?: unknown; reason?: unknown; facts?: unknown } | null;
  if (typeof told?.code === 'string' && typeof told.reason === 'string') {
    return { code: told.code, reason: told.reason, facts: { ...facts, ...(told.facts as Facts) } };
  }
  const detail = error instanceof Error ? error.message : 'failed';
  return { code: 'PROTOCOL', reason: 'unexpected', facts: { ...facts, detail } };
}

function reasonOf(error: Pop3Error): string {
  if (error.hint !== undefined) return otherProtocol(error) ?? error.hint;
  if (error.code === 'REFUSED') return 'command-refused';
  return otherProtocol(error) ?? error.code.toLowerCase().replace('_', '-');
}

/** Servers for other things say so in their first line. */
function otherProtocol({ code, message }: Pop3Error): string | undefined {
  if (code !== 'PROTOCOL') return undefined;
  if (/^Not a reply: \* (OK|PREAUTH|BYE)/.test(message)) return 'speaks-imap';
  if (/^Not a reply: (220|554)[ -]/.test(message)) return 'speaks-smtp';
  return undefined;
}

/** A refused login without a narrower cause means something else for a password than for a token. */
export function loginFailureOf(error: unknown, token: boolean, facts: Facts): Failure {
  const failure = failureOf(error, facts);
  if (!(error instanceof Pop3Error) || error.code !== 'AUTH') return failure;
  if (/\b(account|user|mailbox)\b[^.]*\b(locked|disabled|suspended|blocked)/i.test(error.response ?? '')) {
    return { ...failure, reason: 'account-locked' };
  }
  if (error.hint !== undefined) return failure;
  return { ...failure, reason: token ? 'mailbox-refused' : 'wrong-password' };
}

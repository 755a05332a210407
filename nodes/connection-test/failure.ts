import { asMailboxError } from '../mailbox';
import type { Facts, Failure } from './report';

/**
 * Why something failed, as a check would report it. What the token function throws has its own `code`, `reason` and
 * `facts`, which are taken as they are.
 */
export function failureOf(error: unknown, facts: Facts): Failure {
  const told = error as { code?: unknown; reason?: unknown; facts?: unknown } | null;
  if (typeof told?.code === 'string' && typeof told.reason === 'string' && told.facts !== undefined) {
    return { code: told.code, reason: told.reason, facts: { ...facts, ...(told.facts as Facts) } };
  }
  const { code, reason, facts: found } = asMailboxError(error, facts);
  return { code, reason, facts: found as Facts };
}

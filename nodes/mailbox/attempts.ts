import { MailboxError } from './errors';
import { retryAfterFailure } from './rhythm';
import type { Ledger } from './store/ledger';
import type { OpenDelivery } from './store/ledger-state';

/**
 * What the end of the process before this one says about the mails it was at. It may have been the power, and it may
 * have been a mail: one on which a node of the flow ends Node-RED comes again for ever, and nothing comes after it.
 *
 * - `one`: mails are read and handed over one after the other and each is noted before the next, so the first that is
 *   not noted is the one.
 * - `any`: all of them were with the flow. Each is suspected, none counted; handed over alone the next time, it is.
 */
export async function noteCrash(ledger: Ledger, wasIt: 'one' | 'any', now: number): Promise<void> {
  const suspects = wasIt === 'one' ? ledger.interrupted.slice(0, 1) : [...ledger.interrupted];
  if (suspects.length === 0) return;
  const crashes = (ledger.openDelivery(suspects[0] as string)?.crashes ?? 0) + 1;
  // Once is a power failure. Twice, and the others go first, so that Node-RED is alive for a while.
  await ledger.crashed(suspects, crashes === 1 ? 0 : now + retryAfterFailure(crashes - 1));
}

/** How often a mail has been tried in vain: by what failed, and by what ended the process. */
export const attemptsInVain = (delivery: Readonly<OpenDelivery> | undefined): number =>
  delivery === undefined ? 0 : delivery.failures + delivery.crashes;

/** True where only crashes have used a mail's attempts up: what failed by itself has been set aside at once. */
export const endsTheProcess = (delivery: Readonly<OpenDelivery> | undefined, maxAttempts: number): boolean =>
  (delivery?.crashes ?? 0) > 0 && attemptsInVain(delivery) >= maxAttempts;

/** A mail that has failed waits six hours at most; whoever waits longer has had the clock set back meanwhile. */
const LONGEST_RETRY_MS = 6.5 * 60 * 60 * 1000;

/** When the mail may be tried again, ms since the epoch; never later than it can have been meant. */
export function dueAt(delivery: Readonly<OpenDelivery> | undefined, now: number): number {
  const at = delivery?.retryAt ?? 0;
  return at - now > LONGEST_RETRY_MS ? now : at;
}

/** What is reported of a mail that has used its attempts up, the last of them by failing or by ending the process. */
export function poison(
  last: 'failed' | 'ended',
  facts: { uid: string; attempts: number; why?: string },
  cause?: unknown,
): MailboxError {
  const { uid, attempts, why } = facts;
  return new MailboxError('POISON', last === 'ended' ? 'mail-ends-process' : 'mail-set-aside', {
    facts: { uid, attempts, why },
    retryable: false,
    cause,
  });
}

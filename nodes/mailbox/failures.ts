import { type DeliveryFacts, type Origin, type Pop3Fields, pop3Fields, uidOf } from './delivery/pop3-fields';
import { MailboxError } from './errors';
import { concernsOneMail } from './from-pop3';
import { retryDelay } from './rhythm';
import type { Ledger } from './store/ledger';
import type { OpenDelivery } from './store/ledger-records';

/** Told of a mail that is quarantined: it stays on the server. */
export type OnQuarantined = (error: MailboxError, pop3: Pop3Fields, raw?: Buffer) => void;

/** Told of a mail that was retried, failed again and was reported before. */
export type OnStillQuarantined = (uid: string) => void;

/**
 * Records what the end of the process before this one says about the mails that were being delivered. It may have been
 * the power, and it may have been a mail: one on which a node of the flow ends Node-RED would be delivered again and
 * again, and nothing after it.
 *
 * - `one`: mails are read and delivered one after the other and each is recorded before the next, so the first that is
 *   not recorded is the one.
 * - `any`: all of them were with the flow. Each is suspected, none counted; delivered alone the next time, it is.
 */
export async function recordCrash(ledger: Ledger, wasIt: 'one' | 'any', now: number): Promise<void> {
  const suspects = wasIt === 'one' ? ledger.interrupted.slice(0, 1) : [...ledger.interrupted];
  if (suspects.length === 0) return;
  const crashes = (ledger.openDelivery(suspects[0] as string)?.crashes ?? 0) + 1;
  // Once is a power failure. Twice, and the others go first, so that Node-RED is alive for a while.
  await ledger.recordCrash(suspects, crashes === 1 ? 0 : now + retryDelay(crashes - 1));
}

/** How often a mail has failed: by itself, or by ending the process. */
export const failedAttempts = (delivery: Readonly<OpenDelivery> | undefined): number =>
  delivery === undefined ? 0 : delivery.failures + delivery.crashes;

/** True where others came and the mail did not, now or before it was quarantined. */
export const hasFailed = (delivery: Readonly<OpenDelivery> | undefined): boolean =>
  failedAttempts(delivery) > 0 || delivery?.lastChance === true;

/** True where only crashes have used a mail's attempts up: what failed by itself has been quarantined at once. */
export const crashesProcess = (delivery: Readonly<OpenDelivery> | undefined, maxAttempts: number): boolean =>
  (delivery?.crashes ?? 0) > 0 && (delivery?.lastChance === true || failedAttempts(delivery) >= maxAttempts);

/** What is recorded in whole seconds may be due so much later, ms. */
const ROUNDED_MS = 1000;

/** When the mail may be tried again, ms since the epoch; never later than it can have been meant. */
export function dueAt(delivery: Readonly<OpenDelivery> | undefined, now: number): number {
  const at = delivery?.retryAt ?? 0;
  // A longer wait than its failures can have led to means that the clock was set back meanwhile.
  return at - now > retryDelay(Math.max(1, failedAttempts(delivery))) + ROUNDED_MS ? now : at;
}

/** A quarantined mail is tried once more when so much time has passed, ms: whatever kept it may be mended. */
const QUARANTINE_MS = 24 * 60 * 60 * 1000;

/** True where a quarantined mail is to be tried once more; not one that ended the process. */
export function isRetryDue(ledger: Ledger, key: string, now: number): boolean {
  const found = ledger.quarantine(key);
  // A clock that was set back must not put it off for years.
  return found !== undefined && !found.crashed && Math.abs(now - found.at) >= QUARANTINE_MS;
}

/**
 * Records that a mail has failed; it is tried again later, at growing distance.
 * @returns whether its attempts are used up
 */
export async function recordFailure(
  ledger: Ledger,
  key: string,
  { cause, maxAttempts, now }: { cause?: unknown; maxAttempts: number; now: number },
): Promise<boolean> {
  const before = ledger.openDelivery(key);
  const failures = failedAttempts(before) + 1;
  // A connection that drops once is no fault of the mail it happened to drop in.
  const atOnce = failures === 1 && cause !== undefined && !concernsOneMail(cause);
  await ledger.recordFailure(key, now + (atOnce ? 0 : retryDelay(failures)));
  return failures >= maxAttempts || before?.lastChance === true;
}

/** A mail that has used its attempts up. */
export interface Quarantine extends Omit<DeliveryFacts, 'earlier'> {
  /** Its last attempt failed, or ended the process. */
  last: 'failed' | 'crashed';
  /** Its attempts, where the ledger no longer knows them. */
  attempts?: number;
  /** Why the flow did not process it. */
  why?: string;
  cause?: unknown;
  raw?: Buffer;
}

/** What a quarantine is recorded in, and who is told. */
interface QuarantineParts {
  ledger: Ledger;
  origin: Origin;
  onQuarantined: OnQuarantined;
  onStillQuarantined?: OnStillQuarantined | undefined;
}

/**
 * Quarantines a mail and reports it: the one place where that happens. The retry of each day is no news, one that a
 * person asked for is.
 */
export async function quarantine(
  { ledger, origin, onQuarantined, onStillQuarantined }: QuarantineParts,
  mail: { key: string; uid?: string; number: number },
  { last, why, cause, raw, attempts: given, ...facts }: Quarantine,
): Promise<void> {
  const delivery = ledger.openDelivery(mail.key);
  const attempts = given ?? failedAttempts(delivery);
  const crashed = last === 'crashed';
  if (ledger.state(mail.key) !== 'quarantined')
    await ledger.markDone(mail.key, 'quarantined', crashed ? { crashed } : {});
  const retried = delivery?.lastChance === true;
  // It was reported before; that it ends the process was not.
  if (retried && !delivery.asked && !crashed) {
    onStillQuarantined?.(uidOf(mail));
    return;
  }
  const uid = uidOf(mail);
  const error = crashed
    ? new MailboxError('POISON', 'mail-ends-process', {
        facts: { uid, mail: uid, attempts },
        retryable: false,
        cause,
      })
    : new MailboxError('POISON', retried ? 'mail-failed-again' : 'mail-set-aside', {
        facts: { uid, mail: uid, attempts, why },
        retryable: false,
        cause,
      });
  // A retried mail may have been delivered before, however often it failed since.
  const earlier = Math.max(retried ? 1 : 0, attempts - 1, (delivery?.deliveries ?? 0) - 1);
  onQuarantined(error, pop3Fields(origin, mail, { ...facts, earlier }), raw);
}

import { receivedAt } from './arrival';
import type { CheckContext } from './check-context';
import { concernsOneMail } from './from-pop3';
import { readHeader } from './header';
import type { ListedMail } from './listing';
import type { Session } from './session';

/** No clock that is right tells an earlier time: this program did not exist then. */
const NOT_BEFORE = Date.UTC(2026, 10, 1);
/** A clock may be off by so much, ms: time zones confused, an hour of summer time. */
const TOLERANCE_MS = 24 * 60 * 60 * 1000;

/**
 * Decides whether days (of `expire`, and until a vanished mail is forgotten) may be counted by the clock. A board
 * without a battery begins in the past and is set later: what was processed before seems as old as the jump. Deleting
 * late is fine, deleting early never is.
 *
 * @param last the mail that is listed last
 */
export async function judgeClock(
  context: CheckContext,
  session: Session,
  last: ListedMail | undefined,
): Promise<void> {
  const { ledger, now, clockWatch, settings } = context;
  const set = clockWatch.look();
  if (!ledger.hasBaseline) return;
  if (set !== undefined && Math.abs(set) > TOLERANCE_MS && ledger.clockTrustedSince !== undefined) {
    await ledger.recordClock(true);
    return;
  }
  if (settings.after !== 'expire') return;
  if (now() < NOT_BEFORE) {
    if (ledger.clockTrustedSince !== undefined) await ledger.recordClock(false);
    return;
  }
  if (ledger.clockTrustedSince === undefined) {
    // It has been set.
    await ledger.recordClock(true);
    return;
  }
  if (set !== undefined) return;
  // A new process knows nothing of the time between; mail of today proves that the clock is right.
  const away = now() - ledger.lastChecked;
  if (Math.abs(away) <= TOLERANCE_MS) return;
  if (ledger.clockDoubted) {
    await ledger.recordClock(true);
    return;
  }
  if (ledger.lastChecked === 0) return;
  const newest = await newestReceived(context, session, last);
  if (newest === undefined || Math.abs(now() - newest) > TOLERANCE_MS) await ledger.recordClock(true);
}

/**
 * A mail that the server received later than it is now: the clock is behind, or a stranger wrote that date at a server
 * that adds none. How long ago something was is right all the same until the clock is set, which this process notices;
 * so the days begin again only where it may have been set between two processes. No mail can stop them.
 */
export async function judgeClockBy(received: number | undefined, context: CheckContext): Promise<void> {
  const { ledger, now, settings } = context;
  if (settings.after !== 'expire' || received === undefined || ledger.clockDoubted) return;
  if (received > now() + TOLERANCE_MS && ledger.clockTrustedSince !== undefined)
    await ledger.recordClockDoubt();
}

/** When the server received the mail that is listed last. */
async function newestReceived(
  { signal }: CheckContext,
  { client }: Session,
  last: ListedMail | undefined,
): Promise<number | undefined> {
  if (last === undefined) return undefined;
  for await (const { body } of client.top([last.number], 0)) {
    try {
      return receivedAt(await readHeader(body));
    } catch (error) {
      if (signal.aborted || !concernsOneMail(error)) throw error;
    }
  }
  return undefined;
}

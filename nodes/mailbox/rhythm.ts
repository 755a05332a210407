import type { MailboxErrorCode } from './errors';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** A server that names a longer time has been misread, or means nothing good. */
const LONGEST_WAIT = 24 * HOUR;
/** A timer of a longer time would ring at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** What decides when the next check comes. */
export interface RhythmState {
  /** Seconds between checks as configured; 0: only when asked. */
  interval: number;
  /** Seconds between logins that the server announced in CAPA; it only ever raises the interval. */
  loginDelay: number;
  /** Checks in a row that failed; 0 after a good one. */
  failures: number;
  /** The last failure, if the last check failed. */
  failure?: { code: MailboxErrorCode; reason?: string; retryAfterMs?: number };
  /** True where the last check found so much that more is likely to wait (Gmail lists in rounds). */
  more: boolean;
}

/**
 * Milliseconds from the end of a check to the next one; undefined: not by itself (a person has to sign in, or
 * the node checks only when asked and nothing went wrong).
 *
 * @param random 0 ≤ random < 1, spreads many mailboxes over time
 */
export function nextCheckIn(state: RhythmState, tookMs: number, random: () => number): number | undefined {
  const wait = waitAfter(state, tookMs, random);
  return wait === undefined ? undefined : Math.min(wait, LONGEST_TIMER);
}

function waitAfter(state: RhythmState, tookMs: number, random: () => number): number | undefined {
  const { failure } = state;
  const every = Math.max(state.interval, state.interval > 0 ? state.loginDelay : 0) * SECOND;
  if (failure === undefined) {
    if (state.more) return Math.max(state.loginDelay * SECOND, SECOND);
    if (every === 0) return undefined;
    // A clock that was set back during the check makes it seem to have taken less than nothing.
    return Math.max(SECOND, spread(every, 0.05, random) - Math.max(0, tookMs));
  }
  if (failure.code === 'SIGN_IN_AGAIN') return undefined;
  // It is over as soon as the other Node-RED ends.
  if (failure.reason === 'folder-in-use') return FOLDER_IN_USE;
  if (failure.code === 'AUTH' || failure.code === 'SYS_PERM') {
    // Hammering a server with a refused login locks accounts.
    return spread(Math.min(15 * MINUTE * 2 ** (state.failures - 1), 6 * HOUR), 0.05, random);
  }
  if (every === 0 && failure.retryAfterMs === undefined && state.failures > UNASKED_RETRIES) return undefined;
  if (failure.reason === 'database-unavailable')
    return Math.max(spread(DATABASE_UNAVAILABLE, 0.2, random), state.loginDelay * SECOND);
  const first = failure.reason === 'downloads-refused' ? MINUTE : (FIRST_WAIT[failure.code] ?? 5 * SECOND);
  const longest = Math.max(every, 5 * MINUTE);
  const wait = spread(Math.min(first * 2 ** (state.failures - 1), longest), 0.2, random);
  const announced = failure.code === 'LOGIN_DELAY' ? state.loginDelay * SECOND : 0;
  return Math.max(wait, announced, Math.min(failure.retryAfterMs ?? 0, LONGEST_WAIT));
}

/** The first wait after a failure, ms. A server that said "too soon" without a time must not be asked at once. */
const FIRST_WAIT: Partial<Record<MailboxErrorCode, number>> = {
  IN_USE: 30 * SECOND,
  LOGIN_DELAY: MINUTE,
  SYS_TEMP: MINUTE,
};

/**
 * How soon the database of a fleet is asked again, ms. While it is away a lease ends and nothing is checked at all; so it
 * is there and busy, as after a restart when everything connects at once, and a growing wait would outlast that by far.
 */
const DATABASE_UNAVAILABLE = 5 * SECOND;

/** How often a folder is looked at that another Node-RED uses, ms. */
const FOLDER_IN_USE = 15 * SECOND;

/** Milliseconds until a mail that has failed so many times is tried again: a quarter of a minute, then four times longer each time, up to six hours. */
export function retryDelay(failures: number): number {
  return Math.min(15 * SECOND * 4 ** (failures - 1), 6 * HOUR);
}

/** A node without an interval was asked once; it retries for a while, not forever. */
const UNASKED_RETRIES = 5;

function spread(ms: number, share: number, random: () => number): number {
  return Math.round(ms * (1 - share + 2 * share * random()));
}

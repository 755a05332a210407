import type { ListedMail } from '../listing';
import type { Ledger } from '../store/ledger';
import { displacedKey } from '../store/ledger-state';
import type { SpoolFacts } from '../store/spool';
import type { ReceivedMail } from './received-mail';

export interface AckSettings {
  /** Seconds a flow has for a mail. */
  ackTimeout: number;
  maxAttempts: number;
  /** Mails delivered and not acknowledged, at most: what a crash can repeat. */
  maxInFlight: number;
}

/**
 * `done`: processed. `keep`: processed, and stays on the server. `delete`: processed, and deleted though the node keeps
 * its mail. `failed`: to be delivered again later.
 */
export const ACK_OUTCOMES = ['done', 'failed', 'keep', 'delete'] as const;
export type AckOutcome = (typeof ACK_OUTCOMES)[number];

/** What an acknowledgement did. `late`: another attempt has the mail. `unknown`: no such delivery. */
export type Acknowledgement = 'accepted' | 'late' | 'unknown';

/**
 * Records an acknowledged mail apart from its unique ID, where the server gave other IDs while the mail waited: the next
 * check finds it again under the ID it has now.
 */
export async function recordApart(
  ledger: Ledger,
  { key, fingerprint }: { key: string; fingerprint?: string },
): Promise<void> {
  if (fingerprint !== undefined && ledger.renumbered.take(key, fingerprint))
    await ledger.recordMoves([[key, displacedKey(key, fingerprint)]], []);
}

/** Whether it is done, and its bytes are still there. */
export const isRecordedApart = (
  ledger: Ledger,
  { key, fingerprint }: { key: string; fingerprint?: string },
): boolean => fingerprint !== undefined && ledger.isKnown(displacedKey(key, fingerprint));

/** What the spool keeps of a mail beside its bytes. */
export function factsOf({ bytes }: ListedMail, { whole, fingerprint, incomplete }: ReceivedMail): SpoolFacts {
  return {
    whole,
    ...(fingerprint !== undefined && { fingerprint }),
    ...(bytes !== undefined && { listedBytes: bytes }),
    ...(incomplete && { incomplete }),
  };
}

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

import type { CheckResult } from './check';
import type { CheckSummary } from './check-context';
import type { MailboxError } from './errors';
import type { MailboxParts } from './mailbox-parts';

/** Who has asked for a check, and hears of that one. */
export interface Asked {
  resolve: (summary: CheckSummary) => void;
  reject: (error: MailboxError) => void;
}

/** Tells how checks went: the state each time, an error once for each change for the worse. */
export class Outcomes {
  readonly #parts: Pick<MailboxParts, 'onState' | 'onError' | 'onSummary'>;
  #reported: string | undefined;

  constructor(parts: Pick<MailboxParts, 'onState' | 'onError' | 'onSummary'>) {
    this.#parts = parts;
  }

  succeeded({ summary, first }: Pick<CheckResult, 'summary' | 'first'>, asked: Asked[]): void {
    const { onState, onSummary } = this.#parts;
    this.#reported = undefined;
    if (first) onState({ is: 'new', count: summary.delivered, left: summary.found - summary.delivered });
    else if (summary.delivered > 0) onState({ is: 'new', count: summary.delivered });
    else onState({ is: 'idle' });
    if (asked.length === 0) onSummary(summary);
    for (const { resolve } of asked) resolve(summary);
  }

  /**
   * @param how `quiet`: it may heal by itself before a person has to hear of it; `waits`: it is over after `wait` ms;
   *   no `wait`: no check comes by itself
   */
  failed(
    error: MailboxError,
    asked: Asked[],
    { quiet, waits, wait }: { quiet: boolean; waits: boolean; wait: number | undefined },
  ): void {
    const { onState, onError } = this.#parts;
    const state = `${error.code} ${error.reason}`;
    if (waits && wait !== undefined) onState({ is: 'waiting', ms: wait });
    else onState({ is: 'failed', error });
    for (const { reject } of asked) reject(error);
    if (quiet || this.#reported === state) return;
    this.#reported = state;
    // The caller that requested the check has its answer already.
    if (asked.length === 0) onError(error);
  }
}

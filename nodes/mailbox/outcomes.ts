import type { CheckResult } from './check';
import type { CheckSummary } from './check-context';
import type { MailboxError } from './errors';
import type { Listeners } from './mailbox-parts';

/** Who has asked for a check, and hears of that one. */
export interface Asked {
  resolve: (summary: CheckSummary) => void;
  reject: (error: MailboxError) => void;
}

/** Tells how checks went: the state each time, an error once for each change for the worse. */
export class Outcomes {
  readonly #listeners: Listeners;
  #reported: string | undefined;

  constructor(listeners: Listeners) {
    this.#listeners = listeners;
  }

  succeeded({ summary, ignored }: Pick<CheckResult, 'summary' | 'ignored'>, asked: Asked[]): void {
    const listeners = this.#listeners;
    this.#reported = undefined;
    const count = summary.delivered;
    if (ignored) listeners.onState({ is: 'new', count, left: ignored });
    // A first check says that it went well, in an empty mailbox too.
    else if (count > 0 || ignored === 0) listeners.onState({ is: 'new', count });
    else listeners.onState({ is: 'idle' });
    if (asked.length === 0) listeners.onSummary(summary);
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
    const listeners = this.#listeners;
    const state = `${error.code} ${error.reason}`;
    if (waits && wait !== undefined) listeners.onState({ is: 'waiting', ms: wait });
    else listeners.onState({ is: 'failed', error });
    for (const { reject } of asked) reject(error);
    if (quiet || this.#reported === state) return;
    this.#reported = state;
    // The caller that requested the check has its answer already.
    if (asked.length === 0) listeners.onError(error);
  }
}

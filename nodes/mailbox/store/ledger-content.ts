import { checkRecord, type LedgerRecord, type Snapshot } from './ledger-records';
import type { LedgerState } from './ledger-state';
import type { LogContent } from './log';

/** What the lines of a ledger mean. */
export class LedgerContent implements LogContent<LedgerRecord> {
  readonly #state: LedgerState;

  constructor(state: LedgerState) {
    this.#state = state;
  }

  get format(): string {
    return 'redletter-ledger';
  }

  get version(): number {
    return 1;
  }

  apply(record: LedgerRecord): void {
    checkRecord(record);
    this.#state.apply(record);
  }

  snapshot(): Snapshot {
    return this.#state.snapshot();
  }

  isSnapshot(record: LedgerRecord): boolean {
    return record.is === 'snapshot';
  }
}

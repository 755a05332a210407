import { SparseMap } from '../../base/sparse';
import type { LedgerRecord } from './ledger-records';

/** Keys that are kept; where more were recorded, everything counts as changed. */
const MOST = 256;

/** Of which mails anything was recorded lately. */
export class Touched {
  /** The revision of each key's last record. */
  readonly #at = new SparseMap<string, number>();
  /** What was recorded before is not known. */
  #since = 0;

  /** @param revision the one that this record makes */
  note(record: LedgerRecord, revision: number): void {
    const keys = 'key' in record ? [record.key] : keysOf(record);
    if (keys === undefined || this.#at.size + keys.length > MOST) {
      this.#at.clear();
      this.#since = revision;
    } else for (const key of keys) this.#at.set(key, revision);
  }

  /** The mails of which anything was recorded after this revision; undefined where that may be any. */
  after(revision: number): string[] | undefined {
    if (revision < this.#since) return undefined;
    return [...this.#at].filter(([, at]) => at > revision).map(([key]) => key);
  }
}

/** Undefined: it concerns all mails. */
function keysOf(record: LedgerRecord): string[] | undefined {
  if (record.is === 'closed') return [];
  // A baseline is all that is listed.
  return 'keys' in record && record.is !== 'baseline' ? record.keys : undefined;
}

/** What the ledger knows of a mail. */
export type MailState =
  /** Was there before the first check, or counts as old: never delivered, never deleted. */
  | 'baseline'
  /** Delivered whole. */
  | 'processed'
  /** Delivered in part, or skipped: not asked for again, never deleted. */
  | 'kept'
  /** Failed too often: kept, until a person wants it tried again. */
  | 'quarantined';

/** As the lines name them: version 1 of the format, which must stay readable. */
export type StateOnDisk = 'baseline' | 'handled' | 'kept' | 'set-aside';
const FROM_DISK: Record<StateOnDisk, MailState> = {
  baseline: 'baseline',
  handled: 'processed',
  kept: 'kept',
  'set-aside': 'quarantined',
};
export const ON_DISK: Record<MailState, StateOnDisk> = {
  baseline: 'baseline',
  processed: 'handled',
  kept: 'kept',
  quarantined: 'set-aside',
};

/** A delivery that was begun and not finished, or a download that failed. */
export interface OpenDelivery {
  /** Deliveries that may have happened already. */
  deliveries: number;
  /** Downloads or deliveries that are known to have failed. */
  failures: number;
  /** Ends of the process that this mail alone can have caused. */
  crashes: number;
  /** The process has ended while this mail, or others with it, were being delivered. */
  suspected: boolean;
  /** Not to be tried before, ms since the epoch. */
  retryAt: number;
  /** It was nowhere any more, and that was reported. */
  lost: boolean;
}

/** One line of the file. `at` is seconds since the epoch: the file is read by people too. */
export type LedgerRecord =
  | { is: 'baseline'; at: number; keys: string[] }
  | { is: 'intend'; at: number; keys: string[] }
  | { is: 'withdraw'; keys: string[] }
  | { is: 'done'; at: number; key: string; state?: StateOnDisk }
  | { is: 'failed'; at: number; key: string; retryAt: number }
  /** The process before ended without a word; these may be why. One alone is counted, and waits until `retryAt`. */
  | { is: 'crashed'; at: number; keys: string[]; retryAt: number }
  /** Delivered, and the process is alive all the same. */
  | { is: 'survived'; key: string }
  /** An orderly end: what is under way now is no reason for anything. */
  | { is: 'closed'; at: number }
  | { is: 'old'; at: number; keys: string[] }
  | { is: 'gone'; at: number; keys: string[] }
  | { is: 'back'; keys: string[] }
  | { is: 'forget'; keys: string[] }
  | { is: 'again'; key: string }
  | { is: 'lost'; key: string }
  | { is: 'checked'; at: number }
  | Snapshot;

interface Snapshot {
  is: 'snapshot';
  baseline: boolean;
  checked: number;
  /** key, state in one letter, processed at */
  known: [string, string, number][];
  /** key, deliveries, failures, retry at (ms), crashes, suspected, lost; the last three came later */
  open: [string, number, number, number, number?, boolean?, boolean?][];
  gone: [string, number][];
  /** Came later. */
  underWay?: string[];
}

const LETTER: Record<MailState, string> = { baseline: 'b', processed: 'h', kept: 'k', quarantined: 's' };
const STATE: Record<string, MailState> = { b: 'baseline', h: 'processed', k: 'kept', s: 'quarantined' };
const NUMBER: Record<Exclude<MailState, 'processed'>, number> = { baseline: 0, kept: -1, quarantined: -2 };

/** What the lines of a ledger have said so far. */
export class LedgerState {
  /** True once the first complete listing stands on the disk. */
  hasBaseline = false;
  /** When the last check ended well, ms since the epoch; 0 for never. */
  lastChecked = 0;
  /** When mails vanished from the listing, seconds since the epoch. */
  readonly missing = new Map<string, number>();
  readonly openDeliveries = new Map<string, OpenDelivery>();
  /** What is recorded as about to be delivered, and neither finished, failed nor withdrawn: in this order. */
  readonly underWay = new Set<string>();

  // Numbers rather than objects: a hundred thousand mails have to fit into a few megabytes.
  // > 0: processed, seconds since the epoch; 0: baseline; -1: kept; -2: quarantined
  private readonly mails = new Map<string, number>();
  /** Those of -2: a few, which are listed without a look at all the others. */
  private readonly isolated = new Set<string>();

  state(key: string): MailState | undefined {
    const at = this.mails.get(key);
    if (at === undefined) return undefined;
    return stateOf(at);
  }

  /** The mails that failed too often, in the order in which they did. */
  get quarantined(): string[] {
    return [...this.isolated];
  }

  isQuarantined(key: string): boolean {
    return this.isolated.has(key);
  }

  isKnown(key: string): boolean {
    return this.mails.has(key);
  }

  /** When the mail was processed, ms since the epoch; undefined where it was not. */
  processedAt(key: string): number | undefined {
    const at = this.mails.get(key);
    return at !== undefined && at > 0 ? at * 1000 : undefined;
  }

  /** The remembered mails, processed or not. */
  *keys(): Iterable<string> {
    yield* this.mails.keys();
    for (const key of this.openDeliveries.keys()) if (!this.mails.has(key)) yield key;
  }

  /** The mails that need no delivery any more and that the last listing still had. */
  *present(): Iterable<string> {
    for (const key of this.mails.keys()) if (!this.missing.has(key)) yield key;
  }

  apply(record: LedgerRecord): void {
    switch (record.is) {
      case 'baseline':
        this.hasBaseline = true;
        for (const key of record.keys) this.settle(key, 'baseline', 0);
        break;
      case 'old':
        for (const key of record.keys) this.settle(key, 'baseline', 0);
        break;
      case 'intend':
        for (const key of record.keys) {
          const delivery = this.opened(key);
          delivery.deliveries += 1;
          delivery.lost = false;
          // At the end, also where it stood before.
          this.underWay.delete(key);
          this.underWay.add(key);
        }
        break;
      case 'withdraw':
        for (const key of record.keys) this.withdraw(key);
        break;
      case 'done':
        this.openDeliveries.delete(record.key);
        this.underWay.delete(record.key);
        this.settle(record.key, FROM_DISK[record.state ?? 'handled'], record.at);
        break;
      case 'again':
        this.isolated.delete(record.key);
        this.mails.delete(record.key);
        this.opened(record.key).deliveries ||= 1;
        break;
      case 'lost': {
        const delivery = this.openDeliveries.get(record.key);
        if (delivery !== undefined) delivery.lost = true;
        break;
      }
      case 'failed': {
        const delivery = this.opened(record.key);
        delivery.failures += 1;
        delivery.retryAt = record.retryAt * 1000;
        this.underWay.delete(record.key);
        break;
      }
      case 'crashed':
        for (const key of record.keys) this.opened(key).suspected = true;
        if (record.keys.length === 1) {
          const delivery = this.opened(record.keys[0] as string);
          delivery.crashes += 1;
          delivery.retryAt = record.retryAt * 1000;
        }
        this.underWay.clear();
        break;
      case 'survived': {
        const delivery = this.openDeliveries.get(record.key);
        if (delivery !== undefined) delivery.suspected = false;
        this.underWay.delete(record.key);
        break;
      }
      case 'closed':
        this.underWay.clear();
        break;
      case 'gone':
        for (const key of record.keys) this.missing.set(key, record.at);
        break;
      case 'back':
        for (const key of record.keys) this.missing.delete(key);
        break;
      case 'forget':
        for (const key of record.keys) {
          this.mails.delete(key);
          this.isolated.delete(key);
          this.missing.delete(key);
          this.openDeliveries.delete(key);
          this.underWay.delete(key);
        }
        break;
      case 'checked':
        this.lastChecked = record.at * 1000;
        break;
      case 'snapshot':
        this.restore(record);
        break;
    }
  }

  snapshot(): Snapshot {
    const known: Snapshot['known'] = [];
    for (const [key, at] of this.mails) {
      known.push([key, LETTER[stateOf(at)], Math.max(0, at)]);
    }
    return {
      is: 'snapshot',
      baseline: this.hasBaseline,
      checked: Math.floor(this.lastChecked / 1000),
      known,
      open: [...this.openDeliveries].map(([key, o]) => [
        key,
        o.deliveries,
        o.failures,
        o.retryAt,
        o.crashes,
        o.suspected,
        o.lost,
      ]),
      gone: [...this.missing],
      underWay: [...this.underWay],
    };
  }

  /** How many octets a snapshot would have, roughly. */
  estimateBytes(): number {
    let bytes = 200;
    for (const key of this.mails.keys()) bytes += key.length + 20;
    for (const key of this.missing.keys()) bytes += key.length + 16;
    for (const key of this.openDeliveries.keys()) bytes += key.length + 40;
    return bytes;
  }

  private restore(record: Snapshot): void {
    this.hasBaseline = record.baseline;
    this.lastChecked = record.checked * 1000;
    for (const [key, letter, at] of record.known) {
      this.settle(key, STATE[letter] ?? 'baseline', at);
    }
    for (const [
      key,
      deliveries,
      failures,
      retryAt,
      crashes = 0,
      suspected = false,
      lost = false,
    ] of record.open) {
      this.openDeliveries.set(key, { deliveries, failures, retryAt, crashes, suspected, lost });
    }
    for (const [key, at] of record.gone) this.missing.set(key, at);
    for (const key of record.underWay ?? []) this.underWay.add(key);
  }

  private settle(key: string, state: MailState, at: number): void {
    this.mails.set(key, state === 'processed' ? at : NUMBER[state]);
    if (state === 'quarantined') this.isolated.add(key);
    else this.isolated.delete(key);
  }

  private withdraw(key: string): void {
    this.underWay.delete(key);
    const delivery = this.openDeliveries.get(key);
    if (delivery === undefined) return;
    delivery.deliveries = Math.max(0, delivery.deliveries - 1);
    const { deliveries, failures, crashes, suspected } = delivery;
    if (deliveries + failures + crashes === 0 && !suspected) this.openDeliveries.delete(key);
  }

  private opened(key: string): OpenDelivery {
    let delivery = this.openDeliveries.get(key);
    if (delivery === undefined) {
      delivery = { deliveries: 0, failures: 0, crashes: 0, suspected: false, retryAt: 0, lost: false };
      this.openDeliveries.set(key, delivery);
    }
    return delivery;
  }
}

function stateOf(at: number): MailState {
  if (at > 0) return 'processed';
  return at === 0 ? 'baseline' : at === -1 ? 'kept' : 'quarantined';
}

/** What the ledger knows of a mail. */
export type MailState =
  /** Was there before the first check, or counts as old: never delivered, never deleted. */
  | 'baseline'
  /** Delivered whole. */
  | 'processed'
  /** Delivered in part, or skipped, or to be kept: not asked for again, never deleted. */
  | 'kept'
  /** Failed too often: kept, and tried once more each day. */
  | 'quarantined';

/** What a mail is recognized by, whatever its unique ID. */
export interface Identity {
  /** See `fingerprint.ts`. */
  fingerprint: string;
  /** By LIST, which need not be what RETR gives; undefined where it was not told. */
  bytes?: number;
}

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
  /** It was lost from the server and the spool, and that was reported. */
  lost: boolean;
  /** It was quarantined and is tried once more: the next failure is its last. */
  lastChance?: true;
  /** A person asked for that, and is told when it fails. */
  asked?: true;
}

/** As the lines name them: version 1 of the format, which must stay readable. */
export type StateOnDisk = 'baseline' | 'handled' | 'kept' | 'set-aside';
export const FROM_DISK: Record<StateOnDisk, MailState> = {
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

/** How a mail came to be done. */
export interface DoneDetails extends Partial<Identity> {
  /** Quarantined because it ended the process: it is not tried once more by itself. */
  crashed?: boolean;
  /** The flow wants it deleted, whatever the node does with processed mail. */
  deletion?: boolean;
}

/** One line of the log. `at` is seconds since the epoch: a file is read by people too. */
export type LedgerRecord =
  | { is: 'baseline'; at: number; keys: string[]; fingerprints?: string[]; bytes?: number[] }
  | { is: 'intend'; at: number; keys: string[] }
  | { is: 'withdraw'; keys: string[] }
  | ({ is: 'done'; at: number; key: string; state?: StateOnDisk } & DoneDetails)
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
  | { is: 'again'; key: string; lastChance?: true; asked?: true }
  | { is: 'lost'; key: string }
  | { is: 'checked'; at: number }
  | { is: 'paused'; paused: boolean }
  /** The next check is a first check again. */
  | { is: 'restart' }
  /** The server has confirmed that these are deleted. */
  | { is: 'deleted'; at: number; keys: string[] }
  /** What known mails are recognized by; -1: size unknown. */
  | { is: 'identity'; keys: string[]; fingerprints: string[]; bytes: number[] }
  /** Known mails are listed under other keys now; under the keys of `replaced` other mails are. All at once. */
  | { is: 'moved'; at: number; moves: [from: string, to: string][]; replaced: string[] }
  /**
   * The clock could be trusted (again) from here on, or not: days are counted again from a return of trust. `doubted`:
   * it may be behind and be set later; they go on as long as it is not.
   */
  | { is: 'clock'; at: number; trusted: boolean; doubted?: boolean }
  | Snapshot;

export interface Snapshot {
  is: 'snapshot';
  baseline: boolean;
  checked: number;
  /** key, state in one letter, at; what follows came later: fingerprint, bytes (-1: unknown) */
  known: [string, string, number, string?, number?][];
  /** key, deliveries, failures, retry at (ms); came later: crashes, suspected, lost, last chance, asked */
  open: [string, number, number, number, number?, boolean?, boolean?, boolean?, boolean?][];
  gone: [string, number][];
  /** Came later. */
  underWay?: string[];
  deleted?: string[];
  deletions?: string[];
  countedFrom?: number;
  distrusted?: boolean;
  doubted?: boolean;
  paused?: boolean;
  /** The first check: seconds since the epoch, and how many mails it ignored. */
  first?: [number, number];
}

/** `x`: quarantined because it ended the process. */
export const LETTER: Record<MailState, string> = {
  baseline: 'b',
  processed: 'h',
  kept: 'k',
  quarantined: 's',
};
export const CRASHED_LETTER = 'x';
export const STATE: Record<string, MailState> = {
  b: 'baseline',
  h: 'processed',
  k: 'kept',
  s: 'quarantined',
  [CRASHED_LETTER]: 'quarantined',
};

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
/** JSON writes a number that is none, or has no end, as null. */
const isNumber: Check = (value) => value === null || typeof value === 'number';
const isFlag: Check = (value) => typeof value === 'boolean';
const isList =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
/** A row that begins so; what came later may be missing. */
const isRow =
  (...checks: Check[]): Check =>
  (value) =>
    Array.isArray(value) && checks.every((check, index) => check(value[index]));
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);
const oneOf =
  (words: object): Check =>
  (value) =>
    typeof value === 'string' && Object.hasOwn(words, value);

const keys = { keys: isList(isText) };
const key = { key: isText };
const at = { at: isNumber };

/** What a record of a kind has to hold to be applied. */
const SHAPES: { [Kind in LedgerRecord['is']]: Record<string, Check> } = {
  baseline: { ...at, ...keys, fingerprints: maybe(isList(isText)), bytes: maybe(isList(isNumber)) },
  intend: { ...at, ...keys },
  withdraw: keys,
  done: { ...at, ...key, state: maybe(oneOf(FROM_DISK)), fingerprint: maybe(isText), bytes: maybe(isNumber) },
  failed: { ...key, retryAt: isNumber },
  crashed: { ...keys, retryAt: isNumber },
  survived: key,
  closed: {},
  old: keys,
  gone: { ...at, ...keys },
  back: keys,
  forget: keys,
  again: key,
  lost: key,
  checked: at,
  paused: { paused: isFlag },
  restart: {},
  deleted: { ...at, ...keys },
  identity: { ...keys, fingerprints: isList(isText), bytes: isList(isNumber) },
  moved: { ...at, moves: isList(isRow(isText, isText)), replaced: isList(isText) },
  clock: { ...at, trusted: isFlag, doubted: maybe(isFlag) },
  snapshot: {
    baseline: isFlag,
    checked: isNumber,
    known: isList(isRow(isText, oneOf(STATE), isNumber, maybe(isText), maybe(isNumber))),
    open: isList(isRow(isText, isNumber, isNumber, isNumber, maybe(isNumber))),
    gone: isList(isRow(isText, isNumber)),
    underWay: maybe(isList(isText)),
    deleted: maybe(isList(isText)),
    deletions: maybe(isList(isText)),
    countedFrom: maybe(isNumber),
    first: maybe(isRow(isNumber, isNumber)),
  },
};

/**
 * Refuses a record that lacks what belongs into it: applied, it would lose or repeat mail. One of a kind that is not
 * known is left to the reader.
 *
 * @throws TypeError
 */
export function checkRecord(record: LedgerRecord): void {
  if (!Object.hasOwn(SHAPES, record.is)) return;
  for (const [name, check] of Object.entries(SHAPES[record.is])) {
    if (!check((record as unknown as Record<string, unknown>)[name]))
      throw new TypeError(`${record.is}.${name}`);
  }
}

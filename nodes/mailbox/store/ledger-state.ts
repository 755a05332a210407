// Longer than 300 lines because every record changes this one state, and what one changes is read beside the others.
import { SparseMap, SparseSet } from '../../base/sparse';
import {
  CRASHED_LETTER,
  type DoneDetails,
  FROM_DISK,
  type Identity,
  LETTER,
  type LedgerRecord,
  type MailState,
  type OpenDelivery,
  type Snapshot,
  STATE,
} from './ledger-records';
import { Touched } from './touched';

/** > 0: processed, seconds since the epoch. Numbers, since a hundred thousand mails have to fit into few megabytes. */
const CODE: Record<Exclude<MailState, 'processed'>, number> = { baseline: 0, kept: -1, quarantined: -2 };

/** A mail that needs no delivery any more. */
class KnownMail {
  constructor(
    /** A {@link CODE}, or when it was processed. */
    readonly at: number,
    public fingerprint: string | undefined,
    /** -1: unknown. */
    public bytes: number,
  ) {}

  get state(): MailState {
    if (this.at > 0) return 'processed';
    return this.at === 0 ? 'baseline' : this.at === -1 ? 'kept' : 'quarantined';
  }
}

/** What the lines of a ledger have said so far. */
export class LedgerState {
  /** Counts what was recorded, other than that a check has ended: as long as it is the same, so is all the rest. */
  revision = 0;
  readonly touched = new Touched();
  /** True once the first complete listing is recorded. */
  hasBaseline = false;
  /** When the last check ended that left nothing, ms since the epoch; 0 for never. */
  lastChecked = 0;
  /** A person has paused the mailbox. */
  paused = false;
  /** When the first check was, seconds since the epoch, and how many mails it ignored. */
  firstCheck: { at: number; ignored: number } | undefined;
  /** The days of `expire` count from here on, seconds since the epoch: the clock could not be trusted before. */
  countedFrom = 0;
  /** The clock could not be trusted when that was last looked at. */
  distrusted = false;
  /** Mail came from the future since the days began: the clock may be behind, and be set later. */
  doubted = false;
  /** When mails vanished from the listing, seconds since the epoch. */
  readonly missing = new SparseMap<string, number>();
  readonly openDeliveries = new SparseMap<string, OpenDelivery>();
  /** What is recorded as about to be delivered, and neither finished, failed nor taken back: in this order. */
  readonly underWay = new SparseSet<string>();

  readonly #mails = new SparseMap<string, KnownMail>();
  /** The quarantined ones: a few, which are listed without reading all the others. `at`: seconds since the epoch. */
  readonly #isolated = new SparseMap<string, { at: number; crashed: boolean }>();
  /** Missing because this node has deleted them. */
  readonly #deleted = new SparseSet<string>();
  /** To be deleted, whatever the node does with processed mail. */
  readonly #deletions = new SparseSet<string>();

  state(key: string): MailState | undefined {
    return this.#mails.get(key)?.state;
  }

  /** The mails that failed too often, in the order in which they did. */
  get quarantined(): string[] {
    return [...this.#isolated.keys()];
  }

  /** When the mail was quarantined, seconds since the epoch, and whether for ending the process. */
  quarantine(key: string): Readonly<{ at: number; crashed: boolean }> | undefined {
    return this.#isolated.get(key);
  }

  isKnown(key: string): boolean {
    return this.#mails.has(key);
  }

  isDeleted(key: string): boolean {
    return this.#deleted.has(key);
  }

  deletionRequested(key: string): boolean {
    return this.#deletions.has(key);
  }

  identity(key: string): Readonly<Partial<Identity>> | undefined {
    const mail = this.#mails.get(key);
    if (mail === undefined) return undefined;
    const { fingerprint, bytes } = mail;
    return { ...(fingerprint !== undefined && { fingerprint }), ...(bytes >= 0 && { bytes }) };
  }

  fingerprint(key: string): string | undefined {
    return this.#mails.get(key)?.fingerprint;
  }

  /** By LIST; -1: unknown. */
  bytes(key: string): number {
    return this.#mails.get(key)?.bytes ?? -1;
  }

  /** When the mail was processed, ms since the epoch; undefined where it was not. */
  processedAt(key: string): number | undefined {
    const at = this.#mails.get(key)?.at ?? 0;
    return at > 0 ? at * 1000 : undefined;
  }

  /** The remembered mails, processed or not. */
  *keys(): Iterable<string> {
    yield* this.#mails.keys();
    for (const key of this.openDeliveries.keys()) if (!this.#mails.has(key)) yield key;
  }

  /** The mails that need no delivery any more, whether they are still listed or not. */
  known(): Iterable<string> {
    return this.#mails.keys();
  }

  /** The mails that need no delivery any more and that the last listing still had. */
  *present(): Iterable<string> {
    for (const key of this.#mails.keys()) if (!this.missing.has(key)) yield key;
  }

  apply(record: LedgerRecord): void {
    if (record.is !== 'checked') this.touched.note(record, ++this.revision);
    switch (record.is) {
      case 'baseline':
        this.hasBaseline = true;
        this.firstCheck = { at: record.at, ignored: record.keys.length };
        for (const [index, key] of record.keys.entries()) {
          const fingerprint = record.fingerprints?.[index] || undefined;
          this.#settle(key, 'baseline', 0, { fingerprint, bytes: record.bytes?.[index] });
        }
        break;
      case 'paused':
        this.paused = record.paused;
        break;
      case 'restart':
        this.hasBaseline = false;
        this.firstCheck = undefined;
        for (const [key, { state }] of [...this.#mails]) if (state === 'baseline') this.#forget(key);
        break;
      case 'old':
        for (const key of record.keys) this.#settle(key, 'baseline', 0);
        break;
      case 'done':
        this.openDeliveries.delete(record.key);
        this.underWay.delete(record.key);
        this.#settle(record.key, FROM_DISK[record.state ?? 'handled'], record.at, record);
        break;
      case 'moved':
        this.#move(record.moves, record.replaced, record.at);
        break;
      case 'identity':
        for (const [index, key] of record.keys.entries()) {
          const mail = this.#mails.get(key);
          if (mail === undefined) continue;
          mail.fingerprint = record.fingerprints[index] || undefined;
          mail.bytes = record.bytes[index] ?? -1;
        }
        break;
      case 'gone':
        for (const key of record.keys) this.missing.set(key, record.at);
        break;
      case 'deleted':
        for (const key of record.keys) {
          this.missing.set(key, record.at);
          this.#deleted.add(key);
        }
        break;
      case 'back':
        for (const key of record.keys) {
          this.missing.delete(key);
          this.#deleted.delete(key);
        }
        break;
      case 'forget':
        for (const key of record.keys) this.#forget(key);
        break;
      case 'checked':
        this.lastChecked = record.at * 1000;
        break;
      case 'clock':
        this.doubted = record.doubted === true;
        if (record.trusted && !this.doubted) this.countedFrom = record.at;
        this.distrusted = !record.trusted;
        break;
      case 'snapshot':
        this.#restore(record);
        break;
      default:
        this.#applyDelivery(record);
    }
  }

  snapshot(): Snapshot {
    const known: Snapshot['known'] = [];
    for (const [key, { at, state, fingerprint, bytes }] of this.#mails) {
      const aside = this.#isolated.get(key);
      const letter = aside?.crashed ? CRASHED_LETTER : LETTER[state];
      const row: Snapshot['known'][number] = [key, letter, aside?.at ?? Math.max(0, at)];
      if (fingerprint !== undefined || bytes >= 0) row.push(fingerprint ?? '', bytes);
      known.push(row);
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
        o.lastChance ?? false,
        o.asked ?? false,
      ]),
      gone: [...this.missing],
      underWay: [...this.underWay],
      deleted: [...this.#deleted],
      deletions: [...this.#deletions],
      countedFrom: this.countedFrom,
      distrusted: this.distrusted,
      ...(this.doubted && { doubted: true }),
      ...(this.paused && { paused: true }),
      ...(this.firstCheck && { first: [this.firstCheck.at, this.firstCheck.ignored] }),
    };
  }

  /** How many bytes a snapshot would have, roughly. */
  estimateBytes(): number {
    let bytes = 200;
    for (const [key, { fingerprint }] of this.#mails) {
      bytes += key.length + 20 + (fingerprint === undefined ? 0 : 20);
    }
    for (const key of this.missing.keys()) bytes += key.length + 16;
    for (const key of this.#deleted) bytes += key.length + 3;
    for (const key of this.openDeliveries.keys()) bytes += key.length + 40;
    return bytes;
  }

  #applyDelivery(
    record: Extract<
      LedgerRecord,
      { is: 'intend' | 'withdraw' | 'again' | 'lost' | 'failed' | 'crashed' | 'survived' | 'closed' }
    >,
  ): void {
    switch (record.is) {
      case 'intend':
        for (const key of record.keys) {
          const delivery = this.#opened(key);
          delivery.deliveries += 1;
          delivery.lost = false;
          // At the end, also where it stood before.
          this.underWay.delete(key);
          this.underWay.add(key);
        }
        break;
      case 'withdraw':
        for (const key of record.keys) this.#withdraw(key);
        break;
      case 'again': {
        this.#isolated.delete(record.key);
        this.#mails.delete(record.key);
        const delivery = this.#opened(record.key);
        delivery.deliveries ||= 1;
        if (record.lastChance) delivery.lastChance = true;
        if (record.asked) delivery.asked = true;
        break;
      }
      case 'lost': {
        const delivery = this.openDeliveries.get(record.key);
        if (delivery !== undefined) delivery.lost = true;
        break;
      }
      case 'failed': {
        const delivery = this.#opened(record.key);
        delivery.failures += 1;
        delivery.retryAt = record.retryAt * 1000;
        this.underWay.delete(record.key);
        break;
      }
      case 'crashed':
        for (const key of record.keys) this.#opened(key).suspected = true;
        if (record.keys.length === 1) {
          const delivery = this.#opened(record.keys[0] as string);
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
    }
  }

  #restore(record: Snapshot): void {
    this.hasBaseline = record.baseline;
    this.lastChecked = record.checked * 1000;
    this.countedFrom = record.countedFrom ?? 0;
    this.distrusted = record.distrusted ?? false;
    this.doubted = record.doubted === true;
    this.paused = record.paused === true;
    if (record.first) this.firstCheck = { at: record.first[0], ignored: record.first[1] };
    for (const [key, letter, at, fingerprint, bytes] of record.known) {
      const crashed = letter === CRASHED_LETTER;
      // Of a ledger that is merged with another: processed in one of them is processed.
      this.openDeliveries.delete(key);
      this.underWay.delete(key);
      this.#settle(key, STATE[letter] ?? 'baseline', at, {
        fingerprint: fingerprint || undefined,
        bytes,
        crashed,
      });
    }
    for (const row of record.open) {
      const [key, deliveries, failures, retryAt, crashes = 0, suspected = false, lost = false, last, asked] =
        row;
      const delivery: OpenDelivery = { deliveries, failures, retryAt, crashes, suspected, lost };
      if (last) delivery.lastChance = true;
      if (asked) delivery.asked = true;
      this.openDeliveries.set(key, delivery);
    }
    for (const [key, at] of record.gone) this.missing.set(key, at);
    for (const key of record.underWay ?? []) this.underWay.add(key);
    for (const key of record.deleted ?? []) this.#deleted.add(key);
    for (const key of record.deletions ?? []) this.#deletions.add(key);
  }

  #settle(
    key: string,
    state: MailState,
    at: number,
    {
      fingerprint,
      bytes = -1,
      crashed,
      deletion,
    }: { [K in keyof DoneDetails]: DoneDetails[K] | undefined } = {},
  ): void {
    const code = state === 'processed' ? at : CODE[state];
    this.#mails.set(key, new KnownMail(code, fingerprint, bytes));
    if (state === 'quarantined') this.#isolated.set(key, { at, crashed: crashed === true });
    else this.#isolated.delete(key);
    if (deletion) this.#deletions.add(key);
    else this.#deletions.delete(key);
  }

  /** Takes all of them up before it puts one down: two may change places. */
  #move(moves: [from: string, to: string][], replaced: string[], at: number): void {
    const taken = moves.flatMap(([from, to]) => {
      const mail = this.#mails.get(from);
      const deletion = this.#deletions.has(from);
      return mail === undefined ? [] : [{ to, mail, deletion, aside: this.#isolated.get(from) }];
    });
    for (const [from] of moves) this.#forget(from);
    for (const key of replaced) this.#forget(key);
    for (const { to, mail, aside, deletion } of taken) {
      this.#forget(to);
      this.#mails.set(to, mail);
      if (aside !== undefined) this.#isolated.set(to, aside);
      if (deletion) this.#deletions.add(to);
      // Under a key that no server can give: its mail is not listed now, and may be again.
      if (isDisplaced(to)) this.missing.set(to, at);
    }
  }

  #forget(key: string): void {
    this.#mails.delete(key);
    this.#isolated.delete(key);
    this.missing.delete(key);
    this.#deleted.delete(key);
    this.#deletions.delete(key);
    this.openDeliveries.delete(key);
    this.underWay.delete(key);
  }

  #withdraw(key: string): void {
    this.underWay.delete(key);
    const delivery = this.openDeliveries.get(key);
    if (delivery === undefined) return;
    delivery.deliveries = Math.max(0, delivery.deliveries - 1);
    const { deliveries, failures, crashes, suspected, lastChance } = delivery;
    if (deliveries + failures + crashes === 0 && !suspected && !lastChance) this.openDeliveries.delete(key);
  }

  #opened(key: string): OpenDelivery {
    let delivery = this.openDeliveries.get(key);
    if (delivery === undefined) {
      delivery = { deliveries: 0, failures: 0, crashes: 0, suspected: false, retryAt: 0, lost: false };
      this.openDeliveries.set(key, delivery);
    }
    return delivery;
  }
}

/** Where a known mail is kept whose ID another mail has got: no unique ID has a line end. */
export const displacedKey = (key: string, fingerprint: string): string => `${key}\n~${fingerprint}`;

export const isDisplaced = (key: string): boolean => key.includes('\n~');

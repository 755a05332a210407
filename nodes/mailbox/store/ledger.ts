// Longer than 300 lines because each thing that is recorded of a mail is a documented method of one class.
import type { MailboxError } from '../errors';
import { LedgerContent } from './ledger-content';
import {
  type DoneDetails,
  type Identity,
  type LedgerRecord,
  type MailState,
  ON_DISK,
  type OpenDelivery,
} from './ledger-records';
import { displacedKey, isDisplaced, LedgerState } from './ledger-state';
import type { Log, OpenLog } from './log';
import { RenumberedWaiting } from './renumbered-waiting';

/** How long a mail is remembered after the server last listed it. A box that comes back empty for a while must not flood the flow. */
const REMEMBERED_MS = 30 * 24 * 60 * 60 * 1000;

/** Below this many bytes a compaction is not worth its fsync. */
const COMPACT_BYTES = 256 * 1024;

/**
 * What was delivered from one mailbox to one node.
 *
 * A baseline and intents are on the disk (fsync) when their promise resolves; everything else is with the operating
 * system, so it survives the end of the process but not always a power failure.
 */
export class Ledger {
  readonly #log: Log<LedgerRecord>;
  readonly #remembered: LedgerState;
  readonly #now: () => number;
  readonly #compactBytes: number;
  /**
   * What was about to be delivered when the process before this one ended without closing the ledger, in that
   * order. Empty after {@link recordCrash}.
   */
  interrupted: readonly string[] = [];
  /** Not in the log. */
  readonly renumbered = new RenumberedWaiting();

  #liveBytes = 0;

  private constructor(
    log: Log<LedgerRecord>,
    remembered: LedgerState,
    now: () => number,
    compactBytes: number,
  ) {
    this.#log = log;
    this.#remembered = remembered;
    this.#now = now;
    this.#compactBytes = compactBytes;
    this.interrupted = [...remembered.underWay];
    this.#liveBytes = remembered.estimateBytes();
  }

  /**
   * @param openLog what holds the lines
   * @param now ms since the epoch
   * @param compactBytes a smaller log is never compacted
   * @throws MailboxError STORE, with the log's name and the system's reason
   */
  static async open(
    openLog: OpenLog,
    now: () => number = Date.now,
    compactBytes = COMPACT_BYTES,
  ): Promise<Ledger> {
    const state = new LedgerState();
    const log = await openLog(new LedgerContent(state));
    return new Ledger(log, state, now, compactBytes);
  }

  /** Names it in errors. */
  get name(): string {
    return this.#log.name;
  }

  /** True once the first complete listing stands on the disk. Until then every check is the first. */
  get hasBaseline(): boolean {
    return this.#remembered.hasBaseline;
  }

  /** A person has paused the mailbox: it stays so until they resume it, whatever is restarted. */
  get isPaused(): boolean {
    return this.#remembered.paused;
  }

  /** Durable when it resolves. */
  async recordPause(paused: boolean): Promise<void> {
    if (paused !== this.isPaused) await this.#log.durably({ is: 'paused', paused });
  }

  /** The first check: ms since the epoch, and how many mails it ignored; undefined where it is not known. */
  get firstCheck(): { at: number; ignored: number } | undefined {
    const { firstCheck } = this.#remembered;
    return firstCheck && { at: firstCheck.at * 1000, ignored: firstCheck.ignored };
  }

  /** The next check is a first check again; what was processed stays processed. Durable when it resolves. */
  recordRestart(): Promise<void> {
    return this.#log.durably({ is: 'restart' });
  }

  /** When the last check ended that left nothing for the next one, ms since the epoch; 0 for never. */
  get lastChecked(): number {
    return this.#remembered.lastChecked;
  }

  /** True where the mail needs no delivery any more. */
  isKnown(key: string): boolean {
    return this.#remembered.isKnown(key);
  }

  state(key: string): MailState | undefined {
    return this.#remembered.state(key);
  }

  /** The mails that failed too often, in the order in which they did. */
  get quarantined(): string[] {
    return this.#remembered.quarantined;
  }

  /** When the mail was processed, ms since the epoch; undefined where it was not. */
  processedAt(key: string): number | undefined {
    return this.#remembered.processedAt(key);
  }

  /** True where the last listing had it no more. */
  isMissing(key: string): boolean {
    return this.#remembered.missing.has(key);
  }

  /** The mails that the last listing had no more. */
  get missing(): Iterable<string> {
    return this.#remembered.missing.keys();
  }

  /** True where it is missing because this node has deleted it. */
  isDeleted(key: string): boolean {
    return this.#remembered.isDeleted(key);
  }

  /** When the mail vanished from the listing, ms since the epoch; undefined where it has not. */
  missingSince(key: string): number | undefined {
    const at = this.#remembered.missing.get(key);
    return at === undefined ? undefined : at * 1000;
  }

  /** What a mail that needs no delivery any more is recognized by; empty in a ledger of version 0.1. */
  identity(key: string): Readonly<Partial<Identity>> | undefined {
    return this.#remembered.identity(key);
  }

  fingerprint(key: string): string | undefined {
    return this.#remembered.fingerprint(key);
  }

  /** The size that LIST told of a known mail; -1: unknown. */
  bytes(key: string): number {
    return this.#remembered.bytes(key);
  }

  /** True where the flow wants the mail deleted, whatever the node does with processed mail. */
  deletionRequested(key: string): boolean {
    return this.#remembered.deletionRequested(key);
  }

  /** When the mail was quarantined, ms since the epoch, and whether for ending the process. */
  quarantine(key: string): { at: number; crashed: boolean } | undefined {
    const found = this.#remembered.quarantine(key);
    return found && { at: found.at * 1000, crashed: found.crashed };
  }

  /**
   * Since when the clock is trusted, ms since the epoch; undefined where it is not. Days of `expire` do not count
   * before.
   */
  get clockTrustedSince(): number | undefined {
    return this.#remembered.distrusted ? undefined : this.#remembered.countedFrom * 1000;
  }

  /** True where mail came from the future since then: the clock may be behind, and be set later. */
  get clockDoubted(): boolean {
    return this.#remembered.doubted;
  }

  /** Grows with everything that is recorded but the ends of checks. */
  get revision(): number {
    return this.#remembered.revision;
  }

  /** The mails of which anything was recorded after this revision; undefined where that may be any. */
  changedAfter(revision: number): string[] | undefined {
    return this.#remembered.touched.after(revision);
  }

  get hasOpenDeliveries(): boolean {
    return this.#remembered.openDeliveries.size > 0;
  }

  openDelivery(key: string): Readonly<OpenDelivery> | undefined {
    return this.#remembered.openDeliveries.get(key);
  }

  /** The mails that need no delivery any more, listed or not. */
  known(): Iterable<string> {
    return this.#remembered.known();
  }

  /** The mails that need no delivery any more and that the last listing still had. */
  present(): Iterable<string> {
    return this.#remembered.present();
  }

  /** Records the first complete listing: `keys` are what was there and is not downloaded. Durable when it resolves. */
  recordBaseline(keys: string[], identities?: ReadonlyMap<string, Identity>): Promise<void> {
    const record: LedgerRecord = { is: 'baseline', at: this.#seconds(), keys };
    if (identities !== undefined) Object.assign(record, columns(keys, identities));
    return this.#log.durably(record);
  }

  /** Unknown IDs that turned out to be mail from before, in a mailbox that was renumbered. Durable when it resolves. */
  markOld(keys: string[]): Promise<void> {
    return this.#log.durably({ is: 'old', at: this.#seconds(), keys });
  }

  /** Records that these mails are about to be delivered. Durable when it resolves; none may be delivered before. */
  recordIntents(keys: string[]): Promise<void> {
    return this.#log.durably({ is: 'intend', at: this.#seconds(), keys });
  }

  /** Takes an intent back: the mail was certainly not delivered. */
  async withdrawIntents(keys: string[]): Promise<void> {
    if (keys.length > 0) await this.#log.atOnce({ is: 'withdraw', keys });
  }

  /** The mail needs no further delivery: it was processed whole, or stays on the server as it is (`kept`). */
  async markDone(key: string, state: MailState = 'processed', details: DoneDetails = {}): Promise<void> {
    const record: LedgerRecord = { is: 'done', at: this.#seconds(), key, ...details };
    if (state !== 'processed') record.state = ON_DISK[state];
    await this.#log.atOnce(record);
  }

  /** Records what known mails are recognized by. */
  async recordIdentities(identities: ReadonlyMap<string, Identity>): Promise<void> {
    const keys = [...identities.keys()];
    if (keys.length === 0) return;
    const { fingerprints, bytes } = columns(keys, identities);
    await this.#log.atOnce({ is: 'identity', keys, fingerprints, bytes });
  }

  /**
   * The server lists known mails under other keys, and other mails under known keys. What is not listed is kept
   * aside, in case it is listed again. Durable when it resolves.
   */
  async recordMoves(moves: [from: string, to: string][], replaced: string[]): Promise<void> {
    const moved = new Set(moves.map(([from]) => from));
    const aside = replaced.flatMap((key): [string, string][] => {
      const fingerprint = this.#remembered.fingerprint(key);
      const keep = fingerprint !== undefined && !moved.has(key) && !this.isDeleted(key);
      return keep ? [[key, displacedKey(key, fingerprint)]] : [];
    });
    if (moves.length + replaced.length === 0) return;
    await this.#log.durably({ is: 'moved', at: this.#seconds(), moves: [...moves, ...aside], replaced });
  }

  /** The server has confirmed that these are deleted. */
  async recordDeletions(keys: string[]): Promise<void> {
    if (keys.length > 0) await this.#log.atOnce({ is: 'deleted', at: this.#seconds(), keys });
  }

  /** Records whether the clock can be trusted. A return of trust begins the days of `expire` again. */
  async recordClock(trusted: boolean): Promise<void> {
    await this.#log.atOnce({ is: 'clock', at: this.#seconds(), trusted });
  }

  /** Records that the clock may be behind. The days of `expire` go on for as long as it is not set. */
  async recordClockDoubt(): Promise<void> {
    await this.#log.atOnce({ is: 'clock', at: this.#seconds(), trusted: true, doubted: true });
  }

  /** A quarantined mail gets one more attempt. It may have been delivered, so the next delivery is marked. */
  async retry(key: string, { asked }: { asked: boolean }): Promise<void> {
    if (this.#remembered.quarantine(key) === undefined) return;
    await this.#log.atOnce({ is: 'again', key, lastChance: true, ...(asked && { asked }) });
  }

  /** Other mails may have these IDs now. They may be the known ones all the same, so they are delivered marked. */
  async markUncertain(keys: string[]): Promise<void> {
    await Promise.all(keys.map((key) => this.#log.atOnce({ is: 'again', key })));
  }

  /** Download or processing failed; not to be tried before `retryAt` (ms since the epoch). */
  async recordFailure(key: string, retryAt: number): Promise<void> {
    await this.#log.atOnce({ is: 'failed', at: this.#seconds(), key, retryAt: Math.ceil(retryAt / 1000) });
  }

  /**
   * The process before this one may have ended because of one of these: all are suspected from now on. Where it is a
   * single one the crash counts as its own, and it is not to be tried before `retryAt` (ms since the epoch).
   */
  async recordCrash(keys: string[], retryAt: number): Promise<void> {
    this.interrupted = [];
    await this.#log.atOnce({
      is: 'crashed',
      at: this.#seconds(),
      keys,
      retryAt: Math.ceil(retryAt / 1000),
    });
  }

  /** The runtime before this one lost the mailbox and did not crash: its last mails may be duplicates, and no more. */
  async recordTakeover(): Promise<void> {
    this.interrupted = [];
    await this.#log.atOnce({ is: 'closed', at: this.#seconds() });
  }

  /** A suspected mail was delivered and the process survived. */
  async recordSurvival(key: string): Promise<void> {
    await this.#log.atOnce({ is: 'survived', key });
  }

  /** What was delivered, is not processed, and has not been reported as lost. */
  *unprocessed(): Iterable<string> {
    for (const [key, { deliveries, lost }] of this.#remembered.openDeliveries)
      if (deliveries > 0 && !lost && !this.#remembered.isKnown(key)) yield key;
  }

  /** Lost from the server and the spool, and reported. Where it is listed after all, it is delivered. */
  async recordLoss(key: string): Promise<void> {
    await this.#log.atOnce({ is: 'lost', key });
  }

  /**
   * Compares with a complete listing: what vanished is forgotten `REMEMBERED_MS` after it was last listed, unless
   * it is still held.
   */
  async recordListing(
    keys: ReadonlySet<string>,
    stillHas: (key: string) => boolean = () => false,
  ): Promise<void> {
    const at = this.#seconds();
    const gone: string[] = [];
    const back: string[] = [];
    const forget: string[] = [];
    for (const key of this.#remembered.keys()) {
      const since = this.#remembered.missing.get(key);
      if (keys.has(key) && !isDisplaced(key)) {
        if (since !== undefined) back.push(key);
      } else if (since === undefined) gone.push(key);
      else if (this.#hasPassed(REMEMBERED_MS, since, at) && !stillHas(key)) forget.push(key);
    }
    if (gone.length > 0) await this.#log.atOnce({ is: 'gone', at, keys: gone });
    if (back.length > 0) await this.#log.atOnce({ is: 'back', keys: back });
    if (forget.length > 0) await this.#log.atOnce({ is: 'forget', keys: forget });
  }

  /** The same where all that has changed is that these known mails are not listed any more. */
  async recordGone(keys: string[]): Promise<void> {
    const gone = keys.filter((key) => !this.#remembered.missing.has(key));
    if (gone.length > 0) await this.#log.atOnce({ is: 'gone', at: this.#seconds(), keys: gone });
  }

  /**
   * Notes the end of a check that went well, and compacts the file when a third of it is history. Where mail was left
   * for the next one, what is unknown then may well have come before.
   */
  async recordCheck(complete = true): Promise<void> {
    if (complete) await this.#log.eventually({ is: 'checked', at: this.#seconds() });
    const before = this.#log.bytes;
    if (before <= this.#compactBytes || before <= 1.5 * this.#liveBytes) return;
    await this.#log.compact();
    if (this.#log.bytes < before) this.#liveBytes = this.#log.bytes;
  }

  /** Writes what is queued and lets the file go: an orderly end, which speaks against no mail. */
  async close(): Promise<void> {
    // A disk that is full now makes it look like a crash, which is counted and no more.
    if (this.#remembered.underWay.size > 0)
      this.#log.atOnce({ is: 'closed', at: this.#seconds() }).catch(() => undefined);
    await this.#log.close();
  }

  /** Lets the file go until something is to be noted again. Never rejects. */
  rest(): Promise<void> {
    return this.#log.rest();
  }

  /** Lets the file go as it is: another runtime has it now. A caller that still records something gets `why`. */
  abandon(why?: MailboxError): Promise<void> {
    return this.#log.abandon(why);
  }

  /** By a clock that was not set meanwhile. Both in seconds since the epoch. */
  #hasPassed(ms: number, since: number, at: number): boolean {
    const { countedFrom, distrusted } = this.#remembered;
    return !distrusted && (at - Math.max(since, countedFrom)) * 1000 > ms;
  }

  /** Never 0, which is the baseline: a machine without a battery may begin in 1970. */
  #seconds(): number {
    return Math.max(1, Math.floor(this.#now() / 1000));
  }
}

/** Beside each other rather than each with its names: a baseline may have a hundred thousand. */
function columns(
  keys: string[],
  identities: ReadonlyMap<string, Identity>,
): { fingerprints: string[]; bytes: number[] } {
  return {
    fingerprints: keys.map((key) => identities.get(key)?.fingerprint ?? ''),
    bytes: keys.map((key) => identities.get(key)?.bytes ?? -1),
  };
}

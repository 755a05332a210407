import {
  type Acknowledgement,
  type AckOutcome,
  type AssertOwner,
  type CheckSummary,
  Ledger,
  Mailbox,
  MailboxError,
  type MailboxParts,
  type MailboxState,
  type Spool,
} from '../../mailbox';
import { AckDelivery } from '../../mailbox/delivery/ack';
import type { LedgerLoan } from '../ledgers';
import type { RunningMailbox } from '../running-mailbox';
import type { Database, Prepared } from './database';
import type { Inbox } from './inbox';
import type { Lease, Leases } from './leases';
import { databaseLog } from './lines';
import type { LocalLedgers } from './move';
import { ownedElsewhere } from './owned';
import { DatabaseSpool } from './spool';

/** Nodes of this mailbox in flows of other replicas that live. */
const OTHER_NODES: Prepared = {
  name: 'other-nodes',
  text: `select distinct a.node from attendance a join replica r on r.id = a.replica
    where a.mailbox = $1 and r.died is null and a.node <> all ($2::text[])`,
};
/** A new process of the same name tells a crash from a replica that was cut off, which counts against no mail. */
const CRASHED: Prepared = {
  name: 'crashed',
  text: `select exists (select from replica p join replica n on n.name = p.name and n.id <> p.id
    where p.id = $1 and n.started >= p.beat and n.earlier is null) as crashed`,
};

/** What a mailbox needs of its fleet. */
export interface AttendingFleet {
  /** Undefined while the database has never answered. */
  readonly connected: { database: Database; leases: Leases; inbox: Inbox } | undefined;
  /** Why nothing can be owned just now. */
  readonly trouble: MailboxError | undefined;
  /** What this Node-RED kept in files before it joined. */
  readonly local: LocalLedgers | undefined;
  /** What else is attended here of the same mailbox. */
  others(of: AttendedMailbox): AttendedMailbox[];
  /** Asked of a lease that does not stand any more: the session may have run out. */
  doubt(): void;
  /** The node is closed, and has recorded everything. */
  left(one: AttendedMailbox): Promise<void>;
}

/** The ledger of one lease; `open` once it has been read. */
type OpenLedger = { lease: Lease; opening: Promise<Ledger>; open?: Ledger };

/**
 * One node's mailbox in a fleet. While this replica owns the mailbox, a {@link Mailbox} runs in it; a new one for each
 * lease, so that nothing of an earlier lease is ever taken for one of the present.
 */
export class AttendedMailbox implements LedgerLoan, RunningMailbox {
  readonly #fleet: AttendingFleet;
  #parts: MailboxParts | undefined;
  #lease: Lease | undefined;
  #inner: Mailbox | undefined;
  #ledger: OpenLedger | undefined;
  /** What the last lease left is over when this resolves. */
  #ending: Promise<void> = Promise.resolve();
  #started = false;
  /** The deliveries of this lease are known: an acknowledgement of any other is of no use. */
  isReady = false;
  /** Ends the wait for another replica's check: the mailbox has come here. */
  #taken = new AbortController();
  #closed = new AbortController();
  #reported: string | undefined;
  #tell: MailboxParts['onError'] | undefined;
  #state: MailboxState = { is: 'idle' };
  /** Nodes elsewhere that want each mail of this mailbox too. */
  #othersElsewhere = true;

  constructor(
    fleet: AttendingFleet,
    readonly node: string,
    readonly mailbox: string,
  ) {
    this.#fleet = fleet;
  }

  // What the node does with it.

  run(parts: MailboxParts): RunningMailbox {
    this.#tell = parts.onError;
    this.#parts = {
      ...parts,
      onState: (state) => {
        this.#state = state;
        parts.onState(state);
      },
      onError: (error) => this.#report(error),
    };
    return this;
  }

  start(): void {
    this.#started = true;
    if (this.#lease !== undefined) this.#begin();
    else this.#showWhere();
  }

  async stop(): Promise<void> {
    this.#closed.abort();
    this.#started = false;
    await this.end();
  }

  async check(): Promise<CheckSummary> {
    if (this.#inner !== undefined) return this.#inner.check();
    const { connected, trouble } = this.#fleet;
    if (trouble !== undefined || connected === undefined) throw trouble ?? unavailable();
    // The mailbox may come here while its former owner is waited for.
    this.#taken = new AbortController();
    const signal = AbortSignal.any([this.#taken.signal, this.#closed.signal]);
    try {
      return await connected.inbox.check(this.mailbox, this.node, signal);
    } catch (error) {
      if (this.#closed.signal.aborted) throw new MailboxError('CONNECT', 'stopped');
      const inner = this.#inner as Mailbox | undefined;
      if (this.#taken.signal.aborted && inner !== undefined) return inner.check();
      throw error;
    }
  }

  wake(): void {
    if (this.#inner !== undefined) this.#inner.wake();
    else this.check().catch(() => undefined);
  }

  retry(): void {
    this.#inner?.retry();
  }

  async tryAgain(uid: string): Promise<boolean> {
    return (await this.#inner?.tryAgain(uid)) ?? false;
  }

  async acknowledge(delivery: string, outcome: AckOutcome): Promise<Acknowledgement> {
    const here = await this.#inner?.acknowledge(delivery, outcome);
    if (here !== undefined && here !== 'unknown') return here;
    const { connected } = this.#fleet;
    if (connected === undefined) throw unavailable();
    return connected.inbox.acknowledge(this.node, delivery, outcome);
  }

  async pause(): Promise<void> {
    await this.#here().pause();
  }

  async resume(): Promise<void> {
    await this.#here().resume();
  }

  async restart(first: string): Promise<void> {
    await this.#here().restart(first);
  }

  get isPaused(): boolean {
    return this.#inner?.isPaused ?? false;
  }

  get firstCheck(): { at: number; ignored: number } | undefined {
    return this.#inner?.firstCheck;
  }

  /** @throws MailboxError where another replica owns the mailbox */
  #here(): Mailbox {
    if (this.#inner === undefined) throw this.#fleet.trouble ?? ownedElsewhere();
    return this.#inner;
  }

  get inFlight(): number {
    return this.#inner?.inFlight ?? 0;
  }

  get unacknowledged(): number {
    return this.#inner?.unacknowledged ?? 0;
  }

  get quarantined(): string[] {
    return this.#inner?.quarantined ?? [];
  }

  get nextCheckAt(): number | undefined {
    return this.#inner?.nextCheckAt;
  }

  // What the fleet does with it.

  /** True where moving the mailbox would end nothing. */
  get isIdle(): boolean {
    const { is } = this.#state;
    return is !== 'checking' && is !== 'progress' && this.inFlight === 0;
  }

  /** The mailbox is owned here from now on. */
  own(lease: Lease): void {
    this.#lease = lease;
    if (this.#started) this.#begin();
  }

  /** It is owned here no more: everything ends at once, and nothing more is written. */
  lose(): void {
    this.#lease = undefined;
    const ledger = this.#ledger;
    this.#ledger = undefined;
    ledger?.open?.abandon(ownedElsewhere()).catch(() => undefined);
    this.#stopInner();
    this.#showWhere();
  }

  /** Ends in order, and has written everything when it resolves; the lease is given back after that. */
  async end(): Promise<void> {
    this.#stopInner();
    await this.#ending;
    const ledger = this.#ledger;
    this.#lease = undefined;
    this.#ledger = undefined;
    await (await ledger?.opening.catch(() => undefined))?.close();
    if (this.#started) this.#showWhere();
  }

  /** An acknowledgement or a check that another replica has asked for. */
  get running(): Mailbox | undefined {
    return this.#inner;
  }

  /** Nothing can be owned any more, or it can again. */
  showTrouble(): void {
    if (this.#fleet.trouble === undefined) this.#reported = undefined;
    this.#showWhere();
  }

  #showWhere(): void {
    if (!this.#started || this.#inner !== undefined) return;
    const { trouble } = this.#fleet;
    if (trouble === undefined) {
      this.#parts?.onState({ is: 'elsewhere' });
      return;
    }
    this.#parts?.onState({ is: 'failed', error: trouble });
    this.#report(trouble);
  }

  // What the mailbox needs of the store.

  open(): Promise<Ledger> {
    return this.#lease === undefined ? Promise.reject(ownedElsewhere()) : this.#openLedger(this.#lease);
  }

  spool(): Promise<Spool> {
    return this.#lease === undefined ? Promise.reject(ownedElsewhere()) : this.#openSpool(this.#lease);
  }

  mayDelete(mail: string): boolean {
    if (this.#othersElsewhere) return false;
    return this.#fleet.others(this).every((other) => {
      const ledger = other.#ledger;
      // As with files: a node has to have received this very mail, whole.
      const state = ledger?.open?.isMissing(mail) ? undefined : ledger?.open?.state(mail);
      return state !== undefined && state !== 'kept' && state !== 'quarantined';
    });
  }

  assertOwner: AssertOwner = () => {
    if (this.#lease === undefined) throw ownedElsewhere();
    this.#assertLease(this.#lease);
  };

  async giveBack(): Promise<void> {
    await this.#fleet.left(this);
  }

  #begin(): void {
    const lease = this.#lease;
    const parts = this.#parts;
    if (lease === undefined || parts === undefined || this.#inner !== undefined) return;
    this.#ending = this.#ending.then(() => {
      if (this.#lease !== lease || !this.#started || this.#inner !== undefined) return;
      this.#reported = undefined;
      this.isReady = false;
      this.#inner = new Mailbox({
        ...parts,
        ledger: async () => {
          await this.#lookForOthers();
          return this.#openLedger(lease);
        },
        spool: async () => {
          const spool = await this.#openSpool(lease);
          // What knows the deliveries is made of it in this very turn.
          setImmediate(() => {
            this.isReady = this.#lease === lease;
          });
          return spool;
        },
        // Not even a session is opened for a lease that does not stand any more.
        open: async (signal) => {
          this.#assertLease(lease);
          return parts.open(signal);
        },
        mayDelete: (mail) => this.mayDelete(mail),
        assertOwner: () => this.#assertLease(lease),
      });
      this.#inner.start();
      this.#taken.abort();
    });
  }

  #stopInner(): void {
    const inner = this.#inner;
    if (inner === undefined) return;
    this.#inner = undefined;
    this.#ending = inner.stop().catch(() => undefined);
  }

  #assertLease(lease: Lease): void {
    if (this.#fleet.connected?.leases.owns(lease)) return;
    this.#fleet.doubt();
    throw ownedElsewhere();
  }

  #openLedger(lease: Lease): Promise<Ledger> {
    this.#assertLease(lease);
    if (this.#ledger?.lease === lease) return this.#ledger.opening;
    const kept: OpenLedger = { lease, opening: this.#readLedger(lease) };
    this.#ledger = kept;
    kept.opening.then(
      (ledger) => {
        kept.open = ledger;
        if (this.#ledger !== kept) ledger.abandon(ownedElsewhere()).catch(() => undefined);
      },
      () => {
        if (this.#ledger === kept) this.#ledger = undefined;
      },
    );
    return kept.opening;
  }

  async #readLedger(lease: Lease): Promise<Ledger> {
    const { database } = this.#connection();
    const fenced = () => this.#connection().leases.fence(lease);
    const log = databaseLog(database, lease, this.node, fenced);
    const openSpool = () => this.#openSpool(lease);
    await this.#fleet.local?.bringIn(this.node, lease.mailbox, log, openSpool, this.#closed.signal);
    const ledger = await Ledger.open(log, this.#parts?.clock.now);
    if (ledger.interrupted.length > 0 && lease.previous !== undefined) {
      const [row] = await database.query<{ crashed: boolean }>(CRASHED, [lease.previous]);
      if (!row?.crashed) await ledger.recordTakeover();
    }
    await this.#applyWords(lease, ledger);
    return ledger;
  }

  #openSpool(lease: Lease): Promise<Spool> {
    const { database, leases } = this.#connection();
    return DatabaseSpool.open(database, lease, this.node, () => leases.fence(lease));
  }

  /** What the flow said while no replica owned the mailbox counts before anything is delivered again. */
  async #applyWords(lease: Lease, ledger: Ledger): Promise<void> {
    const { inbox } = this.#connection();
    const words = await inbox.acknowledgements(lease.mailbox, this.node);
    if (words.length === 0 || this.#parts === undefined) return;
    const { reading, settings, clock } = this.#parts;
    const delivery = new AckDelivery({
      ledger,
      spool: await this.#openSpool(lease),
      reading,
      origin: settings,
      deliver: () => Promise.reject(ownedElsewhere()),
      assertOwner: () => this.#assertLease(lease),
      settings: { ackTimeout: 0, maxAttempts: settings.maxAttempts, maxInFlight: 0 },
      clock,
      onRoom: () => undefined,
      onQuarantined: () => undefined,
      onError: () => undefined,
    });
    for (const { delivery: name, outcome } of words)
      if (name !== null && outcome !== null) await delivery.acknowledge(name, outcome);
    delivery.stop();
    await inbox.drop(words);
  }

  /** A node that this replica's flows lack has not had its mail: nothing is deleted then. */
  async #lookForOthers(): Promise<void> {
    if (this.#parts?.settings.after === 'keep') return;
    const here = [this.node, ...this.#fleet.others(this).map(({ node }) => node)];
    const rows = await this.#connection().database.query(OTHER_NODES, [this.mailbox, here]);
    this.#othersElsewhere = rows.length > 0;
  }

  #connection(): NonNullable<AttendingFleet['connected']> {
    const { connected } = this.#fleet;
    if (connected === undefined) throw this.#fleet.trouble ?? unavailable();
    return connected;
  }

  /** Once for each change: a mailbox that was being checked when the database went away has said so already. */
  #report(error: MailboxError): void {
    const state = `${error.code} ${error.reason}`;
    if (this.#reported === state) return;
    this.#reported = state;
    this.#tell?.(error);
  }
}

const unavailable = (): MailboxError => new MailboxError('STORE', 'database-unavailable', { facts: {} });

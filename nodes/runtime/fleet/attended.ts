import { Stop } from '../../base/stop';
import {
  type Acknowledgement,
  type AckOutcome,
  type AssertOwner,
  type CheckSummary,
  type Ledger,
  Mailbox,
  MailboxError,
  type MailboxParts,
  type Spool,
  stopped,
} from '../../mailbox';
import { hadBy } from '../had-by';
import type { LedgerLoan } from '../ledger-loan';
import type { RunningMailbox } from '../running-mailbox';
import { type Connected, LeasedStore, type StoringFleet, type StoringNode } from './leased-store';
import type { Lease } from './leases';
import { ownedElsewhere } from './owned';
import { ShownState } from './shown';

/** What a mailbox needs of its fleet. */
export interface AttendingFleet extends StoringFleet {
  /** Undefined while the database has never answered. */
  readonly connected: Connected | undefined;
  /** Why nothing can be owned just now. */
  readonly trouble: MailboxError | undefined;
  /** What else is attended here of the same mailbox. */
  others(of: AttendedMailbox): AttendedMailbox[];
  /** The node is closed, and has recorded everything. */
  left(one: AttendedMailbox): Promise<void>;
}

/**
 * One node's mailbox in a fleet. While this replica owns the mailbox, a {@link Mailbox} runs in it; a new one for each
 * lease, so that nothing of an earlier lease is ever taken for one of the present.
 */
export class AttendedMailbox implements LedgerLoan, RunningMailbox, StoringNode {
  readonly #fleet: AttendingFleet;
  /** Undefined before the node has said how its mails are read. */
  parts: MailboxParts | undefined;
  /** Of the present lease. */
  #store: LeasedStore | undefined;
  #inner: Mailbox | undefined;
  /** What the last lease left is over when this resolves. */
  #ending: Promise<void> = Promise.resolve();
  #started = false;
  /** The deliveries of this lease are known: an acknowledgement of any other is of no use. */
  isReady = false;
  /** Ends the wait for another replica's check: the mailbox has come here. */
  #taken: AbortController | undefined;
  readonly closed = new Stop();
  readonly #shown: ShownState;
  /** Nodes elsewhere that want each mail of this mailbox too. */
  #othersElsewhere = true;

  constructor(
    fleet: AttendingFleet,
    readonly node: string,
    readonly mailbox: string,
  ) {
    this.#fleet = fleet;
    this.#shown = new ShownState(() => fleet.trouble);
  }

  run(parts: MailboxParts): RunningMailbox {
    this.parts = this.#shown.watch(parts);
    return this;
  }

  start(): void {
    this.#started = true;
    if (this.#store !== undefined) this.#begin();
    else this.#showWhere();
  }

  async stop(): Promise<void> {
    this.closed.stop();
    this.#started = false;
    await this.end();
  }

  async check(): Promise<CheckSummary> {
    const own = this.#inner;
    const here = await own?.check().catch((error: MailboxError) => {
      // The mailbox has moved meanwhile: its next owner is asked.
      if (error.reason !== 'stopped' || own === this.#inner || this.closed.isStopped) throw error;
    });
    if (here !== undefined) return here;
    const { connected, trouble } = this.#fleet;
    if (trouble !== undefined || connected === undefined) throw trouble ?? unavailable();
    const taking = new AbortController();
    this.#taken = taking;
    const taken = taking.signal;
    try {
      return await this.closed.during((closed) =>
        connected.inbox.check(this.mailbox, this.node, AbortSignal.any([taken, closed])),
      );
    } catch (error) {
      if (this.closed.isStopped) throw stopped();
      // It has come here, and may have gone again before the answer to that was read.
      if (taken.aborted) return this.check();
      throw error;
    } finally {
      if (this.#taken === taking) this.#taken = undefined;
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
    return this.#here().tryAgain(uid);
  }

  async acknowledge(delivery: string, outcome: AckOutcome): Promise<Acknowledgement> {
    const here = await this.#inner?.acknowledge(delivery, outcome);
    if (here !== undefined && here !== 'unknown') return here;
    const { connected } = this.#fleet;
    if (connected === undefined) throw unavailable();
    const answer = await connected.inbox.acknowledge(this.node, delivery, outcome);
    // Delivered here, before the mailbox moved.
    if (answer === 'accepted') this.parts?.onAcknowledged?.(delivery, outcome);
    return answer;
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

  /** True where moving the mailbox would end nothing. */
  get isIdle(): boolean {
    return !this.#shown.isChecking && this.inFlight === 0;
  }

  /** The mailbox is owned here from now on. */
  own(lease: Lease): void {
    const { connected } = this.#fleet;
    if (connected === undefined) return;
    this.#store = new LeasedStore(lease, connected, { fleet: this.#fleet, node: this });
    if (this.#started) this.#begin();
  }

  /** It is owned here no more: everything ends at once, and nothing more is written. */
  lose(): void {
    this.#store?.abandon();
    this.#store = undefined;
    this.#stopInner();
    this.#showWhere();
  }

  /** Ends in order, and has written everything when it resolves; the lease is given back after that. */
  async end(): Promise<void> {
    this.#stopInner();
    await this.#ending;
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
    if (this.#started) this.#showWhere();
  }

  /** An acknowledgement or a check that another replica has asked for. */
  get running(): Mailbox | undefined {
    return this.#inner;
  }

  /** Nothing can be owned any more, or it can again. */
  showTrouble(): void {
    if (this.#fleet.trouble === undefined) this.#shown.forgetReported();
    this.#showWhere();
  }

  #showWhere(): void {
    if (this.#started && this.#inner === undefined) this.#shown.showWhere();
  }

  open(): Promise<Ledger> {
    return this.#store?.ledger() ?? Promise.reject(ownedElsewhere());
  }

  spool(): Promise<Spool> {
    return this.#store?.spool() ?? Promise.reject(ownedElsewhere());
  }

  mayDelete(mail: string): boolean {
    if (this.#othersElsewhere) return false;
    const mine = this.#store?.opened?.fingerprint(mail);
    return this.#fleet.others(this).every((other) => hadBy(other.#store?.opened, mail, mine));
  }

  assertOwner: AssertOwner = () => {
    if (this.#store === undefined) throw ownedElsewhere();
    this.#store.assertOwner();
  };

  async giveBack(): Promise<void> {
    await this.#fleet.left(this);
  }

  #begin(): void {
    const store = this.#store;
    const parts = this.parts;
    if (store === undefined || parts === undefined || this.#inner !== undefined) return;
    this.#ending = this.#ending.then(() => {
      if (this.#store !== store || !this.#started || this.#inner !== undefined) return;
      this.#shown.forgetReported();
      this.isReady = false;
      this.#inner = new Mailbox({
        ...parts,
        ledger: async () => {
          const here = [this.node, ...this.#fleet.others(this).map(({ node }) => node)];
          this.#othersElsewhere = parts.settings.after !== 'keep' && (await store.hasNodesBeside(here));
          return store.ledger();
        },
        spool: async () => {
          const spool = await store.spool();
          // What knows the deliveries is made of it in this very turn.
          setImmediate(() => {
            this.isReady = this.#store === store;
          });
          return spool;
        },
        // Not even a session is opened for a lease that does not stand any more.
        open: async (signal) => {
          store.assertOwner();
          return parts.open(signal);
        },
        mayDelete: (mail) => this.mayDelete(mail),
        assertOwner: () => store.assertOwner(),
      });
      this.#inner.start();
      this.#taken?.abort();
    });
  }

  #stopInner(): void {
    const inner = this.#inner;
    if (inner === undefined) return;
    this.#inner = undefined;
    this.#ending = inner.stop().catch(() => undefined);
  }
}

const unavailable = (): MailboxError => new MailboxError('STORE', 'database-unavailable', { facts: {} });

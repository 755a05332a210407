import { EventEmitter } from 'node:events';
import { monotonicNow } from '../../base/clock';
import { type Acknowledgement, type AckOutcome, type Clock, MailboxError } from '../../mailbox';
import type { LedgerLoan, LedgerRoom } from '../ledger-loan';
import { AttendedMailbox, type AttendingFleet } from './attended';
import { Database, type DatabaseEvents, type Notices } from './database';
import { ANSWERS, Inbox, WORDS } from './inbox';
import { Leases } from './leases';
import { type Clocks, Membership, PACE, type Pace } from './membership';
import { LocalLedgers } from './move';
import { Places } from './places';
import { compareSecret } from './secret';
import type { FleetSettings } from './settings';
import { FleetSignIns, SIGN_INS } from './sign-ins';
import { drain, type FleetStanding, move, standingOf } from './standing';
import { FleetTokens, TOKENS } from './tokens';
import { Words } from './words';

/** After the database, or its schema, was not to be had. */
const CONNECT_AGAIN_MS = 3_000;
/** Ledgers that are opened at the same time: no statement waits so long for a connection that it fails. */
const OPENED_AT_ONCE = 8;

export interface FleetOptions {
  settings: FleetSettings;
  /** credentialSecret: the same on every replica. */
  secret: string | undefined;
  /** Of this package. */
  version: string;
  clock: Clock;
  /** Where this Node-RED kept its ledgers before: they are brought in. */
  folder?: string;
  pace?: Pace;
}

interface Connected {
  database: Database;
  membership: Membership;
  leases: Leases;
  inbox: Inbox;
  words: Words;
}

/**
 * This Node-RED as one replica of a fleet: which mailboxes it owns, and everything they need of the database. It
 * connects and reconnects by itself.
 */
export class Fleet implements LedgerRoom, AttendingFleet {
  readonly #options: FleetOptions;
  connected: Connected | undefined;
  trouble: MailboxError | undefined;

  readonly local: LocalLedgers | undefined;
  readonly opening = new Places(OPENED_AT_ONCE);
  /** The tokens of all accounts, in place of those in this Node-RED's own settings. */
  readonly tokens: FleetTokens;
  /** The sign-ins of all accounts: begun here, perhaps, and answered elsewhere. */
  readonly signIns: FleetSignIns;
  /** What other replicas say, whenever the database is there. */
  readonly #notices: Notices = new EventEmitter<DatabaseEvents>().setMaxListeners(0);
  readonly #clocks: Clocks;
  /** By mailbox. */
  readonly #attended = new Map<string, Set<AttendedMailbox>>();
  readonly #moving = new Set<string>();
  #connecting: Promise<void> | undefined;
  #again: unknown;
  /** The last beat failed, though the session may have outlived that. */
  #failing = false;
  /** Since when no mailbox could be claimed though beats went well, ms of the monotonic clock. */
  #unclaimedSince: number | undefined;
  #over = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#clocks = { ...options.clock, monotonic: () => monotonicNow(options.clock) };
    this.local = options.folder === undefined ? undefined : new LocalLedgers(options.folder, options.clock);
    const database = () => this.#database();
    this.tokens = new FleetTokens(database, options.secret ?? '', this.#notices);
    this.signIns = new FleetSignIns(database, options.secret ?? '', options.clock.now, this.#notices);
    this.#connect();
  }

  attend(node: string, mailbox: string): LedgerLoan {
    const one = new AttendedMailbox(this, node, mailbox);
    const all = this.#attended.get(mailbox) ?? new Set();
    this.#attended.set(mailbox, all.add(one));
    if (this.connected !== undefined) {
      this.connected.leases.attend(mailbox, node);
      const lease = this.connected.leases.lease(mailbox);
      if (lease !== undefined && !this.#moving.has(mailbox)) one.own(lease);
    }
    return one;
  }

  /** An acknowledgement of a mail that no node here delivers. @throws MailboxError STORE */
  async acknowledge(node: string, delivery: string, outcome: AckOutcome): Promise<Acknowledgement> {
    if (this.connected === undefined) throw this.trouble ?? unavailable();
    return this.connected.inbox.acknowledge(node, delivery, outcome);
  }

  /** How the fleet is: who is there, and which replica owns each mailbox of the flows here. @throws MailboxError STORE */
  async standing(): Promise<FleetStanding> {
    if (this.connected === undefined) throw this.trouble ?? unavailable();
    const { database, membership } = this.connected;
    return standingOf(
      database,
      membership.id,
      [...this.#attended.values()].flatMap((all) => [...all]),
    );
  }

  /** Every mailbox of a replica is moved to others, or it takes its share again. @throws MailboxError STORE */
  async drain(name: string, draining: boolean): Promise<boolean> {
    return drain(await this.#database(), name, draining);
  }

  /** Moves the mailbox of a node here to another replica. False where that cannot be. @throws MailboxError STORE */
  async move(node: string, name: string): Promise<boolean> {
    const mine = [...this.#attended.values()].flatMap((all) => [...all]).find((one) => one.node === node);
    return mine !== undefined && (await move(await this.#database(), mine.mailbox, name));
  }

  others(of: AttendedMailbox): AttendedMailbox[] {
    return [...(this.#attended.get(of.mailbox) ?? [])].filter((one) => one !== of && one.node !== of.node);
  }

  doubt(): void {
    this.connected?.membership.suspect();
  }

  async left(one: AttendedMailbox): Promise<void> {
    const all = this.#attended.get(one.mailbox);
    if (!all?.delete(one)) return;
    const { connected } = this;
    // The same node, made again by a deploy, may be there already.
    if (![...all].some(({ node }) => node === one.node)) connected?.leases.unattend(one.mailbox, one.node);
    if (all.size > 0) return;
    this.#attended.delete(one.mailbox);
    const lease = connected?.leases.lease(one.mailbox);
    await Promise.all([
      // What cannot be released now is released at the next tick, or expires.
      lease !== undefined && connected?.leases.release(lease).catch(() => undefined),
      // Node-RED may be ending, without another word: the others must not keep a share for it until it counts as dead.
      this.#attended.size === 0 && connected?.membership.tellLoad(),
    ]);
  }

  /** Gives everything back and leaves the fleet. */
  async close(): Promise<void> {
    this.#over = true;
    this.#clocks.clearTimeout(this.#again);
    await this.#connecting;
    const { connected } = this;
    if (connected === undefined) return;
    await Promise.all([...this.#attended.keys()].map((mailbox) => this.#moveAway(mailbox)));
    await connected.leases.stop();
    await connected.words.stop();
    await connected.membership.stop();
    await connected.database.close();
  }

  /** Waits for the first connection. @throws MailboxError where there is none */
  async #database(): Promise<Database> {
    if (this.connected === undefined) await this.#connecting;
    if (this.connected === undefined) throw this.trouble ?? unavailable();
    return this.connected.database;
  }

  #connect(): void {
    this.#connecting = this.#open().catch((error: MailboxError) => {
      this.#troubled(error);
      if (!this.#over) this.#again = this.#clocks.setTimeout(() => this.#connect(), CONNECT_AGAIN_MS);
    });
  }

  async #open(): Promise<void> {
    const { settings, secret, version, pace = PACE } = this.#options;
    if (secret === undefined) throw new MailboxError('CONFIG', 'fleet-secret-missing', { retryable: false });
    const database = await Database.open(settings);
    try {
      await compareSecret(database, secret);
      if (this.#over) throw new MailboxError('STORE', 'database-unavailable');
    } catch (error) {
      await database.close();
      throw error;
    }
    const { name, role } = settings;
    const load = () => leases.load();
    const membership = new Membership(database.upkeep, { name, version, role, load }, this.#clocks, pace);
    const leases = new Leases(database.upkeep, membership, {
      name,
      role,
      isIdle: (mailbox) => this.#isIdle(mailbox),
      orphanedMs: 2.5 * pace.beat,
      patienceMs: 15 * pace.beat,
      monotonic: this.#clocks.monotonic,
    });
    const inbox = new Inbox(database);
    const words = new Words(
      inbox,
      () => membership.id,
      (mailbox, node) => [...(this.#attended.get(mailbox) ?? [])].find((one) => one.node === node),
    );
    this.connected = { database, membership, leases, inbox, words };
    this.#hear(this.connected);
    for (const [mailbox, all] of this.#attended) for (const { node } of all) leases.attend(mailbox, node);
    await database.listen(WORDS);
    await database.listen(ANSWERS);
    await database.listen(TOKENS);
    await database.listen(SIGN_INS);
    await membership.start();
  }

  #hear({ database, membership, leases, words }: Connected): void {
    leases.on('claimed', (lease) => {
      for (const one of this.#attended.get(lease.mailbox) ?? []) one.own(lease);
      // The last node may have been closed while the claim was under way.
      if (!this.#attended.has(lease.mailbox)) leases.release(lease).catch(() => undefined);
    });
    leases.on('lost', (mailbox) => {
      for (const one of this.#attended.get(mailbox) ?? []) one.lose();
    });
    leases.on('wanted', (mailbox) => {
      this.#moveAway(mailbox).catch(() => undefined);
    });
    leases.on('worked', () => {
      this.#unclaimedSince = undefined;
      this.#untroubled();
    });
    leases.on('failed', (error) => this.#unclaimed(error));
    membership.on('beat', () => {
      if (this.#failing) this.#retryAll();
      words.read();
    });
    membership.on('failed', (error) => {
      this.#failing = true;
      if (!membership.certain()) this.#troubled(error);
    });
    // A sign-in or a sign-out elsewhere may have been missed while no notice could be heard.
    database.on('listening', () => this.#notices.emit('notice', TOKENS, ''));
    database.on('notice', (channel, mailbox) => {
      if (channel === WORDS && leases.lease(mailbox) !== undefined) words.read();
      this.#notices.emit('notice', channel, mailbox);
    });
  }

  #isIdle(mailbox: string): boolean {
    return !this.#moving.has(mailbox) && [...(this.#attended.get(mailbox) ?? [])].every((one) => one.isIdle);
  }

  /** Ends the checks of a mailbox in order, then gives it back. */
  async #moveAway(mailbox: string): Promise<void> {
    const lease = this.connected?.leases.lease(mailbox);
    if (lease === undefined || this.#moving.has(mailbox)) return;
    this.#moving.add(mailbox);
    try {
      await Promise.allSettled([...(this.#attended.get(mailbox) ?? [])].map((one) => one.end()));
      await this.connected?.leases.release(lease);
    } finally {
      this.#moving.delete(mailbox);
    }
  }

  /** Shown only where it lasts: a single statement may fail, and is repeated at the next beat. */
  #unclaimed(error: unknown): void {
    this.#unclaimedSince ??= this.#clocks.monotonic();
    const { timeToLive } = this.#options.pace ?? PACE;
    if (this.#clocks.monotonic() - this.#unclaimedSince < timeToLive) return;
    this.#troubled(error instanceof MailboxError ? error : unavailable());
  }

  #troubled(error: MailboxError): void {
    const before = this.trouble;
    this.trouble = error;
    if (before?.reason === error.reason) return;
    for (const all of this.#attended.values()) for (const one of all) one.showTrouble();
  }

  #untroubled(): void {
    if (this.trouble === undefined) return;
    this.trouble = undefined;
    for (const all of this.#attended.values()) for (const one of all) one.showTrouble();
  }

  /** What failed for want of the database waits no longer, now that it answers. */
  #retryAll(): void {
    this.#failing = false;
    for (const all of this.#attended.values()) for (const one of all) one.retry();
  }
}

const unavailable = (): MailboxError => new MailboxError('STORE', 'database-unavailable');

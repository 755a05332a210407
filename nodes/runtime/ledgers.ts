import { existsSync } from 'node:fs';
import { untilAborted } from '../base/abort';
import { SparseSet } from '../base/sparse';
import {
  type Clock,
  FileSpool,
  fileLog,
  Ledger,
  Mailbox,
  MailboxError,
  type MailboxParts,
  soleOwner,
} from '../mailbox';
import { FolderLock } from './folder-lock';
import { hadBy } from './had-by';
import type { KnownMailboxes } from './known-mailboxes';
import type { LedgerLoan, LedgerRoom } from './ledger-loan';
import { fileOf } from './mailbox-name';

interface Place {
  key: string;
  node: string;
  mailbox: string;
  ledger: Promise<Ledger> | undefined;
  open: Ledger | undefined;
  borrowers: number;
  /** The last login failed. */
  loginFailed: boolean;
  /** Nodes that are not waited for, of which that was told. */
  told: SparseSet<Place>;
  onError: MailboxParts['onError'] | undefined;
}

/**
 * The ledgers of this runtime, one for each node and mailbox, in one locked folder. Nodes attend a mailbox while they
 * are deployed; a ledger stays open from the first check to the moment no node attends it any more.
 */
export class Ledgers implements LedgerRoom {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #known: KnownMailboxes | undefined;
  readonly #places = new Map<string, Place>();
  /** By key: a ledger that is being closed must be closed before it is opened again. */
  readonly #closing = new Map<string, Promise<void>>();
  #lock: FolderLock | undefined;
  #locked: Promise<void> | undefined;
  #acquiring = new AbortController();
  #releasing: Promise<void> = Promise.resolve();
  readonly #toldMissing = new Set<string>();

  constructor(folder: string, clock: Clock, known?: KnownMailboxes) {
    this.#folder = folder;
    this.#clock = clock;
    this.#known = known;
  }

  /** From now on this node wants every mail of the mailbox, and nothing is deleted there without it. */
  attend(node: string, mailbox: string): LedgerLoan {
    const key = `${node}\n${mailbox}`;
    let place = this.#places.get(key);
    if (place === undefined) {
      place = {
        key,
        node,
        mailbox,
        ledger: undefined,
        open: undefined,
        borrowers: 0,
        loginFailed: false,
        told: new SparseSet(),
        onError: undefined,
      };
      this.#places.set(key, place);
    }
    place.borrowers += 1;
    const mine = place;
    let returned = false;
    return {
      open: (signal) => this.#open(mine, signal),
      spool: () => FileSpool.open(this.#fileOf(mine, 'spool')),
      mayDelete: (mail) => this.#othersAreDone(mine, mail),
      run: (parts) => this.#run(mine, parts),
      // The folder is locked, and a ledger that is lost to another runtime refuses its next record.
      assertOwner: soleOwner,
      giveBack: async () => {
        if (returned) return;
        returned = true;
        mine.borrowers -= 1;
        if (mine.borrowers > 0) return;
        this.#places.delete(key);
        const closed = this.#close(mine, this.#closing.get(key));
        const settled = closed.catch(() => undefined);
        this.#closing.set(key, settled);
        await settled;
        if (this.#closing.get(key) === settled) this.#closing.delete(key);
        await this.#releaseUnlessWanted();
        await closed;
      },
    };
  }

  #run(place: Place, parts: MailboxParts): Mailbox {
    place.onError = parts.onError;
    const open: MailboxParts['open'] = async (signal) => {
      try {
        const session = await parts.open(signal);
        place.loginFailed = false;
        return session;
      } catch (error) {
        if (!signal.aborted) place.loginFailed = true;
        throw error;
      }
    };
    const ledger = async (signal: AbortSignal): Promise<Ledger> => {
      const opened = await parts.ledger(signal);
      await this.#compareWithKnown(place, opened);
      return opened;
    };
    return new Mailbox({ ...parts, open, ledger });
  }

  /** A ledger that has gone begins again, and mail of the time between is not delivered: that is told once. */
  async #compareWithKnown(place: Place, ledger: Ledger): Promise<void> {
    if (ledger.hasBaseline) await this.#known?.add(place.key);
    else if (this.#known?.has(place.key) && !this.#toldMissing.has(place.key)) {
      this.#toldMissing.add(place.key);
      place.onError?.(new MailboxError('STORE', 'ledger-missing', { facts: { file: ledger.name } }));
    }
  }

  async #open(place: Place, signal: AbortSignal): Promise<Ledger> {
    await this.#closing.get(place.key);
    await this.#releasing;
    await this.#ensureLock(signal);
    await this.#lock?.check();
    place.ledger ??= this.#read(place);
    return place.ledger;
  }

  #read(place: Place): Promise<Ledger> {
    const file = this.#fileOf(place, 'ledger');
    const reading = movedAway(file)
      ? Promise.reject(new MailboxError('CONFIG', 'ledger-moved', { facts: { file }, retryable: false }))
      : Ledger.open(fileLog(file), this.#clock.now);
    const opened: Promise<Ledger> = reading.then(
      async (ledger) => {
        if (place.ledger === opened) place.open = ledger;
        else await ledger.abandon();
        return ledger;
      },
      (error) => {
        if (place.ledger === opened) place.ledger = undefined;
        throw error;
      },
    );
    return opened;
  }

  /** Another runtime writes here now. Nothing more from us, until the folder is free and everything is read again. */
  #lost(lock: FolderLock, why: MailboxError): void {
    if (this.#lock !== lock) return;
    this.#lock = undefined;
    this.#locked = undefined;
    for (const place of this.#places.values()) {
      const { open } = place;
      place.ledger = undefined;
      place.open = undefined;
      open?.abandon(why).catch(() => undefined);
    }
  }

  #fileOf({ node, mailbox }: Place, kind: 'ledger' | 'spool'): string {
    return fileOf(this.#folder, node, mailbox, kind);
  }

  async #ensureLock(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    // Waiting for the lock belongs to all; one node that leaves must not end it for the others.
    this.#locked ??= this.#acquireLock().catch((error) => {
      this.#locked = undefined;
      throw error;
    });
    await untilAborted(this.#locked, signal);
  }

  async #acquireLock(): Promise<void> {
    const lock = new FolderLock(this.#folder, this.#clock, (why) => this.#lost(lock, why));
    this.#acquiring = new AbortController();
    const { signal } = this.#acquiring;
    await lock.acquire(signal);
    if (signal.aborted) {
      await lock.release();
      throw signal.reason;
    }
    this.#lock = lock;
  }

  #othersAreDone(place: Place, mail: string): boolean {
    const mine = place.open?.fingerprint(mail);
    for (const other of this.#places.values()) {
      if (other === place || other.mailbox !== place.mailbox) continue;
      if (this.#neverLoggedIn(other)) {
        this.#tell(place, other);
        continue;
      }
      if (!hadBy(other.open, mail, mine)) return false;
    }
    return true;
  }

  /** A node whose login has failed ever since it is there would hold up deletions forever. */
  #neverLoggedIn({ open, loginFailed }: Place): boolean {
    return loginFailed && open !== undefined && !open.hasBaseline;
  }

  #tell(place: Place, other: Place): void {
    if (place.told.has(other)) return;
    place.told.add(other);
    place.onError?.(new MailboxError('CONFIG', 'other-node-not-logged-in', { facts: { node: other.node } }));
  }

  async #close(place: Place, before: Promise<void> | undefined): Promise<void> {
    await before;
    const ledger = await place.ledger?.catch(() => undefined);
    await ledger?.close();
  }

  /** The folder is released when no mailbox is attended and everything is written. */
  async #releaseUnlessWanted(): Promise<void> {
    if (this.#places.size > 0 || this.#closing.size > 0 || this.#locked === undefined) return;
    const lock = this.#lock;
    const locked = this.#locked;
    this.#lock = undefined;
    this.#locked = undefined;
    this.#acquiring.abort();
    this.#releasing =
      lock === undefined ? locked.catch(() => undefined) : lock.release().catch(() => undefined);
    await this.#releasing;
  }
}

/** True where a fleet has it now: a new baseline here would lose mail. */
const movedAway = (file: string): boolean => existsSync(`${file}.moved`) && !existsSync(file);

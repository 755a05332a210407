import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, Ledger, Spool } from '../mailbox';
import { FolderLock } from './folder-lock';

/** A mailbox as the server knows it. */
export interface MailboxName {
  host: string;
  port: number;
  user: string;
}

export const mailboxId = ({ host, port, user }: MailboxName): string =>
  createHash('sha256').update(`${host.toLowerCase()}\n${port}\n${user}`).digest('hex').slice(0, 16);

interface Place {
  node: string;
  mailbox: string;
  ledger: Promise<Ledger> | undefined;
  open: Ledger | undefined;
  borrowers: number;
}

/**
 * The ledgers of this runtime, one for each node and mailbox, in one locked folder. Nodes attend a mailbox while they
 * are deployed; a ledger stays open from the first check to the moment nobody attends it any more.
 */
export class Ledgers {
  private readonly places = new Map<string, Place>();
  private lock: FolderLock | undefined;
  private locked: Promise<void> | undefined;
  private releasing: Promise<void> = Promise.resolve();

  constructor(
    private readonly folder: string,
    private readonly clock: Clock,
  ) {}

  /** From now on this node wants every mail of the mailbox, and nothing is deleted there without it. */
  attend(node: string, mailbox: string): LedgerLoan {
    const key = `${node}\n${mailbox}`;
    let place = this.places.get(key);
    if (place === undefined) {
      place = { node, mailbox, ledger: undefined, open: undefined, borrowers: 0 };
      this.places.set(key, place);
    }
    place.borrowers += 1;
    const mine = place;
    let returned = false;
    return {
      open: (signal) => this.open(mine, signal),
      spool: () => Spool.open(this.fileOf(mine, 'spool')),
      mayDelete: (mail) => this.othersAreDone(mine, mail),
      giveBack: async () => {
        if (returned) return;
        returned = true;
        mine.borrowers -= 1;
        if (mine.borrowers > 0) return;
        this.places.delete(key);
        await this.close(mine);
      },
    };
  }

  private async open(place: Place, signal: AbortSignal): Promise<Ledger> {
    await this.releasing;
    await this.ensureLock(signal);
    this.lock?.check();
    place.ledger ??= Ledger.open(this.fileOf(place, 'ledger'), this.clock.now).then(
      (ledger) => {
        place.open = ledger;
        return ledger;
      },
      (error) => {
        place.ledger = undefined;
        throw error;
      },
    );
    return place.ledger;
  }

  private fileOf({ node, mailbox }: Place, kind: 'ledger' | 'spool'): string {
    return join(this.folder, `${node.replace(/[^\w-]/g, '_')}-${mailbox}.${kind}`);
  }

  private async ensureLock(signal: AbortSignal): Promise<void> {
    // Waiting for the lock belongs to all; one node that leaves must not end it for the others.
    this.locked ??= this.acquireLock().catch((error) => {
      this.locked = undefined;
      throw error;
    });
    await raceAbort(this.locked, signal);
  }

  private async acquireLock(): Promise<void> {
    const lock = new FolderLock(this.folder, this.clock);
    await lock.acquire(new AbortController().signal);
    this.lock = lock;
  }

  private othersAreDone(place: Place, mail: string): boolean {
    for (const other of this.places.values()) {
      if (other === place || other.mailbox !== place.mailbox) continue;
      // A node whose ledger has not been opened yet has not had its say.
      if (other.open === undefined || !other.open.known(mail)) return false;
    }
    return true;
  }

  private async close(place: Place): Promise<void> {
    const ledger = await place.ledger?.catch(() => undefined);
    await ledger?.close();
    const { lock } = this;
    if (this.places.size > 0 || lock === undefined) return;
    this.lock = undefined;
    this.locked = undefined;
    this.releasing = lock.release().catch(() => undefined);
    await this.releasing;
  }
}

/** One node's hold on one ledger. */
export interface LedgerLoan {
  /** @throws MailboxError STORE */
  open(signal: AbortSignal): Promise<Ledger>;
  /** The mails that wait for their acknowledgement. @throws MailboxError STORE */
  spool(): Promise<Spool>;
  /** True where every other node on this mailbox is done with the mail. */
  mayDelete(mail: string): boolean;
  /** Closes the ledger when nobody else holds it. */
  giveBack(): Promise<void>;
}

async function raceAbort(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const cancel = (): void => reject(signal.reason);
    signal.addEventListener('abort', cancel, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', cancel));
  });
}

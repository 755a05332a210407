import type { Stop } from '../../base/stop';
import { Ledger, type MailboxParts, type Spool, soleOwner } from '../../mailbox';
import { AckDelivery } from '../../mailbox/delivery/ack';
import { storedNode } from '../mailbox-name';
import { attendedAs } from './attendance';
import type { Database, Prepared } from './database';
import type { Inbox, Word } from './inbox';
import type { Lease, Leases } from './leases';
import { databaseLog } from './lines';
import type { LocalLedgers } from './move';
import { ownedElsewhere } from './owned';
import type { Places } from './places';
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

/** What a store needs of the database. */
export interface Connected {
  readonly database: Database;
  readonly leases: Leases;
  readonly inbox: Inbox;
}

/** What a store needs of its fleet. */
export interface StoringFleet {
  /** What this Node-RED kept in files before it joined. */
  readonly local: LocalLedgers | undefined;
  /** Ledgers and spools that are opened at the same time: a takeover brings thousands at once. */
  readonly opening: Places;
  /** Asked of a lease that does not stand any more: the session may have run out. */
  doubt(): void;
}

/** And of the node. */
export interface StoringNode {
  readonly node: string;
  /** Stopped when the node is closed. */
  readonly closed: Stop;
  /** Undefined before the node has said how its mails are read. */
  readonly parts: Pick<MailboxParts, 'reading' | 'settings' | 'clock'> | undefined;
}

/** What one node remembers of one mailbox, for as long as a lease lasts. */
export class LeasedStore {
  readonly #connected: Connected;
  readonly #fleet: StoringFleet;
  readonly #node: StoringNode;
  #opening: Promise<Ledger> | undefined;
  #ledger: Ledger | undefined;
  #over = false;
  #beside: { state: string | undefined; others: boolean } | undefined;

  constructor(
    readonly lease: Lease,
    connected: Connected,
    { fleet, node }: { fleet: StoringFleet; node: StoringNode },
  ) {
    this.#connected = connected;
    this.#fleet = fleet;
    this.#node = node;
  }

  /** @throws MailboxError STORE where another replica owns the mailbox, or may */
  assertOwner(): void {
    if (!this.#over && this.#connected.leases.owns(this.lease)) return;
    this.#fleet.doubt();
    throw ownedElsewhere();
  }

  /** Undefined until it has been read. */
  get opened(): Ledger | undefined {
    return this.#ledger;
  }

  /** The one ledger of this lease. */
  async ledger(): Promise<Ledger> {
    this.assertOwner();
    this.#opening ??= this.#fleet.opening
      .run(() => this.#read())
      .then(
        (ledger) => {
          this.#ledger = ledger;
          if (this.#over) ledger.abandon(ownedElsewhere()).catch(() => undefined);
          return ledger;
        },
        (error) => {
          this.#opening = undefined;
          throw error;
        },
      );
    return this.#opening;
  }

  spool(): Promise<Spool> {
    return this.#fleet.opening.run(() => this.#openSpool());
  }

  /**
   * A node that this replica's flows lack has not had its mail: nothing is deleted then. Asked again only where
   * something has changed since: a check without new mail costs no statement.
   */
  async hasNodesBeside(here: string[]): Promise<boolean> {
    const { database, leases } = this.#connected;
    const state = leases.attended && [leases.attended, ...here].join();
    if (state === undefined || this.#beside?.state !== state) {
      this.#beside = undefined;
      const values = [this.lease.mailbox, here.map(attendedAs)];
      const rows = await this.#fleet.opening.run(() => database.query(OTHER_NODES, values));
      this.#beside = { state, others: rows.length > 0 };
    }
    return this.#beside.others;
  }

  /** The lease is lost: nothing more is written. */
  abandon(): void {
    this.#over = true;
    this.#ledger?.abandon(ownedElsewhere()).catch(() => undefined);
  }

  /** Writes what is still to be written; the lease is given back after that. */
  async close(): Promise<void> {
    await (await this.#opening?.catch(() => undefined))?.close();
    this.#over = true;
  }

  #openSpool(): Promise<Spool> {
    const { database, leases } = this.#connected;
    return DatabaseSpool.open(database, this.lease, storedNode(this.#node.node), leases.fence);
  }

  async #read(): Promise<Ledger> {
    this.assertOwner();
    const { database, leases } = this.#connected;
    const { lease } = this;
    const node = storedNode(this.#node.node);
    const log = databaseLog(database, lease, node, leases.fence);
    await this.#node.closed.during(async (signal) =>
      this.#fleet.local?.bringIn(node, lease.mailbox, log, () => this.#openSpool(), signal),
    );
    const ledger = await Ledger.open(log, this.#node.parts?.clock.now);
    if (ledger.interrupted.length > 0 && lease.previous !== undefined) {
      const [row] = await database.query<{ crashed: boolean }>(CRASHED, [lease.previous]);
      if (!row?.crashed) await ledger.recordTakeover();
    }
    await this.#applyWords(ledger);
    return ledger;
  }

  /** What the flow said while no replica owned the mailbox counts before anything is delivered again. */
  async #applyWords(ledger: Ledger): Promise<void> {
    const { inbox } = this.#connected;
    const { node, parts } = this.#node;
    const words = await inbox.acknowledgements(this.lease.mailbox, node);
    if (words.length === 0 || parts === undefined) return;
    const { settings } = parts;
    await applyWords(words, ledger, await this.#openSpool(), {
      reading: parts.reading,
      origin: settings,
      maxAttempts: settings.maxAttempts,
      clock: parts.clock,
    });
    await inbox.drop(words);
  }
}

/** Records acknowledgements as their node would: nothing is delivered. */
export async function applyWords(
  words: Word[],
  ledger: Ledger,
  spool: Spool,
  {
    maxAttempts,
    ...parts
  }: Pick<ConstructorParameters<typeof AckDelivery>[0], 'reading' | 'origin' | 'clock'> & {
    maxAttempts: number;
  },
): Promise<void> {
  const delivery = new AckDelivery({
    ...parts,
    ledger,
    spool,
    deliver: () => Promise.reject(ownedElsewhere()),
    assertOwner: soleOwner,
    settings: { ackTimeout: 0, maxAttempts, maxInFlight: 0 },
    onRoom: () => undefined,
    onQuarantined: () => undefined,
    onError: () => undefined,
  });
  for (const { delivery: name, outcome } of words)
    if (name !== null && outcome !== null) await delivery.acknowledge(name, outcome);
  delivery.stop();
}

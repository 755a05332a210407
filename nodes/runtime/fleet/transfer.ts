import { readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Clock, Ledger, type OpenLog } from '../../mailbox';
import { FolderLock } from '../folder-lock';
import { keyFileIn } from '../key-file';
import { ledgerNamed } from '../mailbox-name';
import { type SettingsStore, TokenVault } from '../token-vault';
import { ADD } from './attendance';
import { Database, type Prepared } from './database';
import { Inbox } from './inbox';
import { applyWords } from './leased-store';
import type { Lease } from './leases';
import { databaseLog } from './lines';
import { Membership, PACE, type Pace } from './membership';
import { filesOf, type MovedLedger, markMoved, moveIn, moveOut } from './move';
import { OWN, ownedElsewhere, ownerOf } from './owned';
import { compareSecret } from './secret';
import type { FleetSettings } from './settings';
import { DatabaseSpool } from './spool';
import { FleetTokens } from './tokens';
import { packageVersion } from './version';

/** Between the files of one user directory and the database of a fleet. */
export interface TransferOptions {
  fleet: FleetSettings;
  /** credentialSecret: of the fleet, and of the tokens in the files. */
  secret: string;
  /** The folder of this package in the user directory. */
  folder: string;
  /** What Node-RED keeps in the user directory, tokens among it. */
  settings: SettingsStore;
  clock: Clock;
  pace?: Pace;
  /** Told of each ledger as soon as it has been moved. */
  onMoved?: (ledger: { node: string; mailbox: string } & MovedLedger) => void;
}

export interface Transferred {
  ledgers: number;
  waiting: number;
  accounts: number;
  /** Tokens that cannot be read: their accounts have to sign in again. */
  unreadable: number;
}

/** Why nothing was moved: who has to be stopped first. */
export class FleetRunning extends Error {
  constructor(readonly names: string[]) {
    super(`These Node-REDs of the fleet are running: ${names.join(', ')}.`);
  }
}

const ALIVE: Prepared = {
  name: 'alive-beside',
  text: 'select name from replica where died is null and id <> $1 order by name',
};
/** All of them, whichever flows attend them. */
const CLAIM_NAMED: Prepared = {
  name: 'claim-named',
  text: `update mailbox m set replica = $1, term = term + 1, previous = null, since = clock_timestamp()
    where m.id = any ($2::text[]) and (m.replica is null or m.replica in (select id from replica where died is not null))
      and exists (select from replica where id = $1 and died is null for share)
    returning id, term::text`,
};
const GIVE_BACK: Prepared = {
  name: 'give-back-all',
  text: 'update mailbox set replica = null, since = clock_timestamp() where replica = $1',
};
const LOGS: Prepared = { name: 'logs', text: 'select mailbox, node from log order by mailbox, node' };
const REMOVE_LOG: Prepared = {
  name: 'log-remove',
  text: `with ${OWN},
    lines as (delete from line where mailbox = $1 and node = $4 and exists (select from own)),
    mails as (delete from spooled where mailbox = $1 and node = $4 and exists (select from own)),
    chunks as (delete from chunk where mailbox = $1 and node = $4 and exists (select from own)),
    gone as (delete from log where mailbox = $1 and node = $4 and exists (select from own))
    select count(*)::int as own from own`,
};

/**
 * Moves every ledger, waiting mail and token of a user directory into the database. May be repeated, also after it was
 * interrupted.
 * @throws MailboxError `folder-in-use` while a Node-RED uses the folder; FleetRunning
 */
export function importFiles(options: TransferOptions): Promise<Transferred> {
  return exclusively(options, async ({ database, claim }) => {
    const found = (await readdir(options.folder)).flatMap((file) => ledgerNamed(file) ?? []);
    const leases = await claim(found.map(({ mailbox }) => mailbox));
    const result: Transferred = { ledgers: 0, waiting: 0, accounts: 0, unreadable: 0 };
    for (const { node, mailbox } of found) {
      const lease = leaseOf(leases, mailbox);
      const moved = await moveIn(
        filesOf(options.folder, node, mailbox),
        databaseLog(database, lease, node, () => undefined),
        () => DatabaseSpool.open(database, lease, node, () => undefined),
      );
      count(result, moved, options, { node, mailbox });
    }
    const vault = vaultOf(options);
    const tokens = new FleetTokens(async () => database, options.secret, database);
    return { ...result, ...(await moveTokens(vault, tokens)) };
  });
}

/**
 * Moves everything in the database into the files of a user directory. May be repeated, also after it was interrupted.
 * @throws MailboxError `folder-in-use` while a Node-RED uses the folder; FleetRunning
 */
export function exportFiles(options: TransferOptions): Promise<Transferred> {
  return exclusively(options, async ({ database, claim }) => {
    const found = await database.query<{ mailbox: string; node: string }>(LOGS);
    const leases = await claim(found.map(({ mailbox }) => mailbox));
    const result: Transferred = { ledgers: 0, waiting: 0, accounts: 0, unreadable: 0 };
    for (const { node, mailbox } of found) await markMoved(filesOf(options.folder, node, mailbox));
    for (const { node, mailbox } of found) {
      const lease = leaseOf(leases, mailbox);
      const log = databaseLog(database, lease, node, () => undefined);
      const spool = await DatabaseSpool.open(database, lease, node, () => undefined);
      await applyWaitingWords(options, database, { node, mailbox }, log, spool);
      const moved = await moveOut(filesOf(options.folder, node, mailbox), log, spool);
      const [row] = await database.bulk<{ own: number }>(REMOVE_LOG, [...ownerOf(lease), node]);
      if (!row?.own) throw ownedElsewhere();
      count(result, moved, options, { node, mailbox });
    }
    const vault = vaultOf(options);
    const tokens = new FleetTokens(async () => database, options.secret, database);
    return { ...result, ...(await moveTokens(tokens, vault)) };
  });
}

/** Moves the tokens of every account, of which the later ones count. */
async function moveTokens(
  from: TokenVault | FleetTokens,
  to: TokenVault | FleetTokens,
): Promise<Pick<Transferred, 'accounts' | 'unreadable'>> {
  const { kept, unreadable } = await from.all();
  for (const { node, binding, tokens } of kept) {
    const store = to.store(node, binding);
    const there = await store.load();
    if (there === undefined || there.obtainedAt < tokens.obtainedAt) await store.save(tokens);
    // A refresh token that rotates is used once: what stayed would end the sign-in of the other store.
    await from.store(node, binding).delete();
  }
  return { accounts: kept.length, unreadable };
}

interface Alone {
  database: Database;
  /** Owns these mailboxes until the end. */
  claim(mailboxes: string[]): Promise<Map<string, Lease>>;
}

/** With the folders locked, and as the one member of the fleet. */
async function exclusively<T>(options: TransferOptions, run: (alone: Alone) => Promise<T>): Promise<T> {
  const { folder, clock, fleet, secret, pace = PACE } = options;
  const locks: FolderLock[] = [];
  let database: Database | undefined;
  let membership: Membership | undefined;
  try {
    for (const locked of [folder, join(folder, 'tokens')]) {
      const lock = new FolderLock(locked, clock);
      await lock.acquire(new AbortController().signal);
      locks.push(lock);
    }
    database = await Database.open(fleet);
    const open = database;
    await compareSecret(open, secret);
    const facts = {
      name: `redletter-fleet ${hostname()}`,
      version: packageVersion(),
      role: 'editor' as const,
    };
    const load = () => ({ attended: 0, owned: 0 });
    const clocks = { ...clock, monotonic: () => performance.now() };
    membership = new Membership(open, { ...facts, load }, clocks, pace);
    await membership.start();
    const { id } = membership;
    if (id === undefined) throw ownedElsewhere();
    await assertAlone(open, id);
    return await run({
      database: open,
      claim: async (mailboxes) => {
        const all = [...new Set(mailboxes)];
        await open.query(ADD, [all]);
        const rows = await open.query<{ id: string; term: string }>(CLAIM_NAMED, [id, all]);
        // One that has joined meanwhile may have been quicker.
        if (rows.length < all.length) await assertAlone(open, id);
        if (rows.length < all.length) throw ownedElsewhere();
        return new Map(rows.map((row) => [row.id, { mailbox: row.id, replica: id, term: row.term }]));
      },
    });
  } finally {
    const id = membership?.id;
    if (id !== undefined) await database?.query(GIVE_BACK, [id]).catch(() => undefined);
    await membership?.stop();
    await database?.close();
    for (const lock of locks) await lock.release();
  }
}

async function assertAlone(database: Database, id: string): Promise<void> {
  const others = await database.query<{ name: string }>(ALIVE, [id]);
  if (others.length > 0) throw new FleetRunning(others.map(({ name }) => name));
}

/** Acknowledgements that no owner has read any more. */
async function applyWaitingWords(
  { clock }: TransferOptions,
  database: Database,
  { node, mailbox }: { node: string; mailbox: string },
  openLog: OpenLog,
  spool: DatabaseSpool,
): Promise<void> {
  const inbox = new Inbox(database);
  const words = await inbox.ofStored(mailbox, node);
  if (words.length === 0) return;
  const ledger = await Ledger.open(openLog, clock.now);
  await applyWords(words, ledger, spool, {
    reading: { content: 'parsed', attachments: 'buffer' },
    origin: { node, host: '', user: '' },
    maxAttempts: Number.MAX_SAFE_INTEGER,
    clock,
  });
  await ledger.close();
  await inbox.drop(words);
}

function vaultOf({ settings, secret, folder, clock }: TransferOptions): TokenVault {
  return new TokenVault({ settings, secret, keyFile: keyFileIn(folder), now: clock.now });
}

function leaseOf(leases: Map<string, Lease>, mailbox: string): Lease {
  const lease = leases.get(mailbox);
  if (lease === undefined) throw ownedElsewhere();
  return lease;
}

function count(
  result: Transferred,
  moved: MovedLedger,
  { onMoved }: TransferOptions,
  names: { node: string; mailbox: string },
): void {
  result.ledgers += 1;
  result.waiting += moved.waiting;
  onMoved?.({ ...names, ...moved });
}

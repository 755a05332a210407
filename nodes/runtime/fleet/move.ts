import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, FileSpool, fileLog, type OpenLog, type Spool } from '../../mailbox';
import { syncFolder } from '../../mailbox/store/file/sync-folder';
import { LedgerContent } from '../../mailbox/store/ledger-content';
import { type LedgerRecord, type Snapshot, STATE } from '../../mailbox/store/ledger-records';
import { LedgerState } from '../../mailbox/store/ledger-state';
import { FolderLock } from '../folder-lock';
import { fileOf } from '../mailbox-name';

/** What says that a file's content is in the database now: a Node-RED without the fleet refuses the mailbox. */
const MOVED = '.moved';

/** What one ledger had: mails that are remembered, and mails whose bytes wait. */
export interface MovedLedger {
  mails: number;
  waiting: number;
}

/**
 * Brings what a Node-RED remembered in files into the database, when it owns the mailbox in a fleet for the first time:
 * a new baseline would lose what came meanwhile.
 */
export class LocalLedgers {
  readonly #folder: string;
  readonly #clock: Clock;
  /** One lock for the folder, one move at a time. */
  #moving: Promise<unknown> = Promise.resolve();

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  /** @throws MailboxError STORE, also while another Node-RED uses the folder */
  async bringIn(
    node: string,
    mailbox: string,
    openLog: OpenLog,
    openSpool: () => Promise<Spool>,
    signal: AbortSignal,
  ): Promise<void> {
    if (!existsSync(fileOf(this.#folder, node, mailbox, 'ledger'))) return;
    const moved = this.#moving.then(async () => {
      const lock = new FolderLock(this.#folder, this.#clock);
      await lock.acquire(signal);
      try {
        await moveIn(filesOf(this.#folder, node, mailbox), openLog, openSpool);
      } finally {
        await lock.release();
      }
    });
    this.#moving = moved.catch(() => undefined);
    await moved;
  }
}

/** Where one node keeps a mailbox in files. */
export interface LedgerFiles {
  ledger: string;
  spool: string;
}

export const filesOf = (folder: string, node: string, mailbox: string): LedgerFiles => ({
  ledger: fileOf(folder, node, mailbox, 'ledger'),
  spool: fileOf(folder, node, mailbox, 'spool'),
});

/**
 * From files into the database; the folder is locked by the caller. What was processed in either is processed. The files
 * are renamed last: an interrupted move is repeated, and comes to the same.
 */
export async function moveIn(
  { ledger, spool }: LedgerFiles,
  openLog: OpenLog,
  openSpool: () => Promise<Spool>,
): Promise<MovedLedger> {
  const here = await readState(fileLog(ledger));
  const moved: MovedLedger = { mails: [...here.keys()].length, waiting: 0 };
  await write(openLog, here);
  if (existsSync(spool)) moved.waiting = await copyMails(await FileSpool.open(spool), await openSpool());
  if (existsSync(ledger)) {
    await rm(spool + MOVED, { recursive: true, force: true });
    if (existsSync(spool)) await rename(spool, spool + MOVED);
    await rename(ledger, ledger + MOVED);
  }
  return moved;
}

/** Until its ledger is here, a Node-RED without the fleet must not begin a new one. */
export async function markMoved({ ledger }: LedgerFiles): Promise<void> {
  if (!existsSync(ledger)) await writeFile(ledger + MOVED, '', { flag: 'a', mode: 0o600 });
}

/**
 * From the database into files; the folder is locked by the caller, who removes the rows when this has resolved. The
 * ledger comes last and at once, so that an interrupted move is repeated, and comes to the same.
 */
export async function moveOut(
  { ledger, spool }: LedgerFiles,
  openLog: OpenLog,
  from: Spool,
): Promise<MovedLedger> {
  const there = await readState(openLog);
  const to = await FileSpool.open(spool);
  const waiting = await copyMails(from, to);
  await to.sync();
  if (existsSync(ledger)) await write(fileLog(ledger), there);
  else {
    const half = `${ledger}.new`;
    await rm(half, { force: true });
    await write(fileLog(half), there);
    await rename(half, ledger);
    await syncFolder(dirname(ledger));
  }
  await rm(ledger + MOVED, { force: true });
  await rm(spool + MOVED, { recursive: true, force: true });
  return { mails: [...there.keys()].length, waiting };
}

async function readState(openLog: OpenLog): Promise<LedgerState> {
  const state = new LedgerState();
  await (await openLog(new LedgerContent(state))).abandon();
  return state;
}

/** Adds a ledger to what is there already. */
async function write(openLog: OpenLog, more: LedgerState): Promise<void> {
  const state = new LedgerState();
  const log = await openLog<LedgerRecord>(new LedgerContent(state));
  await log.durably(added(state, more));
  await log.close();
}

const RANK = { baseline: 0, quarantined: 1, kept: 2, processed: 3 };

/** What a snapshot of `more` adds to `base`: the farthest that a mail has come in either counts. */
function added(base: LedgerState, more: LedgerState): Snapshot {
  const snapshot = more.snapshot();
  const isNews = (key: string, letter: string): boolean => {
    const known = base.state(key);
    return known === undefined || RANK[STATE[letter] ?? 'baseline'] > RANK[known];
  };
  const first = base.firstCheck ?? more.firstCheck;
  return {
    ...snapshot,
    baseline: base.hasBaseline || more.hasBaseline,
    checked: Math.floor(Math.max(base.lastChecked, more.lastChecked) / 1000),
    known: snapshot.known.filter(([key, letter]) => isNews(key, letter)),
    open: snapshot.open
      .filter(([key]) => !base.isKnown(key))
      .map(([key, deliveries, ...rest]) => [
        key,
        Math.max(deliveries, base.openDeliveries.get(key)?.deliveries ?? 0),
        ...rest,
      ]),
    underWay: [...(snapshot.underWay ?? [])].filter((key) => !base.isKnown(key)),
    ...((base.paused || more.paused) && { paused: true }),
    ...(first && { first: [first.at, first.ignored] }),
  };
}

async function copyMails(from: Spool, to: Spool): Promise<number> {
  for (const mail of from.all()) {
    const { key, uid, number, bytes, ...facts } = mail;
    const listed = { key, uid, number, bytes, ambiguous: false };
    await to.put(listed as Parameters<Spool['put']>[0], from.read(key), () => facts);
  }
  return from.size;
}

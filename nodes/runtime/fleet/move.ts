import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { type Clock, FileSpool, fileLog, type LogContent, type OpenLog, type Spool } from '../../mailbox';
import type { LedgerRecord } from '../../mailbox/store/ledger-records';
import { LedgerState } from '../../mailbox/store/ledger-state';
import { FolderLock } from '../folder-lock';
import { fileOf } from '../mailbox-name';

/** What says that a file's content is in the database now. */
const MOVED = '.moved';

/**
 * Brings what a Node-RED remembered in files into the database, when it owns the mailbox in a fleet for the first time:
 * a new baseline would lose what came meanwhile. What was processed in either is processed.
 *
 * The files are renamed last, before anything is delivered: an interrupted move is repeated.
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
    const ledger = fileOf(this.#folder, node, mailbox, 'ledger');
    const spool = fileOf(this.#folder, node, mailbox, 'spool');
    if (!existsSync(ledger)) return;
    const moved = this.#moving.then(async () => {
      const lock = new FolderLock(this.#folder, this.#clock);
      await lock.acquire(signal);
      try {
        const here = new LedgerState();
        await (await fileLog(ledger)(contentOf(here))).close();
        const log = await openLog<LedgerRecord>(contentOf(new LedgerState()));
        await log.durably(here.snapshot());
        await log.close();
        if (existsSync(spool)) await moveMails(await FileSpool.open(spool), await openSpool());
        await rename(ledger, ledger + MOVED);
        if (existsSync(spool)) await rename(spool, spool + MOVED);
      } finally {
        await lock.release();
      }
    });
    this.#moving = moved.catch(() => undefined);
    await moved;
  }
}

async function moveMails(from: Spool, to: Spool): Promise<void> {
  for (const mail of from.all()) {
    const { key, uid, number, bytes, ...facts } = mail;
    const listed = { key, uid, number, bytes, ambiguous: false };
    await to.put(listed as Parameters<Spool['put']>[0], from.read(key), () => facts);
  }
}

const contentOf = (state: LedgerState): LogContent<LedgerRecord> => ({
  format: 'redletter-ledger',
  version: 1,
  apply: (record) => state.apply(record),
  snapshot: () => state.snapshot(),
  isSnapshot: (record) => record.is === 'snapshot',
});

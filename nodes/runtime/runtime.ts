import { join } from 'node:path';
import { type Acknowledgement, type AckOutcome, type Clock, type Mailbox, systemClock } from '../mailbox';
import { Accounts } from './accounts';
import { Health } from './health';
import { keyFileIn } from './key-file';
import type { LedgerRoom } from './ledger-loan';
import { openLedgerRoom } from './ledger-room';
import { QuarantineNames } from './quarantine-names';
import { Turns } from './session-limiter';
import { type SettingsStore, TokenVault } from './token-vault';
import { VaultLock } from './vault-lock';

/** What the process gives; nothing of Node-RED but its folder and its settings. */
export interface RuntimeOptions {
  /** The user directory of this Node-RED. */
  folder: string;
  settings: SettingsStore;
  credentialSecret?: string;
  readOnly?: boolean;
  clock?: Clock;
  /** `redletter.keepMails` of settings.js: false, and no subject or sender is kept for the Mail tab. */
  keepsMails?: boolean;
  /** `redletter.fleet` of settings.js, as it stands there. */
  fleet?: unknown;
}

/** Everything that outlives a deploy. Nodes borrow from it, and give back when they are closed. */
export class Runtime {
  readonly accounts: Accounts;
  readonly ledgers: LedgerRoom;
  /** Where mailboxes are shared with other Node-REDs. */
  readonly fleet: import('./fleet').Fleet | undefined;
  readonly turns = new Turns();
  /** How all of it is, for a person to see. */
  readonly health: Health;
  /** By the id of its node: an acknowledgement finds its mailbox here. */
  readonly mailboxes = new Map<string, Pick<Mailbox, 'acknowledge'>>();
  readonly clock: Clock;

  constructor(options: RuntimeOptions) {
    const { settings, credentialSecret, readOnly } = options;
    this.clock = options.clock ?? systemClock;
    const keepsMails = options.keepsMails !== false;
    const names = new QuarantineNames(join(options.folder, 'redletter', 'quarantine.json'));
    this.health = new Health(this.clock, keepsMails, keepsMails ? names : undefined);
    const room = openLedgerRoom({ ...options, clock: this.clock });
    this.ledgers = room.ledgers;
    this.fleet = room.fleet;
    const folder = join(options.folder, 'redletter');
    const lock = new VaultLock(join(folder, 'tokens'), this.clock);
    this.accounts = new Accounts(
      room.fleet?.tokens ??
        new TokenVault({
          settings,
          keyFile: keyFileIn(folder),
          assertOwner: () => lock.assertOwner(),
          ...(credentialSecret && { secret: credentialSecret }),
          ...(readOnly && { readOnly }),
          now: this.clock.now,
        }),
      () => this.health.changed(),
      this.clock,
      () => lock.release(),
    );
  }

  /** The flow's acknowledgement of a delivery, wherever in a fleet it was made. @throws MailboxError STORE */
  async acknowledge(node: string, delivery: string, outcome: AckOutcome): Promise<Acknowledgement> {
    const here = await this.mailboxes.get(node)?.acknowledge(delivery, outcome);
    return here ?? (await this.fleet?.acknowledge(node, delivery, outcome)) ?? 'unknown';
  }
}

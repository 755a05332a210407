import { join } from 'node:path';
import { type Clock, type Mailbox, systemClock } from '../mailbox';
import { Accounts } from './accounts';
import { Health } from './health';
import { Ledgers } from './ledgers';
import { Turns } from './session-limiter';
import { type SettingsStore, TokenVault } from './token-vault';

/** What the process gives; nothing of Node-RED but its folder and its settings. */
export interface RuntimeOptions {
  /** The user directory of this Node-RED. */
  folder: string;
  settings: SettingsStore;
  credentialSecret?: string;
  readOnly?: boolean;
  clock?: Clock;
}

/** Everything that outlives a deploy. Nodes borrow from it, and give back when they are closed. */
export class Runtime {
  readonly accounts: Accounts;
  readonly ledgers: Ledgers;
  readonly turns = new Turns();
  /** How all of it is, for a person to see. */
  readonly health: Health;
  /** By the id of its node: an acknowledgement finds its mailbox here. */
  readonly mailboxes = new Map<string, Pick<Mailbox, 'acknowledge'>>();
  readonly clock: Clock;

  constructor({ folder, settings, credentialSecret, readOnly, clock }: RuntimeOptions) {
    this.clock = clock ?? systemClock;
    this.health = new Health(this.clock);
    this.accounts = new Accounts(
      new TokenVault({
        settings,
        ...(credentialSecret && { secret: credentialSecret }),
        ...(readOnly && { readOnly }),
        now: this.clock.now,
      }),
      () => this.health.changed(),
      this.clock,
    );
    this.ledgers = new Ledgers(join(folder, 'redletter'), this.clock);
  }
}

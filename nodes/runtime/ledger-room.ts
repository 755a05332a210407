import { join } from 'node:path';
import { type Clock, Mailbox, MailboxError, soleOwner } from '../mailbox';
import { KnownMailboxes } from './known-mailboxes';
import type { LedgerRoom } from './ledger-loan';
import { Ledgers } from './ledgers';
import type { SettingsStore } from './token-vault';

type Fleet = import('./fleet').Fleet;

export interface LedgerRoomOptions {
  /** The user directory of this Node-RED. */
  folder: string;
  clock: Clock;
  settings: SettingsStore;
  credentialSecret?: string | undefined;
  /** `redletter.fleet` of settings.js, as it stands there. */
  fleet?: unknown;
}

/** The ledgers in the user directory, or those of a fleet where settings.js or REDLETTER_FLEET asks for one. */
export function openLedgerRoom(options: LedgerRoomOptions): { ledgers: LedgerRoom; fleet?: Fleet } {
  const { folder, clock, fleet: setting, credentialSecret: secret } = options;
  const known = new KnownMailboxes(options.settings);
  const environment = process.env.REDLETTER_FLEET;
  if (!setting && !environment) return { ledgers: new Ledgers(join(folder, 'redletter'), clock, known) };
  try {
    // Nothing of it, and no driver, is loaded without a fleet.
    const { Fleet, fleetSettings, packageVersion } = require('./fleet') as typeof import('./fleet');
    const settings = fleetSettings(setting, environment);
    if (settings === undefined) return { ledgers: new Ledgers(join(folder, 'redletter'), clock, known) };
    const fleet = new Fleet({
      settings,
      secret,
      version: packageVersion(),
      clock,
      folder: join(folder, 'redletter'),
    });
    return { ledgers: fleet, fleet };
  } catch (error) {
    return { ledgers: refusing(error as Error) };
  }
}

/** Settings that say nothing usable: every mailbox says so, and none is checked without its fleet. */
function refusing(cause: Error): LedgerRoom {
  const refuse = () =>
    Promise.reject(
      cause instanceof MailboxError
        ? cause
        : new MailboxError('CONFIG', 'unexpected', { facts: { detail: cause.message }, cause }),
    );
  return {
    attend: () => ({
      open: refuse,
      spool: refuse,
      mayDelete: () => false,
      assertOwner: soleOwner,
      run: (parts) => new Mailbox(parts),
      giveBack: () => Promise.resolve(),
    }),
  };
}

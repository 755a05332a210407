export type { AccountLoan, Accounts } from './accounts';
export { SignInEnd } from './expiry-warning';
export { packageVersion } from './fleet/version';
export { asAccountError } from './from-oauth2';
export type { MailboxHealth, ShownMailbox } from './health';
export { type LedgerLoan, mailboxId } from './ledgers';
export type { RunningMailbox } from './running-mailbox';
export { Runtime, type RuntimeOptions } from './runtime';
export { SETTINGS_KEY, type SettingsStore } from './token-vault';

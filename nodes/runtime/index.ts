export type { AccountLoan, Accounts } from './accounts';
export { SignInEnd } from './expiry-warning';
export { asAccountError } from './from-oauth2';
export type { MailboxHealth } from './health';
export { isLoopback, type LedgerLoan, mailboxId } from './ledgers';
export { Runtime, type RuntimeOptions } from './runtime';
export { SETTINGS_KEY, type SettingsStore } from './token-vault';

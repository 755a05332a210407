export type { CheckSettings, CheckSummary, DeliveredMail, Pop3Fields } from './check';
export { type ErrorFacts, isMailboxErrorCode, MailboxError, type MailboxErrorCode } from './errors';
export { Ledger } from './ledger';
export { type Clock, Mailbox, type MailboxParts, type MailboxState, systemClock } from './mailbox';
export { type Login, openSession, type Session } from './session';

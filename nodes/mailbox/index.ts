export { type CheckSettings, type CheckSummary, type DeliveredMail, type Pop3Fields } from './check';
export { type ErrorFacts, isMailboxErrorCode, MailboxError, type MailboxErrorCode } from './errors';
export { Ledger } from './ledger';
export { type Login, openSession, type Session } from './session';
export { type Clock, Mailbox, type MailboxParts, type MailboxState, systemClock } from './mailbox';

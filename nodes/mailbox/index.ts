export type { AckSettings, Settlement } from './ack-hand-over';
export type { CheckSettings, CheckSummary } from './check';
export { type Clock, systemClock } from './clock';
export {
  type ErrorFacts,
  isMailboxErrorCode,
  MAILBOX_ERROR_CODES,
  MailboxError,
  type MailboxErrorCode,
} from './errors';
export { Ledger } from './ledger';
export { Mailbox, type MailboxParts, type MailboxState } from './mailbox';
export type { DeliveredMail, Pop3Fields } from './message';
export { type PreviewedMail, previewMailbox, type SendOneParts, sendOne } from './preview';
export { type Login, openSession, type Session } from './session';
export { Spool } from './spool';

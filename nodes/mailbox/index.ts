export { type Clock, systemClock } from '../base/clock';
export type { CheckSettings, CheckSummary } from './check';
export type { AckSettings, Settlement } from './delivery/ack';
export type { DeliveredMail, Pop3Fields } from './delivery/pop3-fields';
export {
  type ErrorFacts,
  isMailboxErrorCode,
  MAILBOX_ERROR_CODES,
  MailboxError,
  type MailboxErrorCode,
} from './errors';
export { Mailbox, type MailboxParts, type MailboxState } from './mailbox';
export { type PreviewedMail, previewMailbox, type SendOneParts, sendOne } from './preview';
export { type Login, openSession, type Session } from './session';
export { Spool } from './store/file/spool';
export { Ledger } from './store/ledger';

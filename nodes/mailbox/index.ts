export { type Clock, systemClock } from '../base/clock';
export type { CheckSettings, CheckSummary } from './check-context';
export {
  ACK_OUTCOMES,
  type Acknowledgement,
  type AckOutcome,
  type AckSettings,
} from './delivery/acknowledgement';
export type { DeliveredMail, Pop3Fields } from './delivery/pop3-fields';
export {
  type ErrorFacts,
  isMailboxErrorCode,
  MAILBOX_ERROR_CODES,
  MailboxError,
  type MailboxErrorCode,
  type MailboxReason,
  stopped,
} from './errors';
export { asMailboxError } from './from-pop3';
export { Mailbox } from './mailbox';
export { PAUSED } from './mailbox-checks';
export type { CheckRecord, MailboxParts, MailboxState } from './mailbox-parts';
export { type AssertOwner, asOwner, type OwnedAct, soleOwner } from './ownership';
export { type PreviewedMail, previewMailbox, type SendOneParts, sendOne } from './preview';
export { senderAndSubject } from './sender-and-subject';
export { type Login, openSession, type Session } from './session';
export { fileLog } from './store/file/log';
export { FileSpool } from './store/file/spool';
export { Ledger } from './store/ledger';
export type { Log, LogContent, OpenLog } from './store/log';
export type { Spool, SpooledMail, SpoolFacts } from './store/spool';

/**
 * The bytes of a mail → the fields of a Node-RED message.
 *
 * @module
 */
export { MailError, type MailErrorCode } from './error';
export type {
  AttachmentMode,
  MailAddress,
  MailAttachment,
  MailContent,
  MailDetails,
  MailMessage,
  MailProblem,
  MailProblemCode,
} from './message';
export { type MailOptions, type ReadMail, readMail } from './read';

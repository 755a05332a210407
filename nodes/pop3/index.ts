/**
 * A POP3 client: RFC 1939, 2449, 2595, 3206, 5034, 6856 and 8314, with XOAUTH2 and OAUTHBEARER.
 * It knows nothing of Node-RED, of where tokens come from, or of what is in a mail.
 */

export type { Clock } from '../base/clock';
export { Capabilities } from './capabilities';
export { Pop3Client } from './client';
export type { Deletion } from './commands/dele';
export type { QuitOutcome } from './commands/quit';
export type { UniqueIdAnswer } from './commands/uidl';
export { refusePlaintext } from './connect';
export { connectError } from './connect-error';
export { Pop3Error, type Pop3ErrorCode, type Pop3Reason } from './error';
export { KnownServer } from './known-server';
export type { Listing, MaildropStatus, UidlChanges, UniqueId } from './listing';
export { listsUid } from './listing-change';
export { type ConnectOptions, LIMITS, type Limits, TIMEOUTS, type Timeouts } from './options';
export { isExempt, type ProxySettings, proxyFromEnvironment, throughProxy } from './proxy';
export type { RetrievedMail } from './retrieved-mail';
export {
  type Credentials,
  MECHANISMS,
  type MechanismName,
  type PasswordCredentials,
  type TokenCredentials,
} from './sasl';
export { type TraceEvent, transcriptOf } from './trace';

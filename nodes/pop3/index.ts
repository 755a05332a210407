/**
 * A POP3 client: RFC 1939, 2449, 2595, 3206, 5034, 6856 and 8314, with XOAUTH2 and OAUTHBEARER.
 * It knows nothing of Node-RED, of where tokens come from, or of what is in a mail.
 */
export { Capabilities } from './capabilities';
export { type Deletion, Pop3Client, type UniqueIdAnswer } from './client';
export { Pop3Error, type Pop3ErrorCode, type Pop3Hint } from './error';
export type { Listing, MaildropStatus, UniqueId } from './listing';
export { type Clock, type ConnectOptions, LIMITS, type Limits, TIMEOUTS, type Timeouts } from './options';
export { isExempt, type ProxySettings, proxyFromEnvironment, throughProxy } from './proxy';
export type { RetrievedMail } from './retrieval';
export {
  type Credentials,
  MECHANISMS,
  type MechanismName,
  type PasswordCredentials,
  type TokenCredentials,
} from './sasl';
export type { TraceEvent } from './trace';

/**
 * What happened, as one closed set of words.
 *
 * `AUTH` the login was refused · `CONFIG` the caller asked for something that must not or cannot be done ·
 * `TLS` no trusted encryption · `CONNECT` no connection, or it was lost · `TIMEOUT` the server does not respond ·
 * `IN_USE` (RFC 2449 section 8.1.2) another session holds the mailbox · `LOGIN_DELAY` (RFC 2449 section 8.1.1) too soon ·
 * `SYS_TEMP`, `SYS_PERM` (RFC 3206) the server's own trouble · `PROTOCOL` the server broke the protocol ·
 * `LIMIT` a cap was exceeded · `REFUSED` a plain `-ERR` to one command · `ABORTED` the caller ended it.
 */
export type Pop3ErrorCode =
  | 'AUTH'
  | 'CONFIG'
  | 'TLS'
  | 'CONNECT'
  | 'TIMEOUT'
  | 'IN_USE'
  | 'LOGIN_DELAY'
  | 'SYS_TEMP'
  | 'SYS_PERM'
  | 'PROTOCOL'
  | 'LIMIT'
  | 'REFUSED'
  | 'ABORTED';

/** The reason where nothing narrower is known. */
export type Pop3PlainReason =
  | 'auth'
  | 'config'
  | 'tls'
  | 'connect'
  | 'timeout'
  | 'in-use'
  | 'login-delay'
  | 'sys-temp'
  | 'sys-perm'
  | 'protocol'
  | 'limit'
  | 'command-refused'
  | 'aborted';

/** The narrower reason, where it is known: a word to choose a sentence by, never a sentence itself. */
export type Pop3NarrowReason =
  | 'name-not-found'
  | 'dns-unavailable'
  | 'refused'
  | 'unreachable'
  | 'hung-up'
  | 'proxy'
  | 'server-speaks-plain'
  | 'server-speaks-tls'
  | 'speaks-imap'
  | 'speaks-smtp'
  | 'self-signed'
  | 'untrusted-issuer'
  | 'intermediate-missing'
  | 'signature-too-weak'
  | 'wrong-name'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  | 'certificate-rejected'
  | 'tls-too-old'
  | 'client-certificate-required'
  | 'name-refused'
  | 'starttls-not-offered'
  | 'starttls-injection'
  | 'tls-required'
  | 'plaintext-not-allowed'
  | 'mechanism-not-offered'
  | 'mechanism-needs-other-credentials'
  | 'user-missing'
  | 'unsafe-argument'
  | 'login-spent'
  | 'server-signature-wrong'
  | 'closed-during-login'
  | 'wrong-password'
  | 'mailbox-refused'
  | 'account-locked'
  | 'pop-disabled'
  | 'throttled'
  | 'not-connected'
  | 'app-password-needed'
  | 'web-login-needed'
  | 'vague-refusal'
  | 'unsolicited-bytes'
  | 'mail-too-large'
  | 'list-too-long'
  | 'line-too-long'
  | 'unread-mail-in-the-way'
  | 'closed'
  | 'cut-short';

export type Pop3Reason = Pop3PlainReason | Pop3NarrowReason;

export interface Pop3ErrorDetails {
  reason?: Pop3Reason;
  /** Whether the same attempt may succeed later without a person doing anything. */
  retryable?: boolean;
  /** Milliseconds the server asked to be left alone. */
  retryAfterMs?: number;
  cause?: unknown;
  /** The server's status line, masked, and the response code in it. */
  response?: { readonly line: string; readonly code: string };
  /** What the server put into a failed SASL exchange (RFC 7628 section 3.2.2), decoded and masked. */
  challenge?: unknown;
  /** Who signed the server's certificate, by the certificate. */
  issuer?: string;
  /** The proxy that failed, as `host:port`. */
  proxy?: string;
  /** The command word it happened at, such as `RETR`. */
  command?: string;
}

const PLAIN_REASONS: Readonly<Record<Pop3ErrorCode, Pop3PlainReason>> = {
  AUTH: 'auth',
  CONFIG: 'config',
  TLS: 'tls',
  CONNECT: 'connect',
  TIMEOUT: 'timeout',
  IN_USE: 'in-use',
  LOGIN_DELAY: 'login-delay',
  SYS_TEMP: 'sys-temp',
  SYS_PERM: 'sys-perm',
  PROTOCOL: 'protocol',
  LIMIT: 'limit',
  REFUSED: 'command-refused',
  ABORTED: 'aborted',
};

const RETRYABLE: ReadonlySet<Pop3ErrorCode> = new Set([
  'CONNECT',
  'TIMEOUT',
  'IN_USE',
  'LOGIN_DELAY',
  'SYS_TEMP',
  'PROTOCOL',
  'REFUSED',
]);

/** The one error class of the client. Holds no password, token or proof, at any depth. */
export class Pop3Error extends Error {
  override readonly name = 'Pop3Error';
  readonly code: Pop3ErrorCode;
  readonly reason: Pop3Reason;
  readonly retryable: boolean;
  declare readonly retryAfterMs?: number;
  /** The server's status line, with every secret masked and control characters replaced. */
  declare readonly response?: string;
  /** The response code in brackets (RFC 2449 section 8), upper case, such as `SYS/TEMP`. */
  declare readonly responseCode?: string;
  declare readonly challenge?: unknown;
  /** Who signed the certificate that was not trusted, as it says. */
  declare readonly issuer?: string;
  /** The proxy that failed, as `host:port`. */
  declare readonly proxy?: string;
  declare readonly command?: string;

  constructor(code: Pop3ErrorCode, message: string, details: Pop3ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = details.reason ?? PLAIN_REASONS[code];
    this.retryable = details.retryable ?? RETRYABLE.has(code);
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs;
    if (details.response) {
      this.response = details.response.line;
      if (details.response.code) this.responseCode = details.response.code;
    }
    if (details.challenge !== undefined) this.challenge = details.challenge;
    if (details.issuer !== undefined) this.issuer = details.issuer;
    if (details.proxy !== undefined) this.proxy = details.proxy;
    if (details.command !== undefined) this.command = details.command;
  }
}

import type { Response } from './response';

/**
 * What happened, as one closed set of words.
 *
 * `AUTH` the login was refused · `CONFIG` the caller asked for something that must not or cannot be done ·
 * `TLS` no trusted encryption · `CONNECT` no connection, or it was lost · `TIMEOUT` the server fell silent ·
 * `IN_USE` (RFC 2449 §8.1.2) another session holds the mailbox · `LOGIN_DELAY` (RFC 2449 §8.1.1) too soon ·
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

/** The narrower cause, where it is known: a word to choose a sentence by, never a sentence itself. */
export type Pop3Hint =
  | 'name-not-found'
  | 'refused'
  | 'unreachable'
  | 'hung-up'
  | 'proxy'
  | 'server-speaks-plain'
  | 'server-speaks-tls'
  | 'self-signed'
  | 'untrusted-issuer'
  | 'wrong-name'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  | 'certificate-rejected'
  | 'starttls-not-offered'
  | 'starttls-injection'
  | 'plaintext-not-allowed'
  | 'mechanism-not-offered'
  | 'mechanism-needs-other-credentials'
  | 'user-missing'
  | 'unsafe-argument'
  | 'login-spent'
  | 'server-signature-wrong'
  | 'closed-during-login'
  | 'pop-disabled'
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

export interface Pop3ErrorDetails {
  /** Whether the same attempt may succeed later without a person doing anything. */
  retryable?: boolean;
  /** Milliseconds the server asked to be left alone. */
  retryAfterMs?: number;
  cause?: unknown;
  /** The server's status line, masked. */
  response?: Response;
  /** What the server put into a failed SASL exchange (RFC 7628 §3.2.2), decoded. */
  challenge?: unknown;
  hint?: Pop3Hint;
  /** The command word it happened at, such as `RETR`. */
  command?: string;
}

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
  readonly retryable: boolean;
  declare readonly retryAfterMs?: number;
  /** The server's status line without `+OK`/`-ERR` interpretation and with every secret masked. */
  declare readonly response?: string;
  /** The response code in brackets (RFC 2449 §8), upper case, such as `SYS/TEMP`. */
  declare readonly responseCode?: string;
  declare readonly challenge?: unknown;
  declare readonly hint?: Pop3Hint;
  declare readonly command?: string;

  constructor(code: Pop3ErrorCode, message: string, details: Pop3ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = details.retryable ?? RETRYABLE.has(code);
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs;
    if (details.response) {
      this.response = details.response.line;
      if (details.response.code) this.responseCode = details.response.code;
    }
    if (details.challenge !== undefined) this.challenge = details.challenge;
    if (details.hint !== undefined) this.hint = details.hint;
    if (details.command !== undefined) this.command = details.command;
  }
}

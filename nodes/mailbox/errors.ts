/** What can go wrong with a mailbox: the closed list that flows branch on as `err.code`. */
export const MAILBOX_ERROR_CODES = [
  'AUTH',
  'SIGN_IN_AGAIN',
  'CONFIG',
  'TLS',
  'CONNECT',
  'TIMEOUT',
  'IN_USE',
  'LOGIN_DELAY',
  'SYS_TEMP',
  'SYS_PERM',
  'PROTOCOL',
  'LIMIT',
  'POISON',
  'STORE',
] as const;

export type MailboxErrorCode = (typeof MAILBOX_ERROR_CODES)[number];

/** Facts a sentence for people may mention; never a secret. */
export type ErrorFacts = Record<string, string | number | undefined>;

/**
 * The one error of this room.
 *
 * `code` is for flows, `reason` is the key of the words a person reads (kebab-case, see
 * `locales/<lang>/pop3-in.json`), `facts` fill those words. `retryAfterMs` is the shortest time the
 * server asked for; undefined where it named none.
 */
export class MailboxError extends Error {
  override readonly name = 'MailboxError';
  readonly code: MailboxErrorCode;
  readonly reason: string;
  readonly facts: ErrorFacts;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;

  constructor(
    code: MailboxErrorCode,
    reason: string,
    options: { facts?: ErrorFacts; retryable?: boolean; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.facts = options.facts ?? {};
    this.retryable = options.retryable ?? true;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}

export const isMailboxErrorCode = (code: unknown): code is MailboxErrorCode =>
  (MAILBOX_ERROR_CODES as readonly unknown[]).includes(code);

import { showable } from '../base/shown';
import type { Pop3Reason } from '../pop3';

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

/** The reasons of a mailbox and of the node around it, besides those of the POP3 client. */
type OwnReason =
  | 'account-missing'
  | 'account-not-deployed'
  | 'account-rerouted'
  | 'address-without-domain'
  | 'attachments-unwritable'
  | 'autoconfig-disabled'
  | 'autoconfig-unavailable'
  | 'database-unavailable'
  | 'directory-missing'
  | 'disk-full'
  | 'downloads-refused'
  | 'environment-missing'
  | 'environment-of-instance'
  | 'first-not-a-date'
  | 'fleet-database-refused'
  | 'fleet-driver-missing'
  | 'fleet-schema-newer'
  | 'fleet-secret-different'
  | 'fleet-secret-missing'
  | 'fleet-setting-wrong'
  | 'folder-in-use'
  | 'folder-unwritable'
  | 'gmail-lists-old-mail'
  | 'host-missing'
  | 'ledger-damaged'
  | 'ledger-newer'
  | 'ledger-missing'
  | 'ledger-unwritable'
  | 'mail-ends-process'
  | 'mail-failed-again'
  | 'mail-gone'
  | 'mail-incomplete'
  | 'other-node-not-logged-in'
  | 'mail-set-aside'
  | 'node-not-deployed'
  | 'owned-elsewhere'
  | 'ledger-moved'
  | 'owner-silent'
  | 'password-again'
  | 'password-missing'
  | 'paused'
  | 'property-malformed'
  | 'proxy-not-deployed'
  | 'spool-full'
  | 'spooled-mail-gone'
  | 'stopped'
  | 'test-gone'
  | 'tls-not-deployed'
  | 'token-server'
  | 'took-too-long'
  | 'unexpected';

/** The key of the words a person reads; after `account/` those of the account's own catalog. */
export type MailboxReason = Pop3Reason | OwnReason | `account/${string}`;

/** Facts a sentence for people may mention; never a secret. */
export type ErrorFacts = Record<string, string | number | undefined>;

/** A unique ID, a header or a server's words are strangers' bytes, and a sentence with them goes into logs and pages. */
const cleaned = (fact: string | number | undefined) =>
  typeof fact === 'string' ? showable(fact, MOST_OF_A_FACT) : fact;
const MOST_OF_A_FACT = 2000;

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
  readonly reason: MailboxReason;
  readonly facts: ErrorFacts;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;

  constructor(
    code: MailboxErrorCode,
    reason: MailboxReason,
    options: { facts?: ErrorFacts; retryable?: boolean; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.facts = Object.fromEntries(
      Object.entries(options.facts ?? {}).map(([name, fact]) => [name, cleaned(fact)]),
    );
    this.retryable = options.retryable ?? true;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}

/** For what a deploy has ended: no failure, and no attempt. */
export const stopped = (): MailboxError => new MailboxError('CONNECT', 'stopped');

export const isMailboxErrorCode = (code: unknown): code is MailboxErrorCode =>
  (MAILBOX_ERROR_CODES as readonly unknown[]).includes(code);

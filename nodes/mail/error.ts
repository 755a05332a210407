/**
 * `CONFIG`: attachments are to be files and no directory was named. `STORE`: the directory refused a file
 * (missing rights, full disk). `BYTES_NEEDED`: the mail could not be parsed and its bytes were not kept: to be read
 * once more without `comesAgain`.
 */
export type MailErrorCode = 'CONFIG' | 'STORE' | 'BYTES_NEEDED';

/** The one error of this room. A mail that cannot be parsed is not an error: see `mail.problems`. */
export class MailError extends Error {
  override readonly name = 'MailError';
  readonly code: MailErrorCode;
  /** Whether the same mail may be read without error later, with nothing changed but the surroundings. */
  readonly retryable: boolean;

  constructor(code: MailErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = code !== 'CONFIG';
  }
}

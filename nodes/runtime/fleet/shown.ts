import type { MailboxError, MailboxParts, MailboxState } from '../../mailbox';

/** What a node shows of its mailbox: what the mailbox itself does here, else which replica has it, or why none has. */
export class ShownState {
  readonly #trouble: () => MailboxError | undefined;
  #parts: Pick<MailboxParts, 'onState' | 'onError'> | undefined;
  #state: MailboxState = { is: 'idle' };
  #reported: string | undefined;

  /** @param trouble why nothing can be owned just now */
  constructor(trouble: () => MailboxError | undefined) {
    this.#trouble = trouble;
  }

  /** The same parts, watched. */
  watch(parts: MailboxParts): MailboxParts {
    this.#parts = parts;
    return {
      ...parts,
      onState: (state) => {
        this.#state = state;
        parts.onState(state);
      },
      onError: (error) => this.#report(error),
    };
  }

  /** True while the mailbox here is in the middle of a check. */
  get isChecking(): boolean {
    return this.#state.is === 'checking' || this.#state.is === 'progress';
  }

  /** It is not here. */
  showWhere(): void {
    const trouble = this.#trouble();
    this.#state = trouble === undefined ? { is: 'elsewhere' } : { is: 'failed', error: trouble };
    this.#parts?.onState(this.#state);
    if (trouble !== undefined) this.#report(trouble);
  }

  /** The next error is a change. */
  forgetReported(): void {
    this.#reported = undefined;
  }

  /** Once for each change: a mailbox that was being checked when the database went away has said so already. */
  #report(error: MailboxError): void {
    const state = `${error.code} ${error.reason}`;
    if (this.#reported === state) return;
    this.#reported = state;
    this.#parts?.onError(error);
  }
}

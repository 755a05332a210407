import type { CheckSummary, MailboxError } from '../../mailbox';
import type { AttendedMailbox } from './attended';
import type { Inbox, Word } from './inbox';

/** Does what other replicas have said to the owner of a mailbox, for those that are owned here. */
export class Words {
  readonly #inbox: Inbox;
  readonly #replica: () => string | undefined;
  readonly #attended: (mailbox: string, node: string) => AttendedMailbox | undefined;
  readonly #answering = new Set<string>();
  #reading: Promise<void> | undefined;
  #again = false;
  #over = false;

  constructor(
    inbox: Inbox,
    replica: () => string | undefined,
    attended: (mailbox: string, node: string) => AttendedMailbox | undefined,
  ) {
    this.#inbox = inbox;
    this.#replica = replica;
    this.#attended = attended;
  }

  /** Looks for words; a notice that comes meanwhile is looked after at once. */
  read(): void {
    this.#again = true;
    this.#reading ??= (async () => {
      while (this.#again && !this.#over) {
        this.#again = false;
        await this.#apply();
      }
    })()
      .catch(() => undefined)
      .finally(() => {
        this.#reading = undefined;
      });
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#reading;
  }

  async #apply(): Promise<void> {
    const replica = this.#replica();
    if (replica === undefined) return;
    for await (const word of this.#inbox.pending(replica)) {
      const one = this.#attended(word.mailbox, word.node);
      const running = one?.running;
      // Not begun yet: its ledger applies the acknowledgements when it is opened.
      if (running === undefined || this.#answering.has(word.id)) continue;
      if (word.kind === 'ack') {
        // A mailbox that has only just begun knows no delivery yet.
        const known = await running.acknowledge(word.delivery ?? '', word.outcome ?? 'done');
        if (known !== 'unknown' || one?.isReady) await this.#inbox.drop([word]);
      } else this.#answer(word, running.check());
    }
    await this.#inbox.tidy();
  }

  #answer(word: Word, check: Promise<CheckSummary>): void {
    this.#answering.add(word.id);
    check
      .then(
        (summary) => this.#inbox.answer(word, { summary }),
        ({ code, reason, facts }: MailboxError) =>
          // Moved away in the middle: the next owner answers.
          reason === 'stopped' ? undefined : this.#inbox.answer(word, { error: { code, reason, facts } }),
      )
      .catch(() => undefined)
      .finally(() => this.#answering.delete(word.id));
  }
}

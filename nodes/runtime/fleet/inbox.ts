import { type AckOutcome, type CheckSummary, MailboxError, type MailboxErrorCode } from '../../mailbox';
import { storedNode } from '../mailbox-name';
import type { Database, Prepared } from './database';
import { isText } from './text';

/** What hears of new words, and of answers. */
export const WORDS = 'word';
export const ANSWERS = 'answer';
/** A check may take as long; then the replica that asked gives up. */
const ANSWER_TIMEOUT_MS = 10 * 60_000;
/** Words that are read in one statement. */
const MOST_WORDS = 1_000;
/** Notices may be missed. */
const LOOK_AGAIN_MS = 2_000;

const PUT: Prepared = {
  name: 'word-put',
  text: `with mail as (
      select mailbox from spooled where node = $6 and name = $2 and label is not null limit 1),
    put as (insert into word (mailbox, node, kind, delivery, outcome)
      select mailbox, $1, 'ack', $3, $4 from mail returning mailbox)
    select pg_notify($5, mailbox) from put`,
};
const ASK: Prepared = {
  name: 'word-ask',
  text: `with put as (insert into word (mailbox, node, kind) values ($1, $2, 'check') returning id, mailbox)
    select id::text, pg_notify($3, mailbox) from put`,
};
const OF_NODE: Prepared = {
  name: 'word-acks',
  text: `select id::text, kind, delivery, outcome from word
    where mailbox = $1 and node = $2 and kind = 'ack' order by word.id`,
};
const OF_MAILBOX: Prepared = {
  name: 'word-acks-of-mailbox',
  text: "select id::text, node, kind, delivery, outcome from word where mailbox = $1 and kind = 'ack' order by word.id",
};
const OF_REPLICA: Prepared = {
  name: 'word-pending',
  text: `select w.id::text, w.mailbox, w.node, w.kind, w.delivery, w.outcome
    from word w join mailbox m on m.id = w.mailbox where m.replica = $1 and w.answer is null and w.id > $2::bigint
    order by w.id limit ${MOST_WORDS}`,
};
const DROP: Prepared = { name: 'word-drop', text: 'delete from word where id = any ($1::bigint[])' };
const ANSWER: Prepared = {
  name: 'word-answer',
  text: `with said as (update word set answer = $2 where id = $1::bigint returning id)
    select pg_notify($3, id::text) from said`,
};
const ANSWERED: Prepared = { name: 'word-answered', text: 'select answer from word where id = $1::bigint' };
/** As a node names its deliveries. Other text may be none that PostgreSQL takes, which is no trouble of the database. */
const DELIVERY = /^[0-9a-f]{32}-[\w-]{1,64}$/;

/** Entries that were not requested for so long are removed. */
const TIDY: Prepared = {
  name: 'word-tidy',
  text: `delete from word where (kind = 'check' and at < clock_timestamp() - interval '1 hour')
    or at < clock_timestamp() - interval '30 days'`,
};

export interface Word {
  id: string;
  mailbox: string;
  node: string;
  kind: 'ack' | 'check';
  delivery: string | null;
  outcome: AckOutcome | null;
}

type Answer = { summary: CheckSummary } | { error: Pick<MailboxError, 'code' | 'reason' | 'facts'> };

/**
 * Words for the owner of a mailbox, from any replica: only the owner writes its ledger. A word is durable before its
 * sender goes on, and is read by the owner, or by the next one before it delivers anything.
 */
export class Inbox {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * An acknowledgement for whichever replica owns the mailbox.
   * @returns `unknown` where no mail of that delivery waits any more
   * @throws MailboxError STORE
   */
  async acknowledge(node: string, delivery: string, outcome: AckOutcome): Promise<'accepted' | 'unknown'> {
    if (!DELIVERY.test(delivery) || !isText(node)) return 'unknown';
    const name = delivery.split('-', 1)[0];
    const values = [node, name, delivery, outcome, this.#channel(WORDS), storedNode(node)];
    return (await this.#database.query(PUT, values)).length > 0 ? 'accepted' : 'unknown';
  }

  /** Acknowledgements that a node's next owner has to apply before it delivers. */
  acknowledgements(mailbox: string, node: string): Promise<Word[]> {
    return this.#database.query<Word & Record<string, unknown>>(OF_NODE, [mailbox, node]);
  }

  /** The same, by a node's name as its ledger has it. */
  async ofStored(mailbox: string, stored: string): Promise<Word[]> {
    const rows = await this.#database.query<Word & Record<string, unknown>>(OF_MAILBOX, [mailbox]);
    return rows.filter(({ node }) => storedNode(node) === stored);
  }

  /** Everything for the mailboxes of a replica, also what cannot be done yet: that must keep nothing else waiting. */
  async *pending(replica: string): AsyncIterable<Word> {
    for (let after = '0'; ; ) {
      const words = await this.#database.query<Word & Record<string, unknown>>(OF_REPLICA, [replica, after]);
      yield* words;
      const last = words.at(-1);
      if (last === undefined || words.length < MOST_WORDS) return;
      after = last.id;
    }
  }

  async drop(words: Pick<Word, 'id'>[]): Promise<void> {
    if (words.length > 0) await this.#database.query(DROP, [words.map(({ id }) => id)]);
  }

  async tidy(): Promise<void> {
    await this.#database.query(TIDY);
  }

  /**
   * Asks the owner for a check and waits for its summary.
   * @param signal the answer is wanted no more
   * @throws MailboxError what the check threw, or TIMEOUT
   */
  async check(mailbox: string, node: string, signal: AbortSignal): Promise<CheckSummary> {
    const [asked] = await this.#database.query<{ id: string }>(ASK, [mailbox, node, this.#channel(WORDS)]);
    const id = asked?.id as string;
    const until = performance.now() + ANSWER_TIMEOUT_MS;
    try {
      while (performance.now() < until) {
        await this.#answered(id, signal);
        signal.throwIfAborted();
        const [row] = await this.#database.query<{ answer: string | null }>(ANSWERED, [id]);
        if (row === undefined) break;
        if (row.answer === null) continue;
        const answer = JSON.parse(row.answer) as Answer;
        if ('summary' in answer) return answer.summary;
        const { code, reason, facts } = answer.error;
        throw new MailboxError(code as MailboxErrorCode, reason, { facts });
      }
      throw new MailboxError('TIMEOUT', 'owner-silent');
    } finally {
      await this.drop([{ id }]).catch(() => undefined);
    }
  }

  async answer(word: Pick<Word, 'id'>, answer: Answer): Promise<void> {
    await this.#database.query(ANSWER, [word.id, JSON.stringify(answer), this.#channel(ANSWERS)]);
  }

  #channel(name: string): string {
    return `${this.#database.schema}_${name}`;
  }

  /** Resolves at the notice of this answer, or when it is time to look again. */
  #answered(id: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        this.#database.off('notice', hear);
        resolve();
      };
      const hear = (channel: string, text: string): void => {
        if (channel === ANSWERS && text === id) finish();
      };
      const timer = setTimeout(finish, LOOK_AGAIN_MS);
      signal.addEventListener('abort', finish, { once: true });
      this.#database.on('notice', hear);
    });
  }
}

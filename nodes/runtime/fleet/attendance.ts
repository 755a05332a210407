import { createHash } from 'node:crypto';
import type { Querying } from './database';
import { isText } from './text';

/** Rows in one statement. */
const MOST_ROWS = 5_000;

export const ADD = {
  name: 'add-mailboxes',
  text: 'insert into mailbox (id) select unnest($1::text[]) on conflict do nothing',
};
/** Counted in the row of the replica, by which the others see that something has changed. */
const COUNTED = 'told as (update replica set attending = attending + 1 where id = $1)';
const ATTEND = {
  name: 'attend',
  text: `with ${COUNTED} insert into attendance (replica, mailbox, node)
    select $1, mailbox, node from unnest($2::text[], $3::text[]) as t (mailbox, node) on conflict do nothing`,
};
const LEAVE = {
  name: 'leave-mailboxes',
  text: `with ${COUNTED} delete from attendance where replica = $1 and (mailbox, node) in
    (select mailbox, node from unnest($2::text[], $3::text[]) as t (mailbox, node))`,
};

/** Longer ones may not fit into an index. Node-RED's own have 16 characters, and those in subflows 17 more a level. */
const MOST_CHARACTERS = 500;

/** What a node is called here: an imported flow may have an ID that PostgreSQL refuses, and with it all others at once. */
export const attendedAs = (node: string): string =>
  node.length <= MOST_CHARACTERS && isText(node)
    ? node
    : createHash('sha256').update(node).digest('base64url');

type Pair = [mailbox: string, node: string];

/** Which mailboxes the flows of this replica have, by which of their nodes, and what of that the database knows. */
export class Attendance {
  readonly #nodes = new Map<string, Set<string>>();
  /** What the database has to be told. */
  readonly #joining = new Map<string, Pair>();
  readonly #leaving = new Map<string, Pair>();

  get size(): number {
    return this.#nodes.size;
  }

  add(mailbox: string, id: string): void {
    const node = attendedAs(id);
    const nodes = this.#nodes.get(mailbox) ?? new Set();
    this.#nodes.set(mailbox, nodes.add(node));
    this.#leaving.delete(`${mailbox}\n${node}`);
    this.#joining.set(`${mailbox}\n${node}`, [mailbox, node]);
  }

  /** False where the node had not been added. */
  remove(mailbox: string, id: string): boolean {
    const node = attendedAs(id);
    const nodes = this.#nodes.get(mailbox);
    if (!nodes?.delete(node)) return false;
    if (nodes.size === 0) this.#nodes.delete(mailbox);
    this.#joining.delete(`${mailbox}\n${node}`);
    this.#leaving.set(`${mailbox}\n${node}`, [mailbox, node]);
    return true;
  }

  /** The database knows nothing of what a new session attends. */
  forgetTold(): void {
    for (const [mailbox, nodes] of this.#nodes)
      for (const node of nodes) this.#joining.set(`${mailbox}\n${node}`, [mailbox, node]);
  }

  /** Tells the database what has changed. @throws MailboxError */
  async tell(database: Querying, session: string): Promise<void> {
    for (const rows of slices(this.#joining)) {
      await database.query(ADD, [[...new Set(rows.map(([, [mailbox]]) => mailbox))]]);
      await database.query(ATTEND, [session, ...columnsOf(rows)]);
      forget(this.#joining, rows);
    }
    for (const rows of slices(this.#leaving)) {
      await database.query(LEAVE, [session, ...columnsOf(rows)]);
      forget(this.#leaving, rows);
    }
  }
}

function* slices(waiting: Map<string, Pair>): Iterable<[string, Pair][]> {
  const rows = [...waiting];
  for (let from = 0; from < rows.length; from += MOST_ROWS) yield rows.slice(from, from + MOST_ROWS);
}

const columnsOf = (rows: [string, Pair][]): [mailboxes: string[], nodes: string[]] => [
  rows.map(([, [mailbox]]) => mailbox),
  rows.map(([, [, node]]) => node),
];

/** One that was added or removed again meanwhile is still to be told. */
function forget(waiting: Map<string, Pair>, rows: [string, Pair][]): void {
  for (const [key, pair] of rows) if (waiting.get(key) === pair) waiting.delete(key);
}

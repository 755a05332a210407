import type { Database, Prepared, Querying } from './database';
import { isText } from './text';

/** One Node-RED of the fleet, as the database knows it. */
export interface ReplicaStanding {
  name: string;
  version: string;
  role: 'runtime' | 'editor';
  /** ms since it joined. */
  ageMs: number;
  /** ms since its last heartbeat. */
  beatAgoMs: number;
  /** Mailboxes in its flows, and those of them that it owns. */
  attended: number;
  owned: number;
  draining: boolean;
  /** The one that answers. */
  here: boolean;
}

/** How a fleet is. */
export interface FleetStanding {
  replicas: ReplicaStanding[];
  /** The name of the replica that owns its mailbox, by node. A node whose mailbox has no owner is not in it. */
  owners: Map<string, string>;
}

const REPLICAS: Prepared = {
  name: 'standing-replicas',
  text: `select name, version, role, attended, owned, draining, coalesce(id = $1, false) as here,
    (extract(epoch from clock_timestamp() - started) * 1000)::float8 as "ageMs",
    (extract(epoch from clock_timestamp() - beat) * 1000)::float8 as "beatAgoMs"
    from replica where died is null order by name, started`,
};
const OWNERS: Prepared = {
  name: 'standing-owners',
  text: `select m.id, r.name from mailbox m join replica r on r.id = m.replica
    where m.id = any ($1::text[]) and r.died is null`,
};

/** Seen by the replica at its next heartbeat. */
const DRAIN: Prepared = {
  name: 'drain',
  text: 'update replica set draining = $2 where name = $1 and died is null returning 1',
};
/** Seen by the owner within a beat; given up by it in order, and claimed by the other one. Nothing, where that has it. */
const MOVE: Prepared = {
  name: 'move',
  text: `update mailbox set wanted = nullif($2, (select name from replica where id = mailbox.replica)) where id = $1 and exists (
      select from replica join attendance a on a.replica = replica.id
      where name = $2 and a.mailbox = $1 and died is null and not draining and role = 'runtime')
    returning 1`,
};

/** A replica gives up all its mailboxes and takes none, or takes some again. False where there is none of this name. */
export const drain = async (database: Querying, name: string, draining: boolean): Promise<boolean> =>
  isText(name) && (await database.query(DRAIN, [name, draining])).length > 0;

/** A mailbox moves to a replica; false where that cannot have it: it is not there, drained, or its flows lack the mailbox. */
export const move = async (database: Querying, mailbox: string, name: string): Promise<boolean> =>
  isText(name) && (await database.query(MOVE, [mailbox, name])).length > 0;

/**
 * @param nodes the nodes in the flows here, with their mailboxes
 * @throws MailboxError STORE
 */
export async function standingOf(
  database: Pick<Database, 'query'>,
  here: string | undefined,
  nodes: { node: string; mailbox: string }[],
): Promise<FleetStanding> {
  const replicas = await database.query<ReplicaStanding & Record<string, unknown>>(REPLICAS, [here ?? null]);
  const mailboxes = [...new Set(nodes.map(({ mailbox }) => mailbox))];
  const rows = await database.query<{ id: string; name: string }>(OWNERS, [mailboxes]);
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  const owners = new Map<string, string>();
  for (const { node, mailbox } of nodes) {
    const name = names.get(mailbox);
    if (name !== undefined) owners.set(node, name);
  }
  return { replicas, owners };
}

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isLoopback } from '../base/loopback';

/** A mailbox as the server knows it. */
export interface MailboxName {
  host: string;
  port: number;
  user: string;
}

/**
 * Names a mailbox in file names. The port does not count, since a maildrop is the same by 110 and by 995; but on
 * loopback, where each port may be another server's.
 */
export function mailboxId({ host, port, user }: MailboxName): string {
  const name = host.toLowerCase();
  // Ledgers of 0.1.0 do not count the port of a name below localhost.
  const portCounts = isLoopback(name) && !name.endsWith('.localhost');
  return createHash('sha256')
    .update(`${name}\n${portCounts ? port : ''}\n${user}`)
    .digest('hex')
    .slice(0, 16);
}

/** A node's ID as ledgers are kept by it: in file names, and in the database of a fleet as in file names. */
export const storedNode = (node: string): string => node.replace(/[^\w-]/g, '_');

/** Where the ledger, or the spool, of a node and mailbox is kept. */
export const fileOf = (folder: string, node: string, mailbox: string, kind: 'ledger' | 'spool'): string =>
  join(folder, `${storedNode(node)}-${mailbox}.${kind}`);

/** What {@link fileOf} names a ledger by; undefined where it is another file. */
export function ledgerNamed(file: string): { node: string; mailbox: string } | undefined {
  const [, node, mailbox] = /^(.+)-([0-9a-f]{16})\.ledger$/.exec(file) ?? [];
  return node === undefined || mailbox === undefined ? undefined : { node, mailbox };
}

import { type MailboxParts, openSession, systemClock } from '../nodes/mailbox';
import { mailboxId } from '../nodes/runtime';
import type { LedgerLoan, LedgerRoom } from '../nodes/runtime/ledger-loan';
import type { RunningMailbox } from '../nodes/runtime/running-mailbox';
import { settings } from './mailbox-checker';

export interface AttendOptions {
  /** Of the replica: its password, by which the server tells who deletes. */
  name: string;
  user: string;
  port: number;
  /** Seconds between two checks; 0: only when asked. */
  interval?: number;
  ack?: boolean;
  after?: 'delete' | 'keep';
  /** How many sessions are open at a time. */
  inTurn?: MailboxParts['inTurn'];
  /** Of the server, where it is not one that accepts every password. */
  password?: string;
  deliver: MailboxParts['deliver'];
  onState?: MailboxParts['onState'];
  onError?: MailboxParts['onError'];
  onCheck?: MailboxParts['onCheck'];
  onAcknowledged?: MailboxParts['onAcknowledged'];
}

/** One node of a replica's flow, on a mailbox of {@link startManyMailboxes}. */
export function attend(
  room: Pick<LedgerRoom, 'attend'>,
  { name, user, port, interval = 0.5, ack = false, after = 'delete', ...parts }: AttendOptions,
): { mailbox: RunningMailbox; loan: LedgerLoan; node: string } {
  const node = `node-${user}`;
  const server = { host: 'pop.example.test', port, user };
  const loan = room.attend(node, mailboxId(server));
  const mailbox = loan.run({
    settings: {
      ...settings,
      node,
      ...server,
      interval,
      first: 'all',
      after,
    },
    ...(ack && { ack: { ackTimeout: 600, maxAttempts: 5, maxInFlight: 4 } }),
    reading: { content: 'parsed', attachments: 'buffer' },
    ledger: loan.open,
    spool: loan.spool,
    open: (signal) =>
      openSession(
        { host: '127.0.0.1', port, security: 'none' },
        { user, password: parts.password ?? name, mechanism: 'USER' },
        signal,
      ),
    inTurn: parts.inTurn ?? ((run) => run()),
    mayDelete: loan.mayDelete,
    assertOwner: loan.assertOwner,
    deliver: parts.deliver,
    onState: parts.onState ?? (() => undefined),
    onError: parts.onError ?? (() => undefined),
    ...(parts.onCheck && { onCheck: parts.onCheck }),
    ...(parts.onAcknowledged && { onAcknowledged: parts.onAcknowledged }),
    onQuarantined: () => undefined,
    onSummary: () => undefined,
    clock: systemClock,
    random: Math.random,
  });
  mailbox.start();
  return { mailbox, loan, node };
}

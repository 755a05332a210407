/** What a mailbox did last, for a person to see: in memory only, and bounded. */
import { printable } from '../base/shown';
import type { AckOutcome, CheckRecord, DeliveredMail } from '../mailbox';

const MOST_CHECKS = 50;
const MOST_MAILS = 20;

/** How a check went. Times are ms since the epoch. */
export interface PastCheck {
  at: number;
  ms: number;
  found: number;
  delivered: number;
  redelivered: number;
  /** A failure's code and reason. */
  error?: CheckRecord['error'];
}

export interface PastMail {
  uid: string;
  delivery: string;
  subject: string;
  from: string;
  bytes: number;
  at: number;
  redelivered: boolean;
  /** `sent`: nothing more comes; `waiting`: for its acknowledgement; else what the flow said. */
  outcome: 'sent' | 'waiting' | AckOutcome | 'quarantined';
}

export class MailboxHistory {
  readonly checks: PastCheck[] = [];
  readonly mails: PastMail[] = [];

  recordCheck({ startedAt, endedAt, summary, error }: CheckRecord): void {
    const { found = 0, delivered = 0, redelivered = 0 } = summary ?? {};
    const check = { at: endedAt, ms: endedAt - startedAt, found, delivered, redelivered };
    push(this.checks, { ...check, ...(error && { error }) }, MOST_CHECKS);
  }

  recordMail(mail: DeliveredMail, at: number, waits: boolean): void {
    const { uid, delivery, size, redelivered } = mail.pop3;
    const { topic, from } = mail as { topic?: unknown; from?: unknown };
    const outcome = waits ? 'waiting' : 'sent';
    const shown = { subject: printable(topic), from: printable(from) };
    push(this.mails, { uid, delivery, ...shown, bytes: size, at, redelivered, outcome }, MOST_MAILS);
  }

  recordAcknowledgement(delivery: string, outcome: AckOutcome): void {
    const mail = this.mails.find((one) => one.delivery === delivery);
    if (mail !== undefined) mail.outcome = outcome;
  }

  recordQuarantine(uid: string): void {
    for (const mail of this.mails) if (mail.uid === uid) mail.outcome = 'quarantined';
  }
}

function push<T>(list: T[], item: T, most: number): void {
  list.push(item);
  if (list.length > most) list.shift();
}

import type { MailMessage } from '../../mail';

/** Names one delivery and no other, and says where the mail comes from. */
export interface Pop3Fields {
  node: string;
  delivery: string;
  uid: string;
  number: number;
  /** Bytes. */
  size: number;
  user: string;
  host: string;
  /** The first is 1. */
  attempt: number;
  /** True wherever an earlier delivery was possible. */
  redelivered: boolean;
  check: string;
}

export type DeliveredMail = MailMessage & { pop3: Pop3Fields };

/** What `msg.pop3` says of every mail of a node. */
export type Origin = Pick<Pop3Fields, 'node' | 'user' | 'host'>;

export interface DeliveryFacts {
  bytes: number;
  /** Names the delivery; empty where there is none (a mail that is quarantined). */
  delivery?: string;
  check?: string;
  /** Deliveries that may have happened before this one; undefined where that cannot be known. */
  earlier: number | undefined;
}

/** Builds `msg.pop3`. This is the one place that decides what `redelivered` says. */
export function pop3Fields(
  { node, user, host }: Origin,
  mail: { key: string; uid?: string; number: number },
  { bytes, delivery = '', check = '', earlier }: DeliveryFacts,
): Pop3Fields {
  return {
    node,
    user,
    host,
    delivery,
    uid: uidOf(mail),
    number: mail.number,
    size: bytes,
    attempt: (earlier ?? 0) + 1,
    redelivered: earlier !== 0,
    check,
  };
}

/** The unique ID; where the server gave none, the digest that replaces it. */
export const uidOf = (mail: { key: string; uid?: string }): string => mail.uid ?? mail.key.slice(1);

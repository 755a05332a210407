import type { MailMessage } from '../../mail';

/** Names this hand-over and no other, and says where the mail comes from. */
export interface Pop3Fields {
  node: string;
  delivery: string;
  uid: string;
  number: number;
  /** Octets. */
  size: number;
  user: string;
  host: string;
  /** The first is 1. */
  attempt: number;
  /** True wherever an earlier hand-over was possible. */
  redelivered: boolean;
  check: string;
}

export type DeliveredMail = MailMessage & { pop3: Pop3Fields };

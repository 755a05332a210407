/** What the runtime tells the sidebar. Times are ms since the epoch, by the runtime's clock. */
export interface HealthReport {
  now: number;
  mailboxes: MailboxReport[];
  accounts: AccountReport[];
}

/** What has gone wrong: a sentence in the runtime's language, and what makes one in the reader's. */
export interface Told {
  text: string;
  code: string;
  reason: string;
  facts: object;
}

export interface MailboxReport {
  /** Of the running node, to ask something of it. */
  id: string;
  /** Where it stands in the editor. */
  node: string;
  name: string;
  host: string;
  user: string;
  /** `key` and `facts`: what to make of it in the reader's language; else `text` is a key itself. */
  status: { fill: string; shape: string; text: string; key?: string; facts?: object };
  /** A check is under way. */
  busy: boolean;
  checkedAt?: number;
  nextCheckAt?: number;
  error?: Told & { at: number; over: boolean };
  /** Mails handed over in each of the last 24 hours, the present one last. */
  hours: number[];
  inFlight: number;
  unsettled: number;
  /** The newest first; `count` may be more than are named. */
  setAside: { count: number; mails: { uid: string; subject?: string; at?: number }[] };
}

export interface AccountReport {
  /** Of the configuration node. */
  node: string;
  name: string;
  provider: string;
  user: string;
  state: string;
  /** The address the sign-in server named. */
  label?: string;
  scope?: string;
  signedInAt?: number;
  renewedAt?: number;
  expiresAt?: number;
  renewable?: boolean;
  /** When somebody has to sign in again, whatever happens. */
  endsAt?: number;
  /** Until then nothing is asked of the sign-in server. */
  retryAt?: number;
  error?: Told;
}

import { createHash } from 'node:crypto';

/** What a process that is to be killed gets to do. */
export interface ChildOrders {
  /** Which process of the series this is. */
  life: number;
  folder: string;
  probe: string;
  port: number;
  user: string;
  password: string;
  handled: 'send' | 'ack';
  after: 'keep' | 'delete';
  maxInFlight: number;
  /** The process ends the moment it is handed this one. */
  deadly?: string;
  /** Where its clock begins, ms since the epoch. */
  clockFrom?: number;
}

/** What a text is known by, whatever its end. */
export const digestOf = (text: string): string =>
  createHash('sha256').update(text.trim()).digest('base64url');

/** One mail as it was delivered. */
export interface ProbeLine {
  life: number;
  topic: string;
  /** Of the text, sha256. */
  digest: string;
  redelivered: boolean;
  attempt: number;
}

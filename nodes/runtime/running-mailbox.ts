import type { Mailbox } from '../mailbox';

/** What a node does with its mailbox, whether this runtime owns it alone or with others. */
export type RunningMailbox = Pick<
  Mailbox,
  | 'start'
  | 'stop'
  | 'check'
  | 'wake'
  | 'retry'
  | 'tryAgain'
  | 'acknowledge'
  | 'inFlight'
  | 'unacknowledged'
  | 'quarantined'
  | 'nextCheckAt'
  | 'isPaused'
  | 'firstCheck'
  | 'pause'
  | 'resume'
  | 'restart'
>;

// Of the Mail tab in a fleet; a part of protocol.ts.

/** One Node-RED of a fleet. */
export interface ReplicaReport {
  name: string;
  version: string;
  role: string;
  ageMs: number;
  beatAgoMs: number;
  attended: number;
  owned: number;
  draining: boolean;
  /** The one that answers. */
  here: boolean;
}

/** `redletter/fleet/drain`: gives up all its mailboxes, or takes its share again. */
export interface DrainRequest {
  replica: string;
  draining: boolean;
}

/** `redletter/fleet/move`: a mailbox, by its running node, to another Node-RED. */
export interface MoveRequest {
  id: string;
  replica: string;
}

/** The status under a node, where it has numbers in it: the editor itself looks up only texts that are a key as they stand. */
import { numbersOf } from '../../node-red/counted-status';

const TOPIC = 'status/#';

interface Status {
  text?: unknown;
}

let listening = false;

/** Says such a status in the reader's language; the runtime's own and what flows see of it stay as they are. */
export function translateStatuses(): void {
  if (listening) return;
  listening = true;
  RED.comms.subscribe(TOPIC, heard as never);
}

/** The nodes are no longer in the palette. */
export function leaveStatuses(): void {
  listening = false;
  RED.comms.unsubscribe(TOPIC, heard as never);
}

/** Every listener is given the same object, so it does not matter whether the editor's own comes before or after. */
function heard(topic: string, status: Status): void {
  const node = RED.nodes.node(topic.split('/')[1] ?? '') as { type: string; status?: Status } | null;
  const counted = typeof status?.text === 'string' ? numbersOf(status.text) : undefined;
  if (node?.type !== 'pop3 in' || counted === undefined) return;
  status.text = RED._(`@redletter/node-red-pop3/pop3-in:${counted.key}`, counted.numbers);
  // What the types of the editor do not know.
  if (node.status === status) (RED.view as unknown as { redrawStatus(of: object): void }).redrawStatus(node);
}

/** The status under a node, where it has numbers in it: the editor itself looks up only texts that are a key as they stand. */
import { numbersOf } from '../../node-red/data/counted-status';
import { statusWord } from '../i18n';

const TOPIC = 'status/#';

let listening = false;

/** Shows such a status in the reader's language; the runtime's own and what flows see of it stay as they are. */
export function translateStatuses(): void {
  if (listening) return;
  listening = true;
  RED.comms.subscribe(TOPIC, translate);
}

/** The nodes are no longer in the palette. */
export function leaveStatuses(): void {
  listening = false;
  RED.comms.unsubscribe(TOPIC, translate);
}

/** Every listener is given the same object, so it does not matter whether the editor's own comes before or after. */
function translate(topic: string, status: { text?: unknown }): void {
  const node = RED.nodes.node(topic.split('/')[1] ?? '');
  const counted = typeof status?.text === 'string' ? numbersOf(status.text) : undefined;
  if (node?.type !== 'pop3 in' || counted === undefined) return;
  status.text = statusWord(counted.key, counted.key, counted.numbers);
  if (node.status === status) RED.view.redrawStatus(node);
}

import type { Node, NodeMessage } from 'node-red';
import { type AssertOwner, asOwner, type DeliveredMail } from '../mailbox';

/** Sent, and one turn of the event loop later: the nodes wired to this one have it by then. */
export async function sendMail(
  node: Node,
  mail: DeliveredMail,
  twoOutputs: boolean,
  assertOwner: AssertOwner,
): Promise<void> {
  const message: NodeMessage = { ...mail };
  await asOwner(assertOwner, 'deliver', () => node.send(twoOutputs ? [message, null] : message));
  // Written to the log where the user has metrics switched on.
  node.metric('pop3.octets', message, mail.pop3.size);
  await new Promise((resolve) => setImmediate(resolve));
}

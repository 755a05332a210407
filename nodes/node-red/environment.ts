import type { Node, NodeAPI } from 'node-red';
import { MailboxError } from '../mailbox';

/** `${NAME}`, as a whole value: the name of a variable. */
const REFERENCE = /^\$\{(\S+)\}$/;

/** `${NAME}` as Node-RED fills it in at a deploy: whole values only. `node`: whose environment, where it is deployed. */
export function fillFromEnvironment(RED: NodeAPI, value: unknown, node: Node | undefined): unknown {
  const name = typeof value === 'string' ? REFERENCE.exec(value)?.[1] : undefined;
  if (name === undefined) return value;
  return RED.util.evaluateNodeProperty(name, 'env', node as Node, {}) ?? '';
}

/**
 * Node-RED leaves a `${NAME}` that is not set as it is: it must not become a host name, a user or a password.
 * @throws MailboxError CONFIG that names the variable
 */
export function requireFilled(...values: unknown[]): void {
  for (const value of values) {
    const name = typeof value === 'string' ? REFERENCE.exec(value.trim())?.[1] : undefined;
    if (name === undefined) continue;
    throw new MailboxError('CONFIG', 'environment-missing', { facts: { name }, retryable: false });
  }
}

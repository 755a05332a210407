import type { Node, NodeAPI } from 'node-red';

/** `${NAME}` as Node-RED fills it in at a deploy: whole values only. `node`: whose environment, where it is deployed. */
export function fillFromEnvironment(RED: NodeAPI, value: unknown, node: Node | undefined): unknown {
  const name = typeof value === 'string' ? /^\$\{(\S+)\}$/.exec(value)?.[1] : undefined;
  if (name === undefined) return value;
  return RED.util.evaluateNodeProperty(name, 'env', node as Node, {}) ?? '';
}

import type { Node, NodeAPI } from 'node-red';

/**
 * Writes the sessions of a node, secrets masked, at Node-RED's log level `trace`; undefined where no log of the settings
 * has that level: masking every line would be work for nothing.
 */
export function sessionLog(RED: NodeAPI, node: Node): ((line: string) => void) | undefined {
  const { logging } = RED.settings as { logging?: Record<string, { level?: unknown } | undefined> };
  const isTraced = Object.values(logging ?? {}).some((log) => log?.level === 'trace');
  return isTraced ? (line) => node.trace(line) : undefined;
}

import http from 'node:http';
import https from 'node:https';
import type { NodeAPI } from 'node-red';
import type { AgentFor } from '../oauth2';

/** Connections to the sign-in server under core's `tls-config`, where one is chosen. */
export function agentFor(RED: NodeAPI, id: unknown): AgentFor | undefined {
  const node =
    typeof id === 'string' && id !== ''
      ? (RED.nodes.getNode(id) as { addTLSOptions?(options: https.AgentOptions): unknown } | null)
      : null;
  if (!node?.addTLSOptions) return undefined;
  const options: https.AgentOptions = {};
  node.addTLSOptions(options);
  const secure = new https.Agent(options);
  const plain = new http.Agent();
  return (url) => (url.protocol === 'https:' ? secure : plain);
}

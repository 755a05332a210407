import type { NodeAPI } from 'node-red';
import type { ProxySettings } from '../pop3';

/** Core's configuration node for a proxy. */
interface ProxyNode {
  url?: string;
  noproxy?: string[];
  credentials?: { username?: string; password?: string };
}

/** What core's `http proxy` of that id says; undefined where there is none. */
export function proxyOf(RED: NodeAPI, id: unknown): ProxySettings | undefined {
  const node = typeof id === 'string' && id !== '' ? (RED.nodes.getNode(id) as ProxyNode | null) : null;
  if (!node?.url) return undefined;
  const { username, password } = node.credentials ?? {};
  if (!URL.canParse(node.url)) return { url: node.url };
  const url = new URL(node.url);
  if (username) url.username = encodeURIComponent(username);
  if (password) url.password = encodeURIComponent(password);
  return { url: url.href, ...(node.noproxy && { noProxy: node.noproxy }) };
}

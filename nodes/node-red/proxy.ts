import type { NodeAPI } from 'node-red';
import { isLoopback } from '../base/loopback';
import { MailboxError } from '../mailbox';
import { type ConnectOptions, type ProxySettings, proxyFromEnvironment, throughProxy } from '../pop3';

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
  // An invalid address is reported where it is used.
  if (!URL.canParse(node.url)) return { url: node.url };
  const url = new URL(node.url);
  if (username) url.username = encodeURIComponent(username);
  if (password) url.password = encodeURIComponent(password);
  return { url: url.href, ...(node.noproxy && { noProxy: node.noproxy }) };
}

/** What a person calls core's `http proxy` of that id. */
export const nameOfProxyNode = (RED: NodeAPI, id: unknown): string =>
  String(RED.nodes.getNode(String(id))?.name || id);

/**
 * The environment as far as it names a proxy for mail. `http_proxy`, `https_proxy` and `all_proxy` are for web pages:
 * most such proxies refuse the ports of mail, so they are used only where the user selects them as a node.
 */
function mailEnvironment({ env }: NodeJS.Process): NodeJS.ProcessEnv {
  return {
    pop3_proxy: env.pop3_proxy ?? env.POP3_PROXY,
    no_proxy: env.no_proxy ?? env.NO_PROXY,
  };
}

/**
 * The way to a mail server through core's `http proxy`, else through `pop3_proxy` of the environment; undefined: straight.
 * @throws MailboxError CONFIG where the proxy's address is none
 */
export function openerOf(
  RED: NodeAPI,
  id: unknown,
  { host, port = 995, security }: ConnectOptions,
): ConnectOptions['open'] {
  const settings = proxyOf(RED, id);
  const url =
    settings || isLoopback(host)
      ? undefined
      : proxyFromEnvironment({ host, port, security }, mailEnvironment(process));
  try {
    if (settings) return throughProxy(settings);
    return url === undefined ? undefined : throughProxy({ url });
  } catch (error) {
    // The address may contain a password, and is no address that tells where.
    const proxy = settings ? nameOfProxyNode(RED, id) : 'pop3_proxy';
    throw new MailboxError('CONFIG', 'proxy', {
      facts: { host, port, proxy },
      retryable: false,
      cause: error,
    });
  }
}

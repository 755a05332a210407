import type { NodeAPI } from 'node-red';
import { type AccountNode, accountConfig, routeOf, SECRETS } from '../node-red/account';
import { agentFor } from '../node-red/agent';
import { fillFromEnvironment } from '../node-red/environment';
import { type AccountConfig, type AgentFor, bindingOf } from '../oauth2';

/** What the account's dialog shows, saved or not. */
export interface Dialog {
  account: string;
  config: AccountConfig;
  agent: AgentFor;
  /** The ids of core's `tls-config` and `http proxy`. */
  route: { tls: unknown; proxy: unknown };
  /** The id of core's `http proxy`. */
  proxy: unknown;
  /** Whether a secret is in use that was deployed and not typed here. */
  stored: boolean;
  /** Whether TLS or proxy node are others than those the account is deployed with. */
  rerouted: boolean;
}

/**
 * Reads what the dialog has sent. A stored secret is used only with the client, endpoint, TLS node and proxy node it was
 * deployed for: after a change of one it has to be typed again (S7).
 */
export function dialogOf(
  RED: NodeAPI,
  account: string,
  body: { properties?: Record<string, unknown>; credentials?: Record<string, unknown> },
): Dialog {
  const running = deployed(RED, account);
  const filled = (values: Record<string, unknown> | undefined): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(values ?? {}).map(([name, value]) => [name, fillFromEnvironment(RED, value, running)]),
    );
  const config = accountConfig(filled(body.properties), filled(body.credentials));
  const { tls, proxy } = body.properties ?? {};
  const rerouted = running !== undefined && running.route !== routeOf({ tls, proxy });
  let stored = false;
  for (const name of SECRETS) {
    const secret = running?.account[name];
    // Absent: the dialog knows no more than that there is one. Empty: the field was emptied.
    if (!running || secret === undefined || body.credentials?.[name] !== undefined) continue;
    if (rerouted || forWhom(config) !== forWhom(running.account)) continue;
    config[name] = secret;
    stored = true;
  }
  return {
    account,
    config,
    agent: agentFor(RED, tls, proxy),
    route: { tls, proxy },
    proxy,
    stored,
    rerouted,
  };
}

/** The account as it runs; undefined where it was never deployed, or is disabled. */
export function deployed(RED: NodeAPI, id: string): AccountNode | undefined {
  const node = RED.nodes.getNode(id) as AccountNode | null;
  return node?.type === 'oauth2-account' ? node : undefined;
}

/** The client and every address its secrets would be sent to. */
function forWhom({ refreshToken: _, ...config }: AccountConfig): string {
  return bindingOf({ ...config, user: '', grant: 'authorization_code' });
}

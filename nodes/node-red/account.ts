import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { AccountConfig, ClientAuth, Grant, TokenState } from '../oauth2';
import { ACCOUNT_DEFAULTS } from './data/defaults';

/** The properties of an `oauth2-account`. */
export interface AccountProperties {
  provider: string;
  grant: Grant;
  tenant: string;
  issuer: string;
  authorizationUrl: string;
  tokenUrl: string;
  deviceUrl: string;
  revocationUrl: string;
  scope: string;
  /** `custom`: of the authorization request; empty sends none. */
  prompt: string;
  clientAuth: ClientAuth;
  redirectUri: string;
  tls: string;
  proxy: string;
}

export interface AccountCredentials {
  user?: string;
  clientId?: string;
  clientSecret?: string;
  privateKey?: string;
  refreshToken?: string;
}

/** As Node-RED is told of them: what is a password never comes back to the editor. */
export const CREDENTIALS = {
  user: { type: 'text' },
  clientId: { type: 'text' },
  clientSecret: { type: 'password' },
  privateKey: { type: 'password' },
  refreshToken: { type: 'password' },
} as const satisfies Record<keyof AccountCredentials, object>;

/** The credentials that must never be seen. */
export const SECRETS = ['clientSecret', 'privateKey', 'refreshToken'] as const;

export type AccountDef = NodeDef & AccountProperties;

/** What other nodes get by `RED.nodes.getNode(id)`. */
export interface AccountNode extends Node<AccountCredentials> {
  /**
   * A fresh access token. `rejected` is one a server has just refused; it is renewed once.
   * @throws an error with `code`, such as SIGN_IN_AGAIN
   */
  token(question?: {
    rejected?: string;
    signal?: AbortSignal;
  }): Promise<{ accessToken: string; expiresAt: number }>;
  /** As it runs, with every `${ENV}` filled in. */
  readonly account: AccountConfig;
  /** By which TLS and proxy node its secrets go out (`routeOf`). */
  readonly route: string;
  readonly state: TokenState;
  /** Hears of every change; returns how to stop. */
  listen(listener: (state: TokenState) => void): () => void;
}

/** As much of an account as fetching mail takes. */
export type TokenAccount = Pick<AccountNode, 'account' | 'token' | 'state' | 'listen'>;

/** Which TLS and proxy node an account names: equal only where its secrets go the same way. */
export const routeOf = ({ tls, proxy }: Partial<Record<'tls' | 'proxy', unknown>>): string =>
  JSON.stringify([tls || '', proxy || '']);

const PROPERTIES = [
  'tenant',
  'issuer',
  'authorizationUrl',
  'tokenUrl',
  'deviceUrl',
  'revocationUrl',
  'scope',
  'redirectUri',
] as const;

/** The account's configuration from a node's properties and credentials, whether deployed or still in a dialog. */
export function accountConfig(
  properties: Partial<Record<keyof AccountProperties, unknown>>,
  credentials: Partial<Record<keyof AccountCredentials, unknown>> = {},
): AccountConfig {
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
  const config: AccountConfig = {
    provider: text(properties.provider) ?? ACCOUNT_DEFAULTS.provider,
    grant: (text(properties.grant) ?? ACCOUNT_DEFAULTS.grant) as Grant,
    clientAuth: (text(properties.clientAuth) ?? ACCOUNT_DEFAULTS.clientAuth) as ClientAuth,
  };
  for (const name of PROPERTIES) {
    const value = text(properties[name]);
    if (value !== undefined) config[name] = value;
  }
  // Empty is a choice of its own here: none is sent.
  if (typeof properties.prompt === 'string') config.prompt = properties.prompt.trim();
  for (const name of ['user', 'clientId', ...SECRETS] as const) {
    const value = text(credentials[name]);
    if (value !== undefined) config[name] = value;
  }
  return config;
}

/** The account a node names; undefined where it names none, or one that is disabled or gone. */
export function accountOf(RED: NodeAPI, id: string): AccountNode | undefined {
  const node = id ? (RED.nodes.getNode(id) as AccountNode | null) : null;
  return node?.type === 'oauth2-account' ? node : undefined;
}

import type { Node, NodeAPI } from 'node-red';
import { MailboxError } from '../mailbox';
import { accountOf, type TokenAccount } from '../node-red/account';
import { fillFromEnvironment } from '../node-red/environment';
import { type MailServer, type Pop3InProperties, serverOf } from '../node-red/mail-server';
import { providers } from '../oauth2';
import type { Runtime } from '../runtime';
import { dialogOf } from './account-dialog';
import type { MailboxDraft } from './protocol';

/** What the routes of the dialog see of a deployed `pop3 in`. */
export interface DeployedPop3In extends Node<{ user?: string; password?: string }> {
  readonly server: MailServer;
  /** Fetches the mail of that key and sends it, without a note. @throws MailboxError */
  sendOne(key: string, signal: AbortSignal): Promise<void>;
}

/** The mail server as the dialog shows it, saved or not. */
export interface Draft {
  server: MailServer;
  auth: 'oauth2' | 'password';
}

export function deployedPop3In(RED: NodeAPI, id: unknown): DeployedPop3In | undefined {
  const node = typeof id === 'string' ? (RED.nodes.getNode(id) as DeployedPop3In | null) : null;
  return node?.type === 'pop3 in' ? node : undefined;
}

/**
 * Reads what a dialog has posted: `properties`, of the credentials those that are in the dialog, and the account as the
 * editor has it where that may be newer than what is deployed. A stored password is used only for the user and the server
 * it was stored for, by the same route; an access token only where `guardToken` lets it go (S7).
 *
 * @throws MailboxError CONFIG
 */
export function draftOf(RED: NodeAPI, runtime: Runtime, id: string, body: unknown): Draft {
  const draft = readDraft(RED, runtime, id, body);
  if ((body as MailboxDraft | undefined)?.template !== true) return draft;
  try {
    draft.server.way();
  } catch (error) {
    if (!(error instanceof MailboxError) || error.reason !== 'environment-missing') throw error;
    throw new MailboxError('CONFIG', 'environment-of-instance', { facts: error.facts, retryable: false });
  }
  return draft;
}

function readDraft(RED: NodeAPI, runtime: Runtime, id: string, body: unknown): Draft {
  const {
    properties = {},
    credentials = {},
    account,
  } = (body ?? {}) as {
    properties?: Record<string, unknown>;
    credentials?: Record<string, unknown>;
    account?: Parameters<typeof dialogOf>[2];
  };
  const running = deployedPop3In(RED, id);
  // A variable that is not set stays as it was written, and is refused by its name.
  const filled = (value: unknown): unknown => fillFromEnvironment(RED, value, running) || value;
  const text = (values: Record<string, unknown>, name: string): string => {
    const value = filled(values?.[name]);
    return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : '';
  };
  const from = (name: keyof Pop3InProperties): string => text(properties, name);
  const auth = from('auth') === 'password' ? 'password' : 'oauth2';
  const security = (['starttls', 'none'] as const).find((one) => one === from('security')) ?? 'tls';
  const def: Pop3InProperties = {
    service: auth === 'password' ? from('service') : '',
    host: from('host'),
    port: from('port'),
    security,
    tls: from('tls'),
    proxy: from('proxy'),
    auth,
    account: from('account'),
    mechanism: from('mechanism') || 'auto',
    allowPlaintext: properties?.allowPlaintext === true,
  };
  // Configuration nodes that exist only in the editor cannot be used yet.
  const missing = (node: string): boolean => node !== '' && RED.nodes.getNode(node) === null;
  const refuse = { retryable: false };
  const drawn =
    auth === 'oauth2' && def.account !== '' && typeof account === 'object' && account !== null
      ? accountInEditor(RED, runtime, def.account, account)
      : undefined;
  if (auth === 'oauth2' && drawn === undefined && missing(def.account)) {
    throw new MailboxError('CONFIG', 'account-not-deployed', refuse);
  }
  if (missing(def.tls)) throw new MailboxError('CONFIG', 'tls-not-deployed', refuse);
  if (missing(def.proxy)) throw new MailboxError('CONFIG', 'proxy-not-deployed', refuse);
  const user = text(credentials, 'user');
  const given = credentials?.password;
  if (auth === 'oauth2' || (given !== undefined && given !== '')) {
    const password = typeof given === 'string' ? String(filled(given)) : '';
    const server = serverOf(RED, def, { user, password }, 0, drawn);
    if (auth === 'oauth2') guardToken(RED, runtime, server);
    return { auth, server };
  }
  const stored = running?.credentials?.password;
  const server = serverOf(RED, def, { user, ...(stored && { password: stored }) });
  if (stored && !sameServer(server, running?.server)) {
    throw new MailboxError('CONFIG', 'password-again', { retryable: false });
  }
  return { auth, server };
}

/** The account as the editor has it: a sign-in counts from the moment it succeeded, not from the deploy. */
function accountInEditor(
  RED: NodeAPI,
  runtime: Runtime,
  id: string,
  given: Parameters<typeof dialogOf>[2],
): TokenAccount {
  const { config, agent, rerouted } = dialogOf(RED, id, given);
  if (rerouted) throw new MailboxError('CONFIG', 'account-rerouted', { retryable: false });
  const source = runtime.accounts.drawn(id, config, agent);
  return {
    account: config,
    token: (question) => source.token(question),
    state: source.state,
    // A test is over long before anything changes.
    listen: () => () => undefined,
  };
}

const sameServer = (draft: MailServer, stored: MailServer | undefined): boolean =>
  stored !== undefined && draft.user === stored.user && draft.route === stored.route;

/**
 * A token of a deployed account goes to the servers of its provider's row, and where a deployed node sends it anyway:
 * who may only edit a mailbox must not be able to have it sent to a server of theirs.
 *
 * @throws MailboxError CONFIG
 */
function guardToken(RED: NodeAPI, runtime: Runtime, server: MailServer): void {
  const account = accountOf(RED, server.account);
  if (account === undefined) return;
  const row = Object.hasOwn(providers, account.account.provider)
    ? providers[account.account.provider]?.pop
    : undefined;
  if (row !== undefined && server.route === JSON.stringify([row.host, row.port, row.security, '', '', false]))
    return;
  for (const id of runtime.mailboxes.keys()) {
    const running = deployedPop3In(RED, id)?.server;
    if (running?.account === server.account && running.route === server.route) return;
  }
  throw new MailboxError('CONFIG', 'token-server', { retryable: false, facts: { host: server.host } });
}

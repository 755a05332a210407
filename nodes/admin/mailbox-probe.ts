import type { NodeAPI } from 'node-red';
import { type Failure, testConnection } from '../connection-test';
import { MailboxError } from '../mailbox';
import { portFor } from '../node-red/data/defaults';
import type { Pop3InProperties } from '../node-red/mail-server';
import { openerOf } from '../node-red/proxy';
import { providers } from '../oauth2';
import type { ConnectOptions } from '../pop3';
import type { Runtime } from '../runtime';
import type { Dialog } from './account-dialog';

/** A person is waiting, ms. */
const PATIENCE_MS = 30_000;

/** What was found: how many mails, or why they could not be counted. */
export type Look = { messages: number } | { failure: Failure; catalogue: 'pop3-in' | 'oauth2-account' };

/**
 * A look into the mailbox an account has just been signed in to: the provider's, else that of a `pop3 in` of the editor.
 * Nothing is fetched. Undefined where the server is not known yet.
 *
 * A token goes only where the provider's row or a deployed `pop3 in` says. `trusted`: what it was made from was typed or
 * signed in to just now by the same person, who may choose the server as well.
 */
export async function lookIntoMailbox(
  RED: NodeAPI,
  runtime: Runtime,
  { account, config, agent, proxy }: Dialog,
  given: unknown,
  trusted: boolean,
): Promise<Look | undefined> {
  const row = providers[config.provider]?.pop;
  const mailbox: Mailbox | undefined = row ?? mailboxOf(RED, given);
  if (mailbox === undefined || (!row && !trusted && !isDeployed(RED, account, mailbox))) return undefined;
  const source = runtime.accounts.look(account, config, agent);
  try {
    const open = openerOf(RED, row ? proxy : mailbox.proxy, mailbox);
    const report = await testConnection({
      ...mailbox,
      ...(open && { open }),
      login: { user: config.user ?? '', token: (question) => source.token(question) },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    for (const { step, failure } of report.steps) {
      if (failure) return { failure, catalogue: step === 'token' ? 'oauth2-account' : 'pop3-in' };
    }
    const stat = report.steps.find(({ step }) => step === 'stat');
    if (stat?.step === 'stat' && stat.facts) return { messages: stat.facts.messages };
    return { failure: { code: 'TIMEOUT', reason: 'timeout', facts: facts(mailbox) }, catalogue: 'pop3-in' };
  } catch (error) {
    if (!(error instanceof MailboxError)) throw error;
    const { code, reason } = error;
    return { failure: { code, reason, facts: facts(mailbox) }, catalogue: 'pop3-in' };
  }
}

type Mailbox = ConnectOptions & { port: number; tlsNode?: string; proxy?: string };

const facts = ({ host, port }: Mailbox): { host: string; port: number } => ({ host, port });

/** As a `pop3 in` of the editor has it, saved or not. TLS settings count as they are deployed. */
function mailboxOf(RED: NodeAPI, given: unknown): Mailbox | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const { host, port, security, tls, proxy, allowPlaintext } = given as Partial<
    Record<keyof Pop3InProperties, unknown>
  >;
  if (typeof host !== 'string' || host.trim() === '') return undefined;
  const way = security === 'starttls' || security === 'none' ? security : 'tls';
  const options: object = {};
  if (typeof tls === 'string' && tls !== '') {
    const node = RED.nodes.getNode(tls) as { addTLSOptions?(options: object): void } | null;
    // Not there before the first deploy: without it the certificate would be refused for no reason.
    if (!node?.addTLSOptions) return undefined;
    node.addTLSOptions(options);
  }
  return {
    host: host.trim(),
    port: Number(port) || portFor(way),
    security: way,
    tls: options,
    allowPlaintext: allowPlaintext === true,
    ...(typeof tls === 'string' && { tlsNode: tls }),
    ...(typeof proxy === 'string' && { proxy }),
  };
}

/** Whether a `pop3 in` of the deployed flows sends this account's tokens there anyway. */
function isDeployed(
  RED: NodeAPI,
  account: string,
  { host, port, security, allowPlaintext, tlsNode, proxy }: Mailbox,
): boolean {
  let found = false;
  RED.nodes.eachNode((node) => {
    const def = node as unknown as Partial<Pop3InProperties> & { type: string };
    if (def.type !== 'pop3 in' || def.account !== account || def.host?.trim() !== host) return;
    const plain =
      (def.security === 'none') !== (security === 'none') || (allowPlaintext && !def.allowPlaintext);
    const sameWay = (def.tls || '') === (tlsNode ?? '') && (def.proxy || '') === (proxy ?? '');
    found ||= Number(def.port) === port && !plain && sameWay;
  });
  return found;
}

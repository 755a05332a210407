import type { ConnectionOptions } from 'node:tls';
import type { NodeAPI } from 'node-red';
import { type Login, MailboxError, openSession, type Session } from '../mailbox';
import { providers } from '../oauth2';
import { type ConnectOptions, MECHANISMS, type MechanismName, type TraceEvent, transcriptOf } from '../pop3';
import { asAccountError } from '../runtime';
import { accountOf, type TokenAccount } from './account';
import { POP3_IN_DEFAULTS, portFor } from './data/defaults';
import { requireFilled } from './environment';
import { openerOf } from './proxy';
import { rememberedServer } from './remembered-servers';

/** The properties of a `pop3 in`. */
export interface Pop3InProperties {
  service: string;
  host: string;
  port: number | string;
  security: 'tls' | 'starttls' | 'none';
  tls: string;
  proxy: string;
  auth: 'oauth2' | 'password';
  account: string;
  mechanism: string;
  allowPlaintext: boolean;
  /** Seconds; absent in nodes of 0.1.0. */
  connectTimeout?: number | string;
  replyTimeout?: number | string;
}

/** What happens in a session, for people. */
export interface SessionObserver {
  /** Each line of the session, secrets masked. */
  onLine?(line: string): void;
  /** The server has been silent for so long, ms, with an answer outstanding. */
  onSilence?(ms: number): void;
}

/** Where a `pop3 in` fetches its mail, and how it gets in. */
export interface MailServer {
  /** A provider's id, or `custom`. */
  service: string;
  host: string;
  port: number;
  /** The mailbox's user name; empty where none is given anywhere. */
  user: string;
  security: Pop3InProperties['security'];
  /** The id of the account whose token is sent there; empty with a password. */
  account: string;
  /** All that decides who gets to see a secret on its way: equal only where it is the same server by the same route. */
  route: string;
  /** Everything a session needs. @throws MailboxError CONFIG that names what is missing */
  way(): { target: ConnectOptions & { port: number }; login: Login };
  /** @throws MailboxError */
  open(signal: AbortSignal, observer?: SessionObserver): Promise<Session>;
  /** Calls back when a person has signed in; returns how to stop that. */
  onSignIn(signedIn: () => void): () => void;
}

/**
 * Puts together what the form says, what the provider's row says, and what the account says. `largest`: bytes of a
 * mail that is still wanted whole; 0: no limit. `instead`: in place of the deployed one that the form names.
 */
export function serverOf(
  RED: NodeAPI,
  def: Pop3InProperties,
  credentials: { user?: string; password?: string },
  largest = 0,
  instead?: TokenAccount,
): MailServer {
  const account = def.auth === 'password' ? undefined : (instead ?? accountOf(RED, def.account));
  const service = def.service || account?.account.provider || 'custom';
  const known = Object.hasOwn(providers, service) ? providers[service]?.pop : undefined;
  const host = def.host?.trim() || known?.host || '';
  const usesRow = !def.host?.trim() && known !== undefined;
  const security = usesRow ? known.security : def.security || POP3_IN_DEFAULTS.security;
  const port = usesRow ? known.port : Number(def.port) || portFor(security);
  const named = credentials.user?.trim() || account?.account.user || '';
  const user = usesRow && known.userName === 'local-part' ? named.replace(/@.*$/, '') : named;

  const tls: ConnectionOptions = {};
  const tlsNode = def.tls
    ? (RED.nodes.getNode(def.tls) as { addTLSOptions?(options: object): void } | null)
    : null;
  tlsNode?.addTLSOptions?.(tls);
  const target: ConnectOptions & { port: number } = {
    host,
    port,
    security,
    tls,
    allowPlaintext: def.allowPlaintext === true,
    timeouts: timeoutsOf(def),
  };
  // LIST may understate a mail's size (Exchange); half as much again is room enough, and a bound for memory.
  if (largest > 0) target.limits = { mail: largest * 1.5 };
  const remembered = rememberedServer(host, port, security, user);
  const way = (): ReturnType<MailServer['way']> => {
    requireFilled(def.service, def.host, def.port, def.security, def.mechanism, user, credentials.password);
    // The account comes first: it mostly knows the server.
    if (host === '' && (def.auth === 'password' || account !== undefined)) {
      throw new MailboxError('CONFIG', 'host-missing', { retryable: false });
    }
    const login = loginOf(def, credentials, account, user);
    const open = openerOf(RED, def.proxy, target);
    return { target: { ...target, ...(open && { open }) }, login };
  };

  return {
    service,
    host,
    port,
    user,
    security,
    account: def.auth === 'password' ? '' : (def.account ?? ''),
    route: JSON.stringify([
      host.toLowerCase(),
      port,
      security,
      def.tls || '',
      def.proxy || '',
      def.allowPlaintext === true,
    ]),
    way,
    open: async (signal, observer = {}) => {
      const { target, login } = way();
      const observed = { ...target, known: remembered, ...hooksOf(observer) };
      return openSession(observed, login, signal).catch((error) => {
        throw asAccountError(error);
      });
    },
    onSignIn: (signedIn) => {
      let since = account?.state.signedInAt;
      const unlisten = account?.listen((state) => {
        // A renewal changes only when the token expires; a person who signs in changes when they did.
        const isNew = state.kind === 'signed-in' && state.signedInAt !== since;
        if (state.kind === 'signed-in') since = state.signedInAt;
        if (isNew) signedIn();
      });
      return unlisten ?? (() => undefined);
    },
  };
}

/** Within a reply, and for what is answered at once, a minute is enough; a shorter limit counts everywhere. */
const AT_ONCE_MS = 60_000;

function timeoutsOf({ connectTimeout, replyTimeout }: Pop3InProperties): ConnectOptions['timeouts'] {
  const connect = milliseconds(connectTimeout, POP3_IN_DEFAULTS.connectTimeout);
  const reply = milliseconds(replyTimeout, POP3_IN_DEFAULTS.replyTimeout);
  const atOnce = Math.min(AT_ONCE_MS, reply);
  return { connect, greeting: connect, command: atOnce, idle: atOnce, reply };
}

function milliseconds(seconds: unknown, otherwise: number): number {
  const given = Number(seconds);
  return (Number.isFinite(given) && given > 0 ? given : otherwise) * 1000;
}

function hooksOf({ onLine, onSilence }: SessionObserver): Pick<ConnectOptions, 'trace' | 'onSilence'> {
  return {
    ...(onSilence && { onSilence }),
    ...(onLine && { trace: (event: TraceEvent) => transcriptOf(event).forEach(onLine) }),
  };
}

/** @throws MailboxError CONFIG that names what is missing */
function loginOf(
  def: Pop3InProperties,
  credentials: { password?: string },
  account: TokenAccount | undefined,
  user: string,
): Login {
  const mechanism = MECHANISMS.includes(def.mechanism as MechanismName)
    ? (def.mechanism as MechanismName)
    : 'auto';
  if (def.auth !== 'password' && account === undefined) {
    throw new MailboxError('CONFIG', 'account-missing', { retryable: false });
  }
  if (user === '') throw new MailboxError('CONFIG', 'user-missing', { retryable: false });
  if (account !== undefined) return { user, mechanism, token: (question) => account.token(question) };
  if (!credentials.password) throw new MailboxError('CONFIG', 'password-missing', { retryable: false });
  return { user, mechanism, password: credentials.password };
}

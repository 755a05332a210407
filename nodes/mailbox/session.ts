import {
  type ConnectOptions,
  type Credentials,
  KnownServer,
  type MechanismName,
  Pop3Client,
  Pop3Error,
  refusePlaintext,
} from '../pop3';
import { asMailboxError } from './from-pop3';

/** How to prove who one is: by a password, or by an access token that its source renews. */
export type Login = { user: string; mechanism: MechanismName | 'auto' } & (
  | { password: string }
  | {
      /** `rejected` is the token the server has just refused; it is renewed once. */
      token(question: { rejected?: string; signal: AbortSignal }): Promise<{ accessToken: string }>;
    }
);

/** A session in the transaction state (RFC 1939 section 5), with the number of mails STAT told. */
export interface Session {
  client: Pop3Client;
  messages: number;
  /** Of all mails together, by STAT. */
  bytes?: number;
}

/**
 * Connects and logs in. A refused token is renewed once and tried once more, on the same connection. Where `auto` chose
 * a login method that the server refused, a second session tries another kind of method, once, and what works is
 * remembered: servers offer methods that they have no passwords for.
 *
 * @throws MailboxError, or what `token` throws
 */
export async function openSession(
  server: ConnectOptions,
  login: Login,
  signal: AbortSignal,
): Promise<Session> {
  const known = server.known ?? new KnownServer();
  const facts = { host: server.host, port: server.port, user: login.user };
  try {
    refusePlaintext(server);
    // The token first: without one there is nothing to say to the server.
    const credentials = await credentialsOf(login, signal);
    const opening = new Opening({ ...server, known, signal }, credentials);
    return await opening.run(login.mechanism);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof Pop3Error ? asMailboxError(error, facts) : error;
  }
}

async function credentialsOf(login: Login, signal: AbortSignal): Promise<Credentials> {
  const { user } = login;
  if ('password' in login) return { user, password: login.password };
  const { accessToken } = await login.token({ signal });
  const renew = async (rejected: string): Promise<string> =>
    (await login.token({ rejected, signal })).accessToken;
  return { user, token: accessToken, renew };
}

/** The one or two sessions that a login takes. */
class Opening {
  readonly #server: ConnectOptions & { known: KnownServer };
  readonly #credentials: Credentials;
  #next: MechanismName | undefined;

  constructor(server: ConnectOptions & { known: KnownServer }, credentials: Credentials) {
    this.#server = server;
    this.#credentials = credentials;
  }

  async run(mechanism: MechanismName | 'auto'): Promise<Session> {
    const { known } = this.#server;
    try {
      return await this.#open(mechanism);
    } catch (error) {
      const next = this.#next;
      // It may have been the remembered one that was refused.
      known.mechanism = undefined;
      if (next === undefined || known.bothRefused) throw error;
      return await this.#second(next, error);
    }
  }

  async #second(mechanism: MechanismName, first: unknown): Promise<Session> {
    const { known } = this.#server;
    try {
      const session = await this.#open(mechanism);
      known.mechanism = mechanism;
      return session;
    } catch (error) {
      if (!(error instanceof Pop3Error) || error.code !== 'AUTH') throw error;
      // A wrong password: from now on it is sent once, not twice.
      known.bothRefused = true;
      throw first;
    }
  }

  async #open(mechanism: MechanismName | 'auto'): Promise<Session> {
    const client = await Pop3Client.connect(this.#server);
    try {
      const ahead = { listAhead: true };
      const { messages, octets } = await client.authenticate(this.#credentials, mechanism, ahead);
      this.#server.known.bothRefused = false;
      return { client, messages, bytes: octets };
    } catch (error) {
      this.#next = client.nextMechanism;
      client.destroy();
      throw error;
    }
  }
}

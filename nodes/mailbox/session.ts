import { type ConnectOptions, type MechanismName, Pop3Client, Pop3Error } from '../pop3';
import type { MailboxError } from './errors';
import { asMailboxError, withFacts } from './from-pop3';

/** The credentials: a password, or an access token that is renewed where it is kept. */
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
 * Connects and logs in. A refused token is renewed once and tried once more, on the same connection; a refused
 * password is never tried twice.
 *
 * @throws MailboxError, or what `token` throws
 */
export async function openSession(
  server: ConnectOptions,
  login: Login,
  signal: AbortSignal,
): Promise<Session> {
  // The token first: without one there is nothing to say to the server.
  const token = 'token' in login ? (await login.token({ signal })).accessToken : undefined;
  const client = await Pop3Client.connect({ ...server, signal }).catch((error) => {
    signal.throwIfAborted();
    throw asMailboxError(error, { host: server.host, port: server.port });
  });
  try {
    const { messages, octets } = await authenticate(client, login, token, signal);
    return { client, messages, bytes: octets };
  } catch (error) {
    client.destroy();
    signal.throwIfAborted();
    const facts = { host: server.host, port: server.port, user: login.user };
    throw error instanceof Pop3Error ? withFacts(refusal(error, login), facts) : error;
  }
}

async function authenticate(
  client: Pop3Client,
  login: Login,
  token: string | undefined,
  signal: AbortSignal,
): Promise<{ messages: number; octets: number }> {
  const { user, mechanism } = login;
  if ('password' in login) {
    return client.authenticate({ user, password: login.password }, mechanism);
  }
  if (token === undefined) throw new TypeError('a login by token without a token');
  try {
    return await client.authenticate({ user, token }, mechanism);
  } catch (error) {
    if (!(error instanceof Pop3Error) || error.code !== 'AUTH') throw error;
    const { accessToken } = await login.token({ rejected: token, signal });
    if (accessToken === token) throw error;
    return client.authenticate({ user, token: accessToken }, mechanism);
  }
}

/** A login refused without a hint means something else for a password than for a token. */
function refusal(error: Pop3Error, login: Login): MailboxError {
  const refused = asMailboxError(error);
  if (refused.code !== 'AUTH' || error.hint !== undefined) return refused;
  return withFacts(refused, {}, 'password' in login ? 'wrong-password' : 'mailbox-refused');
}

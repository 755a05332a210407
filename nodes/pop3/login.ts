import { createHash, randomBytes } from 'node:crypto';
import { isLoopback, isLoopbackAddress } from '../base/loopback';
import { accepted, type Command } from './commands/command';
import { Pop3Error } from './error';
import { type LoginFacts, refusal } from './refusal';
import type { Response } from './response';
import {
  type AuthContext,
  alternativeTo,
  type Credentials,
  choose,
  create,
  isToken,
  type Mechanism,
  type MechanismName,
} from './sasl';
import type { Session } from './session';

/** Logins in a row in which a server closes the connection before they count as refused: lines drop, too. */
const CLOSED_LOGINS = 3;

/**
 * The login of one session (RFC 1939 section 7, RFC 5034): one attempt, by one mechanism. Only a token that was refused is
 * renewed and tried once more.
 */
export class Login {
  readonly #session: Session;
  #isSpent = false;
  #next: MechanismName | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** What another session may try after this one was refused; see `Pop3Client.nextMechanism`. */
  get nextMechanism(): MechanismName | undefined {
    return this.#next;
  }

  /** Logs in, and tells by what. Errors: `AUTH`, `CONFIG`, what a refusal says, and what `renew` throws. */
  async run(credentials: Credentials, wanted: MechanismName | 'auto'): Promise<MechanismName> {
    if (this.#isSpent) {
      throw new Pop3Error('CONFIG', 'This session has had its login', { reason: 'login-spent' });
    }
    this.#refusePlaintext();
    try {
      return await this.#attempt(credentials, wanted);
    } catch (error) {
      if (!isToken(credentials) || !(error instanceof Pop3Error) || error.code !== 'AUTH') throw error;
      const fresh = await credentials.renew?.(credentials.token);
      if (fresh === undefined || fresh === credentials.token) throw error;
      return this.#attempt({ user: credentials.user, token: fresh }, wanted);
    }
  }

  /** The name may say loopback and its address something else. */
  #refusePlaintext(): void {
    const { connection, encrypted, settings } = this.#session;
    const { remoteAddress } = connection.socket;
    const isLocal =
      isLoopback(settings.host) && (remoteAddress === undefined || isLoopbackAddress(remoteAddress));
    if (encrypted || settings.allowPlaintext || isLocal) return;
    throw new Pop3Error('CONFIG', 'No login without TLS', { reason: 'plaintext-not-allowed' });
  }

  async #attempt(credentials: Credentials, wanted: MechanismName | 'auto'): Promise<MechanismName> {
    const { apopStamp, capabilities, connection, encrypted, settings } = this.#session;
    const { host, known, port } = settings;
    const token = isToken(credentials);
    const { user } = credentials;
    const secret = token ? credentials.token : credentials.password;
    check(user, secret);
    const context: AuthContext = {
      capabilities,
      encrypted,
      apopStamp,
      host,
      port,
      randomBytes: settings.randomBytes ?? randomBytes,
    };
    const name = choose(wanted === 'auto' ? (known?.mechanism ?? 'auto') : wanted, credentials, context);
    const mechanism = name === 'APOP' || name === 'USER' ? undefined : create(name, credentials, context);
    connection.secrets.add(secret);
    this.#isSpent = true;
    const facts: LoginFacts = { token, encrypted, offersTls: capabilities.has('STLS') };
    try {
      if (mechanism) await this.#auth(mechanism, facts);
      else if (name === 'APOP') await this.#apop(user, secret, apopStamp as string, facts);
      else await this.#userPass(user, secret, facts);
    } catch (error) {
      if (wanted === 'auto' && isMethodRefused(error)) this.#next = alternativeTo(name, credentials, context);
      throw this.#failureOf(error);
    }
    if (known) known.closedLogins = 0;
    return name;
  }

  /**
   * Servers that close the connection on a wrong password instead of saying so exist; so do connections that drop. Only
   * several in a row count as refused.
   */
  #failureOf(error: unknown): Pop3Error {
    if (!(error instanceof Pop3Error)) return new Pop3Error('PROTOCOL', 'The login failed', { cause: error });
    if (error.code !== 'CONNECT' || error.reason !== 'hung-up') return error;
    const { known } = this.#session.settings;
    if (known) known.closedLogins += 1;
    const isRefused = (known?.closedLogins ?? 0) >= CLOSED_LOGINS;
    return new Pop3Error(
      isRefused ? 'AUTH' : 'CONNECT',
      'The server closed the connection during the login',
      {
        cause: error,
        reason: 'closed-during-login',
      },
    );
  }

  /** APOP (RFC 1939 section 7): a digest over the greeting's timestamp and the password. */
  async #apop(user: string, password: string, stamp: string, facts: LoginFacts): Promise<void> {
    const digest = createHash('md5').update(stamp).update(password).digest('hex');
    this.#session.connection.secrets.add(digest);
    await accepted(this.#send(`APOP ${user} ${digest}`, `APOP ${user} ***`), 'login', facts);
  }

  /** USER and PASS (RFC 1939 section 7). */
  async #userPass(user: string, password: string, facts: LoginFacts): Promise<void> {
    await accepted(this.#send(`USER ${user}`), 'login', facts);
    await accepted(this.#send(`PASS ${password}`, 'PASS ***'), 'login', facts);
  }

  /**
   * AUTH (RFC 5034 section 4), always in two lines: Outlook takes no other form, and a command line ends at 255 bytes,
   * where tokens do not.
   */
  async #auth(mechanism: Mechanism, facts: LoginFacts): Promise<void> {
    const { secrets } = this.#session.connection;
    const command = `AUTH ${mechanism.name}`;
    let response = await this.#send(command, command, true).promise;
    if (response.status === 'err') throw refusal(response, 'login', command, { login: facts });
    // Some servers write "+OK" for "+", and prose after it: a mechanism that begins takes both as "go ahead".
    let answer = mechanism.start() ?? mechanism.next(challengeOf(response));
    while (answer !== undefined) {
      const line = answer.toString('base64');
      secrets.add(line);
      response = await this.#send(line, '***', true).promise;
      const challenge = secrets.maskData(mechanism.failure);
      if (response.status === 'err') {
        throw refusal(response, 'login', command, { login: facts, challenge });
      }
      if (response.status === 'ok' && mechanism.done) return requireProof(mechanism, challenge);
      answer = mechanism.next(challengeOf(response));
      // SCRAM's last word may come with the "+OK": nothing is left to be said then.
      if (response.status === 'ok' && mechanism.done && answer?.length === 0) {
        return requireProof(mechanism, challenge);
      }
    }
    // RFC 5034 section 4: a single "*" ends an exchange that makes no sense any more.
    await this.#send('*', '*', true).promise;
    requireProof(mechanism, secrets.maskData(mechanism.failure));
    throw new Pop3Error('PROTOCOL', `The server's part of ${mechanism.name} makes no sense`, { command });
  }

  #send(line: string, shown?: string, continues = false): Command {
    return this.#session.send(line, { continues, ...(shown !== undefined && { shown }) });
  }
}

/** Whether a refusal may be that of a login method, and not of a password or an account. */
function isMethodRefused(error: unknown): boolean {
  return (
    error instanceof Pop3Error &&
    error.code === 'AUTH' &&
    ['auth', 'wrong-password', 'vague-refusal'].includes(error.reason)
  );
}

/** Nothing goes out that could end a command, or a field of one. */
function check(user: string, secret: string): void {
  if (user === '') throw new Pop3Error('CONFIG', 'The user name is missing', { reason: 'user-missing' });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these do
  if (/[\r\n\u0000\u0001]/.test(user) || /[\r\n\u0000\u0001]/.test(secret)) {
    throw new Pop3Error('CONFIG', 'A user name or password holds a control character', {
      reason: 'unsafe-argument',
    });
  }
}

/** A `+OK` counts only when the mechanism has been shown what it must be shown. */
function requireProof(mechanism: Mechanism, challenge: unknown): void {
  if (mechanism.satisfied) return;
  if (mechanism.failure !== undefined) {
    throw new Pop3Error('AUTH', 'The server refused the token', { reason: 'mailbox-refused', challenge });
  }
  throw new Pop3Error('AUTH', 'The server did not prove that it knows the password', {
    reason: 'server-signature-wrong',
  });
}

function challengeOf(response: Response): Buffer {
  const { text } = response;
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0
    ? Buffer.from(text, 'base64')
    : Buffer.from(text, 'utf8');
}

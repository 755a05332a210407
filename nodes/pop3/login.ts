import { createHash } from 'node:crypto';
import type { Connection } from './connection';
import { isLoopback } from './dial';
import { Pop3Error } from './error';
import { accepted, Command } from './exchange';
import { type Response, refusal } from './response';
import {
  type Credentials,
  choose,
  create,
  isToken,
  type Mechanism,
  type MechanismName,
  type Situation,
} from './sasl';

/**
 * The login of one session (RFC 1939 §7, RFC 5034): one attempt, by one mechanism, and never a weaker one after it.
 * Only a token that was refused may be followed, once, by a fresh one.
 */
export class Login {
  readonly #connection: Connection;
  #attempts = 0;
  #tokenRefused = false;
  #done = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Whether the server has let us in. */
  get done(): boolean {
    return this.#done;
  }

  /** Logs in, and tells by what. Errors: `AUTH`, `CONFIG`, and whatever a refusal says. */
  async attempt(
    credentials: Credentials,
    wanted: MechanismName | 'auto',
    situation: Situation & { allowPlaintext: boolean },
  ): Promise<MechanismName> {
    if (this.#done || this.#attempts > (this.#tokenRefused && isToken(credentials) ? 1 : 0)) {
      throw new Pop3Error('CONFIG', 'This session has had its login', { hint: 'login-spent' });
    }
    const { encrypted, allowPlaintext, host, apopStamp } = situation;
    if (!encrypted && !allowPlaintext && !isLoopback(host, this.#connection.socket)) {
      throw new Pop3Error('CONFIG', 'No login without TLS', { hint: 'plaintext-not-allowed' });
    }
    const { user } = credentials;
    const secret = isToken(credentials) ? credentials.token : credentials.password;
    check(user, secret);
    const name = choose(wanted, credentials, situation);
    const mechanism = name === 'APOP' || name === 'USER' ? undefined : create(name, credentials, situation);
    this.#connection.protect(secret);
    this.#attempts += 1;
    try {
      if (mechanism) await this.#auth(mechanism);
      else if (name === 'APOP') await this.#apop(user, secret, apopStamp as string);
      else await this.#userPass(user, secret);
    } catch (error) {
      const failure = failureOf(error);
      this.#tokenRefused = isToken(credentials) && failure.code === 'AUTH';
      throw failure;
    }
    this.#done = true;
    return name;
  }

  /** APOP (RFC 1939 §7): a digest over the greeting's timestamp and the password. */
  async #apop(user: string, password: string, stamp: string): Promise<void> {
    const digest = createHash('md5').update(stamp).update(password).digest('hex');
    this.#connection.protect(digest);
    await accepted(this.#send(`APOP ${user} ${digest}`, `APOP ${user} ***`), 'login');
  }

  /** USER and PASS (RFC 1939 §7). */
  async #userPass(user: string, password: string): Promise<void> {
    await accepted(this.#send(`USER ${user}`), 'login');
    await accepted(this.#send(`PASS ${password}`, 'PASS ***'), 'login');
  }

  /**
   * AUTH (RFC 5034 §4), always in two lines: Outlook takes no other form, and a command line ends at 255 octets,
   * where tokens do not.
   */
  async #auth(mechanism: Mechanism): Promise<void> {
    const { name } = mechanism;
    let response = await this.#send(`AUTH ${name}`, `AUTH ${name}`, true).promise;
    if (response.status === 'err') throw refusal(response, 'login', `AUTH ${name}`);
    // Some servers write "+OK" for "+", and prose after it: a mechanism that begins takes both as "go ahead".
    let answer = mechanism.start() ?? mechanism.next(challengeOf(response));
    while (answer !== undefined) {
      const line = answer.toString('base64');
      this.#connection.protect(line);
      response = await this.#send(line, '***', true).promise;
      if (response.status === 'err') throw refusal(response, 'login', `AUTH ${name}`, mechanism.failure);
      if (response.status === 'ok' && mechanism.done) return believe(mechanism);
      answer = mechanism.next(challengeOf(response));
      // SCRAM's last word may come with the "+OK": nothing is left to be said then.
      if (response.status === 'ok' && mechanism.done && answer?.length === 0) return believe(mechanism);
    }
    // RFC 5034 §4: a single "*" ends an exchange that makes no sense any more.
    await this.#send('*', '*', true).promise;
    believe(mechanism);
    throw new Pop3Error('PROTOCOL', `The server's part of ${name} makes no sense`, {
      command: `AUTH ${name}`,
    });
  }

  #send(line: string, shown?: string, continues = false): Command {
    const command = new Command(line, shown, continues);
    this.#connection.submit(command);
    return command;
  }
}

/** Nothing goes out that could end a command, or a field of one. */
function check(user: string, secret: string): void {
  if (user === '') throw new Pop3Error('CONFIG', 'The user name is missing', { hint: 'user-missing' });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these do
  if (/[\r\n\u0000\u0001]/.test(user) || /[\r\n\u0000\u0001]/.test(secret)) {
    throw new Pop3Error('CONFIG', 'A user name or password holds a control character', {
      hint: 'unsafe-argument',
    });
  }
}

/** Servers that hang up on a wrong password instead of saying so mean just that. */
function failureOf(error: unknown): Pop3Error {
  if (!(error instanceof Pop3Error)) return new Pop3Error('PROTOCOL', 'The login failed', { cause: error });
  if (error.code === 'CONNECT' && error.hint === 'hung-up') {
    return new Pop3Error('AUTH', 'The server hung up on the login', {
      cause: error,
      hint: 'closed-during-login',
    });
  }
  return error;
}

/** A `+OK` counts only when the mechanism has been shown what it must be shown. */
function believe(mechanism: Mechanism): void {
  if (mechanism.satisfied) return;
  if (mechanism.failure !== undefined) {
    throw new Pop3Error('AUTH', 'The server refused the token', { challenge: mechanism.failure });
  }
  throw new Pop3Error('AUTH', 'The server did not prove that it knows the password', {
    hint: 'server-signature-wrong',
  });
}

function challengeOf(response: Response): Buffer {
  const { text } = response;
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0
    ? Buffer.from(text, 'base64')
    : Buffer.from(text, 'utf8');
}

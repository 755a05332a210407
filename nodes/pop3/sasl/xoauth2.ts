import { type Mechanism, readFailure, type TokenCredentials } from './mechanism';

/**
 * XOAUTH2 (Google, Microsoft). A refused token is announced by a challenge that holds JSON; only an empty answer
 * brings the `-ERR` with its response code.
 */
export class Xoauth2 implements Mechanism {
  readonly name = 'XOAUTH2';
  done = false;
  failure: unknown;
  readonly #credentials: TokenCredentials;

  constructor(credentials: TokenCredentials) {
    this.#credentials = credentials;
  }

  get satisfied(): boolean {
    return this.failure === undefined;
  }

  start(): Buffer {
    this.done = true;
    const { user, token } = this.#credentials;
    return Buffer.from(`user=${user}\x01auth=Bearer ${token}\x01\x01`);
  }

  next(challenge: Buffer): Buffer | undefined {
    if (this.failure !== undefined) return undefined;
    this.failure = readFailure(challenge);
    return Buffer.alloc(0);
  }
}

import type { Mechanism, PasswordCredentials } from './mechanism';

/** PLAIN (RFC 4616): user and password in one message. */
export class Plain implements Mechanism {
  readonly name = 'PLAIN';
  readonly satisfied = true;
  done = false;
  readonly #credentials: PasswordCredentials;

  constructor(credentials: PasswordCredentials) {
    this.#credentials = credentials;
  }

  start(): Buffer {
    this.done = true;
    return Buffer.from(`\0${this.#credentials.user}\0${this.#credentials.password}`);
  }

  next(): undefined {
    return undefined;
  }
}

import { createHmac } from 'node:crypto';
import type { Mechanism, PasswordCredentials } from './mechanism';

/** CRAM-MD5 (RFC 2195): proof of the password over the server's challenge. */
export class CramMd5 implements Mechanism {
  readonly name = 'CRAM-MD5';
  readonly satisfied = true;
  done = false;
  readonly #credentials: PasswordCredentials;

  constructor(credentials: PasswordCredentials) {
    this.#credentials = credentials;
  }

  start(): undefined {
    return undefined;
  }

  next(challenge: Buffer): Buffer | undefined {
    if (this.done || challenge.length === 0) return undefined;
    this.done = true;
    const { user, password } = this.#credentials;
    return Buffer.from(`${user} ${createHmac('md5', password).update(challenge).digest('hex')}`);
  }
}

import { type Mechanism, readFailure, type TokenCredentials } from './mechanism';

/** OAUTHBEARER (RFC 7628). A failure challenge is answered by one 0x01 (§3.2.3). */
export class OauthBearer implements Mechanism {
  readonly name = 'OAUTHBEARER';
  done = false;
  failure: unknown;
  readonly #credentials: TokenCredentials;
  readonly #host: string;
  readonly #port: number;

  constructor(credentials: TokenCredentials, host: string, port: number) {
    this.#credentials = credentials;
    this.#host = host;
    this.#port = port;
  }

  get satisfied(): boolean {
    return this.failure === undefined;
  }

  start(): Buffer {
    this.done = true;
    const { user, token } = this.#credentials;
    // "=" and "," are spelt out in a GS2 header (RFC 5801 section 4).
    const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C');
    return Buffer.from(
      `n,a=${name},\x01host=${this.#host}\x01port=${this.#port}\x01auth=Bearer ${token}\x01\x01`,
    );
  }

  next(challenge: Buffer): Buffer | undefined {
    if (this.failure !== undefined) return undefined;
    this.failure = readFailure(challenge);
    return Buffer.from('\x01');
  }
}

import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import type { Mechanism, PasswordCredentials } from './mechanism';
import { saslprep } from './saslprep';

/** Iterations beyond which a server only wants to keep this process busy. */
const MOST_ITERATIONS = 1_000_000;
/** RFC 7677 section 4; fewer would help an eavesdropper to guess the password. */
const FEWEST_ITERATIONS = 4096;

/**
 * SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. The password is never sent, and
 * the server must prove that it knows it too. What SASLprep refuses is `CONFIG`, before anything is said.
 */
export class Scram implements Mechanism {
  readonly name: string;
  readonly #hash: 'sha1' | 'sha256';
  readonly #credentials: PasswordCredentials;
  readonly #nonce: string;
  #step: 'first' | 'final' | 'done' = 'first';
  #serverSignature: Buffer | undefined;
  #satisfied = false;

  constructor(
    hash: 'sha1' | 'sha256',
    credentials: PasswordCredentials,
    randomBytes: (size: number) => Buffer,
  ) {
    this.name = hash === 'sha1' ? 'SCRAM-SHA-1' : 'SCRAM-SHA-256';
    this.#hash = hash;
    this.#credentials = { user: saslprep(credentials.user), password: saslprep(credentials.password) };
    this.#nonce = randomBytes(24).toString('base64');
  }

  get done(): boolean {
    return this.#step === 'done';
  }

  get satisfied(): boolean {
    return this.#satisfied;
  }

  start(): Buffer {
    return Buffer.from(`n,,${this.#bareFirst()}`);
  }

  next(challenge: Buffer): Buffer | undefined {
    const message = challenge.toString('utf8');
    if (this.#step === 'first') {
      this.#step = 'final';
      return this.#proof(message);
    }
    if (this.#step === 'final') {
      this.#step = 'done';
      this.#satisfied = this.#verify(message);
      return this.#satisfied ? Buffer.alloc(0) : undefined;
    }
    return undefined;
  }

  #bareFirst(): string {
    const name = this.#credentials.user.replaceAll('=', '=3D').replaceAll(',', '=2C');
    return `n=${name},r=${this.#nonce}`;
  }

  #proof(serverFirst: string): Buffer | undefined {
    const attributes = new Map(serverFirst.split(',').map((part) => [part.slice(0, 2), part.slice(2)]));
    const nonce = attributes.get('r=') ?? '';
    const salt = Buffer.from(attributes.get('s=') ?? '', 'base64');
    const iterations = Number(attributes.get('i='));
    if (attributes.has('m=') || salt.length === 0) return undefined;
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) return undefined;
    if (!Number.isInteger(iterations) || iterations < FEWEST_ITERATIONS || iterations > MOST_ITERATIONS) {
      return undefined;
    }
    const size = this.#hash === 'sha1' ? 20 : 32;
    const salted = pbkdf2Sync(this.#credentials.password, salt, iterations, size, this.#hash);
    const hmac = (key: Buffer, text: string) => createHmac(this.#hash, key).update(text).digest();
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash(this.#hash).update(clientKey).digest();
    const withoutProof = `c=biws,r=${nonce}`;
    const signed = `${this.#bareFirst()},${serverFirst},${withoutProof}`;
    const signature = hmac(storedKey, signed);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] as number)));
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), signed);
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  #verify(serverFinal: string): boolean {
    const given = Buffer.from(/^v=([^,]*)/.exec(serverFinal)?.[1] ?? '', 'base64');
    const expected = this.#serverSignature;
    return expected !== undefined && given.length === expected.length && timingSafeEqual(given, expected);
  }
}

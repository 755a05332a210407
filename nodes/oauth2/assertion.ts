import { createHash, createPrivateKey, type KeyObject, randomUUID, sign, X509Certificate } from 'node:crypto';
import type { AccountConfig } from './config';
import { isRecord, OAuth2Error } from './errors';

/** Milliseconds that our clock may be wrong by, either way, without a server taking an assertion amiss. */
const SKEW_MS = 600_000;

/** A private key as a person has it, and what came with it. */
export interface Credential {
  key: KeyObject;
  /** The certificate that stood beside the key in the PEM text. */
  certificate?: X509Certificate;
  /** From Google's JSON file. */
  email?: string;
  /** From Google's JSON file. */
  keyId?: string;
}

/** Who says what to whom, in a JWT. */
export interface Claims {
  iss: string;
  sub: string;
  aud: string;
  scope?: string;
}

/**
 * Reads the account's private key: PEM, alone or with its certificate, or the JSON file that Google gives for a service
 * account. Line breaks that got lost on the way through a form or an environment variable are put back.
 * @throws {OAuth2Error} `CONFIG`; what was wrong with the key is not told, since the words would be about its content
 */
export function readCredential(config: AccountConfig): Credential {
  const facts = { provider: config.provider };
  const text = config.privateKey?.trim();
  if (!text) throw new OAuth2Error('CONFIG', 'private-key-missing', { facts });
  try {
    if (!text.startsWith('{')) return readPem(text);
    const file: unknown = JSON.parse(text);
    if (!isRecord(file) || typeof file.private_key !== 'string') throw new TypeError('no private_key');
    return {
      ...readPem(file.private_key),
      ...(typeof file.client_email === 'string' && { email: file.client_email }),
      ...(typeof file.private_key_id === 'string' && { keyId: file.private_key_id }),
    };
  } catch {
    throw new OAuth2Error('CONFIG', 'private-key-malformed', { facts });
  }
}

/**
 * Signs an assertion (RFC 7523 section 3). It is good from ten minutes ago until twenty minutes from now, so that a
 * clock that is ten minutes off does no harm.
 */
export function signAssertion({ key, certificate, keyId }: Credential, claims: Claims, now: number): string {
  const alg = algorithm(key, certificate !== undefined);
  const header = {
    alg,
    typ: 'JWT',
    ...(keyId && { kid: keyId }),
    // Entra knows a key by its certificate.
    ...(certificate && { 'x5t#S256': createHash('sha256').update(certificate.raw).digest('base64url') }),
  };
  const seconds = (ms: number) => Math.floor(ms / 1000);
  const payload = {
    ...claims,
    jti: randomUUID(),
    iat: seconds(now - SKEW_MS),
    nbf: seconds(now - SKEW_MS),
    exp: seconds(now + 2 * SKEW_MS),
  };
  const input = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign(alg === 'EdDSA' ? undefined : `sha${alg.slice(2)}`, Buffer.from(input), {
    key,
    dsaEncoding: 'ieee-p1363',
    // 6: RSA-PSS, whose salt is as long as the digest (RFC 7518 section 3.5).
    ...(alg === 'PS256' && { padding: 6, saltLength: 32 }),
  });
  return `${input}.${signature.toString('base64url')}`;
}

/** RFC 7518 section 3.1. PS256 where there is a certificate, as Entra wants it, else what every server knows. */
function algorithm(key: KeyObject, certified: boolean): string {
  if (key.asymmetricKeyType === 'rsa') return certified ? 'PS256' : 'RS256';
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  switch (key.asymmetricKeyDetails?.namedCurve) {
    case 'prime256v1':
      return 'ES256';
    case 'secp384r1':
      return 'ES384';
    case 'secp521r1':
      return 'ES512';
  }
  throw new OAuth2Error('CONFIG', 'private-key-malformed');
}

function readPem(text: string): Credential {
  const blocks = [
    ...text.replaceAll('\\n', '\n').matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g),
  ].map(([, label = '', body = '']) => {
    const lines = body.replace(/\s+/g, '').match(/.{1,64}/g) ?? [];
    return { label, pem: [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n') };
  });
  const key = blocks.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (!key) throw new TypeError('no private key');
  const certificate = blocks.find(({ label }) => label === 'CERTIFICATE');
  const credential: Credential = { key: createPrivateKey(key.pem) };
  if (!certificate) return credential;
  const x509 = new X509Certificate(certificate.pem);
  if (!x509.checkPrivateKey(credential.key))
    throw new TypeError('key and certificate do not belong together');
  return { ...credential, certificate: x509 };
}

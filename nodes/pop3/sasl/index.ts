import type { Capabilities } from '../capabilities';
import { Pop3Error } from '../error';
import { CramMd5 } from './cram-md5';
import { Login } from './login';
import type { Credentials, Mechanism, PasswordCredentials, TokenCredentials } from './mechanism';
import type { MechanismName } from './names';
import { OauthBearer } from './oauthbearer';
import { Plain } from './plain';
import { Scram } from './scram';
import { Xoauth2 } from './xoauth2';

export type { Credentials, Mechanism, PasswordCredentials, TokenCredentials } from './mechanism';

export { MECHANISMS, type MechanismName } from './names';

export interface AuthContext {
  capabilities: Capabilities;
  encrypted: boolean;
  /** The timestamp of the greeting, where it holds one. */
  apopStamp: string | undefined;
  host: string;
  port: number;
  randomBytes: (size: number) => Buffer;
}

export function isToken(credentials: Credentials): credentials is TokenCredentials {
  return 'token' in credentials;
}

/**
 * The one mechanism that will be tried: there is no second one after a failure. Under TLS the plain ones come
 * before CRAM-MD5 and APOP, which many servers offer and have no passwords for; without TLS it is the other
 * way about.
 */
export function choose(
  wanted: MechanismName | 'auto',
  credentials: Credentials,
  context: AuthContext,
): MechanismName {
  const { capabilities, encrypted, apopStamp } = context;
  const token = isToken(credentials);
  if (wanted !== 'auto') {
    if (token !== (wanted === 'XOAUTH2' || wanted === 'OAUTHBEARER')) {
      throw new Pop3Error('CONFIG', `${wanted} needs ${token ? 'a password' : 'a token'}`, {
        reason: 'mechanism-needs-other-credentials',
      });
    }
    if (wanted === 'APOP' && apopStamp === undefined) {
      throw new Pop3Error('CONFIG', 'The server offers no APOP', { reason: 'mechanism-not-offered' });
    }
    return wanted;
  }
  const offered = new Set(capabilities.mechanisms);
  if (token) {
    // Exchange has left XOAUTH2 out of CAPA: a caller with a token means it, listed or not.
    return offered.has('OAUTHBEARER') && !offered.has('XOAUTH2') ? 'OAUTHBEARER' : 'XOAUTH2';
  }
  const order: MechanismName[] = encrypted
    ? ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'LOGIN', 'CRAM-MD5']
    : ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'CRAM-MD5', 'APOP', 'PLAIN', 'LOGIN'];
  for (const name of order) {
    if (name === 'APOP' ? apopStamp !== undefined : offered.has(name)) return name;
  }
  return 'USER';
}

/** What hides the password, what shows it inside AUTH, and what shows it outside: one of a kind stands for the others. */
const KINDS: readonly (readonly MechanismName[])[] = [
  ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'CRAM-MD5', 'APOP'],
  ['PLAIN', 'LOGIN'],
  ['USER'],
];

/**
 * What `auto` tries in the next session after a method was refused: servers offer methods that they have no passwords
 * for (GNU mailutils: APOP). The next kind, since two of one kind work, or not, together. `undefined`: no other.
 */
export function alternativeTo(
  refused: MechanismName,
  credentials: Credentials,
  { capabilities }: AuthContext,
): MechanismName | undefined {
  if (isToken(credentials)) return undefined;
  const kind = KINDS.findIndex((names) => names.includes(refused));
  const [, plain = []] = KINDS;
  if (kind === 0) return plain.find((name) => capabilities.mechanisms.includes(name)) ?? 'USER';
  return kind === 1 ? 'USER' : undefined;
}

export function create(
  name: Exclude<MechanismName, 'APOP' | 'USER'>,
  credentials: Credentials,
  { host, port, randomBytes }: AuthContext,
): Mechanism {
  const password = credentials as PasswordCredentials;
  const token = credentials as TokenCredentials;
  switch (name) {
    case 'XOAUTH2':
      return new Xoauth2(token);
    case 'OAUTHBEARER':
      return new OauthBearer(token, host, port);
    case 'SCRAM-SHA-256':
      return new Scram('sha256', password, randomBytes);
    case 'SCRAM-SHA-1':
      return new Scram('sha1', password, randomBytes);
    case 'CRAM-MD5':
      return new CramMd5(password);
    case 'PLAIN':
      return new Plain(password);
    case 'LOGIN':
      return new Login(password);
  }
}

/**
 * One SASL mechanism (RFC 4422), in the form Start and Next: a file each, knowing nothing of sockets or base64.
 */
export interface Mechanism {
  /** As registered with IANA. */
  readonly name: string;
  /** The initial response, or `undefined` where the server speaks first. */
  start(): Buffer | undefined;
  /** The answer to a challenge. `undefined`: the challenge makes no sense, the exchange must end. */
  next(challenge: Buffer): Buffer | undefined;
  /** Whether the client has said all it has to say. */
  readonly done: boolean;
  /** Whether a `+OK` may be believed: the server has announced no failure, and has proved what it must prove. */
  readonly satisfied: boolean;
  /** What the server put into the challenge that announces a failure. */
  readonly failure?: unknown;
}

export interface PasswordCredentials {
  user: string;
  password: string;
}

export interface TokenCredentials {
  user: string;
  /** An OAuth 2.0 access token (RFC 6750). */
  token: string;
  /** Renews a token the server has refused, once; `undefined` or the same one: there is no other. */
  renew?(rejected: string): Promise<string | undefined>;
}

export type Credentials = PasswordCredentials | TokenCredentials;

/** A failure challenge as data: JSON where it is JSON (RFC 7628 section 3.2.2), else its text. */
export function readFailure(challenge: Buffer): unknown {
  const text = challenge.toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

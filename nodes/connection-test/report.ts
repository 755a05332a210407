/** The steps, in the order in which implicit TLS takes them; STARTTLS has its certificate after the greeting. */
export type StepName =
  | 'name'
  | 'connection'
  | 'certificate'
  | 'greeting'
  | 'capabilities'
  | 'token'
  | 'login'
  | 'stat'
  | 'uidl';

/** `skipped`: not needed on this way, or not come to. */
export type StepState = 'waiting' | 'running' | 'ok' | 'warning' | 'failed' | 'skipped';

/** What each step has found out; a failed one has what is known all the same. Nothing in it is secret. */
export interface StepFacts {
  name: { addresses: string[] /** Looks the name up, as `host:port`. */; proxy?: string };
  connection: { address?: string; port?: number };
  certificate: {
    subject?: string;
    /** The names it is good for (RFC 6125), DNS names and IP addresses. */
    names: readonly string[];
    issuer?: string;
    validFrom?: string;
    validTo?: string;
    /** Whole days; negative: so long over. */
    daysLeft?: number;
    /** False: the TLS settings take it although no trusted authority has signed it. */
    trusted: boolean;
    protocol?: string;
    fingerprint256?: string;
  };
  greeting: { text: string };
  capabilities: {
    /** Absent: the server knows no CAPA. */
    names?: string[];
    mechanisms: string[];
  };
  token: {
    scope?: string;
    /** The resource a JWT names; unverified. */
    audience?: string;
    /** Seconds. */
    left?: number;
  };
  login: {
    mechanism?: string;
    user: string /** The first token was refused, a fresh one accepted. */;
    renewed?: true;
    /** The first login method that the server offers was refused, this one accepted. */
    second?: true;
  };
  stat: { messages: number; octets: number };
  uidl: {
    /** Absent: the server has no unique IDs. */ ids?: number /** How many stand there more than once. */;
    repeated?: number;
  };
}

export type Facts = Record<string, string | number>;

/** Why a step failed: `code` and `reason` as a mailbox's error has them, `facts` for its words. */
export interface Failure {
  code: string;
  reason: string;
  facts: Facts;
  /** Tried without a login: there a POP3 server answers. */
  instead?: { port: number; security: 'tls' | 'starttls' };
}

type StepOf<N extends StepName> = {
  step: N;
  state: StepState;
  /** Milliseconds, once it is over. */
  ms?: number;
  facts?: StepFacts[N];
  failure?: Failure;
};
export type Step = { [N in StepName]: StepOf<N> }[StepName];

export interface Report {
  /** `cancelled`: by the signal. */
  outcome: 'running' | 'ok' | 'failed' | 'cancelled';
  steps: Step[];
  /** What was said on the line, `C:` and `S:`, every secret masked. */
  transcript: string[];
  /** Milliseconds in all, once it is over. */
  ms?: number;
}

/** What will be walked, so that it can be shown before it is. */
export function stepsOf(security: 'tls' | 'starttls' | 'none', token: boolean): Step[] {
  const names: StepName[] = ['name', 'connection'];
  if (security === 'tls') names.push('certificate');
  names.push('greeting');
  if (security === 'starttls') names.push('certificate');
  names.push('capabilities');
  if (token) names.push('token');
  names.push('login', 'stat', 'uidl');
  return names.map((step) => ({ step, state: 'waiting' }));
}

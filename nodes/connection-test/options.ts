import type { Clock, ConnectOptions, MechanismName } from '../pop3';
import type { Report, Step } from './report';

/** How to prove who one is. `token` may throw anything with `code`, `reason` and `facts`. */
export type TestLogin = { user: string; mechanism?: MechanismName | 'auto' } & (
  | { password: string }
  | {
      /** `rejected` is the token the server has just refused; `expiresAt` is ms since the epoch. */
      token(question: { rejected?: string; signal: AbortSignal }): Promise<{
        accessToken: string;
        expiresAt?: number;
        scope?: string;
        audience?: string;
      }>;
    }
);

export interface TestOptions
  extends Pick<ConnectOptions, 'host' | 'security' | 'tls' | 'open' | 'allowPlaintext'> {
  port: number;
  login: TestLogin;
  /** The addresses of a name; in place of the system's. */
  dns?: (host: string) => Promise<string[]>;
  /** Ends it at once; the report says `cancelled`. */
  signal: AbortSignal;
  /** Called whenever something has changed, with the report as it stands. */
  onStep?: (report: Report, step: Step) => void;
  clock?: Clock;
  /** Ms since the epoch, for what is left of certificates and tokens. */
  now?: () => number;
}

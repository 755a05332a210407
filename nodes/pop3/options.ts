import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { TraceEvent } from './trace';

/** Milliseconds; 0 switches a deadline off. */
export interface Timeouts {
  /** From the name lookup to the end of the TLS handshake. */
  connect: number;
  /** From there to the greeting. */
  greeting: number;
  /** From a command to the first byte of its reply. */
  command: number;
  /** Between two arrivals inside a reply. */
  idle: number;
  /** The whole session, from `connect` on. */
  session: number;
  /** From `quit()` to its answer, all unread replies before it included. */
  quit: number;
  /** A line quiet for so long gets a NOOP, once logged in: Outlook hangs up after 60 s. */
  keepAlive: number;
}

export const TIMEOUTS: Timeouts = {
  connect: 30_000,
  greeting: 30_000,
  command: 60_000,
  idle: 60_000,
  session: 3_600_000,
  quit: 10_000,
  keepAlive: 25_000,
};

/** Octets, but for `window` and `listLines`. Beyond each of them stands a `LIMIT`. */
export interface Limits {
  /** A status line; RFC 2449 §4 says 512, servers say more. */
  statusLine: number;
  /** A line of UIDL, LIST or CAPA. */
  listLine: number;
  /** Lines of UIDL or LIST. */
  listLines: number;
  /** One mail. */
  mail: number;
  /** What may be read and thrown away to get past a mail or list over its cap; beyond it the session ends. */
  drain: number;
  /** Unread mail in memory at which the socket is paused. */
  buffer: number;
  /** The same while another command waits for its reply behind unread mail; beyond it the session ends. */
  bufferBehind: number;
  /** Pipelining: most commands without a complete reply. */
  window: number;
  /** Pipelining: most octets of commands without a complete reply; below the smallest socket buffer. */
  windowCommands: number;
  /** Pipelining: most octets of replies asked for ahead, as far as their sizes are known. */
  windowReplies: number;
}

export const LIMITS: Limits = {
  statusLine: 16_384,
  listLine: 4096,
  listLines: 1_000_000,
  mail: 2 ** 30,
  drain: 2 ** 26,
  buffer: 262_144,
  bufferBehind: 2 ** 24,
  window: 128,
  windowCommands: 2048,
  windowReplies: 2 ** 22,
};

/** Time, as the client sees it. */
export interface Clock {
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const CLOCK: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

export interface ConnectOptions {
  host: string;
  /** 995 with `tls`, else 110. */
  port?: number;
  /** `tls` from the first byte (RFC 8314), `starttls` always and without exception (RFC 2595), or `none`. */
  security: 'tls' | 'starttls' | 'none';
  /** Passed on to `tls.connect`: a CA, a client certificate, `rejectUnauthorized`. */
  tls?: ConnectionOptions;
  /** A login without TLS to a host that is not loopback. */
  allowPlaintext?: boolean;
  timeouts?: Partial<Timeouts>;
  limits?: Partial<Limits>;
  /** Ends everything at once with `ABORTED`, at any time of the session. */
  signal?: AbortSignal;
  /** Opens the connection in place of `net.connect`: a proxy, or a test. */
  open?: (target: { host: string; port: number; signal?: AbortSignal }) => Promise<Socket>;
  /** Hears each step and each line, secrets masked. */
  trace?: (event: TraceEvent) => void;
  clock?: Clock;
  /** Random octets for SCRAM's nonce. */
  randomBytes?: (size: number) => Buffer;
}

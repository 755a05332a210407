import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Clock } from '../base/clock';
import type { KnownServer } from './known-server';
import type { TraceEvent } from './trace';

/** Milliseconds; 0 switches a deadline off. */
export interface Timeouts {
  /** From the name lookup to the end of the TLS handshake. */
  connect: number;
  /** From there to the end of the greeting, whatever comes before it. */
  greeting: number;
  /** From a command to its status line: commands that are answered at once, the login among them. */
  command: number;
  /** The same for what lists the mailbox or begins a mail: large mailboxes and virus scanners take minutes. */
  reply: number;
  /** Between two arrivals inside a reply. */
  idle: number;
  /** The whole session, from `connect` on. */
  session: number;
  /** From `quit()` to its answer, all unread replies before it included. */
  quit: number;
  /** The same where mails were marked with DELE: the server deletes them before it answers. */
  quitAfterDeletions: number;
  /** A line quiet for so long gets a NOOP, once logged in: Outlook closes the connection after 60 s. */
  keepAlive: number;
}

export const TIMEOUTS: Timeouts = {
  connect: 30_000,
  greeting: 30_000,
  command: 60_000,
  reply: 300_000,
  idle: 60_000,
  session: 3_600_000,
  quit: 10_000,
  quitAfterDeletions: 120_000,
  keepAlive: 25_000,
};

/** Bytes, but for `window` and `listLines`. What exceeds one of them is `LIMIT`. */
export interface Limits {
  /** A status line; RFC 2449 section 4 says 512, servers say more. */
  statusLine: number;
  /** A line of UIDL, LIST or CAPA. */
  listLine: number;
  /** Lines of UIDL or LIST. */
  listLines: number;
  /** A whole reply to UIDL or LIST: 400,000 mails with unique IDs of the longest kind (RFC 1939 section 7: 70 bytes). */
  list: number;
  /** A whole reply to CAPA: real ones have less than 1 kB. */
  capabilities: number;
  /** All that the server says before the login: a greeting, two replies to CAPA, the challenges of one mechanism. */
  beforeLogin: number;
  /** One mail. */
  mail: number;
  /** What TOP gives: headers longer than this are not read by any program. */
  top: number;
  /** What may be read and thrown away to get past a mail or list over its cap; beyond it the session ends. */
  drain: number;
  /** Unread mail in memory at which the socket is paused. */
  buffer: number;
  /** The same while another command waits for its reply behind unread mail; beyond it the session ends. */
  bufferBehind: number;
  /** Pipelining: most commands without a complete reply. */
  window: number;
  /** Pipelining: most bytes of commands without a complete reply; below the smallest socket buffer. */
  windowCommands: number;
  /** Pipelining: most bytes of replies asked for ahead, as far as their sizes are known. */
  windowReplies: number;
}

export const LIMITS: Limits = {
  statusLine: 16_384,
  listLine: 4096,
  listLines: 1_000_000,
  list: 2 ** 25,
  capabilities: 2 ** 14,
  beforeLogin: 2 ** 17,
  mail: 2 ** 30,
  top: 2 ** 20,
  drain: 2 ** 26,
  buffer: 262_144,
  bufferBehind: 2 ** 24,
  window: 128,
  windowCommands: 2048,
  windowReplies: 2 ** 22,
};

/** Opens a connection in place of `net.connect`. */
export interface Opener {
  (target: { host: string; port: number; signal?: AbortSignal }): Promise<Socket>;
  /** The proxy between here and a server, as `host:port`; undefined where the server is reached without one. */
  proxyFor?(target: { host: string; port: number }): string | undefined;
}

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
  open?: Opener;
  /** Hears each step and each line, secrets masked. */
  trace?: (event: TraceEvent) => void;
  /** Hears every ten seconds how long, in ms, the server has been silent with an answer outstanding. */
  onSilence?: (ms: number) => void;
  /** What an earlier session has learned of the same server and user: fewer round trips. Updated by this session. */
  known?: KnownServer;
  clock?: Clock;
  /** Random bytes for SCRAM's nonce. */
  randomBytes?: (size: number) => Buffer;
}

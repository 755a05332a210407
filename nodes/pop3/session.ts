import { type Clock, monotonicClock } from '../base/clock';
import { Capabilities } from './capabilities';
import { Command } from './commands/command';
import { Lines } from './commands/lines';
import type { Connection } from './connection';
import type { MaildropStatus } from './listing';
import { type ConnectOptions, LIMITS, type Limits, TIMEOUTS, type Timeouts } from './options';
import type { Secrets } from './secrets';

/** What was asked for, with every default filled in. */
export interface Settings extends ConnectOptions {
  port: number;
  clock: Clock;
  limits: Limits;
  timeouts: Timeouts;
}

export function settingsOf(options: ConnectOptions): Settings {
  return {
    ...options,
    port: options.port ?? (options.security === 'tls' ? 995 : 110),
    clock: options.clock ?? monotonicClock,
    limits: { ...LIMITS, ...options.limits },
    timeouts: { ...TIMEOUTS, ...options.timeouts },
  };
}

/** What the commands of one session share: its connection, and what the server has told so far. */
export class Session {
  /** The text of the greeting (RFC 1939 section 4), without `+OK`. */
  greeting = '';
  /** The timestamp for APOP (RFC 1939 section 7) in the greeting; forgotten with everything else said before STLS. */
  apopStamp: string | undefined;
  encrypted: boolean;
  maildrop: MaildropStatus = { messages: 0, octets: 0 };
  /** Bytes by message number, as far as LIST has told. */
  readonly sizes = new Map<number, number>();
  /** The capabilities are those of an earlier session. */
  isRemembered = false;
  /** Mails marked by DELE and not taken back by RSET. */
  marked = 0;
  #capabilities = new Capabilities();

  constructor(
    readonly settings: Settings,
    readonly connection: Connection,
  ) {
    this.encrypted = settings.security === 'tls';
  }

  /** What the last CAPA said, or an earlier session with the same server. */
  get capabilities(): Capabilities {
    return this.#capabilities;
  }

  set capabilities(capabilities: Capabilities) {
    this.#capabilities = capabilities;
    this.connection.pipelining = capabilities.pipelining;
  }

  /** Sends a command that one line answers. */
  send(line: string, options?: ConstructorParameters<typeof Command>[1]): Command {
    const command = new Command(line, options);
    this.connection.submit(command);
    return command;
  }

  /** Sends a command that many lines answer, each of which `read` turns into an item. */
  sendForLines<T>(
    line: string,
    most: number,
    read: (line: string) => T | undefined,
    secrets?: Secrets,
  ): Lines<T> {
    const { connection, settings } = this;
    const lines = new Lines(line, {
      limits: settings.limits,
      most,
      read,
      ...(secrets && { secrets }),
      tooMuch: (error) => connection.fail(error),
    });
    connection.submit(lines);
    return lines;
  }
}

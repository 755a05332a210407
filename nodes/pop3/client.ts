import { randomBytes } from 'node:crypto';
import { Capabilities } from './capabilities';
import { Connection } from './connection';
import { addressOf, dial, encrypt } from './dial';
import { Pop3Error } from './error';
import { accepted, Command, Greeting, KeepAlive, Lines } from './exchange';
import {
  type Listing,
  type MaildropStatus,
  readListing,
  readSingleUid,
  readStatus,
  readUniqueId,
  type UniqueId,
  unreadable,
} from './listing';
import { Login } from './login';
import { CLOCK, type ConnectOptions, LIMITS, type Limits, TIMEOUTS, type Timeouts } from './options';
import { type Response, refusal, showable } from './response';
import { messageNumber, Retrieval, type RetrievedMail } from './retrieval';
import type { Credentials, MechanismName } from './sasl';

/** What became of one DELE. */
export interface Deletion {
  number: number;
  /** Set when the server refused it. */
  error?: Pop3Error;
}

/** The answer to one `UIDL n`. */
export interface UniqueIdAnswer {
  number: number;
  uid?: string;
  /** Set when the server refused it. */
  error?: Pop3Error;
}

/** Octets a mail is thought to have when the server has told nothing about it. */
const UNKNOWN_SIZE = 65_536;

/**
 * A POP3 session, from the greeting to QUIT (RFC 1939, 2449, 2595, 5034, 6856). Every call settles, each failure
 * is a {@link Pop3Error}, and after a failure of the line itself every later call fails with the same error.
 */
export class Pop3Client {
  readonly #options: ConnectOptions;
  readonly #connection: Connection;
  readonly #login: Login;
  readonly #limits: Limits;
  readonly #timeouts: Timeouts;
  readonly #port: number;
  #encrypted: boolean;
  #greeting = '';
  #capabilities = new Capabilities();
  #maildrop: MaildropStatus = { messages: 0, octets: 0 };
  readonly #sizes = new Map<number, number>();

  /**
   * Opens the line, reads the greeting, asks for the capabilities (RFC 2449 §5) and, with `starttls`, begins TLS
   * and asks again (RFC 2595 §4). Errors: `CONNECT`, `TLS`, `TIMEOUT`, `CONFIG`, `ABORTED`, `PROTOCOL`, and what a
   * greeting of `-ERR` says.
   */
  static async connect(options: ConnectOptions): Promise<Pop3Client> {
    const clock = options.clock ?? CLOCK;
    const timeouts = { ...TIMEOUTS, ...options.timeouts };
    const limits = { ...LIMITS, ...options.limits };
    const port = options.port ?? (options.security === 'tls' ? 995 : 110);
    const { signal, trace } = options;

    const stop = new AbortController();
    let end: (error: Pop3Error) => void = (error) => stop.abort(error);
    const aborted = () => end(new Pop3Error('ABORTED', 'Ended by the caller'));
    const within = (ms: number, message: string): (() => void) => {
      if (ms <= 0) return () => {};
      const timer = clock.setTimeout(() => end(new Pop3Error('TIMEOUT', message)), ms);
      return () => clock.clearTimeout(timer);
    };
    if (signal?.aborted) throw new Pop3Error('ABORTED', 'Ended by the caller');
    signal?.addEventListener('abort', aborted);
    const sessionOver = within(timeouts.session, 'The session took too long');
    const connectOver = within(timeouts.connect, 'No connection came about in time');
    const release = () => {
      signal?.removeEventListener('abort', aborted);
      sessionOver();
      connectOver();
    };
    try {
      const socket = await dial(options, port, stop.signal);
      trace?.({ type: 'connected', ...addressOf(socket) });
      const line = options.security === 'tls' ? await encrypt(socket, options, stop.signal, trace) : socket;
      const connection = new Connection(line, { limits, timeouts, clock, trace, closed: release });
      end = (error) => {
        stop.abort(error);
        connection.fail(error);
      };
      const client = new Pop3Client(options, connection, limits, timeouts, port);
      connectOver();
      if (stop.signal.aborted) connection.fail(stop.signal.reason as Pop3Error);
      try {
        await client.#greet();
        await client.#askCapabilities();
        if (options.security === 'starttls') await client.#startTls(stop.signal);
      } catch (error) {
        client.destroy();
        throw error;
      }
      return client;
    } catch (error) {
      release();
      throw error;
    }
  }

  private constructor(
    options: ConnectOptions,
    connection: Connection,
    limits: Limits,
    timeouts: Timeouts,
    port: number,
  ) {
    this.#options = options;
    this.#connection = connection;
    this.#login = new Login(connection);
    this.#limits = limits;
    this.#timeouts = timeouts;
    this.#port = port;
    this.#encrypted = options.security === 'tls';
  }

  /** The text of the greeting (RFC 1939 §4), without `+OK`. */
  get greeting(): string {
    return this.#greeting;
  }

  /** What the last CAPA said. An answer of `-ERR` leaves nothing of an earlier one. */
  get capabilities(): Capabilities {
    return this.#capabilities;
  }

  /** Whether TLS is on the line. */
  get encrypted(): boolean {
    return this.#encrypted;
  }

  /**
   * Logs in by one mechanism, asks for the capabilities again, and opens the maildrop with STAT, where Gmail and
   * Exchange first say that POP is off. After `AUTH` for a token it may be called once more, with a fresh token;
   * a password is tried once. Errors: `AUTH`, `CONFIG`, `IN_USE`, `LOGIN_DELAY`, `SYS_TEMP`, `SYS_PERM`.
   */
  async authenticate(
    credentials: Credentials,
    mechanism: MechanismName | 'auto' = 'auto',
  ): Promise<MaildropStatus> {
    const { host, allowPlaintext = false, randomBytes: random = randomBytes } = this.#options;
    const name = await this.#login.attempt(credentials, mechanism, {
      capabilities: this.#capabilities,
      encrypted: this.#encrypted,
      allowPlaintext,
      // RFC 1939 §7 has it at the end of the greeting; some servers put it elsewhere.
      apopStamp: /<[^<>\s]+@[^<>\s]*>/.exec(this.#greeting)?.[0],
      host,
      port: this.#port,
      randomBytes: random,
    });
    this.#options.trace?.({ type: 'login', mechanism: name });
    return this.#open();
  }

  /** STAT (RFC 1939 §5). Sizes beyond 2 GB that some servers show as negative are put right. */
  async stat(): Promise<MaildropStatus> {
    return this.#readStatus(await accepted(this.#send('STAT'), 'transaction'));
  }

  /** LIST (RFC 1939 §5): of all mails not marked as deleted, or of one. Lines that cannot be read are left out. */
  list(): Promise<Listing[]>;
  list(number: number): Promise<Listing>;
  async list(number?: number): Promise<Listing[] | Listing> {
    if (number !== undefined) {
      const response = await accepted(this.#send(`LIST ${messageNumber(number)}`), 'transaction');
      const listing = readListing(response.text);
      if (listing?.number !== number) throw unreadable('LIST');
      this.#sizes.set(number, listing.octets);
      return listing;
    }
    const { response, lines } = await this.#sendLines('LIST').promise;
    if (response.status !== 'ok') throw refusal(response, 'transaction', 'LIST');
    const listings: Listing[] = [];
    for (const line of lines) {
      const listing = readListing(line);
      if (!listing) continue;
      listings.push(listing);
      this.#sizes.set(listing.number, listing.octets);
    }
    return listings;
  }

  /**
   * UIDL (RFC 1939 §7), exactly what the server says: duplicates, blanks and gaps stay visible. `undefined` when
   * the server has no unique-ids: it refuses UIDL and CAPA does not list it. Where CAPA does, or the refusal
   * names another reason, a refusal is an error that passes: `SYS_TEMP` or what its code says.
   */
  uidl(): Promise<UniqueId[] | undefined>;
  uidl(number: number): Promise<string>;
  async uidl(number?: number): Promise<UniqueId[] | string | undefined> {
    if (number !== undefined) {
      return readSingleUid(
        await accepted(this.#send(`UIDL ${messageNumber(number)}`), 'transaction'),
        number,
      );
    }
    const { response, lines } = await this.#sendLines('UIDL').promise;
    if (response.status !== 'ok') {
      const error = refusal(response, 'transaction', 'UIDL');
      if (error.code !== 'REFUSED') throw error;
      if (!this.#capabilities.has('UIDL')) return undefined;
      throw new Pop3Error('SYS_TEMP', error.message, { response, command: 'UIDL' });
    }
    const ids: UniqueId[] = [];
    for (const line of lines) {
      const id = readUniqueId(line);
      if (id) ids.push(id);
    }
    return ids;
  }

  /** `UIDL n` for many numbers, pipelined. A number that is refused fails alone, in its answer's `error`. */
  async *uidlOf(numbers: Iterable<number>): AsyncGenerator<UniqueIdAnswer, void, undefined> {
    for await (const { number, response } of this.#each('UIDL', numbers)) {
      if (response.status !== 'ok') yield { number, error: refusal(response, 'transaction', 'UIDL') };
      else yield { number, uid: readSingleUid(response, number) };
    }
  }

  /**
   * RETR (RFC 1939 §5), in the order of `numbers`, ahead of the reader where the server takes it. A mail that
   * fails does so alone: its body rejects and the iteration goes on. Only the loss of the session, or an unusable
   * number, ends the iteration with an error. A body is to be read before the next mail is taken; what is left of
   * it is let go. The server may count mails asked for ahead as retrieved: after an early end of the iteration,
   * leave by `destroy()` where that matters (Gmail).
   */
  retrieve(numbers: Iterable<number>): AsyncIterableIterator<RetrievedMail, undefined> {
    return this.#retrieval(
      numbers,
      (number) => `RETR ${number}`,
      (number) => this.#sizeOf(number),
    );
  }

  /** TOP (RFC 1939 §7): the header and `lines` lines of the body; otherwise as {@link retrieve}. */
  top(numbers: Iterable<number>, lines: number): AsyncIterableIterator<RetrievedMail, undefined> {
    if (!Number.isSafeInteger(lines) || lines < 0) {
      throw new Pop3Error('CONFIG', 'TOP takes a whole number of lines', { hint: 'unsafe-argument' });
    }
    return this.#retrieval(
      numbers,
      (number) => `TOP ${number} ${lines}`,
      (number) => Math.min(this.#sizeOf(number), 4096 + lines * 80),
    );
  }

  /**
   * DELE (RFC 1939 §5), pipelined. It only marks: nothing is deleted before {@link quit} has answered `ok`. A
   * number that is refused fails alone, in its answer's `error`.
   */
  async *dele(numbers: Iterable<number>): AsyncGenerator<Deletion, void, undefined> {
    for await (const { number, response } of this.#each('DELE', numbers)) {
      if (response.status === 'ok') yield { number };
      else yield { number, error: refusal(response, 'transaction', 'DELE') };
    }
  }

  /** RSET (RFC 1939 §5): takes back every DELE of this session. */
  async rset(): Promise<void> {
    await accepted(this.#send('RSET'), 'transaction');
  }

  /** NOOP (RFC 1939 §5). */
  async noop(): Promise<void> {
    await accepted(this.#send('NOOP'), 'transaction');
  }

  /** UTF8 (RFC 6856 §2): internationalised headers come as they are. To be sent before `authenticate`. */
  async utf8(): Promise<void> {
    await accepted(this.#send('UTF8'), 'transaction');
  }

  /** LANG (RFC 6856 §3): the language of the server's texts, by its tag (RFC 5646). */
  async lang(tag: string): Promise<void> {
    if (!/^[a-z0-9*-]{1,35}$/i.test(tag)) {
      throw new Pop3Error('CONFIG', 'LANG takes a language tag', { hint: 'unsafe-argument' });
    }
    await accepted(this.#send(`LANG ${tag}`), 'transaction');
  }

  /**
   * QUIT (RFC 1939 §6): ends the session; never rejects, and settles within `timeouts.quit`. `ok`: what was marked
   * is deleted. `refused`: some of it is not. `unknown`: the answer was lost, and with it the knowledge.
   */
  async quit(): Promise<'ok' | 'unknown' | 'refused'> {
    const connection = this.#connection;
    if (connection.error) return 'unknown';
    const clock = this.#options.clock ?? CLOCK;
    const timer =
      this.#timeouts.quit > 0
        ? clock.setTimeout(
            () => connection.fail(new Pop3Error('TIMEOUT', 'QUIT was not answered')),
            this.#timeouts.quit,
          )
        : undefined;
    connection.letGo();
    let response: Response | undefined;
    try {
      response = await this.#send('QUIT').promise;
    } catch {}
    if (timer !== undefined) clock.clearTimeout(timer);
    // Bytes after the answer mean that answers and commands are out of step.
    const lost: Pop3Error | undefined = this.#connection.error;
    connection.fail(new Pop3Error('ABORTED', 'The session is over', { hint: 'closed' }));
    if (response === undefined || lost?.code === 'PROTOCOL') return 'unknown';
    return response.status === 'ok' ? 'ok' : 'refused';
  }

  /** Ends the session at once, without QUIT: the server deletes nothing. What is outstanding rejects with `ABORTED`. */
  destroy(): void {
    this.#connection.fail(new Pop3Error('ABORTED', 'The session was ended', { hint: 'closed' }));
  }

  async #greet(): Promise<void> {
    const greeting = new Greeting();
    this.#connection.expectGreeting(greeting);
    const response = await greeting.promise;
    this.#options.trace?.({
      type: 'greeting',
      line: showable(response.line),
      lineMode: this.#connection.lineMode,
    });
    if (response.status !== 'ok') throw refusal(response, 'greeting', '');
    this.#greeting = response.code ? `[${response.code}] ${response.text}` : response.text;
  }

  /** CAPA (RFC 2449 §5). A server that does not know it simply offers nothing. */
  async #askCapabilities(): Promise<void> {
    this.#takeCapabilities(await this.#sendLines('CAPA').promise);
  }

  #takeCapabilities({ response, lines }: { response: Response; lines: string[] }): void {
    this.#capabilities = new Capabilities(response.status === 'ok' ? lines : undefined);
    this.#connection.pipelining = this.#capabilities.pipelining;
    this.#options.trace?.({ type: 'capabilities', lines: this.#capabilities.lines });
  }

  /** STLS (RFC 2595 §4). What was said before it is forgotten: anybody could have said it. */
  async #startTls(stop: AbortSignal): Promise<void> {
    const command = new Command('STLS', undefined, false, true);
    this.#connection.pipelining = false;
    this.#connection.submit(command);
    const response = await command.promise;
    if (response.status !== 'ok') {
      throw new Pop3Error('TLS', 'The server offers no TLS on this port', {
        response,
        hint: 'starttls-not-offered',
      });
    }
    const { trace, clock = CLOCK } = this.#options;
    const step = new AbortController();
    const onStop = () => step.abort(stop.reason);
    stop.addEventListener('abort', onStop);
    if (stop.aborted) onStop();
    const timer = this.#timeouts.connect
      ? clock.setTimeout(
          () => step.abort(new Pop3Error('TIMEOUT', 'The TLS handshake was not finished in time')),
          this.#timeouts.connect,
        )
      : undefined;
    try {
      await this.#connection.upgrade((socket) => encrypt(socket, this.#options, step.signal, trace));
    } finally {
      stop.removeEventListener('abort', onStop);
      if (timer !== undefined) clock.clearTimeout(timer);
    }
    this.#encrypted = true;
    this.#capabilities = new Capabilities();
    await this.#askCapabilities();
  }

  async #open(): Promise<MaildropStatus> {
    this.#connection.keepAlive = () => new KeepAlive();
    // Both at once where CAPA allowed it before the login: one round trip less.
    const capabilities = this.#sendLines('CAPA');
    const status = this.#send('STAT');
    this.#takeCapabilities(await capabilities.promise);
    const response = await status.promise;
    if (response.status !== 'ok') throw refusal(response, 'opening', 'STAT');
    const maildrop = this.#readStatus(response);
    this.#options.trace?.({ type: 'opened', ...maildrop });
    return maildrop;
  }

  #readStatus(response: Response): MaildropStatus {
    this.#maildrop = readStatus(response);
    return this.#maildrop;
  }

  #sizeOf(number: number): number {
    const { messages, octets } = this.#maildrop;
    return this.#sizes.get(number) ?? (messages > 0 && octets > 0 ? octets / messages : UNKNOWN_SIZE);
  }

  #send(line: string, shown?: string): Command {
    const command = new Command(line, shown);
    this.#connection.submit(command);
    return command;
  }

  #sendLines(line: string): Lines {
    const lines = new Lines(line, this.#limits, (error) => this.#connection.fail(error));
    this.#connection.submit(lines);
    return lines;
  }

  #retrieval(
    numbers: Iterable<number>,
    command: (number: number) => string,
    expected: (number: number) => number,
  ): Retrieval {
    return new Retrieval(this.#connection, this.#limits, numbers, command, expected);
  }

  /** One-line commands for many numbers, a window ahead. */
  async *#each(
    word: string,
    numbers: Iterable<number>,
  ): AsyncGenerator<{ number: number; response: Response }, void, undefined> {
    const ahead: Array<{ number: number; command: Command }> = [];
    const source = numbers[Symbol.iterator]();
    let exhausted = false;
    for (;;) {
      const window = this.#connection.pipelining ? Math.max(1, this.#limits.window) : 1;
      if (!exhausted && ahead.length <= window / 2) {
        const commands: Command[] = [];
        while (ahead.length < window) {
          const drawn = source.next();
          if (drawn.done) {
            exhausted = true;
            break;
          }
          const command = new Command(`${word} ${messageNumber(drawn.value)}`);
          commands.push(command);
          ahead.push({ number: drawn.value, command });
        }
        this.#connection.submit(...commands);
      }
      const first = ahead.shift();
      if (!first) return;
      yield { number: first.number, response: await first.command.promise };
    }
  }
}

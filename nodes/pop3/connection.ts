import type { Socket } from 'node:net';
import type { Clock } from '../base/clock';
import type { Flow } from './body';
import { connectError, hungUp } from './dial';
import { Pop3Error } from './error';
import { type Exchange, wordOf } from './exchange';
import type { Limits, Timeouts } from './options';
import { ReplyParser } from './parser';
import { parseResponse, type Response } from './response';
import { Secrets } from './secrets';
import { showable } from './shown';
import { listen } from './socket-events';
import type { TraceEvent } from './trace';
import { notAReply, speaksTls, unsolicited } from './violations';
import { Watchdog } from './watchdog';

/** How often a silent server is reported to a person who waits, ms. */
const SILENCE_REPORTED = 10_000;

export interface ConnectionSettings {
  limits: Limits;
  timeouts: Timeouts;
  clock: Clock;
  trace?: (event: TraceEvent) => void;
  onSilence?: (ms: number) => void;
  /** The server refused a command. */
  onRefused(): void;
  /** Called once, when the session is over. */
  onClosed(): void;
}

/**
 * A session's line: commands go out in order and whole, replies come back in order, each to the exchange that
 * asked. Holds the pipelining window (RFC 2449 section 6.8), the deadlines and the back-pressure.
 */
export class Connection implements Flow {
  /** Whether CAPA has offered PIPELINING; without it one command is out at a time. */
  pipelining = false;
  /** Makes the exchange that keeps a quiet line open; unset until logged in. */
  keepAlive: (() => Exchange) | undefined;
  #socket: Socket;
  /** While TLS is put on the line, it ends the socket below it. */
  #upgrading = false;
  readonly #settings: ConnectionSettings;
  readonly #parser: ReplyParser;
  readonly #pending: Exchange[] = [];
  #waiting: Exchange[] = [];
  #pendingOctets = 0;
  /** Commands, pending or waiting, whose reply is awaited. */
  #awaited = 0;
  #inReply = false;
  #error: Pop3Error | undefined;
  #feeding = false;
  /** What must never be shown, whatever the server repeats. */
  readonly secrets = new Secrets();
  /** Bytes the server has sent before the login; a limit for endless replies. */
  #early = 0;
  #loggedIn = false;

  #unread = 0;
  #paused = false;
  #ending = false;

  /** When something came that a reply is made of, by the clock. */
  #progress: number;
  #silenceReported = 0;
  readonly #watchdog: Watchdog;
  #detach: () => void;

  constructor(socket: Socket, settings: ConnectionSettings) {
    this.#socket = socket;
    this.#settings = settings;
    this.#progress = settings.clock.now();
    this.#watchdog = new Watchdog(
      settings.clock,
      () => this.#due(),
      () => this.#onDue(),
    );
    this.#parser = new ReplyParser(
      {
        statusLine: (line) => this.#statusLine(line),
        data: (bytes) => {
          this.#progressed();
          this.#pending[0]?.data?.(bytes);
        },
        end: (left) => this.#replyEnd(left),
        broken: () =>
          this.fail(new Pop3Error('LIMIT', 'A status line is too long', { reason: 'line-too-long' })),
      },
      settings.limits.statusLine,
    );
    this.#detach = this.#attach();
  }

  get socket(): Socket {
    return this.#socket;
  }

  get lineMode(): 'crlf' | 'lf' {
    return this.#parser.lineMode ?? 'crlf';
  }

  /** What ended the session, once it has ended. */
  get error(): Pop3Error | undefined {
    return this.#error;
  }

  /** The login is over: replies may be as long as the mailbox is. */
  loggedIn(): void {
    this.#loggedIn = true;
  }

  /** Sends commands, as soon as the window lets them go, and never a command in two writes. */
  submit(...exchanges: Exchange[]): void {
    for (const exchange of exchanges) {
      if (this.#error) {
        exchange.fail(this.#error);
        continue;
      }
      // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these end a command or cut a string
      if (/[\r\n\u0000]/.test(exchange.line)) {
        exchange.fail(
          new Pop3Error('CONFIG', 'CR, LF and NUL have no place in a command', { reason: 'unsafe-argument' }),
        );
        continue;
      }
      this.#waiting.push(exchange);
      if (exchange.kind === 'command') this.#awaited += 1;
    }
    // Its reply comes behind mail that is not read yet: more of that may come in until it is there.
    if (this.#paused && this.#unread <= this.#most()) this.#resume();
    this.#pump();
  }

  /** Whatever `submit` calls it makes are one write: all of them are one round trip where the window allows it. */
  together<T>(send: () => T): T {
    this.#feeding = true;
    const sent = send();
    this.#feeding = false;
    this.#pump();
    return sent;
  }

  /** The greeting is a reply without a command. */
  expectGreeting(exchange: Exchange): void {
    if (this.#error) {
      exchange.fail(this.#error);
      return;
    }
    this.#pending.push(exchange);
    this.#watchdog.watch();
  }

  /**
   * Puts TLS on the connection: `encrypt` is given the bare socket and returns the one to go on with. What was learned
   * before is forgotten, the line ends included: anybody on the network path can have sent it (RFC 2595 section 4).
   */
  async upgrade(encrypt: (socket: Socket) => Promise<Socket>): Promise<void> {
    this.#detach();
    this.#watchdog.stop();
    const bare = this.#socket;
    bare.on('error', () => {});
    this.#upgrading = true;
    try {
      const encrypted = await encrypt(bare);
      if (this.#error) {
        encrypted.destroy();
        throw this.#error;
      }
      this.#upgrading = false;
      this.#socket = encrypted;
      this.#parser.forget();
      this.#detach = this.#attach();
    } catch (error) {
      this.#upgrading = false;
      const failure = error instanceof Pop3Error ? error : connectError(error);
      this.fail(failure);
      bare.destroy();
      throw failure;
    }
  }

  /** Ends the session at once; what is outstanding fails with `error`. Only the first call counts. */
  fail(error: Pop3Error): void {
    if (this.#error) return;
    this.#end(error);
    this.#socket.on('error', () => {});
    // Taken away from below a TLS that has just shaken hands, the bare socket ends the whole process (Node 20).
    if (!this.#upgrading) this.#socket.destroy();
    const outstanding = [...this.#pending, ...this.#waiting];
    this.#pending.length = 0;
    this.#waiting = [];
    for (const exchange of outstanding) exchange.fail(error);
    this.#over(error);
  }

  /**
   * Ends the session with a last command whose answer changes nothing, and does not wait for it: the socket is closed
   * when the server has answered or closed it, `within` ms at most, and then the promise settles.
   */
  leave(line: string, within: number): Promise<void> {
    const { clock, trace } = this.#settings;
    const socket = this.#socket;
    const error = new Pop3Error('ABORTED', 'The session is over', { reason: 'closed' });
    this.#end(error);
    this.#over(error);
    return new Promise((resolve) => {
      const done = (): void => {
        clock.clearTimeout(timer);
        detach();
        socket.on('error', () => {});
        socket.destroy();
        resolve();
      };
      const detach = listen(socket, done, done);
      const timer = clock.setTimeout(done, Math.max(1, within));
      trace?.({ type: 'sent', line });
      socket.write(`${line}\r\n`);
    });
  }

  /** Whether a last command would be answered at once: nothing is outstanding. */
  get isIdle(): boolean {
    return this.#error === undefined && this.#pending.length === 0 && this.#waiting.length === 0;
  }

  #end(error: Pop3Error): void {
    this.#error = error;
    this.#watchdog.stop();
    this.#parser.stop();
    this.#detach();
  }

  #over(error: Pop3Error): void {
    this.#settings.trace?.({ type: 'closed', code: error.code });
    this.#settings.onClosed();
  }

  /** The session is ending: mail that has not been read will not be. */
  letGo(): void {
    for (const exchange of [...this.#pending, ...this.#waiting]) exchange.abandon?.();
    this.#ending = true;
    if (this.#paused) this.#resume();
  }

  queued(octets: number): void {
    this.#unread += octets;
  }

  taken(octets: number): void {
    this.#unread -= octets;
    if (!this.#paused) return;
    this.#progressed();
    if (this.#unread <= this.#most() / 2) this.#resume();
  }

  #resume(): void {
    this.#paused = false;
    this.#socket.resume();
    this.#watchdog.watch();
  }

  #most(): number {
    const { limits } = this.#settings;
    return this.#awaited > 0 ? Math.max(limits.buffer, limits.bufferBehind) : limits.buffer;
  }

  #attach(): () => void {
    return listen(
      this.#socket,
      (chunk) => this.#feed(chunk),
      (error) => this.fail(error ? connectError(error) : hungUp()),
    );
  }

  #feed(chunk: Buffer): void {
    if (!this.#loggedIn) {
      this.#early += chunk.length;
      if (this.#early > this.#settings.limits.beforeLogin) {
        this.fail(new Pop3Error('LIMIT', 'The server sent too much before the login'));
        return;
      }
    }
    this.#feeding = true;
    this.#parser.feed(chunk);
    this.#feeding = false;
    if (this.#error) return;
    if (this.#pending.length === 0 && this.#parser.midReply) {
      this.fail(unsolicited());
      return;
    }
    if (!this.#paused && !this.#ending && this.#unread > this.#most()) {
      this.#paused = true;
      this.#socket.pause();
    }
    this.#pump();
    this.#watchdog.watch();
  }

  #progressed(): void {
    this.#progress = this.#settings.clock.now();
    this.#silenceReported = 0;
  }

  #statusLine(line: string): boolean {
    this.#progressed();
    const exchange = this.#pending[0];
    const { trace } = this.#settings;
    if (trace) {
      const masked = exchange?.continues ? this.secrets.maskSasl(line) : this.secrets.mask(line);
      trace({ type: 'received', line: showable(masked) });
    }
    const response = this.#fitToShow(parseResponse(line));
    if (!exchange) {
      this.fail(this.#unasked(response));
      return false;
    }
    if (!response || (response.status === 'continue' && !exchange.continues)) {
      this.fail(notAReply(this.secrets.mask(line), wordOf(exchange)));
      return false;
    }
    if (response.status === 'err') this.#settings.onRefused();
    this.#inReply = true;
    return exchange.status(response);
  }

  /** A refusal is shown in errors. A `+OK` is not, and comes once a mail: it is left as it is. */
  #fitToShow(response: Response | undefined): Response | undefined {
    if (response?.status !== 'err') return response;
    const { text, line } = response;
    return { ...response, text: this.secrets.mask(text), line: showable(this.secrets.mask(line)) };
  }

  /** Servers say good-bye unasked: "-ERR Disconnected for inactivity." */
  #unasked(response: Response | undefined): Pop3Error {
    if (response?.status !== 'err') return unsolicited();
    return new Pop3Error('CONNECT', `The server ended the session: ${showable(response.text)}`, {
      response,
      reason: 'hung-up',
    });
  }

  #replyEnd(left: number): void {
    const exchange = this.#pending.shift();
    this.#inReply = false;
    if (!exchange) return;
    if (exchange.kind !== 'greeting') this.#pendingOctets -= exchange.line.length + 2;
    if (exchange.kind === 'command') this.#awaited -= 1;
    if (exchange.last && left > 0) {
      this.#parser.stop();
      const error = new Pop3Error('TLS', 'Bytes came between STLS and TLS: somebody is on the line', {
        reason: 'starttls-injection',
      });
      exchange.fail(error);
      this.fail(error);
      return;
    }
    exchange.end();
  }

  /** Writes what the window has room for; in batches, because a write costs more than a command. */
  #pump(): void {
    if (this.#error || this.#feeding || this.#waiting.length === 0) return;
    const { limits } = this.#settings;
    const window = this.pipelining ? Math.max(1, limits.window) : 1;
    if (this.#pending.length > window / 2) return;
    let out = '';
    let count = 0;
    for (const exchange of this.#waiting) {
      const octets = exchange.line.length + 2;
      if (this.#pending.length >= window) break;
      if (this.#pending.length > 0 && this.#pendingOctets + octets > limits.windowCommands) break;
      out += `${exchange.line}\r\n`;
      this.#pending.push(exchange);
      this.#pendingOctets += octets;
      count += 1;
      this.#settings.trace?.({ type: 'sent', line: exchange.shown ?? exchange.line });
    }
    if (count === 0) return;
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count);
    this.#progressed();
    this.#socket.write(out, 'utf8');
    this.#watchdog.watch();
  }

  #due(): number {
    if (this.#error) return Number.POSITIVE_INFINITY;
    const wait = this.#patience();
    const deadline = wait > 0 ? this.#progress + wait : Number.POSITIVE_INFINITY;
    if (this.#settings.onSilence === undefined || !this.#isWaited()) return deadline;
    return Math.min(deadline, this.#progress + this.#silenceReported + SILENCE_REPORTED);
  }

  /** Whether a caller waits for a reply of the server, and not the server for a reader. */
  #isWaited(): boolean {
    return this.#pending.length > 0 && !this.#paused;
  }

  /** How long the present state may last without progress, ms; 0: for ever. */
  #patience(): number {
    const { timeouts } = this.#settings;
    const [exchange] = this.#pending;
    if (exchange === undefined) return this.keepAlive ? timeouts.keepAlive : 0;
    if (this.#paused) {
      return this.#awaited > 0 ? timeouts.idle : this.#mayKeepAlive() ? timeouts.keepAlive : 0;
    }
    if (this.#inReply) return timeouts.idle;
    if (exchange.kind === 'greeting') return timeouts.greeting;
    return exchange.slow ? timeouts.reply : timeouts.command;
  }

  #mayKeepAlive(): boolean {
    return (
      this.keepAlive !== undefined && this.pipelining && this.#pending.length < this.#settings.limits.window
    );
  }

  #onDue(): void {
    const silent = this.#settings.clock.now() - this.#progress;
    const patience = this.#patience();
    if (patience === 0 || silent < patience) {
      this.#silenceReported = silent;
      this.#settings.onSilence?.(silent);
      this.#watchdog.watch();
    } else if (this.#paused && this.#awaited > 0) {
      this.fail(
        new Pop3Error('LIMIT', 'A command waits behind mail that is not read', {
          reason: 'unread-mail-in-the-way',
        }),
      );
    } else if (this.keepAlive && (this.#pending.length === 0 || this.#paused)) {
      this.submit(this.keepAlive());
      this.#progressed();
      this.#watchdog.watch();
    } else if (this.#parser.endBySilence()) {
      this.#pump();
      this.#watchdog.watch();
    } else this.#silence();
  }

  #silence(): void {
    const [exchange] = this.#pending;
    const greeting = exchange?.kind === 'greeting';
    const message = greeting ? 'The server sent no greeting' : 'The server does not respond';
    const error = new Pop3Error('TIMEOUT', message, { command: exchange && wordOf(exchange) });
    if (!greeting || this.#parser.midReply) {
      this.fail(error);
      return;
    }
    // A TLS server waits for the client to begin, so silence is how it looks from here. Anything that is not
    // TLS makes it say so at once; the time is up anyway.
    const { clock, timeouts } = this.#settings;
    const timer = clock.setTimeout(() => this.fail(error), Math.min(1000, timeouts.greeting));
    this.#detach();
    const detach = listen(
      this.#socket,
      (chunk) => this.fail(chunk[0] === 0x15 ? speaksTls() : error),
      // Some TLS servers close the connection without a word; so might others, hence no more than a reason.
      () => this.fail(new Pop3Error('TIMEOUT', error.message, { reason: 'server-speaks-tls' })),
    );
    this.#detach = () => {
      clock.clearTimeout(timer);
      detach();
    };
    this.#socket.write('QUIT\r\n');
  }
}

import type { Socket } from 'node:net';
import type { Clock } from '../base/clock';
import { BackPressure } from './back-pressure';
import type { Flow } from './body';
import { CommandWindow } from './command-window';
import { connectError, hungUp } from './connect-error';
import { Deadlines } from './deadlines';
import { Pop3Error } from './error';
import { type Exchange, unsafeArgument, wordOf } from './exchange';
import { askWhetherTls, sendLast } from './last-words';
import type { Limits, Timeouts } from './options';
import { ReplyReader } from './reply-reader';
import { Secrets } from './secrets';
import { listen } from './socket-events';
import type { TraceEvent } from './trace';
import { speaksTls } from './violations';

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

/** A session's line: commands go out in order and whole, replies come back in order, each to the exchange that asked. */
export class Connection implements Flow {
  /** Whether CAPA has offered PIPELINING; without it one command is out at a time. */
  pipelining = false;
  /** Makes the exchange that keeps a quiet line open; unset until logged in. */
  keepAlive: (() => Exchange) | undefined;
  /** What must never be shown, whatever the server repeats. */
  readonly secrets = new Secrets();
  #socket: Socket;
  /** While TLS is put on the line, it ends the socket below it. */
  #upgrading = false;
  readonly #settings: ConnectionSettings;
  readonly #reader: ReplyReader;
  readonly #window: CommandWindow;
  readonly #pressure: BackPressure;
  readonly #deadlines: Deadlines;
  #error: Pop3Error | undefined;
  /** Commands are collected, to go out in one write. */
  #collecting = false;
  #detach: () => void;

  constructor(socket: Socket, settings: ConnectionSettings) {
    this.#socket = socket;
    this.#settings = settings;
    this.#window = new CommandWindow(settings.limits);
    this.#pressure = new BackPressure(
      settings.limits,
      () => this.#window.isAwaited,
      (paused) => this.#onPressure(paused),
    );
    this.#deadlines = new Deadlines(
      settings,
      () => this.#waiting(),
      () => this.#onTimeUp(),
    );
    this.#reader = new ReplyReader(
      {
        limits: settings.limits,
        ...(settings.trace && { trace: settings.trace }),
        onRefused: () => settings.onRefused(),
        onProgress: () => this.#deadlines.progressed(),
        onViolation: (error) => this.fail(error),
      },
      this.#window,
      this.secrets,
    );
    this.#detach = this.#attach();
  }

  get socket(): Socket {
    return this.#socket;
  }

  get lineMode(): 'crlf' | 'lf' {
    return this.#reader.lineMode;
  }

  /** What ended the session, once it has ended. */
  get error(): Pop3Error | undefined {
    return this.#error;
  }

  /** Whether a last command would be answered at once: nothing is outstanding. */
  get isIdle(): boolean {
    return this.#error === undefined && this.#window.isEmpty;
  }

  /** The login is over: replies may be as long as the mailbox is. */
  loggedIn(): void {
    this.#reader.loggedIn();
  }

  /** Sends commands, as soon as the window lets them go, and never a command in two writes. */
  submit(...exchanges: Exchange[]): void {
    for (const exchange of exchanges) {
      const error = this.#error ?? unsafeArgument(exchange);
      if (error) exchange.fail(error);
      else this.#window.add(exchange);
    }
    this.#pressure.commandAdded();
    this.#pump();
  }

  /** Whatever `submit` calls it makes are one write: all of them are one round trip where the window allows it. */
  together<T>(send: () => T): T {
    this.#collecting = true;
    const sent = send();
    this.#collecting = false;
    this.#pump();
    return sent;
  }

  /** The greeting is a reply without a command. */
  expectGreeting(exchange: Exchange): void {
    if (this.#error) {
      exchange.fail(this.#error);
      return;
    }
    this.#window.expectGreeting(exchange);
    this.#deadlines.watch();
  }

  /**
   * Puts TLS on the connection: `encrypt` is given the bare socket and returns the one to continue with. What was learned
   * before is forgotten, the line ends included: anybody on the network path can have sent it (RFC 2595 section 4).
   */
  async upgrade(encrypt: (socket: Socket) => Promise<Socket>): Promise<void> {
    this.#detach();
    this.#deadlines.stop();
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
      this.#reader.forget();
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
    for (const exchange of this.#window.clear()) exchange.fail(error);
    this.#over(error);
  }

  /** Ends the session with a last command, and does not wait for its answer; settles as {@link sendLast} does. */
  leave(line: string, within: number): Promise<void> {
    const error = new Pop3Error('ABORTED', 'The session is over', { reason: 'closed' });
    this.#end(error);
    this.#over(error);
    this.#settings.trace?.({ type: 'sent', line });
    return sendLast(this.#socket, line, within, this.#settings.clock);
  }

  /** The session is ending: mail that has not been read will not be. */
  letGo(): void {
    this.#window.abandon();
    this.#pressure.lift();
  }

  queued(octets: number): void {
    this.#pressure.queued(octets);
  }

  taken(octets: number): void {
    if (this.#pressure.paused) this.#deadlines.progressed();
    this.#pressure.taken(octets);
  }

  #end(error: Pop3Error): void {
    this.#error = error;
    this.#deadlines.stop();
    this.#reader.stop();
    this.#detach();
  }

  #over(error: Pop3Error): void {
    this.#settings.trace?.({ type: 'closed', code: error.code });
    this.#settings.onClosed();
  }

  #attach(): () => void {
    return listen(
      this.#socket,
      (chunk) => this.#feed(chunk),
      (error) => this.fail(error ? connectError(error) : hungUp()),
      () => !this.#pressure.paused,
    );
  }

  #onPressure(paused: boolean): void {
    if (paused) this.#socket.pause();
    else {
      this.#socket.resume();
      this.#deadlines.watch();
    }
  }

  #feed(chunk: Buffer): void {
    this.#collecting = true;
    this.#reader.feed(chunk);
    this.#collecting = false;
    if (this.#error) return;
    this.#pressure.arrived();
    this.#pump();
    this.#deadlines.watch();
  }

  /** Writes what the window has room for. */
  #pump(): void {
    if (this.#error || this.#collecting) return;
    const batch = this.#window.next(this.pipelining);
    if (batch.length === 0) return;
    const { trace } = this.#settings;
    let out = '';
    for (const { line, shown } of batch) {
      out += `${line}\r\n`;
      trace?.({ type: 'sent', line: shown ?? line });
    }
    this.#deadlines.progressed();
    this.#socket.write(out, 'utf8');
    this.#deadlines.watch();
  }

  #waiting() {
    const { first, isAwaited, hasRoom, sent } = this.#window;
    return {
      first,
      inReply: this.#reader.inReply,
      paused: this.#pressure.paused,
      awaited: isAwaited,
      keepsAlive: this.keepAlive !== undefined && (sent === 0 || (this.pipelining && hasRoom)),
      over: this.#error !== undefined,
    };
  }

  #onTimeUp(): void {
    const { paused } = this.#pressure;
    if (paused && this.#window.isAwaited) {
      this.fail(
        new Pop3Error('LIMIT', 'A command waits behind mail that is not read', {
          reason: 'unread-mail-in-the-way',
        }),
      );
    } else if (this.keepAlive && (this.#window.sent === 0 || paused)) {
      this.submit(this.keepAlive());
      this.#deadlines.progressed();
      this.#deadlines.watch();
    } else if (this.#reader.endBySilence()) {
      this.#pump();
      this.#deadlines.watch();
    } else this.#onSilence();
  }

  #onSilence(): void {
    const { first } = this.#window;
    const isGreeting = first?.kind === 'greeting';
    const message = isGreeting ? 'The server sent no greeting' : 'The server does not respond';
    const error = new Pop3Error('TIMEOUT', message, { command: first && wordOf(first) });
    if (!isGreeting || this.#reader.midReply) {
      this.fail(error);
      return;
    }
    const { clock, timeouts } = this.#settings;
    this.#detach();
    this.#detach = askWhetherTls(this.#socket, Math.min(1000, timeouts.greeting), clock, (answer) => {
      if (answer === 'alert') this.fail(speaksTls());
      // Some TLS servers close the connection without a word; so might others, hence no more than a reason.
      else if (answer === 'closed') {
        this.fail(new Pop3Error('TIMEOUT', message, { reason: 'server-speaks-tls' }));
      } else this.fail(error);
    });
  }
}

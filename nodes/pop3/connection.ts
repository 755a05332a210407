import type { Socket } from 'node:net';
import type { Flow } from './body';
import { connectError, hungUp } from './dial';
import { Pop3Error } from './error';
import type { Clock, Limits, Timeouts } from './options';
import { ReplyParser } from './parser';
import { parseResponse, type Response, showable } from './response';
import { Secrets } from './secrets';
import type { TraceEvent } from './trace';

/** One command and what becomes of its reply. Exactly one of `end` and `fail` is called, once. */
export interface Exchange {
  /** What is sent, without CRLF. */
  readonly line: string;
  /** What a trace shows in its place. */
  readonly shown?: string;
  /** `mail`: nobody waits for this reply as a whole; bytes may wait for their reader. */
  readonly kind: 'greeting' | 'command' | 'mail';
  /** Whether `+` is an answer to it (RFC 5034 §4). */
  readonly continues?: boolean;
  /** Whether nothing may come after its reply: STLS. */
  readonly last?: boolean;
  /** The status line has come; the answer says whether a multi-line reply follows. */
  status(response: Response): boolean;
  data?(bytes: Buffer): void;
  /** Nobody wants its bytes any more. */
  abandon?(): void;
  end(): void;
  fail(error: Pop3Error): void;
}

export interface ConnectionSettings {
  limits: Limits;
  timeouts: Timeouts;
  clock: Clock;
  trace?: (event: TraceEvent) => void;
  /** Called once, when the session is over. */
  closed(): void;
}

/**
 * A session's line: commands go out in order and whole, replies come back in order, each to the exchange that
 * asked. Holds the pipelining window (RFC 2449 §6.8), the deadlines and the back-pressure.
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
  /** Commands, pending or waiting, whose reply somebody awaits. */
  #awaited = 0;
  #inReply = false;
  #error: Pop3Error | undefined;
  #feeding = false;
  readonly #secrets = new Secrets();

  #unread = 0;
  #paused = false;
  #ending = false;

  #progress: number;
  #timer: unknown;
  #timerDue = Number.POSITIVE_INFINITY;
  #detach: () => void;

  constructor(socket: Socket, settings: ConnectionSettings) {
    this.#socket = socket;
    this.#settings = settings;
    this.#progress = settings.clock.now();
    this.#parser = new ReplyParser(
      {
        statusLine: (line) => this.#statusLine(line),
        data: (bytes) => this.#pending[0]?.data?.(bytes),
        end: (left) => this.#replyEnd(left),
        broken: () =>
          this.fail(new Pop3Error('LIMIT', 'A status line is too long', { hint: 'line-too-long' })),
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

  /** From now on these never show, whatever the server echoes. */
  protect(...secrets: string[]): void {
    for (const secret of secrets) this.#secrets.add(secret);
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
          new Pop3Error('CONFIG', 'CR, LF and NUL have no place in a command', { hint: 'unsafe-argument' }),
        );
        continue;
      }
      this.#waiting.push(exchange);
      if (exchange.kind === 'command') this.#awaited += 1;
    }
    // Its reply comes behind mail that nobody has read yet: more of that may come in until it is there.
    if (this.#paused && this.#unread <= this.#most()) this.#resume();
    this.#pump();
  }

  /** The greeting is a reply nobody sent a command for. */
  expectGreeting(exchange: Exchange): void {
    if (this.#error) {
      exchange.fail(this.#error);
      return;
    }
    this.#pending.push(exchange);
    this.#watch();
  }

  /** Puts TLS on the line: `encrypt` is given the bare socket and gives back the one to go on with. */
  async upgrade(encrypt: (socket: Socket) => Promise<Socket>): Promise<void> {
    this.#detach();
    this.#stopTimer();
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
    this.#error = error;
    this.#stopTimer();
    this.#parser.stop();
    this.#detach();
    this.#socket.on('error', () => {});
    // Taken away from below a TLS that has just shaken hands, the bare socket ends the whole process (Node 20).
    if (!this.#upgrading) this.#socket.destroy();
    const outstanding = [...this.#pending, ...this.#waiting];
    this.#pending.length = 0;
    this.#waiting = [];
    for (const exchange of outstanding) exchange.fail(error);
    this.#settings.trace?.({ type: 'closed', code: error.code });
    this.#settings.closed();
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
    this.#progress = this.#settings.clock.now();
    if (this.#unread <= this.#most() / 2) this.#resume();
  }

  #resume(): void {
    this.#paused = false;
    this.#socket.resume();
    this.#watch();
  }

  #most(): number {
    const { limits } = this.#settings;
    return this.#awaited > 0 ? Math.max(limits.buffer, limits.bufferBehind) : limits.buffer;
  }

  #attach(): () => void {
    return hear(
      this.#socket,
      (chunk) => this.#feed(chunk),
      (error) => this.fail(error ? connectError(error) : hungUp()),
    );
  }

  #feed(chunk: Buffer): void {
    this.#progress = this.#settings.clock.now();
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
    this.#watch();
  }

  #statusLine(line: string): boolean {
    const exchange = this.#pending[0];
    const { trace } = this.#settings;
    if (trace) trace({ type: 'received', line: showable(this.#secrets.mask(line)) });
    if (!exchange) {
      const response = parseResponse(line, (text) => this.#secrets.mask(text));
      // Servers say good-bye unasked: "-ERR Disconnected for inactivity."
      if (response?.status === 'err') {
        this.fail(
          new Pop3Error('CONNECT', `The server ended the session: ${showable(response.text)}`, {
            response,
            hint: 'hung-up',
          }),
        );
      } else this.fail(unsolicited());
      return false;
    }
    const positive = line.startsWith('+');
    const response = parseResponse(line, positive ? undefined : (text) => this.#secrets.mask(text));
    if (!response || (response.status === 'continue' && !exchange.continues)) {
      // A TLS server that was spoken to in the clear answers with an alert record.
      if (line.charCodeAt(0) === 0x15 || line.charCodeAt(0) === 0x16) this.fail(speaksTls());
      else {
        this.fail(
          new Pop3Error('PROTOCOL', `Not a reply: ${showable(this.#secrets.mask(line), 80)}`, {
            command: word(exchange),
          }),
        );
      }
      return false;
    }
    this.#inReply = true;
    return exchange.status(response);
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
        hint: 'starttls-injection',
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
    this.#progress = this.#settings.clock.now();
    this.#socket.write(out, 'utf8');
    this.#watch();
  }

  /** Sees that the timer is not later than whatever is due next. It may be earlier: then it looks and goes on. */
  #watch(): void {
    const due = this.#due();
    if (due >= this.#timerDue || this.#error) return;
    this.#stopTimer();
    this.#timerDue = due;
    const { clock } = this.#settings;
    this.#timer = clock.setTimeout(() => this.#onTimer(), Math.max(1, Math.ceil(due - clock.now())));
  }

  #due(): number {
    const { timeouts } = this.#settings;
    let wait: number;
    if (this.#pending.length === 0) wait = this.keepAlive ? timeouts.keepAlive : 0;
    else if (this.#paused)
      wait = this.#awaited > 0 ? timeouts.idle : this.#mayKeepAlive() ? timeouts.keepAlive : 0;
    else if (this.#inReply || this.#parser.midReply) wait = timeouts.idle;
    else wait = this.#pending[0]?.kind === 'greeting' ? timeouts.greeting : timeouts.command;
    return wait > 0 ? this.#progress + wait : Number.POSITIVE_INFINITY;
  }

  #mayKeepAlive(): boolean {
    return (
      this.keepAlive !== undefined && this.pipelining && this.#pending.length < this.#settings.limits.window
    );
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#timerDue = Number.POSITIVE_INFINITY;
    if (this.#error) return;
    if (this.#due() > this.#settings.clock.now()) {
      this.#watch();
      return;
    }
    if (this.#paused && this.#awaited > 0) {
      this.fail(
        new Pop3Error('LIMIT', 'A command waits behind mail that nobody reads', {
          hint: 'unread-mail-in-the-way',
        }),
      );
    } else if (this.keepAlive && (this.#pending.length === 0 || this.#paused)) {
      this.submit(this.keepAlive());
      this.#progress = this.#settings.clock.now();
      this.#watch();
    } else if (this.#parser.endBySilence()) {
      this.#pump();
      this.#watch();
    } else this.#silence();
  }

  #silence(): void {
    const exchange = this.#pending[0];
    const greeting = exchange?.kind === 'greeting';
    const error = new Pop3Error(
      'TIMEOUT',
      greeting ? 'The server sent no greeting' : 'The server fell silent',
      {
        command: exchange ? word(exchange) : undefined,
      },
    );
    if (!greeting || this.#parser.midReply) {
      this.fail(error);
      return;
    }
    // A TLS server waits for the client to begin, so silence is how it looks from here. Anything that is not
    // TLS makes it say so at once; the time is up anyway.
    const { clock } = this.#settings;
    this.#timerDue = Number.NEGATIVE_INFINITY;
    this.#timer = clock.setTimeout(() => this.fail(error), Math.min(1000, this.#settings.timeouts.greeting));
    this.#detach();
    this.#detach = hear(
      this.#socket,
      (chunk) => this.fail(chunk[0] === 0x15 ? speaksTls() : error),
      // Some TLS servers hang up without a word; so might others, hence no more than a hint.
      () => this.fail(new Pop3Error('TIMEOUT', error.message, { hint: 'server-speaks-tls' })),
    );
    this.#socket.write('QUIT\r\n');
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#settings.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerDue = Number.POSITIVE_INFINITY;
  }
}

/** Hears a socket: its bytes, and its end, with an error or without. What it gives back ends the hearing. */
function hear(socket: Socket, onData: (chunk: Buffer) => void, onOver: (error?: Error) => void): () => void {
  const onEnd = () => onOver();
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  socket.on('error', onOver);
  return () => {
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', onEnd);
    socket.off('error', onOver);
  };
}

function word(exchange: Exchange): string | undefined {
  return exchange.shown === undefined
    ? exchange.line.split(' ')[0] || undefined
    : exchange.shown.split(' ')[0];
}

function unsolicited(): Pop3Error {
  return new Pop3Error('PROTOCOL', 'The server spoke unasked', { hint: 'unsolicited-bytes' });
}

function speaksTls(): Pop3Error {
  return new Pop3Error('TLS', 'The server speaks TLS on this port', { hint: 'server-speaks-tls' });
}

// A line without a network, time without waiting, and a whole session to drag through both.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { type Clock, type ConnectOptions, Pop3Client, Pop3Error } from '../../nodes/pop3';
import { type ScriptedOptions, ScriptedPop3, type ScriptedSession } from '../../servers/scripted-pop3';

/** Time that passes only when told to. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Map<object, { at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const key = {};
    this.#timers.set(key, { at: this.#now + ms, callback });
    return key;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as object);
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Goes to the next timer and lets it fire; `false` when there is none. */
  step(): boolean {
    let next: [object, { at: number; callback: () => void }] | undefined;
    for (const entry of this.#timers) if (!next || entry[1].at < next[1].at) next = entry;
    if (!next) return false;
    this.#timers.delete(next[0]);
    this.#now = Math.max(this.#now, next[1].at);
    next[1].callback();
    return true;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers.values()].some(({ at }) => at <= end);
      if (!due) break;
      this.step();
    }
    this.#now = end;
  }
}

/** What becomes of the bytes a server sends. */
export interface Fate {
  /** Offsets in the whole of what the server sends at which the network cuts it into pieces. */
  cuts?: Iterable<number>;
  /** The offset at which it ends, and how. */
  end?: { at: number; how: 'drop' | 'stall' | 'reset' };
}

/** Both ends of a line in one process, synchronous: the client's end looks like a socket. */
export class Line extends EventEmitter {
  readonly remoteAddress = '127.0.0.1';
  destroyed = false;
  paused = false;
  /** What the client sent. */
  sent = '';
  /** Bytes the server has sent. */
  octets = 0;
  #cuts: number[];
  #end: Fate['end'];
  #ended = false;
  #held: Buffer[] = [];
  readonly #onWrite: (text: string) => void;

  constructor(onWrite: (text: string) => void, fate: Fate = {}) {
    super();
    this.#onWrite = onWrite;
    this.#cuts = [...(fate.cuts ?? [])];
    this.#end = fate.end;
  }

  get writable(): boolean {
    return !this.destroyed;
  }

  write(data: string): boolean {
    if (this.destroyed) return false;
    this.sent += data;
    queueMicrotask(() => this.#onWrite(data));
    return true;
  }

  pause(): this {
    this.paused = true;
    return this;
  }

  resume(): this {
    this.paused = false;
    queueMicrotask(() => this.#flush());
    return this;
  }

  destroy(): this {
    this.destroyed = true;
    return this;
  }

  /** Bytes that were sent and not read yet. */
  get held(): number {
    return this.#held.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** The server speaks. */
  speak(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0 && !this.#ended) {
      const stop = this.#end?.at ?? Number.POSITIVE_INFINITY;
      while (this.#cuts.length > 0 && (this.#cuts[0] as number) <= this.octets) this.#cuts.shift();
      const take = Math.min(
        rest.length,
        stop - this.octets,
        (this.#cuts[0] ?? Number.POSITIVE_INFINITY) - this.octets,
      );
      if (take > 0) this.#held.push(Buffer.from(rest.subarray(0, take)));
      this.octets += take;
      rest = rest.subarray(take);
      if (this.octets >= stop) this.#ended = true;
    }
    this.#flush();
  }

  /** The server closes the connection, whatever was planned. */
  hangUp(how: 'drop' | 'reset' = 'drop'): void {
    this.#ended = true;
    this.#end = { at: 0, how };
    this.#flush();
  }

  #flush(): void {
    while (this.#held.length > 0 && !this.paused && !this.destroyed) {
      this.emit('data', this.#held.shift());
    }
    if (!this.#ended || this.#held.length > 0 || this.destroyed || !this.#end) return;
    if (this.#end.how === 'drop') {
      this.emit('end');
      this.emit('close');
    } else if (this.#end.how === 'reset') {
      this.emit('error', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
      this.emit('close');
    }
    this.#end = undefined;
  }
}

/**
 * A scripted server at the other end of a `Line`. With `buffers` it is one that blocks: while so many bytes it
 * has said are unread, it reads no further command.
 */
export function lineTo(
  options: ScriptedOptions,
  fate: Fate = {},
  buffers = Number.POSITIVE_INFINITY,
): { line: Line; server: ScriptedPop3 } {
  const server = new ScriptedPop3(options);
  const session = {
    received: [] as string[],
    loggedIn: false,
    user: '',
    deleted: new Set<number>(),
    nextLine: undefined,
    socket: { end: (text: string) => line.speak(Buffer.from(text)) },
    write: (answer: string | Buffer) => line.speak(Buffer.from(answer as string)),
  } as unknown as ScriptedSession;
  server.sessions.push(session);
  let buffer = '';
  let queue = Promise.resolve();
  const line = new Line((text) => {
    buffer += text;
    for (let at = buffer.indexOf('\r\n'); at >= 0; at = buffer.indexOf('\r\n')) {
      const command = buffer.slice(0, at);
      buffer = buffer.slice(at + 2);
      session.received.push(command);
      queue = queue.then(async () => {
        while (line.held >= buffers && !line.destroyed) await new Promise((resolve) => setImmediate(resolve));
        const take = session.nextLine;
        session.nextLine = undefined;
        const answer = await (take ? take(command) : server.answer(command, session));
        if (answer !== undefined) line.speak(Buffer.from(answer as string));
      });
    }
  }, fate);
  const greeting = options.greeting ?? '+OK ready';
  if (greeting !== '') setImmediate(() => line.speak(Buffer.from(greeting + server.lineEnd)));
  return { line, server };
}

export function optionsFor(line: Line, extra: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    host: 'localhost',
    port: 110,
    security: 'none',
    open: async () => line as unknown as Socket,
    ...extra,
  };
}

export interface Outcome {
  results: string[];
  /** Mails read to their end. */
  whole: Map<number, Buffer>;
  errors: Pop3Error[];
  deleted: 'ok' | 'unknown' | 'refused' | 'never';
}

export const CREDENTIALS = { user: 'alice@example.test', password: 'correct horse' };

/** One session with every command in it. Never rejects; whatever is not a `Pop3Error` is a fault. */
export async function wholeSession(options: ConnectOptions, numbers: number[]): Promise<Outcome> {
  const outcome: Outcome = { results: [], whole: new Map(), errors: [], deleted: 'never' };
  const failed = (error: unknown) => {
    assert.ok(error instanceof Pop3Error, `not a Pop3Error: ${error}`);
    outcome.errors.push(error);
  };
  let client: Pop3Client;
  try {
    client = await Pop3Client.connect(options);
  } catch (error) {
    failed(error);
    return outcome;
  }
  const note = (name: string, value: unknown) => outcome.results.push(`${name} ${JSON.stringify(value)}`);
  try {
    note('STAT', await client.authenticate(CREDENTIALS));
    note('LIST', await client.list());
    note('UIDL', await client.uidl());
    for await (const mail of client.retrieve(numbers)) {
      const parts: Buffer[] = [];
      try {
        for await (const part of mail.body) parts.push(part);
        outcome.whole.set(mail.number, Buffer.concat(parts));
      } catch (error) {
        failed(error);
      }
    }
    for await (const mail of client.top([1], 1)) {
      const parts: Buffer[] = [];
      for await (const part of mail.body) parts.push(part);
      note('TOP', Buffer.concat(parts).toString('latin1'));
    }
    for await (const { number, error } of client.dele([1])) note('DELE', [number, error?.code]);
    await client.noop();
  } catch (error) {
    failed(error);
  }
  outcome.deleted = await client.quit();
  return outcome;
}

/** Lets everything that is ready happen, and time pass as long as a caller waits for it. */
export async function settle<T>(promise: Promise<T>, clock: ManualClock): Promise<T> {
  let done = false;
  const mark = () => {
    done = true;
  };
  promise.then(mark, mark);
  for (let round = 0; round < 1000; round += 1) {
    // Several turns: a reply goes through a few promises on either side.
    for (let turn = 0; turn < 8 && !done; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    if (done) return promise;
    if (!clock.step()) await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('It never settled');
}

/** Seeded, small, good enough to cut bytes with (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

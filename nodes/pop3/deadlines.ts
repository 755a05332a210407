import type { Clock } from '../base/clock';
import type { Exchange } from './exchange';
import type { Timeouts } from './options';
import { Watchdog } from './watchdog';

/** How often a silent server is reported to a person who waits, ms. */
const SILENCE_REPORTED = 10_000;

/** What a connection waits for. */
export interface Waiting {
  /** Whose reply comes next. */
  readonly first: Exchange | undefined;
  /** Its status line has come. */
  readonly inReply: boolean;
  /** The socket is paused: the connection waits for a reader, not for the server. */
  readonly paused: boolean;
  /** A command waits for its reply. */
  readonly awaited: boolean;
  /** A quiet line is kept open by NOOP. */
  readonly keepsAlive: boolean;
  readonly over: boolean;
}

export interface DeadlineSettings {
  clock: Clock;
  timeouts: Timeouts;
  onSilence?: ((ms: number) => void) | undefined;
}

/** How long a connection may stay as it is before something has to happen. */
export class Deadlines {
  readonly #settings: DeadlineSettings;
  readonly #waiting: () => Waiting;
  readonly #onTimeUp: () => void;
  readonly #watchdog: Watchdog;
  /** When something came that a reply is made of, by the clock. */
  #progress: number;
  #silenceReported = 0;

  constructor(settings: DeadlineSettings, waiting: () => Waiting, onTimeUp: () => void) {
    this.#settings = settings;
    this.#waiting = waiting;
    this.#onTimeUp = onTimeUp;
    this.#progress = settings.clock.now();
    this.#watchdog = new Watchdog(
      settings.clock,
      () => this.#due(),
      () => this.#onDue(),
    );
  }

  progressed(): void {
    this.#progress = this.#settings.clock.now();
    this.#silenceReported = 0;
  }

  /** What is waited for has changed. */
  watch(): void {
    this.#watchdog.watch();
  }

  stop(): void {
    this.#watchdog.stop();
  }

  #due(): number {
    const waiting = this.#waiting();
    if (waiting.over) return Number.POSITIVE_INFINITY;
    const patience = this.#patience(waiting);
    const deadline = patience > 0 ? this.#progress + patience : Number.POSITIVE_INFINITY;
    // It is reported only where the server is waited for, and not a reader.
    const reports = this.#settings.onSilence !== undefined && waiting.first !== undefined && !waiting.paused;
    return reports ? Math.min(deadline, this.#progress + this.#silenceReported + SILENCE_REPORTED) : deadline;
  }

  /** How long the present state may last without progress, ms; 0: forever. */
  #patience({ first, paused, awaited, inReply, keepsAlive }: Waiting): number {
    const { timeouts } = this.#settings;
    if (paused && awaited) return timeouts.idle;
    if (first === undefined || paused) return keepsAlive ? timeouts.keepAlive : 0;
    if (inReply) return timeouts.idle;
    if (first.kind === 'greeting') return timeouts.greeting;
    return first.slow ? timeouts.reply : timeouts.command;
  }

  #onDue(): void {
    const silent = this.#settings.clock.now() - this.#progress;
    const patience = this.#patience(this.#waiting());
    if (patience > 0 && silent >= patience) {
      this.#onTimeUp();
      return;
    }
    this.#silenceReported = silent;
    this.#settings.onSilence?.(silent);
    this.watch();
  }
}

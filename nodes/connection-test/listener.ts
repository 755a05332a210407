import { type TraceEvent, transcriptOf } from '../pop3';
import { certificateFacts } from './looks';
import type { TestOptions } from './options';
import type { Progress } from './progress';

/** Less than so many days of a certificate are worth a word. */
const SOON = 14;

/** Hears a session, and turns what happens in it into steps of the report. */
export class Listener {
  /** The first token was refused, and renewed. */
  renewed = false;
  readonly #options: TestOptions;
  readonly #progress: Progress;
  /** A second session tries another login method: its first steps are no steps of the report. */
  #secondTry = false;

  constructor(options: TestOptions, progress: Progress) {
    this.#options = options;
    this.#progress = progress;
  }

  /** The session that begins now tries another login method. */
  beginSecondTry(): void {
    this.#secondTry = true;
    this.#progress.report.transcript.push('--');
  }

  hear(event: TraceEvent): void {
    // Where it is connected to, and that it is over, are steps of the report.
    if (event.type !== 'connected' && event.type !== 'closed') {
      this.#progress.report.transcript.push(...transcriptOf(event));
    }
    const { security } = this.#options;
    const progress = this.#progress;
    switch (event.type) {
      case 'connected': {
        const { address, port } = event;
        if (this.#secondTry) break;
        progress.done('connection', { ...(address && { address }), ...(port !== undefined && { port }) });
        progress.begin(security === 'tls' ? 'certificate' : 'greeting');
        break;
      }
      case 'encrypted': {
        if (this.#secondTry) break;
        const facts = certificateFacts(event, this.#options.now?.() ?? Date.now());
        progress.done('certificate', facts, !facts.trusted || (facts.daysLeft ?? SOON) < SOON);
        progress.begin(security === 'tls' ? 'greeting' : 'capabilities');
        break;
      }
      case 'greeting':
        // A refusal in place of a greeting is the step's failure.
        if (!/^\+/.test(event.line) || this.#secondTry) break;
        progress.done('greeting', { text: event.line });
        progress.begin(security === 'starttls' ? 'certificate' : 'capabilities');
        break;
      case 'capabilities':
        if (progress.current?.step === 'capabilities') this.#capabilities(event.lines);
        break;
      case 'login':
        progress.done('login', {
          user: this.#options.login.user,
          mechanism: event.mechanism,
          ...(this.renewed && { renewed: true }),
          ...(this.#secondTry && { second: true }),
        });
        progress.begin('stat');
        break;
      case 'opened':
        progress.done('stat', { messages: event.messages, octets: event.octets });
        break;
    }
  }

  #capabilities(lines: readonly string[] | undefined): void {
    const words = (lines ?? []).map((line) => line.trim().split(/[ \t]+/));
    const sasl = words.find(([name]) => name?.toUpperCase() === 'SASL');
    this.#progress.done('capabilities', {
      ...(lines && { names: words.map(([name = '']) => name.toUpperCase()) }),
      mechanisms: (sasl ?? []).slice(1).map((name) => name.toUpperCase()),
    });
  }
}

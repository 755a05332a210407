import { showable } from '../base/shown';
import type { CommandWindow } from './command-window';
import { Pop3Error } from './error';
import { wordOf } from './exchange';
import type { Limits } from './options';
import { ReplyParser } from './parser';
import { fitToShow, parseResponse } from './response';
import type { Secrets } from './secrets';
import type { TraceEvent } from './trace';
import { notAReply, unasked, unsolicited } from './violations';

export interface ReplyReaderSettings {
  limits: Limits;
  trace?: (event: TraceEvent) => void;
  /** The server refused a command. */
  onRefused(): void;
  /** Something came that a reply is made of. */
  onProgress(): void;
  /** The server broke a rule, which ends the session. */
  onViolation(error: Pop3Error): void;
}

/** Gives each reply to the command that it answers, and notices what no command has asked for. */
export class ReplyReader {
  readonly #settings: ReplyReaderSettings;
  readonly #window: CommandWindow;
  readonly #secrets: Secrets;
  readonly #parser: ReplyParser;
  #inReply = false;
  #stopped = false;
  /** Bytes the server has sent before the login; a limit for endless replies. */
  #early = 0;
  #loggedIn = false;

  constructor(settings: ReplyReaderSettings, window: CommandWindow, secrets: Secrets) {
    this.#settings = settings;
    this.#window = window;
    this.#secrets = secrets;
    this.#parser = new ReplyParser(
      {
        statusLine: (line) => this.#statusLine(line),
        data: (bytes) => {
          settings.onProgress();
          window.first?.data?.(bytes);
        },
        end: (left) => this.#replyEnd(left),
        broken: () =>
          this.#fail(new Pop3Error('LIMIT', 'A status line is too long', { reason: 'line-too-long' })),
      },
      settings.limits.statusLine,
    );
  }

  get lineMode(): 'crlf' | 'lf' {
    return this.#parser.lineMode ?? 'crlf';
  }

  /** Whether a status line has come, and its reply is not complete. */
  get inReply(): boolean {
    return this.#inReply;
  }

  /** Whether anything of a reply has come that is not complete. */
  get midReply(): boolean {
    return this.#parser.midReply;
  }

  /** The login is over: replies may be as long as the mailbox is. */
  loggedIn(): void {
    this.#loggedIn = true;
  }

  feed(chunk: Buffer): void {
    if (!this.#loggedIn) {
      this.#early += chunk.length;
      if (this.#early > this.#settings.limits.beforeLogin) {
        this.#fail(new Pop3Error('LIMIT', 'The server sent too much before the login'));
        return;
      }
    }
    this.#parser.feed(chunk);
    if (!this.#stopped && this.#window.sent === 0 && this.#parser.midReply) this.#fail(unsolicited());
  }

  /** See {@link ReplyParser.endBySilence}. */
  endBySilence(): boolean {
    return this.#parser.endBySilence();
  }

  /** Begins again after STLS. */
  forget(): void {
    this.#parser.forget();
  }

  stop(): void {
    this.#stopped = true;
    this.#parser.stop();
  }

  #fail(error: Pop3Error): void {
    this.#settings.onViolation(error);
  }

  #statusLine(line: string): boolean {
    const { trace, onProgress, onRefused } = this.#settings;
    const secrets = this.#secrets;
    onProgress();
    const exchange = this.#window.first;
    if (trace) {
      const masked = exchange?.continues ? secrets.maskSasl(line) : secrets.mask(line);
      trace({ type: 'received', line: showable(masked) });
    }
    const response = fitToShow(parseResponse(line), secrets);
    if (!exchange) {
      this.#fail(unasked(response));
      return false;
    }
    if (!response || (response.status === 'continue' && !exchange.continues)) {
      this.#fail(notAReply(secrets.mask(line), wordOf(exchange)));
      return false;
    }
    if (response.status === 'err') onRefused();
    this.#inReply = true;
    return exchange.status(response);
  }

  #replyEnd(left: number): void {
    const exchange = this.#window.shift();
    this.#inReply = false;
    if (exchange?.last && left > 0) {
      this.#parser.stop();
      const error = new Pop3Error('TLS', 'Bytes came between STLS and TLS: somebody is on the line', {
        reason: 'starttls-injection',
      });
      exchange.fail(error);
      this.#fail(error);
    } else exchange?.end();
  }
}

import { isLoopback } from '../base/loopback';
import { showable } from '../base/shown';
import { askCapabilities } from './commands/capa';
import { Greeting } from './commands/command';
import { startTls } from './commands/stls';
import { Connection } from './connection';
import { addressOf, dial } from './dial';
import { encrypt } from './encrypt';
import { Pop3Error } from './error';
import type { ConnectOptions } from './options';
import { refusal } from './refusal';
import { Session, type Settings, settingsOf } from './session';

/** Where in a greeting the timestamp for APOP stands: at its end by RFC 1939 section 7, elsewhere on some servers. */
const APOP_STAMP = /<[^<>\s]+@[^<>\s]*>/;

/** Opens a session: connection, greeting, capabilities, STLS where that is asked for. */
export async function openSession(options: ConnectOptions): Promise<Session> {
  const settings = settingsOf(options);
  const { known, signal, trace } = settings;
  if (signal?.aborted) throw aborted();
  const deadlines = new SessionDeadlines(settings);
  try {
    // Some servers keep the mailbox locked until they have answered the last QUIT.
    await known?.ended;
    const socket = await dial(settings, settings.port, deadlines.signal);
    trace?.({ type: 'connected', ...addressOf(socket) });
    const line =
      settings.security === 'tls' ? await encrypt(socket, settings, deadlines.signal, trace) : socket;
    const connection = new Connection(line, {
      ...settings,
      onRefused: () => known?.forget(),
      onClosed: () => deadlines.release(),
    });
    deadlines.connected(connection);
    const session = new Session(settings, connection);
    try {
      await greet(session);
      await learn(session, deadlines.signal);
    } catch (error) {
      connection.fail(new Pop3Error('ABORTED', 'The session was ended', { reason: 'closed' }));
      throw error;
    }
    return session;
  } catch (error) {
    deadlines.release();
    throw error;
  }
}

/**
 * Refuses a login without TLS before anything is connected; where the name is a loopback one, its address decides at the
 * login. @throws Pop3Error CONFIG
 */
export function refusePlaintext({
  security,
  allowPlaintext,
  host,
}: Pick<ConnectOptions, 'security' | 'allowPlaintext' | 'host'>): void {
  if (security !== 'none' || allowPlaintext || isLoopback(host)) return;
  throw new Pop3Error('CONFIG', 'No login without TLS', { reason: 'plaintext-not-allowed' });
}

async function greet(session: Session): Promise<void> {
  const { connection, settings } = session;
  const greeting = new Greeting();
  connection.expectGreeting(greeting);
  const response = await greeting.promise;
  settings.trace?.({ type: 'greeting', line: showable(response.line), lineMode: connection.lineMode });
  if (response.status !== 'ok') throw refusal(response, 'greeting', '');
  session.greeting = response.code ? `[${response.code}] ${response.text}` : response.text;
  session.apopStamp = APOP_STAMP.exec(session.greeting)?.[0];
}

/** What the server can do before the login: remembered, or asked for. What comes before TLS is never remembered. */
async function learn(session: Session, stop: AbortSignal): Promise<void> {
  const { clock, known, security } = session.settings;
  const offer = security === 'starttls' ? undefined : known?.offer(clock.now());
  if (offer !== undefined) {
    session.capabilities = offer.before;
    session.isRemembered = true;
    return;
  }
  await askCapabilities(session);
  if (security === 'starttls') await startTls(session, stop);
}

function aborted(): Pop3Error {
  return new Pop3Error('ABORTED', 'Ended by the caller');
}

/** What ends a session from outside: the caller's signal, the limit of the session, and that of connecting. */
class SessionDeadlines {
  readonly #stop = new AbortController();
  readonly #settings: Settings;
  readonly #timers: (() => void)[] = [];
  #connection: Connection | undefined;
  readonly #onAbort = (): void => this.#end(aborted());
  #connecting: () => void;

  constructor(settings: Settings) {
    this.#settings = settings;
    const { signal, timeouts } = settings;
    signal?.addEventListener('abort', this.#onAbort);
    this.#timers.push(this.#within(timeouts.session, 'The session took too long'));
    this.#connecting = this.#within(timeouts.connect, 'No connection was made in time');
    this.#timers.push(this.#connecting);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Connected: from now on the connection itself is what ends. */
  connected(connection: Connection): void {
    this.#connection = connection;
    this.#connecting();
    if (this.signal.aborted) connection.fail(this.signal.reason as Pop3Error);
  }

  release(): void {
    this.#settings.signal?.removeEventListener('abort', this.#onAbort);
    for (const stop of this.#timers) stop();
  }

  #end(error: Pop3Error): void {
    this.#stop.abort(error);
    this.#connection?.fail(error);
  }

  #within(ms: number, message: string): () => void {
    if (ms <= 0) return () => {};
    const { clock } = this.#settings;
    const timer = clock.setTimeout(() => this.#end(new Pop3Error('TIMEOUT', message)), ms);
    return () => clock.clearTimeout(timer);
  }
}

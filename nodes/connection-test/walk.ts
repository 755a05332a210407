import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { untilAborted } from '../base/abort';
import {
  type ConnectOptions,
  type Credentials,
  connectError,
  Pop3Client,
  Pop3Error,
  refusePlaintext,
} from '../pop3';
import { diagnose } from './diagnosis';
import { failureOf } from './failure';
import { Listener } from './listener';
import { refusedCertificate } from './looks';
import type { TestOptions } from './options';
import { Progress } from './progress';
import type { Facts, Report } from './report';

/** A person is waiting: shorter than the timeouts of a check, ms. */
const PATIENCE = {
  connect: 15_000,
  greeting: 15_000,
  command: 30_000,
  idle: 30_000,
  session: 180_000,
  quit: 2_000,
};
/** A server that sends no greeting for so long, ms, may be waiting for TLS. */
const SILENT = 3_000;
/** Walks the way to the mailbox: never rejects, and the first step that fails is the last. */
export async function testConnection(options: TestOptions): Promise<Report> {
  return new Walk(options).run();
}

class Walk {
  readonly #options: TestOptions;
  readonly #progress: Progress;
  readonly #listener: Listener;
  readonly #server: ConnectOptions & { port: number };
  readonly #facts: Facts;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  #client: Pop3Client | undefined;

  constructor(options: TestOptions) {
    this.#options = options;
    const { host, port, security, login, signal } = options;
    this.#progress = new Progress(options);
    this.#listener = new Listener(options, this.#progress);
    this.#facts = { host, port, user: login.user };
    this.#signal = AbortSignal.any([signal, this.#ended.signal]);
    this.#server = {
      host,
      port,
      security,
      ...(options.tls && { tls: options.tls }),
      ...(options.open && { open: options.open }),
      ...(options.allowPlaintext && { allowPlaintext: true }),
      ...(options.clock && { clock: options.clock }),
      timeouts: PATIENCE,
    };
  }

  async run(): Promise<Report> {
    const { signal } = this.#options;
    let outcome: Report['outcome'] = 'ok';
    try {
      signal.throwIfAborted();
      await this.#name();
      await this.#connect();
      await this.#logIn();
      await this.#uniqueIds();
      await this.#client?.quit();
    } catch (error) {
      if (!signal.aborted) await this.#fail(error);
      // Perhaps cancelled in the middle of looking for the reason.
      outcome = signal.aborted ? 'cancelled' : 'failed';
    }
    this.#client?.destroy();
    this.#ended.abort();
    return this.#progress.end(outcome);
  }

  async #fail(error: unknown): Promise<void> {
    const step = this.#progress.current;
    if (step === undefined) return;
    const failure = failureOf(error, this.#facts);
    const { signal } = this.#options;
    this.#progress.failing(step, failure);
    const connected = this.#client !== undefined;
    await diagnose(step, failure, { server: this.#server, connected, signal, now: this.#now() });
    if (!signal.aborted) this.#progress.failed(step);
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }

  async #name(): Promise<void> {
    const { host, port, open, dns } = this.#options;
    this.#progress.begin('name');
    const bare = host.replace(/^\[|\]$/g, '');
    if (isIP(bare)) return this.#progress.done('name', { addresses: [bare] });
    // What a proxy reaches may have no name here.
    const proxy = open?.proxyFor?.({ host, port });
    if (proxy) return this.#progress.done('name', { addresses: [], proxy });
    const look = dns ?? (async (name) => (await lookup(name, { all: true })).map(({ address }) => address));
    const addresses = await untilAborted(look(bare), this.#signal).catch((cause) => {
      this.#signal.throwIfAborted();
      throw connectError(cause, 'name-not-found');
    });
    this.#progress.done('name', { addresses });
  }

  async #connect(): Promise<void> {
    this.#progress.begin('connection');
    refusePlaintext(this.#server);
    const silence = this.#watchSilence();
    try {
      this.#client = await Pop3Client.connect({
        ...this.#server,
        signal: AbortSignal.any([this.#signal, silence.signal]),
        trace: (event) => this.#listener.hear(event),
      });
    } catch (error) {
      throw silence.signal.aborted ? silence.signal.reason : error;
    } finally {
      silence.over();
    }
  }

  /** A server that waits for TLS, while it is waited for its greeting, says nothing forever: it is asked by TLS. */
  #watchSilence(): { signal: AbortSignal; over: () => void } {
    const silent = new AbortController();
    const over = new AbortController();
    if (this.#options.security !== 'tls') {
      const ask = async (): Promise<void> => {
        if (this.#progress.current?.step !== 'greeting') return;
        const server: ConnectOptions = { ...this.#server, security: 'tls' };
        const seen = await refusedCertificate(server, AbortSignal.any([this.#signal, over.signal]));
        if (seen === undefined || over.signal.aborted) return;
        silent.abort(new Pop3Error('TLS', 'The server waits for TLS', { reason: 'server-speaks-tls' }));
      };
      const { clock } = this.#options;
      const timer = clock ? clock.setTimeout(ask, SILENT) : setTimeout(ask, SILENT);
      over.signal.addEventListener('abort', () =>
        clock ? clock.clearTimeout(timer) : clearTimeout(timer as NodeJS.Timeout),
      );
    }
    return { signal: silent.signal, over: () => over.abort() };
  }

  async #logIn(): Promise<void> {
    const credentials = await this.#credentials();
    const { mechanism = 'auto' } = this.#options.login;
    const client = this.#client;
    const signal = this.#signal;
    if (client === undefined) return;
    this.#progress.begin('login');
    try {
      await client.authenticate(credentials, mechanism);
    } catch (error) {
      // As a check does it: `auto` tries another kind of method once, in a session of its own.
      const { nextMechanism } = client;
      if (nextMechanism === undefined || signal.aborted) throw error;
      client.destroy();
      this.#listener.beginSecondTry();
      this.#client = await Pop3Client.connect({
        ...this.#server,
        signal,
        trace: (event) => this.#listener.hear(event),
      });
      await this.#client.authenticate(credentials, nextMechanism).catch((second) => {
        throw second instanceof Pop3Error && second.code === 'AUTH' ? error : second;
      });
    }
  }

  /** The password, or a token: as a check does it, a refused one is renewed once. */
  async #credentials(): Promise<Credentials> {
    const { login } = this.#options;
    const signal = this.#signal;
    const { user } = login;
    if ('password' in login) return { user, password: login.password };
    this.#progress.begin('token');
    const { accessToken, expiresAt, scope, audience } = await untilAborted(login.token({ signal }), signal);
    this.#progress.done('token', {
      ...(scope && { scope }),
      ...(audience && { audience }),
      ...(expiresAt !== undefined && { left: Math.max(0, Math.round((expiresAt - this.#now()) / 1000)) }),
    });
    const renew = async (rejected: string): Promise<string> => {
      const fresh = await untilAborted(login.token({ rejected, signal }), signal);
      this.#listener.renewed = fresh.accessToken !== rejected;
      return fresh.accessToken;
    };
    return { user, token: accessToken, renew };
  }

  async #uniqueIds(): Promise<void> {
    this.#progress.begin('uidl');
    const ids = await this.#client?.uidl();
    if (ids === undefined) return this.#progress.done('uidl', {}, true);
    const repeated = ids.length - new Set(ids.map(({ uid }) => uid)).size;
    this.#progress.done('uidl', { ids: ids.length, ...(repeated > 0 && { repeated }) }, repeated > 0);
  }
}

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { untilAborted } from '../base/abort';
import {
  type Clock,
  type ConnectOptions,
  type Credentials,
  type MechanismName,
  Pop3Client,
  Pop3Error,
  refusePlaintext,
  type TraceEvent,
  transcriptOf,
} from '../pop3';
import { failureOf } from './failure';
import { certificateFacts, elsewhere, refusedCertificate } from './looks';
import { type Facts, type Report, type Step, type StepFacts, type StepName, stepsOf } from './report';

/** How to prove who one is. `token` may throw anything with `code`, `reason` and `facts`. */
export type TestLogin = { user: string; mechanism?: MechanismName | 'auto' } & (
  | { password: string }
  | {
      /** `rejected` is the token the server has just refused; `expiresAt` is ms since the epoch. */
      token(question: { rejected?: string; signal: AbortSignal }): Promise<{
        accessToken: string;
        expiresAt?: number;
        scope?: string;
      }>;
    }
);

export interface TestOptions
  extends Pick<ConnectOptions, 'host' | 'security' | 'tls' | 'open' | 'allowPlaintext'> {
  port: number;
  login: TestLogin;
  /** The addresses of a name; in place of the system's. */
  dns?: (host: string) => Promise<string[]>;
  /** Ends it at once; the report says `cancelled`. */
  signal: AbortSignal;
  /** Called whenever something has changed, with the report as it stands. */
  onStep?: (report: Report, step: Step) => void;
  clock?: Clock;
  /** Ms since the epoch, for what is left of certificates and tokens. */
  now?: () => number;
}

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
/** Where a wrong port or kind of encryption may be the reason. */
const WRONG_PORT: ReadonlySet<string> = new Set([
  'refused',
  'timeout',
  'hung-up',
  'server-speaks-plain',
  'server-speaks-tls',
  'starttls-not-offered',
  'speaks-imap',
  'speaks-smtp',
  'protocol',
  'tls',
]);
const CERTIFICATE: ReadonlySet<string> = new Set([
  'self-signed',
  'untrusted-issuer',
  'wrong-name',
  'certificate-expired',
  'certificate-not-yet-valid',
  'certificate-rejected',
]);
/** Less than so many days of a certificate are worth a word. */
const SOON = 14;

/** Walks the way to the mailbox: never rejects, and the first step that fails is the last. */
export async function testConnection(options: TestOptions): Promise<Report> {
  return new Walk(options).run();
}

class Walk {
  readonly #options: TestOptions;
  readonly #report: Report;
  readonly #server: ConnectOptions & { port: number };
  readonly #facts: Facts;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  readonly #started: number;
  #current: Step | undefined;
  #since = 0;
  #client: Pop3Client | undefined;
  #renewed = false;
  /** A second session tries another login method: its first steps are no steps of the report. */
  #secondTry = false;

  constructor(options: TestOptions) {
    this.#options = options;
    const { host, port, security, login, signal } = options;
    this.#report = { outcome: 'running', steps: stepsOf(security, 'token' in login), transcript: [] };
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
    this.#started = this.#time();
  }

  async run(): Promise<Report> {
    const report = this.#report;
    const options = this.#options;
    try {
      options.signal.throwIfAborted();
      await this.#name();
      await this.#connect();
      await this.#logIn();
      await this.#uniqueIds();
      report.outcome = 'ok';
      await this.#client?.quit();
    } catch (error) {
      if (!options.signal.aborted) await this.#fail(error);
      // Perhaps cancelled in the middle of looking for the reason.
      report.outcome = options.signal.aborted ? 'cancelled' : 'failed';
    }
    this.#client?.destroy();
    this.#ended.abort();
    for (const step of report.steps) {
      if (step.state === 'waiting' || step.state === 'running') step.state = 'skipped';
    }
    report.ms = Math.round(this.#time() - this.#started);
    const last = report.steps.at(-1);
    if (last) options.onStep?.(report, last);
    return report;
  }

  #time(): number {
    return this.#options.clock?.now() ?? performance.now();
  }

  #begin(name: StepName): void {
    const step = this.#report.steps.find(({ step }) => step === name);
    if (step === undefined) return;
    step.state = 'running';
    this.#current = step;
    this.#since = this.#time();
    this.#options.onStep?.(this.#report, step);
  }

  #done<N extends StepName>(name: N, facts: StepFacts[N], warning = false): void {
    const step = this.#current;
    if (step?.step !== name) return;
    step.facts = facts;
    step.state = warning ? 'warning' : 'ok';
    step.ms = Math.round(this.#time() - this.#since);
    this.#current = undefined;
    this.#options.onStep?.(this.#report, step);
  }

  async #fail(error: unknown): Promise<void> {
    const step = this.#current;
    if (step === undefined) return;
    const failure = failureOf(error, this.#facts);
    // Known at once, and with what is found out in a moment.
    step.failure = failure;
    step.ms = Math.round(this.#time() - this.#since);
    this.#options.onStep?.(this.#report, step);
    if (CERTIFICATE.has(failure.reason)) {
      const seen = await refusedCertificate(this.#server, this.#options.signal);
      step.facts = seen ? { ...certificateFacts(seen, this.#now()), trusted: false } : undefined;
      if (seen) failure.facts.names = (seen.names ?? []).join(', ') || (seen.subject ?? '');
    } else if (this.#client === undefined && step.step !== 'name' && WRONG_PORT.has(failure.reason)) {
      const instead = await elsewhere(this.#server, this.#options.signal);
      if (instead) failure.instead = instead;
    }
    if (this.#options.signal.aborted) return;
    step.state = 'failed';
    this.#options.onStep?.(this.#report, step);
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }

  async #name(): Promise<void> {
    const { host, open, dns } = this.#options;
    this.#begin('name');
    const bare = host.replace(/^\[|\]$/g, '');
    if (isIP(bare)) return this.#done('name', { addresses: [bare] });
    // What a proxy reaches may have no name here.
    if (open) return this.#done('name', { addresses: [], proxy: true });
    const look = dns ?? (async (name) => (await lookup(name, { all: true })).map(({ address }) => address));
    const addresses = await untilAborted(look(bare), this.#signal).catch((cause) => {
      this.#signal.throwIfAborted();
      throw new Pop3Error('CONNECT', 'The server name was not found', { cause, reason: 'name-not-found' });
    });
    this.#done('name', { addresses });
  }

  async #connect(): Promise<void> {
    this.#begin('connection');
    refusePlaintext(this.#server);
    const silence = this.#watchSilence();
    try {
      this.#client = await Pop3Client.connect({
        ...this.#server,
        signal: AbortSignal.any([this.#signal, silence.signal]),
        trace: (event) => this.#hear(event),
      });
    } catch (error) {
      throw silence.signal.aborted ? silence.signal.reason : error;
    } finally {
      silence.over();
    }
  }

  /** A server that waits for TLS, while it is waited for its greeting, says nothing for ever: it is asked by TLS. */
  #watchSilence(): { signal: AbortSignal; over: () => void } {
    const silent = new AbortController();
    const over = new AbortController();
    if (this.#options.security !== 'tls') {
      const ask = async (): Promise<void> => {
        if (this.#current?.step !== 'greeting') return;
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

  #hear(event: TraceEvent): void {
    // Where it is connected to, and that it is over, are steps of the report.
    if (event.type !== 'connected' && event.type !== 'closed') {
      this.#report.transcript.push(...transcriptOf(event));
    }
    const { security } = this.#options;
    switch (event.type) {
      case 'connected': {
        const { address, port } = event;
        if (this.#secondTry) break;
        this.#done('connection', { ...(address && { address }), ...(port !== undefined && { port }) });
        this.#begin(security === 'tls' ? 'certificate' : 'greeting');
        break;
      }
      case 'encrypted': {
        if (this.#secondTry) break;
        const facts = certificateFacts(event, this.#now());
        this.#done('certificate', facts, !facts.trusted || (facts.daysLeft ?? SOON) < SOON);
        this.#begin(security === 'tls' ? 'greeting' : 'capabilities');
        break;
      }
      case 'greeting':
        // A refusal in place of a greeting is the step's failure.
        if (!/^\+/.test(event.line) || this.#secondTry) break;
        this.#done('greeting', { text: event.line });
        this.#begin(security === 'starttls' ? 'certificate' : 'capabilities');
        break;
      case 'capabilities':
        if (this.#current?.step === 'capabilities') this.#capabilities(event.lines);
        break;
      case 'login':
        this.#done('login', {
          user: this.#options.login.user,
          mechanism: event.mechanism,
          ...(this.#renewed && { renewed: true }),
          ...(this.#secondTry && { second: true }),
        });
        this.#begin('stat');
        break;
      case 'opened':
        this.#done('stat', { messages: event.messages, octets: event.octets });
        break;
    }
  }

  #capabilities(lines: readonly string[] | undefined): void {
    const words = (lines ?? []).map((line) => line.trim().split(/[ \t]+/));
    const sasl = words.find(([name]) => name?.toUpperCase() === 'SASL');
    this.#done('capabilities', {
      ...(lines && { names: words.map(([name = '']) => name.toUpperCase()) }),
      mechanisms: (sasl ?? []).slice(1).map((name) => name.toUpperCase()),
    });
  }

  async #logIn(): Promise<void> {
    const credentials = await this.#credentials();
    const { mechanism = 'auto' } = this.#options.login;
    const client = this.#client;
    const signal = this.#signal;
    if (client === undefined) return;
    this.#begin('login');
    try {
      await client.authenticate(credentials, mechanism);
    } catch (error) {
      // As a check does it: `auto` tries another kind of method once, in a session of its own.
      const { nextMechanism } = client;
      if (nextMechanism === undefined || signal.aborted) throw error;
      client.destroy();
      this.#secondTry = true;
      this.#report.transcript.push('--');
      this.#client = await Pop3Client.connect({
        ...this.#server,
        signal,
        trace: (event) => this.#hear(event),
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
    this.#begin('token');
    const { accessToken, expiresAt, scope } = await untilAborted(login.token({ signal }), signal);
    this.#done('token', {
      ...(scope && { scope }),
      ...(expiresAt !== undefined && { left: Math.max(0, Math.round((expiresAt - this.#now()) / 1000)) }),
    });
    const renew = async (rejected: string): Promise<string> => {
      const fresh = await untilAborted(login.token({ rejected, signal }), signal);
      this.#renewed = fresh.accessToken !== rejected;
      return fresh.accessToken;
    };
    return { user, token: accessToken, renew };
  }

  async #uniqueIds(): Promise<void> {
    this.#begin('uidl');
    const ids = await this.#client?.uidl();
    if (ids === undefined) return this.#done('uidl', {}, true);
    const repeated = ids.length - new Set(ids.map(({ uid }) => uid)).size;
    this.#done('uidl', { ids: ids.length, ...(repeated > 0 && { repeated }) }, repeated > 0);
  }
}

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import {
  type Clock,
  type ConnectOptions,
  type MechanismName,
  Pop3Client,
  Pop3Error,
  type TraceEvent,
} from '../pop3';
import { failureOf, loginFailureOf } from './failure';
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

/** Somebody is watching: shorter than a check's own patience, ms. */
const PATIENCE = {
  connect: 15_000,
  greeting: 15_000,
  command: 30_000,
  idle: 30_000,
  session: 180_000,
  quit: 2_000,
};
/** A server that greets nobody for so long, ms, may be waiting for TLS. */
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
  private readonly report: Report;
  private readonly server: ConnectOptions & { port: number };
  private readonly facts: Facts;
  private readonly ended = new AbortController();
  private readonly signal: AbortSignal;
  private readonly started: number;
  private current: Step | undefined;
  private since = 0;
  private client: Pop3Client | undefined;
  private renewed = false;

  constructor(private readonly options: TestOptions) {
    const { host, port, security, login, signal } = options;
    this.report = { outcome: 'running', steps: stepsOf(security, 'token' in login), transcript: [] };
    this.facts = { host, port, user: login.user };
    this.signal = AbortSignal.any([signal, this.ended.signal]);
    this.server = {
      host,
      port,
      security,
      ...(options.tls && { tls: options.tls }),
      ...(options.open && { open: options.open }),
      ...(options.allowPlaintext && { allowPlaintext: true }),
      ...(options.clock && { clock: options.clock }),
      timeouts: PATIENCE,
    };
    this.started = this.time();
  }

  async run(): Promise<Report> {
    const { report, options } = this;
    try {
      options.signal.throwIfAborted();
      await this.name();
      await this.connect();
      await this.logIn();
      await this.uniqueIds();
      report.outcome = 'ok';
      await this.client?.quit();
    } catch (error) {
      if (!options.signal.aborted) await this.fail(error);
      // Perhaps cancelled in the middle of looking for the reason.
      report.outcome = options.signal.aborted ? 'cancelled' : 'failed';
    }
    this.client?.destroy();
    this.ended.abort();
    for (const step of report.steps) {
      if (step.state === 'waiting' || step.state === 'running') step.state = 'skipped';
    }
    report.ms = Math.round(this.time() - this.started);
    const last = report.steps.at(-1);
    if (last) options.onStep?.(report, last);
    return report;
  }

  private time(): number {
    return this.options.clock?.now() ?? performance.now();
  }

  private begin(name: StepName): void {
    const step = this.report.steps.find(({ step }) => step === name);
    if (step === undefined) return;
    step.state = 'running';
    this.current = step;
    this.since = this.time();
    this.options.onStep?.(this.report, step);
  }

  private done<N extends StepName>(name: N, facts: StepFacts[N], warning = false): void {
    const step = this.current;
    if (step?.step !== name) return;
    step.facts = facts;
    step.state = warning ? 'warning' : 'ok';
    step.ms = Math.round(this.time() - this.since);
    this.current = undefined;
    this.options.onStep?.(this.report, step);
  }

  private async fail(error: unknown): Promise<void> {
    const step = this.current;
    if (step === undefined) return;
    const token = 'token' in this.options.login;
    const failure =
      step.step === 'login' ? loginFailureOf(error, token, this.facts) : failureOf(error, this.facts);
    // Known at once, and with what is found out in a moment.
    step.failure = failure;
    step.ms = Math.round(this.time() - this.since);
    this.options.onStep?.(this.report, step);
    if (CERTIFICATE.has(failure.reason)) {
      const seen = await refusedCertificate(this.server, this.options.signal);
      step.facts = seen ? { ...certificateFacts(seen, this.now()), trusted: false } : undefined;
      if (seen) failure.facts.names = (seen.names ?? []).join(', ') || (seen.subject ?? '');
    } else if (this.client === undefined && step.step !== 'name' && WRONG_PORT.has(failure.reason)) {
      const instead = await elsewhere(this.server, this.options.signal);
      if (instead) failure.instead = instead;
    }
    if (this.options.signal.aborted) return;
    step.state = 'failed';
    this.options.onStep?.(this.report, step);
  }

  private now(): number {
    return this.options.now?.() ?? Date.now();
  }

  private async name(): Promise<void> {
    const { host, open, dns } = this.options;
    this.begin('name');
    const bare = host.replace(/^\[|\]$/g, '');
    if (isIP(bare)) return this.done('name', { addresses: [bare] });
    // What a proxy reaches may have no name here.
    if (open) return this.done('name', { addresses: [], proxy: true });
    const look = dns ?? (async (name) => (await lookup(name, { all: true })).map(({ address }) => address));
    const addresses = await unlessAborted(look(bare), this.signal).catch((cause) => {
      this.signal.throwIfAborted();
      throw new Pop3Error('CONNECT', 'The server name was not found', { cause, hint: 'name-not-found' });
    });
    this.done('name', { addresses });
  }

  private async connect(): Promise<void> {
    this.begin('connection');
    const silence = this.watchSilence();
    try {
      this.client = await Pop3Client.connect({
        ...this.server,
        signal: AbortSignal.any([this.signal, silence.signal]),
        trace: (event) => this.hear(event),
      });
    } catch (error) {
      throw silence.signal.aborted ? silence.signal.reason : error;
    } finally {
      silence.over();
    }
  }

  /** A server that waits for TLS, while it is waited for its greeting, says nothing for ever: it is asked by TLS. */
  private watchSilence(): { signal: AbortSignal; over: () => void } {
    const silent = new AbortController();
    const over = new AbortController();
    if (this.options.security !== 'tls') {
      const ask = async (): Promise<void> => {
        if (this.current?.step !== 'greeting') return;
        const server: ConnectOptions = { ...this.server, security: 'tls' };
        const seen = await refusedCertificate(server, AbortSignal.any([this.signal, over.signal]));
        if (seen === undefined || over.signal.aborted) return;
        silent.abort(new Pop3Error('TLS', 'The server waits for TLS', { hint: 'server-speaks-tls' }));
      };
      const { clock } = this.options;
      const timer = clock ? clock.setTimeout(ask, SILENT) : setTimeout(ask, SILENT);
      over.signal.addEventListener('abort', () =>
        clock ? clock.clearTimeout(timer) : clearTimeout(timer as NodeJS.Timeout),
      );
    }
    return { signal: silent.signal, over: () => over.abort() };
  }

  private hear(event: TraceEvent): void {
    const { transcript } = this.report;
    const { security } = this.options;
    switch (event.type) {
      case 'sent':
        transcript.push(`C: ${event.line}`);
        break;
      case 'received':
        transcript.push(`S: ${event.line}`);
        break;
      case 'connected': {
        const { address, port } = event;
        this.done('connection', { ...(address && { address }), ...(port !== undefined && { port }) });
        this.begin(security === 'tls' ? 'certificate' : 'greeting');
        break;
      }
      case 'encrypted': {
        transcript.push(`-- ${event.protocol ?? 'TLS'}, ${event.cipher}`);
        const facts = certificateFacts(event, this.now());
        this.done('certificate', facts, !facts.trusted || (facts.daysLeft ?? SOON) < SOON);
        this.begin(security === 'tls' ? 'greeting' : 'capabilities');
        break;
      }
      case 'greeting':
        // A refusal in place of a greeting is the step's failure.
        if (!/^\+/.test(event.line)) break;
        this.done('greeting', { text: event.line });
        this.begin(security === 'starttls' ? 'certificate' : 'capabilities');
        break;
      case 'capabilities':
        for (const line of event.lines ?? []) transcript.push(`S:   ${line}`);
        if (this.current?.step === 'capabilities') this.capabilities(event.lines);
        break;
      case 'login':
        this.done('login', {
          user: this.options.login.user,
          mechanism: event.mechanism,
          ...(this.renewed && { renewed: true }),
        });
        this.begin('stat');
        break;
      case 'opened':
        this.done('stat', { messages: event.messages, octets: event.octets });
        break;
      case 'closed':
        break;
    }
  }

  private capabilities(lines: readonly string[] | undefined): void {
    const words = (lines ?? []).map((line) => line.trim().split(/[ \t]+/));
    const sasl = words.find(([name]) => name?.toUpperCase() === 'SASL');
    this.done('capabilities', {
      ...(lines && { names: words.map(([name = '']) => name.toUpperCase()) }),
      mechanisms: (sasl ?? []).slice(1).map((name) => name.toUpperCase()),
    });
  }

  private async logIn(): Promise<void> {
    const { login } = this.options;
    const { client, signal } = this;
    if (client === undefined) return;
    const { user, mechanism = 'auto' } = login;
    if ('password' in login) {
      this.begin('login');
      await client.authenticate({ user, password: login.password }, mechanism);
      return;
    }
    this.begin('token');
    const { accessToken, expiresAt, scope } = await unlessAborted(login.token({ signal }), signal);
    this.done('token', {
      ...(scope && { scope }),
      ...(expiresAt !== undefined && { left: Math.max(0, Math.round((expiresAt - this.now()) / 1000)) }),
    });
    this.begin('login');
    try {
      await client.authenticate({ user, token: accessToken }, mechanism);
    } catch (error) {
      if (!(error instanceof Pop3Error) || error.code !== 'AUTH') throw error;
      // As a check does it: a token may have been withdrawn before its time.
      const fresh = await unlessAborted(login.token({ rejected: accessToken, signal }), signal);
      if (fresh.accessToken === accessToken) throw error;
      this.renewed = true;
      await client.authenticate({ user, token: fresh.accessToken }, mechanism);
    }
  }

  private async uniqueIds(): Promise<void> {
    this.begin('uidl');
    const ids = await this.client?.uidl();
    if (ids === undefined) return this.done('uidl', {}, true);
    const repeated = ids.length - new Set(ids.map(({ uid }) => uid)).size;
    this.done('uidl', { ids: ids.length, ...(repeated > 0 && { repeated }) }, repeated > 0);
  }
}

/** A promise, or the abort: what is asked may not know of signals. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

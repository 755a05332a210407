import { setTimeout as sleep } from 'node:timers/promises';
import { identify, identifyInForm } from './client-authentication';
import { type Endpoints, isLoopback, resolveEndpoints, scopeOf } from './endpoints';
import { OAuth2Error, retryAfter } from './errors';
import { type AgentFor, exchange, noAnswer, readFields } from './http';
import { isRedirect, movedFrom } from './moved';
import { judgedBy, refused } from './refusals';
import { randomText, SIGN_IN_MS, type SignInRequest, type SignIns } from './sign-ins';
import { requestTokens } from './token-request';
import { signedIn, type Tokens } from './tokens';

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:device_code';

/** Seconds between two questions when the server does not say (RFC 8628 section 3.2). */
const INTERVAL = 5;

/** Seconds; no server has a reason to make anybody wait longer. */
const LONGEST_INTERVAL = 60;

export interface DeviceCodeRequest extends SignInRequest {
  agent?: AgentFor | undefined;
}

/** What the person has to be shown. */
export interface StartedDeviceCode {
  id: string;
  /** To be typed in at the address. */
  userCode: string;
  /** To be shown in full (S17), so that the person sees whose page it is. https, or loopback. */
  verificationUri: string;
  /** The same with the code in it; on the same origin. Microsoft has none. */
  verificationUriComplete?: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

export interface DeviceCodeOptions {
  signIns: SignIns;
  /** Resolves after so many milliseconds, rejects when aborted. */
  wait?: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** Milliseconds for one answer of the sign-in server; for tests. */
  timeoutMs?: number;
}

interface Polling {
  id: string;
  request: DeviceCodeRequest;
  endpoints: Endpoints;
  deviceCode: string;
  /** Seconds. */
  interval: number;
  /** Ends the waiting, not a question that has been asked. */
  over: AbortController;
}

/**
 * Sign-ins by device code (RFC 8628): the person goes to an address, with any browser anywhere, and types in a code; in
 * the meantime the token endpoint is asked again and again. Needs neither redirect URI nor callback.
 */
export class DeviceCodeSignIn {
  readonly #now: () => number;
  readonly #wait: (ms: number, signal: AbortSignal) => Promise<unknown>;
  readonly #timeoutMs: number | undefined;
  readonly #signIns: SignIns;
  readonly #waiting = new Map<string, AbortController>();

  constructor({ signIns, wait, timeoutMs }: DeviceCodeOptions) {
    this.#now = signIns.now;
    this.#wait = wait ?? ((ms, signal) => sleep(ms, undefined, { signal, ref: false }));
    this.#timeoutMs = timeoutMs;
    this.#signIns = signIns;
    signIns.onOutcome(({ id }) => {
      this.#waiting.get(id)?.abort();
      this.#waiting.delete(id);
    });
  }

  /**
   * Asks for a code, and from then on for the tokens.
   * @throws {OAuth2Error}
   */
  async start(request: DeviceCodeRequest): Promise<StartedDeviceCode> {
    const { config, account, agent } = request;
    const { provider } = config;
    const endpoints = await resolveEndpoints(config, { agent, timeoutMs: this.#timeoutMs });
    const url = endpoints.device;
    if (!url) throw new OAuth2Error('CONFIG', 'device-url-missing', { facts: { provider } });
    const { form, headers } = identifyInForm(identify(config, endpoints, this.#now()));
    const scope = scopeOf(config);
    const facts = { provider, host: url.host };
    const answer = await exchange(url, {
      form: { ...form, ...(scope && { scope }) },
      headers,
      agent,
      timeoutMs: this.#timeoutMs,
    }).catch(async (cause) => {
      throw await noAnswer(cause, facts, url, agent);
    });
    const now = this.#now();
    const told = readFields(answer.text);
    if (isRedirect(answer.status)) {
      throw movedFrom({ url, ...answer }, provider, endpoints.issuer !== undefined);
    }
    const isLater = answer.status === 429 || (answer.status >= 500 && answer.status !== 511);
    if (told === undefined && !isLater)
      throw new OAuth2Error('TEMPORARY', 'not-json', { facts: { ...facts, status: answer.status } });
    if (answer.status !== 200 || told === undefined || told.device_code === undefined) {
      const retryAfterMs = retryAfter(answer.headers['retry-after'], now);
      throw refused({
        step: 'device',
        ...judgedBy(config, Object.values(form)),
        host: url.host,
        status: answer.status,
        answer: told,
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      });
    }
    const { deviceCode, userCode, address, complete, expiresIn, interval } = readDeviceAnswer(told, provider);
    const id = randomText(9);
    const expiresAt = now + Math.min(expiresIn * 1000, 2 * SIGN_IN_MS);
    const over = new AbortController();
    const { adminUser } = request;
    // No code and no secret: whichever process began it asks for the tokens.
    const kept = { provider, grant: config.grant };
    await this.#signIns.add({ id, account, adminUser, state: 'waiting', expiresAt, config: kept });
    this.#waiting.set(id, over);
    const polling = {
      id,
      request: { ...request, config: { ...config } },
      endpoints,
      deviceCode,
      interval,
      over,
    };
    void this.#poll(polling);
    return {
      id,
      userCode,
      verificationUri: address.href,
      ...(complete && { verificationUriComplete: complete.href }),
      expiresAt,
    };
  }

  /** Never rejects: whatever happens is the sign-in's outcome. */
  async #poll(polling: Polling): Promise<void> {
    const { id, request, over } = polling;
    const { account, adminUser, config } = request;
    try {
      while (await this.#signIns.waiting(id)) {
        await this.#wait(polling.interval * 1000, over.signal);
        if (!(await this.#signIns.waiting(id))) return;
        await this.#signIns.settle({ id, account, adminUser, config }, () => this.#ask(polling));
      }
    } catch {
      // Cancelled while it waited, or the store is away: the sign-in expires.
    }
  }

  /** Undefined: not yet. */
  async #ask(signIn: Polling): Promise<Tokens | undefined> {
    const { request, endpoints, deviceCode } = signIn;
    const { config, agent } = request;
    try {
      return signedIn(
        await requestTokens({
          config,
          endpoints,
          step: 'device',
          identification: identify(config, endpoints, this.#now()),
          parameters: { grant_type: GRANT_TYPE, device_code: deviceCode },
          agent,
          now: this.#now,
          timeoutMs: this.#timeoutMs,
        }),
      );
    } catch (error) {
      if (!(error instanceof OAuth2Error)) throw error;
      // RFC 8628 section 3.5.
      if (error.says('authorization_pending')) return undefined;
      if (error.says('slow_down')) signIn.interval = Math.min(signIn.interval + 5, LONGEST_INTERVAL);
      else if (error.retryable) {
        const asked = (error.retryAfterMs ?? 0) / 1000;
        signIn.interval = Math.min(Math.max(signIn.interval * 2, asked), LONGEST_INTERVAL);
      } else throw error;
      return undefined;
    }
  }
}

/** RFC 8628 section 3.2. */
function readDeviceAnswer(answer: Record<string, unknown>, provider: string) {
  const { device_code: deviceCode, user_code: userCode, verification_uri, verification_url } = answer;
  const facts = { provider };
  const printable = (value: unknown, most: number): value is string =>
    typeof value === 'string' && value.length <= most && /^[\x20-\x7e]+$/.test(value);
  if (!printable(deviceCode, 16_384) || !printable(userCode, 64)) {
    throw new OAuth2Error('TEMPORARY', 'answer-malformed', { facts: { ...facts, detail: 'user_code' } });
  }
  const address = webAddress(verification_uri ?? verification_url);
  if (!address) throw new OAuth2Error('CONFIG', 'device-url-insecure', { facts });
  const complete = webAddress(answer.verification_uri_complete);
  const seconds = (value: unknown, otherwise: number) => (Number(value) > 0 ? Number(value) : otherwise);
  return {
    deviceCode,
    userCode,
    address,
    // A link with the code in it must lead to the page whose address is shown.
    complete: complete?.origin === address.origin ? complete : undefined,
    expiresIn: seconds(answer.expires_in, 600),
    interval: Math.min(seconds(answer.interval, INTERVAL), LONGEST_INTERVAL),
  };
}

/** An address a person may be sent to. */
function webAddress(value: unknown): URL | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  const url = new URL(value);
  const safe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
  return safe && !url.username && !url.password ? url : undefined;
}

import type { AccountConfig } from './config';
import { EndpointCache } from './endpoint-cache';
import { providerOf, resolveEndpoints } from './endpoints';
import { OAuth2Error } from './errors';
import type { AgentFor } from './http';
import { type RenewalContext, renewals } from './renewal';
import { revokeToken } from './revocation';
import { renewed, signedIn, type Tokens } from './tokens';

const DAY = 86_400_000;

export interface RenewerOptions {
  config: AccountConfig;
  agent?: AgentFor | undefined;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Milliseconds for one answer of the sign-in server; for tests. */
  timeoutMs?: number | undefined;
}

/** Asks one account's sign-in server for tokens, by the account's grant. Keeps nothing but where to ask. */
export class Renewer {
  readonly #now: () => number;
  readonly #timeoutMs: number | undefined;
  readonly #endpoints: EndpointCache;
  #config: AccountConfig;
  #agent: AgentFor | undefined;

  constructor({ config, agent, now, timeoutMs }: RenewerOptions) {
    this.#config = config;
    this.#agent = agent;
    this.#now = now;
    this.#timeoutMs = timeoutMs;
    this.#endpoints = new EndpointCache(now, timeoutMs);
  }

  get config(): AccountConfig {
    return this.#config;
  }

  configure(config: AccountConfig, agent: AgentFor | undefined): void {
    this.#config = config;
    this.#agent = agent;
    this.#endpoints.clear();
  }

  /** @throws {OAuth2Error} */
  async obtain(old: Tokens | undefined): Promise<Tokens> {
    return obtain(await this.#context(), old);
  }

  /** By another configuration of the same account. @throws {OAuth2Error} */
  async obtainBy(
    config: AccountConfig,
    agent: AgentFor | undefined,
    old: Tokens | undefined,
  ): Promise<Tokens> {
    const timeoutMs = this.#timeoutMs;
    const endpoints = await resolveEndpoints(config, { agent, timeoutMs });
    return obtain({ config, agent, endpoints, now: this.#now, timeoutMs }, old);
  }

  /** Whether the server has revoked them. @throws {OAuth2Error} */
  async revoke(tokens: Tokens): Promise<boolean> {
    return revokeToken(await this.#context(), tokens);
  }

  /** What ended a sign-in. One at Google that ends after just a week points to a consent screen left in testing. */
  explain(error: OAuth2Error, tokens: Tokens | undefined): OAuth2Error {
    const { facts } = error;
    const age = tokens ? this.#now() - tokens.signedInAt : 0;
    const weekly = providerOf(this.#config).quirks.testingDiesWeekly && age > 6.5 * DAY && age < 9 * DAY;
    const hasEnded = error.reason === 'sign-in-expired' || error.reason === 'sign-in-revoked';
    if (!weekly || !hasEnded) return error;
    return new OAuth2Error('SIGN_IN_AGAIN', 'google-testing-weekly', { facts });
  }

  async #context(): Promise<RenewalContext> {
    const [config, agent] = [this.#config, this.#agent];
    const endpoints = await this.#endpoints.resolve(config, agent);
    return { config, endpoints, agent, now: this.#now, timeoutMs: this.#timeoutMs };
  }
}

async function obtain(context: RenewalContext, old: Tokens | undefined): Promise<Tokens> {
  const { grant, refreshToken } = context.config;
  const given = old?.refreshToken ?? (grant === 'refresh_token' ? refreshToken : undefined);
  const answer = await renewals[grant](context, given);
  return old ? renewed(answer, old) : signedIn({ ...(given && { refreshToken: given }), ...answer });
}

import type { AccountConfig } from './config';
import { type Endpoints, resolveEndpoints } from './endpoints';
import { OAuth2Error } from './errors';
import type { AgentFor } from './http';

const DAY = 86_400_000;

/** What discovery has found: looked up again after a day, and used further where that fails. */
export class EndpointCache {
  readonly #now: () => number;
  readonly #timeoutMs: number | undefined;
  #known: { found: Endpoints; at: number } | undefined;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number, timeoutMs?: number) {
    this.#now = now;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws {OAuth2Error} as `resolveEndpoints` does, where nothing was found before */
  async resolve(config: AccountConfig, agent: AgentFor | undefined): Promise<Endpoints> {
    const known = this.#known;
    const now = this.#now();
    if (known && now >= known.at && now - known.at < DAY) return known.found;
    try {
      const found = await resolveEndpoints(config, { agent, timeoutMs: this.#timeoutMs });
      this.#known = { found, at: now };
      return found;
    } catch (error) {
      if (!known || !(error instanceof OAuth2Error && error.retryable)) throw error;
      return known.found;
    }
  }

  /** The configuration has changed. */
  clear(): void {
    this.#known = undefined;
  }
}

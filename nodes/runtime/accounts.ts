import { isDeepStrictEqual } from 'node:util';
import { type Clock, systemClock } from '../mailbox';
import {
  type AccountConfig,
  type AgentFor,
  bindingOf,
  keepsTokens,
  type SignedIn,
  TokenSource,
  type TokenState,
  type Tokens,
} from '../oauth2';
import type { TokenVault } from './token-vault';

/** How often accounts without token requests are renewed, ms. */
const KEEP_ALIVE_MS = 24 * 60 * 60 * 1000;
/** The first time: a process that is started again every night would never get to the other. */
const FIRST_KEEP_ALIVE_MS = 60 * 1000;

type Listener = (state: TokenState) => void;

interface Kept {
  source: TokenSource;
  config: AccountConfig;
  listeners: Set<Listener>;
  /** Ends hearing of what other replicas of a fleet do with its tokens. */
  unwatch?: (() => void) | undefined;
  /** A refresh request continues after its nodes were removed; this counts the nodes that are left. */
  borrowers: number;
}

/** One account as a node holds it. */
export interface AccountLoan {
  readonly source: TokenSource;
  /** Hears of every change from now on; returns how to stop hearing. */
  listen(listener: Listener): () => void;
  /** Resolves when nothing is held any more that another runtime may wait for. */
  giveBack(): Promise<void>;
}

/**
 * The token sources of this runtime. A deploy makes new nodes; the source of an unchanged account is kept as it is,
 * with a renewal under way and all, since two renewals side by side cost a rotating refresh token its life.
 */
export class Accounts {
  readonly #vault: Pick<TokenVault, 'store' | 'sweep'>;
  readonly #changed: () => void;
  readonly #clock: Clock;
  /** When no account is deployed any more. */
  readonly #onIdle: () => Promise<void>;
  readonly #kept = new Map<string, Kept>();
  #timer: unknown;

  /** @param changed called whenever any of them stands differently */
  constructor(
    vault: Pick<TokenVault, 'store' | 'sweep'>,
    changed: () => void = () => undefined,
    clock: Clock = systemClock,

    onIdle: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.#vault = vault;
    this.#changed = changed;
    this.#clock = clock;
    this.#onIdle = onIdle;
  }

  /** `node` is the account's id in the editor; several instances of a subflow share it and differ by their binding. */
  borrow(node: string, config: AccountConfig, agent?: AgentFor): AccountLoan {
    const kept = this.#keep(node, config, agent);
    kept.borrowers += 1;
    this.#changed();
    const mine: Listener[] = [];
    this.#startKeepingAlive();
    return {
      source: kept.source,
      listen: (listener) => {
        kept.listeners.add(listener);
        mine.push(listener);
        return () => kept.listeners.delete(listener);
      },
      giveBack: async () => {
        for (const listener of mine) kept.listeners.delete(listener);
        kept.borrowers -= 1;
        this.#changed();
        if (!this.#inUse().next().done) return;
        this.#stopKeepingAlive();
        await this.#onIdle();
      },
    };
  }

  /** Takes the tokens of a sign-in: at once where that very account is running, else for when it is deployed. */
  async signedIn({
    account,
    binding,
    tokens,
  }: Pick<SignedIn, 'account' | 'binding' | 'tokens'>): Promise<void> {
    const kept = this.#kept.get(keyOf(account, binding));
    if (kept !== undefined) {
      await kept.source.accept(tokens);
      if (kept.source.state.storeError !== undefined) throw kept.source.state.storeError;
      return;
    }
    await this.#vault.store(account, binding).save(tokens);
  }

  /** The source of an account that is, or is not yet, deployed: to ask how it stands, and to sign out. */
  look(node: string, config: AccountConfig, agent?: AgentFor): TokenSource {
    return (
      this.#kept.get(keyOf(node, bindingOf(config)))?.source ?? this.#fresh(node, config, undefined, agent)
    );
  }

  /**
   * An account as a dialog has it: the running one, once what proves the application there has been tried, where that is
   * not what is deployed.
   */
  drawn(node: string, config: AccountConfig, agent?: AgentFor): Pick<TokenSource, 'state' | 'token'> {
    const kept = this.#kept.get(keyOf(node, bindingOf(config)));
    if (kept === undefined || sameProof(kept.config, config)) return this.look(node, config, agent);
    const { source } = kept;
    // With no token to lose by it, one can be got beside the running source.
    if (!keepsTokens(config.grant)) return this.#fresh(node, config, undefined, agent);
    let tried: Promise<void> | undefined;
    return {
      state: source.state,
      token: async (question) => {
        tried ??= source.tryOut(config, agent);
        await tried;
        return source.token(question);
      },
    };
  }

  /** The accounts that are deployed, by their ids in the editor. */
  *deployed(): Iterable<{ node: string; config: AccountConfig; state: TokenState }> {
    for (const [key, { borrowers, config, source }] of this.#kept) {
      if (borrowers > 0) yield { node: split(key)[0], config, state: source.state };
    }
  }

  /**
   * Gets tokens for an account without a person who signs in, to see whether it works: with what the dialog says now, which
   * need not be what is deployed.
   * @throws OAuth2Error
   */
  async connect(node: string, config: AccountConfig, agent?: AgentFor): Promise<void> {
    const running = this.#kept.get(keyOf(node, bindingOf(config)))?.source;
    // Whatever was refused before may be in order by now.
    running?.retry();
    // A refresh token may be good for one use only, so a second source beside the running one would end it.
    if (running !== undefined && config.grant === 'refresh_token') {
      await running.tryOut(config, agent);
      return;
    }
    await this.#fresh(node, config, undefined, agent).token();
    // How the deployed one fares, perhaps by a secret that was just typed again, was not asked; its state tells it.
    await running?.token().catch(() => undefined);
  }

  /** Tokens kept for the account, whether deployed or not. */
  stored(node: string, config: AccountConfig): Promise<Tokens | undefined> {
    return this.#vault.store(node, bindingOf(config)).load();
  }

  /** After a deploy: lets go of what no account in the flows (`configured`, enabled or not) needs, in its time. */
  async sweep(configured: ReadonlySet<string>): Promise<void> {
    const bindings = new Map<string, Set<string>>();
    for (const [key, kept] of this.#kept) {
      const [node = '', binding = ''] = split(key);
      if (kept.borrowers > 0) bindings.set(node, (bindings.get(node) ?? new Set()).add(binding));
      else {
        kept.unwatch?.();
        this.#kept.delete(key);
      }
    }
    await this.#vault.sweep(bindings, configured);
  }

  *#inUse(): Iterator<Kept> {
    for (const kept of this.#kept.values()) if (kept.borrowers > 0) yield kept;
  }

  #keep(node: string, config: AccountConfig, agent?: AgentFor): Kept {
    const key = keyOf(node, bindingOf(config));
    const there = this.#kept.get(key);
    if (there !== undefined) {
      // The same account; its secret, scope or way of connecting may have been changed.
      there.config = config;
      there.source.configure(config, agent);
      return there;
    }
    const listeners = new Set<Listener>();
    const tell: Listener = (state) => {
      for (const listener of [...listeners]) listener(state);
      this.#changed();
    };
    const store = this.#vault.store(node, bindingOf(config));
    const source = this.#fresh(node, config, tell, agent, store);
    // What cannot be read now is read when the database is there again, or a token is asked for.
    const unwatch = store.watch?.(() => void source.reload().catch(() => undefined));
    const kept: Kept = { source, config, listeners, unwatch, borrowers: 0 };
    this.#kept.set(key, kept);
    return kept;
  }

  #fresh(
    node: string,
    config: AccountConfig,
    onState: Listener | undefined,
    agent?: AgentFor,
    store = this.#vault.store(node, bindingOf(config)),
  ): TokenSource {
    return new TokenSource({
      config,
      store,
      now: this.#clock.now,
      ...(onState && { onState }),
      ...(agent && { agent }),
    });
  }

  #startKeepingAlive(wait = FIRST_KEEP_ALIVE_MS): void {
    if (this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      for (const kept of this.#kept.values()) {
        if (kept.borrowers === 0) continue;
        // Listeners learn of a failure by the state.
        kept.source.keepAlive().catch(() => undefined);
      }
      this.#startKeepingAlive(KEEP_ALIVE_MS);
    }, wait);
    // A process that has nothing else to do may end.
    (this.#timer as Partial<NodeJS.Timeout>).unref?.();
  }

  #stopKeepingAlive(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Whether an application shows itself to the sign-in server by the same secret or key; without tokens to keep, for the same. */
function sameProof(one: AccountConfig, other: AccountConfig): boolean {
  if (!keepsTokens(one.grant)) return isDeepStrictEqual(one, other);
  return (['clientSecret', 'privateKey', 'clientAuth'] as const).every((name) => one[name] === other[name]);
}

const keyOf = (node: string, binding: string): string => `${node}\n${binding}`;

function split(key: string): [string, string] {
  const at = key.indexOf('\n');
  return [key.slice(0, at), key.slice(at + 1)];
}

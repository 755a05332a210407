import { createHash, randomUUID } from 'node:crypto';
import type { TokenStore, Tokens } from '../../oauth2';
import { readTokens } from '../../oauth2/tokens';
import type { Database, Notices, Prepared } from './database';
import { forAccounts } from './for-accounts';
import { Sealed } from './sealed';

/** What hears of tokens that were saved or deleted. */
export const TOKENS = 'token';
/** Longer than the longest request to a provider: one renewal must be over before the next may begin. */
const RENEWAL_LEASE_MS = 60_000;
/** A renewal elsewhere is waited for so long. */
const WAIT_MS = 90_000;
const LOOK_AGAIN_MS = 500;

const LOAD: Prepared = {
  name: 'token-load',
  text: 'select sealed from token where node = $1 and slot = $2',
};
/** What a person has just signed in with counts, whatever renewal is under way. */
const SAVE: Prepared = {
  name: 'token-save',
  text: `with kept as (insert into token (node, slot, sealed) values ($1, $2, $3)
      on conflict (node, slot) do update
        set sealed = excluded.sealed, generation = token.generation + 1, saved = clock_timestamp()
      returning 1)
    select pg_notify($4, $5) from kept`,
};
/** A renewal saves only what it has read, and only while it holds the lease. */
const SAVE_RENEWED: Prepared = {
  name: 'token-save-renewed',
  text: `with kept as (update token set sealed = $3, generation = generation + 1, saved = clock_timestamp()
      where node = $1 and slot = $2 and renewer = $6 and generation = $7::bigint returning generation)
    select generation::text, pg_notify($4, $5) from kept`,
};
const DELETE: Prepared = {
  name: 'token-delete',
  text: `with gone as (update token set sealed = null, generation = generation + 1
      where node = $1 and slot = $2 and sealed is not null returning 1)
    select pg_notify($3, $4) from gone`,
};
const TAKE: Prepared = {
  name: 'token-take',
  text: `insert into token (node, slot, renewer, renewing_until)
    values ($1, $2, $3, clock_timestamp() + $4 * interval '1 ms')
    on conflict (node, slot) do update set renewer = excluded.renewer, renewing_until = excluded.renewing_until
      where token.renewer is null or token.renewing_until <= clock_timestamp()
    returning sealed, generation::text`,
};
const ALL: Prepared = {
  name: 'token-all',
  text: 'select node, slot, sealed from token where sealed is not null order by node, slot',
};
const GIVE_BACK: Prepared = {
  name: 'token-give-back',
  text: `with free as (update token set renewer = null, renewing_until = null
      where node = $1 and slot = $2 and renewer = $3 returning 1)
    select pg_notify($4, $5) from free`,
};

interface TokenRow {
  [column: string]: unknown;
  sealed: string | null;
  generation: string;
}

/** The tokens of all accounts of a fleet, sealed with its credentialSecret and bound as those of a single Node-RED are. */
export class FleetTokens {
  readonly #database: () => Promise<Database>;
  readonly #notices: Notices;
  readonly #sealed: Sealed;

  /** @param database waits for the first connection; throws where there is none */
  constructor(database: () => Promise<Database>, secret: string, notices: Notices) {
    this.#database = database;
    this.#notices = notices;
    this.#sealed = new Sealed(secret, 'tokens');
  }

  /** One account's place; each call is another owner of it. */
  store(node: string, binding: string): TokenStore {
    return new DatabaseTokenStore(this.#database, this.#notices, this.#sealed, node, binding);
  }

  /** Everything that can be read, to move it out of the fleet, and how many rows cannot. */
  async all(): Promise<{ kept: { node: string; binding: string; tokens: Tokens }[]; unreadable: number }> {
    const database = await this.#database();
    const rows = await database.query<{ node: string; slot: string; sealed: string }>(ALL);
    const kept = rows.flatMap(({ node, slot, sealed }) => {
      const opened = opening(this.#sealed, sealed, placeOf(node, slot));
      return opened === undefined ? [] : [{ node, ...opened }];
    });
    return { kept, unreadable: rows.length - kept.length };
  }

  /** Nothing: a replica whose flows lack an account knows nothing of the others' flows. */
  sweep(): Promise<void> {
    return Promise.resolve();
  }
}

class DatabaseTokenStore implements TokenStore {
  readonly #database: () => Promise<Database>;
  readonly #notices: Notices;
  readonly #sealed: Sealed;
  readonly #node: string;
  readonly #slot: string;
  readonly #binding: string;
  /** What it opens in; the slot stands for the binding. */
  readonly #place: string;
  readonly #owner = randomUUID();
  /** The renewal under way: what it has read may be replaced only while no other replica has. */
  #renewal: { id: string; generation: string } | undefined;
  #renewals: Promise<unknown> = Promise.resolve();

  constructor(
    database: () => Promise<Database>,
    notices: Notices,
    sealed: Sealed,
    node: string,
    binding: string,
  ) {
    this.#database = database;
    this.#notices = notices;
    this.#sealed = sealed;
    this.#node = node;
    this.#slot = createHash('sha256').update(binding).digest('base64url').slice(0, 22);
    this.#binding = binding;
    this.#place = placeOf(node, this.#slot);
  }

  load(): Promise<Tokens | undefined> {
    return forAccounts(async () => {
      const database = await this.#database();
      const [row] = await database.query<TokenRow>(LOAD, [this.#node, this.#slot]);
      return this.#open(row?.sealed);
    });
  }

  save(tokens: Tokens): Promise<void> {
    return forAccounts(() => this.#save(tokens));
  }

  delete(): Promise<void> {
    return forAccounts(async () => {
      const database = await this.#database();
      await database.query(DELETE, [this.#node, this.#slot, ...this.#notice(database)]);
    });
  }

  renewing<T>(renew: (stored: Tokens | undefined) => Promise<T>): Promise<T> {
    const done = this.#renewals.then(() => this.#renewAlone(renew));
    this.#renewals = done.catch(() => undefined);
    return done;
  }

  watch(changed: () => void): () => void {
    const hear = (channel: string, text: string): void => {
      if (channel !== TOKENS) return;
      const [slot, owner] = text.split(' ');
      // Empty: some may have been missed.
      if (text === '' || (slot === this.#slot && owner !== this.#owner)) changed();
    };
    this.#notices.on('notice', hear);
    return () => this.#notices.off('notice', hear);
  }

  async #save(tokens: Tokens): Promise<void> {
    const database = await this.#database();
    const values = [this.#node, this.#slot, this.#seal(tokens), ...this.#notice(database)];
    const renewal = this.#renewal;
    if (renewal === undefined) {
      await database.query(SAVE, values);
      return;
    }
    const own = [...values, renewal.id, renewal.generation];
    const [row] = await database.query<{ generation: string }>(SAVE_RENEWED, own);
    if (row === undefined) throw new Error('another Node-RED has renewed or replaced these tokens meanwhile');
    renewal.generation = row.generation;
  }

  async #renewAlone<T>(renew: (stored: Tokens | undefined) => Promise<T>): Promise<T> {
    const database = await forAccounts(this.#database);
    const id = randomUUID();
    const { sealed, generation } = await forAccounts(() => this.#take(database, id));
    this.#renewal = { id, generation };
    try {
      return await renew(this.#open(sealed));
    } finally {
      this.#renewal = undefined;
      // A lock that cannot be released expires by itself.
      const values = [this.#node, this.#slot, id, ...this.#notice(database)];
      await database.query(GIVE_BACK, values).catch(() => undefined);
    }
  }

  async #take(database: Database, id: string): Promise<TokenRow> {
    const until = performance.now() + WAIT_MS;
    for (;;) {
      const values = [this.#node, this.#slot, id, RENEWAL_LEASE_MS];
      const [row] = await database.query<TokenRow>(TAKE, values);
      if (row !== undefined) return row;
      if (performance.now() > until)
        throw new Error('another Node-RED has been renewing these tokens for too long');
      await this.#someChange();
    }
  }

  #someChange(): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#notices.off('notice', hear);
        resolve();
      };
      const hear = (channel: string, text: string): void => {
        if (channel === TOKENS && text.startsWith(`${this.#slot} `)) finish();
      };
      const timer = setTimeout(finish, LOOK_AGAIN_MS);
      this.#notices.on('notice', hear);
    });
  }

  #notice(database: Database): [channel: string, text: string] {
    return [`${database.schema}_${TOKENS}`, `${this.#slot} ${this.#owner}`];
  }

  #seal(tokens: Tokens): string {
    return this.#sealed.seal(JSON.stringify({ ...tokens, binding: this.#binding }), this.#place);
  }

  #open(sealed: string | null | undefined): Tokens | undefined {
    if (sealed === null || sealed === undefined) return undefined;
    return opening(this.#sealed, sealed, this.#place)?.tokens;
  }
}

const placeOf = (node: string, slot: string): string => `${node}\n${slot}`;

/** What cannot be read counts as not signed in. */
function opening(
  sealed: Sealed,
  text: string,
  place: string,
): { tokens: Tokens; binding: string } | undefined {
  try {
    const kept = JSON.parse(sealed.open(text, place)) as { binding: string };
    const tokens = readTokens(kept);
    return tokens && { tokens, binding: kept.binding };
  } catch {
    return undefined;
  }
}

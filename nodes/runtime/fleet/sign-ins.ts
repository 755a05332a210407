import { randomUUID } from 'node:crypto';
import { OAuth2Error, type SignInEnd, type SignInStore, type StoredSignIn } from '../../oauth2';
import { MAX_PER_ACCOUNT, MAX_SIGN_INS, SIGN_IN_MS } from '../../oauth2/sign-in-store';
import type { Database, Notices, Prepared, Querying } from './database';
import { forAccounts } from './for-accounts';
import { Sealed } from './sealed';

/** What hears of the end of a sign-in: its text is the account's node, how it ended, and on which replica. */
export const SIGN_INS = 'sign_in';

const ID = /^[\w-]{1,64}$/;
const COLUMNS = 'id, account, admin_user, state, expires_at::text, sealed, ended, has_ticket, has_state';

/** One replica adds at a time, so that the limits hold. */
const ALONE: Prepared = { name: 'sign-in-alone', text: 'select one from fleet for update' };
const FORGET: Prepared = {
  name: 'sign-in-forget',
  text: 'delete from sign_in where expires_at <= $1::bigint',
};
/** The oldest of an account, or of all, but for the newest so many. */
const MAKE_ROOM: Prepared = {
  name: 'sign-in-room',
  text: `delete from sign_in where id in
    (select id from sign_in where account = $1 or $1 is null order by seq desc offset $2::int) returning ${COLUMNS}`,
};
const ADD: Prepared = {
  name: 'sign-in-add',
  text: `insert into sign_in (id, account, admin_user, state, expires_at, sealed, has_ticket, has_state)
    values ($1, $2, $3, $4, $5::bigint, $6, $7, $8)`,
};
const GET: Prepared = {
  name: 'sign-in-get',
  text: `select ${COLUMNS} from sign_in where id = $1 and expires_at > $2::bigint`,
};
/** Locked, so that of all who take it at once one finds it still there. */
const TAKE_TICKET: Prepared = {
  name: 'sign-in-take-ticket',
  text: `with before as (select ${COLUMNS} from sign_in where id = $1 and expires_at > $2::bigint and has_ticket
      for update),
    taken as (update sign_in set has_ticket = false where id in (select id from before))
    select * from before`,
};
const TAKE_STATE: Prepared = {
  name: 'sign-in-take-state',
  text: `with before as (select ${COLUMNS} from sign_in where id = $1 and expires_at > $2::bigint and has_state
      for update),
    taken as (update sign_in set has_ticket = false, has_state = false where id in (select id from before))
    select * from before`,
};
const END: Prepared = {
  name: 'sign-in-end',
  text: `with over as (update sign_in
      set state = $2, ended = $3, sealed = null, has_ticket = false, has_state = false
      where id = $1 and state = 'waiting' returning ${COLUMNS})
    select over.*, pg_notify($4, account || ' ' || state || ' ' || $5) from over`,
};

interface Row {
  [column: string]: unknown;
  id: string;
  account: string;
  admin_user: string;
  state: StoredSignIn['state'];
  expires_at: string;
  sealed: string | null;
  ended: string | null;
  has_ticket: boolean;
  has_state: boolean;
}

/** What only a waiting sign-in has. */
type Kept = Pick<StoredSignIn, 'config' | 'route' | 'pending'>;

/**
 * The sign-ins of a whole fleet: begun on one replica, answered on another, asked about on a third. Who began it and how
 * it stands can be read in the database; what it needs, and how it ended, is sealed.
 */
export class FleetSignIns implements SignInStore {
  readonly #database: () => Promise<Database>;
  readonly #sealed: Sealed;
  readonly #now: () => number;
  readonly #notices: Notices;
  /** Names this replica in its own notices. */
  readonly #here = randomUUID();

  /** @param database waits for the first connection; throws where there is none */
  constructor(database: () => Promise<Database>, secret: string, now: () => number, notices: Notices) {
    this.#database = database;
    this.#sealed = new Sealed(secret, 'sign-ins');
    this.#now = now;
    this.#notices = notices;
  }

  add(signIn: StoredSignIn): Promise<StoredSignIn[]> {
    const { id, account, adminUser, state, expiresAt, config, route, pending } = signIn;
    const kept = this.#sealed.seal(
      JSON.stringify({ config, route, pending } satisfies Kept),
      placeOf(id, 'kept'),
    );
    const values = [id, account, adminUser, state, expiresAt, kept, hasTicket(signIn), hasState(signIn)];
    return this.#stored((database) =>
      database.transaction(async (within) => {
        await within.query(ALONE);
        await within.query(FORGET, [this.#oldest()]);
        const removed = [
          ...(await within.query<Row>(MAKE_ROOM, [account, MAX_PER_ACCOUNT - 1])),
          ...(await within.query<Row>(MAKE_ROOM, [null, MAX_SIGN_INS - 1])),
        ];
        await within.query(ADD, values);
        return removed.map((row) => this.#read(row));
      }),
    );
  }

  get(id: string): Promise<StoredSignIn | undefined> {
    return this.#one(GET, id);
  }

  take(id: string, what: 'ticket' | 'state'): Promise<StoredSignIn | undefined> {
    return this.#one(what === 'ticket' ? TAKE_TICKET : TAKE_STATE, id);
  }

  end(id: string, end: SignInEnd): Promise<StoredSignIn | undefined> {
    const ended = this.#sealed.seal(JSON.stringify(end), placeOf(id, 'ended'));
    return this.#stored(async (database) => {
      const values = [id, end.state, ended, `${database.schema}_${SIGN_INS}`, this.#here];
      const [row] = await database.query<Row>(END, values);
      return row && this.#read(row);
    });
  }

  /** Hears of the end of each sign-in on another replica; returns how to stop. */
  watch(ended: (account: string, state: string) => void): () => void {
    const hear = (channel: string, text: string): void => {
      const [account = '', state = '', where] = text.split(' ');
      if (channel === SIGN_INS && where !== this.#here) ended(account, state);
    };
    this.#notices.on('notice', hear);
    return () => this.#notices.off('notice', hear);
  }

  /** The id comes from any browser: what cannot be one is not looked for. */
  async #one(prepared: Prepared, id: string): Promise<StoredSignIn | undefined> {
    if (!ID.test(id)) return undefined;
    const values = [id, this.#oldest()];
    return this.#stored(async (database: Querying) => {
      const [row] = await database.query<Row>(prepared, values);
      return row && this.#read(row);
    });
  }

  /** What was to end before this is forgotten. */
  #oldest(): number {
    return this.#now() - SIGN_IN_MS;
  }

  #read(row: Row): StoredSignIn {
    const { id, account, admin_user: adminUser, state, sealed, ended } = row;
    const plain = { id, account, adminUser, state, expiresAt: Number(row.expires_at) };
    if (ended !== null) return { ...plain, ...this.#open<SignInEnd>(ended, placeOf(id, 'ended')) };
    const { pending, ...kept } = this.#open<Kept>(sealed ?? '', placeOf(id, 'kept'));
    if (pending === undefined) return { ...plain, ...kept };
    const { ticket, state: secret, ...rest } = pending;
    const left = { ...(row.has_ticket && { ticket }), ...(row.has_state && { state: secret }) };
    return { ...plain, ...kept, pending: { ...rest, ...left } as typeof pending };
  }

  #open<T>(sealed: string, place: string): T {
    return JSON.parse(this.#sealed.open(sealed, place)) as T;
  }

  async #stored<T>(run: (database: Database) => Promise<T>): Promise<T> {
    try {
      return await forAccounts(async () => run(await this.#database()));
    } catch (cause) {
      if (cause instanceof OAuth2Error) throw cause;
      throw new OAuth2Error('STORE', 'store-failed', { cause });
    }
  }
}

const hasTicket = ({ pending }: StoredSignIn): boolean => pending?.ticket !== undefined;
const hasState = ({ pending }: StoredSignIn): boolean => pending?.state !== undefined;
const placeOf = (id: string, what: 'kept' | 'ended'): string => `${id}\n${what}`;

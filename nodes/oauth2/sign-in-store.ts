import type { AccountConfig } from './config';
import type { OAuth2ErrorCode, OAuth2Facts, OAuth2Reason } from './errors';
import type { PageTexts } from './pages';

/** Milliseconds from the start to the end of a sign-in, unless the server allows less. */
export const SIGN_IN_MS = 600_000;

/** How many sign-ins are remembered, running and ended together. */
export const MAX_SIGN_INS = 100;

/** How many of them for one account; a new one ends the oldest. */
export const MAX_PER_ACCOUNT = 5;

/** What the authorization answer is checked by and exchanged with. Holds secrets. */
export interface PendingAnswer {
  redirectUri: string;
  /** The callback's address as the browser reaches it. */
  callbackUrl: string;
  texts?: PageTexts;
  /** The person is asked who they are, even where the provider remembers them. */
  anotherPerson?: true;
  /** The endpoints' addresses, as `writeEndpoints` gives them. */
  endpoints: Record<string, string | boolean>;
  /** One use each; absent once taken. */
  ticket?: string;
  state?: string;
  /** Milliseconds since the epoch. */
  ticketExpiresAt: number;
  cookie: string;
  verifier: string;
}

/** One sign-in as a store keeps it: plain JSON, so that a store may be a database. */
export interface StoredSignIn {
  id: string;
  account: string;
  adminUser: string;
  state: 'waiting' | 'signed-in' | 'failed';
  /** Milliseconds since the epoch; then a sign-in still waiting has failed. */
  expiresAt: number;
  /** Absent once the sign-in has ended: its secrets are of no more use. */
  config?: AccountConfig;
  /** Through what the server is reached: ids of configuration nodes. */
  route?: Record<string, unknown>;
  /** Sign-in by authorization code only. */
  pending?: PendingAnswer;
  error?: { code: OAuth2ErrorCode; reason: OAuth2Reason; facts: OAuth2Facts };
  label?: string;
  renewable?: boolean;
}

/** A sign-in by authorization code that waits for its answer. */
export type WaitingForCode = StoredSignIn & { config: AccountConfig; pending: PendingAnswer };

export const isWaitingForCode = (signIn: StoredSignIn): signIn is WaitingForCode =>
  signIn.state === 'waiting' && signIn.config !== undefined && signIn.pending !== undefined;

/** How a sign-in ended. */
export type SignInEnd = Pick<StoredSignIn, 'error' | 'label' | 'renewable'> & {
  state: 'signed-in' | 'failed';
};

/**
 * Sign-ins under way, and for a while those that have ended: in this process, or in a database that many Node-REDs
 * share, so that start, begin, callback and status may each reach another one. What it keeps is bounded in number and
 * time, holds secrets while it waits, and is given out as copies.
 */
export interface SignInStore {
  /** Keeps a new sign-in. Where there are too many it forgets the oldest and returns them as they were. */
  add(signIn: StoredSignIn): Promise<StoredSignIn[]>;
  /** Undefined where it is not known, or was to end the length of a sign-in ago. */
  get(id: string): Promise<StoredSignIn | undefined>;
  /**
   * Takes the ticket or the state, which exist once: of all callers one gets the sign-in as it was, the others get
   * undefined. With the state the ticket is void too.
   */
  take(id: string, what: 'ticket' | 'state'): Promise<StoredSignIn | undefined>;
  /** Ends a waiting sign-in and forgets what it needed. The first end counts: undefined where it was not waiting. */
  end(id: string, end: SignInEnd): Promise<StoredSignIn | undefined>;
}

/** The sign-ins of this process; a restart ends them all. */
export class MemorySignInStore implements SignInStore {
  readonly #now: () => number;
  /** By id, the oldest first. */
  readonly #all = new Map<string, StoredSignIn>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async add(signIn: StoredSignIn): Promise<StoredSignIn[]> {
    this.#forgetEnded();
    const ofAccount = [...this.#all.values()].filter(({ account }) => account === signIn.account);
    const removed = [
      ...this.#makeRoom(ofAccount, MAX_PER_ACCOUNT),
      ...this.#makeRoom([...this.#all.values()], MAX_SIGN_INS),
    ];
    this.#all.set(signIn.id, structuredClone(signIn));
    return removed;
  }

  async get(id: string): Promise<StoredSignIn | undefined> {
    this.#forgetEnded();
    return structuredClone(this.#all.get(id));
  }

  async take(id: string, what: 'ticket' | 'state'): Promise<StoredSignIn | undefined> {
    this.#forgetEnded();
    const pending = this.#all.get(id)?.pending;
    if (pending?.[what] === undefined) return undefined;
    const taken = structuredClone(this.#all.get(id));
    delete pending.ticket;
    if (what === 'state') delete pending.state;
    return taken;
  }

  async end(id: string, end: SignInEnd): Promise<StoredSignIn | undefined> {
    const signIn = this.#all.get(id);
    if (signIn?.state !== 'waiting') return undefined;
    const { config: _, route: __, pending: ___, ...rest } = signIn;
    const ended = { ...rest, ...end };
    this.#all.set(id, ended);
    return structuredClone(ended);
  }

  #makeRoom(candidates: StoredSignIn[], most: number): StoredSignIn[] {
    const removed = candidates.slice(0, Math.max(0, candidates.length - most + 1));
    for (const { id } of removed) this.#all.delete(id);
    return removed;
  }

  #forgetEnded(): void {
    const now = this.#now();
    for (const [id, { expiresAt }] of this.#all) if (now >= expiresAt + SIGN_IN_MS) this.#all.delete(id);
  }
}

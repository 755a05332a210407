import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { TokenStore, Tokens } from '../oauth2';
import type { KeyFile } from './key-file';

/** The one key of the runtime's settings that this package uses. */
export const SETTINGS_KEY = 'redletterOauth2';
/** Tokens of a sign-in that was never deployed are kept this long. */
export const UNDEPLOYED_MS = 24 * 60 * 60 * 1000;
/** Tokens of an account that has left the flows (an import, another project) are kept this long for its return (S18). */
export const REMOVED_MS = 30 * 24 * 60 * 60 * 1000;

/** The part of Node-RED's settings that is needed here. `set` is durable when it resolves (temporary file, fsync, rename). */
export interface SettingsStore {
  get(key: string): unknown;
  set(key: string, value: unknown): Promise<void> | void;
}

interface Entry {
  /** Which key: `secret`, from the user's credentialSecret, or `own`, kept beside the tokens. */
  key: 'secret' | 'own';
  iv: string;
  tag: string;
  data: string;
  /** What it is bound to; absent in an entry that 0.1.0 wrote and that no deployed account has used since. */
  binding?: string;
  /** ms since the epoch */
  savedAt: number;
  /** It has been in use by a deployed account. */
  deployed?: true;
  /** When its account left the flows, ms since the epoch. */
  removedAt?: number;
}

interface Kept {
  version: 1;
  /** Base64 of 32 random bytes, as 0.1.0 kept it: moved to the key file at the first start. */
  ownKey?: string;
  /** node → binding → entry */
  entries: Record<string, Record<string, Entry>>;
}

export interface TokenVaultOptions {
  settings: SettingsStore;
  /** The user's credentialSecret, where there is one. */
  secret?: string;
  /** Storage that takes nothing: tokens live in memory until the end of the process. */
  readOnly?: boolean;
  /** Where the key is kept if there is no secret; without it, among the settings. */
  keyFile?: KeyFile;
  /** Resolves while this runtime owns the user directory. @throws where another one does */
  assertOwner?: () => Promise<void>;
  /** ms since the epoch */
  now?: () => number;
}

/**
 * Every account's tokens in the runtime's own settings, encrypted with AES-256-GCM and bound to node, client,
 * endpoint and user: an entry copied to another place does not open there.
 *
 * The key comes from credentialSecret by HKDF where that is set, else it is a random one of our own. A secret that
 * appears later still reads what was written before it. Anything that cannot be read counts as "not signed in".
 */
export class TokenVault {
  readonly #settings: SettingsStore;
  readonly #readOnly: boolean;
  readonly #now: () => number;
  readonly #secretKey: Buffer | undefined;
  readonly #keyFile: KeyFile | undefined;
  readonly #assertOwner: () => Promise<void>;
  #kept: Kept;
  /** By binding: one renewal at a time, also from a dialog's source beside the running one. */
  readonly #renewals = new Map<string, Promise<unknown>>();
  /** Each write replaces the whole object, so they go one after the other. */
  #writing: Promise<void> = Promise.resolve();

  constructor({ settings, secret, readOnly, now, keyFile, assertOwner }: TokenVaultOptions) {
    this.#settings = settings;
    this.#readOnly = readOnly ?? false;
    this.#now = now ?? Date.now;
    this.#secretKey = secret
      ? Buffer.from(hkdfSync('sha256', secret, '', 'redletter oauth2 tokens', 32))
      : undefined;
    this.#kept = readKept(settings);
    this.#keyFile = keyFile;
    this.#assertOwner = assertOwner ?? (() => Promise.resolve());
    this.#moveKey();
  }

  /** One account's place. `binding` is what the tokens are bound to; other bindings of the node stay beside it. */
  store(node: string, binding: string): TokenStore {
    const slot = slotOf(binding);
    const bound = `${node}\n${binding}`;
    return {
      load: async () => {
        const entry = own(own(this.#kept.entries, node), slot);
        return entry === undefined ? undefined : this.#open(entry, bound);
      },
      save: async (tokens) => {
        const slots = own(this.#kept.entries, node) ?? {};
        this.#kept.entries[node] = slots;
        slots[slot] = { ...this.#seal(tokens, bound), binding };
        await this.#write();
      },
      renewing: (renew) => {
        const done = (this.#renewals.get(bound) ?? Promise.resolve()).then(async () => {
          await this.#assertOwner();
          const entry = own(own(this.#kept.entries, node), slot);
          return renew(entry === undefined ? undefined : this.#open(entry, bound));
        });
        const settled = done.catch(() => undefined);
        this.#renewals.set(bound, settled);
        return done.finally(() => {
          if (this.#renewals.get(bound) === settled) this.#renewals.delete(bound);
        });
      },
      delete: async () => {
        const slots = own(this.#kept.entries, node);
        if (slots === undefined || own(slots, slot) === undefined) return;
        delete slots[slot];
        if (Object.keys(slots).length === 0) delete this.#kept.entries[node];
        await this.#write();
      },
    };
  }

  /**
   * Forgets a sign-in that was never deployed after a day, and one whose account has left the flows after 30 days: a
   * project switch, an import or a copy brings the account back, and its sign-in with it (S18).
   * @param inUse the running nodes with their present bindings
   * @param configured every node of the flows; one that is disabled keeps what it has
   */
  async sweep(
    inUse: ReadonlyMap<string, ReadonlySet<string>>,
    configured: ReadonlySet<string>,
  ): Promise<void> {
    const now = this.#now();
    let changed = false;
    for (const [node, slots] of Object.entries(this.#kept.entries)) {
      const used = new Map([...(inUse.get(node) ?? [])].map((binding) => [slotOf(binding), binding]));
      for (const [slot, entry] of Object.entries(slots)) {
        const before = JSON.stringify(entry);
        const binding = used.get(slot);
        if (binding !== undefined) Object.assign(entry, { deployed: true, binding });
        const isThere = binding !== undefined || (inUse.get(node) === undefined && configured.has(node));
        if (isThere) delete entry.removedAt;
        else if (entry.deployed) entry.removedAt ??= now;
        const kept = entry.removedAt === undefined ? UNDEPLOYED_MS : REMOVED_MS;
        if (!isThere && now - (entry.removedAt ?? entry.savedAt) >= kept) delete slots[slot];
        changed ||= slots[slot] === undefined || before !== JSON.stringify(entry);
      }
      if (Object.keys(slots).length === 0) delete this.#kept.entries[node];
    }
    if (changed) await this.#write();
  }

  /** Everything that can be read here and moved to another store, and how many entries cannot. */
  all(): { kept: { node: string; binding: string; tokens: Tokens }[]; unreadable: number } {
    const kept: { node: string; binding: string; tokens: Tokens }[] = [];
    let unreadable = 0;
    for (const [node, slots] of Object.entries(this.#kept.entries))
      for (const entry of Object.values(slots)) {
        const { binding } = entry;
        const tokens = binding === undefined ? undefined : this.#open(entry, `${node}\n${binding}`);
        if (binding === undefined || tokens === undefined) unreadable += 1;
        else kept.push({ node, binding, tokens });
      }
    return { kept, unreadable };
  }

  #seal(tokens: Tokens, bound: string): Entry {
    const which = this.#secretKey === undefined ? 'own' : 'secret';
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(which) ?? this.#makeOwnKey(), iv);
    cipher.setAAD(Buffer.from(bound));
    const data = Buffer.concat([cipher.update(JSON.stringify(tokens), 'utf8'), cipher.final()]);
    return {
      key: which,
      iv: iv.toString('base64'),
      tag: cipher.getAuthTag().toString('base64'),
      data: data.toString('base64'),
      savedAt: this.#now(),
    };
  }

  #open(entry: Entry, bound: string): Tokens | undefined {
    try {
      const key = this.#keyOf(entry.key);
      if (key === undefined) return undefined;
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(entry.iv, 'base64'), {
        authTagLength: 16,
      });
      decipher.setAAD(Buffer.from(bound));
      decipher.setAuthTag(Buffer.from(entry.tag, 'base64'));
      const text = Buffer.concat([
        decipher.update(Buffer.from(entry.data, 'base64')),
        decipher.final(),
      ]).toString('utf8');
      const tokens = JSON.parse(text) as Tokens;
      return typeof tokens.accessToken === 'string' ? tokens : undefined;
    } catch {
      // Another secret, another binding, or damage: no one is signed in then, and signing in mends it.
      return undefined;
    }
  }

  #keyOf(which: 'secret' | 'own'): Buffer | undefined {
    if (which === 'secret') return this.#secretKey;
    if (which !== 'own') return undefined;
    const settings = this.#kept.ownKey;
    return this.#keyFile?.read() ?? (settings === undefined ? undefined : Buffer.from(settings, 'base64'));
  }

  #makeOwnKey(): Buffer {
    const key = randomBytes(32);
    this.#keepKey(key);
    return key;
  }

  /** In a file that only its owner may read; where none can be written, among the settings as before. */
  #keepKey(key: Buffer): void {
    if (this.#keyFile?.write(key)) delete this.#kept.ownKey;
    else this.#kept.ownKey = key.toString('base64');
  }

  /** 0.1.0 kept the key beside what it encrypts, in a file that every user of the machine may read. */
  #moveKey(): void {
    const { ownKey } = this.#kept;
    if (ownKey === undefined || this.#keyFile === undefined || this.#readOnly) return;
    if (this.#keyFile.read() === undefined) this.#keepKey(Buffer.from(ownKey, 'base64'));
    else delete this.#kept.ownKey;
    if (this.#kept.ownKey === undefined) this.#write().catch(() => undefined);
  }

  #write(): Promise<void> {
    const written = this.#writing.then(async () => {
      if (this.#readOnly) throw new Error('the settings of this Node-RED are read-only');
      await this.#assertOwner();
      // The runtime keeps the object it is given, and ours changes later.
      await this.#settings.set(SETTINGS_KEY, structuredClone(this.#kept));
    });
    this.#writing = written.catch(() => undefined);
    return written;
  }
}

const slotOf = (binding: string): string =>
  createHash('sha256').update(binding).digest('base64url').slice(0, 22);

/** Objects from a file are asked for their own keys only: a node may be called `constructor`. */
function own<T>(record: Record<string, T> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Settings may not be there yet (the test helper), or they were edited by hand: what is of no use is left out. */
function readKept(settings: SettingsStore): Kept {
  const kept: Kept = { version: 1, entries: {} };
  try {
    const value = settings.get(SETTINGS_KEY) as Partial<Kept> | undefined;
    if (value?.version !== 1 || !isObject(value.entries)) return kept;
    const { ownKey } = value;
    if (typeof ownKey === 'string' && Buffer.from(ownKey, 'base64').length === 32) kept.ownKey = ownKey;
    for (const [node, slots] of Object.entries(value.entries)) {
      if (!isObject(slots)) continue;
      kept.entries[node] = structuredClone(
        Object.fromEntries(Object.entries(slots).filter(([, entry]) => isObject(entry))),
      );
    }
  } catch {
    // No one is signed in then.
  }
  return kept;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

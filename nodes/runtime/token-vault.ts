import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { TokenStore, Tokens } from '../oauth2';

/** The one name under which everything of ours stands in the runtime's settings. */
export const SETTINGS_KEY = 'redletterOauth2';
/** Tokens of a sign-in that was never deployed are kept this long. */
export const UNDEPLOYED_MS = 24 * 60 * 60 * 1000;

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
  /** ms since the epoch */
  savedAt: number;
}

interface Kept {
  version: 1;
  /** Base64 of 32 random bytes; obfuscation only, since it lies beside what it locks. */
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
  private readonly settings: SettingsStore;
  private readonly readOnly: boolean;
  private readonly now: () => number;
  private readonly secretKey: Buffer | undefined;
  private kept: Kept;
  /** Each write replaces the whole object, so they go one after the other. */
  private writing: Promise<void> = Promise.resolve();

  constructor({ settings, secret, readOnly, now }: TokenVaultOptions) {
    this.settings = settings;
    this.readOnly = readOnly ?? false;
    this.now = now ?? Date.now;
    this.secretKey = secret
      ? Buffer.from(hkdfSync('sha256', secret, '', 'redletter oauth2 tokens', 32))
      : undefined;
    this.kept = readKept(settings);
  }

  /** One account's place. `binding` is what the tokens are bound to; other bindings of the node stay beside it. */
  store(node: string, binding: string): TokenStore {
    const slot = slotOf(binding);
    const bound = `${node}\n${binding}`;
    return {
      load: async () => {
        const entry = own(own(this.kept.entries, node), slot);
        return entry === undefined ? undefined : this.open(entry, bound);
      },
      save: async (tokens) => {
        const slots = own(this.kept.entries, node) ?? {};
        this.kept.entries[node] = slots;
        slots[slot] = this.seal(tokens, bound);
        await this.write();
      },
      delete: async () => {
        const slots = own(this.kept.entries, node);
        if (slots === undefined || own(slots, slot) === undefined) return;
        delete slots[slot];
        if (Object.keys(slots).length === 0) delete this.kept.entries[node];
        await this.write();
      },
    };
  }

  /**
   * Forgets what a day has not brought into use: a sign-in never deployed, or one for a client since changed.
   * @param inUse the running nodes with their present bindings
   * @param configured every node of the flows; one that is disabled keeps what it has
   */
  async sweep(
    inUse: ReadonlyMap<string, ReadonlySet<string>>,
    configured: ReadonlySet<string>,
  ): Promise<void> {
    let swept = false;
    for (const [node, slots] of Object.entries(this.kept.entries)) {
      const bindings = inUse.get(node);
      if (bindings === undefined && configured.has(node)) continue;
      const used = new Set([...(bindings ?? [])].map(slotOf));
      for (const [slot, entry] of Object.entries(slots)) {
        if (used.has(slot) || this.now() - entry.savedAt < UNDEPLOYED_MS) continue;
        delete slots[slot];
        swept = true;
      }
      if (Object.keys(slots).length === 0) delete this.kept.entries[node];
    }
    if (swept) await this.write();
  }

  /** Forgets everything of one node: it was removed by a deploy. */
  async forget(node: string): Promise<void> {
    if (own(this.kept.entries, node) === undefined) return;
    delete this.kept.entries[node];
    await this.write();
  }

  /** The nodes that have an entry. */
  nodes(): string[] {
    return Object.keys(this.kept.entries);
  }

  private seal(tokens: Tokens, bound: string): Entry {
    const which = this.secretKey === undefined ? 'own' : 'secret';
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.keyOf(which) ?? this.makeOwnKey(), iv);
    cipher.setAAD(Buffer.from(bound));
    const data = Buffer.concat([cipher.update(JSON.stringify(tokens), 'utf8'), cipher.final()]);
    return {
      key: which,
      iv: iv.toString('base64'),
      tag: cipher.getAuthTag().toString('base64'),
      data: data.toString('base64'),
      savedAt: this.now(),
    };
  }

  private open(entry: Entry, bound: string): Tokens | undefined {
    try {
      const key = this.keyOf(entry.key);
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
      // Another secret, another binding, or damage: nobody is signed in then, and signing in mends it.
      return undefined;
    }
  }

  private keyOf(which: 'secret' | 'own'): Buffer | undefined {
    if (which === 'secret') return this.secretKey;
    return which === 'own' && this.kept.ownKey !== undefined
      ? Buffer.from(this.kept.ownKey, 'base64')
      : undefined;
  }

  private makeOwnKey(): Buffer {
    const key = randomBytes(32);
    this.kept.ownKey = key.toString('base64');
    return key;
  }

  private write(): Promise<void> {
    const written = this.writing.then(async () => {
      if (this.readOnly) throw new Error('the settings of this Node-RED are read-only');
      // The runtime keeps the object it is given; ours goes on changing.
      await this.settings.set(SETTINGS_KEY, structuredClone(this.kept));
    });
    this.writing = written.catch(() => undefined);
    return written;
  }
}

const slotOf = (binding: string): string =>
  createHash('sha256').update(binding).digest('base64url').slice(0, 22);

/** Objects from a file are asked for their own keys only: a node may be called `constructor`. */
function own<T>(record: Record<string, T> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Settings may not be there yet (the test helper), or somebody has edited them by hand: what is of no use is left out. */
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
    // Nobody is signed in then.
  }
  return kept;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

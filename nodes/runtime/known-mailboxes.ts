import type { SettingsStore } from './token-vault';

/** Where they are kept among the settings of the runtime. */
const KEY = 'redletterMailboxes';

/**
 * Which mailboxes have had a ledger, kept with the runtime's settings rather than beside the ledgers: a container whose
 * user directory is new each time, but whose settings are not, is noticed.
 */
export class KnownMailboxes {
  readonly #settings: SettingsStore;
  /** Added by this runtime: each check adds its mailbox, and the list may hold ten thousand. */
  readonly #added = new Set<string>();

  constructor(settings: SettingsStore) {
    this.#settings = settings;
  }

  has(key: string): boolean {
    return this.#all.includes(key);
  }

  /** Never rejects: where settings cannot be written, nothing is noticed. */
  async add(key: string): Promise<void> {
    if (this.#added.has(key)) return;
    const all = this.#all;
    try {
      if (!all.includes(key)) await this.#settings.set(KEY, [...all, key]);
      this.#added.add(key);
    } catch {
      // Settings may be read-only.
    }
  }

  get #all(): string[] {
    try {
      const found = this.#settings.get(KEY);
      return Array.isArray(found) ? found.map(String) : [];
    } catch {
      // Node-RED throws before its settings are loaded.
      return [];
    }
  }
}

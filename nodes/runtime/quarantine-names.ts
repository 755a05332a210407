import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** What a person recognizes a quarantined mail by. */
export interface QuarantineName {
  subject?: string;
  from?: string;
  /** When its last attempt failed, ms since the epoch. */
  at?: number;
}

/** Mails of a mailbox that are remembered; the newest. */
const MOST_REMEMBERED = 100;

/**
 * The names of quarantined mails by mailbox and unique ID, on disk, so that they are known after a restart too. They are
 * there to be read by a person: where the file cannot be read or written, the unique ID has to do.
 */
export class QuarantineNames {
  readonly #file: string;
  #byMailbox: Map<string, Map<string, QuarantineName>> | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  get(mailbox: string, uid: string): QuarantineName | undefined {
    return this.#loaded().get(mailbox)?.get(uid);
  }

  set(mailbox: string, uid: string, name: QuarantineName): void {
    const known = this.#loaded();
    const names = known.get(mailbox) ?? new Map<string, QuarantineName>();
    known.set(mailbox, names);
    names.delete(uid);
    names.set(uid, name);
    const [oldest] = names.keys();
    if (names.size > MOST_REMEMBERED && oldest !== undefined) names.delete(oldest);
    this.#save();
  }

  /** Forgets every mailbox that is not in use any more. */
  keepOnly(mailboxes: ReadonlySet<string>): void {
    const known = this.#loaded();
    const gone = [...known.keys()].filter((mailbox) => !mailboxes.has(mailbox));
    for (const mailbox of gone) known.delete(mailbox);
    if (gone.length > 0) this.#save();
  }

  #loaded(): Map<string, Map<string, QuarantineName>> {
    this.#byMailbox ??= readNames(this.#file);
    return this.#byMailbox;
  }

  /** A quarantine is rare, and the file small: written whole, in place of the old one. */
  #save(): void {
    const lists = [...this.#loaded()].map(([mailbox, names]) => [mailbox, [...names]]);
    try {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
      writeFileSync(`${this.#file}.new`, JSON.stringify(lists), { mode: 0o600 });
      renameSync(`${this.#file}.new`, this.#file);
    } catch {
      // In memory they are known all the same.
    }
  }
}

function readNames(file: string): Map<string, Map<string, QuarantineName>> {
  try {
    const lists = JSON.parse(readFileSync(file, 'utf8')) as [string, [string, QuarantineName][]][];
    return new Map(lists.map(([mailbox, names]) => [String(mailbox), new Map(names)]));
  } catch {
    return new Map();
  }
}

import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SparseMap } from '../../../base/sparse';
import { MailboxError } from '../../errors';
import type { ListedMail } from '../../listing';
import { type Spool, type SpooledMail, type SpoolFacts, spooledMailGone, spoolName } from '../spool';
import type { OpenFile } from './log';
import { syncFolder } from './sync-folder';

type RemoveFile = (file: string, options: { force: true }) => Promise<void>;

interface Found {
  /** Of its file. */
  name: string;
  /** When it was written, ms since the epoch. */
  at: number;
  mail: SpooledMail;
}

/** The first line of a file is this long at most, bytes: a unique ID and a few numbers. */
const LONGEST_LABEL = 64 * 1024;
/** Of which this much is kept for what is known only when the mail has come. */
const FACTS_ROOM = 256;

/**
 * A file for each mail, beside the ledger: one line that says which mail it is, then the mail as it came. On the disk
 * before the session ends, since some servers show a mail only once.
 */
export class FileSpool implements Spool {
  readonly #folder: string;
  readonly #openFile: OpenFile;
  readonly #removeFile: RemoveFile;
  readonly #mails = new SparseMap<string, SpooledMail>();
  /** What is done to a file, by its name: one thing after the other. */
  readonly #pending = new SparseMap<string, Promise<void>>();

  /** A file has come whose name may not be on the disk yet. */
  #unsynced = false;

  private constructor(folder: string, openFile: OpenFile, removeFile: RemoveFile) {
    this.#folder = folder;
    this.#openFile = openFile;
    this.#removeFile = removeFile;
  }

  /** @throws MailboxError STORE */
  static async open(
    folder: string,
    openFile: OpenFile = open,
    removeFile: RemoveFile = rm,
  ): Promise<FileSpool> {
    const spool = new FileSpool(folder, openFile, removeFile);
    try {
      const found: Found[] = [];
      for (const name of await readdir(folder)) {
        const file = join(folder, name);
        // A file that was being written when the process ended: the server still has that mail.
        if (name.endsWith('.new')) await rm(file, { force: true });
        else found.push(...(await spool.#look(name)));
      }
      // As they came: some clocks tell files of one session apart by their numbers only.
      found.sort((a, b) => a.at - b.at || a.mail.number - b.mail.number);
      for (const { name, mail } of found) spool.#mails.set(name, mail);
    } catch (error) {
      // It is made when the first mail comes.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw spool.#storeError(error);
    }
    return spool;
  }

  get place(): string {
    return this.#folder;
  }

  get(key: string): SpooledMail | undefined {
    const mail = this.#mails.get(spoolName(key));
    return mail?.key === key ? mail : undefined;
  }

  /** By the name of its file. */
  named(name: string): SpooledMail | undefined {
    return this.#mails.get(name);
  }

  get size(): number {
    return this.#mails.size;
  }

  all(): SpooledMail[] {
    return [...this.#mails.values()];
  }

  async put(mail: ListedMail, body: AsyncIterable<Buffer>, facts: () => SpoolFacts): Promise<SpooledMail> {
    const name = spoolName(mail.key);
    const file = join(this.#folder, name);
    const temporary = `${file}.new`;
    const label = { key: mail.key, uid: mail.uid ?? mail.key.slice(1), number: mail.number };
    const room = Buffer.byteLength(JSON.stringify(label)) + FACTS_ROOM;
    let bytes = 0;
    let known: SpoolFacts | undefined;
    let failure: unknown;
    // Not before it is needed, and the folder may have been removed while Node-RED runs.
    await this.#stored(mkdir(this.#folder, { recursive: true, mode: 0o700 }));
    const handle = await this.#stored(this.#openFile(temporary, 'w', 0o600));
    try {
      // Blanks until the facts are known: the label comes first in the file.
      await this.#stored(handle.writeFile(`${' '.repeat(room)}\n`));
      for await (const chunk of body) {
        bytes += chunk.length;
        await this.#stored(handle.writeFile(chunk));
      }
      known = facts();
      const line = Buffer.from(JSON.stringify({ ...label, ...known }));
      await this.#stored(handle.write(line, 0, line.length, 0));
      await this.#stored(handle.sync());
    } catch (error) {
      failure = error;
    } finally {
      await handle.close();
    }
    if (known === undefined || failure !== undefined) {
      await rm(temporary, { force: true });
      throw failure;
    }
    const spooled = { ...label, ...known, bytes: known.whole ? bytes : (mail.bytes ?? bytes) };
    await this.#inTurn(name, async () => {
      await this.#stored(rename(temporary, file));
      this.#unsynced = true;
      this.#mails.set(name, spooled);
    });
    return spooled;
  }

  /** Puts the names of what was taken in on the disk, as a power failure may ask for. Not every file system can. */
  async sync(): Promise<void> {
    if (!this.#unsynced) return;
    this.#unsynced = false;
    for (const folder of [this.#folder, dirname(this.#folder)]) await syncFolder(folder, this.#openFile);
  }

  /** Drops what is known of a mail whose file has gone. */
  forget(key: string): void {
    this.#mails.delete(spoolName(key));
  }

  /** The bytes as they came. @throws MailboxError STORE; `spooled-mail-gone` where the file is no longer there */
  async *read(key: string): AsyncIterable<Buffer> {
    let labelled = true;
    try {
      for await (const chunk of createReadStream(join(this.#folder, spoolName(key)))) {
        const bytes = chunk as Buffer;
        if (!labelled) yield bytes;
        else {
          // The label is written in one piece at the very beginning and is far shorter than a chunk.
          const end = bytes.indexOf(0x0a);
          labelled = false;
          if (end + 1 < bytes.length) yield bytes.subarray(end + 1);
        }
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw this.#storeError(error);
      const uid = this.get(key)?.uid;
      throw spooledMailGone(this.#folder, uid, error);
    }
  }

  async remove(key: string): Promise<void> {
    const name = spoolName(key);
    this.#mails.delete(name);
    await this.#inTurn(name, async () => {
      this.#mails.delete(name);
      await this.#stored(this.#removeFile(join(this.#folder, name), { force: true }));
    });
  }

  /** Another mail may come under the same unique ID while the file of the one before is being removed. */
  #inTurn(name: string, run: () => Promise<void>): Promise<void> {
    const running = (this.#pending.get(name) ?? Promise.resolve()).then(run);
    const ended = running
      .catch(() => undefined)
      .then(() => {
        if (this.#pending.get(name) === ended) this.#pending.delete(name);
      });
    this.#pending.set(name, ended);
    return running;
  }

  /** The mail in this file, if it is one of ours. */
  async #look(name: string): Promise<Found[]> {
    const handle = await open(join(this.#folder, name), 'r');
    try {
      const { size, mtimeMs } = await handle.stat();
      const start = Buffer.alloc(Math.min(size, LONGEST_LABEL));
      await handle.read(start, 0, start.length, 0);
      const end = start.indexOf(0x0a);
      const label = parsed(start.toString('utf8', 0, Math.max(0, end)));
      // What is not ours is left alone.
      if (label === undefined || spoolName(label.key) !== name) return [];
      return [{ name, at: mtimeMs, mail: { ...label, bytes: size - end - 1 } }];
    } finally {
      await handle.close();
    }
  }

  #stored<T>(writing: Promise<T>): Promise<T> {
    return writing.catch((error) => {
      throw this.#storeError(error);
    });
  }

  #storeError(cause: unknown): MailboxError {
    if (cause instanceof MailboxError) return cause;
    const system = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    return new MailboxError('STORE', system === 'ENOSPC' ? 'disk-full' : 'folder-unwritable', {
      facts: { folder: this.#folder, file: this.#folder, system },
      cause,
    });
  }
}

function parsed(text: string): Omit<SpooledMail, 'bytes'> | undefined {
  try {
    const label = JSON.parse(text) as Partial<SpooledMail>;
    if (typeof label.key !== 'string' || typeof label.uid !== 'string') return undefined;
    const { key, uid, fingerprint, listedBytes, incomplete } = label;
    return {
      key,
      uid,
      number: Number(label.number) || 0,
      whole: label.whole === true,
      ...(typeof fingerprint === 'string' && { fingerprint }),
      ...(typeof listedBytes === 'number' && { listedBytes }),
      ...(incomplete === true && { incomplete }),
    };
  } catch {
    return undefined;
  }
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MailboxError } from '../../errors';
import type { ListedMail } from '../../listing';
import type { OpenFile } from './journal';

/** A mail that waits for its acknowledgement. */
export interface SpooledMail {
  key: string;
  uid: string;
  number: number;
  /** Octets of the whole mail. */
  size: number;
  /** False where only its headers are here. */
  whole: boolean;
}

interface Found {
  /** Of its file. */
  name: string;
  /** When it was written, ms since the epoch. */
  at: number;
  mail: SpooledMail;
}

/** The first line of a file is this long at most, octets: a unique-id and a few numbers. */
const LONGEST_LABEL = 64 * 1024;

/**
 * The bytes of mails not yet settled, a file each beside the ledger: one line that says which mail it is, then the
 * mail as it came. On the disk before the session ends, since some servers show a mail only once.
 */
export class Spool {
  private readonly mails = new Map<string, SpooledMail>();

  /** A file has come whose name may not be on the disk yet. */
  private unsynced = false;

  private constructor(
    private readonly folder: string,
    private readonly openFile: OpenFile,
  ) {}

  /** @throws MailboxError STORE */
  static async open(folder: string, openFile: OpenFile = open): Promise<Spool> {
    const spool = new Spool(folder, openFile);
    try {
      const found: Found[] = [];
      for (const name of await readdir(folder)) {
        const file = join(folder, name);
        // A file that was being written when the process ended: the server still has that mail.
        if (name.endsWith('.new')) await rm(file, { force: true });
        else found.push(...(await spool.look(name)));
      }
      // As they came: some clocks tell files of one session apart by their numbers only.
      found.sort((a, b) => a.at - b.at || a.mail.number - b.mail.number);
      for (const { name, mail } of found) spool.mails.set(name, mail);
    } catch (error) {
      // It is made when the first mail comes.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw spool.storeError(error);
    }
    return spool;
  }

  /** The name of a mail's file: safe in any file system, and good to know the mail by. */
  static nameOf(key: string): string {
    return createHash('sha256').update(key).digest('hex').slice(0, 32);
  }

  get(key: string): SpooledMail | undefined {
    const mail = this.mails.get(Spool.nameOf(key));
    return mail?.key === key ? mail : undefined;
  }

  /** By the name of its file. */
  named(name: string): SpooledMail | undefined {
    return this.mails.get(name);
  }

  get size(): number {
    return this.mails.size;
  }

  all(): SpooledMail[] {
    return [...this.mails.values()];
  }

  /**
   * Takes a mail in. Its bytes are on the disk when it resolves, its name after {@link sync}.
   * @throws MailboxError STORE, or what the body throws; nothing is kept then
   */
  async put(mail: ListedMail, body: AsyncIterable<Buffer>, whole: boolean): Promise<number> {
    const name = Spool.nameOf(mail.key);
    const file = join(this.folder, name);
    const temporary = `${file}.new`;
    let size = 0;
    let failure: unknown;
    // Not before it is needed, and somebody may have tidied up while Node-RED runs.
    await this.stored(mkdir(this.folder, { recursive: true, mode: 0o700 }));
    const handle = await this.stored(this.openFile(temporary, 'w', 0o600));
    try {
      const label = { key: mail.key, uid: mail.uid ?? mail.key.slice(1), number: mail.number, whole };
      await this.stored(handle.writeFile(`${JSON.stringify(label)}\n`));
      for await (const chunk of body) {
        size += chunk.length;
        await this.stored(handle.writeFile(chunk));
      }
      await this.stored(handle.sync());
    } catch (error) {
      failure = error;
    } finally {
      await handle.close();
    }
    if (failure !== undefined) {
      await rm(temporary, { force: true });
      throw failure;
    }
    await this.stored(rename(temporary, file));
    this.unsynced = true;
    this.mails.set(name, {
      key: mail.key,
      uid: mail.uid ?? mail.key.slice(1),
      number: mail.number,
      size: whole ? size : (mail.octets ?? size),
      whole,
    });
    return size;
  }

  /** Puts the names of what was taken in on the disk, as a power failure may ask for. Not every file system can. */
  async sync(): Promise<void> {
    if (!this.unsynced) return;
    this.unsynced = false;
    for (const folder of [this.folder, dirname(this.folder)]) {
      const handle = await this.openFile(folder, 'r').catch(() => undefined);
      await handle?.sync().catch(() => undefined);
      await handle?.close();
    }
  }

  /** Drops what is known of a mail whose file has gone. */
  forget(key: string): void {
    this.mails.delete(Spool.nameOf(key));
  }

  /** The bytes as they came. @throws MailboxError STORE; `spooled-mail-gone` where the file is no longer there */
  async *read(key: string): AsyncIterable<Buffer> {
    let labelled = true;
    try {
      for await (const chunk of createReadStream(join(this.folder, Spool.nameOf(key)))) {
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
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw this.storeError(error);
      const uid = this.get(key)?.uid;
      throw this.gone(uid, error);
    }
  }

  /** What is said of a mail that ought to be here. */
  gone(uid: string | undefined, cause?: unknown): MailboxError {
    return new MailboxError('STORE', 'spooled-mail-gone', { facts: { folder: this.folder, uid }, cause });
  }

  async remove(key: string): Promise<void> {
    this.mails.delete(Spool.nameOf(key));
    await this.stored(rm(join(this.folder, Spool.nameOf(key)), { force: true }));
  }

  /** The mail in this file, if it is one of ours. */
  private async look(name: string): Promise<Found[]> {
    const handle = await open(join(this.folder, name), 'r');
    try {
      const { size, mtimeMs } = await handle.stat();
      const start = Buffer.alloc(Math.min(size, LONGEST_LABEL));
      await handle.read(start, 0, start.length, 0);
      const end = start.indexOf(0x0a);
      const label = parsed(start.toString('utf8', 0, Math.max(0, end)));
      // What is not ours is left alone.
      if (label === undefined || Spool.nameOf(label.key) !== name) return [];
      return [{ name, at: mtimeMs, mail: { ...label, size: size - end - 1 } }];
    } finally {
      await handle.close();
    }
  }

  private stored<T>(writing: Promise<T>): Promise<T> {
    return writing.catch((error) => {
      throw this.storeError(error);
    });
  }

  private storeError(cause: unknown): MailboxError {
    if (cause instanceof MailboxError) return cause;
    const system = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    return new MailboxError('STORE', system === 'ENOSPC' ? 'disk-full' : 'folder-unwritable', {
      facts: { folder: this.folder, file: this.folder, system },
      cause,
    });
  }
}

function parsed(text: string): Omit<SpooledMail, 'size'> | undefined {
  try {
    const label = JSON.parse(text) as Partial<SpooledMail>;
    if (typeof label.key !== 'string' || typeof label.uid !== 'string') return undefined;
    return { key: label.key, uid: label.uid, number: Number(label.number) || 0, whole: label.whole === true };
  } catch {
    return undefined;
  }
}

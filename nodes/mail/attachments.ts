// What becomes of the attachments of one mail: into memory, into files, or measured and let go.
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MailError } from './error';
import type { AttachmentMode, MailAttachment } from './message';
import { NamesOfOneMail, safeName, withSuffix } from './names';
import type { Sink } from './sink';

/** Bytes gathered before a write: files are written in few large pieces. */
const WRITE_SIZE = 256 * 1024;

/** What is known of an attachment before its bytes. */
export type AttachmentHead = Pick<
  MailAttachment,
  'filename' | 'contentType' | 'contentDisposition' | 'contentId' | 'cid' | 'related' | 'headers' | 'partId'
>;

/** Bytes in memory, in one piece from the start where it is known how many may come. */
class Gathered {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  /** @param most how many may still come, these included */
  add(chunk: Buffer, most: number): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#bytes.length) {
      const room = this.#length === 0 ? needed : roomFor(needed, this.#length + most);
      const larger = Buffer.allocUnsafeSlow(room);
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    chunk.copy(this.#bytes, this.#length);
    this.#length = needed;
  }

  take(): Buffer {
    const bytes = this.#bytes;
    const length = this.#length;
    this.#bytes = Buffer.alloc(0);
    // What was not needed is given back, unless it is little: room for base64 is a quarter too much.
    return length > bytes.length * 0.7 ? bytes.subarray(0, length) : Buffer.from(bytes.subarray(0, length));
  }
}

/**
 * Room for more than what is there: all that may come as soon as that is not far, since memory that is not touched costs
 * nothing, and what is copied to a larger place does. The first chunk tells nothing yet: most attachments are small.
 */
function roomFor(needed: number, most: number): number {
  if (needed > most) return needed * 2;
  return needed * 64 >= most ? most : needed * 16;
}

/** One attachment while its bytes come. */
class Taking implements Sink {
  readonly keepsCopies = true;
  readonly #attachment: MailAttachment;
  readonly #owner: Attachments;
  readonly #mode: AttachmentMode;
  readonly #whole: ((bytes: Buffer) => void) | undefined;
  readonly #hash = createHash('sha256');
  readonly #gathered = new Gathered();
  #pending: Buffer[] = [];
  #pendingSize = 0;
  #size = 0;

  constructor(
    attachment: MailAttachment,
    owner: Attachments,
    mode: AttachmentMode,
    whole: ((bytes: Buffer) => void) | undefined,
  ) {
    this.#attachment = attachment;
    this.#owner = owner;
    this.#mode = mode;
    this.#whole = whole;
  }

  write(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#size += bytes.length;
    this.#hash.update(bytes);
    if (this.#mode === 'buffer' || this.#whole) this.#gathered.add(bytes, this.#owner.most);
    if (this.#mode !== 'file') return;
    this.#pending.push(Buffer.from(bytes));
    this.#pendingSize += bytes.length;
    if (this.#pendingSize >= WRITE_SIZE) this.#flush(false);
  }

  end(): void {
    const attachment = this.#attachment;
    attachment.size = attachment.length = this.#size;
    attachment.checksum = this.#hash.digest('hex');
    if (this.#mode === 'file') this.#flush(true);
    if (this.#mode !== 'buffer' && !this.#whole) return;
    const bytes = this.#gathered.take();
    if (this.#mode === 'buffer') attachment.content = bytes;
    this.#whole?.(bytes);
  }

  #flush(last: boolean): void {
    this.#owner.save(this.#attachment, Buffer.concat(this.#pending, this.#pendingSize), last);
    this.#pending = [];
    this.#pendingSize = 0;
  }
}

export class Attachments {
  readonly #mode: AttachmentMode;
  readonly #directory: string;
  readonly #groupReadable: boolean;
  readonly #openFile: (path: string, flags: number, mode: number) => Promise<FileHandle>;
  /** In the order of the mail. */
  readonly list: MailAttachment[] = [];
  readonly #byHeaders = new Map<MailAttachment['headers'], MailAttachment>();
  /** Bytes that may still come, as far as is known. */
  most = 0;
  readonly #names = new NamesOfOneMail();
  readonly #paths: string[] = [];
  /** Writes that have not been done. */
  #waiting: (() => Promise<void>)[] = [];
  /** Those that are open. */
  readonly #files = new Map<MailAttachment, { handle: FileHandle; path: string }>();
  /** The writing under way; discarding waits for it. */
  #writing: Promise<unknown> = Promise.resolve();
  #discarded = false;

  /**
   * @param directory for mode `file`: where the files go; it is made when missing
   * @param groupReadable the group of the process may read them too
   * @param openFile opens a file as fs does
   */
  constructor(
    mode: AttachmentMode,
    { directory = '', groupReadable = false }: { directory?: string; groupReadable?: boolean } = {},
    openFile: (path: string, flags: number, mode: number) => Promise<FileHandle> = open,
  ) {
    this.#mode = mode;
    this.#directory = directory;
    this.#groupReadable = groupReadable;
    this.#openFile = openFile;
  }

  /**
   * Begins an attachment, whose bytes go into what is given back.
   *
   * @param whole is called with all of them, wherever else they go
   */
  begin(head: AttachmentHead, whole?: (bytes: Buffer) => void): Sink {
    const generatedFileName = this.#names.next(head.filename, head.contentType);
    const attachment: MailAttachment = {
      ...(head.filename !== undefined && { filename: head.filename }),
      fileName: (head.filename && safeName(head.filename)) || generatedFileName,
      generatedFileName,
      contentType: head.contentType,
      ...(head.contentDisposition !== undefined && { contentDisposition: head.contentDisposition }),
      ...(head.contentId !== undefined && { contentId: head.contentId }),
      ...(head.cid !== undefined && { cid: head.cid }),
      ...(head.related !== undefined && { related: head.related }),
      headers: head.headers,
      partId: head.partId,
      size: 0,
      length: 0,
      checksum: '',
    };
    this.list.push(attachment);
    this.#byHeaders.set(head.headers, attachment);
    return new Taking(attachment, this, this.#mode, whole);
  }

  /** Names the attachment of these headers, which tell its name only now; a file keeps the one it has. */
  rename(headers: MailAttachment['headers'], filename: string): void {
    const attachment = this.#byHeaders.get(headers);
    if (!attachment) return;
    attachment.filename = filename;
    if (this.#mode !== 'file')
      attachment.generatedFileName = this.#names.next(filename, attachment.contentType);
    attachment.fileName = safeName(filename) || attachment.generatedFileName;
  }

  /** Has bytes written to the file of an attachment, after those before them. */
  save(attachment: MailAttachment, bytes: Buffer, last: boolean): void {
    this.#waiting.push(async () => {
      const file =
        this.#files.get(attachment) ?? (await this.#stored(this.#create(attachment.generatedFileName)));
      this.#files.set(attachment, file);
      await this.#stored(writeAll(file.handle, bytes));
      if (!last) return;
      // Some file systems tell only now that the disk is full.
      await this.#stored(file.handle.close());
      this.#files.delete(attachment);
      attachment.path = file.path;
    });
  }

  /** Whether bytes wait to be written. */
  get isBehind(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Writes what waits.
   *
   * @throws MailError STORE when a file cannot be written
   */
  async written(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      const writing = next();
      this.#writing = writing.catch(() => {});
      await writing;
    }
  }

  /** Removes the files written for this mail. Never rejects. */
  async discard(): Promise<void> {
    this.#discarded = true;
    this.#waiting = [];
    await this.#writing;
    for (const { handle } of this.#files.values()) await handle.close().catch(() => {});
    this.#files.clear();
    await Promise.all(this.#paths.splice(0).map((path) => unlink(path).catch(() => {})));
  }

  /** Never overwrites, never follows a link: a file that is there already makes the name change. */
  async #create(name: string): Promise<{ handle: FileHandle; path: string }> {
    const { O_CREAT, O_EXCL, O_WRONLY } = constants;
    const directory = resolve(this.#directory);
    let made = false;
    for (let candidate = name; ; ) {
      if (this.#discarded) throw new Error('the mail was discarded');
      const path = join(directory, candidate);
      try {
        const handle = await this.#openFile(
          path,
          O_CREAT | O_EXCL | O_WRONLY,
          this.#groupReadable ? 0o640 : 0o600,
        );
        this.#paths.push(path);
        return { handle, path };
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EEXIST') candidate = withSuffix(name, randomBytes(6).toString('hex'));
        else if (code === 'ENOENT' && !made) {
          await mkdir(directory, { recursive: true, mode: this.#groupReadable ? 0o750 : 0o700 });
          made = true;
        } else throw error;
      }
    }
  }

  /** An error of the file system, told as one of this room. */
  async #stored<T>(action: Promise<T>): Promise<T> {
    try {
      return await action;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new MailError('STORE', `${this.#directory}: ${reason}`, error);
    }
  }
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

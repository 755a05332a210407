// What becomes of the attachments of one mail: into memory, into files, or measured and let go.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { AttachmentStream } from 'mailparser';
import { MailError } from './error';
import type { AttachmentMode, MailAttachment } from './message';
import { NamesOfOneMail, safeName, withSuffix } from './names';

/** Bytes gathered before a write: files are written in few large pieces. */
const WRITE_SIZE = 256 * 1024;

/** An attachment whose bytes have all come. */
export type WholeAttachment = Omit<AttachmentStream, 'type' | 'content' | 'release'> & { content: Buffer };

export class Attachments {
  /** Those that are complete, in the order of the mail. */
  readonly list: MailAttachment[] = [];
  private readonly names = new NamesOfOneMail();
  private readonly paths: string[] = [];
  /** The write under way; discarding waits for it. */
  private writing: Promise<unknown> = Promise.resolve();
  private discarded = false;

  /**
   * @param directory for mode `file`: where the files go; it is made when missing
   * @param openFile opens a file as fs does
   */
  constructor(
    private readonly mode: AttachmentMode,
    private readonly directory = '',
    private readonly openFile: (path: string, flags: number, mode: number) => Promise<FileHandle> = open,
  ) {}

  /**
   * Takes one attachment to its end.
   *
   * @throws MailError STORE when a file cannot be written; the error of the stream when that fails
   */
  async take(stream: AttachmentStream): Promise<void> {
    const generatedFileName = this.names.next(stream.filename, stream.contentType);
    const kept: { content?: Buffer; path?: string } = {};
    if (this.mode === 'buffer') kept.content = await gather(stream);
    else if (this.mode === 'file') {
      const writing = this.save(stream, generatedFileName);
      this.writing = writing.catch(() => {});
      kept.path = await writing;
    } else {
      for await (const _ of stream.content);
    }
    this.keep(stream, generatedFileName, kept);
  }

  /** Whether `takeWhole` may be used: files are written piece by piece. */
  get inMemory(): boolean {
    return this.mode !== 'file';
  }

  /** Takes one whose bytes are all there. */
  takeWhole(one: WholeAttachment): void {
    const generatedFileName = this.names.next(one.filename, one.contentType);
    this.keep(one, generatedFileName, this.mode === 'buffer' ? { content: one.content } : {});
  }

  private keep(
    one: Omit<AttachmentStream, 'type' | 'content' | 'release'>,
    generatedFileName: string,
    kept: { content?: Buffer; path?: string },
  ): void {
    const size = one.size ?? 0;
    this.list.push({
      ...(one.filename !== undefined && { filename: one.filename }),
      fileName: (one.filename && safeName(one.filename)) || generatedFileName,
      generatedFileName,
      contentType: one.contentType,
      ...(one.contentDisposition !== undefined && { contentDisposition: one.contentDisposition }),
      ...(one.contentId !== undefined && { contentId: one.contentId }),
      ...(one.cid !== undefined && { cid: one.cid }),
      ...(one.related !== undefined && { related: one.related }),
      headers: one.headers,
      partId: one.partId,
      size,
      length: size,
      checksum: one.checksum ?? '',
      ...kept,
    });
  }

  /** Waits for the write under way, whatever comes of it. Never rejects. */
  async settled(): Promise<void> {
    await this.writing;
  }

  /** Removes the files written for this mail. Never rejects. */
  async discard(): Promise<void> {
    this.discarded = true;
    await this.writing;
    await Promise.all(this.paths.splice(0).map((path) => unlink(path).catch(() => {})));
  }

  private async save(stream: AttachmentStream, name: string): Promise<string> {
    const { file, path } = await this.stored(this.create(name));
    try {
      const pending: Buffer[] = [];
      let size = 0;
      for await (const chunk of stream.content as AsyncIterable<Buffer>) {
        pending.push(chunk);
        size += chunk.length;
        if (size < WRITE_SIZE) continue;
        await this.stored(writeAll(file, Buffer.concat(pending.splice(0), size)));
        size = 0;
      }
      if (size) await this.stored(writeAll(file, Buffer.concat(pending, size)));
      // Some file systems tell only now that the disk is full.
      await this.stored(file.close());
    } catch (error) {
      await file.close().catch(() => {});
      await unlink(path).catch(() => {});
      throw error;
    }
    this.paths.push(path);
    return path;
  }

  /** Never overwrites, never follows a link: a file that is there already makes the name change. */
  private async create(name: string): Promise<{ file: FileHandle; path: string }> {
    const { O_CREAT, O_EXCL, O_WRONLY } = constants;
    const directory = resolve(this.directory);
    let made = false;
    for (let candidate = name; ; ) {
      if (this.discarded) throw new Error('the mail was discarded');
      const path = join(directory, candidate);
      try {
        return { file: await this.openFile(path, O_CREAT | O_EXCL | O_WRONLY, 0o600), path };
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EEXIST') candidate = withSuffix(name, randomBytes(6).toString('hex'));
        else if (code === 'ENOENT' && !made) {
          await mkdir(directory, { recursive: true, mode: 0o700 });
          made = true;
        } else throw error;
      }
    }
  }

  /** An error of the file system, told as one of this room. */
  private async stored<T>(action: Promise<T>): Promise<T> {
    try {
      return await action;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new MailError('STORE', `An attachment could not be saved in ${this.directory}: ${reason}`, error);
    }
  }
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

function gather(stream: AttachmentStream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.content.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.content.once('end', () =>
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)),
    );
    stream.content.once('error', reject);
    stream.content.once('close', () => reject(new Error('the attachment ended early')));
  });
}

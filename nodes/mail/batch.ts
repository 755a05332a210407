// Many small mails, read by the very same code in the second thread.
import { availableParallelism } from 'node:os';
import type { MailMessage } from './message';
import type { BatchOptions } from './read';
import { secondThread, type Thread } from './thread';

/** Whether a second thread takes work off this one. */
export function canReadBatches({ content, attachments }: BatchOptions): boolean {
  return availableParallelism() > 1 && content !== 'headers' && attachments !== 'file';
}

/**
 * Reads mails, each given as the chunks in which it came. Never rejects: undefined where the second thread could not
 * do it, and they have to be read here.
 */
export async function readBatch(
  mails: Buffer[][],
  { content, attachments, trustedServers, reply }: BatchOptions,
  thread: Thread = secondThread,
): Promise<MailMessage[] | undefined> {
  const sizes = mails.map((chunks) => chunks.reduce((size, { length }) => size + length, 0));
  const bytes = new Uint8Array(sizes.reduce((all, size) => all + size, 0));
  let at = 0;
  for (const chunk of mails.flat()) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  try {
    const work = {
      bytes,
      sizes,
      options: { content, attachments, ...(trustedServers && { trustedServers }), ...(reply && { reply }) },
    };
    const messages = (await thread.run(work, [bytes.buffer])) as MailMessage[];
    for (const message of messages) restoreBuffers(message);
    return messages;
  } catch {
    return undefined;
  }
}

/** What was a Buffer comes out of another thread as its base class. */
function restoreBuffers(message: MailMessage): void {
  if (message.raw) message.raw = asBuffer(message.raw);
  for (const one of message.attachments) if (one.content) one.content = asBuffer(one.content);
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

// What runs in the second thread: one piece of work after the other.
import { parentPort } from 'node:worker_threads';
import type { MailMessage } from './message';
import { type BatchOptions, readMail } from './read';

/** Mails to be read, one behind the other in `bytes`. */
export interface Work {
  bytes: Uint8Array;
  /** Bytes of each mail. */
  sizes: number[];
  options: BatchOptions;
}

/** What the main thread gets back: the messages, or the message of an error. */
export interface Reply {
  id: number;
  result?: MailMessage[];
  error?: string;
}

async function readAll({ bytes, sizes, options }: Work): Promise<MailMessage[]> {
  const messages: MailMessage[] = [];
  let at = 0;
  for (const size of sizes) {
    const mail = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset + at, size);
    at += size;
    messages.push((await readMail(inOnePiece(mail), options)).message);
  }
  return messages;
}

async function* inOnePiece(mail: Buffer): AsyncGenerator<Buffer> {
  yield mail;
}

parentPort?.on('message', ({ id, work }: { id: number; work: Work }) => {
  readAll(work)
    .then((result): Reply => ({ id, result }))
    .catch((error: unknown): Reply => ({ id, error: error instanceof Error ? error.message : String(error) }))
    .then((reply) => parentPort?.postMessage(reply));
});

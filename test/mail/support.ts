import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MailMessage, type MailOptions, readMail } from '../../nodes/mail';

/** The bytes of a mail of the corpus. */
export function corpus(name: string): Buffer {
  return readFileSync(join(__dirname, 'corpus', `${name}.eml`));
}

/** Bytes as a socket might deliver them. */
export async function* chunks(bytes: Buffer, size = 1000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Reads a mail given as bytes, or as text a character a byte. */
export async function read(
  mail: Buffer | string,
  options: Partial<MailOptions> = {},
  size?: number,
): Promise<MailMessage> {
  const bytes = typeof mail === 'string' ? Buffer.from(mail, 'latin1') : mail;
  return (await readMail(chunks(bytes, size), { content: 'parsed', attachments: 'buffer', ...options }))
    .message;
}

/** The codes of what was wrong with a mail. */
export function problems(message: MailMessage): string[] {
  return message.mail.problems.map(({ code }) => code);
}

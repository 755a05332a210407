import { readMail } from '../mail';

/** What a person recognizes a mail by, from its bytes. @throws what reading a mail throws */
export async function senderAndSubject(raw: Buffer): Promise<{ subject: string; from: string }> {
  const bytes = (async function* () {
    yield raw;
  })();
  const { message } = await readMail(bytes, { content: 'headers', attachments: 'none' });
  return { subject: message.topic ?? '', from: message.from ?? '' };
}

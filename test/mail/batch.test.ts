// What the second thread reads is what this one reads.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { MailMessage, MailOptions } from '../../nodes/mail';
import { readBatch } from '../../nodes/mail/batch';
import { Thread } from '../../nodes/mail/thread';
import { corpus, read } from './support';

const SMALL = 128 * 1024;
const names = readdirSync(join(__dirname, 'corpus'))
  .flatMap((file) => /^(.*)\.eml$/.exec(file)?.[1] ?? [])
  .filter((name) => corpus(name).length <= SMALL);

/** A conversion that the main thread would not do itself. */
const LONG_HTML = Buffer.from(
  `Subject: long\r\nContent-Type: text/html\r\n\r\n${'<p>one <b>two</b></p>\r\n'.repeat(3000)}`,
);
const EMPTY = Buffer.alloc(0);
const WITH_IMAGE = Buffer.from(
  'Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<img src="cid:a@b">\r\n--b\r\nContent-Type: image/png; name=a.png\r\nContent-ID: <a@b>\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n--b--\r\n',
);

/** The values with their types and the order of their keys, for what two comparisons would not tell. */
function shape(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  const { name } = Object.getPrototypeOf(value)?.constructor ?? { name: 'no prototype' };
  if (value instanceof Date || Buffer.isBuffer(value)) return [name, value];
  if (value instanceof Map) return [name, [...value].map(shape)];
  return [name, Object.entries(value).map(([key, one]) => [key, shape(one)])];
}

describe('mail: read in the second thread', () => {
  const thread = new Thread(20);
  after(async () => {
    while (thread.runs) await new Promise((next) => setTimeout(next, 5));
  });

  for (const content of ['parsed', 'raw', 'both'] as const) {
    for (const attachments of ['buffer', 'none'] as const) {
      it(`the corpus is the same, ${content}, attachments ${attachments}`, async () => {
        const options: Pick<MailOptions, 'content' | 'attachments'> = { content, attachments };
        const mails = [...names.map(corpus), LONG_HTML, EMPTY, WITH_IMAGE];
        const cut = (mail: Buffer) => [mail.subarray(0, 1000), mail.subarray(1000)];
        const messages = (await readBatch(mails.map(cut), options, thread)) as MailMessage[];
        assert.equal(messages.length, mails.length);
        for (const [index, mail] of mails.entries()) {
          const expected = await read(mail, options, mail.length || 1);
          assert.deepEqual(messages[index], expected, names[index]);
          assert.deepEqual(shape(messages[index]), shape(expected), names[index]);
        }
      }).timeout(20_000);
    }
  }

  it('lost in the middle, leaves them to this one, and another does the next', async () => {
    while (thread.runs) await new Promise((next) => setTimeout(next, 5));
    const started = new Promise<Worker>((resolve) => process.once('worker', resolve));
    const lost = readBatch([[LONG_HTML]], { content: 'parsed', attachments: 'buffer' }, thread);
    await (await started).terminate();
    assert.equal(await lost, undefined);
    const [message] =
      (await readBatch([[LONG_HTML]], { content: 'parsed', attachments: 'buffer' }, thread)) ?? [];
    assert.equal(message?.topic, 'long');
  });

  it('that takes too long, leaves them to this one', async () => {
    const impatient = new Thread(20, 1);
    const mails = [[LONG_HTML]];
    assert.equal(await readBatch(mails, { content: 'parsed', attachments: 'buffer' }, impatient), undefined);
    assert.equal(mails[0]?.[0]?.length, LONG_HTML.length);
  });
});

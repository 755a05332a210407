// The bytes of a large mail are not kept where they can be had once more: it is read again when it cannot be parsed.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MailError, readMail } from '../../nodes/mail';
import { problems, read } from './support';

const HEAD = 'From: a@example.org\r\nSubject: s\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n';
const MB = 1024 * 1024;
const line = `${'x'.repeat(62)}\r\n`;
const body = line.repeat((3 * MB) / line.length);
const WITHOUT_BOUNDARY = `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n${body}`;

const bytesNeeded = (error: unknown): boolean => error instanceof MailError && error.code === 'BYTES_NEEDED';

describe('mail: a redelivered mail', () => {
  it('is read again for its bytes when it is large and cannot be parsed, and not otherwise', async () => {
    await assert.rejects(read(WITHOUT_BOUNDARY, { comesAgain: true }, 64_000), bytesNeeded);
    const again = await read(WITHOUT_BOUNDARY, {}, 64_000);
    assert.deepEqual(problems(again), ['NOT_PARSED']);
    assert.equal(again.raw?.toString('latin1'), WITHOUT_BOUNDARY);
    const text = await read(`${HEAD}\r\n${body}`, { comesAgain: true }, 64_000);
    assert.equal(text.payload, body.replaceAll('\r\n', '\n'));
    assert.equal(text.raw, undefined);
  });

  it('is never read again when it is small, or is wanted raw', async () => {
    const small = WITHOUT_BOUNDARY.slice(0, MB);
    assert.equal((await read(small, { comesAgain: true }, 64_000)).raw?.length, MB);
    for (const content of ['raw', 'both'] as const) {
      const message = await read(WITHOUT_BOUNDARY, { content, comesAgain: true }, 64_000);
      assert.equal(message.raw?.toString('latin1'), WITHOUT_BOUNDARY);
    }
  });

  it('leaves no files of the first reading', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mail-'));
    try {
      const part = `--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n${body}\r\n`;
      const inner = `--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\nnothing\r\n`;
      const mail = `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n${part}${inner}--b--\r\n`;
      const options = { attachments: 'file', directory, comesAgain: true } as const;
      await assert.rejects(read(mail, options, 64_000), bytesNeeded);
      assert.deepEqual(await readdir(directory), []);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('has its bytes let go while it is read', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    let collected = 0;
    const registry = new FinalizationRegistry(() => {
      collected++;
    });
    const chunk = Buffer.from(body).subarray(0, 64 * 1024);
    async function* source(): AsyncGenerator<Buffer> {
      yield Buffer.from(`${HEAD}\r\n`);
      for (let count = 0; count < 48; count++) {
        const one = Buffer.from(chunk);
        registry.register(one, undefined);
        yield one;
      }
      // Finalizers run in turns of their own.
      for (let turn = 0; turn < 50 && collected < 30; turn++) {
        collect();
        await new Promise(setImmediate);
      }
    }
    await readMail(source(), { content: 'parsed', attachments: 'buffer', comesAgain: true });
    assert.ok(collected >= 30, `${collected} of 48 chunks`);
  });
});

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readMail } from '../../nodes/mail';
import { Attachments } from '../../nodes/mail/attachments';
import { Parsing } from '../../nodes/mail/parse';
import { corpus, read } from './support';

/** Three attachments of 200 kB: the parser is in the midst of one when the source ends. */
const ATTACHMENT = Buffer.alloc(200_000, 'bytes').toString('base64').replace(/.{76}/g, '$&\r\n');
const MAIL = Buffer.from(
  `From: a@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${`--b\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n${ATTACHMENT}\r\n`.repeat(3)}--b\r\n\r\ntext\r\n--b--\r\n`,
);
const SIZE = 16 * 1024;

/** Files there are when the chunks before this have been read: attachments of 256 kB and more, and those complete. */
const filesIn = async (directory: string): Promise<number> => (await readdir(directory)).length;

describe('mail: given up half-way', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mail-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('passes on the very error of the source, at every chunk, and leaves no file', async () => {
    let most = 0;
    for (let good = 0; good * SIZE < MAIL.length; good++) {
      const lost = new Error('the line dropped');
      async function* source() {
        for (let i = 0; i < good; i++) yield MAIL.subarray(i * SIZE, (i + 1) * SIZE);
        most = Math.max(most, await filesIn(directory));
        throw lost;
      }
      const reading = readMail(source(), { content: 'parsed', attachments: 'file', directory });
      await assert.rejects(reading, (error) => error === lost);
      assert.deepEqual(await readdir(directory), [], `after ${good} chunks`);
    }
    // There were files to remove, finished ones and one in the making.
    assert.ok(most >= 2, `${most} files`);
  });

  it('ends with the reason of the signal, at every chunk, closes the source and leaves no file', async () => {
    let most = 0;
    for (let good = 0; good * SIZE < MAIL.length; good++) {
      const controller = new AbortController();
      const reason = new Error('closing');
      let closed = false;
      async function* source() {
        try {
          for (let i = 0; i < good; i++) yield MAIL.subarray(i * SIZE, (i + 1) * SIZE);
          most = Math.max(most, await filesIn(directory));
          controller.abort(reason);
          yield MAIL.subarray(good * SIZE);
        } finally {
          closed = true;
        }
      }
      const { signal } = controller;
      const reading = readMail(source(), { content: 'parsed', attachments: 'file', directory, signal });
      await assert.rejects(reading, (error) => error === reason);
      await new Promise(setImmediate);
      assert.ok(closed);
      assert.deepEqual(await readdir(directory), [], `after ${good} chunks`);
    }
    assert.ok(most >= 2, `${most} files`);
  });

  it('removes what was half written', async () => {
    const attachments = new Attachments('file', { directory });
    const parsing = new Parsing(attachments);
    await parsing.write(MAIL.subarray(0, 400_000));
    assert.ok((await readdir(directory)).length >= 1);
    await attachments.discard();
    assert.deepEqual(await readdir(directory), []);
  });

  it('does not wait for a source that keeps silent', async () => {
    const controller = new AbortController();
    let returned = false;
    const silent: AsyncIterable<Buffer> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          setImmediate(() => controller.abort());
          return new Promise(() => {});
        },
        return: async () => {
          returned = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const reading = readMail(silent, { content: 'parsed', attachments: 'buffer', signal: controller.signal });
    await assert.rejects(reading, { name: 'AbortError' });
    assert.ok(returned);
  });

  it('a source that fails after that ends no process', async () => {
    const controller = new AbortController();
    const closed = new Error('closed');
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', onUnhandled);
    try {
      async function* source() {
        yield MAIL.subarray(0, SIZE);
        controller.abort(closed);
        await new Promise((resolve) => setImmediate(resolve));
        throw new Error('the mail is gone');
      }
      const reading = readMail(source(), {
        content: 'parsed',
        attachments: 'none',
        signal: controller.signal,
      });
      await assert.rejects(reading, (error) => error === closed);
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(unhandled, []);
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const listener of others) process.on('unhandledRejection', listener);
    }
  });

  it('does not begin when it was given up before', async () => {
    const signal = AbortSignal.abort();
    await assert.rejects(read(MAIL, { signal }), { name: 'AbortError' });
  });

  it('reads many mails under one signal without a warning, and leaves no listener on it', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on('warning', listen);
    const { signal } = new AbortController();
    let listening = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listening++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listening--;
      remove(...args);
    };
    await Promise.all(Array.from({ length: 50 }, () => read(corpus('alternative'), { signal })));
    await new Promise(setImmediate);
    process.off('warning', listen);
    assert.deepEqual(warnings, []);
    assert.equal(listening, 0);
  });

  it('asks for the next chunk only when the files have taken the last', async () => {
    const FILES = 3;
    let open = 0;
    let most = 0;
    async function* source() {
      for (let at = 0; at < MAIL.length; at += 64 * 1024) {
        // Everything of the chunk before this one that fills a write has been written.
        open = (await readdir(directory)).length;
        most = Math.max(most, open);
        yield MAIL.subarray(at, at + 64 * 1024);
      }
    }
    await readMail(source(), { content: 'parsed', attachments: 'file', directory });
    assert.ok(most >= FILES - 1, `${most} files before the last chunk`);
  });

  it('lets the event loop go round while it works', async () => {
    let turns = 0;
    let counting = true;
    const count = () => {
      turns++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    // A text of 32 MB, all of it at hand.
    async function* source() {
      yield Buffer.from('Content-Type: text/plain\r\n\r\n');
      for (let i = 0; i < 512; i++) yield Buffer.alloc(64 * 1024, 'grüße, a line of text\r\n');
    }
    const from = process.cpuUsage();
    await readMail(source(), { content: 'parsed', attachments: 'buffer' });
    counting = false;
    const { user, system } = process.cpuUsage(from);
    const milliseconds = (user + system) / 1000;
    // On average every 50 ms of work at the least; one turn is to be no longer than ten.
    assert.ok(turns >= milliseconds / 50, `${turns} turns in ${milliseconds} ms`);
  });

  it('a mail that has been read leaves next to nothing among the old objects, also while a signal is listened to', async function () {
    this.timeout(60_000);
    const program = `
      const { getHeapSpaceStatistics } = require('node:v8');
      const { readMail } = require('./nodes/mail');
      const mail = Buffer.from('From: a@example.org\\r\\nTo: b@example.org\\r\\nSubject: s\\r\\n\\r\\n' + 'A line.\\r\\n'.repeat(400));
      const { signal } = new AbortController();
      async function* source() {
        await new Promise(setImmediate);
        yield mail;
      }
      async function read(count) {
        for (let at = 0; at < count; at += 1) {
          await readMail(source(), { content: 'parsed', attachments: 'buffer', signal });
          if (at % 10 === 0) gc({ type: 'minor' });
        }
      }
      const old = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space').space_used_size;
      read(300).then(async () => {
        gc();
        const before = old();
        await read(500);
        console.log((old() - before) / 500);
      });`;
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...['--expose-gc', '--require', 'tsx/cjs', '-e', program],
    ]);
    assert.ok(Number(stdout) < 2000, `${stdout.trim()} octets of each mail`);
  });
});

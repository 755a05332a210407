import assert from 'node:assert/strict';
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { MailError, readMail } from '../../nodes/mail';
import { Attachments } from '../../nodes/mail/attachments';
import { safeName } from '../../nodes/mail/names';
import { Parsing } from '../../nodes/mail/parse';
import { chunks, read } from './support';

function mailWith(...names: string[]): Buffer {
  const parts = names.map((name, i) => {
    const encoded = encodeURIComponent(name).replace(
      /['()*]/g,
      (char) => `%${char.charCodeAt(0).toString(16)}`,
    );
    return `--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename*=utf-8''${encoded}\r\n\r\nfile ${i}\r\n`;
  });
  return Buffer.from(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts.join('')}--b--\r\n`);
}

describe('mail: attachments as files', () => {
  let root: string;
  let directory: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'mail-'));
    directory = join(root, 'a', 'b');
  });
  afterEach(() => rm(root, { recursive: true }));

  const save = (mail: Buffer) =>
    readMail(chunks(mail), { content: 'parsed', attachments: 'file', directory });

  it('writes each to a file of its own, for the owner only, and makes the folder', async () => {
    const { message } = await save(mailWith('one.png', 'two.png'));
    for (const [i, attachment] of message.attachments.entries()) {
      assert.ok(attachment.path && !('content' in attachment));
      assert.equal(dirname(attachment.path), directory);
      assert.equal(await readFile(attachment.path, 'utf8'), `file ${i}`);
      assert.equal((await stat(attachment.path)).mode & 0o777, 0o600);
    }
    assert.deepEqual((await readdir(directory)).sort(), ['one.png', 'two.png']);
  });

  it('overwrites nothing, neither its own nor what was there', async () => {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'a.png'), 'mine');
    const first = await save(mailWith('a.png', 'a.png'));
    const second = await save(mailWith('a.png'));
    assert.equal(await readFile(join(directory, 'a.png'), 'utf8'), 'mine');
    const paths = [...first.message.attachments, ...second.message.attachments].map(
      ({ path }) => path as string,
    );
    assert.equal(new Set(paths).size, 3);
    for (const path of paths) assert.match(basename(path), /^a-.*\.png$/);
  });

  it('can be read by their owner only, or by the group where that was chosen', async () => {
    const before = process.umask(0o022);
    try {
      for (const [groupReadable, ofFile, ofFolder] of [
        [false, 0o600, 0o700],
        [true, 0o640, 0o750],
      ] as const) {
        const folder = join(root, String(groupReadable));
        const source = (async function* () {
          yield mailWith('a.png');
        })();
        const { message } = await readMail(source, {
          content: 'parsed',
          attachments: 'file',
          directory: folder,
          groupReadable,
        });
        const path = message.attachments[0]?.path as string;
        assert.equal((await stat(path)).mode & 0o777, ofFile);
        assert.equal((await stat(folder)).mode & 0o777, ofFolder);
      }
    } finally {
      process.umask(before);
    }
  });

  it('follows no link out of the folder', async () => {
    await mkdir(directory, { recursive: true });
    await writeFile(join(root, 'target'), 'untouched');
    await symlink(join(root, 'target'), join(directory, 'a.png'));
    await symlink(join(root, 'nowhere'), join(directory, 'b.png'));
    await save(mailWith('a.png', 'b.png'));
    assert.equal(await readFile(join(root, 'target'), 'utf8'), 'untouched');
    assert.deepEqual((await readdir(root)).sort(), ['a', 'target']);
  });

  it('leaves the folder by no name', async () => {
    const names = [
      '../out.png',
      '..\\out.png',
      '/etc/passwd',
      'C:\\x.png',
      '..',
      '.',
      '',
      '\0',
      'a/../../b',
      'NUL',
      'con.txt',
      '.hidden',
    ];
    const { message } = await save(mailWith(...names));
    assert.equal(message.attachments.length, names.length);
    for (const { path } of message.attachments) assert.equal(dirname(path as string), directory);
    assert.deepEqual(await readdir(root), ['a']);
    assert.deepEqual(await readdir(join(root, 'a')), ['b']);
  });

  it('makes of any name one a file can have', async () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string({ unit: fc.constantFrom('.', '/', '\\', ' ', 'a', 'é', '\u202e', '\0', ':') }),
        ),
        (name) => {
          const safe = safeName(name);
          assert.ok(!/[/\\\0:<>"|?*\u202e]/.test(safe));
          assert.ok(!/^[. ]|[. ]$/.test(safe));
          assert.ok(Buffer.byteLength(safe) <= 180);
          assert.equal(safeName(safe), safe);
        },
      ),
      { numRuns: 2000 },
    );
    assert.equal(safeName(`${'ü'.repeat(500)}.pdf`), `${'ü'.repeat(88)}.pdf`);
    assert.equal(safeName('invoice\u202efdp.exe'), 'invoice_fdp.exe');
    for (const device of ['CON', 'nul.txt', 'Com1.pdf', 'LPT¹', 'conin$', 'con .txt', 'COM1  .log', 'aux   '])
      assert.ok(safeName(device).startsWith('_'));
    assert.equal(safeName('console.log'), 'console.log');
    assert.equal(safeName('Größe 注文 (1).pdf'), 'Größe 注文 (1).pdf');
  });

  it('removes them when the mail is not delivered after all', async () => {
    const { discard } = await save(mailWith('one.png', 'two.png'));
    assert.equal((await readdir(directory)).length, 2);
    await discard();
    await discard();
    assert.deepEqual(await readdir(directory), []);
  });

  it('writes a large one in pieces, byte for byte', async () => {
    const bytes = Buffer.alloc(3_000_000, 'attachment');
    const mail = `Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n${bytes.toString('base64').replace(/.{76}/g, '$&\r\n')}`;
    const { message } = await save(Buffer.from(mail));
    assert.deepEqual(await readFile(message.attachments[0]?.path as string), bytes);
  });

  it('wants a folder', async () => {
    const options = { content: 'parsed', attachments: 'file' } as const;
    await assert.rejects(readMail(chunks(mailWith('a')), options), {
      name: 'MailError',
      code: 'CONFIG',
      retryable: false,
    });
    // Where nothing is written none is needed.
    await readMail(chunks(mailWith('a')), { ...options, content: 'raw' });
  });

  it('says when the folder cannot be written, and leaves nothing', async () => {
    await mkdir(join(root, 'a'));
    await writeFile(directory, 'a file');
    let closed = false;
    async function* source() {
      try {
        yield* chunks(mailWith('a.png', 'b.png'), 10);
        // More than the parser takes ahead.
        for (let i = 0; i < 100; i++) yield Buffer.alloc(64 * 1024);
      } finally {
        closed = true;
      }
    }
    await assert.rejects(
      readMail(source(), { content: 'parsed', attachments: 'file', directory }),
      (error) => {
        assert.ok(error instanceof MailError);
        assert.deepEqual([error.code, error.retryable], ['STORE', true]);
        assert.match(error.message, new RegExp(directory));
        assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOTDIR');
        return true;
      },
    );
    assert.ok(closed);
  });

  it('says when the disk is full, and leaves nothing', async function () {
    // Every write to this device fails like one to a full disk.
    const full = await stat('/dev/full').catch(() => undefined);
    if (!full) return this.skip();
    const openFull = () => open('/dev/full', 'w');
    const parsing = new Parsing(new Attachments('file', { directory }, openFull));
    const reading = async () => {
      await parsing.write(mailWith('a.png'));
      await parsing.end();
    };
    await assert.rejects(reading(), (error) => {
      assert.ok(error instanceof MailError);
      assert.equal(error.code, 'STORE');
      assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOSPC');
      return true;
    });
  });

  it('keeps what is beyond a limit in a file of its own', async () => {
    const nested = Array.from(
      { length: 3000 },
      (_, i) => `Content-Type: multipart/mixed; boundary=c${i}_\r\n\r\n--c${i}_\r\n`,
    ).join('');
    const part = '--b\r\nContent-Type: image/png; name=a.png\r\n\r\nfile\r\n';
    const message = await read(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${part}--b\r\n${nested}`, {
      attachments: 'file',
      directory,
    });
    assert.ok(message.mail.problems.some(({ code }) => code === 'TOO_DEEP'));
    assert.deepEqual(
      message.attachments.map(({ fileName }) => fileName),
      ['a.png', 'attachment.bin'],
    );
    assert.deepEqual(await readdir(directory), ['a.png', 'attachment.bin']);
    assert.ok((message.attachments[1]?.size ?? 0) > nested.length * 0.9);
  });

  it('cannot write where it may not', async function () {
    if (process.getuid?.() === 0) return this.skip();
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o500);
    await assert.rejects(save(mailWith('a.png')), { code: 'STORE' });
  });
});

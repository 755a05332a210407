import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { convertedByMailparser, runConversion } from '../../nodes/mail/conversion';
import { Converter } from '../../nodes/mail/convert';
import { Thread } from '../../nodes/mail/thread';
import { corpus, problems, read } from './support';

const run = promisify(execFile);
const ROOT = resolve(__dirname, '..', '..');

const PARAGRAPH = '<p>one <b>two</b> &amp; three</p>\n';
const CONVERTED = 'one two & three';

function htmlOf(size: number): string {
  return PARAGRAPH.repeat(Math.ceil(size / PARAGRAPH.length));
}

describe('mail: HTML and text', () => {
  /** The turns the event loop made while something went on. */
  async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
    let turns = 0;
    let counting = true;
    const count = () => {
      turns++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    await work();
    counting = false;
    return turns;
  }

  async function ended(thread: Thread): Promise<void> {
    while (thread.runs) await new Promise((next) => setTimeout(next, 5));
  }

  it('converts what is short in this thread', async () => {
    const thread = new Thread();
    const converter = new Converter(thread);
    assert.deepEqual(await converter.convert('html-to-text', PARAGRAPH), {
      output: CONVERTED,
      shortened: false,
    });
    assert.deepEqual(await converter.convert('text-to-html', 'see https://example.org\n<now>'), {
      output: '<p>see <a href="https://example.org">https://example.org</a><br/>&lt;now&gt;</p>',
      shortened: false,
    });
    assert.equal(thread.runs, false);
  });

  it('converts what is long in one second thread, in turn, and ends it when there is nothing to do', async () => {
    const thread = new Thread(20);
    const converter = new Converter(thread);
    const html = htmlOf(40_000);
    const text = 'a line\n'.repeat(10_000);
    const [one, two, three] = await Promise.all([
      converter.convert('html-to-text', html),
      converter.convert('text-to-html', text),
      converter.convert('html-to-text', `${html}<p>last</p>`),
    ]);
    assert.ok(thread.runs);
    assert.equal(one.output.split('\n\n').length, html.split('\n').length - 1);
    assert.equal(two.output, `<p>${'a line<br/>'.repeat(10_000).replace(/<br\/>$/, '')}</p>`);
    assert.ok(three.output.endsWith('last'));
    await ended(thread);
    // And starts another when there is.
    assert.deepEqual(await converter.convert('html-to-text', html), one);
    await ended(thread);
  });

  it('gives up what takes too long, and goes on with the next', async () => {
    const thread = new Thread(20, 1);
    const converter = new Converter(thread);
    const [slow, next] = await Promise.allSettled([
      converter.convert('html-to-text', htmlOf(400_000)),
      converter.convert('html-to-text', htmlOf(400_000)),
    ]);
    for (const result of [slow, next]) {
      assert.equal(result?.status, 'rejected');
      assert.match((result as PromiseRejectedResult).reason.message, /took longer than/);
    }
    assert.equal((await converter.convert('html-to-text', PARAGRAPH)).output, CONVERTED);
    await ended(thread);
  });

  it('leaves the event loop alone meanwhile', async () => {
    const thread = new Thread(20);
    const converter = new Converter(thread);
    await converter.convert('html-to-text', htmlOf(40_000));
    // In this thread it would be a handful.
    const turns = await turnsDuring(() => converter.convert('html-to-text', htmlOf(500_000)));
    assert.ok(turns > 200, `${turns} turns`);
    await ended(thread);
  });

  it('converts the first 512 kB of a longer HTML, cut before a tag, and says so', async () => {
    const message = await read(`Content-Type: text/html\r\n\r\n${htmlOf(2_000_000)}`, {}, 64_000);
    assert.ok(problems(message).includes('TEXT_SHORTENED'));
    assert.equal(message.html?.length, htmlOf(2_000_000).length);
    const paragraphs = message.payload.split('\n\n');
    assert.ok(paragraphs.length > 14_900 && paragraphs.length - 1 <= (512 * 1024) / PARAGRAPH.length);
    assert.deepEqual(new Set(paragraphs.slice(0, -1)), new Set([CONVERTED]));
  }).timeout(20_000);

  it('shows the first 512 kB of a longer text in the HTML beside it, and says so', async () => {
    const text = 'a line of text\n'.repeat(50_000);
    const message = await read(
      `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n${text}\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>end</p>\r\n--b--`,
      {},
      64_000,
    );
    assert.ok(problems(message).includes('HTML_SHORTENED'));
    assert.equal(message.payload, `${text}\nend`);
    assert.ok(message.html?.endsWith('<p>end</p>'));
    assert.ok((message.html?.length ?? 0) < text.length * 1.2);
  }).timeout(20_000);

  it('makes the same text of HTML as mailparser does', async () => {
    const heard = (text: Promise<string>) => text.catch((error: Error) => error);
    const same = async (html: string) => {
      const [ours, theirs] = await Promise.all(
        [runConversion('html-to-text', html), convertedByMailparser(html)].map(heard),
      );
      assert.deepEqual(ours, theirs, html.slice(0, 200));
    };
    let compared = 0;
    for (const file of (await readdir(join(__dirname, 'corpus'))).filter((name) => name.endsWith('.eml'))) {
      const { html } = await read(corpus(file.slice(0, -'.eml'.length)));
      if (html === undefined) continue;
      await same(html);
      compared++;
    }
    assert.ok(compared >= 5, `${compared} mails`);
    for (const tags of ['<b>', '<div>', '<table><tr><td>', '<li>', '<p>', '<br>', '<ul><li>']) {
      for (const count of [1, 400, 999, 1000, 1001, 1100]) await same(`${tags.repeat(count)}x`);
    }
    const piece = fc.oneof(
      fc.constantFrom(
        '<p>one',
        '</p>',
        '<b>',
        '</b>',
        '<table><tr><td>cell',
        '</table>',
        '<pre>  a\n b ',
        '</pre>',
        '<a href="https://example.org/?a=1&amp;b">there</a>',
        '<img src="cid:a" alt="a cat">',
        '<ul><li>first<li>second</ul>',
        '<!-- hidden -->',
        '<style>p { color: red }</style>',
        '<h1>Grüße 🎉</h1>',
        '&nbsp;&lt;&eacute;&#8364;',
        '<blockquote>said',
        '<br/>',
        '\n',
        '<',
        '>',
      ),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join('')),
        same,
      ),
      { numRuns: 300 },
    );
  }).timeout(60_000);

  it('tears no character apart where it cuts', async () => {
    const thread = new Thread(20);
    const converter = new Converter(thread);
    const { output } = await converter.convert('html-to-text', `x${'🎉'.repeat(300_000)}`);
    assert.ok(output.length > 500_000 && /^x(🎉|\s)+$/u.test(output));
    await ended(thread);
  }).timeout(20_000);

  it('keeps HTML no text can be made of, short or long, and says why', async () => {
    for (const depth of [2_000, 20_000]) {
      const html = '<div>'.repeat(depth);
      const message = await read(`Content-Type: text/html\r\n\r\n${html}`, {}, 64_000);
      assert.equal(message.payload, '');
      assert.equal(message.html, html);
      assert.match(message.mail.problems.at(-1)?.text ?? '', /nested deeper/);
      assert.ok(problems(message).includes('TEXT_NOT_CONVERTED'));
    }
  });

  it('works as it is shipped, and lets the process end', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mail-'));
    try {
      const config = join(directory, 'tsconfig.json');
      await writeFile(
        config,
        JSON.stringify({
          extends: join(ROOT, 'tsconfig.json'),
          compilerOptions: {
            noEmit: false,
            rootDir: ROOT,
            outDir: directory,
            types: ['node'],
            typeRoots: [join(ROOT, 'node_modules', '@types')],
          },
          include: [join(ROOT, 'nodes', 'mail')],
        }),
      );
      await run(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', config]);
      await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
      await writeFile(
        join(directory, 'main.js'),
        `const { readMail } = require('./nodes/mail');
         async function* source() { yield Buffer.from('Content-Type: text/html\\r\\n\\r\\n' + ${JSON.stringify(PARAGRAPH)}.repeat(3000)); }
         readMail(source(), { content: 'parsed', attachments: 'buffer' }).then(({ message }) => {
           console.log(message.payload.split('\\n\\n').length, Object.keys(require.cache).some((file) => file.includes('tsx')));
         });`,
      );
      const started = performance.now();
      const { stdout } = await run(process.execPath, [join(directory, 'main.js')]);
      assert.equal(stdout.trim(), '3000 false');
      // The thread would stay for ten seconds if it kept the process alive.
      assert.ok(performance.now() - started < 9_000);
    } finally {
      await rm(directory, { recursive: true });
    }
  }).timeout(60_000);
});

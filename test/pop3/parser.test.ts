import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeLine } from '../../nodes/pop3/charset';
import { ReplyParser } from '../../nodes/pop3/parser';

interface Reply {
  line: string;
  data?: Buffer;
}

/** What a parser makes of bytes that come in these pieces; `multi` says which status lines a body follows. */
function parse(pieces: Buffer[], multi: (line: string) => boolean) {
  const replies: Reply[] = [];
  let open: Reply | undefined;
  let parts: Buffer[] = [];
  let broken = false;
  const parser = new ReplyParser(
    {
      statusLine: (line) => {
        open = { line };
        parts = [];
        return multi(line);
      },
      data: (bytes) => parts.push(bytes),
      end: () => {
        const reply = open as Reply;
        if (multi(reply.line)) reply.data = Buffer.concat(parts);
        replies.push(reply);
        open = undefined;
      },
      broken: () => {
        broken = true;
      },
    },
    1024,
  );
  for (const piece of pieces) parser.feed(piece);
  return { replies, unfinished: open ? { ...open, data: Buffer.concat(parts) } : undefined, broken, parser };
}

function cut(bytes: Buffer, at: number[]): Buffer[] {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const pieces: Buffer[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    if (place > from) pieces.push(bytes.subarray(from, place));
    from = place;
  }
  return pieces;
}

/** RFC 1939 section 3 the simple way, on the whole text at once. */
function expected(text: string, end: '\r\n' | '\n', multi: (line: string) => boolean): Reply[] {
  const replies: Reply[] = [];
  const lines = text.split(end);
  for (let at = 0; at < lines.length - 1; at += 1) {
    const line = lines[at] as string;
    if (line.trim() === '') continue;
    const clean = end === '\n' ? line.replace(/\r$/, '') : line;
    if (!multi(clean)) {
      replies.push({ line: clean });
      continue;
    }
    const body: string[] = [];
    let closed = false;
    for (at += 1; at < lines.length - 1; at += 1) {
      const next = lines[at] as string;
      if (next === '.' || (end === '\n' && next === '.\r')) {
        closed = true;
        break;
      }
      body.push((next.startsWith('.') ? next.slice(1) : next) + end);
    }
    if (closed) replies.push({ line: clean, data: Buffer.from(body.join(''), 'latin1') });
  }
  return replies;
}

const isMulti = (line: string) => line.startsWith('+');
const RUNS = Number(process.env.POP3_FUZZ ?? 100_000);
const SEED = Number(process.env.POP3_SEED ?? Date.now() % 2 ** 31);

/** Pieces of text that mean something, and a few that mean nothing. */
const token = fc.constantFrom(
  '\r',
  '\n',
  '.',
  '\r\n',
  '\r\n.',
  '\r\n.\r\n',
  '.\r\n',
  '\n.\n',
  '+OK\r\n',
  '-ERR no\r\n',
  'a',
  ' ',
  '\0',
  '\xff',
  '\xc3\xa9'.slice(0, 1),
);
const noise = fc.array(token, { maxLength: 24 }).map((tokens) => tokens.join(''));

describe('pop3/parser', () => {
  it('lets nothing but CRLF "." CRLF end a reply on a CRLF server', () => {
    const body = 'x\n.\n+OK forged\r\n\r.\r\n.\r+OK\r\n.\n-ERR\r\n..\r\n';
    const { replies } = parse([Buffer.from(`+OK hi\r\n.\r\n+OK\r\n${body}.\r\n-ERR after\r\n`)], isMulti);
    assert.equal(replies.length, 3);
    assert.equal(replies[1]?.data?.toString(), 'x\n.\n+OK forged\r\n\r.\r\n\r+OK\r\n\n-ERR\r\n.\r\n');
    assert.equal(replies[2]?.line, '-ERR after');
  });

  it('takes LF for a line end only from a server that greets with it', () => {
    const { replies, parser } = parse([Buffer.from('+OK hi\n.\n+OK\na\n..b\n.\n-ERR x\n')], isMulti);
    assert.equal(parser.lineMode, 'lf');
    assert.deepEqual(replies[1]?.data?.toString(), 'a\n.b\n');
    assert.equal(replies[2]?.line, '-ERR x');
  });

  it('gives up on a status line without end', () => {
    const { broken } = parse(Array(40).fill(Buffer.alloc(64, 'a')), isMulti);
    assert.ok(broken);
  });

  it('hands out a mail that came in one piece as one piece, however many dots it holds', () => {
    let calls = 0;
    const parser = new ReplyParser(
      { statusLine: () => true, data: () => calls++, end: () => {}, broken: () => {} },
      1024,
    );
    parser.feed(Buffer.from(`+OK\r\n${'..\r\n'.repeat(1000)}.\r\n`));
    assert.equal(calls, 1);
  });

  it('takes a megabyte on one line for what it is', () => {
    const line = Buffer.alloc(2 ** 20, 'x');
    const { replies } = parse([Buffer.from('+OK\r\n'), line, Buffer.from('\r\n.\r\n')], isMulti);
    assert.equal(replies[0]?.data?.length, 2 ** 20 + 2);
  });

  for (const [name, end] of [
    ['CRLF', '\r\n'],
    ['LF', '\n'],
  ] as const) {
    it(`reads whatever a ${name} server says as RFC 1939 has it, however it is cut (${RUNS / 2} cases, POP3_FUZZ)`, function () {
      this.timeout(RUNS * 2 + 60_000);
      const property = fc.property(noise, fc.array(fc.nat(400), { maxLength: 8 }), (text, places) => {
        const whole = `-ERR hello${end}${text}`;
        const { replies, broken } = parse(cut(Buffer.from(whole, 'latin1'), places), isMulti);
        assert.ok(!broken);
        const got = replies.map(({ line, data }) => ({ line, data: data?.toString('latin1') }));
        const want = expected(whole, end, isMulti).map(({ line, data }) => ({
          line: decodeLine(Buffer.from(line, 'latin1')),
          data: data?.toString('latin1'),
        }));
        assert.deepEqual(got, want);
      });
      fc.assert(property, { numRuns: Math.ceil(RUNS / 2), seed: SEED });
    });
  }
  after(() => console.log(`    POP3_SEED=${SEED}`));
});
